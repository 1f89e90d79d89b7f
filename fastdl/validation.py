"""How good is it on rows it has not seen? Hold-out, K-fold and repeated K-fold with a fresh model a fold; leaks between splits."""
import numpy as np

from fastdl.errors import bad_argument
from fastdl.preprocessing.standardizer import row_keys

__all__ = ["Result", "check_leak", "cross_validate", "duplicate_rows", "folds", "split"]


def _grouped(order, labels):
    """The order, rows of each label together."""
    groups = {}
    for row in order:
        groups.setdefault(np.asarray(labels[row]).tobytes(), []).append(row)
    return list(groups.values())


def split(*arrays, fractions=(0.8, 0.2), stratify=None, shuffle=True, seed=0):
    """The arrays cut into parts of these fractions, alike: ((x_train, y_train), (x_test, y_test)), or (x_train, x_test) of one

    stratify: labels whose shares every part keeps. shuffle=False keeps the order: for series, where the test is the future.

    >>> (x, y), (x_test, y_test) = split(np.arange(10), np.arange(10) * 2, fractions=(0.7, 0.3), shuffle=False)
    >>> x_test.tolist(), y_test.tolist()
    ([7, 8, 9], [14, 16, 18])
    """
    n = len(arrays[0])
    if any(len(a) != n for a in arrays):
        raise bad_argument("arrays", f"{[len(a) for a in arrays]} rows", "as many rows in each", "compare the lengths")
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise bad_argument("fractions", fractions, "positive fractions that add up to 1", "fractions=(0.6, 0.2, 0.2)")
    if stratify is not None and not shuffle:
        raise bad_argument("shuffle", False, "True with stratify", "a series is cut by time: leave stratify out")
    order = np.random.RandomState(seed).permutation(n) if shuffle else np.arange(n)
    parts = [[] for _ in fractions]
    for group in [order] if stratify is None else _grouped(order, stratify):
        cuts = np.round(np.cumsum(fractions[:-1]) * len(group)).astype(int)
        for part, rows in zip(parts, np.split(np.asarray(group), cuts)):
            part.extend(rows.tolist())
    if not all(parts):
        raise bad_argument("fractions", f"{fractions} of {n} rows, which leaves a part empty", "at least one row in each", "use more rows")
    made = [tuple(np.asarray(a)[part] for a in arrays) for part in parts]
    return tuple(m[0] for m in made) if len(arrays) == 1 else tuple(made)


def folds(n, k=4, repeats=1, shuffle=True, seed=0, stratify=None):
    """(training rows, test rows), repeats x k times: each row is a test row once in every repeat

    >>> [test.tolist() for _, test in folds(5, k=2, shuffle=False)]
    [[0, 1, 2], [3, 4]]
    """
    if not 2 <= k <= n:
        raise bad_argument("k", k, f"2 to {n}, the number of rows", "k=4 is usual")
    if repeats > 1 and not shuffle:
        raise bad_argument("repeats", repeats, "1 with shuffle=False, as every repeat would be the same", "shuffle=True")
    for repeat in range(repeats):
        order = np.random.RandomState(seed + repeat).permutation(n) if shuffle else np.arange(n)
        if stratify is not None:                           # dealt round: every fold gets its share of each label
            order = np.concatenate(_grouped(order, stratify))
            parts = [order[fold::k] for fold in range(k)]
        else:
            parts = np.array_split(order, k)
        for fold in range(k):
            yield np.concatenate([p for j, p in enumerate(parts) if j != fold]), parts[fold]


class Result:
    """What cross_validate found: histories (one a fold, dicts of lists), scores (folds, metrics), metrics_names."""

    def __init__(self, histories, scores, metrics_names):
        self.histories, self.scores, self.metrics_names = histories, np.array(scores), metrics_names

    @property
    def average(self):
        """{name: mean over the folds, epoch by epoch}; of late epochs, over the folds that came so far."""
        made = {}
        for name in self.histories[0]:
            curves = [h[name] for h in self.histories]
            made[name] = [float(np.mean([c[e] for c in curves if len(c) > e])) for e in range(max(map(len, curves)))]
        return made

    @property
    def mean(self):
        return dict(zip(self.metrics_names, self.scores.mean(0).tolist()))

    @property
    def std(self):
        return dict(zip(self.metrics_names, self.scores.std(0).tolist()))

    def __repr__(self):
        mean, std = self.mean, self.std
        return f"Result of {len(self.scores)} folds: " + ", ".join(f"{n} {mean[n]:.4g} +- {std[n]:.2g}" for n in mean)


