"""Nested structures: dicts, lists, tuples and the leaves between them (None is a leaf)."""


def is_nested(structure):
    return isinstance(structure, (dict, list, tuple))


def _rebuild(structure, items):
    if hasattr(structure, "_fields"):
        return type(structure)(*items)
    return type(structure)(items)


def flatten(structure):
    """The leaves, depth first; a dict gives its values in the order of its keys sorted as text."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure, key=str) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    return [structure]


def map_structure(func, *structures, none_is_leaf=True):
    """The same structure with func(leaf, ...) in place of each leaf; none_is_leaf=False leaves None as it is."""
    structure, *others = structures
    if not none_is_leaf:
        return map_structure(lambda *leaves: None if leaves[0] is None else func(*leaves), *structures)
    if isinstance(structure, dict):
        return {key: map_structure(func, structure[key], *(o[key] for o in others)) for key in structure}
    if isinstance(structure, (list, tuple)):
        return _rebuild(structure, [map_structure(func, *items) for items in zip(structure, *others)])
    return func(structure, *others)


def pack_sequence_as(structure, flat_sequence):
    """The inverse of flatten: the leaves, in the shape of `structure`."""
    leaves = list(flat_sequence)
    wanted = len(flatten(structure))
    if len(leaves) != wanted:
        raise ValueError(f"Got {len(leaves)} leaves for a structure of {wanted}: they must be equal in number.")
    remaining = iter(leaves)

    def build(node):
        if isinstance(node, dict):
            made = {key: build(node[key]) for key in sorted(node, key=str)}
            return {key: made[key] for key in node}
        if isinstance(node, (list, tuple)):
            return _rebuild(node, [build(item) for item in node])
        return next(remaining)

    return build(structure)


def assert_same_structure(a, b):
    """Raise ValueError where the two structures differ."""
    if type(a) is not type(b) and (is_nested(a) or is_nested(b)):
        raise ValueError(f"The structures differ: {type(a).__name__} against {type(b).__name__}.")
    if isinstance(a, dict):
        if set(a) != set(b):
            raise ValueError(f"The structures differ: keys {sorted(a)} against {sorted(b)}.")
        for key in a:
            assert_same_structure(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        if len(a) != len(b):
            raise ValueError(f"The structures differ: {len(a)} items against {len(b)}.")
        for x, y in zip(a, b):
            assert_same_structure(x, y)
