"""Other shapes, other places: the values stay what they are."""
import math
import operator

import numpy as np

from ..core.tensor import Tensor, convert_to_tensor
from ..primitives import elementwise as e
from ..primitives import more
from ..primitives import movement as m
from .promotion import as_shape, axes_of, constant, filled, one_axis, promote, public
from .symbolic import op


def _shaped(x, shape):
    return x if tuple(shape) == x.shape else m.reshape(x, shape=tuple(shape))


def _ordered(x, axes):
    return x if tuple(axes) == tuple(range(x.ndim)) else m.transpose(x, axes=tuple(axes))


def _cut(x, axis, start, stop, step=1):
    """x[start:stop:step] along one axis."""
    if (start, stop, step) == (0, x.shape[axis], 1):
        return x
    own = lambda k, here, other: tuple(here if j == axis else o for j, o in enumerate(other))
    return m.slice(x, start=own(axis, start, (0,) * x.ndim), stop=own(axis, stop, x.shape), step=own(axis, step, (1,) * x.ndim))


# ---------------------------------------------------------------- shape
@op
def reshape(x, newshape):
    """y = x in another shape; one size may be -1 (or None): what is left"""
    x = convert_to_tensor(x)
    raw = newshape.numpy().tolist() if isinstance(newshape, Tensor) else newshape
    raw = list(raw) if isinstance(raw, (tuple, list, np.ndarray)) else [raw]
    sizes = list(as_shape([-1 if s is None else s for s in raw]))
    known = math.prod(s for s in sizes if s != -1)
    if sizes.count(-1) > 1:
        raise ValueError(f"reshape to {tuple(sizes)}: only one size can be -1")
    if -1 in sizes:
        if not known or x.size % known:
            raise ValueError(f"cannot reshape {x.shape} ({x.size} values) to {tuple(sizes)}: {x.size} is not a multiple of {known}")
        sizes[sizes.index(-1)] = x.size // known
    return _shaped(x, sizes)


@op
def ravel(x):
    """y = the values of x in one row"""
    x = convert_to_tensor(x)
    return _shaped(x, (x.size,))


@op
def expand_dims(x, axis):
    """y = x with an axis of size 1 at `axis` of the result"""
    x = convert_to_tensor(x)
    axis = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = axes_of(axis, x.ndim + len(axis))
    sizes = iter(x.shape)
    return _shaped(x, [1 if k in axes else next(sizes) for k in range(x.ndim + len(axis))])


@op
def squeeze(x, axis=None):
    """y = x without its axes of size 1 (or without the named ones)"""
    x = convert_to_tensor(x)
    axes = [k for k, d in enumerate(x.shape) if d == 1] if axis is None else axes_of(axis, x.ndim)
    for k in axes:
        if x.shape[k] != 1:
            raise ValueError(f"squeeze: axis {k} of shape {x.shape} has size {x.shape[k]}; only axes of size 1 can go")
    return _shaped(x, [d for k, d in enumerate(x.shape) if k not in axes])


@op
def transpose(x, axes=None):
    """y[i_axes[0], i_axes[1], ...] = x[i_0, i_1, ...]; without axes, all of them reversed"""
    x = convert_to_tensor(x)
    axes = tuple(range(x.ndim))[::-1] if axes is None else tuple(one_axis(a, x.ndim, "transpose: axis") for a in axes)
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes={axes} must name each of the {x.ndim} axes of shape {x.shape} once")
    return _ordered(x, axes)


@op
def moveaxis(x, source, destination):
    """y = x with axis `source` at `destination`, the others in their order"""
    x = convert_to_tensor(x)
    source, destination = ([one_axis(a, x.ndim) for a in (s if isinstance(s, (tuple, list)) else (s,))] for s in (source, destination))
    if len(set(source)) != len(set(destination)) or len(set(source)) != len(source):
        raise ValueError(f"moveaxis: source {source} and destination {destination} must name equally many different axes")
    axes = [k for k in range(x.ndim) if k not in source]
    for d, s in sorted(zip(destination, source)):
        axes.insert(d, s)
    return _ordered(x, axes)


@op
def swapaxes(x, axis1, axis2):
    """y = x with two axes in each other's place"""
    x = convert_to_tensor(x)
    a, b = one_axis(axis1, x.ndim, "axis1"), one_axis(axis2, x.ndim, "axis2")
    axes = list(range(x.ndim))
    axes[a], axes[b] = b, a
    return _ordered(x, axes)


