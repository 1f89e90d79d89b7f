"""Runs of nodes that treat every row of a batch alike, done a block of rows at a time: one thread takes a block through all
of them, and what passes from node to node lies in memory of that thread which its cache holds.

Which inputs go row by row is a fact of the primitives (`rows`); that a block of rows has the bits of the batch is their law.
A sum over the rows takes part too: groups of rows (`gather`) leave a part each, and the parts are joined after the run.
Where all nodes treat every pixel alike (`pixels`), a block is of pixels."""
import bisect
import math

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
    offset, live, peak = {}, [], 0                       # live: (place, bytes, end), by place
    for begin, end, key, n in sorted(lives, key=lambda v: (v[0], -v[3])):
        live = [v for v in live if v[2] >= begin]
        at = 0
        for place, width, _ in live:
            if at + n <= place:
                break
            at = max(at, place + width)
        offset[key] = at
        peak = max(peak, at + n)
        bisect.insort(live, (at, n, end))
    return offset, peak


def rows_of(node):
    """The positions of the inputs whose rows make the rows of the outputs; None where there are none, or no kernel."""
    prim, ins, outs, attrs = node
    how = prim.extra.get("rows")
    if how is None or not outs[0].ndim or not prim.native(ins, [(o.shape, o.dtype) for o in outs], attrs):
        return None
    at = how(ins, attrs) if callable(how) else how
    return at if at and all(t.ndim and t.shape[0] == outs[0].shape[0] for t in (*outs, *[ins[k] for k in at])) else None


def gathers_of(node):
    """(positions of the inputs that go row by row, pixels of a group, how the calls of some groups are told of it) of a sum
    over rows, whose first call (but for what prepares weights) makes a part of every group; None for any other node."""
    prim, ins, outs, attrs = node
    how = prim.extra.get("gather")
    if how is None or not prim.native(ins, [(o.shape, o.dtype) for o in outs], attrs):
        return None
    return how(ins, attrs)


def pixelwise(node, at):
    """Does the node treat every pixel alike?"""
    prim, ins, outs, attrs = node
    how = prim.extra.get("pixels", False)
    return (how(ins, attrs) if callable(how) else how) and all(ins[k].shape[:-1] == ins[at[0]].shape[:-1] for k in at)


def pixels_of(t):
    return math.prod(t.shape[1:-1])


