"""Activations, normalisation, crossentropies and attention under Keras's names and formulas.

A probability remembers the logits it came from, so that crossentropies are computed from those, without a rounded logarithm.
"""
import math

import numpy as np

from .. import config
from ..core.tensor import Tensor, convert_to_tensor
from ..primitives import elementwise as e
from ..primitives import attention, host, loss
from ..primitives import linalg as la
from ..primitives import layer_norm as rownorm
from ..primitives import movement as m
from ..primitives import reduce as r
from . import numpy as knp
from .ctc import ctc_decode, ctc_loss  # noqa: F401
from .linalg import norm
from .patches import fold, unfold  # noqa: F401
from .promotion import as_dtype, axes_of, constant, floating, one_axis, promote, public
from .symbolic import op


# ---------------------------------------------------------------- activations
@op
def relu(x):
    """y = max(x, 0)"""
    x = convert_to_tensor(x)
    return e.relu(x) if "float" in x.dtype else e.maximum(x, 0)


@op
def relu6(x):
    """y = min(max(x, 0), 6)"""
    return e.relu6(floating(x))


@op
def leaky_relu(x, negative_slope=0.2):
    """y = x where x >= 0, else negative_slope x"""
    return e.leaky_relu(floating(x), slope=float(negative_slope))


@op
def elu(x, alpha=1.0):
    """y = x where x >= 0, else alpha (e^x - 1)"""
    return e.elu(floating(x), alpha=float(alpha))


@op
def selu(x):
    """y = scale elu(x, alpha) with the constants that keep mean 0 and variance 1"""
    return e.selu(floating(x))


@op
def celu(x, alpha=1.0):
    """y = x where x >= 0, else alpha (e^(x / alpha) - 1)"""
    x = floating(x)
    return e.elu(x, alpha=1.0) if alpha == 1.0 else e.mul(e.elu(e.div(x, float(alpha)), alpha=1.0), float(alpha))


@op
def gelu(x, approximate=True):
    """y = x Phi(x), Phi the normal distribution function; approximate: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))"""
    return e.gelu(floating(x), approximate=bool(approximate))


@op
def sigmoid(x):
    """y = 1 / (1 + e^-x)"""
    x = floating(x)
    y = e.sigmoid(x)
    y._keras_logits = ("sigmoid", x)
    return y


@op
def log_sigmoid(x):
    """y = -log(1 + e^-x)"""
    return e.neg(e.softplus(e.neg(floating(x))))


@op
def hard_sigmoid(x):
    """y = min(max(x / 6 + 1/2, 0), 1)"""
    return e.hard_sigmoid(floating(x))


@op
def sparse_sigmoid(x):
    """y = min(max((x + 1) / 2, 0), 1)"""
    return e.clip(e.mul(e.add(floating(x), 1.0), 0.5), lo=0.0, hi=1.0)


@op
def softplus(x):
    """y = log(1 + e^x)"""
    return e.softplus(floating(x))


@op
def softsign(x):
    """y = x / (1 + |x|)"""
    x = floating(x)
    return e.div(x, e.add(e.abs(x), 1.0))


@op
def silu(x):
    """y = x sigmoid(x)"""
    return e.silu(floating(x))


@op
def hard_silu(x):
    """y = x hard_sigmoid(x)"""
    x = floating(x)
    return e.mul(x, e.hard_sigmoid(x))


swish, hard_swish = silu, hard_silu


