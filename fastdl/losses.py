"""Losses: how far predictions are from targets, as one number that training makes small.

Each loss is a function (y_true, y_pred) -> one value a sample, and a class that weights, masks and reduces those values.
"""
import functools
import inspect
import math

from fastdl import config, ops
from fastdl.core import state
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import bad_argument, did_you_mean, unknown_name
from fastdl.ops.symbolic import KerasTensor, auto_name, flatten, map_structure
from fastdl.saving import serialization

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
MEANS = ("sum_over_batch_size", "mean")


# ---------------------------------------------------------------- shapes, dtypes, masks
def as_dtype(x, dtype):
    """x as a tensor of `dtype`; a float stays as wide as it is where everything is read in float64."""
    if isinstance(x, KerasTensor):
        return x
    x = x if isinstance(x, Tensor) else convert_to_tensor(x)
    if x.dtype == dtype or (state.current().exact and x.dtype.startswith("float") and dtype.startswith("float")):
        return x
    return ops.cast(x, dtype)


def _structure(x, dtype):
    """x in `dtype`, leaf by leaf; a list of numbers is one tensor."""
    nested = isinstance(x, dict) or (isinstance(x, (list, tuple)) and any(hasattr(leaf, "shape") and leaf.shape for leaf in flatten(x)))
    return map_structure(lambda leaf: as_dtype(leaf, dtype), x) if nested else as_dtype(x, dtype)


def as_float(x):
    """x as a float tensor; what is no float becomes floatx."""
    if not isinstance(x, (Tensor, KerasTensor)):
        x = convert_to_tensor(x)
    return x if str(x.dtype).startswith("float") else ops.cast(x, config.floatx())


def get_mask(x):
    return getattr(x, "_keras_mask", None)


def squeeze_or_expand_to_same_rank(x1, x2, expand_rank_1=True):
    """Where one has a last axis of size 1 that the other lacks: add it to a vector, take it away from anything else."""
    a, b = len(x1.shape), len(x2.shape)
    if a == b + 1 and x1.shape[-1] == 1:
        if b == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, -1)
        return ops.squeeze(x1, -1), x2
    if b == a + 1 and x2.shape[-1] == 1:
        if a == 1 and expand_rank_1:
            return ops.expand_dims(x1, -1), x2
        return x1, ops.squeeze(x2, -1)
    return x1, x2


def _floats(y_true, y_pred):
    """Targets and predictions as floats of one dtype and one rank, whose shapes fit each other."""
    y_pred = as_float(y_pred)
    y_true = as_dtype(y_true, y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    for t, p in zip(reversed(y_true.shape), reversed(y_pred.shape)):
        if t != p and 1 not in (t, p) and None not in (t, p):
            raise bad_argument("y_true", f"shape {tuple(y_true.shape)}", f"the shape of y_pred, {tuple(y_pred.shape)}",
                               "make the last layer's units equal the last axis of y, or reshape y")
    return y_true, y_pred


def apply_mask(sample_weight, mask, dtype, reduction):
    """w = mask * sample_weight; for a mean over the batch also times mask.size / sum(mask), so that what is masked out
    counts in neither numerator nor denominator."""
    mask = as_dtype(mask, dtype)
    if reduction in MEANS:
        mask = mask * (math.prod(mask.shape) / (ops.sum(mask) + config.epsilon()))
    if sample_weight is None:
        return mask
    mask, sample_weight = squeeze_or_expand_to_same_rank(mask, as_dtype(sample_weight, dtype))
    return weigh(mask, sample_weight)


def weigh(values, sample_weight):
    try:
        return values * sample_weight
    except ValueError:
        raise bad_argument("sample_weight", f"shape {tuple(sample_weight.shape)}", f"one number for each value of the loss (or "
                           f"of the mask), shape {tuple(values.shape)}", "give one weight a sample (for sequences, one a step)") from None


def reduce_values(values, sample_weight=None, reduction="sum_over_batch_size"):
    """sum(values) / how many ("sum_over_batch_size", "mean") / sum(sample_weight) ("mean_with_sample_weight") / 1 ("sum")"""
    if reduction in (None, "none") or not values.shape:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(sample_weight))
    return ops.mean(values)


