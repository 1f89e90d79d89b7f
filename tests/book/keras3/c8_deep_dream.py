"""Chapter 8.2, deep dream: an image climbs the activations of inner layers, small sizes first."""
import numpy as np

import keras
from keras import layers, ops

from book_data import fashion, photos
from fastdl import GradientTape                                              # Keras 3 takes the tape of its backend

keras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = fashion.load_data()
x, x_test = [np.repeat(a[..., None], 3, -1).astype("float32") / 127.5 - 1 for a in (x, x_test)]
image = keras.Input((None, None, 3))
h = layers.Conv2D(16, 3, activation="relu", padding="same", name="mixed0")(image)
h = layers.Conv2D(16, 3, 2, activation="relu", padding="same", name="mixed1")(h)
h = layers.Conv2D(32, 3, 2, activation="relu", padding="same", name="mixed2")(h)
model = keras.Model(image, layers.Dense(10, activation="softmax")(layers.GlobalMaxPooling2D()(h)))
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=3, batch_size=64, verbose=0)
assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.5

contributions = {"mixed1": 1.0, "mixed2": 2.0}
inner = keras.Model(model.inputs, [model.get_layer(name).output for name in contributions])
inner.trainable = False


def compute_loss(image):
    """sum over layers of coefficient * mean of the squared activations, two pixels from the border away"""
    loss = ops.zeros(())
    for coefficient, activation in zip(contributions.values(), inner(image)):
        loss = loss + coefficient * ops.mean(ops.square(activation[:, 2:-2, 2:-2, :]))
    return loss


def gradient_ascent(image, steps, rate, limit):
    losses = []
    for _ in range(steps):
        with GradientTape() as tape:
            tape.watch(image)
            loss = compute_loss(image)
        g = tape.gradient(loss, image)
        image = image + rate * g / ops.maximum(ops.mean(ops.abs(g)), 1e-7)
        losses.append(float(loss))
        if losses[-1] > limit:
            break
    return image, losses


original = photos.load_data()["china"][:96, :96].astype("float32")[None] / 127.5 - 1


def shrunk(image, factor):
    n, h, w, c = image.shape
    return np.array(image).reshape(n, h // factor, factor, w // factor, factor, c).mean((2, 4))


def enlarged(image, factor):
    return np.array(image).repeat(factor, 1).repeat(factor, 2)


dream, gains = shrunk(original, 4), []
for factor in (4, 2, 1):
    dream, losses = gradient_ascent(ops.convert_to_tensor(dream), steps=10, rate=0.01, limit=1e9)
    gains.append(losses[-1] / losses[0])
    assert np.mean(np.diff(losses) > 0) > 0.8, losses
    if factor > 1:                                                           # enlarge, and put the lost detail back
        detail = shrunk(original, factor // 2) - enlarged(shrunk(original, factor), 2)
        dream = enlarged(dream, 2) + detail
assert dream.shape == (1, 96, 96, 3) and min(gains) > 1.1, gains
stopped, losses = gradient_ascent(ops.convert_to_tensor(original), steps=50, rate=0.05, limit=1.5 * float(compute_loss(original)))
assert len(losses) < 50
