"""A small Transformer: attention, then a dense network, each beside a short cut. Who speaks in the novel? Thirty seconds.

    python examples/14_transformer.py [--quick]

Vaswani et al., Attention is all you need, 2017. The same sentences as 10_sentiment.py: spoken, or told?
"""
import importlib
import sys

import numpy as np

import fastdl as keras
from fastdl import ops
from fastdl.preprocessing.text import Tokenizer

layers = keras.layers


class Positions(layers.Layer):
    """y = embedding of the word + embedding of its place: attention itself does not know about order."""

    def __init__(self, length, words, size, **kwargs):
        super().__init__(**kwargs)
        self.length, self.words, self.size = length, words, size
        self.word, self.place = layers.Embedding(words, size, mask_zero=True), layers.Embedding(length, size)

    def build(self, input_shape):
        self.word.build(input_shape)
        self.place.build((self.length,))

    def call(self, x):
        return self.word(x) + self.place(ops.arange(self.length))

    def compute_mask(self, x, mask=None):
        return self.word.compute_mask(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.size)


def block(x, heads, size, dropout=0.2):
    """h = norm(x + attention(x, x)); y = norm(h + dense(relu(dense(h))))"""
    attended = layers.MultiHeadAttention(heads, size // heads, dropout=dropout)(x, x)
    h = layers.LayerNormalization()(layers.add([x, attended]))
    y = layers.Dense(size)(layers.Dropout(dropout)(layers.Dense(2 * size, activation="relu")(h)))
    return layers.LayerNormalization()(layers.add([h, y]))


def transformer(length, words, size, blocks=1):
    tokens = keras.Input((length,), dtype="int32")
    x = Positions(length, words, size)(tokens)
    for _ in range(blocks):
        x = block(x, 4, size)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling1D()(x))          # the mask of the padding has come along
    return keras.Model(tokens, layers.Dense(1, activation="sigmoid")(x))


def main(quick=False):
    pairs = list(importlib.import_module("10_sentiment").spoken_or_told())
    np.random.default_rng(0).shuffle(pairs)
    pairs = pairs[:4000] if quick else pairs
    labels, cut, length, words = np.array([k for _, k in pairs], "float32"), len(pairs) * 4 // 5, 40, 8000
    tokenizer = Tokenizer(num_words=words, oov_token="?")
    tokenizer.fit_on_texts([text for text, _ in pairs[:cut]])
    x = keras.utils.pad_sequences(tokenizer.texts_to_sequences([text for text, _ in pairs]), maxlen=length, padding="post")
    keras.utils.set_random_seed(0)
    model = transformer(length, words, 32)
    model.compile(keras.optimizers.Adam(0.002), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x[:cut], labels[:cut], batch_size=64, epochs=2 if quick else 4, verbose=0)
    accuracy = model.evaluate(x[cut:], labels[cut:], verbose=0)[1]
    majority = max(labels[cut:].mean(), 1 - labels[cut:].mean())
    print(f"test accuracy {accuracy:.3f}; always the same answer is right for {majority:.3f}")
    return accuracy, float(majority)


if __name__ == "__main__":
    main("--quick" in sys.argv)