def reduce_weighted_values(values, sample_weight=None, mask=None, reduction="sum_over_batch_size", dtype=None):
    dtype = dtype or values.dtype
    if mask is not None:
        sample_weight = apply_mask(sample_weight, mask, dtype, reduction)
    if sample_weight is not None:
        sample_weight = as_dtype(sample_weight, dtype)
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        if len(sample_weight.shape) == 1 < len(values.shape) and sample_weight.shape[0] == values.shape[0]:
            sample_weight = ops.reshape(sample_weight, (-1,) + (1,) * (len(values.shape) - 1))       # one a sample, for all its steps
        values = weigh(values, sample_weight)
    return reduce_values(values, sample_weight, reduction)


def ctc(y_true, y_pred):
    """l = -log P(y_true | softmax(y_pred)) over all alignments in time (ops.ctc_loss); 0 is the blank and pads y_true

    y_true (batch, labels), whole numbers; y_pred (batch, time, classes), logits. One value a sample.
    """
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise bad_argument("y_true and y_pred", f"shapes {tuple(y_true.shape)} and {tuple(y_pred.shape)}",
                           "labels (batch, labels) and logits (batch, time, classes)", "pad the labels with 0; end the model with a Dense "
                           "layer without softmax over the classes and the blank, which is class 0")
    counts = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    lengths = ops.full((y_pred.shape[0],), y_pred.shape[1], dtype="int32")
    return ops.ctc_loss(y_true, y_pred, counts, lengths, mask_index=0)


# ---------------------------------------------------------------- classes
class Loss:
    """loss = reduce(call(y_true, y_pred) * sample_weight)

    A loss of your own: subclass and write call(y_true, y_pred) -> one value a sample.
    """
    labels = False                       # targets are class numbers and stay whole numbers

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction in ("auto", "sum_over_batch"):                     # Keras 2
            reduction = "sum_over_batch_size"
        if reduction not in REDUCTIONS:
            raise bad_argument("reduction", repr(reduction), "one of " + ", ".join(map(repr, REDUCTIONS)),
                               'leave it out for the mean over the batch.' + did_you_mean(reduction, filter(None, REDUCTIONS)))
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = None if dtype is None else str(getattr(dtype, "compute_dtype", None) or getattr(dtype, "name", None) or dtype)

    @property
    def dtype(self):
        return self._dtype or config.floatx()

    def __call__(self, y_true, y_pred, sample_weight=None):
        given = get_mask(y_pred)
        y_pred = _structure(y_pred, self.dtype)
        if not self.labels:
            y_true = _structure(y_true, self.dtype)
        if given is None and sample_weight is None and self.reduction in MEANS:
            elements = self.elements(y_true, y_pred)
            if elements is not None:
                return ops.mean(elements)
        values = self.call(y_true, y_pred)
        masks = [m for m in (given, get_mask(values)) if m is not None]
        mask = functools.reduce(ops.logical_and, masks) if masks else None
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self.dtype)

    def elements(self, y_true, y_pred):
        """Values whose mean is that of call()'s, with one reduction less; None where there are none."""

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred), which returns one value a sample")

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, reduction={self.reduction}>"


class LossFunctionWrapper(Loss):
    """loss = reduce(fn(y_true, y_pred, **kwargs) * sample_weight)"""

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        if not callable(fn):
            raise bad_argument("fn", repr(fn), "a function (y_true, y_pred) -> one value a sample", "pass the function itself", TypeError)
        self.fn, self._fn_kwargs = fn, kwargs
        self.labels = fn in (sparse_categorical_crossentropy, categorical_generalized_cross_entropy, circle, ctc)

    def call(self, y_true, y_pred):
        if isinstance(y_true, (Tensor, KerasTensor)) and isinstance(y_pred, (Tensor, KerasTensor)):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        value = self.fn(y_true, y_pred, **self._fn_kwargs)
        if value is None:
            raise ValueError(f"The loss function {getattr(self.fn, '__name__', self.fn)!s:.60} returned None; wanted one value a sample, or one "
                             "for the batch. Is a `return` missing at its end?")
        return value if isinstance(value, (Tensor, KerasTensor)) else ops.convert_to_tensor(value, self.dtype)

    def elements(self, y_true, y_pred):
        fn = getattr(self.fn, "elements", None)
        return fn(y_true, y_pred, **self._fn_kwargs) if fn else None

    def get_config(self):
        return {**super().get_config(), "fn": serialize(self.fn),
                **{k: serialization.serialize_keras_object(v) for k, v in self._fn_kwargs.items()}}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("fn"), (str, dict)):
            config["fn"] = get(config["fn"])
        return cls(**config)