@op
def glu(x, axis=-1):
    """y = a sigmoid(b), a and b the halves of x along axis"""
    x = floating(x)
    axis = one_axis(axis, x.ndim)
    n = x.shape[axis]
    if n % 2:
        raise ValueError(f"ops.glu splits axis {axis} into halves, but it has size {n} in shape {x.shape}: wanted an even size")
    return e.mul(_part(x, axis, 0, n // 2), e.sigmoid(_part(x, axis, n // 2, n)))


def _part(x, axis, start, stop):
    return m.slice(x, start=tuple(start if k == axis else 0 for k in range(x.ndim)),
                   stop=tuple(stop if k == axis else d for k, d in enumerate(x.shape)), step=(1,) * x.ndim)


@op
def tanh_shrink(x):
    """y = x - tanh(x)"""
    x = floating(x)
    return e.sub(x, e.tanh(x))


@op
def hard_tanh(x):
    """y = min(max(x, -1), 1)"""
    x = convert_to_tensor(x)
    return e.clip(x, lo=-1.0, hi=1.0) if "float" in x.dtype else e.maximum(e.minimum(x, 1), -1)


@op
def hard_shrink(x, threshold=0.5):
    """y = x where |x| > threshold, else 0"""
    x = floating(x)
    return e.where(e.greater(e.abs(x), float(threshold)), x, constant(0.0, x.dtype))


@op
def soft_shrink(x, threshold=0.5):
    """y = x moved towards 0 by threshold, not past it"""
    x = floating(x)
    return e.sub(x, e.clip(x, lo=-float(threshold), hi=float(threshold)))


@op
def threshold(x, threshold, default_value):
    """y = x where x > threshold, else default_value"""
    x = convert_to_tensor(x)
    return e.where(e.greater(x, convert_to_tensor(threshold, x.dtype)), x, convert_to_tensor(default_value, x.dtype))


@op
def squareplus(x, b=4):
    """y = (x + sqrt(x^2 + b)) / 2"""
    x = floating(x)
    return e.mul(e.add(x, e.sqrt(e.add(e.square(x), convert_to_tensor(b, x.dtype)))), 0.5)


@op
def sparse_plus(x):
    """y = 0 where x <= -1, (x + 1)^2 / 4 where x < 1, else x"""
    x = floating(x)
    middle = e.mul(e.square(e.add(e.clip(x, lo=-1.0, hi=1.0), 1.0)), 0.25)
    return e.add(middle, e.relu(e.sub(x, 1.0)))


# ---------------------------------------------------------------- over an axis
def _last_axes(x, axis, name):
    """(x with the named axes as its last one, how to turn the result back)"""
    if not x.ndim:
        raise ValueError(f"ops.{name} needs an axis to sum over, got a scalar")
    axes = [one_axis(a, x.ndim, f"ops.{name}: axis") for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    if axes == [x.ndim - 1]:
        return x, lambda y: y
    order = tuple(k for k in range(x.ndim) if k not in axes) + tuple(axes)
    shape = tuple(x.shape[k] for k in order)
    lead = shape[:x.ndim - len(axes)]
    back = tuple(int(k) for k in np.argsort(order))
    flat = m.reshape(m.transpose(x, axes=order), shape=lead + (math.prod(shape[len(lead):]),))
    return flat, lambda y: m.transpose(m.reshape(y, shape=shape), axes=back)


@op
def softmax(x, axis=-1):
    """y = e^x / sum(e^x) over axis (an int, a tuple, or None for all)"""
    x = floating(x)
    flat, back = _last_axes(x, tuple(range(x.ndim)) if axis is None else axis, "softmax")
    y = back(loss.softmax(flat))
    if flat is x:
        y._keras_logits = ("softmax", x)
    return y


@op
def log_softmax(x, axis=-1):
    """y = x - log(sum(e^x)) over axis"""
    x = floating(x)
    flat, back = _last_axes(x, tuple(range(x.ndim)) if axis is None else axis, "log_softmax")
    return back(loss.log_softmax(flat))


@op
def sparsemax(x, axis=-1):
    """y = max(x - t, 0) with t such that y sums to 1 over axis: the point of the simplex nearest to x"""
    flat, back = _last_axes(floating(x), axis, "sparsemax")
    fixed = host.stop_gradient(flat)
    n = flat.shape[-1]
    ordered = m.flip(m.sort(fixed, axis=flat.ndim - 1), axes=(flat.ndim - 1,))
    total = r.cumsum(ordered, axis=flat.ndim - 1)
    count = constant(np.arange(1, n + 1), flat.dtype)
    inside = e.cast(e.greater(e.add(e.mul(ordered, count), 1.0), total), dtype=flat.dtype)
    k = r.sum(inside, axis=(-1,), keepdims=True)
    t = e.div(e.sub(r.sum(e.mul(ordered, inside), axis=(-1,), keepdims=True), 1.0), k)
    support = e.cast(e.greater(fixed, t), dtype=flat.dtype)                # t again, now as a function of x
    t = e.div(e.sub(r.sum(e.mul(flat, support), axis=(-1,), keepdims=True), 1.0), r.sum(support, axis=(-1,), keepdims=True))
    return back(e.where(e.greater(support, 0.0), e.sub(flat, t), constant(0.0, flat.dtype)))


# ---------------------------------------------------------------- encodings
def _dense_only(sparse, name):
    if sparse:
        raise ValueError(f"ops.{name}: sparse=True: there are no sparse tensors here; leave it False")


@op
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """y[..., k, ...] = 1 where x = k, on a new axis; an index outside 0..num_classes-1 gives zeros"""
    _dense_only(sparse, "one_hot")
    x = convert_to_tensor(x)
    y = m.one_hot(x if "int" in x.dtype else e.cast(x, dtype="int32"), depth=int(num_classes))
    y = convert_to_tensor(y, as_dtype(dtype or config.floatx()))
    return y if axis == -1 else knp.moveaxis(y, -1, axis)


@op
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """y[..., k] = 1 where k is among the inputs of a row"""
    num_classes = kwargs.pop("num_tokens", num_classes)                    # the name it had in Keras 2
    if kwargs or num_classes is None:
        raise TypeError(f"ops.multi_hot(inputs, num_classes, axis, dtype): got {sorted(kwargs) or 'no num_classes'}")
    x = convert_to_tensor(inputs)
    y = one_hot(x, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    return r.max(y, axis=(1 if x.ndim > 1 else 0,))


# ---------------------------------------------------------------- crossentropies
def _logits(output, kind, last=True):
    known = getattr(output, "_keras_logits", None)
    return known[1] if known is not None and known[0] == kind and last else None


def _clipped(p):
    return e.clip(p, lo=config.epsilon(), hi=1.0 - config.epsilon())


@op
def binary_crossentropy(target, output, from_logits=False):
    """l = -t log(p) - (1 - t) log(1 - p), element by element, p clipped to [1e-7, 1 - 1e-7]"""
    output = floating(output)
    target = convert_to_tensor(target, output.dtype)
    if target.shape != output.shape:
        raise ValueError(f"ops.binary_crossentropy: target of shape {target.shape} and output of shape {output.shape} must be equal: "
                         "reshape one of them (ops.expand_dims(target, -1) turns (n,) into (n, 1))")
    logits = output if from_logits else _logits(output, "sigmoid")
    if logits is not None:
        return loss.sigmoid_xent(logits, target)
    p = _clipped(output)
    return e.neg(e.add(e.mul(target, e.log(p)), e.mul(e.sub(1.0, target), e.log(e.sub(1.0, p)))))


@op
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """l = -sum(t log(p)) over axis, p made to sum to 1 and clipped to [1e-7, 1 - 1e-7]"""
    output = floating(output)
    target = convert_to_tensor(target, output.dtype)
    if not output.shape or target.shape != output.shape:
        raise ValueError(f"ops.categorical_crossentropy: target of shape {target.shape} and output of shape {output.shape} must be equal, "
                         "with an axis of classes: one-hot targets (ops.one_hot), or sparse_categorical_crossentropy for labels")
    axis = one_axis(axis, output.ndim)
    logits = output if from_logits else _logits(output, "softmax", axis == output.ndim - 1)
    if logits is not None:
        return loss.softmax_xent(_to_end(logits, axis), _to_end(target, axis))
    p = e.div(output, r.sum(output, axis=(axis,), keepdims=True))
    return e.neg(r.sum(e.mul(target, e.log(_clipped(p))), axis=(axis,)))


def _to_end(x, axis):
    if axis == x.ndim - 1:
        return x
    return m.transpose(x, axes=tuple(k for k in range(x.ndim) if k != axis) + (axis,))


@op
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """l = -log(p[label]) along axis, p made to sum to 1 and clipped to [1e-7, 1 - 1e-7]; a label outside the classes fails"""
    output, target = floating(output), convert_to_tensor(target)
    if not output.shape:
        raise ValueError("ops.sparse_categorical_crossentropy: output is a scalar; it needs an axis of classes")
    axis = one_axis(axis, output.ndim)
    rows = output.shape[:axis] + output.shape[axis + 1:]
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = m.reshape(target, shape=target.shape[:-1])
    if target.shape != rows:
        raise ValueError(f"ops.sparse_categorical_crossentropy: target of shape {target.shape} does not fit output of shape "
                         f"{output.shape}: wanted {rows}, one whole number a row (categorical_crossentropy takes one-hot rows)")
    target = convert_to_tensor(target, "int32")
    logits = output if from_logits else _logits(output, "softmax", axis == output.ndim - 1)
    if logits is not None:
        return loss.sparse_softmax_xent(_to_end(logits, axis), target)
    p = _to_end(e.div(output, r.sum(output, axis=(axis,), keepdims=True)), axis)
    return e.neg(e.log(_clipped(host.pick(p, target))))


# ---------------------------------------------------------------- normalisation
@op
def moments(x, axes, keepdims=False, synchronized=False):
    """(mean, variance) of x over axes: mean(x), mean((x - mean)^2)"""
    if synchronized:
        raise NotImplementedError("ops.moments: synchronized=True needs several replicas; there is one: leave it False")
    x = floating(x)
    axes = axes_of(axes, x.ndim) or tuple(range(x.ndim))
    mean = r.mean(x, axis=axes, keepdims=True)
    variance = r.mean(e.square(e.sub(x, mean)), axis=axes, keepdims=True)
    if keepdims:
        return mean, variance
    shape = tuple(d for k, d in enumerate(x.shape) if k not in axes)
    return m.reshape(mean, shape=shape), m.reshape(variance, shape=shape)


def _along(v, axes, x, what):
    """v as a tensor that broadcasts against x along these axes."""
    if v is None:
        return None
    v = convert_to_tensor(v, x.dtype)
    wanted = tuple(x.shape[a] for a in axes)
    if v.shape != wanted:
        try:                                                # already of a shape that broadcasts
            if v.ndim and np.broadcast_shapes(v.shape, x.shape) == x.shape:
                return v
        except ValueError:
            pass
        raise ValueError(f"{what} of shape {v.shape} does not fit x of shape {x.shape} along axis {axes}: wanted shape {wanted}")
    return m.reshape(v, shape=tuple(d if k in axes else 1 for k, d in enumerate(x.shape))) if axes[-1] != x.ndim - 1 or \
        axes != tuple(range(axes[0], x.ndim)) else v


@op
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """y = (x - mean) / sqrt(variance + epsilon) scale + offset, the statistics along axis"""
    x = floating(x)
    axes = (one_axis(axis, x.ndim),)
    mean, variance, offset, scale = (_along(v, axes, x, f"ops.batch_normalization: {n}") for v, n in (
        (mean, "mean"), (variance, "variance"), (offset, "offset"), (scale, "scale")))
    k = e.rsqrt(e.add(variance, float(epsilon)))
    k = k if scale is None else e.mul(k, scale)
    shift = e.neg(e.mul(mean, k))
    return e.add(e.mul(x, k), shift if offset is None else e.add(shift, offset))


def _norm_axes(axis, x):
    return axes_of(axis, x.ndim) or tuple(range(x.ndim))


def _row(v, x, absent):
    """v as one value for each feature of x, `absent` where there is none; None if it has another shape."""
    v = convert_to_tensor(np.full(x.shape[-1:], absent) if v is None else v, x.dtype)
    return v if v.shape == x.shape[-1:] else None


@op
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """y = (x - mean) / sqrt(variance + epsilon) gamma + beta, mean and variance of x over axis"""
    rms = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"ops.layer_normalization: unknown arguments {sorted(kwargs)}; it takes x, gamma, beta, axis, epsilon")
    x = floating(x)
    axes = _norm_axes(axis, x)
    epsilon = float(config.epsilon() if epsilon is None else epsilon)
    rows = None if rms or axes != (x.ndim - 1,) else [_row(v, x, n) for v, n in ((gamma, 1), (beta, 0))]
    if rows and None not in rows:
        return rownorm.layer_norm(x, *rows, epsilon=epsilon)
    gamma, beta = (_along(v, axes, x, f"ops.layer_normalization: {n}") for v, n in ((gamma, "gamma"), (beta, "beta")))
    mean = r.mean(x, axis=axes, keepdims=True)
    centred = e.sub(x, mean)
    k = e.rsqrt(e.add(r.mean(e.square(centred), axis=axes, keepdims=True), epsilon))
    y = e.mul(x if rms else centred, k)
    y = y if gamma is None else e.mul(y, gamma)
    return y if beta is None or rms else e.add(y, beta)


@op
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """y = x / sqrt(mean(x^2) + epsilon) scale, the mean over axis"""
    x = floating(x)
    x = x if x.ndim else m.reshape(x, shape=(1,))
    axes = _norm_axes(axis, x)
    epsilon = float(config.epsilon() if epsilon is None else epsilon)
    row = _row(scale, x, 1) if axes == (x.ndim - 1,) else None
    if row is not None:
        return rownorm.rms_norm(x, row, epsilon=epsilon)
    k = e.rsqrt(e.add(r.mean(e.square(x), axis=axes, keepdims=True), epsilon))
    y = e.mul(x, k)
    return y if scale is None else e.mul(y, _along(scale, axes, x, "ops.rms_normalization: scale"))


@op
def normalize(x, axis=-1, order=2, epsilon=None):
    """y = x / max(|x|, epsilon), |x| the norm of this order over axis"""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"ops.normalize: order must be a whole number from 1 on, got {order!r}")
    x = floating(x)
    x = x if x.ndim else m.reshape(x, shape=(1,))
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        total = r.sum(e.square(x), axis=axes_of(axis, x.ndim), keepdims=True)
        return e.mul(x, e.minimum(e.rsqrt(total), 1.0 / epsilon))
    return e.div(x, e.maximum(norm(x, ord=order, axis=axis, keepdims=True), float(epsilon)))


@op
def psnr(x1, x2, max_val):
    """y = 20 log10(max_val) - 10 log10(mean((x1 - x2)^2)), in decibels"""
    x1, x2 = promote(x1, x2, least=config.floatx())
    if x1.shape != x2.shape:
        raise ValueError(f"ops.psnr: images of shapes {x1.shape} and {x2.shape} must be equal")
    error = r.mean(e.square(e.sub(x1, x2)))
    top = 20.0 * math.log10(float(max_val))
    return e.sub(top, e.mul(e.log(error), 10.0 / math.log(10.0)))


# ---------------------------------------------------------------- attention
def _causal(queries, keys):
    return Tensor(np.tril(np.ones((queries, keys), bool)))


@op
def dot_product_attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None,
                          attn_logits_soft_cap=None):
    """y = softmax(scale q k^T + bias, masked) v for every head

    query (batch, targets, heads, depth), key and value (batch, sources, heads or a divisor of it, depth); mask True where to look.
    """
    if flash_attention:
        raise ValueError("ops.dot_product_attention: flash_attention=True is a GPU kernel; leave it None")
    q, k, v = promote(query, key, value, least=config.floatx())
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4:
        raise ValueError(f"ops.dot_product_attention wants query, key and value of shape (batch, length, heads, depth), got {q.shape}, "
                         f"{k.shape} and {v.shape}")
    if k.shape[:3] != v.shape[:3] or q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3] or q.shape[2] % k.shape[2]:
        raise ValueError(f"ops.dot_product_attention: query {q.shape}, key {k.shape} and value {v.shape} do not fit: equal batch, key and "
                         "value equal but for their depth, query and key of equal depth, query heads a multiple of key heads")
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else float(scale)
    if bias is None and attn_logits_soft_cap is None and q.dtype in ("float32", "float64"):
        full = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
        if mask is None:
            return attention.attention(q, k, v, scale=scale, causal=bool(is_causal))[0]
        keep = convert_to_tensor(mask, "bool")
        if is_causal:
            keep = e.logical_and(keep, _causal(*full[2:]))
        keep = m.reshape(keep, shape=(1,) * (4 - keep.ndim) + tuple(keep.shape)) if keep.ndim < 4 else keep
        keep = keep if keep.shape[3] == full[3] else m.broadcast_to(keep, shape=(*keep.shape[:3], full[3]))
        return attention.attention(q, k, v, keep, scale=scale)[0]
    heads = lambda t: m.transpose(t, axes=(0, 2, 1, 3))
    if q.shape[2] != k.shape[2]:
        k, v = (knp.repeat(t, q.shape[2] // k.shape[2], axis=2) for t in (k, v))
    q, k, v = heads(q), heads(k), heads(v)
    logits = e.mul(la.matmul(q, k, tb=True), scale)
    if attn_logits_soft_cap is not None:
        logits = e.mul(e.tanh(e.div(logits, float(attn_logits_soft_cap))), float(attn_logits_soft_cap))
    if bias is not None:
        logits = e.add(logits, convert_to_tensor(bias, logits.dtype))
    if is_causal:
        mask = _causal(*logits.shape[-2:]) if mask is None else e.logical_and(convert_to_tensor(mask, "bool"), _causal(*logits.shape[-2:]))
    if mask is not None:
        lowest = -0.7 * float(np.finfo(logits.dtype).max)
        logits = e.where(convert_to_tensor(mask, "bool"), logits, constant(lowest, logits.dtype))
    return heads(la.matmul(loss.softmax(logits), v))


# ---------------------------------------------------------------- rearrangements
def _block(x, block_size, data_format, name):
    x, fmt = convert_to_tensor(x), data_format or config.image_data_format()
    if x.ndim != 4 or fmt not in ("channels_last", "channels_first"):
        raise ValueError(f"ops.{name} wants images (batch, height, width, channels) and a data_format, "
                         f"got shape {x.shape}, {data_format!r}")
    return (x if fmt == "channels_last" else m.transpose(x, axes=(0, 2, 3, 1))), int(block_size), \
        (lambda y: y if fmt == "channels_last" else m.transpose(y, axes=(0, 3, 1, 2)))


@op
def depth_to_space(x, block_size, data_format="channels_last"):
    """y[h b + i, w b + j, c] = x[h, w, (i b + j) C + c]: channels become b x b blocks of pixels"""
    x, b, back = _block(x, block_size, data_format, "depth_to_space")
    n, h, w, c = x.shape
    if c % (b * b):
        raise ValueError(f"ops.depth_to_space: {c} channels are not a multiple of block_size^2 = {b * b}")
    y = m.transpose(m.reshape(x, shape=(n, h, w, b, b, c // (b * b))), axes=(0, 1, 3, 2, 4, 5))
    return back(m.reshape(y, shape=(n, h * b, w * b, c // (b * b))))


@op
def space_to_depth(x, block_size, data_format="channels_last"):
    """y[h, w, (i b + j) C + c] = x[h b + i, w b + j, c]: b x b blocks of pixels become channels"""
    x, b, back = _block(x, block_size, data_format, "space_to_depth")
    n, h, w, c = x.shape
    if h % b or w % b:
        raise ValueError(f"ops.space_to_depth: an image of {h} x {w} does not divide into blocks of {b} x {b}")
    y = m.transpose(m.reshape(x, shape=(n, h // b, b, w // b, b, c)), axes=(0, 1, 3, 2, 4, 5))
    return back(m.reshape(y, shape=(n, h // b, w // b, b * b * c)))


@op
def polar(abs_, angle):
    """z = abs cos(angle) + i abs sin(angle)"""
    a, t = promote(abs_, angle, least=config.floatx())
    return host.complex_of(e.mul(a, e.cos(t)), e.mul(a, e.sin(t)))


__all__ = [*public(globals()), "ctc_decode", "ctc_loss"]
