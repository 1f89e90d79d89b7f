"""Segments, ranks, transforms and special functions, as keras.ops has them."""
import math

import numpy as np

from .. import config
from ..core.tensor import Tensor, convert_to_tensor
from ..primitives import elementwise as e
from ..primitives import host
from ..primitives import more
from ..primitives import movement as m
from ..primitives import reduce as r
from .promotion import axes_of, constant, filled, floating, promote, public
from .symbolic import op


# ---------------------------------------------------------------- segments
def _segments(data, segment_ids, num_segments, name):
    data, ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
    if "int" not in ids.dtype:
        raise TypeError(f"ops.{name}: segment_ids must be whole numbers, got dtype {ids.dtype}")
    if ids.ndim != 1 or not data.ndim or ids.shape[0] != data.shape[0]:
        raise ValueError(f"ops.{name}: segment_ids of shape {ids.shape} do not fit data of shape {data.shape}: wanted one id for "
                         f"every row, shape {data.shape[:1]}")
    ids = convert_to_tensor(ids, "int32")
    if num_segments is None:
        num_segments = int(ids.numpy().max()) + 1 if ids.size else 0
    n = int(num_segments)                               # ids outside 0..n-1 go to a row that is cut off again
    kept = e.logical_and(e.greater_equal(ids, 0), e.less(ids, n))
    return data, e.where(kept, ids, constant(n, "int32")), n


def _first(y, n):
    return m.slice(y, start=(0,) * y.ndim, stop=(n,) + y.shape[1:], step=(1,) * y.ndim)


@op
def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = sum of data[i] where segment_ids[i] = s"""
    data, ids, n = _segments(data, segment_ids, num_segments, "segment_sum")
    return _first(m.take_grad(data, ids, shape=(n + 1,) + data.shape[1:], axis=0), n)


def _combined(data, segment_ids, num_segments, name, how, start):
    data, ids, n = _segments(data, segment_ids, num_segments, name)
    return _first(host.place_rows(filled((n + 1,) + data.shape[1:], start(data.dtype), data.dtype), ids, data, how=how), n)


def _lowest(dtype):
    return -math.inf if "float" in dtype else 0 if dtype == "bool" else np.iinfo(dtype).min


def _highest(dtype):
    return math.inf if "float" in dtype else 1 if dtype == "bool" else np.iinfo(dtype).max


@op
def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = the largest data[i] where segment_ids[i] = s; -inf of none"""
    return _combined(data, segment_ids, num_segments, "segment_max", "max", _lowest)