def mean_over_last_axis(elementwise):
    """The loss mean(elementwise(y_true, y_pred), axis=-1); the elements stay reachable as `.elements`."""
    @functools.wraps(elementwise)
    def loss(y_true, y_pred, *args, **kwargs):
        y = elementwise(y_true, y_pred, *args, **kwargs)
        return ops.mean(y, axis=-1) if y.shape else y

    loss.elements = elementwise
    return loss


# ---------------------------------------------------------------- regression
@mean_over_last_axis
def mean_squared_error(y_true, y_pred):
    """l = mean((y_true - y_pred)^2) over the last axis

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy().tolist()
    [2.5]
    """
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.square(y_pred - y_true)


@mean_over_last_axis
def mean_absolute_error(y_true, y_pred):
    """l = mean(|y_true - y_pred|) over the last axis"""
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.abs(y_pred - y_true)


@mean_over_last_axis
def mean_absolute_percentage_error(y_true, y_pred):
    """l = 100 mean(|y_true - y_pred| / max(|y_true|, 1e-7)) over the last axis"""
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), config.epsilon())) * 100.0


@mean_over_last_axis
def mean_squared_logarithmic_error(y_true, y_pred):
    """l = mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis; values below 1e-7 count as 1e-7"""
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.square(ops.log1p(ops.maximum(y_pred, config.epsilon())) - ops.log1p(ops.maximum(y_true, config.epsilon())))


@mean_over_last_axis
def huber(y_true, y_pred, delta=1.0):
    """l = mean(e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2), e = y_pred - y_true"""
    y_true, y_pred = _floats(y_true, y_pred)
    error = y_pred - y_true
    size = ops.abs(error)
    return ops.where(ops.less_equal(size, delta), ops.square(error) * 0.5, size * delta - 0.5 * delta * delta)


@mean_over_last_axis
def log_cosh(y_true, y_pred):
    """l = mean(log(cosh(e))) = mean(e + softplus(-2 e) - log 2), e = y_pred - y_true"""
    y_true, y_pred = _floats(y_true, y_pred)
    error = y_pred - y_true
    return error + ops.softplus(error * -2.0) - math.log(2.0)


@mean_over_last_axis
def poisson(y_true, y_pred):
    """l = mean(y_pred - y_true log(y_pred + 1e-7)) over the last axis"""
    y_true, y_pred = _floats(y_true, y_pred)
    return y_pred - y_true * ops.log(y_pred + config.epsilon())


def unit_vectors(x, axis):
    """x / ||x||; the zero vector stays zero."""
    return x * ops.minimum(ops.rsqrt(ops.sum(ops.square(x), axis=axis, keepdims=True)), 1 / config.epsilon())


def _cosine(y_true, y_pred, axis=-1):
    """c = y_true . y_pred / (||y_true|| ||y_pred||)"""
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.sum(unit_vectors(y_true, axis) * unit_vectors(y_pred, axis), axis=axis)


def cosine_similarity(y_true, y_pred, axis=-1):
    """l = -y_true . y_pred / (||y_true|| ||y_pred||): -1 for the same direction, 1 for the opposite"""
    return -_cosine(y_true, y_pred, axis)


