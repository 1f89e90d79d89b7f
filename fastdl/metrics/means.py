"""Metrics that are the mean over samples of a function of (y_true, y_pred): accuracies, errors, similarities."""
from fastdl import config, losses, ops
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.losses.regression import cosine
from fastdl.losses.values import as_dtype, as_float, floats
from fastdl.metrics.base import Mean, mean_of


# ---------------------------------------------------------------- accuracies
def accuracy(y_true, y_pred):
    """a = (y_true == y_pred), 1 or 0, element by element"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.cast(ops.equal(y_true, y_pred), y_pred.dtype)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """a = (y_true == (y_pred > threshold)), 1 or 0, element by element"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.cast(ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), y_pred.dtype)), y_pred.dtype)


def categorical_accuracy(y_true, y_pred):
    """a = (argmax(y_true) == argmax(y_pred)) over the last axis, y_true one-hot"""
    y_true, y_pred = floats(y_true, y_pred)
    return _same_class(ops.argmax(y_true, axis=-1), y_pred)


def _same_class(labels, y_pred):
    """1.0 where the largest of y_pred's last axis is the label's."""
    best = ops.argmax(y_pred, axis=-1)
    best = as_dtype(best, labels.dtype) if labels.dtype.startswith("float") else best      # a label of 0.5 equals no class
    return ops.cast(ops.equal(labels, best), y_pred.dtype)


def _labels(y_true, y_pred):
    """Class numbers, one for each row of y_pred: a last axis of size 1 goes."""
    y_pred = as_float(y_pred)
    y_true = y_true if isinstance(y_true, Tensor) else convert_to_tensor(y_true)
    if y_true.shape and len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if tuple(y_true.shape) != tuple(y_pred.shape[:-1]):
        raise bad_argument("y_true", f"shape {tuple(y_true.shape)}", f"class numbers of shape {tuple(y_pred.shape[:-1])}",
                           "for one-hot rows use the metric without `sparse` in its name, or y_true.argmax(-1)")
    return y_true, y_pred


def sparse_categorical_accuracy(y_true, y_pred):
    """a = (y_true == argmax(y_pred)) over the last axis, y_true class numbers

    >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]]).numpy().tolist()
    [1.0, 0.0]
    """
    return _same_class(*_labels(y_true, y_pred))


