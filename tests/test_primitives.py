"""Walks the registry: values on every ISA level and thread count, gradients in float64 against central differences."""
import importlib
import pkgutil

import numpy as np
import pytest

from fastdl import primitives
from fastdl.core import blocks, modes, native, primitive
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor

for _module in pkgutil.iter_modules(primitives.__path__):
    importlib.import_module("fastdl.primitives." + _module.name)
CASES = [(name, seed) for name, p in primitive.REGISTRY.items() if p.updates is None for seed in range(max(8, len(p.samples or ())))]
EPS = np.finfo("float32").eps


def draw(name, seed):
    p, rng = primitive.REGISTRY[name], np.random.default_rng(seed)
    arrays, attrs = p.sample(rng, which=seed)
    return p, rng, [a.astype("float32") if a.dtype.kind == "f" else a for a in arrays], attrs


def several(y):
    return y if isinstance(y, tuple) else (y,)


def without_saved(prim, ys):
    """The outputs that a gradient can come in for: not those kept only for the gradient itself."""
    return tuple(y for k, y in enumerate(ys) if k not in prim.extra.get("saved", ()))


@pytest.mark.parametrize("isa", native.isa_levels())
@pytest.mark.parametrize("name,seed", CASES)
def test_value_and_bits(name, seed, isa, monkeypatch):
    """float32 against the float64 meaning; equal bits for 1, 2 and 3 threads (small calls are shared out as well)."""
    monkeypatch.setattr(modes, "share", lambda *_: native.get_threads())
    p, _, arrays, attrs = draw(name, seed)
    want = p.run_ref([a.astype("float64") if a.dtype.kind == "f" else a for a in arrays], attrs)
    level, threads, first = native.isa(), native.get_threads(), None
    try:
        native.set_isa(isa)
        for nt in (1, 2, 3):
            native.set_threads(nt)
            got = [t.numpy() for t in several(p(*[Tensor(a.copy()) for a in arrays], **attrs))]
            bits = [g.tobytes() for g in got]
            assert first is None or bits == first
            first = bits
    finally:
        native.set_isa(level)
        native.set_threads(threads)
    terms = max([a.size for a in arrays] or [1])
    for g, w in zip(got, want):
        assert g.shape == w.shape
        if g.dtype.kind in "fc":
            scale = max(1.0, float(np.max(np.abs(w), initial=0)))
            np.testing.assert_allclose(g, w, rtol=16 * EPS, atol=4 * EPS * np.sqrt(terms) * scale)
        else:
            np.testing.assert_array_equal(g, w)


def loose(c):
    """Primitives whose inputs are free; `of` names the one whose gradient this is: what that kept follows from its inputs."""
    p = primitive.REGISTRY[c[0]]
    return p.differentiable and "of" not in p.extra


@pytest.mark.parametrize("name,seed", [c for c in CASES if loose(c)])
def test_gradient_in_float64(name, seed):
    """<u, f(x + e v) - f(x - e v)> / 2e = <vjp(u), v> along a random direction v."""
    p, rng, arrays, attrs = draw(name, seed)
    with modes.Reference():
        xs = [Tensor(a.astype("float64") if a.dtype.kind == "f" else a) for a in arrays]
        floats = [k for k, x in enumerate(xs) if x.dtype == "float64"]
        with GradientTape() as tape:
            for k in floats:
                tape.watch(xs[k])
            ys = without_saved(p, several(p(*xs, **attrs)))
        if any(y.dtype != "float64" for y in ys) or not floats:
            assert name in {"cast", "one_hot", "top_k"} or not floats
            return
        us = [Tensor(rng.standard_normal(y.shape)) for y in ys]
        back = tape.gradient(list(ys), [xs[k] for k in floats], us)
        floats = [k for k, g in zip(floats, back) if g is not None]
        assert floats
        directions = [rng.standard_normal(xs[k].shape) for k in floats]

        def along(step):
            moved = list(xs)
            for k, v in zip(floats, directions):
                moved[k] = Tensor(np.asarray(xs[k].numpy() + step * v))
            return sum(float(np.sum(u.numpy() * y.numpy())) for u, y in zip(us, without_saved(p, several(p(*moved, **attrs)))))
        e = 1e-6
        numeric = (along(e) - along(-e)) / (2 * e)
        exact = sum(float(np.sum(v * g.numpy())) for v, g in zip(directions, [g for g in back if g is not None]))
    assert abs(numeric - exact) <= 1e-6 * max(1.0, abs(numeric))


