"""Long sequences: attention without the matrix of its scores, gradients that arrive through 500 steps, memory that stays small."""
import tracemalloc

import numpy as np
import pytest

import fastdl as keras
from fastdl import layers, ops
from fastdl.core import native
from fastdl.core.tape import GradientTape


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def peak(fn):
    tracemalloc.start()
    try:
        fn()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def attend(q, k, v, weight, **how):
    """(y, [dq, dk, dv]) of sum(weight * attention)"""
    q, k, v = (ops.convert_to_tensor(t) for t in (q, k, v))
    with GradientTape() as tape:
        for t in (q, k, v):
            tape.watch(t)
        y = ops.dot_product_attention(q, k, v, **how)
        total = ops.sum(ops.multiply(y, weight))
    return y.numpy(), [g.numpy() for g in tape.gradient(total, [q, k, v])]


@pytest.mark.parametrize("how", [dict(), dict(is_causal=True), dict(scale=0.3, mask="holes"), dict(is_causal=True, mask="keys")], ids=str)
@pytest.mark.parametrize("heads", [(2, 2), (4, 1)])
def test_tiles_say_what_the_whole_matrix_says(how, heads):
    """A bias of zeros takes the way through the matrix of scores."""
    H, Hk = heads
    q, k, v, weight = numbers(2, 75, H, 8), numbers(2, 130, Hk, 8, seed=1), numbers(2, 130, Hk, 5, seed=2), numbers(2, 75, H, 5, seed=3)
    how = dict(how)
    if "mask" in how:
        rng = np.random.default_rng(4)
        how["mask"] = rng.random((2, 1, 75, 130)) < 0.7 if how["mask"] == "holes" else rng.random((2, 1, 1, 130)) < 0.7
        how["mask"][0, 0, 0] = False                                   # a query that sees nothing
    y, grads = attend(q, k, v, weight, **how)
    want, wanted = attend(q, k, v, weight, bias=np.zeros((1, 1, 75, 130), "float32"), **how)
    np.testing.assert_allclose(y, want, rtol=1e-5, atol=2e-6)
    for a, b in zip(grads, wanted):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_attention_never_holds_the_matrix_of_scores():
    q = numbers(1, 1500, 2, 8)
    matrix = 1500 * 1500 * 2 * 4
    assert peak(lambda: attend(q, q, q, numbers(1, 1500, 2, 8))) < matrix / 4


def test_scores_too_large_for_exp_and_a_row_of_nan():
    q = numbers(1, 9, 1, 4) * 100
    assert np.isfinite(attend(q, q, q, 1.0)[0]).all()
    q[0, 3] = np.nan
    y = ops.dot_product_attention(q, numbers(1, 9, 1, 4), numbers(1, 9, 1, 4)).numpy()
    assert np.isnan(y[0, 3]).all() and np.isfinite(np.delete(y, 3, axis=1)).all()


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_gradients_arrive_through_500_steps_with_equal_bits_for_any_threads(kind):
    x = ops.convert_to_tensor(numbers(40, 500, 4))
    layer = getattr(layers, kind)(8)
    layer.build(x.shape)
    threads, seen = native.get_threads(), []
    try:
        for nt in (1, 2, 3):
            native.set_threads(nt)
            with GradientTape() as tape:
                tape.watch(x)
                loss = ops.sum(ops.square(layer(x)))
            seen.append([g.numpy() for g in tape.gradient(loss, [x, *layer.trainable_variables])])
    finally:
        native.set_threads(threads)
    assert all(np.isfinite(g).all() for g in seen[0])
    assert np.abs(seen[0][0][:, -1]).min(axis=-1).max() > 0 and all(np.abs(g).max() > 0 for g in seen[0])
    for other in seen[1:]:
        assert all((a == b).all() for a, b in zip(seen[0], other))


def test_a_masked_bidirectional_layer_of_500_steps_is_a_handful_of_calls():
    model = keras.Sequential([keras.Input((500,), dtype="int32"), layers.Embedding(50, 4, mask_zero=True),
                              layers.Bidirectional(layers.LSTM(4, return_sequences=True)), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile("rmsprop", "mse")
    x = np.random.default_rng(0).integers(0, 3, (4, 500)).astype("int32")
    with GradientTape() as tape:
        loss = ops.sum(model(x, training=True))
    assert len(tape.entries) < 200
    assert all(np.isfinite(g.numpy()).all() for g in tape.gradient(loss, model.trainable_variables[1:]))
    assert np.isfinite(model.train_on_batch(x, np.ones((4, 1), "float32")))


@pytest.mark.parametrize("kind,states", [("SimpleRNN", 1), ("GRU", 5), ("LSTM", 6)])
def test_a_step_keeps_the_states_and_gates_of_its_sequences_and_little_else(kind, states):
    batch, time, units = 64, 500, 16
    model = keras.Sequential([keras.Input((time,), dtype="int32"), layers.Embedding(100, units), getattr(layers, kind)(units), layers.Dense(1)])
    model.compile("rmsprop", "mse")
    x, y = np.zeros((batch, time), "int32"), np.zeros((batch, 1), "float32")
    sequence = batch * time * units * 4
    assert peak(lambda: model.train_on_batch(x, y)) < (states + 2 + 1.5) * sequence         # + embedded words and their gradient
