"""Passes over a traced list of nodes, (prim, ins, outs, attrs) -> the same meaning in fewer nodes. Each is optional.

What may be folded is a fact of the primitives (`epilogue`, `decay`), never a list in here. A pass keeps every bit.
"""
from .blocks import in_blocks, made_again, users
from .primitive import REGISTRY


def fold_epilogues(nodes, outputs):
    """matmul, add of a bias row, relu -> dense(act="relu"): the result is finished while it is in registers."""
    count, maker, gone, kept = users(nodes, outputs), {}, set(), []
    for node in nodes:
        prim, ins, outs, attrs = node
        how = prim.extra.get("epilogue")
        how = how(attrs) if callable(how) else how           # one that has attributes of its own
        before = how and [(k, maker[id(t)]) for k, t in enumerate(ins) if id(t) in maker and count[id(t)] == 1]
        for k, at in before or ():
            made = kept[at][0].extra.get("fold", lambda *_: None)(kept[at], how, [t for j, t in enumerate(ins) if j != k], outs)
            if made is not None and len(made[1]) == len(kept[at][1]):       # reads nothing more: it stays where its other results are made
                kept[at], node = made, None
                maker.update((id(t), at) for t in made[2])
                break
            if made is not None and _undisturbed(kept[at + 1:], made[1]):
                gone.add(at)
                node = made
                break
        if node is not None:
            maker.update((id(t), len(kept)) for t in node[2])
            kept.append(node)
    return [n for k, n in enumerate(kept) if k not in gone]


def fold_decay(nodes, outputs):
    """g + s w, then an update of w by it -> the update takes s itself: no pass over memory for weight decay or L2."""
    count, maker, gone, kept = users(nodes, outputs), {}, set(), []
    for node in nodes:
        prim, ins, outs, attrs = node
        where = prim.extra.get("decay")                     # the position of the gradient among the inputs
        if where is not None and len(ins) == prim.extra["plain"]:
            w, g = ins[0], ins[where]
            total = maker.get(id(g))
            if total is not None and count[id(g)] == 1 and kept[total][0] is REGISTRY["add"]:
                for a, b in (kept[total][1], kept[total][1][::-1]):
                    term = maker.get(id(b))
                    if (term is None or count[id(b)] != 1 or kept[term][0] is not REGISTRY["mul"] or a.shape != w.shape
                            or not any(t is w for t in kept[term][1])):
                        continue
                    s = next((t for t in kept[term][1] if t is not w), None)
                    if s is None or s.size != 1 or not _undisturbed(kept[term + 1:], (w, s)):
                        continue
                    node = (prim, ins[:where] + (a,) + ins[where + 1:] + (s,), outs, attrs)
                    gone |= {total, term}
                    break
        maker.update((id(t), len(kept)) for t in node[2])
        kept.append(node)
    return [n for k, n in enumerate(kept) if k not in gone]


def fold_gates(nodes, outputs):
    """The gradient of an activation, then that of what made its argument -> the second, which finds itself what passed (`gate`)."""
    count, maker, gone, kept = users(nodes, outputs), {}, set(), []
    for node in nodes:
        prim, ins, outs, attrs = node
        how, at = prim.extra.get("gate"), maker.get(id(ins[0])) if ins else None
        if how is not None and at is not None and count[id(ins[0])] == 1 and len(kept[at][1]) == 2 and id(kept[at][1][1]) in maker:
            made = how(node, kept[at], kept[maker[id(kept[at][1][1])]])
            if made is not None and _undisturbed(kept[at + 1:], made[1]):
                gone.add(at)
                node = made
        maker.update((id(t), len(kept)) for t in node[2])
        kept.append(node)
    return [n for k, n in enumerate(kept) if k not in gone]


def _undisturbed(nodes, tensors):
    """No node of these writes one of the tensors."""
    written = {id(ins[k]) for prim, ins, _, _ in nodes if prim.updates is not None for k in prim.updates}
    return not any(id(t) in written for t in tensors)


def split_up(nodes, outputs):
    """A node whose primitive names its steps (`split`) -> these steps, which may belong to different runs."""
    return [n for node in nodes for n in node[0].extra.get("split", lambda *n: [n])(*node)]


PASSES = [fold_epilogues, fold_decay, fold_gates, split_up, in_blocks, made_again]


def rewrite(nodes, outputs, passes=None):
    for p in PASSES if passes is None else passes:
        nodes = p(nodes, outputs)
    return nodes
