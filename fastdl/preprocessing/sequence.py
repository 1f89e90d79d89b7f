"""Series to windows, word sequences to skip-gram pairs."""
import json
import random

import numpy as np

from fastdl.errors import bad_argument
from fastdl.utils.dataset_utils import BatchDataset
from fastdl.utils.py_dataset import PyDataset
from fastdl.utils.sequence_utils import pad_sequences

__all__ = ["LookbackGenerator", "TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams", "timeseries_dataset_from_array"]


class TimeseriesGenerator(PyDataset):
    """x = data[r - length : r : sampling_rate], y = targets[r], r = start + length, + stride, ... up to end_index

    >>> x, y = TimeseriesGenerator(np.arange(6), np.arange(6), length=2, batch_size=3)[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1], [1, 2], [2, 3]], [2, 3, 4])
    """

    def __init__(self, data, targets, length, sampling_rate=1, stride=1, start_index=0, end_index=None, shuffle=False,
                 reverse=False, batch_size=128, **kwargs):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise bad_argument("targets", f"{len(targets)} targets", f"{len(data)}, as many as data has rows",
                               "targets[k] belongs to data[k]; shift inside the array, do not cut it")
        self.data, self.targets, self.length, self.sampling_rate, self.stride = data, targets, length, sampling_rate, stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size
        if self.start_index > self.end_index:
            raise bad_argument("length", f"{length}, so that the first target would be row {self.start_index}",
                               f"at most row {self.end_index}, the last one used", "use a shorter length or more data")

    def __len__(self):
        step = self.batch_size * self.stride
        return (self.end_index - self.start_index + step) // step

    def __getitem__(self, index):
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        x = np.array([self.data[r - self.length:r:self.sampling_rate] for r in rows])
        return (x[:, ::-1] if self.reverse else x), np.array([self.targets[r] for r in rows])

    def get_config(self):
        """The settings and the data, as to_json writes them."""
        def listed(name):
            values = getattr(self, name)
            values = values.tolist() if isinstance(values, np.ndarray) else values
            try:
                return json.dumps(values)
            except TypeError:
                raise bad_argument(name, f"an object of type {type(values).__name__}", "numbers that JSON can hold",
                                   "use a NumPy array or lists", TypeError) from None

        return {"data": listed("data"), "targets": listed("targets"), "length": self.length, "sampling_rate": self.sampling_rate,
                "stride": self.stride, "start_index": self.start_index, "end_index": self.end_index, "shuffle": self.shuffle,
                "reverse": self.reverse, "batch_size": self.batch_size}

    def to_json(self, **kwargs):
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


class LookbackGenerator(PyDataset):
    """x = data[r - lookback : r : step], y = data[r + delay, target]: from the past to a value `delay` rows ahead

    r runs from min_index + lookback up to, not including, max_index (None: as far as there are targets). shuffle=True draws
    each r at random. target: the column to foretell, or a list of columns. Also an endless iterator: next(generator).

    >>> x, y = LookbackGenerator(np.arange(20.0).reshape(10, 2), lookback=4, delay=1, step=2, target=1, batch_size=2)[0]
    >>> x[:, :, 0].tolist(), y.tolist()
    ([[0.0, 4.0], [2.0, 6.0]], [11.0, 13.0])
    """

    def __init__(self, data, lookback, delay, min_index=0, max_index=None, shuffle=False, batch_size=128, step=1, target=0,
                 seed=None, **kwargs):
        super().__init__(**kwargs)
        data = np.asarray(data)
        self.data = data[:, None] if data.ndim == 1 else data
        last = len(data) - delay
        self.first, self.end = min_index + lookback, last if max_index is None else max_index
        if not (0 <= min_index and 0 < step <= lookback and self.first < self.end <= last):
            raise bad_argument("lookback, delay, min_index, max_index", f"{lookback}, {delay}, {min_index}, {max_index}",
                               f"0 <= min_index, min_index + lookback < max_index <= {last} (rows - delay), step <= lookback",
                               f"data has {len(data)} rows; keep the test rows after the training rows")
        self.lookback, self.delay, self.step, self.target = lookback, delay, step, target
        self.shuffle, self.batch_size, self._rng, self._next = shuffle, batch_size, np.random.RandomState(seed), 0

    def __len__(self):
        return -(-(self.end - self.first) // self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        start = self.first + index * self.batch_size
        rows = np.arange(start, min(start + self.batch_size, self.end))
        if self.shuffle:
            rows = self._rng.randint(self.first, self.end, self.batch_size)
        return self.data[rows[:, None] + np.arange(-self.lookback, 0, self.step)], self.data[rows + self.delay][:, self.target]

    def __next__(self):
        batch = self[self._next]
        self._next = (self._next + 1) % len(self)
        return batch


def timeseries_dataset_from_array(data, targets, sequence_length, sequence_stride=1, sampling_rate=1, batch_size=128,
                                  shuffle=False, seed=None, start_index=None, end_index=None, format=None):
    """x[k] = data[p : p + sequence_length * sampling_rate : sampling_rate], y[k] = targets[p], p = k * sequence_stride

    A dataset of batches, indexable and iterable. Windows are views into `data` until a batch is read.

    >>> x, y = timeseries_dataset_from_array(np.arange(5), np.arange(5) * 10, sequence_length=3)[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [0, 10, 20])
    """
    n = len(data)
    for name, value, low in (("start_index", start_index, 0), ("end_index", end_index, 1)):
        if value is not None and not low <= value < n:
            raise bad_argument(name, value, f"a row from {low} to {n - 1}", f"data has {n} rows")
    if start_index and end_index and end_index <= start_index:
        raise bad_argument("end_index", end_index, f"a row after start_index={start_index}", "swap or correct them")
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if not 0 < value < n:
            raise bad_argument(name, value, f"a whole number from 1 to {n - 1}", f"data has {n} rows")
    part = slice(start_index or 0, end_index)
    data = np.asarray(data)[part]
    count = len(data) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        seed = np.random.randint(10**6) if seed is None else seed
        np.random.RandomState(seed).shuffle(starts)
    steps = np.arange(sequence_length) * sampling_rate
    targets = None if targets is None else np.asarray(targets)[part][starts]
    return BatchDataset(len(starts), lambda rows: data[starts[rows][:, None] + steps], targets, batch_size, shuffle, seed)


def make_sampling_table(size, sampling_factor=1e-5):
    """p[r] = min(1, sqrt(f * s)), 1/f = the frequency of rank r by Zipf's law, s = sampling_factor: word2vec's table."""
    rank = np.arange(size)
    rank[:1] = 1
    euler = 0.577
    inverse = rank * (np.log(rank) + euler) + 0.5 - 1.0 / (12.0 * rank)
    f = sampling_factor * inverse
    return np.minimum(1.0, f / np.sqrt(f))


def skipgrams(sequence, vocabulary_size, window_size=4, negative_samples=1.0, shuffle=True, categorical=False,
              sampling_table=None, seed=None):
    """([word, neighbour], 1) for neighbours at most window_size away, and ([word, random word], 0) as negatives

    Index 0 is no word and is skipped. Draws from Python's `random`, in Keras's order.
    """
    couples = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        for j in range(max(0, i - window_size), min(len(sequence), i + window_size + 1)):
            if j != i and sequence[j]:
                couples.append([word, sequence[j]])
    labels = [[0, 1] if categorical else 1] * len(couples)
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [c[0] for c in couples]
        random.shuffle(words)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [[1, 0] if categorical else 0] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for part in (couples, labels):
            random.seed(seed)
            random.shuffle(part)
    return couples, labels
