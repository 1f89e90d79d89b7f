"""Two famous blocks in the functional API: a residual block and an Inception block, each in a small network. Twenty seconds.

    python examples/08_residual_inception.py [--quick]

He et al., Deep residual learning, 2015; Szegedy et al., Going deeper with convolutions, 2014.
"""
import sys

import fastdl as keras
from fastdl.datasets.mini import digits

layers = keras.layers


def residual(x, filters, strides=1):
    """y = relu(x + f(x)): where f has nothing to add, the block lets x through."""
    y = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
    y = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(y))
    y = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    if strides != 1 or x.shape[-1] != filters:                           # shapes differ: x takes a 1 x 1 convolution
        x = layers.Conv2D(filters, 1, strides, use_bias=False)(x)
    return layers.Activation("relu")(layers.add([x, y]))


def inception(x, filters):
    """y = [1x1 | 1x1 - 3x3 | 1x1 - 5x5 | pool - 1x1](x) side by side: the network chooses the size of its windows."""
    def conv(x, size):
        return layers.Conv2D(filters, size, padding="same", activation="relu")(x)
    return layers.concatenate([conv(x, 1), conv(conv(x, 1), 3), conv(conv(x, 1), 5),
                               conv(layers.MaxPooling2D(3, 1, padding="same")(x), 1)])


def network(block):
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(16, 5, 2, padding="same", activation="relu")(image)
    if block == "residual":
        x = residual(residual(x, 16), 32, strides=2)
    else:
        x = inception(layers.MaxPooling2D()(inception(x, 8)), 8)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name=block)


def main(quick=False):
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = [x[..., None].astype("float32") / 255 for x in (x_train, x_test)]
    found = {}
    for block in ("residual", "inception"):
        keras.utils.set_random_seed(0)
        model = network(block)
        model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, batch_size=64, epochs=2 if quick else 12, verbose=0)
        found[block] = model.evaluate(x_test, y_test, verbose=0)[1]
        print(f"{block:>9}: test accuracy {found[block]:.3f} with {model.count_params():,} parameters in {len(model.layers)} layers")
    return found


if __name__ == "__main__":
    main("--quick" in sys.argv)
