"""Dataset: a chain of steps over elements (arrays, tuples or dicts of them), worked out anew by each pass.

It has the methods that programs call on tf.data's datasets; elements are read one after another, in this process.
"""
import numpy as np

from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.utils import tree

INFINITE, UNKNOWN = -1, -2


def _tensors(element):
    def one(a):
        a = np.asarray(a)
        return convert_to_tensor(a) if a.dtype.kind in "fiub" else a
    return tree.map_structure(one, element)


def _arrays(element):
    return tree.map_structure(lambda t: t.numpy() if isinstance(t, Tensor) else np.asarray(t), element)


def _applied(function, element):
    return function(*_tensors(element)) if isinstance(element, tuple) else function(_tensors(element))


def _stacked(elements):
    leaves = [np.stack(column) for column in zip(*map(tree.flatten, elements))]
    return tree.pack_sequence_as(elements[0], leaves) if tree.is_nested(elements[0]) else leaves[0]


class Dataset:
    """elements() -> an iterator over arrays, tuples or dicts of arrays; length counts them, or is INFINITE or UNKNOWN

    >>> d = Dataset.from_tensor_slices((np.arange(6.0), np.arange(6))).map(lambda x, y: (x * 2, y)).batch(4)
    >>> [x.numpy().tolist() for x, y in d]
    [[0.0, 2.0, 4.0, 6.0], [8.0, 10.0]]
    """

    keeps_order = True                           # fit(shuffle=True) leaves the elements in the order that they have here

    def __init__(self, elements, length=UNKNOWN):
        self._elements, self._length = elements, length

    def __iter__(self):
        return (_tensors(e) for e in self._elements())

    def __len__(self):
        if self.cardinality() < 0:
            raise TypeError(f"the length of this dataset is {'infinite' if self.cardinality() == INFINITE else 'unknown'}")
        return int(self.cardinality())

    def cardinality(self):
        """The number of elements; -1 when they never end, -2 when nobody knows."""
        return self._length

    def _next(self, elements, count):
        """A dataset over elements(), of count(n) elements where this one has n."""
        n = self.cardinality()
        return Dataset(elements, count(n) if n >= 0 else n)

    @staticmethod
    def from_tensor_slices(tensors):
        """One element for each row of the arrays."""
        data = tree.map_structure(np.asarray, _as_structure(tensors))
        lengths = {len(a) for a in tree.flatten(data)}
        if len(lengths) != 1:
            raise bad_argument("tensors", f"arrays of {sorted(lengths)} rows", "the same number of rows in each", "cut them to one length")
        n = lengths.pop()
        return Dataset(lambda: (tree.map_structure(lambda a: a[k], data) for k in range(n)), n)

    @staticmethod
    def from_tensors(tensors):
        return Dataset(lambda: iter([_arrays(_as_structure(tensors))]), 1)

    @staticmethod
    def from_generator(generator, output_types=None, output_shapes=None, args=None, output_signature=None, name=None):
        """The elements of generator(*args), called anew for each pass."""
        return Dataset(lambda: (_arrays(e) for e in generator(*(args or ()))))

    @staticmethod
    def range(*args, **kwargs):
        return Dataset(lambda: iter(np.arange(*args)), len(np.arange(*args)))

    @staticmethod
    def zip(*datasets, name=None):
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list)) else datasets
        known = [d.cardinality() for d in parts if d.cardinality() >= 0]
        return Dataset(lambda: zip(*(d._elements() for d in parts)), min(known) if len(known) == len(parts) else UNKNOWN)

    def map(self, function, num_parallel_calls=None, deterministic=None, name=None):
        """function(x, y) of the parts of each tuple, function(x) of any other element."""
        return self._next(lambda: (_arrays(_applied(function, e)) for e in self._elements()), lambda n: n)

    def filter(self, predicate, name=None):
        return Dataset(lambda: (e for e in self._elements() if bool(_applied(predicate, e))))

    def batch(self, batch_size, drop_remainder=False, num_parallel_calls=None, deterministic=None, name=None):
        """batch_size elements stacked on a new first axis."""
        def elements():
            rows = []
            for e in self._elements():
                rows.append(e)
                if len(rows) == batch_size:
                    yield _stacked(rows)
                    rows = []
            if rows and not drop_remainder:
                yield _stacked(rows)
        return self._next(elements, lambda n: n // batch_size if drop_remainder else -(-n // batch_size))

    def unbatch(self, name=None):
        def elements():
            for e in self._elements():
                for k in range(len(tree.flatten(e)[0])):
                    yield tree.map_structure(lambda a: a[k], e)
        return Dataset(elements)

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=True, name=None):
        """Each next element is drawn from the buffer_size that come first among those left."""
        state = np.random.RandomState(np.random.randint(2**31) if seed is None else seed)
        start = state.get_state()

        def elements():
            if not reshuffle_each_iteration:
                state.set_state(start)
            held = []
            for e in self._elements():
                held.append(e)
                if len(held) >= buffer_size:
                    yield held.pop(state.randint(len(held)))
            while held:
                yield held.pop(state.randint(len(held)))
        return self._next(elements, lambda n: n)

    def take(self, count, name=None):
        def elements():
            for k, e in enumerate(self._elements() if count else ()):
                yield e
                if k + 1 == count:
                    return
        return Dataset(elements, count if self.cardinality() == INFINITE else min(count, self.cardinality()) if count >= 0
                       and self.cardinality() >= 0 else self.cardinality())

    def skip(self, count, name=None):
        return self._next(lambda: (e for k, e in enumerate(self._elements()) if k >= count), lambda n: max(n - count, 0))

    def repeat(self, count=None, name=None):
        """The elements count times over; for ever without count."""
        def elements():
            done, given = 0, True
            while given and (count is None or count < 0 or done < count):
                given = False
                for e in self._elements():
                    given = True
                    yield e
                done += 1
        return Dataset(elements, INFINITE) if count is None or count < 0 else self._next(elements, lambda n: n * count)

    def cache(self, filename="", name=None):
        """The elements are kept in memory after the first whole pass."""
        kept = []

        def elements():
            if kept:
                yield from kept[0]
                return
            seen = []
            for e in self._elements():
                seen.append(e)
                yield e
            kept.append(seen)
        return self._next(elements, lambda n: n)

    def concatenate(self, dataset, name=None):
        def elements():
            yield from self._elements()
            yield from dataset._elements()
        both = self.cardinality(), dataset.cardinality()
        return Dataset(elements, sum(both) if min(both) >= 0 else min(both))

    def enumerate(self, start=0, name=None):
        return self._next(lambda: ((np.int64(k), e) for k, e in enumerate(self._elements(), start)), lambda n: n)

    def apply(self, transformation):
        return transformation(self)

    def as_numpy_iterator(self):
        return iter(self._elements())

    def prefetch(self, buffer_size=None, name=None):
        """Accepted as in tf.data: fit reads ahead by itself."""
        return self

    def with_options(self, options, name=None):
        return self


def _as_structure(tensors):
    """Lists of numbers are arrays; tuples and dicts, as in tf.data, hold several."""
    if isinstance(tensors, tuple):
        return tuple(map(_as_structure, tensors))
    if isinstance(tensors, dict) or type(tensors).__name__ == "DataFrame":
        return {k: _as_structure(v) for k, v in tensors.items()}
    return np.asarray(tensors)
