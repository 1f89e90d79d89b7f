"""Chapter 3.6, a number: miles per gallon, by four-fold validation with a fresh model a fold."""
import numpy as np

import keras
from keras import layers

from book_data import cars

keras.utils.set_random_seed(0)
(train_data, train_targets), (test_data, test_targets) = cars()
mean, std = train_data.mean(axis=0), train_data.std(axis=0)
train_data, test_data = (train_data - mean) / std, (test_data - mean) / std


def build_model():
    model = keras.Sequential([
        keras.Input((train_data.shape[1],)),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),
    ])
    model.compile(optimizer=keras.optimizers.RMSprop(0.003), loss="mse", metrics=["mae"])
    return model


k, histories = 4, []
size = len(train_data) // k
for i in range(k):
    part = slice(i * size, (i + 1) * size)
    rest_x, rest_y = np.delete(train_data, part, axis=0), np.delete(train_targets, part, axis=0)
    history = build_model().fit(rest_x, rest_y, validation_data=(train_data[part], train_targets[part]),
                                epochs=40, batch_size=16, verbose=0)
    histories.append(history.history["val_mae"])
average = np.mean(histories, axis=0)
assert average.shape == (40,) and average[-10:].mean() < 2.8 < average[0], average

model = build_model()
model.fit(train_data, train_targets, epochs=int(average.argmin()) + 1, batch_size=16, verbose=0)
mse, mae = model.evaluate(test_data, test_targets, verbose=0)
guess_the_mean = np.abs(test_targets - train_targets.mean()).mean()
assert mae < 2.8 < guess_the_mean, (mae, guess_the_mean)
