"""Losses of probabilities: two classes, one of many, a sequence of labels. Each says which targets it wants."""
from fastdl import config, ops
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.losses.values import as_dtype, as_float, floats
from fastdl.ops.symbolic import KerasTensor


def smoothing(value):
    if not 0 <= value <= 1:
        raise bad_argument("label_smoothing", repr(value), "a number from 0 to 1", "label_smoothing=0.1, for example")
    return value


def kl_divergence(y_true, y_pred):
    """l = sum(y_true log(y_true / y_pred)) over the last axis, both clipped to [1e-7, 1]"""
    y_true, y_pred = (ops.clip(y, config.epsilon(), 1.0) for y in floats(y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def _binary(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    y_true, y_pred = floats(y_true, y_pred)
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
    y_true, y_pred = floats(y_true, y_pred)
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
