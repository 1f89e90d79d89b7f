"""Chapter 8.3, style transfer: the content of one photograph with the Gram matrices of another."""
import numpy as np

import keras
from keras import layers, ops

from book_data import fashion, photos
from fastdl import GradientTape, Variable                                    # Keras 3 takes the tape of its backend

keras.utils.set_random_seed(0)
(x, y), _ = fashion.load_data()
x = np.repeat(x[..., None], 3, -1).astype("float32") / 64 - 1.7
image = keras.Input((None, None, 3))
h = image
for k, filters in enumerate((8, 16, 16), 1):
    h = layers.Conv2D(filters, 3, activation="relu", padding="same", name=f"block{k}_conv1")(h)
    h = layers.AveragePooling2D()(h)
model = keras.Model(image, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(h)))
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
assert model.fit(x, y, epochs=3, batch_size=64, verbose=0).history["accuracy"][-1] > 0.4
style_layers, content_layer = ["block1_conv1", "block2_conv1", "block3_conv1"], "block3_conv1"
features = keras.Model(image, [model.get_layer(name).output for name in style_layers])


def gram(x):
    rows = ops.reshape(ops.transpose(x, (2, 0, 1)), (x.shape[2], -1))
    return ops.matmul(rows, ops.transpose(rows))


def style_loss(style, combination):
    size = combination.shape[0] * combination.shape[1] * combination.shape[2]
    return ops.sum(ops.square(gram(style) - gram(combination))) / (4.0 * size ** 2)


def variation(x):
    a = ops.square(x[:, :-1, :-1, :] - x[:, 1:, :-1, :])
    b = ops.square(x[:, :-1, :-1, :] - x[:, :-1, 1:, :])
    return ops.sum(ops.power(a + b, 1.25))


pictures = photos.load_data()
content, style = [pictures[name][:64, 64:128].astype("float32")[None] / 64 - 1.7 for name in ("cat", "china")]
content_maps, style_maps = features(content), features(style)
combination = Variable(content)
optimizer = keras.optimizers.Adam(0.05)


def losses():
    maps = features(combination)
    styles = sum(style_loss(a[0], b[0]) for a, b in zip(style_maps, maps)) / len(style_layers)
    contents = ops.sum(ops.square(content_maps[-1] - maps[-1]))
    return styles, contents, variation(combination)


start = [float(value) for value in losses()]
scale = 1.0 / start[0]
total = []
for _ in range(60):
    with GradientTape() as tape:
        styles, contents, rough = losses()
        loss = scale * styles + 1e-6 * contents + 1e-6 * rough
    optimizer.apply_gradients([(tape.gradient(loss, combination), combination)])
    total.append(float(loss))
end = [float(value) for value in losses()]
assert end[0] < 0.35 * start[0], (start, end)
assert total[-1] < 0.4 * total[0] and start[1] == 0
far = np.abs(np.array(combination) - content).mean(), np.abs(style - content).mean()
assert 0.02 < far[0] < far[1], far                                               # changed, and still the cat