@op
def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = the smallest data[i] where segment_ids[i] = s; inf of none"""
    return _combined(data, segment_ids, num_segments, "segment_min", "min", _highest)


@op
def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """y[s] = product of data[i] where segment_ids[i] = s; 1 of none"""
    return _combined(data, segment_ids, num_segments, "segment_prod", "mul", lambda dtype: 1)


# ---------------------------------------------------------------- ranks
@op
def top_k(x, k, sorted=True):
    """(values, indices) of the k largest along the last axis, largest first"""
    x = convert_to_tensor(x)
    if not x.ndim or not 0 <= int(k) <= x.shape[-1]:
        raise ValueError(f"ops.top_k: k={k} of a last axis of size {x.shape[-1] if x.ndim else 'none'} (shape {x.shape}): "
                         "wanted k up to that size")
    places = m.top_k(host.stop_gradient(x), k=int(k))[1]
    return more.take_along(x, places, axis=x.ndim - 1), places


@op
def in_top_k(targets, predictions, k):
    """y = is the prediction of the target class among the k largest of its row?"""
    targets, p = convert_to_tensor(targets), floating(predictions)
    if p.ndim != targets.ndim + 1 or p.shape[:-1] != targets.shape:
        raise ValueError(f"ops.in_top_k: targets of shape {targets.shape} do not fit predictions of shape {p.shape}: wanted {p.shape[:-1]}")
    index = m.reshape(convert_to_tensor(targets, "int32"), shape=targets.shape + (1,))
    n = p.shape[-1]
    inside = e.logical_and(e.greater_equal(index, 0), e.less(index, n))
    own = more.take_along(p, e.where(inside, index, constant(0, "int32")), axis=p.ndim - 1)
    above = r.sum(e.cast(e.greater(p, own), dtype="int32"), axis=(-1,))
    sound = e.logical_and(e.isfinite(own), inside)
    return e.logical_and(e.less(above, int(k)), m.reshape(sound, shape=targets.shape))


@op
def logsumexp(x, axis=None, keepdims=False):
    """y = log(sum(e^x)) over axis, without overflow"""
    x = floating(x)
    axes = axes_of(axis, x.ndim)
    axes = tuple(range(x.ndim)) if axes is None else axes
    top = host.stop_gradient(r.max(x, axis=axes, keepdims=True))
    top = e.where(e.isfinite(top), top, constant(0.0, x.dtype))
    y = e.add(e.log(r.sum(e.exp(e.sub(x, top)), axis=axes, keepdims=True)), top)
    return y if keepdims else m.reshape(y, shape=tuple(d for k, d in enumerate(x.shape) if k not in axes))


@op
def cdist(x, y):
    """d[..., i, j] = |x[..., i, :] - y[..., j, :]|"""
    x, y = promote(x, y, least=config.floatx())
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"ops.cdist wants points (..., m, d) and (..., n, d) of one d, got shapes {x.shape} and {y.shape}")
    gap = e.sub(m.reshape(x, shape=x.shape[:-1] + (1, x.shape[-1])), m.reshape(y, shape=y.shape[:-2] + (1,) + y.shape[-2:]))
    return e.sqrt(r.sum(e.square(gap), axis=(-1,)))


# ---------------------------------------------------------------- transforms
@op
def extract_sequences(x, sequence_length, sequence_stride):
    """y[..., k, i] = x[..., k sequence_stride + i]"""
    x, size, step = convert_to_tensor(x), int(sequence_length), int(sequence_stride)
    if not x.ndim or not 0 < size <= x.shape[-1] or step < 1:
        raise ValueError(f"ops.extract_sequences: sequence_length={size}, sequence_stride={step} of shape {x.shape}: wanted a length "
                         "from 1 to the size of the last axis and a stride from 1")
    count = 1 + (x.shape[-1] - size) // step
    return m.take(x, Tensor((np.arange(count)[:, None] * step + np.arange(size)).astype("int32")), axis=x.ndim - 1)


def _complex(x, name, rank):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"ops.{name} takes a complex tensor as a tuple (real, imaginary), got {type(x).__name__}")
    re, im = promote(*x, least=config.floatx())
    if re.shape != im.shape or re.ndim < rank:
        raise ValueError(f"ops.{name}: real and imaginary parts of shapes {re.shape} and {im.shape}: wanted equal shapes of at least "
                         f"{rank} axes")
    return re, im


@op
def fft(x):
    """y[k] = sum over n of x[n] e^(-2 pi i k n / N), along the last axis; x and y are (real, imaginary)"""
    return host.fft(*_complex(x, "fft", 1), axes=(-1,))


@op
def fft2(x):
    """y = the transform of x = (real, imaginary) along the last two axes"""
    return host.fft(*_complex(x, "fft2", 2), axes=(-2, -1))


@op
def ifft2(x):
    """y = the inverse transform of x = (real, imaginary) along the last two axes"""
    return host.ifft(*_complex(x, "ifft2", 2), axes=(-2, -1))


def _fitted(x, n):
    """x with n values along its last axis: cut off or zeros appended."""
    have = x.shape[-1]
    if have > n:
        return m.slice(x, start=(0,) * x.ndim, stop=x.shape[:-1] + (n,), step=(1,) * x.ndim)
    return x if have == n else m.pad(x, paddings=((0, 0),) * (x.ndim - 1) + ((0, n - have),))


@op
def rfft(x, fft_length=None):
    """(real, imaginary) of the bins 0..n/2 of real x's transform along the last axis, x cut or zero-padded to fft_length"""
    x = floating(x)
    if not x.ndim:
        raise ValueError("ops.rfft needs an axis, got a scalar")
    return host.rfft(x if fft_length is None else _fitted(x, int(fft_length)))


