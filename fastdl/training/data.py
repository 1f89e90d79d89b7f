"""Whatever fit was given (arrays, lists, dicts, DataFrames, generators, Sequences) becomes batches (x, y, weights).

Every source has `steps` (None: unknown) and `epoch(limit)`, which yields the batches of one pass.
"""
import collections
import itertools
import warnings
import zlib

import numpy as np

from fastdl.core.function import Rows
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument
from fastdl.training.prefetch import End, ahead
from fastdl.utils import tree

ENDLESS = 10000                          # batches after which a generator of unknown length is asked about

_TABLES = ("DataFrame", "Series")


def to_array(x, argument="x"):
    """One array-like (array, Tensor, list, DataFrame, torch tensor) as a NumPy array of numbers fastdl computes with."""
    if x is None:
        return None
    if isinstance(x, Tensor):
        a = x.numpy()
    elif hasattr(x, "detach") and hasattr(x, "cpu"):
        a = x.detach().cpu().numpy()
    elif type(x).__name__ in _TABLES or hasattr(x, "to_numpy"):
        a = x.to_numpy()
    else:
        try:
            a = np.asarray(x)
        except ValueError:
            raise bad_argument(argument, "rows of different lengths", "a rectangular array",
                               "pad the rows to one length with fastdl.utils.pad_sequences") from None
    if argument.startswith("x") and (a.dtype.kind == "U" or a.dtype == object and a.size and all(isinstance(v, str) for v in a.flat)):
        return a.astype(str)                    # for models whose first layers read strings; others say that they cannot
    if a.dtype == object:
        try:
            a = a.astype("float32")
        except (TypeError, ValueError):
            raise bad_argument(argument, f"an array of Python objects, shape {a.shape}", "numbers in rows of one length",
                               "pad rows of different lengths, and turn words or categories into numbers", TypeError) from None
    if a.dtype.kind == "c":
        raise bad_argument(argument, f"complex numbers ({a.dtype})", "real numbers", "pass np.abs(x), or x.real and x.imag as two features",
                           TypeError)
    if a.dtype.kind in "USMmV":
        raise bad_argument(argument, f"an array of dtype {a.dtype}", "numbers",
                           "turn words or categories into whole numbers or one-hot vectors", TypeError)
    if a.dtype in (np.float64, np.float16, np.longdouble):
        a = a.astype("float32")
    elif a.dtype.kind in "iu" and a.dtype.itemsize == 8:
        if a.size and (a.max() >= 2**31 or a.min() < -(2**31)):
            a = a.astype("float32")
        else:
            a = a.astype("int32")
    elif a.dtype == np.uint32:
        a = a.astype("int32")
    return a if a.flags.c_contiguous else a.copy(order="C")


def _table_columns(x):
    return x.to_frame() if type(x).__name__ == "Series" and hasattr(x, "to_frame") else x


def _is_list_of_numbers(x):
    """[1, 2, 3] or [[1, 2], [3, 4]]: one array written as lists, not a list of arrays."""
    if not isinstance(x, (list, tuple)) or not x:
        return isinstance(x, (list, tuple))
    first = x[0]
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return isinstance(first, (int, float, bool, np.number, str, list, tuple))


def to_arrays(x, argument):
    """The structure of arrays for `x`, `y` or `sample_weight`."""
    if x is None or not tree.is_nested(x):
        return to_array(_table_columns(x) if argument == "x" else x, argument)
    if _is_list_of_numbers(x):
        return to_array(x, argument)
    if isinstance(x, dict):
        return {key: to_arrays(value, f'{argument}["{key}"]') for key, value in x.items()}
    return type(x)(to_arrays(value, f"{argument}[{k}]") for k, value in enumerate(x))


def _leaves(argument, structure):
    if isinstance(structure, dict):
        return [p for k, v in structure.items() for p in _leaves(f'{argument}["{k}"]', v)]
    if isinstance(structure, (list, tuple)):
        return [p for k, v in enumerate(structure) for p in _leaves(f"{argument}[{k}]", v)]
    return [] if structure is None else [(argument, structure)]


