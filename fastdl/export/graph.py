"""A model's inference as a list of primitives, in which sizes that vary (the batch) are told from sizes that are fixed.

The model is traced two or three times with different sizes where a shape says None. What is equal in all traces is
fixed; what differs must follow from the sizes of the inputs, or the export says which layer makes it impossible.
"""
import itertools

import numpy as np

from fastdl import ops
from fastdl.core import modes
from fastdl.core.modes import Trace, reading
from fastdl.core.primitive import REGISTRY
from fastdl.core.tensor import Tensor, Variable, name_of
from fastdl.layers.layer import Layer
from fastdl.layers.scopes import _stack
from fastdl.primitives import elementwise, linalg, loss, movement, reduce
from fastdl.primitives.attention import LOW
from fastdl.ops.symbolic import flatten, pack_like

# Sizes for None: the batch, then one for every other axis of every input, in each trace. The last trace has odd sizes, to find
# what depends on evenness; a model that fails on it (skip connections want even images) is judged by the first two.
BATCH = 13, 17, 19
PRIMES = [p for p in range(3, 200) if all(p % d for d in range(2, p))]
SIZES = ([64 * p for p in PRIMES], [64 * p for p in PRIMES[2:] + [211, 223]],
         [p for p in range(301, 1500) if all(p % d for d in range(2, 40))])


class ExportError(ValueError):
    """This model, or this part of it, cannot be said in the format asked for."""


class Value:
    """One tensor of the graph: its shape in every trace, and its array where it is a weight or a constant."""

    def __init__(self, shapes, dtype, array=None, path=None, trainable=False):
        self.shapes, self.dtype, self.array, self.path, self.trainable = tuple(shapes), dtype, array, path, trainable

    shape = property(lambda self: self.shapes[0])
    ndim = property(lambda self: len(self.shapes[0]))
    known = property(lambda self: self.array is not None)

    def sizes(self, axis):
        """The size along an axis, in every trace."""
        return tuple(s[axis] for s in self.shapes)


class Step:
    """One primitive of the graph; `varying` holds the attributes that differ between the traces."""

    def __init__(self, name, ins, outs, attrs, varying, layers):
        self.name, self.ins, self.outs, self.attrs, self.varying, self.layers = name, list(ins), list(outs), attrs, varying, layers

    def where(self):
        """'layer "x" (Class)', the innermost one, for messages."""
        return f"layer '{self.layers[-1][0]}' ({self.layers[-1][1]})" if self.layers else "the model"

    def refuse(self, why):
        return ExportError(f"The {self.where()} cannot be exported: {why}" if self.layers else f"The model cannot be exported: {why}")


