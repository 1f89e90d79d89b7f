"""BatchNormalization in a plan: few calls, bits, freezing, second derivatives, statistics of awkward data."""
import numpy as np
import pytest

import fastdl
from fastdl import layers, ops
from fastdl.core import modes, rewrite
from fastdl.core.plan import Plan
from fastdl.core.tensor import Tensor
from fastdl.primitives import elementwise, norm

X = np.random.default_rng(1).standard_normal((8, 6, 6, 5)).astype("float32")


def plan_of(layer, passes):
    trace, x = modes.Trace(), Tensor(None, X.shape, "float32")
    with modes.reading(trace):
        y = elementwise.relu(layer(x, training=True))
    return Plan(trace.nodes, [x], [y], passes=passes)


def test_relu_is_folded_though_the_averages_move_in_between():
    results = []
    for passes in ([], [rewrite.fold_epilogues]):
        layer = layers.BatchNormalization(momentum=0.7)
        layer.build(X.shape)
        layer.set_weights([np.linspace(-1, 2, 5), np.linspace(1, -1, 5), np.full(5, 0.3), np.full(5, 2.0)])
        plan = plan_of(layer, passes)
        assert ("relu" in [row[0] for row in plan.table]) == (not passes) and len(plan.steps) == 1
        plan.bind([X])
        plan.run()
        results.append([plan.results()[0]] + layer.get_weights())
    for plain, folded in zip(*results):
        assert plain.tobytes() == folded.tobytes()


def test_freezing_takes_effect_in_a_model_that_has_trained():
    model = fastdl.Sequential([layers.Input((6, 6, 5)), layers.BatchNormalization(momentum=0.5), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    y, bn = np.zeros((8, 1), "float32"), model.layers[0]
    model.train_on_batch(X, y)
    moved = bn.moving_mean.numpy().copy()
    assert np.abs(moved).max() > 0
    np.testing.assert_allclose(moved, 0.5 * X.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    bn.trainable = False
    model.compile("sgd", "mse")
    model.train_on_batch(X, y)
    np.testing.assert_array_equal(bn.moving_mean.numpy(), moved)
    assert len(model.trainable_weights) == 2


def test_second_derivative():
    rng = np.random.default_rng(0)
    x, gamma, beta = (Tensor(rng.standard_normal(s)) for s in ((7, 3), (3,), (3,)))
    v, e = rng.standard_normal((7, 3)), 1e-6

    def slope(x):
        with fastdl.GradientTape() as tape:
            tape.watch(x)
            y, mean, var = norm.batch_norm(x, gamma, beta, epsilon=0.1)
            z = ops.sum(y * y * y) + ops.sum(var * var * mean)
        return tape.gradient(z, x)

    with modes.Reference():
        with fastdl.GradientTape() as outer:
            outer.watch(x)
            along = ops.sum(slope(x) * Tensor(v))
        exact = outer.gradient(along, x).numpy()
        ahead, behind = (slope(Tensor(x.numpy() + s * e * v)).numpy() for s in (1, -1))
    np.testing.assert_allclose(exact, (ahead - behind) / (2 * e), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("offset, spread", [(1000.0, 0.1), (-3e5, 10.0), (0.0, 1e-3)])
def test_statistics_far_from_zero(offset, spread):
    x = (offset + spread * np.random.default_rng(2).standard_normal((20000, 3))).astype("float32")
    _, mean, var = norm.batch_norm(Tensor(x), Tensor(np.ones(3, "float32")), Tensor(np.zeros(3, "float32")))
    np.testing.assert_allclose(mean.numpy(), x.astype("float64").mean(0), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(var.numpy(), x.astype("float64").var(0), rtol=3e-4)


def test_messages():
    with pytest.raises(ValueError, match="ndim=4, found ndim=3"):
        layers.Conv2D(3, 3)(X[0])
    with pytest.raises(ValueError, match="groups must divide"):
        layers.Conv2D(3, 3, groups=2)
    with pytest.raises(ValueError, match="causal"):
        layers.Conv2D(3, 3, padding="causal")
    with pytest.raises(ValueError, match="smaller than its stride"):
        layers.Conv2DTranspose(3, 3, strides=2, output_padding=2)
    with pytest.raises(ValueError, match="leaves nothing"):
        layers.MaxPooling2D(7)(X)
    with pytest.raises(ValueError, match="leaves nothing"):
        layers.Cropping2D(3)(X)
    with pytest.raises(ValueError, match="channels"):
        layers.Conv2D(3, 3)(layers.Input((6, 6, None)))
    with pytest.raises(ValueError, match="groups must divide"):
        layers.GroupNormalization(2)(X)


def test_axes_of_both_signs_lay_the_weights_as_keras_does():
    """Keras sorts axis=[1, -1] as written: gamma (channels, height), which it then reads row by row as (height, channels)."""
    layer = layers.LayerNormalization(axis=[1, -1])
    x = np.random.default_rng(0).standard_normal((2, 4, 3, 5)).astype("float32")
    layer.build(x.shape)
    gamma, beta = np.arange(20.0).reshape(5, 4), np.arange(20.0, 0, -1).reshape(5, 4)
    layer.set_weights([gamma, beta])
    centred = x - x.mean((1, 3), keepdims=True)
    want = centred / np.sqrt(x.var((1, 3), keepdims=True) + 1e-3) * gamma.reshape(4, 1, 5) + beta.reshape(4, 1, 5)
    np.testing.assert_allclose(layer(x).numpy(), want, rtol=1e-5, atol=1e-5)