def check_lengths(x, y, sample_weight):
    """The common number of samples; ValueError when the arrays disagree, are empty or have no axis of samples."""
    parts = _leaves("x", x) + _leaves("y", y) + _leaves("sample_weight", sample_weight)
    if not parts:
        raise bad_argument("x", "no data", "an array, a list or dict of arrays, a generator or a Sequence", "pass x=...")
    for name, a in parts:
        if a.ndim == 0:
            raise bad_argument(name, f"the single number {a.item()!r}", "an array with an axis of samples", "wrap it: np.array([...])")
    lengths = {name: len(a) for name, a in parts}
    if len(set(lengths.values())) > 1:
        if isinstance(x, (list, tuple)) and len(x) > 8:
            raise bad_argument("x", f"a list of {len(x)} arrays of shape {x[0].shape}", "one array; a list holds one array for each "
                               "input of the model", "if its entries are the samples, np.stack(x) joins them (the same for y)")
        shown = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise bad_argument(parts[-1][0] if len(set(lengths.values())) == 2 else "x", f"different numbers of samples: {shown}",
                           "the same number in each", "compare the shapes; was one of them split, filtered or transposed alone?")
    n = len(parts[0][1])
    if n == 0:
        raise bad_argument(parts[0][0], f"an empty array of shape {parts[0][1].shape}", "at least one sample",
                           "look at the step that loads or filters the data")
    return n


def check_finite(argument, structure):
    """ValueError naming the first NaN: one would turn every weight into NaN."""
    for name, a in _leaves(argument, structure):
        # A sum is one pass without a temporary; only a sum that is NaN asks for the exact answer.
        if a.dtype.kind == "f" and np.isnan(a.sum()) and np.isnan(a).any():
            where = tuple(int(k) for k in np.argwhere(np.isnan(a))[0])
            raise bad_argument(name, f"{int(np.isnan(a).sum())} NaN values, the first at index {where}", "numbers",
                               f"drop or fill them, for example np.nan_to_num({name}), and look for a division by zero before")


def check_labels(y, classes, argument="y"):
    """ValueError for labels outside 0 .. classes - 1."""
    if y is None or not y.size:
        return
    low, high = y.min(), y.max()
    if low < 0 or high >= classes:
        bad = low if low < 0 else high
        where = tuple(int(k) for k in np.argwhere(y == bad)[0])
        fix = f"give the last layer {int(high) + 1} units" if low >= 0 else "number the classes from 0"
        raise bad_argument(argument, f"the label {bad:g} at index {where}", f"labels from 0 to {classes - 1}, since the last layer "
                           f"has {classes} units", f"{fix}, or renumber the labels")
    if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)):
        raise bad_argument(argument, "fractions", "whole-number labels for a sparse loss", 'use a regression loss such as "mse"')


def class_weights_of(y, class_weight, argument="y"):
    """w[k] = class_weight[label of sample k]; classes that are not listed weigh 1."""
    if tree.is_nested(y):
        raise bad_argument("class_weight", "a model with several outputs", "one output", "use sample_weight instead")
    if y is None:
        raise bad_argument("class_weight", "no targets y", "targets with class labels", "pass y")
    if not hasattr(class_weight, "items"):
        raise bad_argument("class_weight", f"{class_weight!r:.80}", "a dict from the class number to its weight, as in {0: 1.0, 1: 5.0}",
                           "dict(enumerate(weights)) makes one of a list; scikit-learn's compute_class_weight('balanced', ...) "
                           "gives such a list", TypeError)
    labels = y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y), *y.shape[1:-1] if y.ndim > 1 else ())
    weights = np.ones(labels.shape, "float32")
    for label, weight in class_weight.items():
        weights[labels == int(label)] = weight
    return weights


