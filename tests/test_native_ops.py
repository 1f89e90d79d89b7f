"""What samples cannot say: integer state advances by kernels, functions hold over their whole range, bad indices are named."""
import math

import numpy as np
import pytest

from fastdl.core import modes, native
from fastdl.core.function import function
from fastdl.core.plan import Plan
from fastdl.core.tensor import Tensor, Variable
from fastdl.primitives import elementwise, movement, random, update


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint32"])
def test_counters(dtype):
    v, x = Variable(np.arange(5).astype(dtype)), Tensor(np.array([1, 2, 3, 4, 7], dtype))
    update.assign_add(v, x)
    update.assign_sub(v, Tensor(np.ones(5, dtype)))
    np.testing.assert_array_equal(v.numpy(), np.array([0, 2, 4, 6, 10], dtype))
    update.assign(v, x)
    np.testing.assert_array_equal(v.numpy(), x.numpy())


def test_seed_and_step_count_advance_inside_one_program():
    seed, steps = Variable(np.array([5, 2 ** 32 - 1], "uint32")), Variable(np.int32(3))

    def draw():
        y = random.dropout(Tensor(np.ones((50,), "float32")), seed, rate=0.5)
        update.seed_next(seed)
        steps.assign_add(1)
        return y
    trace = modes.Trace()
    with modes.reading(trace):
        out = draw()
    assert len(Plan(trace.nodes, [], [out]).steps) == 1
    run = function(draw)
    first, second = run().numpy().copy(), run().numpy()
    assert seed.numpy().tolist() == [5, 1] and int(steps) == 5 and (first != second).any()


@pytest.mark.parametrize("isa", native.isa_levels())
@pytest.mark.parametrize("name,f", [("sin", np.sin), ("cos", np.cos)])
def test_trigonometry_far_from_zero(name, f, isa):
    before = native.isa()
    x = np.concatenate([np.linspace(-9000, 9000, 200_001), [1e6, -3e7, 1e30, 0.0, -0.0, np.pi, np.inf, np.nan]]).astype("float32")
    try:
        native.set_isa(isa)
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(getattr(elementwise, name)(Tensor(x)).numpy(), f(x.astype("float64")), atol=3e-7, rtol=0)
    finally:
        native.set_isa(before)


@pytest.mark.parametrize("bad", [-8, 7])
def test_a_bad_index_is_named(bad):
    x, index = Tensor(np.ones((7, 3), "float32")), Tensor(np.array([0, bad], "int32"))
    with pytest.raises(IndexError, match=str(bad)):
        movement.take(x, index, axis=0)
    with pytest.raises(IndexError, match=str(bad)):
        movement.take_grad(Tensor(np.ones((2, 3), "float32")), index, shape=(7, 3), axis=0)
    with pytest.raises(IndexError, match=str(bad)):
        function(lambda t, k: movement.take(t, k, axis=0))(x, index)


def test_a_scalar_keeps_its_sign_bit():
    y = elementwise.where(Tensor(np.array([True, False])), -0.0, Tensor(np.float32(1)))
    assert np.signbit(y.numpy()[0])
    assert np.signbit(elementwise.mul(Tensor(np.ones(3, "float32")), Tensor(np.float32(-0.0))).numpy()).all()


@pytest.mark.parametrize("isa", native.isa_levels())
@pytest.mark.parametrize("name,f,lo,hi", [("expm1", math.expm1, -110, 88.7), ("log1p", math.log1p, -0.9999, 1e30), ("erf", math.erf, -6, 6),
                                          ("exp", math.exp, -87, 88.7), ("log", math.log, 1e-38, 3e38)])
def test_functions_over_their_range(name, f, lo, hi, isa):
    before, rng = native.isa(), np.random.default_rng(0)
    x = np.concatenate([np.linspace(lo, hi, 5001), rng.uniform(-1, 1, 5000) * 10.0 ** rng.integers(-30, 2, 5000)]).astype("float32")
    x = x[(x >= np.float32(lo)) & (x <= np.float32(hi))]
    try:
        native.set_isa(isa)
        call = getattr(elementwise, name)
        np.testing.assert_allclose(call(Tensor(x)).numpy(), [f(v) for v in x.astype("float64")], rtol=4e-7, atol=1e-38)
        edge = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0], "float32")
        got = call(Tensor(edge)).numpy()
        with np.errstate(all="ignore"):
            want = np.array([-1, 1], "float32") if name == "erf" else getattr(np, name)(edge)
        if name == "erf":
            np.testing.assert_array_equal(got[[3, 2]], want)
            assert np.isnan(got[4]) and np.signbit(got[1])
        else:
            np.testing.assert_allclose(got, want, rtol=4e-7)
            assert (np.signbit(got) == np.signbit(want))[~np.isnan(want)].all()
    finally:
        native.set_isa(before)
