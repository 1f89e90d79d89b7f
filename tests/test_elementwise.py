"""@elementwise: values, gradients and dtypes of kernels compiled from Python; without Numba one clear sentence."""
import importlib.util
import math

import numpy as np
import pytest

import fastdl
from fastdl import layers, ops

NUMBA = importlib.util.find_spec("numba") is not None


@fastdl.elementwise
def swish(x):
    return x / (1 + math.exp(-x))


@swish.derivative
def _(x):
    s = 1 / (1 + math.exp(-x))
    return s + x * s * (1 - s)


def test_values_gradients_and_broadcasting():
    if not NUMBA:
        with pytest.raises(ImportError, match=r"fastdl\[numba\]"):
            swish([1.0])
        return
    product = fastdl.elementwise(derivative=lambda x, y: (y, x))(lambda x, y: x * y)
    a = np.random.default_rng(0).normal(size=(5, 3)) * 30
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-14)):
        x = ops.convert_to_tensor(a, dtype)
        assert swish(x).dtype == dtype
        assert np.allclose(swish(x), a / (1 + np.exp(-a)), rtol=tolerance, atol=tolerance)
    x, b = ops.convert_to_tensor(a, "float32"), ops.convert_to_tensor(a[0], "float32")
    with fastdl.GradientTape(persistent=True) as tape:
        tape.watch([x, b])
        y, z = swish(x), product(x, b)
    with fastdl.GradientTape() as plain:
        plain.watch(x)
        w = ops.silu(x)
    assert np.allclose(tape.gradient(y, x), plain.gradient(w, x), rtol=1e-5, atol=1e-6)
    assert np.allclose(tape.gradient(z, b), a.sum(0), rtol=1e-5)
    model = fastdl.Sequential([layers.Dense(8, input_dim=3, activation=swish), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(a / 30, a[:, :1] / 30, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
