"""Chapter 6.2, recurrence: by hand, SimpleRNN (last state and all states), stacked, LSTM."""
import numpy as np

import keras
from keras import layers
from keras.utils import pad_sequences

from book_data import sequences

# A recurrent layer in NumPy, and the layer with the same weights.
rng = np.random.default_rng(0)
inputs = rng.normal(size=(1, 10, 4)).astype("float32")
layer = layers.SimpleRNN(3, return_sequences=True)
layer.build((1, 10, 4))
w, u, b = [rng.normal(size=v.shape).astype("float32") for v in layer.get_weights()]
layer.set_weights([w, u, b])
state, states = np.zeros(3, "float32"), []
for step in inputs[0]:
    state = np.tanh(step @ w + state @ u + b)
    states.append(state)
np.testing.assert_allclose(np.array(layer(inputs))[0], states, atol=1e-5)

model = keras.Sequential([keras.Input((None,)), layers.Embedding(2000, 32), layers.SimpleRNN(32)])
assert model.output_shape == (None, 32)
model = keras.Sequential([keras.Input((None,)), layers.Embedding(2000, 32)]
                         + [layers.SimpleRNN(32, return_sequences=True) for _ in range(3)] + [layers.SimpleRNN(32)])
assert [layer.output.shape for layer in model.layers] == [(None, None, 32)] * 4 + [(None, 32)]

(x_train, y_train), (x_test, y_test) = sequences(num_words=2000)
x_train, x_test = pad_sequences(x_train, maxlen=30), pad_sequences(x_test, maxlen=30)
for kind, bound in ((layers.SimpleRNN, 0.8), (layers.LSTM, 0.87)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((30,)),
        layers.Embedding(2000, 32),
        kind(32),
        layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["acc"])
    history = model.fit(x_train, y_train, epochs=5, batch_size=64, validation_split=0.2, verbose=0).history
    assert history["acc"][-1] > history["acc"][0]
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    assert accuracy > bound, (kind.__name__, accuracy)
