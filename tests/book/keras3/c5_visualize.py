"""Chapter 5.4, what a convnet sees: activations, the pattern a filter asks for, the heat of a class."""
import numpy as np

import keras
from keras import layers, ops

from book_data import fashion
from fastdl import GradientTape                                              # Keras 3 takes the tape of its backend

keras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = fashion.load_data()
x, x_test = [a[..., None].astype("float32") / 255 for a in (x, x_test)]
image = keras.Input((28, 28, 1))
h = layers.Conv2D(16, 3, activation="relu", padding="same", name="conv1")(image)
h = layers.MaxPooling2D(name="pool1")(h)
h = layers.Conv2D(32, 3, activation="relu", padding="same", name="conv2")(h)
h = layers.Conv2D(64, 3, activation="relu", padding="same", name="conv3")(h)
scores = layers.Dense(10, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(h))
model = keras.Model(image, scores)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=5, batch_size=32, verbose=0)
assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.6

# Activations of every layer of one image.
outputs = [layer.output for layer in model.layers[1:4]]
activations = keras.Model(model.inputs, outputs).predict(x_test[:1], verbose=0)
assert [a.shape for a in activations] == [(1, 28, 28, 16), (1, 14, 14, 16), (1, 14, 14, 32)]
np.testing.assert_array_equal(activations[1], activations[0].reshape(1, 14, 2, 14, 2, 16).max((2, 4)))

# Gradient ascent from noise: every step makes the filter answer more.
seen = keras.Model(model.inputs, model.get_layer("conv2").output)
channel = int(activations[2].mean((0, 1, 2)).argmax())
noise = ops.convert_to_tensor(np.random.default_rng(0).uniform(0.4, 0.6, (1, 28, 28, 1)).astype("float32"))
answers = []
for _ in range(20):
    with GradientTape() as tape:
        tape.watch(noise)
        answer = ops.mean(seen(noise)[:, :, :, channel])
    gradient = tape.gradient(answer, noise)
    noise = noise + gradient / (ops.sqrt(ops.mean(ops.square(gradient))) + 1e-5) * 0.1
    answers.append(float(answer))
assert answers[-1] > 2 * answers[0] > 0 and np.mean(np.diff(answers) > 0) > 0.9, answers

# Grad-CAM: a boot without its hottest places is less of a boot than one without as many other places.
maps_of = keras.Model(model.inputs, model.get_layer("conv3").output)
features = keras.Input((14, 14, 64))
head = keras.Model(features, model.get_layer("scores")(layers.GlobalAveragePooling2D()(features)))
boots = x_test[y_test == 9][:40]
maps = maps_of(boots)
with GradientTape() as tape:
    tape.watch(maps)
    score = ops.sum(ops.log(head(maps)[:, 9]))
weights = ops.mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
heat = np.array(ops.relu(ops.sum(maps * weights, axis=-1)))
rank = heat.reshape(len(boots), -1).argsort(1, kind="stable").argsort(1).reshape(heat.shape).repeat(2, 1).repeat(2, 2)[..., None]
sure = [model.predict(np.where(hidden, 0, boots), verbose=0)[:, 9].mean() for hidden in (rank < 0, rank >= 147, rank < 49)]
assert heat.min() >= 0 and sure[1] < 0.8 * sure[0] and sure[1] < sure[2], sure
