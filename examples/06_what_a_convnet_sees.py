"""What a convnet sees: activations, the pattern each filter asks for, and where a decision comes from. Twenty seconds.

    python examples/06_what_a_convnet_sees.py [--quick]

Activations are outputs of inner layers. A filter's pattern is the image that excites it most, found by gradient ascent.
The class activation map (Grad-CAM, Selvaraju et al., 2017) weighs the last feature maps by the class's gradient.
"""
import sys

import numpy as np

import fastdl as keras
import pictures
from fastdl import GradientTape, ops
from fastdl.datasets.mini import fashion

layers = keras.layers


def trained(quick):
    """A convnet for clothes with global average pooling, so that its last feature maps still know places."""
    (x, y), (x_test, y_test) = fashion.load_data()
    x, x_test = [a[..., None].astype("float32") / 255 for a in (x, x_test)]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, activation="relu", padding="same", name="conv_1"), layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu", padding="same", name="conv_2"),
        layers.Conv2D(64, 3, activation="relu", padding="same", name="conv_3"),
        layers.GlobalAveragePooling2D(), layers.Dense(10, name="scores"), layers.Softmax(),
    ])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=64, epochs=3 if quick else 15, verbose=0)
    print(f"test accuracy {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
    return model, x_test, y_test


def pattern(model, layer, channel, steps=40, rate=1.0):
    """x <- x + rate * g / |g|, g = d mean(layer's channel) / d x: the image that this filter answers to most."""
    seen = keras.Model(model.inputs, model.get_layer(layer).output)
    x = ops.convert_to_tensor(np.random.default_rng(0).uniform(0.45, 0.55, (1, 28, 28, 1)).astype("float32"))
    answers = []
    for _ in range(steps):
        with GradientTape() as tape:
            tape.watch(x)
            answer = ops.mean(seen(x)[..., channel])
        g = tape.gradient(answer, x)
        x = x + rate * g / (ops.sqrt(ops.sum(ops.square(g))) + 1e-7)
        answers.append(float(answer))
    return np.array(x)[0, ..., 0], answers


def class_map(model, layer, image, label):
    """map = relu(sum_c w_c A_c), w_c = the mean over places of d score[label] / d A_c, A = the layer's output"""
    both = keras.Model(model.inputs, [model.get_layer(layer).output, model.get_layer("scores").output])
    with GradientTape() as tape:
        x = ops.convert_to_tensor(image[None])
        tape.watch(x)
        maps, scores = both(x)
        score = scores[0, label]
    w = ops.mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
    return np.array(ops.relu(ops.sum(w * maps, axis=-1)))[0]


def main(quick=False):
    model, x, y = trained(quick)
    picked = [int(np.flatnonzero(y == c)[0]) for c in (9, 1, 8)]                     # a boot, trousers, a bag

    names = [layer.name for layer in model.layers if "conv" in layer.name]
    watch = keras.Model(model.inputs, [model.get_layer(n).output for n in names])
    activations = watch.predict(x[picked[:1]], verbose=0)
    pictures.save("06_activations.png", [[a[0, ..., c] for c in range(8)] for a in activations], row_names=names)

    rows, gains = [], []
    for name in names:
        found = [pattern(model, name, c, steps=10 if quick else 40) for c in range(8)]
        rows.append([image for image, _ in found])
        gains.append(np.mean([answers[-1] > answers[0] for _, answers in found]))
        print(f"{name}: gradient ascent excites {gains[-1]:.0%} of its first 8 filters more")
    pictures.save("06_filters.png", rows, row_names=names)

    rows, names = [], []
    for k in picked:
        heat = class_map(model, "conv_3", x[k], int(y[k]))
        heat = np.kron(heat, np.ones((2, 2)))                                        # 14 x 14 -> 28 x 28
        rows.append([x[k, ..., 0], heat, x[k, ..., 0] * heat / (heat.max() + 1e-7)])
        names.append(fashion.CLASSES[y[k]])
    pictures.save("06_class_activation.png", rows, row_names=names, titles=["image", "heat", "both"])
    return activations, gains, rows


if __name__ == "__main__":
    main("--quick" in sys.argv)
