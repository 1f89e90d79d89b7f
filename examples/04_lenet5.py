"""LeNet-5 of 1998 on the bundled digits: what read the cheques, layer by layer. About ten seconds.

    python examples/04_lenet5.py [--quick]

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, 1998.
"""
import sys

import fastdl as keras
from fastdl.datasets.mini import digits

layers = keras.layers


def lenet5(pooling=layers.AveragePooling2D, activation="tanh"):
    """61,706 parameters. Modern taste: MaxPooling2D and "relu"."""
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(6, 5, padding="same", activation=activation, name="C1"),    # the paper's images are padded to 32 x 32
        pooling(name="S2"),
        layers.Conv2D(16, 5, activation=activation, name="C3"),
        pooling(name="S4"),
        layers.Conv2D(120, 5, activation=activation, name="C5"),                  # 5 x 5 on 5 x 5: a dense layer in disguise
        layers.Flatten(),
        layers.Dense(84, activation=activation, name="F6"),
        layers.Dense(10, activation="softmax", name="output"),
    ])


def main(quick=False):
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = [x[..., None].astype("float32") / 255 for x in (x_train, x_test)]
    found = {}
    for name, arguments in (("1998", {}), ("today", dict(pooling=layers.MaxPooling2D, activation="relu"))):
        keras.utils.set_random_seed(1)
        model = lenet5(**arguments)
        if not found:
            model.summary()
        model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, batch_size=64, epochs=2 if quick else 12, validation_split=0.1, verbose=0)
        found[name] = model.evaluate(x_test, y_test, verbose=0)[1]
        print(f"{name:>6}: test accuracy {found[name]:.3f} with {model.count_params():,} parameters")
    return found


if __name__ == "__main__":
    main("--quick" in sys.argv)
