"""Element by element, and over axes: arithmetic, activations, cross-entropies, sums and means.

Some words are Python's own (abs, sum, max ...); inside this file they are tensors' too.
"""
import builtins

import numpy as np

from fastdl import activations, losses, ops
from fastdl.config import floatx
from fastdl.ops.promotion import public

abs, exp, log, round, sign, sin, cos, tanh = (ops.abs, ops.exp, ops.log, ops.round, ops.sign, ops.sin, ops.cos, ops.tanh)
square, sigmoid, softplus, softsign = ops.square, ops.sigmoid, ops.softplus, ops.softsign
logsumexp, transpose, cast, squeeze = ops.logsumexp, ops.transpose, ops.cast, ops.squeeze


def _of_two(name):
    def pairwise(x, y):
        return getattr(ops, name)(x, y)
    pairwise.__name__ = pairwise.__qualname__ = name
    return pairwise


maximum, minimum, equal, not_equal, greater, greater_equal, less, less_equal = map(
    _of_two, ("maximum", "minimum", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal"))


def permute_dimensions(x, pattern):
    return ops.transpose(x, pattern)


def stop_gradient(variables):
    """The same numbers, through which no gradient flows; of a list, each"""
    return [ops.stop_gradient(v) for v in variables] if isinstance(variables, (list, tuple)) else ops.stop_gradient(variables)


def sqrt(x):
    """The square root of max(x, 0)"""
    return ops.sqrt(ops.maximum(x, 0.0))


def pow(x, a):
    return ops.power(x, a)


def clip(x, min_value, max_value):
    """min(max(x, min_value), max_value); a max_value below min_value counts as min_value"""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)):
        max_value = builtins.max(min_value, max_value)
    low = -np.inf if min_value is None else min_value
    return ops.clip(x, low, np.inf if max_value is None else max_value)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """max_value where x >= max_value, x where x >= threshold, alpha (x - threshold) below"""
    return activations.relu(x, negative_slope=alpha, max_value=max_value, threshold=threshold)


def elu(x, alpha=1.0):
    return ops.elu(x, alpha=alpha)


def softmax(x, axis=-1):
    return ops.softmax(x, axis=axis)


def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1)"""
    return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


def l2_normalize(x, axis=None):
    """x / sqrt(max(sum x^2, 1e-12))"""
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


def binary_crossentropy(target, output, from_logits=False):
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1, ignore_class=None):
    target = ops.cast(target, "int32")
    if ignore_class is not None:
        return losses.sparse_categorical_crossentropy(target, output, from_logits, ignore_class, axis)
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = ops.squeeze(target, -1)
    return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def in_top_k(predictions, targets, k):
    return ops.in_top_k(targets, predictions, k)


def switch(condition, then_expression, else_expression):
    """then_expression where the condition holds, else else_expression; functions without arguments are called"""
    a = then_expression() if callable(then_expression) else then_expression
    b = else_expression() if callable(else_expression) else else_expression
    c = ops.cast(condition, "bool")
    for _ in range(len(a.shape) - len(getattr(c, "shape", ()))):
        c = ops.expand_dims(c, -1)
    return ops.where(c, a, b)


def _reduction(name):
    made = getattr(ops, name)

    def reduce(x, axis=None, keepdims=False):
        return made(x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)
    reduce.__name__, reduce.__doc__ = name, f"{name} over `axis` (a number, a list or None for all)"
    return reduce


sum, prod, max, min, any, all = (_reduction(n) for n in ("sum", "prod", "max", "min", "any", "all"))
_mean, _var, _std = (_reduction(n) for n in ("mean", "var", "std"))


def _floats(x):
    return ops.cast(x, floatx()) if str(getattr(x, "dtype", "float32")) == "bool" else x


def mean(x, axis=None, keepdims=False):
    return _mean(_floats(x), axis, keepdims)


def var(x, axis=None, keepdims=False):
    return _var(_floats(x), axis, keepdims)


def std(x, axis=None, keepdims=False):
    return _std(_floats(x), axis, keepdims)


def argmax(x, axis=-1):
    return ops.argmax(x, axis=axis)


def argmin(x, axis=-1):
    return ops.argmin(x, axis=axis)


def cumsum(x, axis=0):
    return ops.cumsum(x, axis=axis)


def cumprod(x, axis=0):
    return ops.cumprod(x, axis=axis)


__all__ = [*public(globals()), "abs", "exp", "log", "round", "sign", "sin", "cos", "tanh", "square", "sigmoid", "softplus", "softsign",
           "logsumexp", "transpose", "cast", "squeeze"]
