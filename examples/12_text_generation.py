"""A network writes like Jane Austen, letter by letter, colder and hotter. About a minute.

    python examples/12_text_generation.py [--quick]

It learns the next character after forty. Sampling from p ** (1 / temperature), made to sum to 1: cold repeats itself, hot invents.
"""
import sys

import numpy as np

import fastdl as keras
from fastdl.datasets.mini import novel

layers = keras.layers
LENGTH = 40


def sample(p, temperature, rng):
    """A character from p ** (1 / temperature), normalized."""
    q = np.log(np.maximum(p.astype("float64"), 1e-12)) / temperature
    q = np.exp(q - q.max())
    return int(rng.choice(len(q), p=q / q.sum()))


def write(model, seed, count, temperature, letters, rng):
    """`count` characters after `seed`; the window slides by one character at a time."""
    text = [letters.index(c) for c in seed]
    for _ in range(count):
        p = np.array(model(np.array([text[-LENGTH:]])))[0, -1]
        text.append(sample(p, temperature, rng))
    return "".join(letters[k] for k in text[len(seed):])


def language_model(count, units):
    """(batch, LENGTH) numbers of characters -> (batch, LENGTH, count): after every character, how likely each next one is."""
    return keras.Sequential([
        keras.Input((LENGTH,), dtype="int32"),
        layers.Embedding(count, 32),
        layers.LSTM(units, return_sequences=True),
        layers.Dense(count, activation="softmax"),
    ])


def main(quick=False):
    text = " ".join(novel.load_data().lower().replace("_", "").replace("--", " ").split())
    text = text[1000:100000 if quick else 400000]
    letters = sorted(set(text))
    numbers = np.array([letters.index(c) for c in text])
    rng = np.random.default_rng(0)
    held_out = numbers[-20000:]
    starts = np.arange(0, len(numbers) - 20000 - LENGTH - 1, 10 if quick else 12)
    x, y = [numbers[starts[:, None] + np.arange(LENGTH) + shift] for shift in (0, 1)]
    x_new, y_new = [held_out[np.arange(0, 19900, LENGTH)[:, None] + np.arange(LENGTH) + shift] for shift in (0, 1)]

    keras.utils.set_random_seed(0)
    model = language_model(len(letters), 64 if quick else 128)
    model.compile(keras.optimizers.Adam(0.004), "sparse_categorical_crossentropy")
    frequencies = np.bincount(numbers, minlength=len(letters)) / len(numbers)
    alone = float(-np.log(frequencies[y_new]).mean())
    print(f"{len(text):,} characters, {len(letters)} different; frequencies alone leave {alone / np.log(2):.2f} bits a character")
    start = text[5000:5000 + LENGTH]
    loss = alone
    for epoch in range(1 if quick else 3):
        model.fit(x, y, batch_size=64, epochs=1, verbose=0)
        loss = model.evaluate(x_new, y_new, batch_size=250, verbose=0)
        print(f"epoch {epoch + 1}: {loss / np.log(2):.2f} bits a character on pages it has not read")
    samples = {}
    for temperature in (0.3, 0.7, 1.2):
        samples[temperature] = write(model, start, 60 if quick else 300, temperature, letters, rng)
        print(f"\ntemperature {temperature}: ...{start[-20:]}|{samples[temperature]}")
    return alone, loss, samples


if __name__ == "__main__":
    main("--quick" in sys.argv)
