"""Columns brought to mean 0 and standard deviation 1, by the numbers of the training rows alone."""
import numpy as np

from fastdl.errors import bad_argument


def row_keys(x):
    """One hashable key a row: equal rows, equal keys; numbers of any type are compared as float64, -0.0 as 0.0."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        return [tuple(np.ravel(row).tolist()) for row in x]
    return [(np.asarray(row, "float64") + 0.0).tobytes() for row in x]


class Standardizer:
    """y = (x - mean) / std, mean and std of each column of the rows given to fit; a constant column becomes 0

    fit counts once: a second call is refused, since a second call is how the statistics of test rows creep in. Rows given
    to hold_out before are refused by fit too. Columns are the last axis.

    >>> s = Standardizer().hold_out([[5.0]]).fit([[1.0], [3.0]])
    >>> s.transform([[5.0]]).tolist()
    [[3.0]]
    >>> s.fit([[5.0]])
    Traceback (most recent call last):
        ...
    ValueError: Standardizer.fit came twice. Wanted: once, with the training rows. Fix: call transform for all other rows.
    """

    def __init__(self):
        self.mean = self.std = None
        self._held = set()

    def hold_out(self, *parts):
        """Remember rows (test, validation) whose statistics must not be used."""
        for x in parts:
            self._held.update(row_keys(x))
        return self

    def fit(self, x):
        if self.mean is not None:
            raise ValueError("Standardizer.fit came twice. Wanted: once, with the training rows. Fix: call transform for all other rows.")
        x = np.asarray(x, "float64")
        if x.ndim < 1 or not x.size:
            raise bad_argument("x", f"an array of shape {x.shape}", "at least one training row", "check where the rows come from")
        if self._held:
            seen = [k for k, key in enumerate(row_keys(x)) if key in self._held]
            if seen:
                raise ValueError(f"Standardizer.fit was given {len(seen)} rows that are held out (the first is row {seen[0]}). Wanted: "
                                 "training rows only, since a test score is honest only where nothing was measured on the test rows. "
                                 "Fix: split first, then fit on the training part.")
        axes = tuple(range(max(x.ndim - 1, 1)))
        self.mean, std = x.mean(axes), x.std(axes)
        self.std = np.where(std > 0, std, 1.0)
        return self

    def _fitted(self):
        if self.mean is None:
            raise ValueError("Standardizer was not fitted. Fix: call fit with the training rows first.")

    def transform(self, x):
        self._fitted()
        x = np.asarray(x)
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype("float64")
        return ((x - self.mean) / self.std).astype(dtype)

    def inverse_transform(self, y):
        """x = y std + mean"""
        self._fitted()
        return np.asarray(y) * self.std + self.mean

    def fit_transform(self, x):
        return self.fit(x).transform(x)
