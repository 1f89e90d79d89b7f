"""Words or whole numbers to indices and back: StringLookup, IntegerLookup. Vocabularies travel in .keras files as vocabulary.txt."""
import collections
import itertools

import numpy as np

from fastdl import config
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument
from fastdl.layers.preprocessing import hashes
from fastdl.layers.preprocessing.host import HostLayer, as_text, checked_mode, counted, encoded

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class _IndexLookup(HostLayer):
    """index = [mask] + num_oov_indices for what is unknown + the vocabulary's place; the mask exists only in "int" mode

    adapt() learns the vocabulary, the most frequent token first; invert=True goes from indices to tokens.
    """
    words = True

    def __init__(self, max_tokens, num_oov_indices, mask_token, oov_token, vocabulary=None, idf_weights=None, invert=False,
                 output_mode="int", sparse=False, pad_to_max_tokens=False, oov_method="floormod", salt=None, vocabulary_size=None,
                 has_input_vocabulary=None, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise bad_argument(f"max_tokens of {name}", max_tokens, "None or a number above 1", "it counts the mask "
                                                                                                "and unknown indices "
                                                                                                "too")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{name}(pad_to_max_tokens=True) needs max_tokens: how wide should rows be?")
        if num_oov_indices < 0:
            raise bad_argument(f"num_oov_indices of {name}", num_oov_indices, "0 or more", "use 1")
        if oov_method not in ("floormod", "farmhash"):
            raise bad_argument("oov_method", repr(oov_method), '"floormod" or "farmhash"', 'use "floormod"')
        self.output_mode, self.sparse = checked_mode(self, output_mode, sparse, MODES)
        if invert and self.output_mode != "int":
            raise ValueError(f"{name}(invert=True) gives tokens: output_mode must be 'int', not {output_mode!r}.")
        if self.output_mode == "tf_idf" and vocabulary is not None and idf_weights is None:
            raise ValueError(f"{name} with output_mode='tf_idf' and a vocabulary needs idf_weights too, or call "
                             f"adapt().")
        self.max_tokens, self.num_oov_indices, self.mask_token, self.oov_token = max_tokens, num_oov_indices, mask_token, oov_token
        self.invert, self.pad_to_max_tokens, self.oov_method = bool(invert), bool(pad_to_max_tokens), oov_method
        self.salt, self.vocabulary_dtype = hashes.salt_pair(salt), "string" if self.words else "int64"
        self.input_vocabulary, self.input_idf_weights = None, idf_weights
        self._frozen_size, self._fixed, self._tokens, self._index, self._idf = vocabulary_size, vocabulary is not None, [], {}, None
        self.reset_state()
        if vocabulary is not None:
            if isinstance(vocabulary, str):
                self._read(vocabulary)
            else:
                self.input_vocabulary = self._listed(vocabulary)
                self.set_vocabulary(self.input_vocabulary, idf_weights)

    # ------------------------------------------------------------ vocabulary
    def _listed(self, values):
        values = values.numpy() if isinstance(values, Tensor) else values
        if self.words:
            return as_text(np.asarray(values, object) if isinstance(values, (list, tuple)) else values).tolist()
        return [int(v) for v in np.asarray(values).reshape(-1).tolist()]

    def _read(self, path):
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        self.set_vocabulary(self._listed(lines[:-1] if lines and not lines[-1] else lines))

    @property
    def _specials(self):
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """The tokens in the order of their indices, with or without the mask and unknown tokens in front."""
        if isinstance(vocabulary, str):
            return self._read(vocabulary)
        tokens, name = self._listed(vocabulary), type(self).__name__
        if not tokens:
            raise ValueError(f"{name} received an empty vocabulary.")
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise ValueError(f"{name}: idf_weights belong to output_mode='tf_idf', and that mode needs them; it is "
                             f"{self.output_mode!r}.")
        start, special = len(self._specials), self._specials
        has_special = tokens[:start] == special and start > 0
        tokens = tokens[start:] if has_special else tokens
        twice = [t for t, n in collections.Counter(tokens).items() if n > 1]
        if twice:
            raise ValueError(f"{name} received a vocabulary with tokens that come twice: {twice[:10]}.")
        for what, token in (("mask", self.mask_token), ("unknown", self.oov_token if self.invert else None)):
            if token is not None and token in tokens:
                raise ValueError(f"{name} found its {what} token {token!r} at place {tokens.index(token)} of the "
                                 f"vocabulary. Leave special tokens out, "
                                 f"or put {special} first.")
        if self.max_tokens is not None and start + len(tokens) > self.max_tokens:
            raise ValueError(f"{name} received a vocabulary of {start + len(tokens)} tokens (special ones counted); "
                             f"max_tokens is {self.max_tokens}.")
        self._store(tokens)
        if idf_weights is not None:
            weights = np.asarray(idf_weights, "float64").reshape(-1)
            if len(weights) != len(tokens) + (start if has_special else 0):
                raise ValueError(f"{name} received {len(weights)} idf_weights for {len(tokens)} tokens: wanted one "
                                 f"each.")
            self._set_idf(weights if has_special else np.concatenate([np.full(start, weights.mean()), weights]))

    def _store(self, tokens):
        self._tokens = tokens
        self._index = {t: k for k, t in enumerate(tokens, len(self._specials))}
        self._frozen_size = self.vocabulary_size()

    def _set_idf(self, weights):
        more = self.max_tokens - len(weights) if self.pad_to_max_tokens else 0
        self._idf = np.concatenate([weights, np.zeros(more)]).astype(config.floatx())

    def get_vocabulary(self, include_special_tokens=True):
        return (self._specials if include_special_tokens else []) + list(self._tokens)

    def vocabulary_size(self):
        return len(self._specials) + len(self._tokens)

    # ------------------------------------------------------------ learning
    def adapt(self, data, steps=None):
        """Learns the vocabulary of an array, a list of strings, a dataset, or an iterable of batches."""
        self.reset_state()
        whole = isinstance(data, (list, tuple, np.ndarray, Tensor))
        for k, batch in enumerate([data] if whole else data):
            if steps is not None and k >= steps:
                break
            batch = batch[0] if isinstance(batch, tuple) else batch
            batch = np.asarray(batch.numpy() if isinstance(batch, Tensor) else batch)
            self.update_state(batch[:, None] if whole and batch.ndim == 1 else batch)
        self.finalize_state()

    def reset_state(self):
        self._counts, self._documents, self._seen = collections.Counter(), collections.Counter(), 0

    def update_state(self, data):
        """Counts a batch: an array, or a list of rows of any length."""
        if self._fixed:
            raise ValueError(f"{type(self).__name__} was given its vocabulary: adapt() would replace it. Leave "
                             f"vocabulary out to learn one.")
        if isinstance(data, list) and all(isinstance(row, list) for row in data):
            rows = data
        else:
            a = np.asarray(data)
            a = as_text(a) if self.words else a.astype("int64")
            rows = a.reshape(1, -1).tolist() if a.ndim < 2 else a.reshape(len(a), -1).tolist()
        self._counts.update(itertools.chain.from_iterable(rows))
        if self.output_mode == "tf_idf":
            for row in rows:
                self._documents.update(set(row))
            self._seen += len(rows)

    def finalize_state(self):
        if self._fixed or not self._counts:
            return
        found = [(n, t) for t, n in self._counts.items() if t != self.mask_token and t != self.oov_token]
        found.sort(reverse=True)
        tokens = [t for _, t in found]
        if self.max_tokens is not None:
            tokens = tokens[:self.max_tokens - len(self._specials)]
        self._store(tokens)
        if self.output_mode == "tf_idf":
            idf = np.array([np.log(1 + self._seen / (1 + self._documents[t])) for t in tokens])
            self._set_idf(np.concatenate([np.full(len(self._specials), idf.mean() if len(idf) else 0.0), idf]))
        self.reset_state()

    # ------------------------------------------------------------ use
    @property
    def _depth(self):
        return self.max_tokens if self.pad_to_max_tokens else self._frozen_size

    def indices(self, values):
        """The index of every element of an array of str or int64; int64."""
        start, flat, get = len(self._specials) - self.num_oov_indices, values.reshape(-1).tolist(), self._index.get
        if self.num_oov_indices == 1:
            found = np.fromiter((get(v, start) for v in flat), "int64", len(flat))
        else:
            found = np.fromiter((get(v, -1) for v in flat), "int64", len(flat))
        mask = None if self.mask_token is None else np.fromiter((v == self.mask_token for v in flat), bool, len(flat))
        lost = found < 0 if mask is None else (found < 0) & ~mask
        if lost.any():
            unknown = [v for v, k in zip(flat, lost) if k]
            if self.num_oov_indices == 0:
                raise ValueError(f"{type(self).__name__} has num_oov_indices=0 and met values outside of its "
                                 f"vocabulary: {unknown[:10]}. "
                                 "Fix: num_oov_indices=1.")
            if not self.words and self.oov_method == "floormod":
                bins = np.array([v % self.num_oov_indices for v in unknown])
            else:
                bins = hashes.buckets(np.array([str(v) for v in unknown], object), self.num_oov_indices, self.salt)
            found[lost] = start + bins
        if mask is not None:
            found[mask] = 0 if self.output_mode == "int" else -1            # -1: not counted at all
        return found.reshape(values.shape)

    def _host(self, inputs):
        if not self._tokens and not self._fixed:
            raise ValueError(f"{type(self).__name__} '{self.name}' knows no vocabulary yet: call adapt(data) or "
                             f"set_vocabulary(...) first.")
        x = inputs.numpy() if isinstance(inputs, Tensor) else np.asarray(inputs)
        if self.invert:
            vocabulary, flat = self.get_vocabulary(), x.astype("int64").reshape(-1)
            made = [vocabulary[k] if 0 <= k < len(vocabulary) else self.oov_token for k in flat.tolist()]
            return np.array(made, dtype=object if self.words else "int64").reshape(x.shape)
        return self._encode(self.indices(as_text(x) if self.words else x.astype("int64")))

    def _encode(self, index):
        if self.output_mode == "int":
            return index
        if self.output_mode == "one_hot":
            return encoded(index, self._depth, "one_hot", config.floatx())
        rows = index.reshape(1, -1) if index.ndim < 2 else index.reshape(len(index), -1)
        y = counted([r[r >= 0] for r in rows], self._depth, self.output_mode, self._idf)
        return y[0] if index.ndim < 2 else y

    def _result(self, shape):
        if self.output_mode != "int" and self._depth is None:
            raise ValueError(f"{type(self).__name__} '{self.name}' does not know its vocabulary's size yet: call "
                             f"adapt(data) before the model is built.")
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return self._encoded_shape(shape, self._depth, mode), "int64" if mode == "int" else config.floatx()

    def _symbolic_call(self, args, kwargs, recorded, training):
        out = super()._symbolic_call(args, kwargs, recorded, training)
        if self.invert and self.words:
            out.dtype = "string"
        return out

    # ------------------------------------------------------------ files
    def get_config(self):
        made = super().get_config()
        made.pop("has_input_vocabulary", None)
        return dict(made, vocabulary=self.input_vocabulary, idf_weights=None if self.input_idf_weights is None else
                    np.asarray(self.input_idf_weights).tolist(), vocabulary_size=self._frozen_size, output_mode=self.output_mode)

    def save_own_variables(self, store):
        if self.output_mode == "tf_idf" and self._idf is not None:
            store["idf_weights"] = self._idf

    def load_own_variables(self, store):
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self._idf = np.asarray(store["idf_weights"], config.floatx())

    def save_own_assets(self, store):
        if self.input_vocabulary is None:
            store["vocabulary.txt"] = "\n".join(map(str, self.get_vocabulary())).encode("utf-8")

    def load_own_assets(self, store):
        if self.input_vocabulary is None and "vocabulary.txt" in store:
            text = store["vocabulary.txt"].decode("utf-8")
            lines = text.split("\n") if text else []            # an empty last line is a word, the empty one
            tokens, start = self._listed(lines), len(self._specials)
            self._store(tokens[start:] if tokens[:start] == self._specials else tokens)


class StringLookup(_IndexLookup):
    """Strings to indices (or back): 0 is the mask where mask_token is given, then the unknown, then the vocabulary

    >>> StringLookup(vocabulary=["a", "b"])(np.array([["b", "z"]])).numpy().tolist()
    [[2, 0]]
    """

    def __init__(self, max_tokens=None, num_oov_indices=1, mask_token=None, oov_token="[UNK]", vocabulary=None, idf_weights=None,
                 invert=False, output_mode="int", pad_to_max_tokens=False, sparse=False, encoding="utf-8", name=None, salt=None, **kwargs):
        self.encoding = encoding
        super().__init__(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
                         pad_to_max_tokens, salt=salt, name=name, **kwargs)


class IntegerLookup(_IndexLookup):
    """Whole numbers to indices (or back), as StringLookup; several unknown indices are shared out by value mod num_oov_indices

    >>> IntegerLookup(vocabulary=[12, 36])(np.array([36, 7])).numpy().tolist()
    [2, 0]
    """
    words = False

    def __init__(self, max_tokens=None, num_oov_indices=1, mask_token=None, oov_token=-1, vocabulary=None, vocabulary_dtype="int64",
                 idf_weights=None, invert=False, output_mode="int", sparse=False, pad_to_max_tokens=False, oov_method="floormod", salt=None,
                 name=None, **kwargs):
        if vocabulary_dtype != "int64":
            raise bad_argument("vocabulary_dtype", repr(vocabulary_dtype), '"int64"', "leave it out")
        super().__init__(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
                         pad_to_max_tokens, oov_method, salt, name=name, **kwargs)
