"""Chapter 8.1 as of 2017: LSTM(input_shape=...), optimizers.RMSprop(lr=...), predict(verbose=0)."""
import numpy as np

import keras
from keras import layers

from book_data import novel

text = novel.load_data()[2000:32000].lower()
maxlen, step = 30, 3
sentences, next_chars = [], []
for i in range(0, len(text) - maxlen, step):
    sentences.append(text[i: i + maxlen])
    next_chars.append(text[i + maxlen])
chars = sorted(list(set(text)))
char_indices = dict((char, chars.index(char)) for char in chars)
x = np.zeros((len(sentences), maxlen, len(chars)), dtype=bool)
y = np.zeros((len(sentences), len(chars)), dtype=bool)
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        x[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

model = keras.models.Sequential()
model.add(layers.LSTM(64, input_shape=(maxlen, len(chars))))
model.add(layers.Dense(len(chars), activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer=keras.optimizers.RMSprop(lr=0.01))
for epoch in range(1, 5):
    history = model.fit(x, y, batch_size=128, epochs=1, verbose=0)
p = y.mean(0)
assert history.history['loss'][0] < 0.82 * -(p[p > 0] * np.log(p[p > 0])).sum(), history.history


def sample(preds, temperature=1.0):
    preds = np.asarray(preds).astype('float64')
    preds = np.exp(np.log(preds + 1e-12) / temperature)
    preds = preds / np.sum(preds)
    return np.argmax(np.random.multinomial(1, preds, 1))


written = {}
for temperature in (0.2, 1.2):
    generated, written[temperature] = text[:maxlen], ''
    for i in range(40):
        sampled = np.zeros((1, maxlen, len(chars)))
        for t, char in enumerate(generated):
            sampled[0, t, char_indices[char]] = 1.
        next_char = chars[sample(model.predict(sampled, verbose=0)[0], temperature)]
        generated = generated[1:] + next_char
        written[temperature] += next_char
assert len(set(written[0.2])) < len(set(written[1.2])), written
