"""IMDB: 50,000 film reviews as word numbers, good or bad (Maas et al., 2011)."""
import json

import numpy as np

from fastdl.datasets import cache
from fastdl.errors import bad_argument
from fastdl.utils.file_utils import get_file


def load_data(path="imdb.npz", num_words=None, skip_top=0, maxlen=None, seed=113, start_char=1, oov_char=2, index_from=3, **kwargs):
    """(x_train, y_train), (x_test, y_test): x arrays of lists of word numbers, y 0 (bad) or 1 (good)

    num_words keeps the most frequent words, skip_top leaves out the first of them; others become oov_char.
    """
    if "nb_words" in kwargs:
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise bad_argument(sorted(kwargs)[0], "an unknown argument", "num_words, skip_top, maxlen, seed ...", "correct the name", TypeError)
    f = cache.npz(path, "imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f")
    rng, sequences, labels, sizes = np.random.RandomState(seed), [], [], []
    for part in ("train", "test"):
        order = cache.permutation(len(f["x_" + part]), rng)
        x, y = cache.marked(f["x_" + part][order], start_char, index_from), f["y_" + part][order]
        if maxlen:
            x, y = cache.shorter(maxlen, x, y)
            if not x:
                raise bad_argument("maxlen", maxlen, "a length that some review stays below", "increase maxlen")
        sequences += x
        labels.append(y)
        sizes.append(len(x))
    x = cache.ragged(cache.limited(sequences, num_words, skip_top, oov_char))
    return (x[:sizes[0]], labels[0]), (x[sizes[0]:], labels[1])


def get_word_index(path="imdb_word_index.json"):
    """{word: number by frequency}; load_data raises these numbers by index_from (3)."""
    path = get_file(path, origin=cache.STORE + "imdb_word_index.json", file_hash="bfafd718b763782e994055a2d397834f")
    with open(path, encoding="utf-8") as f:
        return json.load(f)
