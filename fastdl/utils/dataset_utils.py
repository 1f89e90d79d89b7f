"""Batches by number from files or windows, and the listing of class folders that the directory loaders share."""
import os

import numpy as np

from fastdl.errors import bad_argument
from fastdl.utils.dataset import Dataset
from fastdl.utils.numerical import to_categorical
from fastdl.utils.py_dataset import PyDataset


class BatchDataset(Dataset, PyDataset):
    """batch k = stack of load(i) for the k-th `batch_size` of the order; (x, y) when there are targets

    The order is drawn anew after each pass when `shuffle` is set. batch_size=None yields single samples.
    """

    def __init__(self, n, load, targets=None, batch_size=32, shuffle=False, seed=None):
        PyDataset.__init__(self)
        if batch_size is not None and batch_size < 1:
            raise bad_argument("batch_size", batch_size, "a whole number of at least 1, or None", "batch_size=32 is usual")
        self.n, self.load, self.targets, self.batch_size, self.reshuffled = n, load, targets, batch_size, shuffle
        self._rng = np.random.RandomState(seed) if shuffle else None
        self._maps = ()
        self.order = np.arange(n)
        self.class_names = self.file_paths = None
        self.on_epoch_end()

    def cardinality(self):
        return len(self)

    def __len__(self):
        return -(-self.n // (self.batch_size or 1))

    def __getitem__(self, k):
        if not -len(self) <= k < len(self):
            raise IndexError(f"batch {k} of {len(self)}")
        k %= len(self)
        if self.batch_size is None:
            rows = int(self.order[k])
            x = self.load(np.array([rows]))[0]
        else:
            rows = self.order[k * self.batch_size:(k + 1) * self.batch_size]
            x = self.load(rows)
        batch = x if self.targets is None else (x, self.targets[rows])
        for function in self._maps:
            batch = function(*batch) if isinstance(batch, tuple) else function(batch)
        return batch

    def _elements(self):
        for k in range(len(self)):
            yield self[k]
        self.on_epoch_end()

    def on_epoch_end(self):
        if self.reshuffled:
            self._rng.shuffle(self.order)

    def map(self, function, num_parallel_calls=None):
        """The dataset with function(x, y) (or function(x)) applied to each batch."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._maps = (*self._maps, function)
        return other


def _subfolders(directory):
    return sorted(d for d in os.listdir(directory) if os.path.isdir(os.path.join(directory, d)) and not d.startswith("."))


def _files(directory, formats, follow_links):
    """Paths relative to `directory`, in the order of sorted folders, then sorted names."""
    for root, _, names in sorted(os.walk(directory, followlinks=follow_links), key=lambda entry: entry[0]):
        for name in sorted(names):
            if name.lower().endswith(formats):
                yield os.path.relpath(os.path.join(root, name), directory)


def check_directory(directory):
    if not os.path.isdir(directory):
        raise bad_argument("directory", f"{os.fspath(directory)!r}, which is not a folder", "a folder of files, one folder a class",
                           "check the path and the working directory", FileNotFoundError)


def index_directory(directory, labels, formats, class_names=None, shuffle=True, seed=None, follow_links=False, verbose=True):
    """(paths, labels, class_names) of the files under `directory`; class k is the k-th folder by name."""
    check_directory(directory)
    if labels == "inferred":
        folders = _subfolders(directory)
        if class_names is not None:
            missing = [c for c in class_names if c not in folders]
            if missing:
                raise bad_argument("class_names", f"names without a folder: {missing}", f"some of {folders}", "correct the names")
            folders = list(class_names)
        paths, numbers = [], []
        for k, folder in enumerate(folders):
            found = [os.path.join(directory, folder, f) for f in _files(os.path.join(directory, folder), formats, follow_links)]
            paths += found
            numbers += [k] * len(found)
        labels, class_names = np.array(numbers, "int32"), folders
    else:
        if class_names is not None:
            raise bad_argument("class_names", class_names, 'None unless labels="inferred"', "leave it out")
        paths = [os.path.join(directory, f) for f in _files(directory, formats, follow_links)]
        if labels is not None:
            if len(labels) != len(paths):
                raise bad_argument("labels", f"{len(labels)} labels", f"{len(paths)}: one for each file under {directory}",
                                   "list the labels in the sorted order of the paths")
            class_names = [str(c) for c in sorted(set(labels))]
            labels = list(labels)
    if verbose:
        print(f"Found {len(paths)} files" + ("." if labels is None else f" belonging to {len(class_names)} classes."))
    if shuffle:
        seed = np.random.randint(10**6) if seed is None else seed
        # The same seed twice moves paths and labels alike.
        np.random.RandomState(seed).shuffle(paths)
        if labels is not None:
            np.random.RandomState(seed).shuffle(labels)
    return paths, labels, class_names


def check_validation_split_arg(validation_split, subset, shuffle, seed):
    if validation_split and not 0 < validation_split < 1:
        raise bad_argument("validation_split", validation_split, "a fraction between 0 and 1", "validation_split=0.2 holds out a fifth")
    if bool(validation_split) != bool(subset):
        raise bad_argument("subset", repr(subset), "subset and validation_split together, or neither",
                           'pass for example validation_split=0.2, subset="training"')
    if subset not in ("training", "validation", "both", None):
        raise bad_argument("subset", repr(subset), '"training", "validation", "both" or None', "choose one of them")
    if validation_split and shuffle and seed is None:
        raise bad_argument("seed", "None", "a seed, so that the training and validation parts do not overlap", "pass seed=1 to both calls")


def get_training_or_validation_split(samples, labels, validation_split, subset):
    """The first (training) or last (validation) part of the samples."""
    if not validation_split:
        return samples, labels
    cut = len(samples) - int(validation_split * len(samples))
    part = slice(None, cut) if subset == "training" else slice(cut, None)
    return samples[part], None if labels is None else labels[part]


def encode_labels(labels, label_mode, num_classes):
    """Labels as the mode asks: whole numbers, a float32 column of 0 and 1, or one-hot rows."""
    if labels is None or label_mode is None:
        return None
    labels = np.asarray(labels)
    if label_mode == "binary":
        return labels.astype("float32")[:, None]
    return to_categorical(labels, num_classes) if label_mode == "categorical" else labels.astype("int32")


def dataset_from_directory(directory, labels, label_mode, class_names, formats, make_load, batch_size, shuffle, seed,
                           validation_split, subset, follow_links, verbose):
    """What the image and text loaders share; make_load(paths) returns load(rows) -> batch."""
    if labels not in ("inferred", None) and not isinstance(labels, (list, tuple)):
        raise bad_argument("labels", repr(labels), '"inferred", None or a list of labels', 'labels="inferred" reads the folder names')
    if label_mode not in ("int", "categorical", "binary", None):
        raise bad_argument("label_mode", repr(label_mode), '"int", "categorical", "binary" or None', "choose one of them")
    if labels is None or label_mode is None:
        labels = label_mode = None
    check_validation_split_arg(validation_split, subset, shuffle, seed)
    seed = np.random.randint(10**6) if seed is None else seed
    paths, labels, class_names = index_directory(directory, labels, formats, class_names, shuffle, seed, follow_links, verbose)
    if label_mode == "binary" and len(class_names) != 2:
        raise bad_argument("label_mode", '"binary"', f"two classes, not {class_names}", 'use label_mode="int"')

    def make(part):
        chosen, numbers = get_training_or_validation_split(paths, labels, validation_split, part)
        if not chosen:
            raise bad_argument("directory", f"no {part + ' ' if part else ''}files in {os.fspath(directory)!r}",
                               f"files ending in {', '.join(formats)}", "check the folder and validation_split")
        targets = encode_labels(numbers, label_mode, len(class_names or ()))
        again = shuffle and part != "validation" if subset == "both" else shuffle
        dataset = BatchDataset(len(chosen), make_load(chosen), targets, batch_size, again, seed)
        dataset.class_names, dataset.file_paths = class_names, chosen
        return dataset

    return [make("training"), make("validation")] if subset == "both" else make(subset)


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """Two datasets, of the first left_size and the last right_size samples; sizes are shares (0.8) or counts

    dataset: an array, or a tuple, list or dict of arrays of one length, or a dataset whose items are samples.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8); len(left), len(right)
    (8, 2)
    """
    from fastdl.utils import tree

    if left_size is None and right_size is None:
        raise bad_argument("left_size", None, "a share or a count for left_size or right_size", "use left_size=0.8")
    if isinstance(dataset, (np.ndarray, dict, list, tuple)):
        data = tree.map_structure(np.asarray, dataset)
    else:
        data = [sample for sample in dataset]
        nested = data and tree.is_nested(data[0])
        columns = [np.stack(c) for c in zip(*map(tree.flatten, data))]
        data = tree.pack_sequence_as(data[0], columns) if nested else columns[0]
    lengths = {len(a) for a in tree.flatten(data)}
    if len(lengths) != 1:
        raise bad_argument("dataset", f"arrays of lengths {sorted(lengths)}", "arrays of one length", "cut them to one length")
    n, = lengths

    def count(size):
        if size is None:
            return None
        if isinstance(size, float):
            if not 0 <= size <= 1:
                raise bad_argument("left_size/right_size", size, "a share from 0 to 1, or a whole number", "use 0.8")
            return int(round(size * n))
        if not 0 <= size <= n:
            raise bad_argument("left_size/right_size", size, f"at most the {n} samples there are", "take fewer")
        return int(size)

    left, right = count(left_size), count(right_size)
    left = n - right if left is None else left
    right = n - left if right is None else right
    if left + right > n:
        raise bad_argument("left_size and right_size", f"{left} + {right}", f"at most {n} together", "give one of them")
    order = np.arange(n)
    if shuffle:
        order = np.random.default_rng(seed).permutation(n)

    return tuple(Samples(tree.map_structure(lambda a: a[rows], data)) for rows in (order[:left], order[n - right:]))


class Samples(PyDataset):
    """Arrays of one length, sample by sample; batch(n) gives batches."""

    def __init__(self, data, size=None):
        super().__init__()
        self.data, self.size = data, size

    def __len__(self):
        from fastdl.utils import tree

        return -(-len(tree.flatten(self.data)[0]) // (self.size or 1))

    def __getitem__(self, k):
        from fastdl.utils import tree

        if not 0 <= k < len(self):
            raise IndexError(f"item {k} of {len(self)}")
        rows = k if self.size is None else slice(k * self.size, (k + 1) * self.size)
        return tree.map_structure(lambda a: a[rows], self.data)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def batch(self, size):
        return Samples(self.data, size)
