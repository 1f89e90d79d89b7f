"""Winograd's algorithm: its error against float64, and the switch that turns it off."""
import numpy as np
import pytest

from fastdl import config
from fastdl.core import modes, native
from fastdl.core.tensor import Tensor
from fastdl.primitives import conv

HOW = dict(strides=(1, 1), pads=((1, 1), (1, 1)), dilation=(1, 1), groups=1)


def three_passes(x, w, g):
    return (conv.conv(x, w, **HOW), conv.conv_input_grad(g, w, shape=x.shape, **HOW), conv.conv_weight_grad(x, g, kernel=(3, 3), **HOW))


@pytest.mark.parametrize("isa", native.isa_levels())
@pytest.mark.parametrize("size,channels,filters", [(12, 32, 32), (18, 64, 48), (8, 256, 64)])
def test_winograd_errs_by_less_than_a_hundred_thousandth_of_the_maximum(size, channels, filters, isa):
    rng = np.random.default_rng(size)
    x = np.maximum(rng.standard_normal((4, size, size, channels)), 0).astype("float32")
    w, g = rng.standard_normal((3, 3, channels, filters)).astype("float32"), rng.standard_normal((4, size, size, filters)).astype("float32")
    with modes.Reference():
        exact = [t.numpy() for t in three_passes(*[Tensor(a.astype("float64")) for a in (x, w, g)])]
    level = native.isa()
    try:
        native.set_isa(isa)
        fast = [t.numpy() for t in three_passes(Tensor(x), Tensor(w), Tensor(g))]
        config.set_winograd(False)
        direct = [t.numpy() for t in three_passes(Tensor(x), Tensor(w), Tensor(g))]
    finally:
        native.set_isa(level)
        config.set_winograd(True)
    for e, f, d in zip(exact, fast, direct):
        assert np.max(np.abs(f - e)) < 1e-5 * np.max(np.abs(e))
        assert np.max(np.abs(d - e)) < 2e-6 * np.max(np.abs(e))
        assert f.tobytes() != d.tobytes()
