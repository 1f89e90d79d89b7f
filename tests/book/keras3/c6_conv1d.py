"""Chapter 6.4, one-dimensional convolutions: sentences, and a convolution in front of a GRU for long series."""
import numpy as np

import keras
from keras import layers
from keras.utils import pad_sequences

from book_data import sequences, weather

keras.utils.set_random_seed(0)
(x_train, y_train), (x_test, y_test) = sequences(num_words=2000)
x_train, x_test = pad_sequences(x_train, maxlen=40), pad_sequences(x_test, maxlen=40)
model = keras.Sequential([
    keras.Input((40,)),
    layers.Embedding(2000, 32),
    layers.Conv1D(32, 5, activation="relu"),
    layers.MaxPooling1D(2),
    layers.Conv1D(32, 5, activation="relu"),
    layers.GlobalMaxPooling1D(),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=2e-3), loss="binary_crossentropy", metrics=["acc"])
model.fit(x_train, y_train, epochs=5, batch_size=64, validation_split=0.2, verbose=0)
accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
assert accuracy > 0.87, accuracy

hours, values = weather.load_data("EWR")
rows = values[:, [0, 1, 2, 4, 6]]
rows = ((rows - rows[:6000].mean(0)) / rows[:6000].std(0)).astype("float32")
ends = np.arange(120, len(rows) - 24, 2)
x, y = rows[ends[:, None] + np.arange(-119, 1)], rows[ends + 24, 0] - rows[ends, 0]
cut = 3000
model = keras.Sequential([
    keras.Input((None, 5)),
    layers.Conv1D(32, 5, activation="relu"),
    layers.MaxPooling1D(3),
    layers.Conv1D(32, 5, activation="relu"),
    layers.GRU(32, dropout=0.1, recurrent_dropout=0.3),
    layers.Dense(1),
])
assert [layer.output.shape for layer in model.layers][-3:] == [(None, None, 32), (None, 32), (None, 1)]
model.compile(optimizer="rmsprop", loss="mae")
history = model.fit(x[:cut], y[:cut], epochs=6, batch_size=128, validation_data=(x[cut:], y[cut:]), verbose=0).history
naive = np.abs(y[cut:]).mean()
assert min(history["val_loss"]) < 0.95 * naive, (naive, history["val_loss"])
