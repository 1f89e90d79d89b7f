"""Chapter 8.1, text generation: the next character, and the temperature at which it is drawn."""
import numpy as np

import keras
from keras import layers

from book_data import novel

keras.utils.set_random_seed(0)
text = novel.load_data()[2000:32000].lower()
maxlen, step = 30, 3
sentences = [text[i:i + maxlen] for i in range(0, len(text) - maxlen, step)]
next_chars = [text[i + maxlen] for i in range(0, len(text) - maxlen, step)]
chars = sorted(set(text))
char_indices = {char: k for k, char in enumerate(chars)}
x = np.zeros((len(sentences), maxlen, len(chars)), "float32")
y = np.zeros((len(sentences), len(chars)), "float32")
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        x[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

model = keras.Sequential([
    keras.Input((maxlen, len(chars))),
    layers.LSTM(64),
    layers.Dense(len(chars), activation="softmax"),
])
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(learning_rate=0.01))
history = model.fit(x, y, batch_size=128, epochs=5, verbose=0).history
p = y.mean(0)
alone = -(p[p > 0] * np.log(p[p > 0])).sum()                                # what the frequencies of the characters leave
assert history["loss"][-1] < 0.8 * alone, (alone, history)


def sample(preds, temperature=1.0):
    preds = np.log(np.asarray(preds).astype("float64") + 1e-12) / temperature
    preds = np.exp(preds) / np.exp(preds).sum()
    return np.argmax(np.random.multinomial(1, preds, 1))


def write(count, temperature):
    generated, written = text[:maxlen], ""
    for _ in range(count):
        sampled = np.zeros((1, maxlen, len(chars)), "float32")
        for t, char in enumerate(generated):
            sampled[0, t, char_indices[char]] = 1.0
        char = chars[sample(model.predict(sampled, verbose=0)[0], temperature)]
        generated, written = generated[1:] + char, written + char
    return written


cold, hot = write(40, 0.1), write(40, 2.0)
assert len(cold) == len(hot) == 40 and len(set(hot)) > len(set(cold)), (cold, hot)
assert " the" in cold or " and" in cold or " to" in cold or " be" in cold, cold
