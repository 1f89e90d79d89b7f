"""Where the same name means another number in Keras 2: each era against its formula written out in NumPy (float64)."""
import pathlib

import numpy as np
import pytest

import fastdl
import fastdl.backend as K
from fastdl import activations, layers, optimizers

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "keras2.npz")


@pytest.fixture(params=["keras2", "keras3"])
def era(request):
    before = fastdl.config.compat()
    fastdl.config.set_compat(request.param)
    yield request.param
    fastdl.config.set_compat(before)


def walk(optimizer, grads, start=1.0):
    """The variable after a step with each of these gradients."""
    v = fastdl.Variable(np.full(3, start, "float32"))
    for g in grads:
        optimizer.apply([fastdl.ops.convert_to_tensor(np.asarray(g, "float32"))], [v])
    return v.numpy().astype("float64")


GRADS = [np.array([1e-4, 3e-8, -2.0]), np.array([-1e-5, 1e-7, 0.5]), np.array([2e-4, 5e-8, 0.0])]


def test_rmsprop_epsilon(era):
    w, v = np.ones(3), np.zeros(3)
    for g in GRADS:
        v = 0.9 * v + 0.1 * g * g
        w = w - 0.001 * (g / (np.sqrt(v) + 1e-8) if era == "keras2" else g / np.sqrt(v + 1e-7))
    assert np.allclose(walk(optimizers.RMSprop(), GRADS), w, rtol=3e-7, atol=0)


def test_adagrad_epsilon_and_defaults(era):
    w, a = np.ones(3), np.full(3, 0.0 if era == "keras2" else 0.1)
    for g in GRADS:
        a = a + g * g
        w = w - (0.01 * g / (np.sqrt(a) + 1e-8) if era == "keras2" else 0.001 * g / np.sqrt(a + 1e-7))
    assert np.allclose(walk(optimizers.Adagrad(), GRADS), w, rtol=3e-7, atol=0)


def test_adam_epsilon(era):
    w, m, v, epsilon = np.ones(3), np.zeros(3), np.zeros(3), 1e-8 if era == "keras2" else 1e-7
    for t, g in enumerate(GRADS, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - 0.001 * np.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t) * m / (np.sqrt(v) + epsilon)
    assert np.allclose(walk(optimizers.Adam(), GRADS), w, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adam"])
def test_decay_divides_the_rate(era, name):
    """lr / (1 + decay k) at step k: the steps are those of an optimizer whose rate is set by hand before each."""
    by_decay = walk(getattr(optimizers, name)(lr=0.1, decay=0.5), [np.ones(3)] * 3)
    by_hand, v = getattr(optimizers, name)(learning_rate=0.1), fastdl.Variable(np.ones(3, "float32"))
    for k in range(3):
        by_hand.learning_rate = 0.1 / (1 + 0.5 * k)
        by_hand.apply([fastdl.ops.ones(3)], [v])
    assert np.allclose(by_decay, v.numpy(), rtol=1e-6)


def test_hard_sigmoid(era):
    x = np.linspace(-4, 4, 17)
    y = np.clip(0.2 * x + 0.5 if era == "keras2" else x / 6 + 0.5, 0, 1)
    assert np.allclose(activations.get("hard_sigmoid")(x.astype("float32")), y, atol=1e-7)
    assert np.allclose(layers.Activation("hard_sigmoid")(x.astype("float32")), y, atol=1e-7)


def sigma(x, era):
    return np.clip(0.2 * x + 0.5, 0, 1) if era == "keras2" else 1 / (1 + np.exp(-x))


def test_gru_reset_after(era):
    layer = layers.GRU(3, bias_initializer="random_normal")
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    y = layer(x)
    w, u, b = (a.astype("float64") for a in layer.get_weights())
    assert b.shape == ((9,) if era == "keras2" else (2, 9))
    given, recurrent = (b, np.zeros(9)) if era == "keras2" else b
    h = np.zeros((2, 3))
    for t in range(5):
        xz, xr, xh = np.split(x[:, t] @ w + given, 3, axis=-1)
        uz, ur, uh = np.split(u, 3, axis=-1)
        rz, rr, rh = np.split(recurrent, 3)
        z, r = sigma(xz + h @ uz + rz, era), sigma(xr + h @ ur + rr, era)
        new = np.tanh(xh + ((r * h) @ uh if era == "keras2" else r * (h @ uh + rh)))
        h = z * h + (1 - z) * new
    assert np.allclose(y, h, atol=1e-6)


def test_lstm_gates(era):
    layer = layers.LSTM(3)
    x = np.random.default_rng(1).normal(size=(2, 5, 4)).astype("float32")
    y = layer(x)
    w, u, b = (a.astype("float64") for a in layer.get_weights())
    h = c = np.zeros((2, 3))
    for t in range(5):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=-1)
        c = sigma(f, era) * c + sigma(i, era) * np.tanh(g)
        h = sigma(o, era) * np.tanh(c)
    assert np.allclose(y, h, atol=1e-6)