class Run:
    """What stands in a plan for the nodes of a run: their calls for `n` rows, behind a call that repeats them; then what
    joins the parts of sums over rows."""
    alias, updates, reuse, extra = None, None, (), {}

    def __init__(self, nodes, inside, total, n, pixels):
        self.nodes, self.inside, self.total, self.n, self.pixels = nodes, inside, total, n, pixels
        self.name = f"{n} of {total} {'pixels' if pixels else 'rows'}"

    def native(self, *_):
        return True

    def node(self):
        """The run as a node of a plan: what it reads, and what it makes that others read."""
        made = {id(t): t for _, _, outs, _ in self.nodes for t in outs}
        read = {id(t): t for _, ins, _, _ in self.nodes for t in ins if id(t) not in made}
        return self, tuple(read.values()), tuple(t for i, t in made.items() if i not in self.inside), {}

    def repeat(self, node):
        """Make the one result of a node of another run here too, for the nodes that read it."""
        prim, ins, (y,), attrs = node
        own = Tensor(None, y.shape, y.dtype)
        first = next(k for k, other in enumerate(self.nodes) if any(t is y for t in other[1]))
        self.nodes = [(p, tuple(own if t is y else t for t in i), o, a) for p, i, o, a in self.nodes]
        self.nodes.insert(first, (prim, ins, (own,), attrs))
        self.inside.add(id(own))

    def calls(self, *_):
        whole = self.total // self.n * self.n
        joins = {k: _parts_on(prim.calls(*outs, *ins, **attrs)) for k, (prim, ins, outs, attrs) in enumerate(self.nodes) if gathers_of(self.nodes[k])}
        yield from self._block(self.n, whole // self.n, 0, joins)
        if whole < self.total:
            yield from self._block(self.total - whole, 1, whole, joins)
        for rows in joins.values():
            yield from rows[1:]

    def _block(self, n, blocks, done, joins):
        part, batch, ready, parts, lives, members = {}, {}, set(), {}, {}, []

        def cut(t):
            if id(t) not in part:
                shape = (1, n, *(1,) * (t.ndim - 3), t.shape[-1]) if self.pixels else (n, *t.shape[1:])
                part[id(t)] = Tensor(None, shape, t.dtype)
                batch[id(part[id(t)])] = t
            return part[id(t)]

        threads = native.get_threads()
        native.set_threads(1)                                # a member is one thread's: scratch for one
        try:
            for k, node in enumerate(self.nodes):
                prim, ins, outs, attrs = node
                at, group, how = gathers_of(node) if k in joins else (rows_of(node), None, None)
                mine = [cut(t) if j in at else t for j, t in enumerate(ins)]
                if group:
                    group = group if self.pixels else max(1, group // pixels_of(ins[at[0]]))
                    rows = list(prim.calls(*outs, *mine, **attrs, **how))
                    own, of = _parts_on(rows)[0][1][0], joins[k][0][1][0]
                    rows = rows[:len(rows) + 1 - len(_parts_on(rows))]
                    parts[id(own)] = of, done // group * (nbytes(of) // -(-self.total // group)), nbytes(own)
                else:
                    rows = prim.calls(*map(cut, outs), *mine, **attrs)
                for row in rows:
                    if isinstance(row[1][0], Prepared) and not any(id(t) in batch for t in row[2]):
                        ready.update(map(id, row[1]))        # of weights alone: once, before
                        yield row
                        continue
                    members.append((row, prim.name))
                    for t in (*row[1], *row[2]):
                        if (id(t) in batch and id(batch[id(t)]) in self.inside
                                or isinstance(t, Scratch) and id(t) not in ready and id(t) not in parts):
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
                elif id(t) in parts:
                    t, *where[m, j] = parts[id(t)]
                elif id(t) in batch:
                    t = batch[id(t)]
                    each = nbytes(t) // self.total
                    where[m, j] = done * each, n * each
                slots.append(t)
            outs = len(row[1])
            placed.append(((row[0], slots[:outs], slots[outs:], *row[3:]), name, [t for t in row[1] if not isinstance(t, Scratch)]))
        yield "chain", [own], [Tensor(where)], [len(members), blocks, size], (), placed


def _parts_on(rows):
    """The calls of a sum from that on which makes the parts: before it come only those that prepare weights."""
    rows = list(rows)
    return rows[next(k for k, row in enumerate(rows) if not isinstance(row[1][0], Prepared)):]


def size_of(rows, each, group=1):
    """Rows of a block: what the cache holds (`each` bytes a row) and the threads share evenly; None: leave it as it is."""
    threads = native.get_threads()
    took = lambda n: -(-(rows // n) // threads) * n + rows % n           # rows that the busiest thread does
    most = max(group, min(CACHE // each, rows // 2) // group * group)
    n = min(range(most, 0, -group * max(1, most // group // 64)), key=took)
    return n if n < rows and rows * each > 2 * threads * CACHE and took(n) * threads <= 1.1 * rows else None


class Candidate:
    """A node that could be part of a run: `at` tells which inputs go by rows, `lead` is the first of these, `each` are the
    bytes that one row touches; a sum over rows takes `group` pixels at a time, which are `images` rows."""

    def __init__(self, node, sums):
        _, ins, outs, _ = self.node = node
        self.sums, (self.at, self.group, _) = sums is not None, sums or (rows_of(node), 1, None)
        self.lead = None if self.at is None else ins[self.at[0]]
        if self.lead is not None:
            self.each = sum(map(nbytes, (*(() if sums else outs), *[ins[k] for k in self.at]))) // self.lead.shape[0]
            self.images = max(1, self.group // pixels_of(self.lead))
            self.weights = [t for k, t in enumerate(ins) if k not in self.at]

    def light(self):
        """Do blocks save more than they cost in weights (and parts of sums) that all of them touch?"""
        return sum(map(nbytes, (*self.weights, *(self.node[2] if self.sums else ())))) <= self.each * self.images

    def fits(self, run):
        """Does a block of whole groups of all fit into the cache?"""
        together = math.lcm(*[c.images for c in (self, *run)])
        return together == 1 or together * max(c.each for c in (self, *run)) <= 2 * CACHE


def in_blocks(nodes, outputs):
    """Nodes in a row that go row by row -> one Run, where the cache does not hold what passes between them.

    What a run does not need goes before it, what needs the run goes after it."""
    made, run, late, count = [], [], [], users(nodes, outputs)
    after, whole = set(), set()                              # what the run and those after it make; of that, what is there only then

    def needs(tensors, ids):
        return any(id(t) in ids for t in tensors)

    def close():
        nodes = [c.node for c in run]
        own, uses = {id(o) for node in nodes for o in node[2]}, users(nodes, ())
        inside = {o for o in own - whole if uses.get(o) == count.get(o)}
        total, each, deep = run[0].lead.shape[0], max(c.each for c in run), pixels_of(run[0].lead)
        pixels = 2 * each > CACHE and all(pixelwise(c.node, c.at) and pixels_of(c.lead) == deep for c in run)
        if pixels:
            total, each = total * deep, -(-each // deep)
        n = any(o in uses for o in own) and size_of(total, each, math.lcm(*[c.group if pixels else c.images for c in run]))
        made.extend([Run(nodes, inside, total, n, pixels).node()] if n else nodes)
        made.extend(late)
        run.clear(), late.clear(), after.clear(), whole.clear()

    for node in nodes:
        prim, ins, outs, _ = node
        c = Candidate(node, gathers_of(node))
        if c.lead is not None:
            if run and (run[0].lead.shape[0] != c.lead.shape[0] or needs(c.weights, after) or needs(ins, whole)
                        or not c.sums and not c.fits(run)):
                close()
            if c.light() and (not c.sums or c.fits(run)):
                run.append(c)
                after.update(map(id, outs))
                whole.update(map(id, outs if c.sums else ()))
                continue
        changed = {id(ins[k]) for k in prim.updates or ()}
        if needs(ins, after) or any(needs(other[1], changed) for other in (*[r.node for r in run], *late)):
            if changed:
                close()
                made.append(node)
            else:
                late.append(node)
                after.update(map(id, outs))
                whole.update(map(id, outs))
        else:
            made.append(node)
    if run:
        close()
    return made


def made_again(nodes, outputs):
    """What is quick to make (`again`), of tensors that are kept anyway, and read in other runs only: every run makes its own,
    a block at a time, and none goes to memory."""
    nodes = list(nodes)
    readers = {}
    for k, (_, ins, _, _) in enumerate(nodes):
        for t in ins:
            readers.setdefault(id(t), []).append(k)
    fixed = {id(t) for t in outputs}
    for k, (run, _, outs, _) in enumerate(nodes):
        for node in run.nodes if isinstance(run, Run) else ():
            prim, ins, (y, *_), attrs = node
            where = readers.get(id(y), [])
            if not prim.extra.get("again") or id(y) in run.inside or id(y) in fixed or not where or any(id(t) in run.inside for t in ins):
                continue
            kept = all(max(readers[id(ins[j])]) >= where[-1] for j in rows_of(node))
            written = {id(other[1][j]) for other in nodes[k:where[-1]] for j in other[0].updates or ()}
            if not kept or any(id(t) in written for t in ins) or not all(isinstance(nodes[j][0], Run) for j in where):
                continue
            run.inside.add(id(y))
            for j in where:
                nodes[j][0].repeat(node)
    return [node[0].node() if isinstance(node[0], Run) else node for node in nodes]
