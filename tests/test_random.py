"""The counter hash: uniform, uncorrelated between neighbours, seeds and counters; moments of the distributions."""
import math

import numpy as np
import pytest

from fastdl.core.tensor import Tensor
from fastdl.primitives import random as R

N = 200_000


def draw(prim, a, b, **attrs):
    return prim(Tensor(np.array([a, b], "uint32")), shape=(N,), **attrs).numpy().astype("float64")


@pytest.mark.parametrize("key", [(0, 0), (1, 0), (0, 1), (2 ** 32 - 1, 5), (1234, 99)])
def test_uniform(key):
    u = draw(R.random_uniform, *key)
    assert 0 <= u.min() and u.max() < 1
    counts = np.histogram(u, 256, (0, 1))[0]
    chi2 = np.sum((counts - N / 256) ** 2) / (N / 256)
    assert abs(chi2 - 255) < 5 * math.sqrt(2 * 255)
    assert abs(u.mean() - 0.5) < 5 / math.sqrt(12 * N)
    for lag in (1, 2, 8, 64):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / math.sqrt(N)


@pytest.mark.parametrize("one,other", [((1, 0), (1, 1)), ((1, 0), (2, 0)), ((7, 3), (3, 7))])
def test_streams_do_not_follow_each_other(one, other):
    assert abs(np.corrcoef(draw(R.random_uniform, *one), draw(R.random_uniform, *other))[0, 1]) < 5 / math.sqrt(N)


def test_normal_moments():
    z = draw(R.random_normal, 3, 4, mean=2.0, std=3.0)
    z = (z - 2) / 3
    assert abs(z.mean()) < 5 / math.sqrt(N) and abs(z.var() - 1) < 5 * math.sqrt(2 / N)
    assert abs((z ** 4).mean() - 3) < 5 * math.sqrt(96 / N) and np.all(np.isfinite(z))


def test_truncated_normal_moments():
    z = draw(R.random_truncated_normal, 3, 4)
    assert np.abs(z).max() <= 2
    assert abs(z.mean()) < 5 * 0.88 / math.sqrt(N) and abs(z.std() - 0.8796256610342398) < 0.005


def test_dropout_rate_and_mask_of_the_backward_pass():
    x, key = Tensor(np.ones(N, "float32")), Tensor(np.array([5, 6], "uint32"))
    y = R.dropout(x, key, rate=0.3).numpy()
    assert abs((y == 0).mean() - 0.3) < 5 * math.sqrt(0.21 / N)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    np.testing.assert_array_equal(R.dropout(x, key, rate=0.3).numpy(), y)
