"""Sliding windows for the price of one: a Dense head becomes convolutions and reads a whole strip at once. Ten seconds.

    python examples/09_sliding_windows.py [--quick]

Sermanet et al., OverFeat, 2013. The answers are those of cutting every window and asking the original network.
"""
import sys
import time

import numpy as np

import fastdl as keras
import pictures
from fastdl.datasets.mini import digits

layers = keras.layers
STRIDE = 2                                  # the network pools once by 2: windows start at every second column


def with_dense_head():
    """28 x 28 -> 10 probabilities"""
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax"),
    ])


def convolutional(model):
    """The same weights for images of any size: Dense on (12, 12, 16) is a 12 x 12 convolution, the next a 1 x 1 one."""
    anywhere = keras.Sequential([
        keras.Input((None, None, 1)),
        layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(64, 12, activation="relu"), layers.Conv2D(10, 1), layers.Softmax(),
    ])
    shapes = [w.shape for w in anywhere.get_weights()]
    anywhere.set_weights([w.reshape(shape) for w, shape in zip(model.get_weights(), shapes)])
    return anywhere


def main(quick=False):
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = [x[..., None].astype("float32") / 255 for x in (x_train, x_test)]
    keras.utils.set_random_seed(0)
    model = with_dense_head()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=64, epochs=2 if quick else 8, verbose=0)
    print(f"on single digits: test accuracy {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")

    strip = np.concatenate(list(x_test[:10]), axis=1)                    # ten digits side by side, (28, 280, 1)
    starts = range(0, strip.shape[1] - 28 + 1, STRIDE)
    cut = np.stack([strip[:, s:s + 28] for s in starts])
    anywhere = convolutional(model)
    answers, seconds = [], []
    for ask in (lambda: model.predict(cut, batch_size=len(cut), verbose=0), lambda: anywhere.predict(strip[None], verbose=0)[0, 0]):
        ask()
        started = time.perf_counter()
        answers.append(ask())
        seconds.append(time.perf_counter() - started)
    far = np.abs(answers[0] - answers[1]).max()
    print(f"{len(cut)} windows: cut {1e3 * seconds[0]:.1f} ms, by convolution {1e3 * seconds[1]:.1f} ms; largest difference {far:.1e}")
    read = answers[1][::28 // STRIDE].argmax(1)
    print("read:", *read, "  written:", *y_test[:10])
    pictures.save("09_sliding_windows.png", [[strip[..., 0]], [answers[1].T]], row_names=["strip", "digit"])
    return answers, read, y_test[:10]


if __name__ == "__main__":
    main("--quick" in sys.argv)