@op
def broadcast_to(x, shape):
    """y = x repeated along its axes of size 1, and along new axes at the front"""
    x, shape = convert_to_tensor(x), as_shape(shape)
    fits = len(shape) >= x.ndim and all(a in (1, b) for a, b in zip(x.shape[::-1], shape[::-1]))
    if not fits:
        raise ValueError(f"cannot broadcast shape {x.shape} to {shape}: aligned at the right, each size must be 1 or equal")
    return x if x.shape == shape else m.broadcast_to(x, shape=shape)


def ndim(x):
    """n = how many axes x has, as an int"""
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


@op
def size(x):
    """n = how many values x has"""
    return constant(convert_to_tensor(x).size, "int32")


# ---------------------------------------------------------------- joining and cutting
@op
def concatenate(xs, axis=0):
    """y = the xs one after the other along axis"""
    xs = promote(*xs)
    axis = one_axis(axis, xs[0].ndim)
    return m.concat(*xs, axis=axis) if len(xs) > 1 else xs[0]


@op
def append(x1, x2, axis=None):
    """y = x1, then x2, along axis; without an axis, both in one row"""
    return concatenate([ravel(x1), ravel(x2)] if axis is None else [x1, x2], 0 if axis is None else axis)


@op
def stack(x, axis=0):
    """y = the xs along a new axis"""
    xs = promote(*x)
    for t in xs:
        if t.shape != xs[0].shape:
            raise ValueError(f"stack needs tensors of one shape, got {', '.join(str(t.shape) for t in xs)}")
    axis = one_axis(axis, xs[0].ndim + 1)
    xs = [_shaped(t, t.shape[:axis] + (1,) + t.shape[axis:]) for t in xs]
    return m.concat(*xs, axis=axis) if len(xs) > 1 else xs[0]


def _at_least(n, x):
    """x with n axes: a row lies along the second but one of three, as NumPy has it."""
    x = convert_to_tensor(x)
    shape = x.shape or (1,)
    if len(shape) < n:
        shape = (1,) + shape if len(shape) == 1 else shape
        shape += (1,) * (n - len(shape))
    return _shaped(x, shape)


@op
def hstack(xs):
    """y = the xs side by side: along axis 1, rows along axis 0"""
    xs = [_at_least(1, x) for x in xs]
    return concatenate(xs, 0 if xs[0].ndim == 1 else 1)


@op
def vstack(xs):
    """y = the xs on top of each other, along axis 0"""
    return concatenate([_at_least(2, x) for x in xs], 0)


@op
def dstack(xs):
    """y = the xs behind each other, along axis 2"""
    return concatenate([_at_least(3, x) for x in xs], 2)


def _sections(x, indices_or_sections, axis, even):
    n = x.shape[axis]
    if isinstance(indices_or_sections, (list, tuple, np.ndarray)) or getattr(indices_or_sections, "ndim", 0):
        return [0, *np.clip(as_shape(indices_or_sections), -n, n).tolist(), n]
    parts = operator.index(indices_or_sections)
    if parts < 1 or (even and n % parts):
        raise ValueError(f"split: axis {axis} of size {n} cannot be cut into {parts} equal parts; "
                         "give a divisor, or the list of the indices at which to cut")
    size, extra = divmod(n, parts)
    return [k * size + min(k, extra) for k in range(parts + 1)]


def _split(x, indices_or_sections, axis, even=True):
    x = convert_to_tensor(x)
    axis = one_axis(axis, x.ndim)
    at = _sections(x, indices_or_sections, axis, even)
    inside = [a % x.shape[axis] if a < 0 else a for a in at]
    return [_cut(x, axis, a, max(a, b)) for a, b in zip(inside, inside[1:])]


@op
def split(x, indices_or_sections, axis=0):
    """y_0, y_1, ... = x cut along axis into equal parts, or before the given indices"""
    return _split(x, indices_or_sections, axis)


@op
def array_split(x, indices_or_sections, axis=0):
    """y_0, y_1, ... = x cut along axis; the first parts are one longer where it does not divide"""
    return _split(x, indices_or_sections, axis, even=False)


@op
def hsplit(x, indices_or_sections):
    """split along axis 1 (a row: along axis 0)"""
    return _split(x, indices_or_sections, 0 if ndim(x) == 1 else 1)


@op
def vsplit(x, indices_or_sections):
    """split along axis 0"""
    return _split(x, indices_or_sections, 0)


@op
def dsplit(x, indices_or_sections):
    """split along axis 2"""
    return _split(x, indices_or_sections, 2)


