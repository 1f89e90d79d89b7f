"""keras.ops.image: resizing, warping, cropping, colours, filters. Images are (height, width, channels) or a batch of them.

Integer images are computed in float32, then rounded and cut to their range.
"""
import itertools

import numpy as np

from .. import config
from ..core.tensor import Tensor
from ..core.tensor import convert_to_tensor as to_tensor
from ..errors import bad_argument, did_you_mean
from ..primitives import elementwise as e
from ..primitives import image as p
from ..primitives import movement as m
from . import arithmetic, core, linalg, reduction, shaping
from .conv import depthwise_conv
from .promotion import constant, public
from .symbolic import op

RESIZE = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
ORDERS = {"nearest": 0, "bilinear": 1}
METHODS = dict(linear="bilinear", bilinear="bilinear", trilinear="bilinear", cubic="bicubic", bicubic="bicubic", tricubic="bicubic",
               lanczos3="lanczos3", lanczos5="lanczos5")


# ---------------------------------------------------------------- what all of them check
def _one_of(name, value, known):
    if value not in known:
        raise ValueError(f"{name}={value!r} is not known.{did_you_mean(str(value), known)} It is one of "
                         f"{', '.join(map(repr, known))}")
    return value


def _format(data_format):
    return _one_of("data_format", data_format or config.image_data_format(), ("channels_last", "channels_first"))


def _images(x, ranks=(3, 4)):
    x = to_tensor(x)
    if x.ndim not in ranks:
        raise ValueError(f"images of shape {x.shape} came; wanted {' or '.join(map(str, ranks))} axes: one image or "
                         f"a batch of them. "
                         "Grey images need a channel axis: x[..., None]")
    return x


def _axes(data_format):
    """(height, width, channel) axes, counted from the end."""
    return (-3, -2, -1) if _format(data_format) == "channels_last" else (-2, -1, -3)


def _cut(x, axis, start, size):
    axis %= x.ndim
    if start == 0 and size == x.shape[axis]:
        return x
    one = lambda v, rest: tuple(v if k == axis else r for k, r in enumerate(rest))
    return m.slice(x, start=one(start, (0,) * x.ndim), stop=one(start + size, x.shape), step=(1,) * x.ndim)


def _padded(x, pads, value=0.0):
    """x with {axis: (before, after)} more."""
    pads = {a % x.ndim: ab for a, ab in pads.items()}
    if not any(any(ab) for ab in pads.values()):
        return x
    return m.pad(x, paddings=tuple(pads.get(k, (0, 0)) for k in range(x.ndim)), value=value)


def _back(y, dtype):
    """The result in the images' dtype: integers rounded and kept in range."""
    if y.dtype == dtype:
        return y
    return core.saturate_cast(arithmetic.round(y) if "int" in dtype else y, dtype)


def _batched(x, data_format):
    """(x as [b, h, w, c], the way back)"""
    single, last = x.ndim == 3, _format(data_format) == "channels_last"
    y = m.reshape(x, shape=(1,) + x.shape) if single else x
    y = y if last else m.transpose(y, axes=(0, 2, 3, 1))

    def back(y):
        y = y if last else m.transpose(y, axes=(0, 3, 1, 2))
        return m.reshape(y, shape=y.shape[1:]) if single else y
    return y, back


def _computed(x):
    return x if x.dtype in ("float32", "float64") else to_tensor(x, "float32")


# ---------------------------------------------------------------- resize
def _resampled(x, axis, size, method, scale, shift=0.0, antialias=True):
    w, at = p.band(x.shape[axis], size, method, float(scale), float(shift), bool(antialias))
    return p.resample(x, constant(w, x.dtype), Tensor(at), axis=axis % x.ndim)


