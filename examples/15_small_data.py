"""The cats-and-dogs story with coats and pullovers: 200 photographs, in files, told apart in four ways. About ten seconds.

    python examples/15_small_data.py [--quick]

From scratch; with augmentation; on the features of a network that learned eight other kinds of clothes, computed once
and kept on disk; and with that network's last block fine-tuned.
"""
import pathlib
import sys
import tempfile

import numpy as np

import fastdl as keras
from fastdl.datasets.mini import fashion
from fastdl.preprocessing.image import ImageDataGenerator, save_img

layers = keras.layers
CATS, DOGS = fashion.CLASSES.index("pullover"), fashion.CLASSES.index("coat")


def write_folders(root, x, y, most):
    """root/coat/*.png and root/pullover/*.png, at most `most` files in each, as cats and dogs come."""
    for k in (CATS, DOGS):
        folder = pathlib.Path(root) / fashion.CLASSES[k]
        folder.mkdir(parents=True)
        for number, image in enumerate(x[y == k][:most]):
            save_img(folder / f"{number:04d}.png", image[..., None].astype("float32"), scale=False)


def base_network():
    model = keras.Sequential([keras.Input((28, 28, 1))], name="base")
    for block, filters in ((1, 16), (2, 32), (3, 32)):
        model.add(layers.Conv2D(filters, 3, activation="relu", padding="same", name=f"block{block}_conv"))
        model.add(layers.MaxPooling2D(name=f"block{block}_pool"))
    return model


def head(base=None, dropout=0.0):
    parts = [layers.Flatten(), layers.Dropout(dropout), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((28, 28, 1)), base, *parts] if base else [keras.Input((3, 3, 32)), *parts])


def compiled(model, rate=0.002):
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def pretrained(quick):
    """The base of a network that tells the eight other classes apart."""
    (x, y), _ = fashion.load_data()
    others = [k for k in range(10) if k not in (CATS, DOGS)]
    rows = np.isin(y, others)
    base = base_network()
    model = keras.Sequential([keras.Input((28, 28, 1)), base, layers.Flatten(), layers.Dropout(0.3), layers.Dense(8, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[rows, ..., None].astype("float32") / 255, np.searchsorted(others, y[rows]), batch_size=32,
              epochs=4 if quick else 12, verbose=0)
    return base


def main(quick=False):
    with tempfile.TemporaryDirectory() as root:
        return story(pathlib.Path(root), quick)


def story(root, quick):
    epochs = 8 if quick else 30
    for part, (x, y) in zip(("train", "test"), fashion.load_data()):
        write_folders(root / part, x, y, 100)

    def flow(part, **changes):
        generator = ImageDataGenerator(rescale=1 / 255, **changes)
        return generator.flow_from_directory(root / part, (28, 28), "grayscale", class_mode="binary", batch_size=20,
                                             shuffle=bool(changes), seed=1)

    def arrays(part):
        batches = flow(part)
        return [np.concatenate(both) for both in zip(*[batches[k] for k in range(len(batches))])]

    (x_train, y_train), (x_test, y_test) = arrays("train"), arrays("test")
    found = {}

    def report(name, model, x=x_test):
        found[name] = model.evaluate(x, y_test, verbose=0)[1]
        print(f"{name:>16}: accuracy {found[name]:.3f} on {len(y_test)} new photographs")

    keras.utils.set_random_seed(1)
    model = compiled(head(base_network()))
    model.fit(x_train, y_train, batch_size=20, epochs=epochs, verbose=0)
    report("from scratch", model)

    model = compiled(head(base_network(), dropout=0.3))
    model.fit(flow("train", width_shift_range=0.07, height_shift_range=0.07, zoom_range=0.07, horizontal_flip=True),
              epochs=epochs, verbose=0)
    report("augmented", model)

    base = pretrained(quick)
    keras.utils.unfreeze(base)                             # freezes: no start is named
    features = [keras.utils.cached_features(base, x, root / f"{part}.features") for part, x in (("train", x_train), ("test", x_test))]
    top = compiled(head(dropout=0.3))
    top.fit(features[0], y_train, batch_size=20, epochs=epochs, verbose=0)
    report("frozen features", top, features[1])

    whole = keras.Sequential([keras.Input((28, 28, 1)), base, *top.layers])
    keras.utils.unfreeze(base, "block3")                   # the head has learned first, or its errors would spoil the block
    compiled(whole, 0.0003).fit(flow("train", width_shift_range=0.05, height_shift_range=0.05, horizontal_flip=True),
                                epochs=epochs, verbose=0)
    report("fine-tuned", whole)
    return found


if __name__ == "__main__":
    main("--quick" in sys.argv)