# ---------------------------------------------------------------- repeating and turning
@op
def tile(x, repeats):
    """y = x laid side by side, repeats[k] times along axis k"""
    x, repeats = convert_to_tensor(x), as_shape(repeats)
    rank = max(x.ndim, len(repeats))
    shape, repeats = (1,) * (rank - x.ndim) + x.shape, (1,) * (rank - len(repeats)) + repeats
    if all(r == 1 for r in repeats):
        return _shaped(x, shape)
    split = sum(((1, d) for d in shape), ())
    wide = sum(((r, d) for r, d in zip(repeats, shape)), ())
    return _shaped(m.broadcast_to(_shaped(x, split), shape=wide), [r * d for r, d in zip(repeats, shape)])


@op
def repeat(x, repeats, axis=None):
    """y = every element of x (slice along axis) `repeats` times in a row; repeats may differ from element to element"""
    x = convert_to_tensor(x)
    x, axis = (_shaped(x, (x.size,)), 0) if axis is None else (x, one_axis(axis, x.ndim))
    counts = as_shape(repeats)
    if len(counts) == 1:
        k = counts[0]
        wide = m.broadcast_to(_shaped(x, x.shape[:axis + 1] + (1,) + x.shape[axis + 1:]),
                              shape=x.shape[:axis + 1] + (k,) + x.shape[axis + 1:])
        return _shaped(wide, x.shape[:axis] + (x.shape[axis] * k,) + x.shape[axis + 1:])
    if len(counts) != x.shape[axis]:
        raise ValueError(f"repeat: {len(counts)} counts for axis {axis} of size {x.shape[axis]}; give one count, or one for each element")
    return m.take(x, constant(np.repeat(np.arange(len(counts)), counts), "int32"), axis=axis)


@op
def roll(x, shift, axis=None):
    """y[(i + shift) mod n] = x[i] along axis; without an axis, over all values in a row"""
    x = convert_to_tensor(x)
    if axis is None:
        total = sum(as_shape(shift))
        return _shaped(roll(_shaped(x, (x.size,)), total, 0), x.shape)
    shifts, axes = as_shape(shift), as_shape(axis)
    if len(shifts) != len(axes):
        shifts, axes = (np.broadcast_to(v, max(len(shifts), len(axes))).tolist() for v in (shifts, axes))
    for s, a in zip(shifts, axes):
        a = one_axis(a, x.ndim)
        n = x.shape[a]
        if n and s % n:
            x = m.concat(_cut(x, a, n - s % n, n), _cut(x, a, 0, n - s % n), axis=a)
    return x


@op
def flip(x, axis=None):
    """y[i] = x[n - 1 - i] along axis, along all of them without one"""
    x = convert_to_tensor(x)
    axes = axes_of(axis, x.ndim)
    return m.flip(x, axes=tuple(range(x.ndim)) if axes is None else axes)


@op
def fliplr(x):
    """y[i, j] = x[i, n - 1 - j]"""
    return flip(x, 1)


@op
def flipud(x):
    """y[i, j] = x[n - 1 - i, j]"""
    return flip(x, 0)


@op
def rot90(array, k=1, axes=(0, 1)):
    """y = the array turned k times by 90 degrees in the plane of axes, from the first towards the second"""
    x = convert_to_tensor(array)
    if x.ndim < 2 or len(axes) != 2:
        raise ValueError(f"rot90 turns in a plane of two axes: got shape {x.shape} and axes={axes}")
    a, b = (one_axis(v, x.ndim) for v in axes)
    if a == b:
        raise ValueError(f"rot90: axes={axes} must be two different axes")
    if k % 4 in (0, 2):
        return x if k % 4 == 0 else m.flip(x, axes=tuple(sorted((a, b))))
    return flip(swapaxes(x, a, b), a) if k % 4 == 1 else swapaxes(flip(x, a), a, b)


