"""Rotation, shift, shear and zoom of an image in one resampling, with the edges of scipy.ndimage.affine_transform."""
import numpy as np

from fastdl.errors import bad_argument

FILL_MODES = ("nearest", "constant", "reflect", "wrap", "mirror")


def _indices(c, n, mode, order):
    """(lower index, upper index, weight of the upper, outside or None) for coordinates `c` on an axis of n points."""
    outside = None
    if mode == "constant":
        outside = (c < 0) | (c > n - 1)
    if mode in ("constant", "nearest"):
        c = np.clip(c, 0, n - 1)
    elif mode == "wrap" and n > 1:
        # As SciPy: the last point is the first again, so the period is n - 1.
        size = n - 1
        c = np.where(c < 0, c + size * (np.trunc(-c / size) + 1), np.where(c > size, c - size * np.trunc(c / size), c))
    low = np.floor(c if order else c + 0.5).astype(np.int64)
    t = c - low if order else None
    high = low + 1
    if mode in ("reflect", "mirror") and n > 1:
        period = 2 * n if mode == "reflect" else 2 * n - 2
        def fold(k):
            k = k % period
            return np.where(k >= n, period - k - (mode == "reflect"), k)
        return fold(low), fold(high), t, outside
    return np.clip(low, 0, n - 1), np.clip(high, 0, n - 1), t, outside


def warp(x, matrix, offset, mode="nearest", cval=0.0, order=1):
    """y[r] = x at matrix r + offset, for images x (h, w, c); order 0 takes the nearest point, 1 interpolates"""
    if mode not in FILL_MODES:
        raise bad_argument("fill_mode", repr(mode), " or ".join(f'"{m}"' for m in FILL_MODES), "choose one of them")
    if order not in (0, 1):
        raise bad_argument("interpolation_order", order, "0 (nearest point) or 1 (linear)", "use interpolation_order=1")
    h, w, channels = x.shape
    rows, cols = np.arange(h)[:, None], np.arange(w)
    r = matrix[0, 0] * rows + matrix[0, 1] * cols + offset[0]
    c = matrix[1, 0] * rows + matrix[1, 1] * cols + offset[1]
    r0, r1, tr, out_r = _indices(r, h, mode, order)
    c0, c1, tc, out_c = _indices(c, w, mode, order)
    flat = np.ascontiguousarray(x).reshape(h * w, channels)
    if order == 0:
        y = flat[r0 * w + c0]
    else:
        tr, tc = tr[:, :, None], tc[:, :, None]
        r0, r1 = r0 * w, r1 * w
        y = flat[r0 + c0] * ((1 - tr) * (1 - tc))
        y += flat[r0 + c1] * ((1 - tr) * tc)
        y += flat[r1 + c0] * (tr * (1 - tc))
        y += flat[r1 + c1] * (tr * tc)
    if out_r is not None:
        y[out_r | out_c] = cval
    if x.dtype.kind in "iu" and y.dtype.kind == "f":
        y = np.trunc(y)
    return y.astype(x.dtype)


def apply_affine_transform(x, theta=0, tx=0, ty=0, shear=0, zx=1, zy=1, row_axis=1, col_axis=2, channel_axis=0,
                           fill_mode="nearest", cval=0.0, order=1):
    """y[r] = x[M r], M = rotation(theta) shift(tx, ty) shear zoom(zx, zy) about the centre; angles in degrees, one image of 3 axes."""
    if sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2] or x.ndim != 3 or channel_axis == 1:
        raise bad_argument("row_axis, col_axis, channel_axis", f"{row_axis}, {col_axis}, {channel_axis} for shape {x.shape}",
                           "0, 1 and 2 in some order, the channels first or last", "pass one image with its axes' numbers")
    if theta == 0 and tx == 0 and ty == 0 and shear == 0 and zx == 1 and zy == 1:
        return x
    matrix = np.eye(3)
    if theta != 0:
        a = np.deg2rad(theta)
        matrix = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    if tx != 0 or ty != 0:
        matrix = matrix @ np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear != 0:
        a = np.deg2rad(shear)
        matrix = matrix @ np.array([[1, -np.sin(a), 0], [0, np.cos(a), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        matrix = matrix @ np.diag([zx, zy, 1.0])
    o_r, o_c = x.shape[row_axis] / 2 - 0.5, x.shape[col_axis] / 2 - 0.5
    matrix = np.array([[1, 0, o_r], [0, 1, o_c], [0, 0, 1]]) @ matrix @ np.array([[1, 0, -o_r], [0, 1, -o_c], [0, 0, 1]])
    if col_axis > row_axis:
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    # SciPy sees the two axes of a channel in the array's order.
    first, second = sorted((row_axis, col_axis))
    image = x.transpose(first, second, channel_axis)
    y = warp(image, matrix[:2, :2], matrix[:2, 2], fill_mode, cval, order)
    return y.transpose(np.argsort((first, second, channel_axis)))
