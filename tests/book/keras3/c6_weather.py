"""Chapter 6.3, tomorrow's temperature: a generator of windows, the naive answer, dense, GRU, dropout, stacked, both ways."""
import numpy as np

import keras
from keras import layers

from book_data import weather

hours, values = weather.load_data("JFK")
day = 2 * np.pi * hours / 24
float_data = np.concatenate([values[:, [0, 1, 2, 4, 6]], np.stack([np.sin(day), np.cos(day)], 1)], axis=1).astype("float32")
cut = 5500
float_data -= float_data[:cut].mean(axis=0)
std = float_data[:cut].std(axis=0)
float_data /= std
lookback, step, delay, batch_size = 48, 3, 24, 128


class Windows(keras.utils.PyDataset):
    """Batches of (lookback / step, columns) and the change of the temperature `delay` hours later."""

    def __init__(self, first, last, stride):
        super().__init__()
        self.ends = np.arange(first + lookback, last - delay, stride)

    def __len__(self):
        return -(-len(self.ends) // batch_size)

    def __getitem__(self, k):
        ends = self.ends[k * batch_size:(k + 1) * batch_size]
        samples = float_data[ends[:, None] + np.arange(step - lookback, 1, step)]
        return samples, float_data[ends + delay, 0] - float_data[ends, 0]


def shuffled(seed):
    train = Windows(0, cut, 1)
    train.ends = np.random.default_rng(seed).permutation(train.ends)[::2]
    return train


val = Windows(cut, 8700, 2)
naive = np.mean([np.abs(val[k][1]).mean() for k in range(len(val))])
shape = (lookback // step, float_data.shape[1])


def error(name, epochs, *body):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *body, layers.Dense(1)], name=name)
    model.compile(optimizer=keras.optimizers.RMSprop(0.002), loss="mae")
    history = model.fit(shuffled(0), epochs=epochs, validation_data=val, verbose=0).history
    assert history["loss"][-1] < history["loss"][0], (name, history)
    return min(history["val_loss"])


errors = {
    "dense": error("dense", 6, layers.Flatten(), layers.Dense(32, activation="relu")),
    "gru": error("gru", 6, layers.GRU(32)),
    "dropout": error("dropout", 6, layers.GRU(32, dropout=0.1, recurrent_dropout=0.2)),
    "stacked": error("stacked", 6, layers.GRU(16, dropout=0.1, recurrent_dropout=0.2, return_sequences=True),
                     layers.GRU(32, dropout=0.1, recurrent_dropout=0.2)),
    "both_ways": error("both_ways", 6, layers.Bidirectional(layers.GRU(16))),
}
dense = errors.pop("dense")
assert max(errors.values()) < min(dense, 0.94 * naive), (naive, dense, errors)