def _in_top_k(labels, y_pred, k):
    rows = ops.in_top_k(ops.reshape(as_dtype(labels, "int32"), (-1,)), ops.reshape(y_pred, (-1, y_pred.shape[-1])), k)
    return ops.reshape(ops.cast(rows, y_pred.dtype), labels.shape)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """a = is argmax(y_true) among the k largest of y_pred, y_true one-hot"""
    y_true, y_pred = floats(y_true, y_pred)
    return _in_top_k(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """a = is y_true among the k largest of y_pred (from_sorted_ids: among its first k entries, which are class numbers)"""
    y_true, y_pred = _labels(y_true, y_pred)
    if not from_sorted_ids:
        return _in_top_k(y_true, y_pred, k)
    hits = ops.equal(ops.expand_dims(as_dtype(y_true, y_pred.dtype), -1), y_pred[..., :k])
    return ops.max(ops.cast(hits, y_pred.dtype), axis=-1)


Accuracy = mean_of("Accuracy", accuracy, "accuracy", "up")
BinaryAccuracy = mean_of("BinaryAccuracy", binary_accuracy, "binary_accuracy", "up", threshold=0.5)
CategoricalAccuracy = mean_of("CategoricalAccuracy", categorical_accuracy, "categorical_accuracy", "up")
SparseCategoricalAccuracy = mean_of("SparseCategoricalAccuracy", sparse_categorical_accuracy, "sparse_categorical_accuracy", "up")
TopKCategoricalAccuracy = mean_of("TopKCategoricalAccuracy", top_k_categorical_accuracy,
                                  "top_k_categorical_accuracy", "up", "k name dtype", k=5)
SparseTopKCategoricalAccuracy = mean_of("SparseTopKCategoricalAccuracy", sparse_top_k_categorical_accuracy,
                                        "sparse_top_k_categorical_accuracy", "up", "k name dtype", k=5, from_sorted_ids=False)

# ---------------------------------------------------------------- the losses as metrics
MeanSquaredError = mean_of("MeanSquaredError", losses.mean_squared_error, "mean_squared_error", "down")
MeanAbsoluteError = mean_of("MeanAbsoluteError", losses.mean_absolute_error, "mean_absolute_error", "down")
MeanAbsolutePercentageError = mean_of("MeanAbsolutePercentageError", losses.mean_absolute_percentage_error,
                                      "mean_absolute_percentage_error", "down")
MeanSquaredLogarithmicError = mean_of("MeanSquaredLogarithmicError", losses.mean_squared_logarithmic_error,
                                      "mean_squared_logarithmic_error", "down")
LogCoshError = mean_of("LogCoshError", losses.log_cosh, "logcosh", "down")
Hinge = mean_of("Hinge", losses.hinge, "hinge", "down")
SquaredHinge = mean_of("SquaredHinge", losses.squared_hinge, "squared_hinge", "down")
CategoricalHinge = mean_of("CategoricalHinge", losses.categorical_hinge, "categorical_hinge", "down")
KLDivergence = mean_of("KLDivergence", losses.kl_divergence, "kl_divergence", "down")
Poisson = mean_of("Poisson", losses.poisson, "poisson", "down")
BinaryCrossentropy = mean_of("BinaryCrossentropy", losses.binary_crossentropy, "binary_crossentropy", "down",
                             from_logits=False, label_smoothing=0)
CategoricalCrossentropy = mean_of("CategoricalCrossentropy", losses.categorical_crossentropy, "categorical_crossentropy", "down",
                                  from_logits=False, label_smoothing=0, axis=-1)
SparseCategoricalCrossentropy = mean_of("SparseCategoricalCrossentropy", losses.sparse_categorical_crossentropy,
                                        "sparse_categorical_crossentropy", "down", from_logits=False, ignore_class=None, axis=-1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """c = y_true . y_pred / (||y_true|| ||y_pred||): 1 for the same direction (the loss of this name is its negative)"""
    return cosine(y_true, y_pred, axis)


CosineSimilarity = mean_of("CosineSimilarity", cosine_similarity, "cosine_similarity", "up", axis=-1)


class RootMeanSquaredError(Mean):
    """rmse = sqrt(mean((y_true - y_pred)^2)), the mean over everything since the last reset"""

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = floats(as_dtype(y_true, self.dtype), as_dtype(y_pred, self.dtype))
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self):
        return ops.sqrt(super().result())


class MeanRelativeError(Mean):
    """e = mean(|y_true - y_pred| / normalizer); 0 where the normalizer is 0"""

    def __init__(self, normalizer, name=None, dtype=None):
        super().__init__(name=name or "mean_relative_error", dtype=dtype)
        self._direction, self.normalizer = "down", as_dtype(normalizer, self.dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = floats(as_dtype(y_true, self.dtype), as_dtype(y_pred, self.dtype))
        super().update_state(ops.divide_no_nan(ops.abs(y_pred - y_true), self.normalizer), sample_weight)

    def get_config(self):
        return {**super().get_config(), "normalizer": self.normalizer.numpy().tolist()}


# ---------------------------------------------------------------- correlations
def _centred(y_true, y_pred, axis):
    y_true, y_pred = floats(y_true, y_pred)
    means = [ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    return y_true - means[0], y_pred - means[1], means[0] - means[1]


def pearson_correlation(y_true, y_pred, axis=-1):
    """r = cov(y_true, y_pred) / (std(y_true) std(y_pred)) along `axis`"""
    y_true, y_pred, _ = _centred(y_true, y_pred, axis)
    t, p, both = (ops.sum(v, axis=axis) for v in (ops.square(y_true), ops.square(y_pred), y_true * y_pred))
    return both / ops.sqrt(t * p)


def concordance_correlation(y_true, y_pred, axis=-1):
    """c = 2 cov(y_true, y_pred) / (var(y_true) + var(y_pred) + (mean(y_true) - mean(y_pred))^2) along `axis`"""
    y_true, y_pred, gap = _centred(y_true, y_pred, axis)
    spread = ops.mean(ops.square(y_true) + ops.square(y_pred) + ops.square(gap), axis=axis)
    return ops.mean(y_true * y_pred, axis=axis) * 2.0 / (spread + config.epsilon())


PearsonCorrelation = mean_of("PearsonCorrelation", pearson_correlation, "pearson_correlation", "up", axis=-1)
ConcordanceCorrelation = mean_of("ConcordanceCorrelation", concordance_correlation, "concordance_correlation", "up", axis=-1)