@op
def pad(x, pad_width, mode="constant", constant_values=None):
    """y = x with pad_width[k] = (before, after) more along axis k: a constant, or x again ("reflect", "symmetric", "edge", "wrap")"""
    x = convert_to_tensor(x)
    width = np.asarray(pad_width.numpy() if isinstance(pad_width, Tensor) else pad_width)
    try:
        width = np.broadcast_to(width, (x.ndim, 2)).tolist()
    except ValueError:
        raise ValueError(f"pad_width={pad_width} does not give a (before, after) pair for each of the {x.ndim} axes of shape "
                         f"{x.shape}") from None
    if mode == "constant":
        if constant_values is None or np.ndim(constant_values) == 0 and not isinstance(constant_values, Tensor):
            value = 0 if constant_values is None else constant_values
            return m.pad(x, paddings=tuple(map(tuple, width)), value=value) if np.any(width) else x
        value = convert_to_tensor(constant_values, x.dtype)
        inside = m.pad(filled(x.shape, True, "bool"), paddings=tuple(map(tuple, width)), value=False)
        return e.where(inside, m.pad(x, paddings=tuple(map(tuple, width)), value=0), value)
    if constant_values is not None:
        raise ValueError(f"constant_values goes with mode='constant', got mode={mode!r}")
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise ValueError(f"unknown padding mode {mode!r}; known: constant, reflect, symmetric, edge, wrap")
    for axis, (before, after) in enumerate(width):
        if before or after:
            x = m.take(x, constant(np.pad(np.arange(x.shape[axis]), (before, after), mode), "int32"), axis=axis)
    return x


# ---------------------------------------------------------------- diagonals
def _diagonal_of(n, k, offset):
    """Flat indices of the diagonal of an n x k matrix."""
    return np.ravel_multi_index(np.nonzero(np.eye(n, k, offset)), (n, k))


@op
def diagonal(x, offset=0, axis1=0, axis2=1):
    """y[..., i] = x[..., i, i + offset] over the plane of axis1 and axis2"""
    x = convert_to_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"a diagonal needs two axes, got shape {x.shape}; diag builds a matrix from a row")
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    n, k = x.shape[-2:]
    return m.take(_shaped(x, x.shape[:-2] + (n * k,)), constant(_diagonal_of(n, k, offset), "int32"), axis=x.ndim - 2)


@op
def diag(x, k=0):
    """y[i, i + k] = x[i] for a row; y[i] = x[i, i + k] for a matrix"""
    x = convert_to_tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag takes a row or a matrix, got shape {x.shape}; diagonal takes more axes")
    n = x.size + abs(k)
    where = constant(_diagonal_of(n, n, k), "int32")
    return _shaped(m.take_grad(x, where, shape=(n * n,), axis=0), (n, n))


@op
def diagflat(x, k=0):
    """y[i, i + k] = the i-th value of x"""
    return diag(ravel(x), k)


def _triangle(x, mask):
    x = convert_to_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"a triangle needs a matrix, got shape {x.shape}")
    return e.where(constant(mask(*x.shape[-2:]), "bool"), x, filled((), 0, x.dtype))


@op
def tril(x, k=0):
    """y[i, j] = x[i, j] where j <= i + k, elsewhere 0"""
    return _triangle(x, lambda n, c: np.tri(n, c, k))


@op
def triu(x, k=0):
    """y[i, j] = x[i, j] where j >= i + k, elsewhere 0"""
    return _triangle(x, lambda n, c: 1 - np.tri(n, c, k - 1))


# ---------------------------------------------------------------- by index
def _index(x):
    x = convert_to_tensor(x)
    if "int" not in x.dtype and x.dtype != "bool":
        raise TypeError(f"indices must be whole numbers, got dtype {x.dtype}: cast them with ops.cast(x, 'int32')")
    return convert_to_tensor(x, "int32") if x.dtype != "int32" else x


@op
def take(x, indices, axis=None):
    """y = x[..., indices, ...] along axis; without an axis, from all values in a row. Negative indices count from the end"""
    x = convert_to_tensor(x)
    x, axis = (_shaped(x, (x.size,)), 0) if axis is None else (x, one_axis(axis, x.ndim))
    return m.take(x, _index(indices), axis=axis)


@op
def take_along_axis(x, indices, axis=None):
    """y[..., i, ...] = x[..., indices[..., i, ...], ...]: every line along axis has its own indices"""
    x, idx = convert_to_tensor(x), _index(indices)
    x, idx, axis = (_shaped(x, (x.size,)), _shaped(idx, (idx.size,)), 0) if axis is None else (x, idx, one_axis(axis, x.ndim))
    if idx.ndim != x.ndim:
        raise ValueError(f"take_along_axis: x has shape {x.shape}, indices {idx.shape}; both need the same number of axes")
    others = tuple(np.broadcast_shapes(*[tuple(1 if k == axis else d for k, d in enumerate(t.shape)) for t in (x, idx)]))
    wide = lambda t: broadcast_to(t, others[:axis] + (t.shape[axis],) + others[axis + 1:])
    return more.take_along(wide(x), wide(idx), axis=axis)


