"""TextVectorization: strings to indices or rows of counts; standardized, split, joined to n-grams, looked up."""
import re

import numpy as np

from fastdl import config
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument
from fastdl.layers.preprocessing.host import HostLayer, as_text, counted
from fastdl.layers.preprocessing.lookup import StringLookup

PUNCTUATION = str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")
LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
SPACE = re.compile("[ \t\n\r\v\f]+")
TABLES = {"lower": LOWER, "strip_punctuation": PUNCTUATION, "lower_and_strip_punctuation": {**LOWER, **PUNCTUATION}}
SPLITS = ("whitespace", "character")


class TextVectorization(HostLayer):
    """(batch,) strings -> (batch, length) indices: 0 pads, 1 is unknown, then the vocabulary, the most frequent word first

    standardize: "lower_and_strip_punctuation" (ASCII, as Keras), "lower", "strip_punctuation", None, or a function of the array of strings.
    split: "whitespace", "character" (for Chinese and Japanese), None, or a function of the array that gives a list of words for each.
    ngrams: n for all of 1 ... n words, or a tuple of such lengths. output_mode: "int", "multi_hot", "count" or "tf_idf".

    >>> layer = TextVectorization(); layer.adapt(["the cat", "the dog"])
    >>> layer(["The cat!"]).numpy().tolist(), layer.get_vocabulary()
    ([[2, 4]], ['', '[UNK]', 'the', 'dog', 'cat'])
    """

    def __init__(self, max_tokens=None, standardize="lower_and_strip_punctuation", split="whitespace", ngrams=None, output_mode="int",
                 output_sequence_length=None, pad_to_max_tokens=False, vocabulary=None, idf_weights=None, sparse=False, ragged=False,
                 encoding="utf-8", name=None, vocabulary_size=None, **kwargs):
        kwargs.pop("has_input_vocabulary", None)
        super().__init__(name=name, **kwargs)
        if not callable(standardize) and standardize is not None and standardize not in TABLES:
            raise bad_argument("standardize", repr(standardize), f"None, a function or one of "
                                                                 f"{', '.join(map(repr, TABLES))}", "leave it out")
        if not callable(split) and split is not None and split not in SPLITS:
            raise bad_argument("split", repr(split), f"None, a function or one of {', '.join(map(repr, SPLITS))}", "leave it out")
        if ngrams is not None and not isinstance(ngrams, int) and not all(isinstance(n, int) for n in ngrams):
            raise bad_argument("ngrams", repr(ngrams), "None, an int or a tuple of ints", "pass for example ngrams=2")
        if output_mode == "int" and output_sequence_length is not None and not isinstance(output_sequence_length, int):
            raise bad_argument("output_sequence_length", repr(output_sequence_length), "None or an int", "pass the longest text's length")
        if output_mode != "int" and output_sequence_length is not None:
            raise ValueError(f"output_sequence_length belongs to output_mode='int', not {output_mode!r}: rows of "
                             f"counts have no length.")
        if ragged:
            raise ValueError("TextVectorization(ragged=True): ragged tensors do not exist here. Leave it out: rows "
                             "are filled up with 0.")
        self.standardize, self.split, self.encoding, self.ragged = standardize, split, encoding, False
        self.ngrams = tuple(ngrams) if isinstance(ngrams, list) else ngrams
        self.output_sequence_length = output_sequence_length
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens, vocabulary=vocabulary, idf_weights=idf_weights, pad_to_max_tokens=pad_to_max_tokens, mask_token="",
            output_mode=output_mode, sparse=sparse, encoding=encoding, vocabulary_size=vocabulary_size)
        self.output_mode, self.sparse = self._lookup_layer.output_mode, False
        self.max_tokens, self.pad_to_max_tokens = max_tokens, pad_to_max_tokens

    # ------------------------------------------------------------ text to tokens
    def _rows(self, inputs):
        """A list of tokens for each text."""
        x = as_text(inputs, self.encoding)
        if callable(self.standardize):
            x = as_text(np.asarray(_plain(self.standardize(x.astype(str)))))
        if self.split is not None:
            if x.ndim > 1 and x.shape[-1] != 1:
                raise ValueError(f"TextVectorization splits one text a sample: wanted shape (batch,) or (batch, 1), "
                                 f"got {x.shape}.")
            x = x.reshape(-1)
        table = TABLES.get(self.standardize) if isinstance(self.standardize, str) else None
        flat = x.reshape(-1).tolist()
        flat = flat if table is None else [t.translate(table) for t in flat]
        if callable(self.split):
            rows = [[str(w) for w in row] for row in _plain(self.split(np.array(flat, dtype=str)))]
        elif self.split == "character":
            rows = [list(t) for t in flat]
        elif self.split == "whitespace":
            rows = [[w for w in SPACE.split(t) if w] for t in flat]
        else:
            width = x.shape[-1] if x.ndim > 1 else 1
            rows = [flat[k:k + width] for k in range(0, len(flat), width)]
        if self.ngrams is None:
            return rows
        lengths = range(1, self.ngrams + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [[" ".join(row[k:k + n]) for n in lengths for k in range(len(row) - n + 1)] for row in rows]

    # ------------------------------------------------------------ learning
    def adapt(self, data, batch_size=None, steps=None):
        """Learns the vocabulary of a list or array of strings, a dataset, or an iterable of batches."""
        self.reset_state()
        whole = isinstance(data, (list, tuple, np.ndarray, Tensor))
        for k, batch in enumerate([data] if whole else data):
            if steps is not None and k >= steps:
                break
            self.update_state(batch[0] if isinstance(batch, tuple) else batch)
        self.finalize_state()

    def update_state(self, data):
        self._lookup_layer.update_state(self._rows(data))

    def finalize_state(self):
        self._lookup_layer.finalize_state()

    def reset_state(self):
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens=True):
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # ------------------------------------------------------------ use
    def _host(self, inputs):
        single = np.ndim(inputs) == 0
        rows = self._rows(np.asarray(inputs).reshape(1) if single else inputs)
        look = self._lookup_layer
        if not look._tokens and not look._fixed:
            raise ValueError(f"TextVectorization '{self.name}' knows no vocabulary yet: call adapt(texts) or "
                             f"set_vocabulary(words) first.")
        found = [look.indices(np.array(row, object)) for row in rows]
        if self.output_mode != "int":
            y = counted([r[r >= 0] for r in found], look._depth, self.output_mode, look._idf)
            return y[0] if single else y
        length = self.output_sequence_length
        y = np.zeros((len(found), max(map(len, found), default=0) if length is None else length), "int64")
        for k, row in enumerate(found):
            y[k, :len(row[:length])] = row[:length]
        return y[0] if single else y

    def _result(self, shape):
        if self.output_mode == "int":
            from fastdl.ops.symbolic import FILLS
            unknown = FILLS[0] if not shape or shape[0] != FILLS[1] else FILLS[1]
            return (shape[0], self.output_sequence_length or unknown), "int64"
        return (shape[0], self._lookup_layer._result(tuple(shape[:1]) + (1,))[0][-1]), config.floatx()

    # ------------------------------------------------------------ files
    def get_config(self):
        look, made = self._lookup_layer, super().get_config()
        return dict(made, vocabulary=look.input_vocabulary, idf_weights=look.get_config()["idf_weights"],
                    vocabulary_size=look.vocabulary_size())

    def save_own_variables(self, store):
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store):
        self._lookup_layer.load_own_variables(store)

    def save_own_assets(self, store):
        self._lookup_layer.save_own_assets(store)

    def load_own_assets(self, store):
        self._lookup_layer.load_own_assets(store)


def _plain(x):
    return x.numpy() if hasattr(x, "numpy") else x