@op
def resize(images, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False, pad_to_aspect_ratio=False,
           fill_mode="constant", fill_value=0.0, data_format=None):
    """y[i] = the image around (i + 1/2) n / size - 1/2: images of another height and width

    interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5"; antialias widens the kernel where the image
    shrinks. crop_to_aspect_ratio cuts the longer side first, pad_to_aspect_ratio fills up the shorter one with fill_value.

    >>> resize(np.arange(4.0).reshape(2, 2, 1), (2, 4)).numpy()[0, :, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    x = _images(images)
    _one_of("interpolation", interpolation, RESIZE)
    _one_of("fill_mode", fill_mode, ("constant",))
    if len(tuple(size)) != 2 or min(size) <= 0:
        raise bad_argument("size", size, "two positive numbers, (height, width)", "pass for example size=(224, 224)")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other: set one of them to False")
    height, width = int(size[0]), int(size[1])
    row, column, _ = _axes(data_format)
    h, w = x.shape[row], x.shape[column]
    if crop_to_aspect_ratio:
        ch, cw = max(min(h, int(w * height / width)), 1), max(min(w, int(h * width / height)), 1)
        x = _cut(_cut(x, row, (h - ch) // 2, ch), column, (w - cw) // 2, cw)
    elif pad_to_aspect_ratio:
        ph, pw = (max(h, int(w * height / width)) - h) // 2, (max(w, int(h * width / height)) - w) // 2
        x = _padded(x, {row: (ph, ph), column: (pw, pw)}, fill_value)
    h, w = x.shape[row], x.shape[column]
    if interpolation == "nearest":
        for axis, n, new in ((row, h, height), (column, w, width)):
            x = x if n == new else m.take(x, Tensor(p.nearest(n, new, new / n)), axis=axis % x.ndim)
        return x
    y = _computed(x)
    for axis, n, new in ((row, h, height), (column, w, width)):
        y = y if n == new else _resampled(y, axis, new, interpolation, new / n, antialias=antialias)
    return _back(y, x.dtype)


@op
def scale_and_translate(images, output_shape, scale, translation, spatial_dims, method, antialias=True):
    """y[i] = x around (i + 1/2 - translation) / scale - 1/2 along every axis of spatial_dims; 0 outside

    scale and translation hold one number for each of spatial_dims; they are constants here: gradients reach the images.
    """
    x = to_tensor(images)
    _one_of("method", method, tuple(METHODS))
    scale, translation = (core.convert_to_numpy(v).reshape(-1) for v in (scale, translation))
    if len(output_shape) != x.ndim or not len(scale) == len(translation) == len(spatial_dims):
        raise ValueError(f"scale_and_translate: output_shape {tuple(output_shape)} for images of shape {x.shape}, "
                         f"{len(scale)} scales and "
                         f"{len(translation)} translations for spatial_dims={tuple(spatial_dims)}: wanted one size "
                         f"an axis, one scale and "
                         "one translation for each of spatial_dims")
    y = _computed(x)
    for axis, s, t in zip(spatial_dims, scale, translation):
        y = _resampled(y, axis, int(output_shape[axis]), METHODS[method], s, t, antialias)
    return _back(y, x.dtype)


# ---------------------------------------------------------------- warps
def _warped(x, matrix, interpolation, fill_mode, fill_value, data_format):
    y, back = _batched(_computed(x), data_format)
    matrix = to_tensor(matrix, y.dtype)
    matrix = m.reshape(matrix, shape=(1, 8)) if matrix.ndim == 1 else matrix
    if matrix.shape[0] not in (1, y.shape[0]) or matrix.shape[1:] != (8,):
        raise ValueError(f"{y.shape[0]} images need transforms of shape ({y.shape[0]}, 8) or (8,), got {matrix.shape}")
    return _back(back(p.warp(y, matrix, order=ORDERS[interpolation], mode=fill_mode, fill=float(fill_value))), x.dtype)


@op
def affine_transform(images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None):
    """y[row, col] = x at row' = (b0 col + b1 row + b2) / k, col' = (a0 col + a1 row + a2) / k, k = c0 col + c1 row + 1

    transform: (a0, a1, a2, b0, b1, b2, c0, c1), shape (8,) or (batch, 8). fill_mode, beyond the edge: "constant" is
    fill_value, "nearest" the edge pixel, "wrap" the other side, "reflect" b a | a b, "mirror" c b | a b. Gradients reach the images.

    >>> affine_transform(np.eye(2)[..., None], [0, 1, 0, 1, 0, 0, 0, 0]).numpy()[..., 0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    x = _images(images)
    _one_of("interpolation", interpolation, tuple(ORDERS))
    _one_of("fill_mode", fill_mode, p.EDGES)
    return _warped(x, transform, interpolation, fill_mode, fill_value, data_format)


def homography(start_points, end_points):
    """(batch, 8): the projective map that sends each end point to its start point; points are (x, y)."""
    s, t = to_tensor(start_points, "float32"), to_tensor(end_points, "float32")
    for name, v in (("start_points", s), ("end_points", t)):
        if v.ndim not in (2, 3) or v.shape[-2:] != (4, 2) or s.shape != t.shape:
            raise ValueError(f"{name} has shape {v.shape} (start {s.shape}, end {t.shape}); wanted four (x, y) for "
                             f"each image: (4, 2) or (batch, 4, 2)")
    s, t = (m.reshape(v, shape=(-1 if v.ndim == 2 else v.shape[0], 4, 2)) if v.ndim == 3 else m.reshape(v, shape=(1, 4, 2)) for v in (s, t))
    x, y, u, v = s[..., 0], s[..., 1], t[..., 0], t[..., 1]
    one, nil = e.add(e.mul(u, 0.0), 1.0), e.mul(u, 0.0)
    rows = [shaping.stack([u, v, one, nil, nil, nil, -x * u, -x * v], axis=-1),
            shaping.stack([nil, nil, nil, u, v, one, -y * u, -y * v], axis=-1)]
    right = shaping.concatenate([x, y], axis=-1)
    return linalg.solve(shaping.concatenate(rows, axis=1), right[..., None])[..., 0]


@op
def perspective_transform(images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None):
    """y = the images seen so that start_points (four (x, y) each) come to lie at end_points; fill_value where nothing is seen"""
    x = _images(images)
    _one_of("interpolation", interpolation, tuple(ORDERS))
    return _warped(x, homography(start_points, end_points), interpolation, "constant", fill_value, data_format)


def _edge(k, n, mode):
    """As primitives.image.edge, on a traced tensor of whole numbers."""
    if mode in ("constant", "nearest") or n == 1:
        out = None if mode != "constant" else arithmetic.logical_or(e.less(k, 0), e.greater_equal(k, n))
        return e.minimum(e.maximum(k, 0), n - 1), out
    period = n if mode == "wrap" else 2 * n - 2 if mode == "mirror" else 2 * n
    k = arithmetic.mod(k, period)
    return e.where(e.less(k, n), k, e.sub(period - (mode == "reflect"), k)), None


def _sampled(flat, shape, coordinates, order, mode, fill, base=0):
    """flat[base + index] (and what follows that axis) between the grid points around the coordinates."""
    near = []
    for c, n in zip(coordinates, shape):
        if "int" in c.dtype:
            near.append([(*_edge(to_tensor(c, "int32"), n, mode), None)])
        elif order == 0:
            k = e.mul(e.sign(c), e.floor(e.add(arithmetic.absolute(c), 0.5)))
            near.append([(*_edge(to_tensor(k, "int32"), n, mode), None)])
        else:
            low = e.floor(c)
            t, k = e.sub(c, low), to_tensor(low, "int32")
            near.append([(*_edge(k, n, mode), e.sub(1.0, t)), (*_edge(e.add(k, 1), n, mode), t)])
    y = None
    for corner in itertools.product(*near):
        index, weight, outside = base, None, None
        for (k, out, w), n in zip(corner, shape):
            index = e.add(e.mul(index, n), k) if isinstance(index, Tensor) or index else k
            weight = w if weight is None else weight if w is None else e.mul(weight, w)
            outside = out if outside is None else outside if out is None else arithmetic.logical_or(outside, out)
        part = m.take(flat, index, axis=0)
        more = lambda v: m.reshape(v, shape=v.shape + (1,) * (part.ndim - v.ndim))
        if outside is not None:
            part = e.where(more(outside), to_tensor(fill, part.dtype), part)
        part = part if weight is None else e.mul(part, more(weight))
        y = part if y is None else e.add(y, part)
    return y


@op
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """y[p] = inputs at coordinates[:, p], between grid points (order 1) or at the nearest one (order 0)

    coordinates: one row of positions for each axis of inputs. Gradients reach inputs and, for order 1, coordinates.

    >>> map_coordinates([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [0.5, 0.0]], order=1).numpy().tolist()
    [1.5, 2.0]
    """
    x, at = to_tensor(inputs), to_tensor(coordinates)
    _one_of("fill_mode", fill_mode, p.EDGES)
    if order not in (0, 1):
        raise bad_argument("order", order, "0 (nearest point) or 1 (linear)", "use order=1")
    if at.ndim < 2 or at.shape[0] != x.ndim:
        raise ValueError(f"coordinates of shape {at.shape} came; inputs of shape {x.shape} want ({x.ndim}, ...): one "
                         f"row an axis")
    rows = [m.reshape(_cut(at, 0, k, 1), shape=at.shape[1:]) for k in range(x.ndim)]
    y = _sampled(m.reshape(_computed(x), shape=(x.size,)), x.shape, rows, order, fill_mode, fill_value)
    return _back(y, x.dtype)


def elastic(x, alpha, sigma, size, interpolation, fill_mode, fill_value, seed, data_format):
    """elastic_transform with the blur's width in pixels given, so that alpha and sigma may be traced tensors."""
    from ..random import normal
    y, back = _batched(_computed(x), data_format)
    b, h, w, c = y.shape
    alpha, sigma, shifts = to_tensor(alpha, y.dtype), to_tensor(sigma, y.dtype), []
    for axis in (1, 2):
        noise = to_tensor(normal((b, h, w, 1), seed=seed), y.dtype)
        bell = _bell(size, sigma, y.dtype)
        noise = _blurred(_blurred(noise, 1, bell), 2, bell)
        line = constant(np.arange(h)[:, None] if axis == 1 else np.arange(w), y.dtype)
        shifts.append(e.add(e.mul(m.reshape(noise, shape=(b, h, w)), e.mul(alpha, sigma)), line))
    base = Tensor(np.broadcast_to(np.arange(b, dtype="int32")[:, None, None], (b, h, w)).copy())
    moved = _sampled(m.reshape(y, shape=(b * h * w, c)), (h, w), shifts, ORDERS[interpolation], fill_mode, fill_value, base)
    return _back(back(moved), x.dtype)


@op
def elastic_transform(images, alpha=20.0, sigma=5.0, interpolation="bilinear", fill_mode="reflect", fill_value=0.0, seed=None,
                      data_format=None):
    """y[row, col] = x at (row + alpha d1, col + alpha d2), d1 and d2 independent noise of sigma N(0, 1), blurred by sigma"""
    x = _images(images)
    _one_of("interpolation", interpolation, tuple(ORDERS))
    _one_of("fill_mode", fill_mode, p.EDGES)
    return elastic(x, alpha, sigma, int(6 * sigma) | 1, interpolation, fill_mode, fill_value, seed, data_format)


# ---------------------------------------------------------------- borders
def _two_of_three(kind, first, last, size, n, names):
    """The border before and after, from two of: before, after, the size that results."""
    if [first, last, size].count(None) != 1:
        raise ValueError(f"{kind}: exactly two of {', '.join(names)} must be given, got {first}, {last}, {size}")
    sign = 1 if kind == "pad_images" else -1
    first = sign * (size - n) - last if first is None else first
    last = sign * (size - n) - first if last is None else last
    if first < 0 or last < 0 or n + sign * (first + last) < 0:
        raise ValueError(f"{kind}: {names[0]}={first} and {names[1]}={last} for {n} pixels; neither may be negative, "
                         f"nor what remains")
    return first, last


@op
def pad_images(images, top_padding=None, left_padding=None, bottom_padding=None, right_padding=None, target_height=None,
               target_width=None, data_format=None):
    """y = the images with zeros around them; of top, bottom and target_height (left, right, target_width) give two"""
    x = _images(images)
    row, column, _ = _axes(data_format)
    return _padded(x, {
        row: _two_of_three("pad_images", top_padding, bottom_padding, target_height, x.shape[row],
                           ("top_padding", "bottom_padding", "target_height")),
        column: _two_of_three("pad_images", left_padding, right_padding, target_width, x.shape[column],
                              ("left_padding", "right_padding", "target_width"))})


@op
def crop_images(images, top_cropping=None, left_cropping=None, bottom_cropping=None, right_cropping=None, target_height=None,
                target_width=None, data_format=None):
    """y = the images without their border; of top, bottom and target_height (left, right, target_width) give two"""
    x = _images(images)
    row, column, _ = _axes(data_format)
    h, w = x.shape[row], x.shape[column]
    t, b = _two_of_three("crop_images", top_cropping, bottom_cropping, target_height, h,
                         ("top_cropping", "bottom_cropping", "target_height"))
    l, r = _two_of_three("crop_images", left_cropping, right_cropping, target_width, w,
                         ("left_cropping", "right_cropping", "target_width"))
    return _cut(_cut(x, row, t, h - t - b), column, l, w - l - r)


# ---------------------------------------------------------------- patches
def _patches(x, size, strides, dilation_rate, padding, data_format, rank):
    each = lambda v: (v,) * rank if isinstance(v, int) else tuple(v)
    size, dilation = each(size), each(dilation_rate)
    strides = size if not strides else each(strides)
    if not len(size) == len(strides) == len(dilation) == rank:
        raise ValueError(f"size={size}, strides={strides}, dilation_rate={dilation}: wanted an int or {rank} of them")
    _one_of("padding", padding, ("valid", "same"))
    x = to_tensor(x)
    if x.ndim not in (rank + 1, rank + 2):
        raise ValueError(f"an input of shape {x.shape} came; wanted {rank} spatial axes and the channels, with or "
                         f"without a batch axis")
    last = _format(data_format) == "channels_last"
    first, channel = (x.ndim - rank - 1, -1) if last else (x.ndim - rank, x.ndim - rank - 1)
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    if padding == "same":
        more = [max((-(-n // s) - 1) * s + span - n, 0) for n, s, span in zip(x.shape[first:], strides, spans)]
        x = _padded(x, {first + k: (v // 2, v - v // 2) for k, v in enumerate(more)})
    counts = [(n - span) // s + 1 for n, s, span in zip(x.shape[first:], strides, spans)]
    if min(counts) < 1:
        raise ValueError(f"patches of size {size} (dilation {dilation}) do not fit into an input of shape {x.shape}")
    parts = []
    for at in itertools.product(*map(range, size)):
        start, stop, step = [0] * x.ndim, list(x.shape), [1] * x.ndim
        for k, (t, d, s, count) in enumerate(zip(at, dilation, strides, counts)):
            start[first + k], step[first + k] = t * d, s
            stop[first + k] = t * d + (count - 1) * s + 1
        parts.append(m.slice(x, start=tuple(start), stop=tuple(stop), step=tuple(step)))
    return shaping.concatenate(parts, axis=channel)


@op
def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """y[.., i, j] = the pixels of the patch that starts at (i, j) * strides, one after the other along the channel axis

    size: an int or (height, width); three sizes take patches of volumes. strides: size unless told.
    """
    if not isinstance(size, int) and len(size) == 3:
        return _patches(images, size, strides, dilation_rate, padding, data_format, 3)
    return _patches(images, size, strides, dilation_rate, padding, data_format, 2)


@op
def extract_patches_3d(volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """extract_patches of volumes (depth, height, width, channels)"""
    return _patches(volumes, size, strides, dilation_rate, padding, data_format, 3)


# ---------------------------------------------------------------- colours
def _planes(x, data_format, what):
    axis = _axes(data_format)[2]
    if not x.dtype.startswith("float"):
        raise TypeError(f"{what} wants float images, got dtype {x.dtype}: cast and scale them first, x / 255.0")
    if x.shape[axis] != 3:
        raise ValueError(f"{what} wants 3 channels, got images of shape {x.shape}: is "
                         f"data_format={_format(data_format)!r} right?")
    return [m.reshape(_cut(x, axis, k, 1), shape=tuple(np.delete(x.shape, axis))) for k in range(3)], axis


@op
def rgb_to_grayscale(images, data_format=None):
    """y = 0.2989 red + 0.587 green + 0.114 blue; images of one channel stay as they are"""
    x = _images(images)
    axis = _axes(data_format)[2]
    if x.shape[axis] == 1:
        return x
    if x.shape[axis] != 3:
        raise ValueError(f"rgb_to_grayscale wants 3 channels (or 1), got images of shape {x.shape}: is "
                         f"data_format={_format(data_format)!r} right?")
    y = _computed(x)
    shape = [1] * x.ndim
    shape[axis] = 3
    y = reduction.sum(e.mul(y, constant(np.reshape([0.2989, 0.5870, 0.1140], shape), y.dtype)), axis=axis, keepdims=True)
    return to_tensor(y, x.dtype)


@op
def rgb_to_hsv(images, data_format=None):
    """(hue, saturation, value) = (angle of the colour / 360 degrees, 1 - min / max, max) of red, green, blue in [0, 1]"""
    x = _images(images)
    eps = float(np.finfo(x.dtype).eps) if x.dtype.startswith("float") else 0
    (r, g, b), axis = _planes(x, data_format, "rgb_to_hsv")
    r, g, b = (e.where(e.less(arithmetic.absolute(v), eps), e.mul(v, 0.0), v) for v in (r, g, b))
    top = e.maximum(e.maximum(r, g), b)
    span = e.sub(top, e.minimum(e.minimum(r, g), b))
    lit, coloured, nil = e.greater(top, 0.0), e.greater(span, 0.0), e.mul(top, 0.0)
    saturation = e.where(lit, e.div(span, e.where(lit, top, e.add(nil, 1.0))), nil)
    norm = e.div(1.0 / 6.0, e.where(coloured, span, e.add(nil, 1.0)))
    hue = e.where(e.equal(top, g), norm * (b - r) + 2.0 / 6.0, norm * (r - g) + 4.0 / 6.0)
    hue = e.where(e.equal(top, r), norm * (g - b), hue)
    hue = e.where(coloured, hue, nil)
    hue = e.where(e.less(hue, 0.0), hue + 1.0, hue)
    return shaping.stack([hue, saturation, top], axis=axis)


@op
def hsv_to_rgb(images, data_format=None):
    """(red, green, blue) = value (1 - saturation (1 - pure colour of the hue)), the inverse of rgb_to_hsv"""
    (hue, s, v), axis = _planes(_images(images), data_format, "hsv_to_rgb")
    hue = arithmetic.mod(hue, 1.0) * 6.0
    cut = lambda t: e.minimum(e.maximum(t, 0.0), 1.0)
    pure = [cut(arithmetic.absolute(hue - 3.0) - 1.0), cut(2.0 - arithmetic.absolute(hue - 2.0)), cut(2.0 - arithmetic.absolute(hue - 4.0))]
    return shaping.stack([v * ((1.0 - s) + s * d) for d in pure], axis=axis)


# ---------------------------------------------------------------- filters
def _blurred(x, axis, bell):
    """x [b, h, w, c] convolved with these weights along one axis, zeros beyond the edge; bell is a constant, it may be traced."""
    n, size = x.shape[axis], bell.shape[0]
    k = min(n, size)
    first = np.arange(n) - (size - 1) // 2
    at = np.clip(first, 0, n - k)
    which = at[:, None] + np.arange(k) - first[:, None]
    which = np.where((which >= 0) & (which < size), which, size)                # the last weight is 0
    w = m.take(shaping.concatenate([bell, constant([0.0], bell.dtype)]), Tensor(which.astype("int32")), axis=0)
    return p.resample(x, w, Tensor(at.astype("int32")), axis=axis)


def _bell(size, sigma, dtype):
    """Gaussian weights at -(size - 1) / 2 ... (size - 1) / 2 that add up to 1."""
    at = e.div(constant(np.arange(size) - (size - 1) / 2, dtype), to_tensor(sigma, dtype))
    w = e.exp(e.mul(e.square(at), -0.5))
    return e.div(w, reduction.sum(w))


@op
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """y = x convolved with a Gaussian of kernel_size = (width, height) and sigma = (along x, along y), zeros beyond the edge"""
    x = _images(images)
    y, back = _batched(_computed(x), data_format)
    sx, sy = (sigma[0], sigma[1])
    y = _blurred(_blurred(y, 1, _bell(int(kernel_size[1]), sy, y.dtype)), 2, _bell(int(kernel_size[0]), sx, y.dtype))
    return _back(back(y), x.dtype)


@op
def sobel_edges(images, data_format=None):
    """y[..., 0] = how the images change from row to row, y[..., 1] = from column to column (Sobel's filters, zeros beyond the edge)"""
    x = _images(images, (4,))
    y, back = _batched(x, data_format)
    smooth, slope = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    make = lambda a, b: back(_blurred(_blurred(y, 1, constant(a, y.dtype)), 2, constant(b, y.dtype)))
    return shaping.stack([make(slope, smooth), make(smooth, slope)], axis=-1)


@op
def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """The structural similarity of two images (Wang et al. 2004), 1 where they are equal; one number an image"""
    a, b = _images(image1), _images(image2)
    single, dtype = a.ndim == 3, a.dtype
    a, b = (_batched(_computed(v), data_format)[0] for v in (a, b))
    bell = _bell(filter_size, filter_sigma, a.dtype)
    shape = (a.shape[-1], 1)

    def blur(x):
        for s in ((filter_size, 1), (1, filter_size)):
            x = depthwise_conv(x, m.broadcast_to(m.reshape(bell, shape=s + (1, 1)), shape=s + shape), data_format="channels_last")
        return x

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    ma, mb = blur(a), blur(b)
    va, vb, vab = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    y = ((2.0 * ma * mb + c1) * (2.0 * vab + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    y = reduction.mean(y, axis=(1, 2, 3))
    return to_tensor(m.reshape(y, shape=()) if single else y, dtype)


__all__ = [name for name in public(globals()) if name not in ("homography", "elastic")]
