"""Losses of sets: how much two regions overlap, and how near the members of a class lie to each other."""
from fastdl import config, ops
from fastdl.losses.values import as_dtype, as_float, floats
from fastdl.ops.symbolic import KerasTensor


def dice(y_true, y_pred, axis=None):
    """l = 1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)), sums over `axis` (None: over everything)"""
    y_true, y_pred = floats(y_true, y_pred)
    both, either = ops.sum(y_true * y_pred, axis=axis), ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - both * 2.0 / (either + config.epsilon())


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """l = 1 - tp / (tp + alpha fn + beta fp), tp = sum(y_true y_pred), sums over `axis` (None: over everything)"""
    y_true, y_pred = floats(y_true, y_pred)
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
