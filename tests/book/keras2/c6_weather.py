"""Chapter 6.3 as of 2017: an endless Python generator, fit_generator with steps, GRU with both dropouts, Bidirectional."""
import numpy as np

from keras import layers
from keras.models import Sequential
from keras.optimizers import RMSprop

from book_data import weather

hours, values = weather.load_data('JFK')
day = 2 * np.pi * hours / 24
float_data = np.concatenate([values[:, [0, 1, 2, 4, 6]], np.stack([np.sin(day), np.cos(day)], 1)], axis=1)
float_data -= float_data[:5500].mean(axis=0)
float_data /= float_data[:5500].std(axis=0)
lookback, step, delay, batch_size = 48, 3, 24, 128


def generator(data, min_index, max_index, shuffle=False):
    rng = np.random.default_rng(0)
    i = min_index + lookback
    while 1:
        if shuffle:
            rows = rng.integers(min_index + lookback, max_index - delay, batch_size)
        else:
            if i + batch_size >= max_index - delay:
                i = min_index + lookback
            rows = np.arange(i, i + batch_size)
            i += len(rows)
        samples = np.stack([data[row - lookback + step:row + 1:step] for row in rows])
        yield samples, data[rows + delay][:, 0] - data[rows][:, 0]


val_steps = (8700 - 5500 - lookback - delay) // batch_size
val_gen = generator(float_data, 5500, 8700)
naive = np.mean([np.mean(np.abs(next(val_gen)[1])) for _ in range(val_steps)])


def lowest(model, epochs=5):
    model.add(layers.Dense(1))
    model.compile(optimizer=RMSprop(lr=2e-3), loss='mae')
    history = model.fit_generator(generator(float_data, 0, 5500, shuffle=True), steps_per_epoch=25, epochs=epochs,
                                  validation_data=generator(float_data, 5500, 8700), validation_steps=val_steps, verbose=0)
    assert len(history.history['val_loss']) == epochs and history.history['loss'][-1] < history.history['loss'][0]
    return min(history.history['val_loss'])


shape, errors = (None, float_data.shape[-1]), {}
model = Sequential()
model.add(layers.Flatten(input_shape=(lookback // step, float_data.shape[-1])))
model.add(layers.Dense(32, activation='relu'))
dense = lowest(model)
model = Sequential()
model.add(layers.GRU(32, input_shape=shape))
errors['gru'] = lowest(model)
model = Sequential()
model.add(layers.GRU(32, dropout=0.1, recurrent_dropout=0.2, input_shape=shape))
errors['dropout'] = lowest(model)
model = Sequential()
model.add(layers.GRU(16, dropout=0.1, recurrent_dropout=0.2, return_sequences=True, input_shape=shape))
model.add(layers.GRU(32, activation='relu', dropout=0.1, recurrent_dropout=0.2))
errors['stacked'] = lowest(model)
model = Sequential()
model.add(layers.Bidirectional(layers.GRU(16), input_shape=shape))
errors['both ways'] = lowest(model)
assert max(errors.values()) < min(dense, 0.96 * naive), (naive, dense, errors)