# ---------------------------------------------------------------- margins
def signs(y_true):
    """Labels 0 and 1 as -1 and 1; other targets as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, y_true * 2.0 - 1.0, y_true)


@mean_over_last_axis
def hinge(y_true, y_pred):
    """l = mean(max(1 - y_true y_pred, 0)), y_true in -1, 1 (or 0, 1)"""
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.relu(1.0 - signs(y_true) * y_pred)


@mean_over_last_axis
def squared_hinge(y_true, y_pred):
    """l = mean(max(1 - y_true y_pred, 0)^2), y_true in -1, 1 (or 0, 1)"""
    y_true, y_pred = _floats(y_true, y_pred)
    return ops.square(ops.relu(1.0 - signs(y_true) * y_pred))


def categorical_hinge(y_true, y_pred):
    """l = max(1 + max((1 - y_true) y_pred) - sum(y_true y_pred), 0), y_true one-hot"""
    y_true, y_pred = _floats(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.relu(wrong - right + 1.0)


# ---------------------------------------------------------------- probabilities
def smoothing(value):
    if not 0 <= value <= 1:
        raise bad_argument("label_smoothing", repr(value), "a number from 0 to 1", "label_smoothing=0.1, for example")
    return value


def kl_divergence(y_true, y_pred):
    """l = sum(y_true log(y_true / y_pred)) over the last axis, both clipped to [1e-7, 1]"""
    y_true, y_pred = (ops.clip(y, config.epsilon(), 1.0) for y in _floats(y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def _binary(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    y_true, y_pred = _floats(y_true, y_pred)
    if smoothing(label_smoothing):
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if tuple(y_true.shape) != tuple(y_pred.shape) and None not in tuple(y_true.shape) + tuple(y_pred.shape):
        raise bad_argument("y_true", f"shape {tuple(y_true.shape)}", f"the shape of y_pred, {tuple(y_pred.shape)}, for binary_crossentropy",
                           "give the last layer one unit for each column of y; for class numbers use sparse_categorical_crossentropy")
    return ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """l = -mean(t log(p) + (1 - t) log(1 - p)) over `axis`; with from_logits p = sigmoid(y_pred)

    label_smoothing=s moves the targets to t (1 - s) + s / 2.

    >>> round(float(binary_crossentropy([[1.0]], [[0.5]])), 4)
    0.6931
    """
    return ops.mean(_binary(y_true, y_pred, from_logits, label_smoothing, axis), axis=axis)


def _focal_binary(y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1):
    y_true, y_pred = _floats(y_true, y_pred)
    if smoothing(label_smoothing):
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    missing = 1.0 - (y_true * p + (1.0 - y_true) * (1.0 - p))
    loss = ops.power(missing, gamma) * ops.binary_crossentropy(y_true, p, from_logits=False)
    return loss * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) if apply_class_balancing else loss


def binary_focal_crossentropy(y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False,
                              label_smoothing=0.0, axis=-1):
    """l = mean((1 - p_t)^gamma (-log p_t)), p_t = the probability of the right class (Lin et al. 2017)

    apply_class_balancing weighs class 1 by alpha and class 0 by 1 - alpha.
    """
    return ops.mean(_focal_binary(y_true, y_pred, apply_class_balancing, alpha, gamma, from_logits, label_smoothing), axis=axis)


binary_crossentropy.elements = _binary
binary_focal_crossentropy.elements = _focal_binary


def _one_hot_targets(y_true, y_pred, axis, name):
    """Floats of one shape; class numbers in place of one-hot rows are an error that says so."""
    y_pred = as_float(y_pred)
    y_true = y_true if isinstance(y_true, (Tensor, KerasTensor)) else convert_to_tensor(y_true)
    t, p = tuple(y_true.shape), tuple(y_pred.shape)
    known = None not in t + p
    if len(t) == len(p) - 1 or (len(t) == len(p) and t != p and t and t[axis] == 1):
        raise bad_argument("y_true", f"shape {t}, which looks like class numbers", f"one-hot rows of shape {p} for {name}",
                           "use sparse_categorical_crossentropy, or fastdl.utils.to_categorical(y_true)")
    if known and t != p:
        raise bad_argument("y_true", f"shape {t}", f"the shape of y_pred, {p}",
                           f"give the last layer {t[-1] if t else 1} units, or encode y in {p[-1] if p else 1} classes")
    return as_dtype(y_true, y_pred.dtype), y_pred


def _class_numbers(y_true, y_pred, axis, name):
    """int32 labels, one for each row of y_pred; one-hot rows in their place are an error that says so."""
    y_pred = as_float(y_pred)
    y_true = y_true if isinstance(y_true, (Tensor, KerasTensor)) else convert_to_tensor(y_true)
    t, p = tuple(y_true.shape), tuple(y_pred.shape)
    rows = p[:axis % len(p)] + p[axis % len(p) + 1:] if p else ()
    if len(t) == len(p) and t and t[axis] == 1:
        y_true, t = ops.squeeze(y_true, axis), t[:axis % len(p)] + t[axis % len(p) + 1:]
    elif len(t) == len(p) and t == p:
        raise bad_argument("y_true", f"shape {t}, which looks like one-hot rows",
                           f"class numbers of shape {rows} for {name}",
                           "use categorical_crossentropy, or y_true.argmax(-1)")
    if len(t) != len(rows) or any(a != b for a, b in zip(t, rows) if a is not None and b is not None):
        raise bad_argument("y_true", f"labels of shape {t}", f"shape {rows}, one class number for each row of y_pred {p}",
                           "reshape y, or give the last layer as many units as there are classes")
    return y_true if y_true.dtype == "int32" else ops.cast(y_true, "int32"), y_pred


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """l = -sum(t log(p)) over `axis`, t one-hot; with from_logits p = softmax(y_pred), else p = y_pred / sum(y_pred)

    label_smoothing=s moves the targets to t (1 - s) + s / classes.
    """
    y_true, y_pred = _one_hot_targets(y_true, y_pred, axis, "categorical_crossentropy")
    if smoothing(label_smoothing):
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[axis]
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def categorical_focal_crossentropy(y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1):
    """l = -sum(alpha (1 - p)^gamma t log(p)) over `axis`, t one-hot (Lin et al. 2017)"""
    y_true, y_pred = _one_hot_targets(y_true, y_pred, axis, "categorical_focal_crossentropy")
    if smoothing(label_smoothing):
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[axis]
    p = ops.softmax(y_pred, axis=axis) if from_logits else y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    return -ops.sum(ops.power(1.0 - p, gamma) * alpha * y_true * ops.log(p), axis=axis)


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """l = (1 - p^q) / q, p = y_pred[label], 0 < q < 1 (Zhang & Sabuncu 2018): noisy labels hurt less"""
    if not 0 < q < 1:
        raise bad_argument("q", repr(q), "a number between 0 and 1", "q=0.5, for example")
    y_true, y_pred = _class_numbers(y_true, y_pred, -1, "categorical_generalized_cross_entropy")
    p = ops.squeeze(ops.take_along_axis(y_pred, ops.expand_dims(y_true, -1), axis=-1), -1)
    return (1.0 - ops.power(ops.clip(p, config.epsilon(), 1.0 - config.epsilon()), q)) / q


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """l = -log(p[label]); with from_logits p = softmax(y_pred), else p = y_pred / sum(y_pred)

    Labels are whole numbers from 0 to classes - 1; others raise, except `ignore_class`, whose samples count as 0
    and are masked out of means.

    >>> float(sparse_categorical_crossentropy([1], [[0.0, 1.0]])[0]) < 1e-6
    True
    """
    y_true, y_pred = _class_numbers(y_true, y_pred, axis, "sparse_categorical_crossentropy")
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ignore_class)
    y_true = ops.where(valid, y_true, 0)
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    values = ops.where(valid, values, 0.0)
    if not isinstance(values, KerasTensor):
        values._keras_mask = valid
    return values


# ---------------------------------------------------------------- regions and pairs
def dice(y_true, y_pred, axis=None):
    """l = 1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)), sums over `axis` (None: over everything)"""
    y_true, y_pred = _floats(y_true, y_pred)
    both, either = ops.sum(y_true * y_pred, axis=axis), ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - both * 2.0 / (either + config.epsilon())


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """l = 1 - tp / (tp + alpha fn + beta fp), tp = sum(y_true y_pred), sums over `axis` (None: over everything)"""
    y_true, y_pred = _floats(y_true, y_pred)
    tp = ops.sum(y_true * y_pred, axis=axis)
    fp = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    fn = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    return 1.0 - tp / (tp + fn * alpha + fp * beta + config.epsilon())


def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """l = softplus(logsumexp(-gamma a_p (margin - d_p)) + logsumexp(gamma a_n (1 - margin - d_n))) a row (Sun et al. 2020)

    d = max(1 - cosine, 0) between unit rows of y_pred and of ref_embeddings; p: pairs of one class, n: of two;
    a_p = max(margin + d_p, 0), a_n = max(1 + margin - d_n, 0). Rows whose loss is 0 (no pair of one kind) are masked out.
    """
    y_pred = as_float(y_pred)
    labels = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
    others = labels if ref_labels is None else ops.reshape(ops.cast(ref_labels, "int32"), (-1, 1))
    reference = y_pred if ref_embeddings is None else as_dtype(ref_embeddings, y_pred.dtype)
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(reference)), 0.0)
    same = ops.equal(labels, ops.transpose(others))
    differ = ops.logical_not(same)
    if remove_diagonal:
        same = ops.logical_and(same, ops.logical_not(ops.eye(*same.shape, dtype="bool")))
    away = ops.relu(distance + margin) * (distance - margin) * gamma
    near = ops.relu(1.0 + margin - distance) * (1.0 - margin - distance) * gamma
    nothing = -1e30                                       # exp of it is 0, and it has no gradient of inf - inf
    loss = ops.softplus(ops.logsumexp(ops.where(same, away, nothing), axis=1) + ops.logsumexp(ops.where(differ, near, nothing), axis=1))
    if not isinstance(loss, KerasTensor):
        loss._keras_mask = ops.greater(loss, 0.0)
    return loss


# ---------------------------------------------------------------- the classes of the functions
def constructor(name, parameters, make):
    """An __init__ with these parameters and defaults that calls make(self, given)."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter("self", kind)] + [inspect.Parameter(k, kind, default=v) for k, v in parameters.items()])

    def __init__(self, *args, **kwargs):
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            unknown = next((k for k in kwargs if k not in parameters), "")
            raise TypeError(f"{name}(): {error}.{did_you_mean(unknown, parameters)} It takes: {', '.join(parameters)}.") from None
        bound.apply_defaults()
        make(self, dict(list(bound.arguments.items())[1:]))

    __init__.__signature__ = signature
    return __init__


