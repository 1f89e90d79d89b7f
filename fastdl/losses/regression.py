"""Losses of numbers and of directions: differences of y_true and y_pred, the angle between them, margins."""
import functools
import math

from fastdl import config, ops
from fastdl.losses.values import floats


def mean_over_last_axis(elementwise):
    """The loss mean(elementwise(y_true, y_pred), axis=-1); the elements stay reachable as `.elements`."""
    @functools.wraps(elementwise)
    def loss(y_true, y_pred, *args, **kwargs):
        y = elementwise(y_true, y_pred, *args, **kwargs)
        return ops.mean(y, axis=-1) if y.shape else y

    loss.elements = elementwise
    return loss


@mean_over_last_axis
def mean_squared_error(y_true, y_pred):
    """l = mean((y_true - y_pred)^2) over the last axis

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy().tolist()
    [2.5]
    """
    y_true, y_pred = floats(y_true, y_pred)
    return ops.square(y_pred - y_true)


@mean_over_last_axis
def mean_absolute_error(y_true, y_pred):
    """l = mean(|y_true - y_pred|) over the last axis"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.abs(y_pred - y_true)


@mean_over_last_axis
def mean_absolute_percentage_error(y_true, y_pred):
    """l = 100 mean(|y_true - y_pred| / max(|y_true|, 1e-7)) over the last axis"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), config.epsilon())) * 100.0


@mean_over_last_axis
def mean_squared_logarithmic_error(y_true, y_pred):
    """l = mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis; values below 1e-7 count as 1e-7"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.square(ops.log1p(ops.maximum(y_pred, config.epsilon())) - ops.log1p(ops.maximum(y_true, config.epsilon())))


@mean_over_last_axis
def huber(y_true, y_pred, delta=1.0):
    """l = mean(e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2), e = y_pred - y_true"""
    y_true, y_pred = floats(y_true, y_pred)
    error = y_pred - y_true
    size = ops.abs(error)
    return ops.where(ops.less_equal(size, delta), ops.square(error) * 0.5, size * delta - 0.5 * delta * delta)


@mean_over_last_axis
def log_cosh(y_true, y_pred):
    """l = mean(log(cosh(e))) = mean(e + softplus(-2 e) - log 2), e = y_pred - y_true"""
    y_true, y_pred = floats(y_true, y_pred)
    error = y_pred - y_true
    return error + ops.softplus(error * -2.0) - math.log(2.0)


@mean_over_last_axis
def poisson(y_true, y_pred):
    """l = mean(y_pred - y_true log(y_pred + 1e-7)) over the last axis"""
    y_true, y_pred = floats(y_true, y_pred)
    return y_pred - y_true * ops.log(y_pred + config.epsilon())


def unit_vectors(x, axis):
    """x / ||x||; the zero vector stays zero."""
    return x * ops.minimum(ops.rsqrt(ops.sum(ops.square(x), axis=axis, keepdims=True)), 1 / config.epsilon())


def cosine(y_true, y_pred, axis=-1):
    """c = y_true . y_pred / (||y_true|| ||y_pred||)"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.sum(unit_vectors(y_true, axis) * unit_vectors(y_pred, axis), axis=axis)


def cosine_similarity(y_true, y_pred, axis=-1):
    """l = -y_true . y_pred / (||y_true|| ||y_pred||): -1 for the same direction, 1 for the opposite"""
    return -cosine(y_true, y_pred, axis)


# ---------------------------------------------------------------- margins
def signs(y_true):
    """Labels 0 and 1 as -1 and 1; other targets as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, y_true * 2.0 - 1.0, y_true)


@mean_over_last_axis
def hinge(y_true, y_pred):
    """l = mean(max(1 - y_true y_pred, 0)), y_true in -1, 1 (or 0, 1)"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.relu(1.0 - signs(y_true) * y_pred)


@mean_over_last_axis
def squared_hinge(y_true, y_pred):
    """l = mean(max(1 - y_true y_pred, 0)^2), y_true in -1, 1 (or 0, 1)"""
    y_true, y_pred = floats(y_true, y_pred)
    return ops.square(ops.relu(1.0 - signs(y_true) * y_pred))


def categorical_hinge(y_true, y_pred):
    """l = max(1 + max((1 - y_true) y_pred) - sum(y_true y_pred), 0), y_true one-hot"""
    y_true, y_pred = floats(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.relu(wrong - right + 1.0)
