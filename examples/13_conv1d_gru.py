"""Long sequences: a convolution shortens five days of weather before a GRU reads them. About twenty seconds.

    python examples/13_conv1d_gru.py [--quick]

Three networks see 120 hours and say how the temperature changes within a day: a GRU over every hour, convolutions
alone (they do not know what comes first), and both, which costs a fraction of the first.
"""
import sys
import time

import numpy as np

import fastdl as keras
from fastdl.datasets.mini import weather

layers = keras.layers
LOOKBACK, AHEAD = 120, 24


def networks(columns):
    def model(name, *body):
        return keras.Sequential([keras.Input((LOOKBACK, columns)), *body, layers.Dense(1)], name=name)
    return [
        model("GRU", layers.GRU(32), layers.Dropout(0.2)),
        model("convolutions", layers.Conv1D(32, 5, activation="relu"), layers.MaxPooling1D(3),
              layers.Conv1D(32, 5, activation="relu"), layers.GlobalMaxPooling1D()),
        model("conv_and_GRU", layers.Conv1D(32, 5, activation="relu"), layers.MaxPooling1D(3),
              layers.Conv1D(32, 5, activation="relu"), layers.GRU(32), layers.Dropout(0.2)),
    ]


def main(quick=False):
    hours, values = weather.load_data("LGA")
    n = len(values)
    first, day = int(0.7 * n), 2 * np.pi * hours / 24
    rows = np.concatenate([values, np.stack([np.sin(day), np.cos(day)], 1)], 1).astype("float32")
    rows = (rows - rows[:first].mean(0)) / rows[:first].std(0)
    change = values[AHEAD:, 0] - values[:-AHEAD, 0]
    scale = change[:first].std()

    def windows(start, stop, stride):
        ends = np.arange(start + LOOKBACK, stop - AHEAD, stride)
        return rows[ends[:, None] + np.arange(1 - LOOKBACK, 1)], change[ends]

    (x, y), (x_test, y_test) = windows(0, first, 4 if quick else 1), windows(first, n, 2)
    naive = float(np.abs(y_test).mean())
    print(f"tomorrow as today errs by {naive:.2f} F")
    found = {"naive": naive}
    for model in networks(rows.shape[1]):
        keras.utils.set_random_seed(0)
        model.compile(keras.optimizers.Adam(0.002), "mae")
        model.fit(x[:64], y[:64] / scale, verbose=0)                      # the first step is compiled outside the clock
        started = time.perf_counter()
        model.fit(x, y / scale, batch_size=128, epochs=2 if quick else 4, verbose=0)
        seconds = time.perf_counter() - started
        error = float(np.abs(model.predict(x_test, verbose=0)[:, 0] * scale - y_test).mean())
        found[model.name] = error
        print(f"{model.name:>13}: errs by {error:.2f} F on days it has not seen; {seconds:.1f} s of training")
    return found


if __name__ == "__main__":
    main("--quick" in sys.argv)
