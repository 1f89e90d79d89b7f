"""Three readings of one program: Eager runs kernels now, Reference runs NumPy in float64, Trace writes the calls down."""
from contextlib import contextmanager

import numpy as np

from . import native, state
from .tensor import Tensor, TracedValueError, Variable  # noqa: F401  (TracedValueError is part of this module's vocabulary)


def share(kernel, outs, ins, ints):
    """How many threads a call is worth: a region costs microseconds, so small work stays on one."""
    if kernel == "chain":
        return min(native.get_threads(), ints[1])
    if kernel.startswith("gemm"):
        work = ints[0] * ints[1] * ints[5] * (ints[2] + 16) // (8 if ints[0] == 1 else 12)        # one row: all that counts is reading B
    elif kernel == "depthwise":
        work = 4 * outs[0].size
    else:
        work = max([x.size for x in outs] + [x.size for x in ins])
    return native.get_threads() if work >= 32768 else 1


class Eager:
    """Run the kernels now; what no kernel serves, NumPy does."""
    exact = False

    def run(self, prim, ins, attrs):
        for k in prim.updates or ():
            if isinstance(ins[k], Variable):
                ins[k].version += 1
        specs = prim.infer(ins, attrs)
        if prim.native(ins, specs, attrs):
            if prim.updates is not None:
                outs = tuple(ins[k] for k in prim.updates)
            elif prim.alias is not None:
                return (Tensor(ins[prim.alias].numpy().reshape(specs[0][0])),)
            else:
                outs = tuple(Tensor(np.empty(shape, dtype)) for shape, dtype in specs)
            try:
                for row in prim.calls(*outs, *ins, **attrs):
                    run_row(row)
            except native.NativeError:        # a bad index: the meaning says in words which one
                return self.by_numpy(prim, ins, specs, attrs)
            return outs
        return self.by_numpy(prim, ins, specs, attrs)

    def by_numpy(self, prim, ins, specs, attrs):
        with np.errstate(all="ignore"):
            arrays = prim.run_ref([x.numpy() for x in ins], attrs)
        if prim.updates is not None:
            for k, a in zip(prim.updates, arrays):
                ins[k]._a[...] = a
            return tuple(ins[k] for k in prim.updates)
        return tuple(Tensor(a if a.dtype == dtype else a.astype(dtype)) for a, (_, dtype) in zip(arrays, specs))


class Reference(Eager):
    """NumPy in float64: the meaning of a program, and the mode in which calculus is checked."""
    exact = True

    def run(self, prim, ins, attrs):
        wide = [x.numpy().astype("float64") if x.dtype in ("float32", "float16") else x.numpy() for x in ins]
        if "dtype" in attrs and attrs["dtype"] == "float32":
            attrs = dict(attrs, dtype="float64")
        with np.errstate(all="ignore"):
            arrays = prim.run_ref(wide, attrs)
        if prim.updates is not None:
            for k, a in zip(prim.updates, arrays):
                ins[k]._a[...] = a
            return tuple(ins[k] for k in prim.updates)
        return tuple(Tensor(a) for a in arrays)

    def __enter__(self):
        active = state.current()
        self.before, active.mode = active.mode, self
        return self

    def __exit__(self, *_):
        state.current().mode = self.before


class Trace:
    """Write primitives down as nodes (prim, inputs, outputs, attrs); only shapes are known."""
    exact = False

    def __init__(self):
        self.nodes = []

    def run(self, prim, ins, attrs):
        outs = tuple(Tensor(None, shape, dtype) for shape, dtype in prim.infer(ins, attrs))
        if prim.updates is not None:
            self.nodes.append((prim, ins, (), attrs))
            return tuple(ins[k] for k in prim.updates)
        self.nodes.append((prim, ins, outs, attrs))
        return outs


def run_row(row):
    kernel, outs, ins, ints = row[:4]
    doubles = row[4] if len(row) > 4 else ()
    tensors = list(outs) + list(ins)
    for x in tensors:
        if x._a is None:                      # scratch lives as long as the calls that share it
            x._a = np.empty(x.size, np.float32)
    native.call(native.KERNELS[kernel], tuple([native.address(x._a) for x in tensors]), tuple(ints), tuple(doubles),
                share(kernel, outs, ins, ints))


eager = Eager()


@contextmanager
def reading(mode):
    """Read primitives with `mode` inside the block; tapes outside do not listen to a trace."""
    active = state.current()
    before, active.mode = (active.mode, active.tapes), mode
    active.tapes = []
    try:
        yield mode
    finally:
        active.mode, active.tapes = before


def abstract(fn, specs):
    """Output tensors (without values) of fn on inputs of the given (shape, dtype) specs; no kernel runs."""
    with reading(Trace()):
        return fn(*[Tensor(None, shape, dtype) for shape, dtype in specs])


def tracing():
    return isinstance(state.current().mode, Trace)
