"""A network that reads handwritten digits: build, train, score, look at its mistakes. About five seconds.

    python examples/01_digits.py
"""
import numpy as np

import fastdl as keras
from fastdl.datasets.mini import digits

keras.utils.set_random_seed(42)                      # the same numbers for everyone, on any number of threads
(x_train, y_train), (x_test, y_test) = digits.load_data()
x_train, x_test = x_train.reshape(-1, 784) / 255, x_test.reshape(-1, 784) / 255

model = keras.Sequential([
    keras.Input((784,)),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(512, activation="relu"),
    keras.layers.Dropout(0.4),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=15, batch_size=64, validation_split=0.1)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
guesses = model.predict(x_test, verbose=0).argmax(1)
wrong = np.flatnonzero(guesses != y_test)
print(f"test accuracy {accuracy:.3f}; the first mistakes:", [(int(y_test[k]), "read as", int(guesses[k])) for k in wrong[:5]])
