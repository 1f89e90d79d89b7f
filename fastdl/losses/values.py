"""From one value a sample to one number: the dtypes, ranks, masks and weights that losses and metrics share."""
import math

from fastdl import config, ops
from fastdl.core import state
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.ops.symbolic import KerasTensor, flatten, map_structure

MEANS = ("sum_over_batch_size", "mean")


def as_dtype(x, dtype):
    """x as a tensor of `dtype`; a float stays as wide as it is where everything is read in float64."""
    if isinstance(x, KerasTensor):
        return x
    x = x if isinstance(x, Tensor) else convert_to_tensor(x)
    if x.dtype == dtype or (state.current().exact and x.dtype.startswith("float") and dtype.startswith("float")):
        return x
    return ops.cast(x, dtype)


def cast_structure(x, dtype):
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


def floats(y_true, y_pred):
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
