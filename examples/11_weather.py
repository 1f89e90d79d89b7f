"""Tomorrow's temperature from the last three days: four networks against "as it is now". About forty seconds.

    python examples/11_weather.py [--quick]

The baseline is hard: at 24 hours' distance it errs by 4.9 degrees F. Training uses the first 60 % of the year 2013, the
choice of the epoch the next 15 %, and the last 25 % is looked at once, at the end.
"""
import sys

import numpy as np

import fastdl as keras
from fastdl.datasets.mini import weather

layers = keras.layers
LOOKBACK, STEP, AHEAD = 72, 3, 24                   # three days, every third hour, one day ahead


def features(quick):
    """rows (n, columns): readings, the wind as a vector, the clock and the calendar as circles; temperature apart."""
    hours, values = weather.load_data("JFK")
    angle, day, year = np.deg2rad(values[:, 3]), 2 * np.pi * hours / 24, 2 * np.pi * hours / (24 * 365)
    wind = values[:, 4]
    columns = [values[:, k] for k in (0, 1, 2, 5, 6, 7)] + [wind * np.sin(angle), wind * np.cos(angle),
                                                            np.sin(day), np.cos(day), np.sin(year), np.cos(year)]
    return np.stack(columns, 1).astype("float32"), values[:, 0]


def windows(rows, change, start, stop, stride=1):
    """x (n, LOOKBACK / STEP, columns), y (n,): windows that end at hours of [start, stop), and the change a day later."""
    ends = np.arange(max(start, LOOKBACK), stop - AHEAD, stride)
    return rows[ends[:, None] + np.arange(STEP - LOOKBACK, 1, STEP)], change[ends]


def networks(units, columns):
    """name -> a model of the change in temperature; dropout inside the recurrences, as the book has it."""
    def model(name, *body):
        return keras.Sequential([keras.Input((LOOKBACK // STEP, columns)), *body, layers.Dense(1)], name=name)
    return [
        model("dense", layers.Flatten(), layers.Dense(units, activation="relu"), layers.Dropout(0.4)),
        model("GRU", layers.GRU(units)),
        model("GRU_dropout", layers.GRU(units, dropout=0.3, recurrent_dropout=0.3), layers.Dropout(0.3)),
        model("stacked", layers.GRU(units, dropout=0.2, recurrent_dropout=0.3, return_sequences=True),
              layers.GRU(units, dropout=0.2, recurrent_dropout=0.3), layers.Dropout(0.3)),
        model("both_ways", layers.Bidirectional(layers.GRU(units // 2, dropout=0.3, recurrent_dropout=0.3)), layers.Dropout(0.3)),
    ]


def main(quick=False):
    rows, temperature = features(quick)
    n = len(rows)
    first, second = int(0.6 * n), int(0.75 * n)
    rows = (rows - rows[:first].mean(0)) / rows[:first].std(0)           # the training part's numbers only
    change = np.zeros(n, "float32")
    change[:-AHEAD] = temperature[AHEAD:] - temperature[:-AHEAD]
    scale = change[:first].std()
    # A gap of a day between the parts: no target of one lies in the window of the next.
    (x, y), (x_val, y_val), (x_test, y_test) = [windows(rows, change, a, b, s) for a, b, s in
                                                ((0, first, 3 if quick else 1), (first + AHEAD, second, 1), (second + AHEAD, n, 1))]
    naive = float(np.abs(y_test).mean())
    print(f"{len(x):,} windows to learn from, {len(x_test):,} to be judged by; tomorrow as today errs by {naive:.2f} F")
    found = {"naive": naive}
    for model in networks(16 if quick else 32, rows.shape[1])[:2 if quick else None]:
        keras.utils.set_random_seed(0)
        model.compile(keras.optimizers.Adam(0.001), "mae")
        model.fit(x, y / scale, batch_size=128, epochs=3 if quick else 15, validation_data=(x_val, y_val / scale), verbose=0,
                  callbacks=[keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)])
        error = float(np.abs(model.predict(x_test, verbose=0)[:, 0] * scale - y_test).mean())
        found[model.name] = error
        print(f"{model.name:>12}: errs by {error:.2f} F on days it has not seen, {1 - error / naive:.0%} less than the baseline")
    return found


if __name__ == "__main__":
    main("--quick" in sys.argv)
