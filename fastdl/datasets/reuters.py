"""Reuters: 11,228 newswires as word numbers, in 46 topics (Reuters-21578)."""
import json

import numpy as np

from fastdl.datasets import cache
from fastdl.utils.file_utils import get_file

_TOPICS = """cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass
crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel
rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"""


def load_data(path="reuters.npz", num_words=None, skip_top=0, maxlen=None, test_split=0.2, seed=113, start_char=1, oov_char=2,
              index_from=3):
    """(x_train, y_train), (x_test, y_test): x arrays of lists of word numbers, y topics in 0..45."""
    f = cache.npz(path, "reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916")
    order = cache.permutation(len(f["x"]), np.random.RandomState(seed))
    x, y = cache.marked(f["x"][order], start_char, index_from), f["y"][order]
    if start_char is None and not index_from:
        x = [list(s) for s in f["x"][order]]
    if maxlen:
        x, y = cache.shorter(maxlen, x, y)
    x = cache.ragged(cache.limited(x, num_words, skip_top, oov_char))
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut].copy()), (x[cut:], y[cut:].copy())


def get_word_index(path="reuters_word_index.json"):
    """{word: number by frequency}; load_data raises these numbers by index_from (3)."""
    path = get_file(path, origin=cache.STORE + "reuters_word_index.json", file_hash="4d44cc38712099c9e383dc6e5f11a921")
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def get_label_names():
    """The 46 topics, in the order of their numbers."""
    return tuple(_TOPICS.split())