@op
def irfft(x, fft_length=None):
    """y = the real values whose bins 0..n/2 are x = (real, imaginary)"""
    re, im = _complex(x, "irfft", 1)
    n = 2 * (re.shape[-1] - 1) if fft_length is None else int(fft_length)
    return host.irfft(_fitted(re, n // 2 + 1), _fitted(im, n // 2 + 1), n=n)


def _window(window, size, fft_length, name):
    """The window's values, zeros on both sides up to fft_length."""
    if size > fft_length:
        raise ValueError(f"ops.{name}: fft_length={fft_length} must be at least sequence_length={size}")
    left = (fft_length - size) // 2
    if window is None:
        return np.ones(fft_length)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(f"ops.{name}: window={window!r}; wanted 'hann', 'hamming', None or {size} values")
        a = 0.5 if window == "hann" else 0.54
        w = a - (1 - a) * np.cos(2 * np.pi * np.arange(size) / size)
    else:
        w = np.asarray(window, "float64")
        if w.shape != (size,):
            raise ValueError(f"ops.{name}: a window of shape {w.shape} came, wanted ({size},)")
    return np.pad(w, (left, fft_length - size - left))


@op
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """(real, imaginary)[..., t, k]: the bins of window x at t sequence_stride; center reflects x at its ends"""
    x = floating(x)
    if not x.ndim:
        raise ValueError("ops.stft needs an axis of time, got a scalar")
    w = _window(window, sequence_length, fft_length, "stft")
    if center:
        side = fft_length // 2
        if side >= x.shape[-1]:
            raise ValueError(f"ops.stft: center=True reflects {side} values at each end, but x has {x.shape[-1]}: use center=False")
        order = np.pad(np.arange(x.shape[-1], dtype="int32"), side, mode="reflect")
        x = m.take(x, Tensor(order), axis=x.ndim - 1)
    frames = extract_sequences(x, fft_length, sequence_stride)
    return host.rfft(e.mul(frames, constant(w, x.dtype)))


def _overlap(frames, step):
    """y[..., t] = sum of frames[..., k, i] where k step + i = t"""
    *lead, count, size = frames.shape
    total = (count - 1) * step + size
    places = Tensor((np.arange(count)[:, None] * step + np.arange(size)).astype("int32"))
    return m.take_grad(frames, places, shape=(*lead, total), axis=len(lead))


@op
def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """y = the signal whose stft x = (real, imaginary) is, by overlapping windows and dividing by their squares"""
    re, im = _complex(x, "istft", 2)
    n, step = int(fft_length), int(sequence_stride)
    frames = host.irfft(_fitted(re, n // 2 + 1), _fitted(im, n // 2 + 1), n=n)
    w = _window(window, sequence_length, n, "istft")
    count = frames.shape[-2]
    weight = np.zeros((count - 1) * step + n)
    for k in range(count):
        weight[k * step:k * step + n] += w * w
    y = _overlap(e.mul(frames, constant(w, frames.dtype)), step)
    y = e.mul(y, constant(np.where(weight > 1e-11, 1 / np.maximum(weight, 1e-11), 1.0), frames.dtype))
    start = n // 2 if center else 0
    stop = start + int(length) if length is not None else y.shape[-1] - (n // 2 if center else 0)
    y = _fitted(y, max(stop, y.shape[-1]))
    return m.slice(y, start=(0,) * (y.ndim - 1) + (start,), stop=y.shape[:-1] + (stop,), step=(1,) * y.ndim)


# ---------------------------------------------------------------- functions
@op
def rsqrt(x):
    """y = 1 / sqrt(x)"""
    return e.rsqrt(floating(x))


@op
def erf(x):
    """y = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x"""
    return e.erf(floating(x))


@op
def erfc(x):
    """y = 1 - erf(x), exact where erf is near 1"""
    return host.erfc(floating(x))


@op
def erfinv(x):
    """y with erf(y) = x"""
    return host.erfinv(floating(x))


@op
def logdet(x):
    """y = log |determinant of x|"""
    x = floating(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"ops.logdet needs square matrices of shape (..., n, n), got shape {x.shape}")
    return host.logdet(x)


@op
def view_as_complex(x):
    """z = x[..., 0] + i x[..., 1]"""
    x = floating(x)
    if not x.ndim or x.shape[-1] != 2:
        raise ValueError(f"ops.view_as_complex: the last axis holds (real, imaginary) and so has size 2, got shape {x.shape}")
    part = lambda k: m.reshape(m.slice(x, start=(0,) * (x.ndim - 1) + (k,), stop=x.shape[:-1] + (k + 1,), step=(1,) * x.ndim),
                               shape=x.shape[:-1])
    return host.complex_of(part(0), part(1))


@op
def view_as_real(x):
    """y[..., 0] = real part, y[..., 1] = imaginary part of complex x"""
    x = convert_to_tensor(x)
    re, im = host.parts_of(x) if "complex" in x.dtype else (x, e.mul(x, 0))
    deeper = lambda t: m.reshape(t, shape=t.shape + (1,))
    return m.concat(deeper(re), deeper(im), axis=re.ndim)


__all__ = public(globals())
