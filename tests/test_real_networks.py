"""Real pretrained networks, written anew with public layers, with their stored weights: activations, outputs, gradients."""
import numpy as np
import pytest

import fastdl as keras

L = keras.layers
pytestmark = pytest.mark.shared_data


def close(got, want, most=1e-4):
    want = np.asarray(want)
    assert got.shape == want.shape
    assert np.abs(np.asarray(got) - want).max() <= most * max(1e-30, np.abs(want).max())


def mini_xception():
    """Octavio Arriaga's network for seven emotions: two convolutions, four separable blocks with skips."""
    def normal(x, n):
        return L.BatchNormalization(name=f"batch_normalization_{n}")(x)

    x = inputs = keras.Input((64, 64, 1), name="input_1")
    for k in (1, 2):
        x = L.Conv2D(8, 3, use_bias=False, name=f"conv2d_{k}")(x)
        x = L.Activation("relu", name=f"activation_{k}")(normal(x, k))
    for k, filters in enumerate((16, 32, 64, 128)):
        skip = L.Conv2D(filters, 1, strides=2, padding="same", use_bias=False, name=f"conv2d_{k + 3}")(x)
        skip = normal(skip, 3 * k + 3)
        x = L.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"separable_conv2d_{2 * k + 1}")(x)
        x = L.Activation("relu", name=f"activation_{k + 3}")(normal(x, 3 * k + 4))
        x = L.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"separable_conv2d_{2 * k + 2}")(x)
        x = L.MaxPooling2D(3, strides=2, padding="same", name=f"max_pooling2d_{k + 1}")(normal(x, 3 * k + 5))
        x = L.add([x, skip], name=f"add_{k + 1}")
    x = L.Conv2D(7, 3, padding="same", name="conv2d_7")(x)
    x = L.GlobalAveragePooling2D(name="global_average_pooling2d_1")(x)
    return keras.Model(inputs, L.Activation("softmax", name="predictions")(x))


def test_mini_xception(shared_data):
    folder = shared_data / "models" / "fer_mini_xception"
    golden = np.load(folder / "golden.npz")
    model = mini_xception()
    assert model.count_params() == 58423
    model.load_weights(folder / "emotion_model.hdf5", by_name=True)       # saved by Keras 2.0.5
    x = (golden["x_uint8"].astype("float32") / 255 - 0.5) * 2
    close(model.predict(x, verbose=0), golden["y"])
    names = [k for k in golden.files if k.startswith("act_")]
    inside = keras.Model(model.inputs, [model.get_layer(k[4:]).output for k in names])
    for name, got in zip(names, inside.predict(x[:2], verbose=0)):
        close(got, golden[name])
    wanted = np.load(folder / "golden_input_gradient.npz")
    for compiled in (False, True):
        def gradient(image):
            with keras.GradientTape() as tape:
                tape.watch(image)
                score = keras.ops.sum(keras.ops.max(model(image, training=False), axis=1))
            return score, tape.gradient(score, image)

        score, grad = (keras.function(gradient) if compiled else gradient)(keras.ops.convert_to_tensor(x[:2]))
        assert float(score) == pytest.approx(float(wanted["score"]), rel=1e-5)
        close(grad.numpy(), wanted["grad"])


def prelu(x, axes=(1, 2)):
    return L.PReLU(shared_axes=axes)(x)


def pnet():
    x = inputs = keras.Input((None, None, 3))
    x = L.MaxPooling2D(2, padding="same")(prelu(L.Conv2D(10, 3)(x)))
    x = prelu(L.Conv2D(32, 3)(prelu(L.Conv2D(16, 3)(x))))
    return keras.Model(inputs, [L.Conv2D(4, 1)(x), L.Conv2D(2, 1, activation="softmax")(x)])


def head(x, units):
    x = L.Flatten()(L.Permute((2, 1, 3))(x))
    return prelu(L.Dense(units)(x), None)


def rnet():
    x = inputs = keras.Input((24, 24, 3))
    x = L.MaxPooling2D(3, strides=2, padding="same")(prelu(L.Conv2D(28, 3)(x)))
    x = L.MaxPooling2D(3, strides=2)(prelu(L.Conv2D(48, 3)(x)))
    x = head(prelu(L.Conv2D(64, 2)(x)), 128)
    return keras.Model(inputs, [L.Dense(4)(x), L.Dense(2, activation="softmax")(x)])


def onet():
    x = inputs = keras.Input((48, 48, 3))
    x = L.MaxPooling2D(3, strides=2, padding="same")(prelu(L.Conv2D(32, 3)(x)))
    x = L.MaxPooling2D(3, strides=2)(prelu(L.Conv2D(64, 3)(x)))
    x = L.MaxPooling2D(2, padding="same")(prelu(L.Conv2D(64, 3)(x)))
    x = head(prelu(L.Conv2D(128, 2)(x)), 256)
    return keras.Model(inputs, [L.Dense(4)(x), L.Dense(10)(x), L.Dense(2, activation="softmax")(x)])


@pytest.mark.parametrize("build", [pnet, rnet, onet])
def test_mtcnn(build, shared_data):
    name, folder = build.__name__, shared_data / "models" / "mtcnn"
    golden, model = np.load(folder / "golden.npz"), build()
    stored = keras.models.load_model(folder / f"{name}.keras")
    assert [w.shape for w in stored.weights] == [w.shape for w in model.weights]
    model.set_weights(stored.get_weights())
    x = (golden[f"{name}_x_uint8"].astype("float32") - 127.5) * 0.0078125
    for k, got in enumerate(model.predict(x, verbose=0)):
        close(got, golden[f"{name}_y{k}"])
