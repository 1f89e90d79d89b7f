"""Chapter 3.4, two classes: sentences as bags of words, the epoch chosen on a validation set."""
import numpy as np

import keras
from keras import layers, losses, metrics, optimizers

from book_data import sequences

keras.utils.set_random_seed(0)
(train_data, train_labels), (test_data, test_labels) = sequences(num_words=2000)


def vectorize(rows, dimension=2000):
    results = np.zeros((len(rows), dimension), "float32")
    for k, row in enumerate(rows):
        results[k, row] = 1.0
    return results


def network():
    model = keras.Sequential([
        keras.Input((2000,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(optimizer=optimizers.RMSprop(learning_rate=0.001), loss=losses.binary_crossentropy,
                  metrics=[metrics.binary_accuracy])
    return model


x_train, x_test = vectorize(train_data), vectorize(test_data)
y_train, y_test = np.asarray(train_labels, "float32"), np.asarray(test_labels, "float32")
history = network().fit(x_train[500:], y_train[500:], epochs=20, batch_size=128, verbose=0,
                        validation_data=(x_train[:500], y_train[:500])).history
assert sorted(history) == ["binary_accuracy", "loss", "val_binary_accuracy", "val_loss"]
assert history["loss"][-1] < 0.1 < min(history["val_loss"])             # it learns the training part by heart
best = int(np.argmin(history["val_loss"])) + 1

model = network()
model.fit(x_train, y_train, epochs=best, batch_size=128, verbose=0)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
assert accuracy > 0.87, accuracy
answers = model.predict(x_test, verbose=0)
assert answers.shape == (1000, 1) and answers.min() < 0.05 and answers.max() > 0.95
