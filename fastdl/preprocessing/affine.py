"""Rotation, shift, shear and zoom of an image in one resampling, with the edges of scipy.ndimage.affine_transform."""
import math

import numpy as np

from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument
from fastdl.primitives import affine

FILL_MODES = affine.MODES


def warp(x, matrix, mode="nearest", cval=0.0, order=1, flips=(False, False), scale=1.0):
    """scale * x at matrix (r, c, 1), for one image x (h, w, channels); flips: rows and columns of the result turned round"""
    if mode not in FILL_MODES:
        raise bad_argument("fill_mode", repr(mode), " or ".join(f'"{m}"' for m in FILL_MODES), "choose one of them")
    if order not in (0, 1):
        raise bad_argument("interpolation_order", order, "0 (nearest point) or 1 (linear)", "use interpolation_order=1")
    attrs = dict(matrix=tuple(np.ravel(matrix)[:6].tolist()), mode=mode, fill=cval, order=order, flips=tuple(map(bool, flips)), scale=scale)
    return affine.affine_warp(Tensor(np.ascontiguousarray(x)), **attrs).numpy()


def affine_matrix(height, width, theta=0, tx=0, ty=0, shear=0, zx=1, zy=1):
    """M (3, 3) = rotation(theta) shift(tx, ty) shear zoom(zx, zy) about the image's centre; None for the identity."""
    if theta == 0 and tx == 0 and ty == 0 and shear == 0 and zx == 1 and zy == 1:
        return None
    matrix = np.eye(3)
    if theta != 0:
        a = math.radians(theta)
        matrix = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    if tx != 0 or ty != 0:
        matrix = matrix @ np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear != 0:
        a = math.radians(shear)
        matrix = matrix @ np.array([[1, -math.sin(a), 0], [0, math.cos(a), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        matrix = matrix @ np.diag([zx, zy, 1.0])
    r, c = height / 2 - 0.5, width / 2 - 0.5
    return np.array([[1, 0, r], [0, 1, c], [0, 0, 1]]) @ matrix @ np.array([[1, 0, -r], [0, 1, -c], [0, 0, 1]])


def apply_affine_transform(x, theta=0, tx=0, ty=0, shear=0, zx=1, zy=1, row_axis=1, col_axis=2, channel_axis=0,
                           fill_mode="nearest", cval=0.0, order=1, flips=(False, False), scale=1.0):
    """y[r] = scale * x[M r], M that of affine_matrix; angles in degrees, one image of 3 axes. flips: then rows, then columns turned."""
    if sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2] or x.ndim != 3 or channel_axis == 1:
        raise bad_argument("row_axis, col_axis, channel_axis", f"{row_axis}, {col_axis}, {channel_axis} for shape {x.shape}",
                           "0, 1 and 2 in some order, the channels first or last", "pass one image with its axes' numbers")
    matrix = affine_matrix(x.shape[row_axis], x.shape[col_axis], theta, tx, ty, shear, zx, zy)
    if matrix is None:
        x = x[tuple(slice(None, None, -1 if a == row_axis and flips[0] or a == col_axis and flips[1] else 1) for a in range(3))]
        return x if scale == 1 else x * np.asarray(scale, x.dtype)
    if col_axis > row_axis:
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    # SciPy sees the two axes of a channel in the array's order.
    first, second = sorted((row_axis, col_axis))
    order_of_axes = (first, second, channel_axis)
    turned = flips if row_axis == first else flips[::-1]
    y = warp(x.transpose(order_of_axes), matrix, fill_mode, cval, order, turned, scale)
    return y.transpose(np.argsort(order_of_axes))
