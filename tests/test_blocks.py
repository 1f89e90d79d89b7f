"""Runs of layers done block of rows by block of rows: plans keep every bit (the primitives' law: test_primitives)."""
import numpy as np
import pytest

import fastdl as keras
from fastdl.core import blocks, modes, native
from fastdl.core.function import function

L = keras.layers


def residual():
    x = keras.Input((12, 11, 8))
    a = L.Conv2D(16, 3, padding="same", activation="relu")(x)
    b = L.SeparableConv2D(24, 3, padding="same")(L.ZeroPadding2D(1)(a))
    b = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, use_bias=False)(b)))
    c = L.Concatenate()([L.Add()([a, b]), L.MaxPooling2D(3, 1, padding="same")(a), L.AveragePooling2D(3, 1, padding="same")(b)])
    d = L.Conv2D(40, 1, strides=2, activation="tanh")(c)
    return keras.Model(x, [b, L.Dense(3)(L.GlobalAveragePooling2D()(d))])


def plan_of(model, x, passes):
    f = function(lambda v: model(v, training=False))
    f(x)
    plan = next(iter(f.plans.values()))[0]
    return plan


@pytest.mark.parametrize("rows", [23, 40])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_keep_every_bit(rows, threads, monkeypatch):
    """Small caches, so that small networks are cut up: remainders, residuals, results from inside a run, any thread count."""
    before = native.get_threads()
    keras.utils.set_random_seed(1)
    model = residual()
    x = np.random.default_rng(0).standard_normal((rows, 12, 11, 8)).astype("float32")
    want = [y.numpy() for y in model(x, training=False)]                       # eager: no pass at all
    monkeypatch.setattr(modes, "share", lambda *_: native.get_threads())
    try:
        native.set_threads(threads)
        for cache in (1 << 14, 3 << 14):
            monkeypatch.setattr(blocks, "CACHE", cache)
            plan = plan_of(model, x, None)
            assert any(row[0] == "chain" for row in plan.table)
            for _ in range(2):
                plan.bind([x])
                plan.run()
                assert [y.tobytes() for y in plan.results()] == [y.tobytes() for y in want]
    finally:
        native.set_threads(before)