# ---------------------------------------------------------------- kernels that do several steps, in steps that other formats have
def _attention(q, k, v, *mask, scale, causal=False):
    turned = [movement.transpose(t, axes=(0, 2, 1, 3)) for t in (q, k, v)]
    if q.shape[2] != k.shape[2]:
        turned[1:] = [ops.repeat(t, q.shape[2] // k.shape[2], axis=1) for t in turned[1:]]
    scores = elementwise.mul(linalg.matmul(turned[0], turned[1], tb=True), scale)
    if causal:
        mask = [ops.less_equal(ops.reshape(movement.iota(n=k.shape[1]), (1, -1)), ops.reshape(movement.iota(n=q.shape[1]), (-1, 1)))]
    if mask:
        scores = elementwise.where(mask[0], scores, elementwise.mul(ops.ones_like(scores), LOW))
    y = movement.transpose(linalg.matmul(loss.softmax(scores), turned[2]), axes=(0, 2, 1, 3))
    return y, ops.zeros((*scores.shape[:3], 2))


def _rms_norm(x, gamma, *, epsilon):
    square = reduce.mean(elementwise.square(x), axis=(x.ndim - 1,), keepdims=True)
    return elementwise.mul(elementwise.mul(x, elementwise.rsqrt(elementwise.add(square, epsilon))), gamma),


def _resample(x, w, at, *, axis):
    """As a product with a matrix: row i of it holds w[i] from column at[i] on."""
    (rows, taps), w, at = w.shape, w.numpy(), at.numpy()
    matrix = np.zeros((x.shape[axis], rows), "float32")
    for t in range(taps):
        matrix[at + t, np.arange(rows)] += w[:, t]
    return ops.moveaxis(linalg.matmul(ops.moveaxis(x, axis, -1), Tensor(matrix)), -1, axis),


SPELLED = dict(attention=_attention, rms_norm=_rms_norm, resample=_resample,
               relu6=lambda x: (elementwise.clip(x, lo=0.0, hi=6.0),))


class Recorder(Trace):
    """A trace that notes which layers were active at every node, and which variables were assigned."""

    def __init__(self):
        super().__init__()
        self.owners, self.kept, self.keys = [], [], []

    def run(self, prim, ins, attrs):
        if prim.name in SPELLED:
            return SPELLED[prim.name](*ins, **attrs)
        before = len(self.nodes)
        outs = super().run(prim, ins, attrs)
        self.kept.append((ins, outs))                          # alive, so that no id is used twice
        if len(self.nodes) > before:
            self.owners.append(tuple((c.entry.name, type(c.entry).__name__) for c in _stack("calls") if isinstance(c.entry, Layer)))
        return outs

    def loop(self, step, inputs, states, mask, reverse, zero_output):
        """Write a loop over time down as one node, its body traced once: (x_t, states, output before) -> (states, output)."""
        xs, carried = flatten(inputs), flatten(states)
        batch, shaped = xs[0].shape[0], lambda tensors, cut: [Tensor(None, t.shape[:1] + t.shape[1 + cut:], t.dtype) for t in tensors]
        with reading(Trace()):
            ys = flatten(step(pack_like(inputs, shaped(xs, 1)), pack_like(states, shaped(carried, 0)))[0])
        before = [ops.zeros(y.shape, dtype=y.dtype) for y in ys]
        ins = [shaped(xs, 1), shaped([mask] if mask is not None else [], 1), shaped(carried, 0), shaped(before, 0)]
        body = Recorder()
        with reading(body):
            y, new = step(pack_like(inputs, ins[0]), pack_like(states, ins[2]))
            y_leaves, new = flatten(y), flatten(new)
            if mask is not None:
                choose = lambda a, b: ops.where(ops.reshape(ins[1][0], (batch,) + (1,) * (a.ndim - 1)), a, b)
                y_leaves = [choose(a, ops.zeros_like(a) if zero_output else b) for a, b in zip(y_leaves, ins[3])]
                new = [choose(a, b) for a, b in zip(new, ins[2])]
        body.made = [t for part in ins for t in part], [*new, *y_leaves]
        outer = [*xs, *([mask] if mask is not None else []), *carried, *before]
        like = lambda t, *more: Tensor(None, t.shape[:1] + more + t.shape[1:], t.dtype)
        outs = tuple([like(t, xs[0].shape[1]) for t in y_leaves] + [like(t) for t in body.made[1]])
        self.nodes.append((LOOP, tuple(outer), outs, dict(body=body, reverse=bool(reverse), scanned=len(ins[0]) + len(ins[1]))))
        self.owners.append(tuple((c.entry.name, type(c.entry).__name__) for c in _stack("calls") if isinstance(c.entry, Layer)))
        n, k = len(ys), len(carried)
        return pack_like(y, list(outs[n + k:])), pack_like(y, list(outs[:n])), pack_like(states, list(outs[n:n + k]))

    def used(self):
        """The ids of all tensors that nodes take, also inside loops."""
        return {i for node, _ in zip(self.nodes, self.owners) for i in _taken(node)}


class _Loop:
    name, updates = "loop", None


LOOP = _Loop()


def _taken(node):
    ids = {id(t) for t in node[1]}
    return ids | node[3]["body"].used() | {id(t) for t in node[3]["body"].made[1]} if node[0] is LOOP else ids


class Body:
    """What a loop does once: ins are what it scans, then its states; outs the states, of which the last are the output."""

    def __init__(self, ins, outs, steps):
        self.ins, self.outs, self.steps = ins, outs, steps


class Size:
    """times * (the product of some sizes of values) / over, a size that is known when the model runs."""

    def __init__(self, factors, times=1, over=1):
        self.factors, self.times, self.over = factors, times, over


class Graph:
    """inputs, outputs: Values; steps in the order of execution; names of both ends; notes: what was left out."""

    def __init__(self, inputs, outputs, steps, input_names, output_names, notes, pack):
        self.inputs, self.outputs, self.steps, self.notes = inputs, outputs, steps, notes
        self.input_names, self.output_names = input_names, output_names
        self.pack = pack                                          # pack(leaves): what the model is called with

    def size(self, sizes, near=()):
        """An int, a Size that gives these numbers in every trace, or None."""
        if len(set(sizes)) == 1:
            return sizes[0]
        found = [(v, a) for v in (*near, *self.inputs) if not v.known for a in range(v.ndim) if len(set(v.sizes(a))) > 1]
        for count in (1, 2, 3):
            for factors in itertools.combinations(found, count):
                have = [int(np.prod([v.sizes(a)[k] for v, a in factors])) for k in range(len(sizes))]
                if all(s == h for s, h in zip(sizes, have)):
                    return Size(factors)
        for count in (1, 2, 3):
            for factors in itertools.combinations(found, count):
                have = [int(np.prod([v.sizes(a)[k] for v, a in factors])) for k in range(len(sizes))]
                if have[0] and sizes[0] % have[0] == 0 and all(s == h * (sizes[0] // have[0]) for s, h in zip(sizes, have)):
                    return Size(factors, times=sizes[0] // have[0])
                if sizes[0] and have[0] % sizes[0] == 0 and all(s == h // (have[0] // sizes[0]) for s, h in zip(sizes, have)):
                    return Size(factors, over=have[0] // sizes[0])
        return None

    def users(self):
        """{value: [(step, place among its inputs)]}, also inside loops."""
        found = {}
        for block in self.blocks():
            for step in block.steps:
                for k, v in enumerate(step.ins):
                    found.setdefault(v, []).append((step, k))
        return found

    def blocks(self):
        """The graph and the bodies of its loops."""
        todo = [self]
        for block in todo:
            yield block
            todo += [s.attrs["body"] for s in block.steps if s.name == "loop"]

    def ends(self):
        """All values that leave the graph or a loop's body."""
        return {v for block in self.blocks() for v in (self.outputs if block is self else block.outs)}


# ---------------------------------------------------------------- signatures
def signature_of(model, given):
    """[(name, shape, dtype)] of the inputs, and pack(leaves), from the model's graph or from input_signature."""
    if given is None and hasattr(model, "input_names"):
        structure = model.input
        return [(n, tuple(t.shape), t.dtype) for n, t in zip(model.input_names, model.inputs)], lambda leaves: pack_like(structure, leaves)
    if given is None:
        given = model.__dict__.get("_build_shape")
        if given is not None:
            nested = isinstance(given, (list, tuple)) and given and isinstance(given[0], (list, tuple))
            given = [(None, *s[1:]) for s in (given if nested else [given])]
    if given is None:
        raise ExportError(f"The model '{model.name}' has not seen data yet, so its inputs are unknown. Fix: call it on a batch first, or "
                          "pass input_signature=[a batch of each input, or a shape such as (None, 28, 28)].")
    plain = isinstance(given, (tuple, list)) and given and all(s is None or isinstance(s, int) for s in given)
    leaves = [given] if plain or hasattr(given, "shape") else list(given)
    made = []
    for k, x in enumerate(leaves):
        shape, dtype = tuple(x.shape if hasattr(x, "shape") else x), getattr(x, "dtype", None) or "float32"
        dtype = dtype if isinstance(dtype, str) else name_of(np.dtype(dtype))
        if isinstance(x, (np.ndarray, Tensor)):                # a batch: any number of such samples may come later
            shape, dtype = (None, *shape[1:]), {"float64": "float32", "int64": "int32"}.get(dtype, dtype)
        made.append((getattr(x, "name", None) or (f"input_{k + 1}" if len(leaves) > 1 else "input"), shape, dtype))
    return made, lambda leaves: leaves[0] if len(leaves) == 1 else list(leaves)


# ---------------------------------------------------------------- tracing
def _run(model, signature, pack, which, apart):
    def size(k, axis):
        return SIZES[which][axis + 3 * k * apart] if axis else BATCH[which]

    tensors = [Tensor(None, [size(k, a) if s is None else s for a, s in enumerate(shape)], dtype)
               for k, (_, shape, dtype) in enumerate(signature)]
    with reading(Recorder()) as recorder:
        made = model(pack(tensors), training=False)
        out = flatten(made)
    needed, kept = {id(t) for t in out}, []
    for node, owner in zip(reversed(recorder.nodes), reversed(recorder.owners)):
        prim, ins, outs, _ = node
        if prim.updates is not None or any(id(t) in needed for t in outs):
            needed.update(_taken(node) if prim.updates is None else ())
            kept.append((node, owner))
    recorder.nodes, recorder.owners = [n for n, _ in kept[::-1]], [o for _, o in kept[::-1]]
    recorder.keys = sorted(made, key=str) if isinstance(made, dict) and len(made) == len(out) else []
    return recorder, tensors, out


def trace(model, input_signature=None):
    """The Graph of model(inputs, training=False)."""
    signature, pack = signature_of(model, input_signature)
    free = [k for k, (_, shape, _) in enumerate(signature) if None in shape[1:]]
    if not any(None in shape for _, shape, _ in signature):
        runs = [_run(model, signature, pack, 0, False)]
    else:
        try:                                                   # every axis of every input has a size of its own, if the model allows it
            apart = 1 < len(free) and len(signature) < 10
            runs = [_run(model, signature, pack, k, apart) for k in (0, 1)]
        except Exception:
            apart = False
            try:
                runs = [_run(model, signature, pack, k, apart) for k in (0, 1)]
            except Exception as error:
                raise ExportError(f"The model cannot be exported for inputs of any size: {str(error).rstrip('.')}. Fix: give the axes "
                                  "sizes in Input(shape=...), or pass input_signature=[(batch, ...)].") from error
        try:
            runs.append(_run(model, signature, pack, 2, apart))
        except Exception:
            pass
    names = [str(k) for k in runs[0][0].keys] or list(getattr(model, "output_names", ()))
    return _aligned(runs, [n for n, _, _ in signature], names, pack)


def _aligned(runs, input_names, output_names, pack):
    aligned = _Aligned([{} for _ in runs])
    inputs = aligned.new(zip(*[t for _, t, _ in runs]))
    steps = aligned.steps([r for r, _, _ in runs])
    outputs = [aligned.known(list(tensors), steps, ()) for tensors in zip(*[o for _, _, o in runs])]
    if len(output_names) != len(outputs):
        output_names = [f"output_{k + 1}" if len(outputs) > 1 else "output" for k in range(len(outputs))]
    return Graph(inputs, outputs, steps, input_names, output_names, aligned.notes, pack)


class _Aligned:
    """The same program traced with different sizes, node by node; tables: {id of a tensor: its Value} of every trace."""

    def __init__(self, tables):
        self.tables, self.notes = tables, []

    def new(self, rows):
        """Values for tensors that are met for the first time."""
        made = []
        for tensors in rows:
            made.append(Value([t.shape for t in tensors], tensors[0].dtype))
            for table, t in zip(self.tables, tensors):
                table[id(t)] = made[-1]
        return made

    def known(self, tensors, steps, layers):
        for table, t in zip(self.tables, tensors):
            if id(t) in table:
                return table[id(t)]
        first = tensors[0]
        if isinstance(first, Variable):
            made = Value([first.shape] * len(tensors), first.dtype, first.numpy(), first.path, first.trainable)
        else:
            made = _constant([t.numpy() for t in tensors], steps, layers)
        for table, t in zip(self.tables, tensors):
            table[id(t)] = made
        return made

    def steps(self, recorders):
        names, steps = [[(n[0].name, len(n[1])) for n in r.nodes] for r in recorders], []
        if any(n != names[0] for n in names[1:]):
            at = next((k for k, row in enumerate(zip(*names)) if len(set(row)) > 1), -1)
            raise Step("", (), (), {}, {}, recorders[0].owners[at]).refuse(
                "its steps depend on a size that varies (a Python loop over time steps, for instance). Fix: give that axis a size in "
                "Input(shape=...), or pass input_signature=[(None, steps, features)].")
        for nodes, owner in zip(zip(*[r.nodes for r in recorders]), recorders[0].owners):
            prim, attrs, varying = nodes[0][0], nodes[0][3], {}
            if prim.updates is not None:
                note = f"the state that layer '{owner[-1][0]}' keeps between batches" if owner else "a variable that the model assigns"
                self.notes += [] if note in self.notes else [note]
                continue
            ins = [self.known(list(tensors), steps, owner) for tensors in zip(*[n[1] for n in nodes])]
            if prim is LOOP:
                bodies, inner = [n[3]["body"] for n in nodes], None
                starts = self.new(zip(*[b.made[0] for b in bodies]))
                inner = self.steps(bodies)
                ends = [self.known(list(t), inner, owner) for t in zip(*[b.made[1] for b in bodies])]
                attrs = dict(attrs, body=Body(starts, ends, inner))
            else:
                varying = {a: [n[3][a] for n in nodes] for a in attrs if any(not _same(n[3][a], attrs[a]) for n in nodes[1:])}
            steps.append(Step(prim.name, ins, self.new(zip(*[n[2] for n in nodes])), attrs, varying, owner))
        return steps


def _same(a, b):
    return type(a) is type(b) and np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def _constant(arrays, steps, layers):
    """A constant; one whose size varies becomes a step that makes it: one number everywhere, or 0, 1, 2, ..."""
    first = arrays[0]
    shapes = [a.shape for a in arrays]
    if all(_same(a, first) for a in arrays):
        return Value(shapes, name_of(first.dtype), first)
    made = Value(shapes, name_of(first.dtype))
    if first.size and all(a.size and (a == first.flat[0]).all() for a in arrays):
        steps.append(Step("fill", (), (made,), dict(value=first.flat[0], shape=shapes[0]), dict(shape=shapes), layers))
    elif first.ndim == 1 and all((a == np.arange(a.size)).all() for a in arrays):
        steps.append(Step("iota", (), (made,), dict(n=first.size), dict(n=[a.size for a in arrays]), layers))
    else:
        raise Step("", (), (), {}, {}, layers).refuse("it computes with numbers that depend on a size that varies. Fix: give that axis "
                                                      "a size in Input(shape=...), or pass input_signature=[(None, ...)].")
    return made


# ---------------------------------------------------------------- passes
MOVES = {"reshape", "transpose", "copy", "stop_gradient", "cast"}


def fold(graph, weights=True):
    """Compute what depends on constants alone. Of weights, only their own moves are computed where `weights` is False, and only
    for those used once, so that what is trained later stays what was trained before."""
    users = graph.users()
    for block in graph.blocks():
        block.steps = _folded(block.steps, users, weights)


def _folded(steps, users, weights):
    kept = []
    for step in steps:
        ours = [v for v in step.ins if v.path is not None]
        allowed = step.ins and step.name in REGISTRY and all(v.known for v in step.ins) and not step.varying and \
            all(len(set(o.shapes)) == 1 for o in step.outs)
        if allowed and ours and not weights:
            allowed = step.name in MOVES and len(users[step.ins[0]]) == 1 and step.ins[0].dtype == step.outs[0].dtype
        if not allowed:
            kept.append(step)
            continue
        with np.errstate(all="ignore"), modes.reading(modes.eager):
            arrays = REGISTRY[step.name].run_ref([v.array for v in step.ins], step.attrs)
        for out, a in zip(step.outs, arrays):
            out.array = a.astype(out.dtype)
            if len(ours) == 1:
                out.path, out.trainable = ours[0].path, ours[0].trainable
    return kept


def join(graph):
    """matmul + bias becomes dense, conv + bias a conv with a bias: what other formats call a layer."""
    users, ends, gone = graph.users(), graph.ends(), set()
    for step in [s for block in graph.blocks() for s in block.steps]:
        if step.name not in ("matmul", "conv") or len(step.ins) != 2 or step.attrs.get("act") or step.outs[0] in ends:
            continue
        w, y = step.ins[1], step.outs[0]
        if not w.known or step.attrs.get("ta") or step.attrs.get("tb") or step.name == "matmul" and w.ndim != 2:
            continue
        after = users.get(y, ())
        if len(after) != 1 or after[0][0].name != "add":
            continue
        other = after[0][0].ins[1 - after[0][1]]
        if other is y or not other.known or other.shape != w.shape[-1:] or after[0][0].outs[0].shapes != y.shapes:
            continue
        step.name = "dense" if step.name == "matmul" else "conv"
        step.attrs = {k: v for k, v in step.attrs.items() if k not in ("ta", "tb")}
        step.ins, step.outs = [*step.ins, other], after[0][0].outs
        gone.add(after[0][0])
    _drop(graph, gone)


def _drop(graph, gone):
    for block in graph.blocks():
        block.steps = [s for s in block.steps if s not in gone]


# ---------------------------------------------------------------- writing, whatever the format
def to_first(n):
    """The order of axes that puts channels second."""
    return (0, n - 1, *range(1, n - 1))


def to_last(n):
    return (0, *range(2, n), 1)


def moved_axis(a, n):
    """Where axis a of n lies once channels are second."""
    a %= n
    return 0 if a == 0 else 1 if a == n - 1 else a + 1


class Writer:
    """Walks the graph and asks the format's rule for every primitive. Each value has a name in one order of axes or in both:
    channels last, as fastdl computes, or channels first, as convolutions of other formats want; it is turned when asked for."""

    varying = {}                                           # {primitive: attributes that may differ between traces}
    elementwise, format = (), ""

    def __init__(self, graph):
        self.graph, self.last, self.first, self.step = graph, {}, {}, None

    def run(self):
        self.run_steps(self.graph.steps)

    def run_steps(self, steps):
        for step in steps:
            self.step = step
            rule = getattr(self, f"do_{step.name}", None)
            if rule is None and step.name not in self.elementwise:
                drawn = " (random numbers; is a layer called with training=True?)" if step.name.startswith(("random", "dropout")) else ""
                raise step.refuse(f"{self.format} has nothing that computes its `{step.name}`{drawn}.")
            loose = set(step.varying) - set(self.varying.get(step.name, ()))
            if loose:
                raise step.refuse(f"its `{step.name}` depends on a size that varies ({', '.join(sorted(loose))}). Fix: give that axis a "
                                  "size in Input(shape=...), or pass input_signature=[(None, ...)].")
            if rule is None:
                self.join_elementwise(step)
            else:
                rule(step, *step.ins, **step.attrs)

    # what a format writes
    def turn(self, name, axes, like):
        raise NotImplementedError

    def constant(self, array, like=None):
        raise NotImplementedError

    def found(self, sizes, near=()):
        size = self.graph.size(tuple(sizes), near)
        if size is None:
            raise self.step.refuse(f"its `{self.step.name}` needs a size that does not follow from the sizes of the inputs ({sizes}). "
                                   "Fix: give the axes sizes in Input(shape=...), or pass input_signature=[(None, ...)].")
        return size

    def same_padding(self, step, x, kernel, strides, dilation):
        """Raise unless padding that varies with the image is 'the same size, more of it at the end'."""
        for given, shape in zip(step.varying["pads"], x.shapes):
            for p, n, k, s, d in zip(given, shape[1:-1], kernel, strides, dilation):
                total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
                if tuple(p) != (total // 2, total - total // 2):
                    raise step.refuse("its padding varies with the size of the image. Fix: give the image a size in Input(shape=...).")

    def do_loop(self, step, *ins, body, reverse, scanned):
        """Names that the body gives are not known outside it; those of constants are."""
        kept = {**self.last}, {**self.first}
        self.write_loop(step, ins[:scanned], ins[scanned:], body, reverse)
        for table, before in zip((self.last, self.first), kept):
            inner = [v for v in table if not v.known and v not in before and v not in step.outs]
            for v in inner:
                del table[v]
        self.step = step

    # names
    def get(self, v):
        """Its name, channels last."""
        if v not in self.last:
            self.last[v] = self.constant(v.array, v) if v.known else self.turn(self.first[v], to_last(v.ndim), v)
        return self.last[v]

    def get_first(self, v):
        """Its name, channels second."""
        if v not in self.first:
            turned = to_first(v.ndim)
            self.first[v] = self.constant(np.transpose(v.array, turned), v) if v.known else self.turn(self.last[v], turned, v)
        return self.first[v]

    def is_first(self, v):
        return v in self.first and v not in self.last

    def operands(self, step):
        """Names of the inputs of something elementwise, all in one order of axes, and where its output's name belongs."""
        out = step.outs[0]
        if out.ndim > 2 and any(self.is_first(v) for v in step.ins):
            fits = lambda v: v.ndim == out.ndim or v.known and (v.ndim == 0 or v.array.size == 1 or v.ndim == 1 and v.path is None)
            if all(fits(v) for v in step.ins):
                return [self._aligned_first(v, out.ndim) for v in step.ins], self.first
        return [self.get(v) for v in step.ins], self.last

    def _aligned_first(self, v, n):
        if v.ndim == n:
            return self.get_first(v)
        return self.constant(v.array.reshape(()) if v.array.size == 1 else v.array.reshape((-1,) + (1,) * (n - 2)), v)
