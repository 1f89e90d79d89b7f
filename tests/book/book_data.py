"""The small real data of the book's programs: what is bundled with fastdl, and three files in data/ (see NOTICE)."""
import csv
import gzip
import pathlib
import re

import numpy as np

from fastdl.datasets.mini import digits, fashion, novel, photos, weather

HERE = pathlib.Path(__file__).parent / "data"


def sentences():
    """(texts, labels): sentences of the novel, 1 if spoken; the book's film reviews in miniature."""
    pairs = []
    for paragraph in novel.load_data().split("\n\n"):
        for k, part in enumerate(paragraph.replace("\n", " ").split('"')):
            for sentence in re.split(r"(?<=[.!?;])\s+", part.strip()):
                if 4 <= len(re.findall("[A-Za-z]+", sentence)) <= 60:
                    pairs.append((sentence, k % 2))
    np.random.default_rng(0).shuffle(pairs)
    return [text for text, _ in pairs], np.array([int(label) for _, label in pairs])


def sequences(count=3000, num_words=2000):
    """(train_data, train_labels), (test_data, test_labels): lists of word numbers, most frequent first, as imdb.load_data."""
    from fastdl.preprocessing.text import Tokenizer
    texts, labels = sentences()
    tokenizer = Tokenizer(num_words=num_words, oov_token="?")
    tokenizer.fit_on_texts(texts[:count])
    numbers = tokenizer.texts_to_sequences(texts[:count + 1000])
    return (numbers[:count], labels[:count]), (numbers[count:], labels[count:count + 1000])


TECHNIQUES = ("etching", "screenprint", "photograph", "lithograph", "digital print", "oil paint", "woodcut", "video")


def artworks(num_words=1500):
    """(sequences, labels) of short texts in eight classes: the technique of a work, read from artist, title and year."""
    from fastdl.preprocessing.text import Tokenizer
    with gzip.open(HERE / "tate_text.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts, labels = [], []
    for row in rows:
        hits = [k for k, name in enumerate(TECHNIQUES) if row["medium"].lower().startswith(name)]
        if hits:
            texts.append(f"{row['artist']} {row['title']} {row['year'][:3]}")
            labels.append(hits[0])
    order = np.random.default_rng(0).permutation(len(texts))
    tokenizer = Tokenizer(num_words=num_words)
    tokenizer.fit_on_texts([texts[k] for k in order])
    return tokenizer.texts_to_sequences([texts[k] for k in order]), np.array(labels)[order]


def cars():
    """(train_data, train_targets), (test_data, test_targets): seven numbers of a car, its miles per gallon."""
    with open(HERE / "auto_mpg.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = {"North America": 1, "Europe": 2, "Asia": 3}
    data = np.array([[float(r[k]) if k != "origin" else float(names.get(r[k], r[k])) for k in
                      ("cyl", "displ", "hp", "weight", "accel", "yr", "origin")] for r in rows])
    targets = np.array([float(r["mpg"]) for r in rows])
    order = np.random.default_rng(113).permutation(len(rows))
    data, targets = data[order], targets[order]
    return (data[:300], targets[:300]), (data[300:], targets[300:])


def word_vectors():
    """A path to a text file in GloVe's format, gzipped: a word and 50 numbers a line."""
    return HERE / "words_50d.txt.gz"


def two_classes(first=5, second=1):
    """Clothes of two classes as colour images in folders' order: x uint8 (n, 28, 28, 3), y 0 or 1, train and test."""
    (x, y), (x_test, y_test) = fashion.load_data()
    out = []
    for a, b in ((x, y), (x_test, y_test)):
        keep = (b == first) | (b == second)
        out.append((np.repeat(a[keep][..., None], 3, -1), (b[keep] == second).astype("uint8")))
    return out


__all__ = ["artworks", "cars", "digits", "fashion", "novel", "photos", "sentences", "sequences", "two_classes", "weather", "word_vectors"]
