"""A plan gives eager's bits, for any number of threads, and its live buffers never overlap."""
import warnings

import numpy as np
import pytest

from fastdl import GradientTape, Variable, function, ops
from fastdl.core import native

RNG = np.random.default_rng(7)
W1, W2 = (RNG.standard_normal(s).astype("float32") * 0.1 for s in ((97, 65), (65, 10)))
X = RNG.standard_normal((33, 97)).astype("float32")
Y = RNG.integers(0, 10, 33).astype("int32")


def step(w1, w2, x, y):
    with GradientTape() as tape:
        logits = ops.matmul(ops.relu(ops.matmul(x, w1)), w2)
        loss = ops.mean(ops.sparse_categorical_crossentropy(y, logits, from_logits=True))
    g1, g2 = tape.gradient(loss, [w1, w2])
    w1.assign_sub(0.1 * g1)
    w2.assign_sub(0.1 * g2)
    return loss


def train(how, threads, steps=5):
    before = native.get_threads()
    native.set_threads(threads)
    try:
        w1, w2 = Variable(W1), Variable(W2)
        run = how(lambda x, y: step(w1, w2, x, y))
        x, y = ops.convert_to_tensor(X), ops.convert_to_tensor(Y)
        losses = [float(run(x, y)) for _ in range(steps)]
        return losses, w1.numpy().copy(), w2.numpy().copy()
    finally:
        native.set_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_plan_equals_eager_bit_for_bit(threads):
    want = train(lambda f: f, 1)
    got = train(function, threads)
    assert got[0] == want[0] and got[0][-1] < got[0][0]
    for a, b in zip(got[1:], want[1:]):
        assert a.tobytes() == b.tobytes()


def test_one_plan_a_signature():
    f = function(lambda x: ops.relu(x) + 1.0)
    for n in (3, 3, 5):
        assert f(np.full((n,), -1.0, "float32")).numpy().tolist() == [1.0] * n
    assert len(f.plans) == 2


def test_a_function_that_reads_values_runs_eagerly_and_says_so_once():
    f = function(lambda x: x if float(ops.sum(x)) > 0 else -x)
    with pytest.warns(UserWarning, match="run_eagerly=True"):
        assert f(np.full(3, -1.0, "float32")).numpy().tolist() == [1.0] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(np.full(3, 2.0, "float32")).numpy().tolist() == [2.0] * 3


def test_live_arena_ranges_never_overlap():
    w1, w2 = Variable(W1), Variable(W2)
    f = function(lambda x, y: step(w1, w2, x, y))
    f(ops.convert_to_tensor(X), ops.convert_to_tensor(Y))
    plan = next(iter(f.plans.values()))[0]
    live = plan.lifetimes
    assert len(live) > 5
    for k, (a0, a1, at, n) in enumerate(live):
        for b0, b1, bt, m in live[k + 1:]:
            if a0 <= b1 and b0 <= a1:
                assert at + n <= bt or bt + m <= at


def test_kept_weights_follow_every_write():
    """A predict plan keeps transformed weights from run to run; assignment, training and numpy() make it look again."""
    import fastdl as keras
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 9, 9, 16)).astype("float32")
    layers = [keras.layers.Conv2D(16, 3, padding="same"), keras.layers.Conv2D(24, 3, strides=2), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((9, 9, 16)), *layers])
    model.compile("sgd", "mse")
    exact = lambda: model(x).numpy()                    # eager: transforms anew

    def check():
        np.testing.assert_array_equal(model.predict(x, verbose=0), exact())

    check()
    kept = layers[0].kernel.prepared
    stamp = [entry[0] for entry in kept.values()]
    assert kept and layers[1].kernel.prepared
    model.predict(x, verbose=0)
    assert [entry[0] for entry in kept.values()] == stamp
    layers[0].kernel.assign(layers[0].kernel * 2.0)
    check()
    model.fit(x, np.ones((3, 1), "float32"), epochs=1, verbose=0)
    check()
    model.set_weights([-w for w in model.get_weights()])
    check()
    layers[1].kernel.numpy()[...] = 0.5
    check()
