"""python -m fastdl: train, evaluate and show a network on the bundled handwritten digits, offline."""
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


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m fastdl", description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--picture", default="fastdl_digits.png", help="where the picture goes")
    options = parser.parse_args(arguments)

    import fastdl as keras
    from fastdl.datasets.mini import digits

    started = time.perf_counter()
    keras.utils.set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train = x_train.reshape(-1, 784).astype("float32") / 255
    x_test = x_test.reshape(-1, 784).astype("float32") / 255
    model = keras.Sequential([
        keras.Input((784,)),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dropout(0.4),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dropout(0.4),
        keras.layers.Dense(10, activation="softmax"),
    ])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    history = model.fit(x_train, y_train, batch_size=64, epochs=options.epochs, validation_split=0.1).history
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