def without_fn(cls, config):
    """from_config of a class that knows its function; Keras 2 wrote it down all the same."""
    return cls(**{k: v for k, v in config.items() if k != "fn"})


def _wrapped(name, fn, label, order=None, **own):
    """class `name`: LossFunctionWrapper of fn whose parameters `own` are in the constructor and in get_config()."""
    defaults = {**own, "reduction": "sum_over_batch_size", "name": label, "dtype": None}

    def make(self, given):
        kwargs = {k: given[k] for k in own}
        smoothing(kwargs.get("label_smoothing", 0))
        LossFunctionWrapper.__init__(self, fn, given["reduction"], given["name"], given["dtype"], **kwargs)
        self.__dict__.update(kwargs)

    def get_config(self):
        return {**Loss.get_config(self), **self._fn_kwargs}

    init = constructor(name, {k: defaults[k] for k in (order.split() if order else defaults)}, make)
    return type(name, (LossFunctionWrapper,), dict(__init__=init, get_config=get_config, __module__=__name__, __qualname__=name,
                                                   from_config=classmethod(without_fn), __doc__=fn.__doc__))


_entropy = dict(from_logits=False, label_smoothing=0.0, axis=-1)

MeanSquaredError = _wrapped("MeanSquaredError", mean_squared_error, "mean_squared_error")
MeanAbsoluteError = _wrapped("MeanAbsoluteError", mean_absolute_error, "mean_absolute_error")
MeanAbsolutePercentageError = _wrapped("MeanAbsolutePercentageError", mean_absolute_percentage_error, "mean_absolute_percentage_error")
MeanSquaredLogarithmicError = _wrapped("MeanSquaredLogarithmicError", mean_squared_logarithmic_error, "mean_squared_logarithmic_error")
CosineSimilarity = _wrapped("CosineSimilarity", cosine_similarity, "cosine_similarity", axis=-1)
Huber = _wrapped("Huber", huber, "huber_loss", delta=1.0)
LogCosh = _wrapped("LogCosh", log_cosh, "log_cosh")
Poisson = _wrapped("Poisson", poisson, "poisson")
Hinge = _wrapped("Hinge", hinge, "hinge")
SquaredHinge = _wrapped("SquaredHinge", squared_hinge, "squared_hinge")
CategoricalHinge = _wrapped("CategoricalHinge", categorical_hinge, "categorical_hinge")
KLDivergence = _wrapped("KLDivergence", kl_divergence, "kl_divergence")
BinaryCrossentropy = _wrapped("BinaryCrossentropy", binary_crossentropy, "binary_crossentropy", **_entropy)
BinaryFocalCrossentropy = _wrapped("BinaryFocalCrossentropy", binary_focal_crossentropy, "binary_focal_crossentropy",
                                   apply_class_balancing=False, alpha=0.25, gamma=2.0, **_entropy)
