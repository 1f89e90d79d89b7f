"""Small NumPy helpers for labels, vectors and seeds."""
import random

import numpy as np

from fastdl.errors import bad_argument


def to_categorical(x, num_classes=None):
    """y[..., k] = 1 if x[...] == k else 0: whole-number labels to one-hot float32 rows.

    >>> to_categorical([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "fiub":
        raise bad_argument("x", f"labels of dtype {labels.dtype}", "whole-number class labels from 0",
                           "number the words first: names, x = np.unique(x, return_inverse=True)", TypeError)
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.floor(labels)):
        raise bad_argument("x", "fractions", "whole-number class labels", "round or encode the labels first")
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        worst = int(labels.min()) if labels.min() < 0 else int(labels.max())
        raise bad_argument(
            "x", f"the label {worst}", f"labels from 0 to {num_classes - 1} (num_classes={num_classes})",
            "raise num_classes, or renumber the labels from 0",
        )
    one_hot = np.zeros(labels.shape + (num_classes,), "float32")
    np.put_along_axis(one_hot, labels[..., None], 1.0, axis=-1)
    return one_hot


def normalize(x, axis=-1, order=2):
    """y = x / ||x||_order along `axis`; rows of zeros stay zeros.

    >>> normalize([3.0, 4.0]).tolist()
    [0.6, 0.8]
    """
    x = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / (np.expand_dims(norm, axis) if x.ndim > 1 else norm)


def set_random_seed(seed):
    """Seed Python's random, NumPy and fastdl: the same program then gives the same bits.

    >>> set_random_seed(1)
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise bad_argument("seed", repr(seed), "a whole number from 0 to 2**32 - 1", "pass for example 42")
    random.seed(int(seed))
    np.random.seed(int(seed))
    from fastdl import random as fd_random

    fd_random.set_global_seed(int(seed))
