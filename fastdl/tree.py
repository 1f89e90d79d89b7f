"""keras.tree: nested dicts, lists and tuples, and the leaves between them (None is a leaf)."""
from fastdl.utils.tree import _rebuild, assert_same_structure as _same, flatten, is_nested, map_structure, pack_sequence_as  # noqa: F401


class _MapToNone:
    def __repr__(self):
        return "MAP_TO_NONE"


MAP_TO_NONE = _MapToNone()


def _items(node):
    return [(k, node[k]) for k in sorted(node, key=str)] if isinstance(node, dict) else list(enumerate(node))


def flatten_with_path(structure):
    """[(path, leaf)]

    >>> flatten_with_path({"a": [1, 2]})
    [(('a', 0), 1), (('a', 1), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, node in _items(structure) for path, leaf in flatten_with_path(node)]


def assert_same_structure(a, b, check_types=None):
    """Raise ValueError where the two structures differ."""
    _same(a, b)


def assert_same_paths(a, b):
    """Raise ValueError unless the leaves lie at the same paths; the kinds of containers may differ."""
    one, two = ([p for p, _ in flatten_with_path(s)] for s in (a, b))
    if sorted(map(str, one)) != sorted(map(str, two)):
        raise ValueError(f"The structures have other paths: {one} against {two}.")


def map_structure_up_to(shallow_structure, func, *structures):
    """func on the parts that lie where `shallow_structure` has its leaves."""
    if not is_nested(shallow_structure):
        return func(*structures)
    made = {k: map_structure_up_to(node, func, *(s[k] for s in structures)) for k, node in _items(shallow_structure)}
    if isinstance(shallow_structure, dict):
        return {k: made[k] for k in shallow_structure}
    return _rebuild(shallow_structure, list(made.values()))


def map_shape_structure(func, structure):
    """func on every shape: a tuple or list of whole numbers and None."""
    if isinstance(structure, (list, tuple)) and all(s is None or isinstance(s, int) for s in structure):
        return func(tuple(structure))
    if isinstance(structure, dict):
        return {k: map_shape_structure(func, v) for k, v in structure.items()}
    if is_nested(structure):
        return _rebuild(structure, [map_shape_structure(func, v) for v in structure])
    raise ValueError(f"Cannot map the shapes of {type(structure).__name__}: wanted dicts, lists and tuples of shapes.")


def traverse(func, structure, top_down=True):
    """A new structure with func(node) wherever it is not None (MAP_TO_NONE gives None), parents before children or after."""
    def answer(value):
        return None if value is MAP_TO_NONE else value

    if top_down:
        made = func(structure)
        if made is not None:
            return answer(made)
    if is_nested(structure):
        parts = {k: traverse(func, node, top_down) for k, node in _items(structure)}
        structure = {k: parts[k] for k in structure} if isinstance(structure, dict) else _rebuild(structure, list(parts.values()))
    if not top_down:
        made = func(structure)
        return structure if made is None else answer(made)
    return structure


def lists_to_tuples(structure):
    """Every list becomes a tuple."""
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, top_down=False)
