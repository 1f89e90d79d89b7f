"""Chapter 7.2, callbacks: stop early, keep the best, lower the rate, and one of your own that looks inside the network."""
import os
import tempfile

import numpy as np

import keras
from keras import callbacks, layers

from book_data import digits

keras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = digits.load_data()
x, x_test = [a.reshape(-1, 784).astype("float32") / 255 for a in (x, x_test)]
folder = tempfile.mkdtemp()
best, log = os.path.join(folder, "best.keras"), os.path.join(folder, "log.csv")


class ActivationLogger(callbacks.Callback):
    """Writes the activations of every layer for the first validation sample, an epoch a file."""

    def __init__(self, sample):
        super().__init__()
        self.sample = sample

    def set_model(self, model):
        super().set_model(model)
        self.activations = keras.Model(model.inputs, [layer.output for layer in model.layers])

    def on_epoch_end(self, epoch, logs=None):
        values = self.activations.predict(self.sample, verbose=0)
        np.savez(os.path.join(folder, f"activations_{epoch}.npz"), *values)


class LossHistory(callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses, self.order = [], ["train"]

    def on_epoch_begin(self, epoch, logs=None):
        self.order.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


model = keras.Sequential([keras.Input((784,)), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")])
model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["acc"])
seen = LossHistory()
history = model.fit(x[:2000], y[:2000], epochs=40, batch_size=100, validation_data=(x_test, y_test), verbose=0, callbacks=[
    callbacks.EarlyStopping(monitor="val_loss", patience=5),
    callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True),
    callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.1, patience=2),
    callbacks.CSVLogger(log),
    ActivationLogger(x_test[:1]), seen])

epochs = len(history.epoch)
assert epochs < 40 and len(seen.losses) == 20 * epochs and seen.order == ["train", *range(epochs)]
assert seen.losses[-1] < 0.5 * seen.losses[0]
assert float(np.array(model.optimizer.learning_rate)) < 0.0021
lowest = min(history.history["val_loss"])
assert history.history["val_loss"].index(lowest) <= epochs - 4
loss, accuracy = keras.models.load_model(best).evaluate(x_test, y_test, verbose=0)
assert abs(loss - lowest) < 1e-5 and accuracy > 0.88, (loss, lowest, accuracy)
with open(log) as file:
    rows = file.read().split()
assert len(rows) == epochs + 1 and rows[0].startswith("epoch,acc,l"), rows[0]
first = np.load(os.path.join(folder, f"activations_{epochs - 1}.npz"))
assert [first[k].shape for k in first.files] == [(1, 64), (1, 10)]
np.testing.assert_allclose(first["arr_1"], model.predict(x_test[:1], verbose=0), atol=1e-6)
