"""Chapter 3.5, eight classes: labels one-hot or as numbers, and what too narrow a layer costs."""
import numpy as np

import keras
from keras import layers
from keras.utils import to_categorical

from book_data import artworks

rows, labels = artworks(num_words=1500)
x = np.zeros((len(rows), 1500), "float32")
for k, row in enumerate(rows):
    x[k, row] = 1.0
(x_train, x_test), (y_train, y_test) = np.split(x, [2200]), np.split(labels, [2200])


def accuracy(middle, loss, y, y_new):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((1500,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(middle, activation="relu"),
        layers.Dense(8, activation="softmax"),
    ])
    model.compile(optimizer="rmsprop", loss=loss, metrics=["accuracy"])
    history = model.fit(x_train, y, epochs=12, batch_size=128, validation_data=(x_test, y_new), verbose=0).history
    assert len(history["val_accuracy"]) == 12 and history["accuracy"][-1] > history["accuracy"][0]
    probabilities = model.predict(x_test, verbose=0)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    return model.evaluate(x_test, y_new, verbose=0)[1]


wide = accuracy(64, "categorical_crossentropy", to_categorical(y_train), to_categorical(y_test))
same = accuracy(64, "sparse_categorical_crossentropy", y_train, y_test)
narrow = accuracy(2, "sparse_categorical_crossentropy", y_train, y_test)
majority = np.bincount(y_test).max() / len(y_test)
assert wide > majority + 0.3, (wide, majority)
assert abs(wide - same) < 0.01 and narrow < wide - 0.02, (wide, same, narrow)