@op
def unravel_index(indices, shape):
    """(i_0, i_1, ...) = the place of a flat index in an array of that shape"""
    idx, out = _index(indices), []
    for d in as_shape(shape)[::-1]:
        out.append(e.mod(idx, d))
        idx = e.floor_divide(idx, d)
    return tuple(out[::-1])


@op
def get_item(x, key):
    """y = x[key], as NumPy has it: ints, slices, None, Ellipsis, index arrays; boolean masks where their values are known"""
    x = convert_to_tensor(x)
    keys = _expanded(x, key if isinstance(key, tuple) else (key,))
    arrays = any(isinstance(k, Tensor) for k in keys)
    start, stop, step, shape, where, axis = [], [], [], [], [], 0
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        n = x.shape[axis]
        if isinstance(k, slice):
            a, b, s = k.indices(n)
            shape.append(len(range(a, b, s)))
        elif isinstance(k, int) and not arrays:
            a, b, s = k, k + 1, 1
        else:                                                    # beside an index array, an int is one as well
            where.append((len(shape), k if isinstance(k, Tensor) else constant(k, "int32")))
            a, b, s = 0, n, 1
            shape.append(n)
        start.append(a), stop.append(b), step.append(s)
        axis += 1
    if (tuple(start), tuple(stop)) != ((0,) * x.ndim, x.shape) or any(s != 1 for s in step):
        x = m.slice(x, start=tuple(start), stop=tuple(stop), step=tuple(step))
    x = _shaped(x, shape)
    if len(where) < 2:
        return m.take(x, where[0][1], axis=where[0][0]) if where else x
    return _by_arrays(x, *zip(*where))


def _expanded(x, key):
    """The key with one entry for each axis: None, a slice, an int >= 0, or an index tensor."""
    keys = []
    for k in key:
        if isinstance(k, (list, tuple, np.ndarray)):
            k = convert_to_tensor(k) if np.size(k) else constant(k, "int32")
        if isinstance(k, Tensor) and k.dtype == "bool":
            keys += _of_mask(x, k, None if any(v is Ellipsis for v in keys) else sum(v is not None for v in keys))
        elif isinstance(k, Tensor):
            keys.append(_index(k))
        elif k is None or k is Ellipsis or isinstance(k, slice):
            keys.append(k)
        elif isinstance(k, (int, np.integer)) and not isinstance(k, bool):
            keys.append(int(k))
        else:
            raise TypeError(f"a tensor cannot be indexed by {k!r}: use ints, slices, None, ..., or arrays of ints or booleans")
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if used > x.ndim or sum(k is Ellipsis for k in keys) > 1:
        more = "and more than one ... " if used <= x.ndim else ""
        raise IndexError(f"{used} indices {more}for a tensor of {x.ndim} axes, shape {x.shape}")
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at:at + 1] = [slice(None)] * (x.ndim - used)
    axis = 0
    for i, k in enumerate(keys):
        if isinstance(k, int):
            if not -x.shape[axis] <= k < x.shape[axis]:
                raise IndexError(f"index {k} is out of range for axis {axis} of size {x.shape[axis]}")
            keys[i] = k % x.shape[axis]
        axis += k is not None
    return keys


def _of_mask(x, mask, axis):
    if axis is not None and mask.shape != x.shape[axis:axis + mask.ndim]:
        raise IndexError(f"a boolean mask of shape {mask.shape} does not fit the axes from {axis} on of a tensor of shape {x.shape}")
    return [constant(i, "int32") for i in np.nonzero(mask.numpy())]


def _by_arrays(x, axes, indices):
    """Several index arrays: broadcast together, they address the flattened axes."""
    sizes, others = [x.shape[a] for a in axes], [k for k in range(x.ndim) if k not in axes]
    flat, bad = 0, False
    for idx, d in zip(indices, sizes):
        bad = e.logical_or(e.logical_or(e.less(idx, -d), e.greater_equal(idx, d)), bad)
        flat = e.add(e.mul(flat, d), e.where(e.less(idx, 0), e.add(idx, d), idx))
    total = math.prod(sizes)
    flat = e.where(bad, constant(total, "int32"), flat)          # take refuses it
    x = _shaped(_ordered(x, [*axes, *others]), [total, *(x.shape[k] for k in others)])
    y = m.take(x, flat, axis=0)
    if list(axes) == list(range(axes[0], axes[0] + len(axes))) and axes[0]:
        n, front = flat.ndim, range(flat.ndim, flat.ndim + axes[0])
        y = _ordered(y, [*front, *range(n), *range(n + axes[0], y.ndim)])
    return y


__all__ = public(globals())