BY_ROWS = [(name, seed) for name, seed in CASES if primitive.REGISTRY[name].extra.get("rows") is not None and primitive.REGISTRY[name].calls]


@pytest.mark.parametrize("isa", native.isa_levels())
def test_a_block_of_rows_has_the_bits_of_the_batch(isa):
    """The law of `rows`, for every primitive that states it: f(x)[a:b] == f(x[a:b])."""
    level, seen = native.isa(), set()
    try:
        native.set_isa(isa)
        for name, seed in BY_ROWS:
            p, _, arrays, attrs = draw(name, seed)
            ins = [Tensor(a) for a in arrays]
            outs = [Tensor(None, *spec) for spec in p.infer(ins, attrs)]
            at = blocks.rows_of((p, ins, outs, attrs)) or ()
            n = outs[0].shape[0] if at else 1
            if n == 1:
                continue
            whole = [y.numpy() for y in several(p(*ins, **attrs))]
            for a, b in ((0, n // 2), (n // 2, n), (n - 1, n)):
                part = several(p(*[Tensor(np.ascontiguousarray(v[a:b])) if k in at else t for k, (t, v) in enumerate(zip(ins, arrays))], **attrs))
                for y, got in zip(whole, part):
                    assert got.numpy().tobytes() == y[a:b].tobytes(), (name, seed, a, b)
            seen.add(name)
    finally:
        native.set_isa(level)
    assert {"conv", "conv_norm", "norm_apply", "max_pool", "average_pool", "relu", "add", "concat", "pad"} <= seen


@pytest.mark.parametrize("name,seed", [c for c in CASES if loose(c) and c[1] < max(2, len(primitive.REGISTRY[c[0]].samples or ()))])
def test_second_gradient_in_float64(name, seed):
    """The same for the gradients themselves: a tape around a tape, for every primitive."""
    p, rng, arrays, attrs = draw(name, seed)

    def gradients(xs):
        with GradientTape() as tape:
            tape.watch([xs[k] for k in floats])
            ys = [y for y in without_saved(p, several(p(*xs, **attrs))) if y.dtype == "float64"]
        us = [Tensor(np.random.default_rng(seed).standard_normal(y.shape)) for y in ys]
        return tape.gradient(ys, [xs[k] for k in floats], us)

    with modes.Reference():
        xs = [Tensor(a.astype("float64") if a.dtype.kind == "f" else a) for a in arrays]
        floats = [k for k, x in enumerate(xs) if x.dtype == "float64"]
        floats = [k for k, g in zip(floats, gradients(xs)) if g is not None]
        with GradientTape() as outer:
            outer.watch([xs[k] for k in floats])
            first = gradients(xs)
        vs = [rng.standard_normal(g.shape) for g in first]
        back = outer.gradient(first, [xs[k] for k in floats], [Tensor(v) for v in vs])
        directions = [rng.standard_normal(xs[k].shape) for k in floats]

        def along(step):
            moved = list(xs)
            for k, d in zip(floats, directions):
                moved[k] = Tensor(np.asarray(xs[k].numpy() + step * d))
            return sum(float(np.sum(v * g.numpy())) for v, g in zip(vs, gradients(moved)))
        exact = sum(float(np.sum(d * g.numpy())) for d, g in zip(directions, back) if g is not None)
        if name in {"remainder", "fmod"}:                  # constant gradients with jumps, which differences would meet
            assert exact == 0
            return
        e = 1e-6
        numeric = (along(e) - along(-e)) / (2 * e)
    assert abs(numeric - exact) <= 1e-6 * max(1.0, abs(numeric))
