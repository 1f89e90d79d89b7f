"""python -m fastdl: train, evaluate and show the book's convolutional network on the bundled digits, offline.

The numbers are the same on every run and for any number of threads; another kind of processor rounds differently.
"""
import argparse
import time

import numpy as np


def classification_report(y_true, y_pred, names=None):
    """precision = tp / (tp + fp), recall = tp / (tp + fn), f1 = their harmonic mean, per class, as text."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    classes = np.unique(np.concatenate([y_true, y_pred]))
    names = [str(c) for c in classes] if names is None else list(names)
    width = max(len("weighted avg"), *(len(n) for n in names))

    def ratio(a, b):
        return a / b if b else 0.0

    rows = []
    for c in classes:
        hits = np.sum((y_true == c) & (y_pred == c))
        precision, recall = ratio(hits, np.sum(y_pred == c)), ratio(hits, np.sum(y_true == c))
        rows.append((precision, recall, ratio(2 * precision * recall, precision + recall), np.sum(y_true == c)))
    table = np.array(rows, float)
    total = len(y_true)
    lines = [f"{'':>{width}}  precision    recall  f1-score   support", ""]
    for name, (p, r, f, n) in zip(names, rows):
        lines.append(f"{name:>{width}} {p:10.2f}{r:10.2f}{f:10.2f}{int(n):10d}")
    lines += ["", f"{'accuracy':>{width}} {'':20}{np.mean(y_true == y_pred):10.2f}{total:10d}"]
    for name, (p, r, f) in (("macro avg", table[:, :3].mean(0)),
                            ("weighted avg", np.average(table[:, :3], axis=0, weights=table[:, 3]))):
        lines.append(f"{name:>{width}} {p:10.2f}{r:10.2f}{f:10.2f}{total:10d}")
    return "\n".join(lines)


def draw(history, x, y, probabilities, path):
    """Learning curves above the twelve worst mistakes, in one picture; a sentence when matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return 'No picture: matplotlib is not installed (pip install "fastdl[plot]").'
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    guess = probabilities.argmax(1)
    wrong = np.flatnonzero(guess != y)
    worst = wrong[np.argsort(-probabilities[wrong, guess[wrong]], kind="stable")][:12]
    figure = plt.figure(figsize=(10, 6), layout="constrained")
    grid = figure.add_gridspec(3, 12)
    for k, name in enumerate(("loss", "accuracy")):
        axis = figure.add_subplot(grid[0:2, 6 * k:6 * k + 6])
        epochs = range(1, len(history[name]) + 1)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.plot(epochs, history[name], "o-", label="training")
        axis.plot(epochs, history["val_" + name], "s-", label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.legend()
    for k, sample in enumerate(worst):
        axis = figure.add_subplot(grid[2, k])
        axis.imshow(x[sample].reshape(28, 28), cmap="gray_r")
        axis.set_title(f"{y[sample]} as {guess[sample]}", fontsize=8)
        axis.axis("off")
    figure.suptitle("Learning curves, and the most confident mistakes (digit as guess)")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return f"Learning curves and worst mistakes: {path}"


def moved(images, rng, shift=2.5, rotation=15, zoom=0.15):
    """y[r] = x[A r + b] about the centre, bilinear, zero outside: every image (n, h, w, 1) shifted by up to `shift` points,
    turned by up to `rotation` degrees, each axis stretched by up to `zoom`. Four thousand digits take about 0.3 s.
    """
    n, h, w = images.shape[:3]
    angle = np.deg2rad(rng.uniform(-rotation, rotation, (n, 1, 1))).astype("float32")
    zoom_r, zoom_c = rng.uniform(1 - zoom, 1 + zoom, (2, n, 1, 1)).astype("float32")
    shift_r, shift_c = rng.uniform(-shift, shift, (2, n, 1, 1)).astype("float32")
    r, c = (np.mgrid[:h, :w] - np.array([h - 1, w - 1])[:, None, None] / 2).astype("float32")
    # Coordinates in an image with a frame of zeros, one point wide: what lies outside is read from the frame.
    row = zoom_r * (np.cos(angle) * r - np.sin(angle) * c) + shift_r + np.float32((h + 1) / 2)
    col = zoom_c * (np.sin(angle) * r + np.cos(angle) * c) + shift_c + np.float32((w + 1) / 2)
    row, col = np.clip(row, 0, np.float32(h + 0.999)), np.clip(col, 0, np.float32(w + 0.999))
    row_0, col_0 = row.astype("int32"), col.astype("int32")
    row -= row_0
    col -= col_0
    flat = np.pad(images.reshape(n, h, w), ((0, 0), (1, 1), (1, 1))).reshape(-1)
    at = row_0 * (w + 2) + col_0 + (np.arange(n, dtype="int32") * ((h + 2) * (w + 2)))[:, None, None]
    above, below = flat[at], flat[at + w + 2]
    above += (flat[at + 1] - above) * col
    below += (flat[at + w + 3] - below) * col
    return (above + (below - above) * row).reshape(images.shape)


def augmented(x, y, batch_size, seed):
    """A Sequence of batches in a new order, and freshly moved, every epoch."""
    from fastdl.utils import Sequence

    class Augmented(Sequence):
        def __init__(self):
            super().__init__()
            self.rng = np.random.default_rng(seed)
            self.on_epoch_end()

        def __len__(self):
            return -(-len(x) // batch_size)

        def on_epoch_end(self):
            self.order = self.rng.permutation(len(x))

        def __getitem__(self, k):
            rows = self.order[k * batch_size:(k + 1) * batch_size]
            return moved(x[rows], self.rng), y[rows]

    return Augmented()


def convnet():
    """The book's convolutional network for digits, padded, and with batch normalization in front of each relu."""
    import fastdl as keras
    layers = keras.layers

    def convolution(filters):
        return [layers.Conv2D(filters, 3, padding="same", use_bias=False), layers.BatchNormalization(momentum=0.9),
                layers.Activation("relu")]

    return keras.Sequential([
        keras.Input((28, 28, 1)),
        *convolution(32), layers.MaxPooling2D(),
        *convolution(64), layers.MaxPooling2D(),
        *convolution(64), layers.Flatten(),
        layers.Dropout(0.2), layers.Dense(128, activation="relu"),
        layers.Dropout(0.2), layers.Dense(10, activation="softmax"),
    ])


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m fastdl", description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--picture", default="fastdl_digits.png", help="where the picture goes")
    options = parser.parse_args(arguments)

    import fastdl as keras
    from fastdl.datasets.mini import digits

    started = time.perf_counter()
    keras.utils.set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = [x[..., None].astype("float32") / 255 for x in (x_train, x_test)]
    model = convnet()
    batches = augmented(x_train[:3600], y_train[:3600], 64, options.seed)
    # The rate climbs for a tenth of the training and then falls along a cosine.
    steps = len(batches) * options.epochs
    rate = keras.optimizers.schedules.CosineDecay(0.0003, max(steps - steps // 10, 1), alpha=0.05, warmup_target=0.003,
                                                  warmup_steps=max(steps // 10, 1))
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    history = model.fit(batches, epochs=options.epochs, validation_data=(x_train[3600:], y_train[3600:])).history
    loss, accuracy = model.evaluate(x_test, y_test, batch_size=250, verbose=0)
    probabilities = model.predict(x_test, batch_size=250, verbose=0)
    print(f"\nTest loss {loss:.4f}, test accuracy {accuracy:.4f} ({len(x_test)} digits the network has never seen)\n")
    print(classification_report(y_test, probabilities.argmax(1)))
    print()
    print(draw(history, x_test, y_test, probabilities, options.picture))
    print(f"Done in {time.perf_counter() - started:.1f} s.")
    return accuracy


if __name__ == "__main__":
    main()