CategoricalCrossentropy = _wrapped("CategoricalCrossentropy", categorical_crossentropy, "categorical_crossentropy", **_entropy)
CategoricalFocalCrossentropy = _wrapped("CategoricalFocalCrossentropy", categorical_focal_crossentropy, "categorical_focal_crossentropy",
                                        alpha=0.25, gamma=2.0, **_entropy)
CategoricalGeneralizedCrossEntropy = _wrapped("CategoricalGeneralizedCrossEntropy", categorical_generalized_cross_entropy,
                                              "categorical_generalized_cross_entropy", q=0.5)
SparseCategoricalCrossentropy = _wrapped("SparseCategoricalCrossentropy", sparse_categorical_crossentropy,
                                         "sparse_categorical_crossentropy", "from_logits ignore_class reduction axis name dtype",
                                         from_logits=False, ignore_class=None, axis=-1)
Dice = _wrapped("Dice", dice, "dice", "reduction name axis dtype", axis=None)
CTC = _wrapped("CTC", ctc, "ctc")
Tversky = _wrapped("Tversky", tversky, "tversky", "alpha beta reduction name axis dtype", alpha=0.5, beta=0.5, axis=None)
Circle = _wrapped("Circle", circle, "circle", gamma=80.0, margin=0.4, remove_diagonal=True)

