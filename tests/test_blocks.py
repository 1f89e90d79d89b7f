"""Runs of layers done block of rows by block of rows: plans keep every bit (the primitives' law: test_primitives)."""
import random

import numpy as np
import pytest

import fastdl as keras
from fastdl.core import blocks, modes, native, rewrite
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


def trainable(kind):
    """Networks whose steps hold every kind of run: by rows and by pixels, sums over rows, strides, residuals, biases."""
    x = keras.Input((12, 11, 8))
    if kind == "separable":
        y = L.SeparableConv2D(24, 3, padding="same", activation="relu")(L.Conv2D(16, 3, activation="relu")(x))
        y = L.MaxPooling2D()(L.SeparableConv2D(16, 3, strides=2)(y))
    else:
        y = a = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, padding="same", use_bias=False)(x)))
        y = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(40, 1, use_bias=False)(y)))
        y = L.ReLU(6.0)(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", use_bias=False)(y)))
        y = L.Add()([a, L.BatchNormalization()(L.Conv2D(16, 1)(y))])
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(24, 3, strides=2, padding="same")(y)))
        y = L.BatchNormalization()(L.DepthwiseConv2D(3, strides=2)(y))
    return keras.Model(x, L.Dense(3, activation="softmax")(L.GlobalAveragePooling2D()(y)))


def random_network(r):
    """Layers drawn one after the other; what does not fit is left out."""
    pick = r.choice
    x = y = keras.Input((pick([7, 12]), pick([8, 11]), pick([1, 3, 16])))
    seen = []
    for _ in range(8):
        makers = [
            lambda: L.Conv2D(pick([4, 16, 24]), pick([1, 1, 3]), strides=pick([1, 1, 2]), padding="same", use_bias=r.random() < 0.5,
                             activation=pick([None, "relu", "relu6", "sigmoid"]))(y),
            lambda: L.ReLU(pick([None, 6.0]))(L.BatchNormalization(trainable=r.random() < 0.9)(y)),
            lambda: L.DepthwiseConv2D(3, strides=pick([1, 2]), padding="same", use_bias=r.random() < 0.5)(y),
            lambda: L.SeparableConv2D(pick([8, 16]), 3, padding="same", activation=pick([None, "relu"]))(y),
            lambda: pick([L.MaxPooling2D, L.AveragePooling2D])(2, padding="same")(y),
            lambda: L.Conv2DTranspose(8, 3, strides=pick([1, 2]), padding="same")(y),
            lambda: pick([L.LayerNormalization(), L.UpSampling2D(), L.ZeroPadding2D(), L.Dropout(0.3, seed=3), L.Activation("swish")])(y),
            lambda: pick([L.Add, L.Concatenate])()([y, pick([s for s in seen if s.shape == y.shape] or [L.Conv2D(y.shape[-1], 1)(y)])]),
        ]
        y = pick(makers)()
        seen.append(y)
    y = L.BatchNormalization()(L.Dense(16)(L.GlobalAveragePooling2D()(y)))
    return keras.Model(x, L.Dense(3, activation="softmax")(y))


@pytest.mark.parametrize("kind", ["normalised", "separable", *range(8)])
@pytest.mark.parametrize("rows", [24, 26])
def test_training_in_blocks_keeps_every_bit(kind, rows, monkeypatch):
    """Two steps: the same weights with runs as without any pass, for any cache and thread count."""
    before, rng = native.get_threads(), np.random.default_rng(0)
    y = rng.integers(0, 3, rows)
    monkeypatch.setattr(modes, "share", lambda *_: native.get_threads())
    plans, chains = [], 0

    def trained(threads, cache, passes):
        native.set_threads(threads)
        monkeypatch.setattr(blocks, "CACHE", cache)
        keras.utils.set_random_seed(1)
        model = trainable(kind) if type(kind) is str else random_network(random.Random(kind))
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        with monkeypatch.context() as patched:
            patched.setattr(rewrite, "PASSES", passes)
            x = np.random.default_rng(0).standard_normal((rows, *model.input_shape[1:])).astype("float32")
            for _ in range(2):
                model.train_on_batch(x, y)
        plans.extend(plan for plan, _ in model.make_train_function().plans.values())
        return [w.tobytes() for w in model.get_weights()]

    try:
        want = trained(1, 1 << 20, [])
        for threads, cache in ((1, 1 << 13), (2, 1 << 13), (3, 1 << 15), (2, 1 << 16)):
            plans.clear()
            assert trained(threads, cache, rewrite.PASSES) == want, (threads, cache)
            chains += sum(row[0] == "chain" for plan in plans for row in plan.table)
        assert chains
    finally:
        native.set_threads(before)
