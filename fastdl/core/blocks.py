"""Runs of nodes that treat every row of a batch alike, done a block of rows at a time: one thread takes a block through all
of them, and what passes from node to node lies in memory of that thread which its cache holds.

Which inputs go row by row is a fact of the primitives (`rows`); that a block of rows has the bits of the batch is their law.
"""
import numpy as np

from . import native
from .primitive import Prepared, Scratch
from .tensor import Tensor

CACHE = 1 << 20                 # bytes that a block may keep warm: an L2 of today
SLOTS = 16                      # FD_MAX_P of fd.h


def itemsize(dtype):
    return np.dtype(dtype).itemsize


def nbytes(t):
    return t.size * itemsize(t.dtype)


def users(nodes, outputs):
    """id of a tensor -> how many nodes (and results) read it."""
    count = {}
    for _, ins, _, _ in nodes:
        for t in ins:
            count[id(t)] = count.get(id(t), 0) + 1
    for t in outputs:
        count[id(t)] = count.get(id(t), 0) + 1
    return count


def first_fit(lives):
    """({key: offset}, bytes in all) of lives (begin, end, key, bytes): each at the lowest place that is free all its life."""
    offset, live, peak = {}, [], 0
    for begin, end, key, n in sorted(lives, key=lambda v: (v[0], -v[3])):
        live = [v for v in live if v[1] >= begin]
        at = 0
        for place, width in sorted((offset[v[0]], v[2]) for v in live):
            if at + n <= place:
                break
            at = max(at, place + width)
        offset[key] = at
        peak = max(peak, at + n)
        live.append((key, end, n))
    return offset, peak


def rows_of(node):
    """The positions of the inputs whose rows make the rows of the outputs; None where there are none, or no kernel."""
    prim, ins, outs, attrs = node
    how = prim.extra.get("rows")
    if how is None or not outs[0].ndim or not prim.native(ins, [(o.shape, o.dtype) for o in outs], attrs):
        return None
    at = how(ins, attrs) if callable(how) else how
    return at if at and all(t.ndim and t.shape[0] == outs[0].shape[0] for t in (*outs, *[ins[k] for k in at])) else None


class Run:
    """What stands in a plan for the nodes of a run: their calls for `n` rows, behind a call that repeats them."""
    alias, updates, reuse, extra = None, None, (), {}

    def __init__(self, nodes, inside, n):
        self.nodes, self.inside, self.n = nodes, inside, n
        self.total = nodes[0][2][0].shape[0]
        self.name = f"{n} of {self.total} rows"

    def native(self, *_):
        return True

    def calls(self, *_):
        whole = self.total // self.n * self.n
        yield from self._block(self.n, whole // self.n, 0)
        if whole < self.total:
            yield from self._block(self.total - whole, 1, whole)

    def _block(self, n, blocks, done):
        part, batch, ready, lives, members = {}, {}, set(), {}, []

        def cut(t):
            if id(t) not in part:
                part[id(t)] = Tensor(None, (n, *t.shape[1:]), t.dtype)
                batch[id(part[id(t)])] = t
            return part[id(t)]

        threads = native.get_threads()
        native.set_threads(1)                                # a member is one thread's: scratch for one
        try:
            for k, node in enumerate(self.nodes):
                prim, ins, outs, attrs = node
                at = rows_of(node)
                mine = [cut(t) if j in at else t for j, t in enumerate(ins)]
                for row in prim.calls(*map(cut, outs), *mine, **attrs):
                    if isinstance(row[1][0], Prepared) and not any(id(t) in batch for t in row[2]):
                        ready.update(map(id, row[1]))        # of weights alone: once, before
                        yield row
                        continue
                    members.append((row, prim.name))
                    for t in (*row[1], *row[2]):
                        if id(t) in batch and id(batch[id(t)]) in self.inside or isinstance(t, Scratch) and id(t) not in ready:
                            lives[id(t)] = (lives.get(id(t), (k,))[0], k, id(t), (nbytes(t) + 63) // 64 * 64)
        finally:
            native.set_threads(threads)
        offset, size = first_fit(lives.values())
        own, where, placed = Scratch(threads * size // 4), np.zeros((len(members), SLOTS, 2), "int64"), []
        for m, (row, name) in enumerate(members):
            slots = []
            for j, t in enumerate((*row[1], *row[2])):
                if id(t) in offset:
                    where[m, j] = offset[id(t)], -1
                    t = own
                elif id(t) in batch:
                    t = batch[id(t)]
                    each = nbytes(t) // self.total
                    where[m, j] = done * each, n * each
                slots.append(t)
            outs = len(row[1])
            placed.append(((row[0], slots[:outs], slots[outs:], *row[3:]), name, [t for t in row[1] if not isinstance(t, Scratch)]))
        yield "chain", [own], [Tensor(where)], [len(members), blocks, size], (), placed


def size_of(rows, each):
    """Rows of a block: what the cache holds (`each` bytes a row) and the threads share evenly; None: leave it as it is."""
    threads = native.get_threads()
    took = lambda n: -(-(rows // n) // threads) * n + rows % n           # rows that the busiest thread does
    n = min(range(max(1, min(CACHE // each, rows // 2)), 0, -1), key=took)
    return n if n < rows and rows * each > 2 * threads * CACHE and took(n) * threads <= 1.1 * rows else None


def in_blocks(nodes, outputs):
    """Nodes in a row that go row by row -> one Run, where the cache does not hold what passes between them."""
    made, run, count = [], [], users(nodes, outputs)

    def close():
        uses = users([node for node, _ in run], ())
        inside = {id(o) for node, _ in run for o in node[2] if uses.get(id(o)) == count.get(id(o))}
        n = inside and size_of(run[0][0][2][0].shape[0], max(each for _, each in run))
        if n:
            pick = lambda tensors, out: tuple({id(t): t for t in tensors if id(t) not in inside and (out or id(t) not in own)}.values())
            own = {id(o) for node, _ in run for o in node[2]}
            nodes = [node for node, _ in run]
            made.append((Run(nodes, inside, n), pick([t for node in nodes for t in node[1]], False),
                         pick([t for node in nodes for t in node[2]], True), {}))
        else:
            made.extend(node for node, _ in run)
        run.clear()

    for node in nodes:
        at = rows_of(node)
        if at is not None:
            _, ins, outs, _ = node
            rows, weights = outs[0].shape[0], [t for k, t in enumerate(ins) if k not in at]
            each = sum(map(nbytes, (*outs, *[ins[k] for k in at]))) // rows
            if run and (run[0][0][2][0].shape[0] != rows or any(t is o for other, _ in run for o in other[2] for t in weights)):
                close()
            if sum(map(nbytes, weights)) <= each:            # else blocks would read weights more than they save
                run.append((node, each))
                continue
        if node[0].updates is not None or any(t is o for other, _ in run for o in other[2] for t in node[1]):
            close()
        made.append(node)                                    # what has nothing to do with a run goes before it
    close()
    return made