def cross_validate(build, x, y, k=4, repeats=1, preprocess=None, shuffle=True, seed=0, stratify=False, splits=None, **fit):
    """Train build() on all folds but one and score it on that one, for each fold; the validation curves are that fold's

    build: makes and compiles a fresh model; called once a fold, after set_random_seed(seed + fold). preprocess: makes an object
    with fit and transform (Standardizer, or scikit-learn's), fitted on each fold's training rows only. splits: pairs of row
    numbers in place of folds(...), such as sklearn's splitter.split(x, y). fit: arguments of model.fit. Returns a Result.
    splits=[(train, test)] is a hold-out.

    >>> import fastdl as keras
    >>> def build():
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    ...     model.compile("sgd", "mse", metrics=["mae"])
    ...     return model
    >>> x = np.arange(16.0).reshape(8, 2)
    >>> result = cross_validate(build, x, x[:, :1], k=4, preprocess=keras.preprocessing.Standardizer, epochs=3, verbose=0)
    >>> result.scores.shape, len(result.average["val_mae"])
    ((4, 2), 3)
    """
    from fastdl.utils import set_random_seed

    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y):
        raise bad_argument("y", f"{len(y)} rows", f"{len(x)}, as many as x has", "compare the lengths")
    if splits is None:
        splits = folds(len(x), k, repeats, shuffle, seed, y if stratify else None)
    histories, scores, model = [], [], None
    for number, (train, test) in enumerate(splits):
        if np.intersect1d(train, test).size:
            raise bad_argument("splits", f"fold {number} with rows in both of its parts", "training and test rows apart", "correct it")
        set_random_seed(seed + number)
        last, model = model, build()
        if model is last:
            raise bad_argument("build", "a function that returned the same model twice", "a fresh model at each call, or the model "
                               "has seen the rows it is scored on", "build and compile the model inside the function")
        x_train, x_test = x[train], x[test]
        if preprocess is not None:
            step = preprocess()
            x_train = step.fit(x_train).transform(x_train)
            x_test = step.transform(x_test)
        history = model.fit(x_train, y[train], validation_data=(x_test, y[test]), **fit)
        histories.append(history.history)
        row = model.evaluate(x_test, y[test], verbose=0, return_dict=True)
        scores.append(list(row.values()))
    return Result(histories, scores, list(row))


def duplicate_rows(a, b):
    """[(i, j)] where row i of a equals row j of b

    >>> duplicate_rows([[1, 2], [3, 4]], [[3.0, 4.0]])
    [(1, 0)]
    """
    where = {}
    for i, key in enumerate(row_keys(a)):
        where.setdefault(key, []).append(i)
    return [(i, j) for j, key in enumerate(row_keys(b)) for i in where.get(key, ())]


def check_leak(**parts):
    """Raise ValueError where a row of one part is in another too: check_leak(train=x_train, validation=x_val, test=x_test)

    >>> check_leak(train=[[1], [2]], test=[[2], [3]])
    Traceback (most recent call last):
        ...
    ValueError: 1 of 2 rows of test are in train too (row 0 equals row 1 of train): a score on them measures memory. \
Fix: drop duplicates before splitting.
    """
    names = list(parts)
    for n, name in enumerate(names):
        for other in names[:n]:
            pairs = duplicate_rows(parts[other], parts[name])
            if pairs:
                count = len({j for _, j in pairs})
                raise ValueError(f"{count} of {len(parts[name])} rows of {name} are in {other} too (row {pairs[0][1]} equals row "
                                 f"{pairs[0][0]} of {other}): a score on them measures memory. Fix: drop duplicates before splitting.")
