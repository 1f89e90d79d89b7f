"""@elementwise: values and gradients in both dtypes, broadcasting, in a plan, in a model; the kernel under it."""
import ctypes
import math
import sys

import numpy as np
import pytest

import fastdl as keras
from fastdl import ops
from fastdl.core import native

numba = pytest.mark.needs("numba")
SIZES = [1, 2, 7, 15, 16, 17, 33, 64, 67, 5001]


def made():
    @keras.elementwise
    def swish(x):
        """y = x / (1 + exp(-x))"""
        return x / (1 + math.exp(-x))

    @swish.derivative
    def slope(x):
        s = 1 / (1 + np.exp(-x))
        return s + x * s * (1 - s)

    @keras.elementwise
    def huber(t, p, delta):
        e = p - t
        a = abs(e)
        return 0.5 * e ** 2 if a <= delta else delta * (a - 0.5 * delta)

    @huber.derivative
    def slopes(t, p, delta):
        e = p - t
        a = abs(e)
        d = e if a <= delta else math.copysign(delta, e)
        return -d, d, (0.0 * a if a <= delta else a - delta)
    return swish, huber


@pytest.mark.parametrize("n", SIZES)
def test_the_kernel_hands_out_every_element_once(n):
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int64)
    y, a, b, seen = np.full(n + 2, 9.0, "float32"), np.arange(n, dtype="float32"), np.ones(n, "float32"), []

    @kind
    def loop(y_, a_, b_, lo, hi):
        seen.append((lo, hi))
        for k in range(lo, hi):
            ctypes.c_float.from_address(y_ + 4 * k).value = ctypes.c_float.from_address(a_ + 4 * k).value + 2.0

    address = ctypes.cast(loop, ctypes.c_void_p).value
    native.call(native.KERNELS["user"], (y.ctypes.data + 4, a.ctypes.data, b.ctypes.data), (n, 2, address))
    assert np.array_equal(y[1:-1], a + 2) and y[0] == y[-1] == 9.0
    assert sum(hi - lo for lo, hi in seen) == n


def test_without_numba_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"fastdl\[numba\]"):
        keras.elementwise(lambda x: x)


@numba
def test_exp_log_and_tanh_of_float32_are_exact_to_an_ulp():
    x = np.concatenate([np.linspace(-103, 88.7, 60001), np.linspace(-1, 1, 20001), [0.0, np.inf, -np.inf, np.nan, 200, -200, -0.0]]).astype("float32")
    positive = np.exp(np.linspace(-87, 88, 40001)).astype("float32")
    with np.errstate(all="ignore"):
        for f, meant, at in ((lambda x: math.exp(x), np.exp, x), (lambda x: math.tanh(x), np.tanh, x), (lambda x: math.log(x), np.log, positive),
                             (lambda x: np.log(x), np.log, np.array([0, -1, np.inf, np.nan, 1, 1e-42], "float32"))):
            want = meant(at.astype("float64"))
            np.testing.assert_allclose(keras.elementwise(f)(at).numpy(), want.astype("float32"), rtol=3e-7, atol=3e-45)


@numba
@pytest.mark.parametrize("dtype, most", [("float32", 2e-6), ("float64", 1e-14)])
def test_values_and_broadcasting(dtype, most):
    swish, huber = made()
    rng = np.random.default_rng(0)
    for n in SIZES:
        x = rng.standard_normal(n).astype(dtype)
        got = swish(ops.convert_to_tensor(x, dtype))
        assert got.dtype == dtype
        np.testing.assert_allclose(got.numpy(), x / (1 + np.exp(-x)), rtol=most, atol=most)
    t, p = rng.standard_normal((5, 1, 7)).astype(dtype), rng.standard_normal((3, 7)).astype(dtype)
    want = np.where(np.abs(p - t) <= 0.5, 0.5 * (p - t) ** 2, 0.5 * (np.abs(p - t) - 0.25))
    got = huber(ops.convert_to_tensor(t, dtype), ops.convert_to_tensor(p, dtype), 0.5)
    np.testing.assert_allclose(got.numpy(), want, rtol=10 * most, atol=most)
    compiled = keras.function(lambda t, p: huber(t, p, 0.5))
    assert np.array_equal(compiled(ops.convert_to_tensor(t, dtype), ops.convert_to_tensor(p, dtype)).numpy(), got.numpy())


@numba
def test_gradients_against_differences_in_float64():
    _, huber = made()
    rng = np.random.default_rng(1)
    ins = [ops.convert_to_tensor(rng.standard_normal(s), "float64") for s in ((4, 1, 3), (5, 3), (1,))]
    ins[2] = ops.convert_to_tensor([0.7], "float64")
    with keras.GradientTape() as tape:
        for v in ins:
            tape.watch(v)
        y = ops.sum(huber(*ins))
    for k, grad in enumerate(tape.gradient(y, ins)):
        base, step = [v.numpy() for v in ins], 1e-6
        for at in np.ndindex(base[k].shape):
            sides = []
            for sign in (1, -1):
                moved = [b.copy() for b in base]
                moved[k][at] += sign * step
                sides.append(float(ops.sum(huber(*[ops.convert_to_tensor(m, "float64") for m in moved]))))
            assert grad.numpy()[at] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-7)


@numba
def test_a_model_learns_the_same_with_a_compiled_activation(tmp_path):
    swish, _ = made()
    weights, results = None, []
    x = np.random.default_rng(2).standard_normal((64, 9)).astype("float32")
    y = x[:, :1] * 2 - x[:, 1:2]
    for activation in (swish, "silu"):
        inputs = keras.Input((9,))
        h = keras.layers.Dense(33)(inputs)
        h = activation(h) if activation is swish else keras.layers.Activation(activation)(h)
        h = keras.layers.Dense(20, activation=activation)(h)
        model = keras.Model(inputs, keras.layers.Dense(1)(h))
        model.compile("adam", "mse")
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.fit(x, y, epochs=5, batch_size=16, shuffle=False, verbose=0)
        results.append(model.predict(x, verbose=0))
        if activation is swish:
            with pytest.raises(TypeError, match="layers.Activation"):
                model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4, atol=1e-5)


@numba
def test_a_layer_with_a_compiled_activation_is_saved_by_name(tmp_path):
    swish, _ = made()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=swish)])
    model.save(tmp_path / "m.keras")
    back = keras.models.load_model(tmp_path / "m.keras", custom_objects={"swish": swish})
    x = np.ones((2, 4), "float32")
    assert np.array_equal(back.predict(x, verbose=0), model.predict(x, verbose=0))


@numba
def test_same_bits_for_any_number_of_threads():
    swish, _ = made()
    x, before, seen = ops.convert_to_tensor(np.random.default_rng(3).standard_normal(100003).astype("float32")), native.get_threads(), []
    try:
        for n in (1, 2, 3):
            native.set_threads(n)
            seen.append(swish(x).numpy().tobytes())
    finally:
        native.set_threads(before)
    assert len(set(seen)) == 1


@numba
def test_mistakes_are_named():
    cube = keras.elementwise(lambda x: x * x * x)
    x = keras.Variable(np.ones(3, "float32"))
    with pytest.raises(ValueError, match="derivative"), keras.GradientTape() as tape:
        tape.gradient(ops.sum(cube(x)), x)
    with pytest.raises(TypeError, match="1 argument"):
        cube(x, x)
    with pytest.raises(TypeError, match="int32"):
        cube(np.arange(3))
    with pytest.raises(ValueError, match="1 to 4"):
        keras.elementwise(lambda a, b, c, d, e: a)