# ---------------------------------------------------------------- names
bce = BCE = binary_crossentropy
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = kl_divergence
cosine_proximity = cosine_similarity
logcosh = log_cosh

CLASSES = {c.__name__: c for c in (
    Loss, LossFunctionWrapper, MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError,
    CosineSimilarity, Huber, LogCosh, Poisson, Hinge, SquaredHinge, CategoricalHinge, KLDivergence, BinaryCrossentropy,
    BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy, Dice, Tversky, Circle, CTC)}
FUNCTIONS = {f.__name__: f for f in (
    mean_squared_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_logarithmic_error, cosine_similarity, huber,
    log_cosh, poisson, hinge, squared_hinge, categorical_hinge, kl_divergence, binary_crossentropy, binary_focal_crossentropy,
    categorical_crossentropy, categorical_focal_crossentropy, categorical_generalized_cross_entropy, sparse_categorical_crossentropy,
    dice, tversky, circle, ctc)}
ALIASES = {name: globals()[name] for name in (
    "bce BCE mse MSE mae MAE mape MAPE msle MSLE kld KLD kullback_leibler_divergence cosine_proximity logcosh").split()}
ALIASES["huber_loss"] = huber
ALL_OBJECTS = {**CLASSES, **FUNCTIONS, **ALIASES}


def serialize(loss):
    """The configuration of a loss, for a file."""
    return serialization.serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """A loss from its name or its configuration."""
    if not isinstance(name, str):
        return serialization.from_config_of("losses", name, custom_objects)
    found = serialization.custom_object(name, custom_objects)
    found = ALL_OBJECTS.get(name) if found is None else found
    if found is None:
        raise unknown_name("loss", name, [*filter(str.islower, ALL_OBJECTS), *serialization.custom_names(custom_objects)])
    return found() if isinstance(found, type) else found


def get(identifier):
    """The loss that `identifier` means: a name, a configuration, a function or an object; None stays None.

    >>> get("mse") is mean_squared_error
    True
    """
    if identifier is None:
        return None
    if isinstance(identifier, (str, dict)):
        identifier = deserialize(identifier)
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    raise bad_argument("loss", repr(identifier), "a name, a Loss or a function (y_true, y_pred)", 'for example loss="mse"', TypeError)


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