def test_frozen_batch_normalization_in_training(era):
    layer = layers.BatchNormalization()
    x = np.random.default_rng(2).normal(3, 2, (64, 2)).astype("float32")
    layer.build(x.shape)
    layer.trainable = False
    mean, variance = (x.mean(0), x.var(0)) if era == "keras2" else (0.0, 1.0)        # Keras 3: the moving ones, at their start
    assert np.allclose(layer(x, training=True), (x - mean) / np.sqrt(variance + 1e-3), atol=1e-5)
    assert np.array_equal(layer.moving_mean.numpy(), [0, 0])


def test_accuracy_and_error_keys(era):
    model = fastdl.Sequential([layers.Dense(1, activation="sigmoid", input_shape=(2,))])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "mae"])
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), validation_split=0.5, verbose=0).history
    names = ["acc", "mean_absolute_error"] if era == "keras2" else ["accuracy", "mae"]
    shown = ["loss", *names] if era == "keras2" else sorted(["loss", *names])
    assert list(history) == shown + ["val_" + n for n in shown]
    assert all(history["val_" + n] for n in ("acc", "accuracy", "mae", "mean_absolute_error"))


def test_ctc_batch_cost_and_decode():
    g = GOLDEN
    assert np.allclose(K.ctc_batch_cost(g["labels"], g["p"], g["steps"], g["length"]), g["cost"], rtol=1e-6)
    for greedy, name in ((True, "greedy"), (False, "beam")):
        decoded, score = K.ctc_decode(g["p"], g["steps"][:, 0], greedy=greedy, beam_width=20, top_paths=2)
        assert len(decoded) == (1 if greedy else 2)
        assert all(np.array_equal(d, g[f"{name}_{k}"]) for k, d in enumerate(decoded))
        assert np.allclose(score, g[name + "_score"], rtol=1e-6)


def test_ctc_batch_cost_in_a_graph():
    p, y, steps, length = (layers.Input(s) for s in ((7, 5), (3,), (1,), (1,)))
    run = K.function([y, p, steps, length], [K.ctc_batch_cost(y, p, steps, length)])
    assert np.allclose(run([GOLDEN[k] for k in ("labels", "p", "steps", "length")])[0], GOLDEN["cost"], rtol=1e-6)


def test_a_discriminator_frozen_after_compile_still_trains():
    """Both models compiled: the discriminator alone learns, and stays as it is inside the gan compiled after the freeze."""
    discriminator = fastdl.Sequential([layers.Dense(1, activation="sigmoid", input_shape=(2,))])
    discriminator.compile("sgd", "binary_crossentropy")
    discriminator.trainable = False
    noise = layers.Input((3,))
    generator = fastdl.Sequential([layers.Dense(2, input_shape=(3,))])
    gan = fastdl.Model(noise, discriminator(generator(noise)))
    gan.compile("sgd", "binary_crossentropy")
    ours, theirs = discriminator.get_weights()[0].copy(), generator.get_weights()[0].copy()
    gan.train_on_batch(np.ones((4, 3)), np.ones((4, 1)))
    assert np.array_equal(discriminator.get_weights()[0], ours) and not np.array_equal(generator.get_weights()[0], theirs)
    discriminator.train_on_batch(np.ones((4, 2)), np.zeros((4, 1)))
    assert not np.array_equal(discriminator.get_weights()[0], ours)


def test_a_layer_frozen_after_compile(era):
    """compile() decides which weights train; Keras 3 obeys at once."""
    model = fastdl.Sequential([layers.Dense(2, input_shape=(2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()[0].copy()
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert np.array_equal(model.layers[0].get_weights()[0], before) == (era == "keras3")
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()[0].copy()
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert np.array_equal(model.layers[0].get_weights()[0], before)
