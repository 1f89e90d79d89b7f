"""Plan: a traced list of nodes -> lifetimes -> offsets in one arena -> an array of calls that C runs in one go.

A node that no kernel serves becomes a host step (NumPy) and splits the array; dense, float32 models have none.
"""
import threading
from operator import attrgetter
from time import perf_counter

import numpy as np

from . import native
from .blocks import first_fit, nbytes
from .modes import share
from .primitive import Prepared, Scratch
from .rewrite import rewrite
from .tensor import Variable, aligned

version_of = attrgetter("version")


class Arena:
    """One block of memory that the plans of one or several functions share, each while it runs; it only grows."""

    def __init__(self):
        self.block, self.lock = aligned(0), threading.RLock()

    def take(self, nbytes):
        if self.block.nbytes < nbytes:
            try:
                self.block = aligned(nbytes + nbytes // 8)       # the next plan wants a little more; what is not touched costs nothing
            except MemoryError:
                raise MemoryError(f"a plan needs {nbytes / 2**20:.0f} MiB for its temporaries: use a smaller batch_size") from None
        return self.block


class Plan:
    """What to run, in order. `inputs` and `outputs` are the traced tensors that change address between runs."""

    def __init__(self, nodes, inputs, outputs, arena=None, passes=None):
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.nodes = rewrite(self._live(nodes), self.outputs, passes)
        self.arena = arena or Arena()
        self._place()
        self._compile()

    def _live(self, nodes):
        """Drop nodes whose results nobody reads; updates stay."""
        wanted, kept = {id(t) for t in self.outputs}, []
        for node in reversed(nodes):
            prim, ins, outs, _ = node
            if prim.updates is not None or any(id(o) in wanted for o in outs):
                wanted.update(map(id, ins))
                kept.append(node)
        return kept[::-1]

    def _place(self):
        """Roots (whose memory a tensor lives in), lifetimes of roots, offsets of arena roots, the externals' numbers."""
        self.root, self.native, self.views, last = {}, [], {}, {}
        root = self.root
        for k, (prim, ins, outs, attrs) in enumerate(self.nodes):
            self.native.append(prim.native(ins, [(o.shape, o.dtype) for o in outs], attrs))
            for t in ins:
                last[id(t)] = k
            if prim.alias is not None and self.native[k]:
                self.views.setdefault(id(ins[prim.alias]), []).append(id(outs[0]))
        end = len(self.nodes)
        for t in self.outputs:
            last[id(t)] = end
        self.tensors = {id(t): t for t in self.inputs + self.outputs}
        for _, ins, outs, _ in self.nodes:
            for t in (*ins, *outs):
                self.tensors[id(t)] = t
        fixed = {i for i, t in self.tensors.items() if t._a is not None} | {id(t) for t in self.inputs}
        first, final, size = {}, {}, {}
        for k, (prim, ins, outs, attrs) in enumerate(self.nodes):
            for j, o in enumerate(outs):
                r = id(o)
                if self.native[k] and prim.alias is not None:
                    r = root.get(id(ins[prim.alias]), id(ins[prim.alias]))
                elif self.native[k]:
                    for m in prim.reuse:
                        q = root.get(id(ins[m]), id(ins[m]))
                        if (j == 0 and q not in fixed and final.get(q, end) <= k and size.get(q) == nbytes(o)
                                and all(m == n or root.get(id(x), id(x)) != q for n, x in enumerate(ins))):
                            r = q
                            break
                root[id(o)] = r
                if r not in fixed:
                    first.setdefault(r, k)
                    size[r] = max(size.get(r, 0), nbytes(o))
                    final[r] = max(final.get(r, k), self._last(id(o), last, k))
        self.fixed, self.size = fixed, size
        escaping = [root.get(id(t), id(t)) for t in self.outputs]
        self.external = {id(t): k for k, t in enumerate(self.inputs)}
        self.fresh = []                        # (external number, output position): made anew for every run
        for k, r in enumerate(escaping):
            if r not in fixed and r not in self.external and nbytes(self.outputs[k]) == size[r]:
                self.external[r] = len(self.inputs) + len(self.fresh)
                self.fresh.append((self.external[r], k))
        self.all_fresh = bool(self.fresh) and [k for _, k in self.fresh] == list(range(len(self.outputs)))
        self._offsets(first, final)

    def _last(self, i, last, k):
        """The last reader of a tensor, through views of it as well."""
        return max([last.get(i, k)] + [self._last(o, last, k) for o in self.views.get(i, ())])

    def _offsets(self, first, final):
        """A place in the arena for every root and all scratch; which calls there are, and which are made ahead and kept."""
        lives = [(first[r], final[r], r, (self.size[r] + 63) // 64 * 64) for r in first if r not in self.external]
        self.scratch, self.kept, seen = {}, [], set()
        written = [node[1][m] for node in self.nodes for m in node[0].updates or ()]
        self.written = [t for t in written if isinstance(t, Variable)]
        changing = {id(t) for t in written}
        for k, node in enumerate(self.nodes):
            if self.native[k] and node[0].alias is None:
                outs = [node[1][m] for m in node[0].updates] if node[0].updates is not None else list(node[2])
                rows = [row for row in node[0].calls(*outs, *node[1], **node[3]) if not self._keep(row, changing)]
                self.scratch[k] = rows
                for x in [x for row in rows for r in (row, *[m[0] for m in row[5:] and row[5]]) for x in r[1] if isinstance(x, Scratch)]:
                    if id(x) not in seen:
                        lives.append((k, k, id(x), (x.size * 4 + 63) // 64 * 64))
                        seen.add(id(x))
        self.depends, self.seen = list({id(t): t for ins, _, _ in self.kept for t in ins}.values()), None
        self.offset, self.peak = first_fit(lives)
        self.lifetimes = [(v[0], v[1], self.offset[v[2]], v[3]) for v in lives]     # first, last node, offset, bytes

    def _keep(self, row, changing):
        """What is made of weights that this plan does not change: made once, and again when one was assigned."""
        kernel, outs, ins, ints, doubles = *row[:4], tuple(row[4]) if len(row) > 4 else ()
        if not isinstance(outs[0], Prepared) or any(not isinstance(t, Variable) or id(t) in changing for t in ins):
            return False
        key = kernel, *ints, *doubles, *map(id, ins[1:])                 # the entry holds these inputs, so ids last
        entry = ins[0].prepared.setdefault(key, [None, aligned(4 * outs[0].size).view("float32"), ins[1:]])
        outs[0]._a, self.tensors[id(outs[0])] = entry[1], outs[0]
        nt = min(native.get_threads(), share(kernel, outs, ins, ints))
        call = (native.KERNELS[kernel], tuple(native.address(a) for a in (entry[1], *[t._a for t in ins])), tuple(map(int, ints)),
                tuple(map(float, doubles)), nt, 0, [])
        self.kept.append((ins, entry, native.Program([call], nt, 0)))
        return True

    def _address(self, t):
        """(address, None) of fixed and arena memory, (0, external number) of what is bound at each run."""
        r = self.root.get(id(t), id(t))
        if r in self.external:
            return 0, self.external[r]
        if r in self.offset:
            return self.base + self.offset[r], None
        return native.address(self.tensors.get(r, t)._a), None

    def _compile(self):
        self.block = self.arena.take(self.peak)
        self.base = native.address(self.block)
        self.steps, self.table, rows = [], [], []
        threads = native.get_threads()
        written, read = ([], []), ([], [])    # (start, end) since the last barrier: by several threads, by one

        def met():
            for spans in (*written, *read):
                spans.clear()

        def flush():
            if rows:
                team = max(row[4] for row in rows)
                self.steps.append(native.Program(list(rows), team, len(self.inputs) + len(self.fresh)))
                rows.clear()
            met()

        for k, (prim, ins, outs, attrs) in enumerate(self.nodes):
            if not self.native[k]:
                flush()
                self.steps.append(HostStep(self, prim, ins, outs, attrs))
                self.table.append((prim.name, "host", list(outs), 1))
                continue
            if prim.alias is not None:
                continue
            for row in self.scratch[k]:
                members = row[5] if len(row) > 5 else []
                made = [self._row(r) for r in (row, *[m[0] for m in members])]
                nt = min(threads, share(*row[:4]))
                spans = [{s for m in made for s in m[n]} for n in (0, 1)]
                before = [(s[0] + s[1] if nt > 1 else s[0]) for s in (written, read)]         # one thread follows itself
                if (any(a < d and c < b for a, b in spans[0] for s in before for c, d in s)
                        or any(a < d and c < b for a, b in spans[1] for c, d in before[0])):
                    rows[-1] = rows[-1][:5] + (1,) + rows[-1][6:]
                    met()
                written[nt == 1].extend(spans[0])
                read[nt == 1].extend(spans[1])
                rows += [(*m[2], nt if m is made[0] else 0, 0, m[3]) for m in made]      # members (nt 0) run inside the first
                self.table.append((row[0], prim.name, [x for x in row[1] if not isinstance(x, Scratch)], nt))
                self.table += [("  " + m[0][0], *m[1:], 1) for m in members]
        flush()
        self.programs = [s for s in self.steps if isinstance(s, native.Program)]
        if self.steps == self.programs and len(self.steps) == 1:
            self.run = self.steps[0].run

    def _row(self, row):
        """(spans written, spans read, what the struct holds, the slots of externals) of a call."""
        kernel, o, i, ints = row[:4]
        pointers, slots, spans = [], [], ([], [])
        for slot, t in enumerate((*o, *i)):
            address, external = self._address(t)
            pointers.append(address)
            key = -(external + 1) << 48 if external is not None else address
            spans[slot >= len(o)].append((key, key + max(1, nbytes(t))))
            if external is not None:
                slots.append((slot, external))
        doubles = row[4] if len(row) > 4 else ()
        return *spans, (native.KERNELS[kernel], tuple(pointers), tuple(map(int, ints)), tuple(map(float, doubles))), slots

    def bind(self, arrays):
        """Take the memory of the inputs (contiguous arrays of the traced shapes) and make that of fresh outputs."""
        arrays = list(arrays)
        for _, k in self.fresh:
            arrays.append(np.empty(self.outputs[k].shape, self.outputs[k].dtype))
        self.arrays = arrays
        for p in self.programs:
            p.bind(arrays)
        self._wrote()
        now = native.isa_era(), sum(map(version_of, self.depends))         # versions only grow
        if self.kept and now != self.seen:
            for ins, entry, program in self.kept:
                stamp = native.isa_era(), *map(version_of, ins)
                if entry[0] != stamp:
                    program.bind([])
                    program.run()
                    entry[0] = stamp
            self.seen = now

    def _wrote(self):
        for t in self.written:
            t.version += 1

    def run(self):
        """Everything, in order. Where every node has a kernel, this is one call into C that creates no object."""
        for s in self.steps:
            s.run()

    def results(self):
        """The output arrays; copies of what lies in the arena, a variable or an input."""
        arrays, self.arrays = self.arrays, None
        self._wrote()
        if self.all_fresh:
            return arrays[-len(self.outputs):]
        made = {k: arrays[n] for n, k in self.fresh}
        return [made[k] if k in made else self._copy(t, arrays) for k, t in enumerate(self.outputs)]

    def view(self, t, arrays=None):
        """The array where a tensor lives: bound memory, the arena, or its own."""
        r = self.root.get(id(t), id(t))
        if r in self.external:
            a = (self.arrays if arrays is None else arrays)[self.external[r]]
        elif r in self.offset:
            at = self.offset[r]
            a = self.block[at:at + nbytes(t)].view(t.dtype)
        else:
            a = self.tensors[r]._a
        return a.reshape(t.shape)

    def _copy(self, t, arrays):
        return self.view(t, arrays).copy()

    def profile(self, repeats=20):
        """Median microseconds of every call of the last-bound inputs. Updates are made: use it on a model to throw away."""
        rounds = []
        for _ in range(repeats):
            spent = []
            for s in self.steps:
                start = perf_counter()
                spent += s.time() if isinstance(s, native.Program) else [s.run() or perf_counter() - start]
            rounds.append(spent)
        return [round(1e6 * v, 1) for v in np.median(rounds, axis=0)]

    def summary(self, print_fn=print, times=None):
        """Every call: index, kernel, primitive, output shapes, arena offset, bytes, threads (and times: see profile)."""
        lines = [f"Plan: {len(self.table)} calls, {len(self.steps)} step(s), arena {self.peak:,} bytes"]
        for k, (kernel, name, outs, nt) in enumerate(self.table):
            shapes = " ".join(str(o.shape) for o in outs)
            at = self.offset.get(self.root.get(id(outs[0]), id(outs[0]))) if outs else None
            lines.append(f"{k:4d}  {kernel:<22} {name:<20} {shapes:<32} {'-' if at is None else '@' + str(at):>10} "
                         f"{sum(map(nbytes, outs)):>12,} B  x{nt}" + (f" {times[k]:>9.1f} us" if times else ""))
        print_fn("\n".join(lines))


class HostStep:
    """A node that no kernel serves, run by NumPy between two programs."""

    def __init__(self, plan, prim, ins, outs, attrs):
        self.plan, self.prim, self.ins, self.attrs = plan, prim, ins, attrs
        self.outs = [ins[m] for m in prim.updates] if prim.updates is not None else outs

    def run(self):
        with np.errstate(all="ignore"):
            made = self.prim.run_ref([self.plan.view(t) for t in self.ins], self.attrs)
        for t, a in zip(self.outs, made):
            self.plan.view(t)[...] = a