def train_validation_split(arrays, fraction):
    """(training part, validation part): the validation part is the last `fraction` of the samples, before shuffling."""
    if not isinstance(fraction, (int, float, np.number)) or not 0 < fraction < 1:
        raise bad_argument("validation_split", repr(fraction), "a fraction between 0 and 1", "validation_split=0.2 holds out a fifth")
    n = len(next(a for a in tree.flatten(arrays) if a is not None))
    cut = int(n * (1 - fraction))
    if cut == 0 or cut == n:
        raise bad_argument("validation_split", fraction, f"a fraction that leaves samples on both sides of {n}",
                           "use another fraction or more data")
    first = tree.map_structure(lambda a: None if a is None else a[:cut], arrays)
    return first, tree.map_structure(lambda a: None if a is None else a[cut:], arrays)


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """x, (x, y) or (x, y, sample_weight): the inverse of unpack_x_y_sample_weight."""
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data):
    """(x, y, sample_weight) of a batch given as x, (x,), (x, y) or (x, y, sample_weight)."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3:
        raise bad_argument("x", f"a batch of {len(data)} parts", "x, (x, y) or (x, y, sample_weight)",
                           "yield a tuple of at most three parts; several inputs go into one list or dict")
    return data + (None,) * (3 - len(data))


class ArraySource:
    """Batches of rows of arrays, in order or permuted each epoch; the last batch may be smaller."""

    def __init__(self, x, y=None, sample_weight=None, batch_size=None, shuffle=False, dtypes=None, steps=None):
        self.n = check_lengths(x, y, sample_weight)
        if batch_size is None:
            batch_size = -(-self.n // steps) if steps else 32              # as in Keras: so many equal steps
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise bad_argument("batch_size", repr(batch_size), "a whole number of at least 1", "batch_size=32 is usual")
        self.batch_size = int(batch_size)
        self.data = (x, y, sample_weight)
        self.shuffle = shuffle
        self.dtypes = dtypes or {}
        self.steps = -(-self.n // self.batch_size)
        self._rest, self._drawn, self._given = None, None, 0

    def _order(self):
        if not self.shuffle:
            return None
        if self.shuffle == "batch":
            starts = np.random.permutation(self.steps) * self.batch_size
            order = (starts[:, None] + np.arange(self.batch_size)).reshape(-1)
            return order[order < self.n].astype("int32")
        return np.random.permutation(self.n).astype("int32")

    def _pass(self):
        self._drawn, self._given = np.random.get_state(), 0
        order, size, n = self._order(), self.batch_size, self.n
        leaves = tree.flatten(self.data)
        casts = [self.dtypes.get(id(a)) for a in leaves]
        plain = not tree.is_nested(self.data[0]) and not tree.is_nested(self.data[1]) and not tree.is_nested(self.data[2])
        for start in range(0, n, size):
            if order is None:
                rows = [None if a is None else a[start:start + size] for a in leaves]
                rows = [r if c is None else r.astype(c) for r, c in zip(rows, casts)]
            else:
                rows = [None if a is None else Rows(a, order[start:start + size], c) for a, c in zip(leaves, casts)]
            self._given += 1
            yield tuple(rows) if plain else tree.pack_sequence_as(self.data, rows)

    def epoch(self, limit=None):
        if limit is None:
            rest, self._rest = self._rest or self._pass(), None
            yield from rest
            return
        # With steps_per_epoch the data goes on where the last epoch left it.
        for _ in range(limit):
            if self._rest is None:
                self._rest = self._pass()
            try:
                batch = next(self._rest)
            except StopIteration:
                self._rest = self._pass()
                batch = next(self._rest)
            yield batch

    def first(self):
        rows = min(self.batch_size, self.n)

        def head(a):
            if a is None:
                return None
            cast = self.dtypes.get(id(a))
            return a[:rows] if cast is None else a[:rows].astype(cast)

        return tree.map_structure(head, self.data)

    def on_epoch_end(self):
        pass

    # What a resumed training needs: where it was, `inside` an epoch or between two, and whether the data are the same.
    def position(self, inside):
        return {"drawn": self._drawn, "given": self._given} if inside or self._rest is not None else None

    def resume(self, position):
        np.random.set_state(position["drawn"])
        self._rest = self._pass()
        for _ in range(position["given"]):
            next(self._rest)

    def describe(self):
        leaves = [a for a in tree.flatten(self.data) if a is not None]
        edges = zlib.crc32(b"".join(np.ascontiguousarray(a[k]).tobytes() for a in leaves for k in (0, -1)))
        return {"samples": self.n, "batch_size": self.batch_size, "shapes": [list(a.shape[1:]) for a in leaves], "first and last": edges}


class _Batches:
    """Shared by the sources that bring ready batches."""

    def __init__(self, class_weight=None):
        self.class_weight = class_weight
        self._peeked = None

    def describe(self):
        return {}

    def _convert(self, batch):
        if hasattr(batch, "items") and not isinstance(batch, dict):
            batch = dict(batch)
        x, y, w = unpack_x_y_sample_weight(batch)
        x, y, w = to_arrays(x, "x"), to_arrays(y, "y"), to_arrays(w, "sample_weight")
        if self.class_weight is not None and w is None:
            w = class_weights_of(y, self.class_weight)
        if w is not None:
            w = tree.map_structure(lambda a: None if a is None else a.astype("float32"), w)
        check_lengths(x, y, w)
        return x, y, w


class SequenceSource(_Batches):
    """A Sequence/PyDataset, or any object with __len__ and __getitem__ that counts batches."""

    def __init__(self, sequence, shuffle=False, class_weight=None):
        super().__init__(class_weight)
        self.sequence = sequence
        self.shuffle = shuffle
        self._at, self._resumed, self._ends, self._flight = None, False, [], collections.deque()

    @property
    def steps(self):
        n = len(self.sequence)
        if n == 0:
            raise bad_argument("x", "a Sequence of length 0", "at least one batch",
                               "its __len__ must return the number of batches: math.ceil(samples / batch_size)")
        return n

    def _indices(self):
        n = self.steps
        return np.random.permutation(n).tolist() if self.shuffle else list(range(n))

    def _numbers(self, limit):
        if limit is None and not self._resumed:
            self._at = self._indices()
        self._resumed, count = False, 0
        while self._at if limit is None else count < limit:
            if not self._at:
                self._at = self._indices()
            count += 1
            self._flight.append(self._at.pop(0))            # read, and not given yet
            yield self._flight[-1]

    def epoch(self, limit=None):
        own = self.sequence
        self._flight.clear()
        for batch in ahead(lambda k: self._convert(own[k]), self._numbers(limit), int(getattr(own, "workers", 1) or 1),
                           int(getattr(own, "max_queue_size", 10) or 1)):
            self._flight.popleft()
            yield batch

    def first(self):
        return self._convert(self.sequence[0])

    def on_epoch_end(self):
        if hasattr(self.sequence, "on_epoch_end"):
            self._ends.append(np.random.get_state())
            self.sequence.on_epoch_end()

    def position(self, inside):
        own = self.sequence.get_state() if hasattr(self.sequence, "get_state") else None
        return {"at": [*self._flight, *(self._at or ())], "inside": inside, "own": own, "ends": self._ends if own is None else []}

    def resume(self, position):
        if position["own"] is not None:
            self.sequence.set_state(position["own"])
        for state in position["ends"]:                      # a Sequence that shuffles itself does so again, with the same numbers
            np.random.set_state(state)
            self.on_epoch_end()
        self._at, self._resumed = position["at"], position["inside"]


class IteratorSource(_Batches):
    """A generator (read on across epochs) or an iterable such as a DataLoader (started again each epoch)."""

    def __init__(self, iterable, class_weight=None):
        super().__init__(class_weight)
        self.iterable = iterable
        self.once = iter(iterable) is iterable
        self._iterator, self._read, self._given, self._limited = None, 0, 0, False
        try:
            self.steps = len(iterable)
        except TypeError:
            self.steps = None

    def _next(self):
        if self._peeked is not None:
            batch, self._peeked = self._peeked, None
            return batch
        if self._iterator is None:
            self._iterator, self._read = iter(self.iterable), 0
        batch = self._convert(next(self._iterator))
        self._read += 1
        return batch

    def _following(self, count, limit):
        if count == ENDLESS and self.steps is None:
            warnings.warn(f"The generator has given {ENDLESS} batches and says no length. If it never ends, say how many batches are "
                          "an epoch: steps_per_epoch= in fit, steps= in evaluate and predict.")
        try:
            return self._next(), self._read
        except StopIteration:
            if self.once or limit is None:
                if not self.once:
                    self._iterator = None
                raise End from None
        self._iterator = None
        try:
            return self._next(), self._read
        except StopIteration:
            raise End from None

    def epoch(self, limit=None):
        counts = itertools.count() if limit is None else range(limit)
        self._limited = limit is not None
        for batch, self._given in ahead(lambda count: self._following(count, limit), counts):
            yield batch

    def position(self, inside):
        return {"given": self._given} if inside or self._limited or self.once else None

    def resume(self, position):
        for _ in range(position["given"]):                  # what was read before the crash is read once more
            self._next()
        self._given = position["given"]

    def first(self):
        if self._peeked is None:
            try:
                self._peeked = self._next()
            except StopIteration:
                raise bad_argument("x", "a generator that yields nothing", "at least one batch",
                                   "a generator can be read once: create it anew for each call") from None
        return self._peeked

    def on_epoch_end(self):
        pass


def is_array_like(x):
    if x is None or tree.is_nested(x):
        return True
    return isinstance(x, (np.ndarray, Tensor, int, float)) or hasattr(x, "__array__") or hasattr(x, "to_numpy")


def make_source(x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None, dtypes_of=None, check=True,
                steps=None):
    """The source for the data arguments of fit, evaluate or predict."""
    if is_array_like(x):
        x, y = to_arrays(x, "x"), to_arrays(y, "y")
        sample_weight = to_arrays(sample_weight, "sample_weight")
        check_lengths(x, y, sample_weight)
        if check:
            check_finite("x", x)
            check_finite("y", y)
        if class_weight is not None:
            extra = class_weights_of(y, class_weight)
            sample_weight = extra if sample_weight is None else sample_weight * extra
        if sample_weight is not None:
            sample_weight = tree.map_structure(lambda a: None if a is None else a.astype("float32"), sample_weight)
        return ArraySource(x, y, sample_weight, batch_size, shuffle, dtypes_of(x) if dtypes_of else None, steps)
    if isinstance(x, (str, bytes, set, frozenset)):
        raise bad_argument("x", f"{x!r:.80}, a {type(x).__name__}", "arrays, a generator, a Sequence or a DataFrame",
                           "read the file first (np.load, pandas.read_csv, fastdl.utils.image_dataset_from_directory)"
                           if isinstance(x, (str, bytes)) else "a set has no order: pass a list or an array", TypeError)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise bad_argument(name, f"an array beside x of type {type(x).__name__}", "nothing: such an x brings its own targets",
                               "let each batch be (x, y) or (x, y, sample_weight)")
    if hasattr(x, "__getitem__") and hasattr(x, "__len__") and not hasattr(x, "collate_fn"):
        return SequenceSource(x, shuffle=bool(shuffle) and not getattr(x, "keeps_order", False), class_weight=class_weight)
    if not hasattr(x, "__iter__"):
        raise bad_argument("x", f"an object of type {type(x).__name__}", "arrays, a generator, a Sequence or a DataFrame",
                           "call it: a generator function gives batches only when called" if callable(x) else "convert it with np.asarray",
                           TypeError)
    return IteratorSource(x, class_weight=class_weight)
