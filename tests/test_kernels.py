"""Kernels at SIMD edge sizes: nothing is written outside the outputs, nothing outside the inputs matters; updates."""
import importlib
import pkgutil

import numpy as np
import pytest

from fastdl import primitives
from fastdl.core import modes, native, primitive
from fastdl.core.primitive import Scratch
from fastdl.core.tensor import Tensor, Variable

for _module in pkgutil.iter_modules(primitives.__path__):
    importlib.import_module("fastdl.primitives." + _module.name)
WITH_KERNEL = [n for n, p in primitive.REGISTRY.items() if p.calls is not None and p.updates is None and p.alias is None]
UPDATES = {"assign": ("v x", {}), "assign_add": ("v x", {}), "assign_sub": ("v x", {}), "sgd_update": ("w g lr", {}),
           "momentum_update": ("w m g lr", dict(momentum=0.9, nesterov=True)), "rmsprop_update": ("w v g lr", dict(rho=0.9, epsilon=1e-7)),
           "adam_update": ("w m v g lr", dict(beta_1=0.9, beta_2=0.999, epsilon=1e-7))}
GUARD = 64


def guarded(array, fill):
    """The array in the middle of a block whose ends hold `fill`."""
    block = np.empty(array.size + 2 * GUARD, array.dtype)
    block[:] = fill
    inside = block[GUARD:GUARD + array.size].reshape(array.shape)
    inside[...] = array
    return block, inside


def poison(dtype):
    return {"f": np.float32("nan"), "b": True}.get(np.dtype(dtype).kind, 123456789)


@pytest.mark.parametrize("isa", native.isa_levels())
@pytest.mark.parametrize("name", WITH_KERNEL)
def test_writes_stay_inside_and_reads_outside_do_not_matter(name, isa):
    prim, before, ran = primitive.REGISTRY[name], native.isa(), 0
    native.set_isa(isa)
    try:
        for seed in range(8):
            arrays, attrs = prim.sample(np.random.default_rng(seed))
            arrays = [a.astype("float32") if a.dtype.kind == "f" else a for a in arrays]
            plain = [Tensor(a) for a in arrays]
            specs = prim.infer(plain, attrs)
            if not prim.native(plain, specs, attrs):
                continue
            ran += 1
            ins = [Tensor(guarded(a, poison(a.dtype))[1]) for a in arrays]
            blocks = [guarded(np.zeros(shape, dtype), 77 if dtype != "bool" else True) for shape, dtype in specs]
            outs = [Tensor(inside) for _, inside in blocks]
            for row in prim.calls(*outs, *ins, **attrs):
                for x in row[1]:
                    if isinstance(x, Scratch) and x._a is None:
                        block, x._a = guarded(np.zeros(x.size, "float32"), 77)
                        blocks.append((block, x._a))
                modes.run_row(row)
            want = prim(*plain, **attrs)
            for t, w in zip(outs, want if isinstance(want, tuple) else (want,)):
                assert t.numpy().tobytes() == w.numpy().tobytes()
            for block, _ in blocks:
                assert (block[:GUARD] == block[0]).all() and (block[-GUARD:] == block[0]).all() and block[0] in (77, True)
    finally:
        native.set_isa(before)
    assert ran


@pytest.mark.parametrize("isa", native.isa_levels())
@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("name", UPDATES)
def test_updates_on_every_isa_and_thread_count(name, decay, isa):
    """The update's meaning in float64; a given s equals adding s w to the gradient first, bit for bit."""
    prim, (names, attrs) = primitive.REGISTRY[name], UPDATES[name]
    if decay and prim.extra["decay"] is None:
        assert name.startswith("assign")
        return
    before, threads = native.isa(), native.get_threads()
    try:
        native.set_isa(isa)
        for n in (1, 7, 16, 33, 4097, 40000):
            rng, first = np.random.default_rng(n), None
            arrays = [np.float32(0.01) if k == "lr" else (rng.random(n) if k == "v" else rng.standard_normal(n)).astype("float32")
                      for k in names.split()]
            s = [np.float32(0.3)] if decay else []
            want = prim.run_ref([np.asarray(a, "float64") for a in arrays + s], attrs)
            for nt in (1, 2, 3):
                native.set_threads(nt)
                given = [Variable(a) for a in arrays]
                prim(*given, *[Variable(a) for a in s], **attrs)
                got = [given[k].numpy() for k in prim.updates]
                for g, w in zip(got, want):
                    np.testing.assert_allclose(g, w, rtol=2e-6, atol=2e-6)
                bits = [g.tobytes() for g in got]
                assert first is None or bits == first
                first = bits
            if decay:
                where, given = prim.extra["decay"], [Variable(a) for a in arrays]
                given[where] = Variable((arrays[where] + arrays[0] * s[0]).astype("float32"))
                prim(*given, **attrs)
                assert [given[k].numpy().tobytes() for k in prim.updates] == first
    finally:
        native.set_isa(before)
        native.set_threads(threads)
