"""Images resampled under an affine map, for data augmentation, with the edges of scipy.ndimage.affine_transform.

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
STILL = (1, 0, 0, 0, 1, 0)
FLIPS = ((False, False), (True, False), (False, True), (True, True), (False, True))
SHAPES = ((2, 17, 12, 3), (2, 5, 9, 1), (2, 1, 1, 2), (2, 33, 16, 4), (2, 3, 150, 3))


def as_maps(matrices, flips):
    """int32 (n, 16): the bits of n times eight float64: M (2, 3), flip rows, flip columns."""
    maps = np.concatenate([np.reshape(matrices, (len(flips), 6)), flips], 1, dtype="float64")
    return np.ascontiguousarray(maps).view("int32")


@primitive
class affine_warp:
    """y[k, r, c] = scale * x[rows[k]] at (M00 r + M01 c + M02, M10 r + M11 c + M12), read between the four points around it

    x: images (images, h, w, channels); rows int32 (n,); maps int32 (n, 16), made by as_maps from M[k] and flips (y upside
    down, y mirrored: r and c are then counted from the other end). y: (n, h, w, channels).
    """
    shape = lambda x, rows, maps, **attrs: (rows.shape + x.shape[1:], x.dtype)
    domain = dict(x=lambda rng, shape: rng.uniform(0, 255, shape))
    samples = [([s, lambda rng: np.array([1, 0, 1], "int32"), lambda rng, maps=as_maps([m, STILL, m], [f, f[::-1], f]): maps],
                dict(mode=mode, fill=3.0, order=order, scale=scale))
               for s, f, scale in zip(SHAPES, FLIPS, (1.0, 0.5, 1 / 255, 1.0, 0.5))
               for m, order in ((TURN, 1), (SHRINK, 1), (TURN, 0)) for mode in MODES]

    def supports(ins, attrs):
        return ins[0].dtype == "float32" and ins[0].size < 2**31 * ins[0].shape[0]

    def ref(x, rows, maps, *, mode="nearest", fill=0.0, order=1, scale=1.0):
        _, h, w, channels = x.shape
        y = np.empty(rows.shape + x.shape[1:], x.dtype)
        for k, (row, m) in enumerate(zip(rows, np.ascontiguousarray(maps).view("float64"))):
            r, c = np.arange(h)[::-1 if m[6] else 1, None], np.arange(w)[::-1 if m[7] else 1]
            r0, r1, tr, out_r = _points(m[0] * r + m[1] * c + m[2], h, mode, order)
            c0, c1, tc, out_c = _points(m[3] * r + m[4] * c + m[5], w, mode, order)
            flat = x[row].reshape(h * w, channels)
            z = flat[r0 * w + c0]
            if order:
                tr, tc = tr[:, :, None], tc[:, :, None]
                z = (z * ((1 - tr) * (1 - tc)) + flat[r0 * w + c1] * ((1 - tr) * tc)
                     + flat[r1 * w + c0] * (tr * (1 - tc)) + flat[r1 * w + c1] * (tr * tc))
            if out_r is not None:
                z[out_r | out_c] = fill
            if x.dtype.kind in "iu" and z.dtype.kind == "f":
                z = np.trunc(z)
            y[k] = z if scale == 1 else z * scale
        return y

    def calls(y, x, rows, maps, *, mode="nearest", fill=0.0, order=1, scale=1.0):
        yield "affine_warp", [y], [x, rows, maps], [rows.size, *x.shape, MODES.index(mode), order], [float(fill), float(scale)]
