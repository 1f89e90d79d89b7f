"""Rotation, shift, shear and zoom of images in one resampling, with the edges of scipy.ndimage.affine_transform."""
import numpy as np

from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument
from fastdl.primitives import affine

FILL_MODES = affine.MODES
NUMBERS = (("theta", 0), ("tx", 0), ("ty", 0), ("shear", 0), ("zx", 1), ("zy", 1))


def warp(x, rows, matrices, flips, mode="nearest", cval=0.0, order=1, scale=1.0):
    """y[k] = scale * x[rows[k]] at matrices[k] (r, c, 1)

    x: (images, h, w, channels). flips: whether the rows and the columns of y[k] are turned round.
    """
    if mode not in FILL_MODES:
        raise bad_argument("fill_mode", repr(mode), " or ".join(f'"{m}"' for m in FILL_MODES), "choose one of them")
    if order not in (0, 1):
        raise bad_argument("interpolation_order", order, "0 (nearest point) or 1 (linear)", "use interpolation_order=1")
    maps = affine.as_maps(matrices[:, :2], flips)
    return affine.affine_warp(Tensor(np.ascontiguousarray(x)), Tensor(np.asarray(rows, "int32")), Tensor(maps), mode=mode, fill=cval,
                              order=order, scale=scale).numpy()


def _product(m, theta=None, tx=0, ty=0, shear=None, zx=1, zy=1):
    """m times one more factor for each of n images: a rotation, a shift, a shear or a zoom."""
    f = np.zeros((len(m), 3, 3))
    f[:, 0, 0], f[:, 1, 1], f[:, 2, 2], f[:, 0, 2], f[:, 1, 2] = zx, zy, 1, tx, ty
    if theta is not None:
        a = np.radians(theta)
        f[:, 0, 0], f[:, 0, 1], f[:, 1, 0], f[:, 1, 1] = np.cos(a), -np.sin(a), np.sin(a), np.cos(a)
    if shear is not None:
        a = np.radians(shear)
        f[:, 0, 1], f[:, 1, 1] = -np.sin(a), np.cos(a)
    return m @ f


def affine_matrices(height, width, theta, tx, ty, shear, zx, zy):
    """M (n, 3, 3) = rotation(theta) shift(tx, ty) shear zoom(zx, zy) about the image's centre, from n numbers each."""
    r, c = height / 2 - 0.5, width / 2 - 0.5
    m = _product(np.broadcast_to(np.eye(3), (len(theta), 3, 3)), tx=r, ty=c)
    m = _product(_product(_product(_product(m, theta), tx=tx, ty=ty), shear=shear), zx=zx, zy=zy)
    return _product(m, tx=-r, ty=-c)


def warp_rows(x, rows, parameters, mode, cval, order, scale=1.0):
    """The images x[rows] (n, h, w, channels) under the transforms that get_random_transform describes, one for each."""
    numbers = [np.array([p.get(name, usual) for p in parameters], float) for name, usual in NUMBERS]
    flips = [(bool(p.get("flip_vertical")), bool(p.get("flip_horizontal"))) for p in parameters]
    # SciPy counts rows first, Keras's matrices too, but its offsets are exchanged: they read (column, row).
    matrices = affine_matrices(x.shape[1], x.shape[2], *numbers)[:, [1, 0, 2]][:, :, [1, 0, 2]]
    return warp(x, rows, matrices, flips, mode, cval, order, scale)


def apply_affine_transform(x, theta=0, tx=0, ty=0, shear=0, zx=1, zy=1, row_axis=1, col_axis=2, channel_axis=0,
                           fill_mode="nearest", cval=0.0, order=1):
    """y[r] = x[M r], M that of affine_matrices; angles in degrees, one image of 3 axes."""
    if sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2] or x.ndim != 3 or channel_axis == 1:
        raise bad_argument("row_axis, col_axis, channel_axis", f"{row_axis}, {col_axis}, {channel_axis} for shape {x.shape}",
                           "0, 1 and 2 in some order, the channels first or last", "pass one image with its axes' numbers")
    numbers = (theta, tx, ty, shear, zx, zy)
    if all(number == usual for number, (_, usual) in zip(numbers, NUMBERS)):
        return x
    matrices = affine_matrices(x.shape[row_axis], x.shape[col_axis], *([number] for number in numbers))
    if col_axis > row_axis:
        matrices = matrices[:, [1, 0, 2]][:, :, [1, 0, 2]]
    # SciPy sees the two axes of a channel in the array's order.
    order_of_axes = (*sorted((row_axis, col_axis)), channel_axis)
    y = warp(x.transpose(order_of_axes)[None], [0], matrices, [(False, False)], fill_mode, cval, order)[0]
    return y.transpose(np.argsort(order_of_axes))
