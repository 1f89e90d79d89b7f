"""The book's convolutional network on the bundled digits, each batch shifted by up to two pixels. About ten seconds.

    python examples/03_convnet.py [epochs]
"""
import sys

import numpy as np

import fastdl as keras
from fastdl.datasets.mini import digits

layers = keras.layers


class Shifted(keras.utils.Sequence):
    """Batches of images moved by up to `most` pixels in each direction: more data for nothing."""

    def __init__(self, x, y, batch_size=64, most=2, seed=0):
        super().__init__()
        self.x, self.y, self.batch_size, self.most, self.rng = x, y, batch_size, most, np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))

    def __getitem__(self, k):
        rows, m = self.order[k * self.batch_size:(k + 1) * self.batch_size], self.most
        framed = np.pad(self.x[rows], ((0, 0), (m, m), (m, m), (0, 0)))
        corners = self.rng.integers(0, 2 * m + 1, (len(rows), 2))
        return np.stack([image[a:a + 28, b:b + 28] for image, (a, b) in zip(framed, corners)]), self.y[rows]


keras.utils.set_random_seed(42)
(x_train, y_train), (x_test, y_test) = digits.load_data()
x_train, x_test = [x.reshape(-1, 28, 28, 1).astype("float32") / 255 for x in (x_train, x_test)]
model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(64, 3, activation="relu"),
    layers.Flatten(), layers.Dropout(0.3), layers.Dense(64, activation="relu"), layers.Dropout(0.3),
    layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()
epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
model.fit(Shifted(x_train[:3600], y_train[:3600]), epochs=epochs, validation_data=(x_train[3600:], y_train[3600:]))
print("test accuracy", round(model.evaluate(x_test, y_test, verbose=0)[1], 4))
