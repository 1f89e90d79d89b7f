"""One image resampled under an affine map, for data augmentation, with the edges of scipy.ndimage.affine_transform.

The map's coordinates are float64 whatever the image's dtype, so that the nearest point is the same one everywhere.
"""
import numpy as np

from ..core.primitive import primitive

MODES = ("nearest", "constant", "reflect", "wrap", "mirror")


def _points(c, n, mode, order):
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


TURN = (0.8, 0.55, -3.7, -0.6, 0.9, 2.1)
SHRINK = (1.9, 0.1, -6.3, 0.2, 2.3, -7.7)
SHAPES = ((17, 12, 3), (5, 9, 1), (1, 1, 2), (33, 16, 4))


@primitive
class affine_warp:
    """y[r, c] = scale * x at (M00 r + M01 c + M02, M10 r + M11 c + M12), read between the four points around it

    x, y: one image (h, w, channels). flips: y upside down, y mirrored (r and c are then counted from the other end).
    """
    shape = lambda x, **attrs: (x.shape, x.dtype)
    domain = dict(x=lambda rng, shape: rng.uniform(0, 255, shape))
    samples = [([s], dict(matrix=m, mode=mode, fill=3.0, order=order, flips=f, scale=scale))
               for s, f, scale in zip(SHAPES, ((False, False), (True, False), (False, True), (True, True)), (1.0, 0.5, 1 / 255, 1.0))
               for m, order in ((TURN, 1), (SHRINK, 1), (TURN, 0)) for mode in MODES]

    def supports(ins, attrs):
        return ins[0].dtype == "float32"

    def ref(x, *, matrix, mode="nearest", fill=0.0, order=1, flips=(False, False), scale=1.0):
        h, w, channels = x.shape
        m = matrix
        rows, cols = np.arange(h)[::-1 if flips[0] else 1, None], np.arange(w)[::-1 if flips[1] else 1]
        r0, r1, tr, out_r = _points(m[0] * rows + m[1] * cols + m[2], h, mode, order)
        c0, c1, tc, out_c = _points(m[3] * rows + m[4] * cols + m[5], w, mode, order)
        flat = np.ascontiguousarray(x).reshape(h * w, channels)
        if order == 0:
            y = flat[r0 * w + c0]
        else:
            tr, tc = tr[:, :, None], tc[:, :, None]
            y = (flat[r0 * w + c0] * ((1 - tr) * (1 - tc)) + flat[r0 * w + c1] * ((1 - tr) * tc)
                 + flat[r1 * w + c0] * (tr * (1 - tc)) + flat[r1 * w + c1] * (tr * tc))
        if out_r is not None:
            y[out_r | out_c] = fill
        if x.dtype.kind in "iu" and y.dtype.kind == "f":
            y = np.trunc(y)
        return (y if scale == 1 else y * scale).astype(x.dtype)

    def calls(y, x, *, matrix, mode="nearest", fill=0.0, order=1, flips=(False, False), scale=1.0):
        yield "affine_warp", [y], [x], [*x.shape, MODES.index(mode), order, *map(int, flips)], [*map(float, matrix), float(fill), float(scale)]
