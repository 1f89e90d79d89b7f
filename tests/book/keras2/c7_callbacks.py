"""Chapter 7.2 as of 2017: callbacks with monitor='acc', a callback that keeps validation data, .h5 files."""
import os
import tempfile

import numpy as np

import keras
from keras import layers, models

from book_data import digits

(x, y), (x_test, y_test) = digits.load_data()
x, x_test = [a.reshape(-1, 784).astype('float32') / 255 for a in (x, x_test)]
best = os.path.join(tempfile.mkdtemp(), 'my_model.h5')


class ActivationLogger(keras.callbacks.Callback):
    def set_model(self, model):
        self.model = model
        self.activations_model = keras.models.Model(model.input, [layer.output for layer in model.layers])
        self.kept = []

    def on_epoch_end(self, epoch, logs=None):
        self.kept.append(self.activations_model.predict(x_test[0:1]))


model = models.Sequential()
model.add(layers.Dense(64, activation='relu', input_shape=(784,)))
model.add(layers.Dense(10, activation='softmax'))
model.compile(optimizer='rmsprop', loss='sparse_categorical_crossentropy', metrics=['acc'])
logger = ActivationLogger()
callbacks_list = [
    keras.callbacks.EarlyStopping(monitor='acc', patience=3),
    keras.callbacks.ModelCheckpoint(filepath=best, monitor='val_loss', save_best_only=True),
    keras.callbacks.ReduceLROnPlateau(monitor='val_loss', factor=0.1, patience=2),
    keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs['val_acc']),
    logger]
history = model.fit(x[:2000], y[:2000], epochs=30, batch_size=100, validation_data=(x_test, y_test), callbacks=callbacks_list, verbose=0)
assert len(logger.kept) == len(history.epoch) and [a.shape for a in logger.kept[0]] == [(1, 64), (1, 10)]
loss, acc = models.load_model(best).evaluate(x_test, y_test, verbose=0)
assert abs(loss - min(history.history['val_loss'])) < 1e-5 and acc > 0.88, (loss, acc)
assert np.isclose(max(history.history['val_acc']), acc, atol=0.02)
