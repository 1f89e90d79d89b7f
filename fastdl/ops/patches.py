"""Axes and blocks rearranged: einops-like patterns, sliding blocks (im2col) and their sum (col2im)."""
import math
import re

from ..core.tensor import convert_to_tensor as to_tensor
from ..primitives import movement as m
from . import shaping
from .promotion import public
from .symbolic import op


def _groups(side):
    """[[names of one axis], ...] of one side of a pattern."""
    found = re.findall(r"\(([^()]*)\)|(\w+)", side)
    if re.sub(r"\([^()]*\)|\w+|\s+", "", side):
        raise ValueError(f"rearrange: {side.strip()!r} is no list of axes; axes are words, several in one are put in "
                         f"brackets: 'b (h w) c'")
    return [inner.split() if not word else [word] for inner, word in found]


@op
def rearrange(tensor, pattern, **axes_lengths):
    """y = x with its axes split, permuted and joined as the pattern says

    >>> rearrange([[1, 2, 3, 4]], "b (h w) -> b w h", h=2).numpy().tolist()
    [[[1, 3], [2, 4]]]
    """
    x = to_tensor(tensor)
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: pattern {pattern!r} needs exactly one '->', as in 'b h w c -> b c h w'")
    left, right = map(_groups, sides)
    names = [n for g in left for n in g]
    if len(left) != x.ndim or sorted(names) != sorted(n for g in right for n in g) or len(set(names)) != len(names):
        raise ValueError(f"rearrange: pattern {pattern!r} for a tensor of shape {x.shape}: the left side names each "
                         f"of its {x.ndim} axes once, "
                         "and the right side the same names")
    sizes = dict(axes_lengths)
    for group, n in zip(left, x.shape):
        open_ = [k for k in group if k not in sizes]
        known = math.prod(sizes[k] for k in group if k in sizes)
        if len(open_) > 1 or n % max(known, 1) or (not open_ and known != n):
            raise ValueError(f"rearrange: axis ({' '.join(group)}) has {n} values; of its lengths {axes_lengths} at "
                             f"most one may be left out, "
                             "and their product must fit")
        if open_:
            sizes[open_[0]] = n // known
    x = m.reshape(x, shape=tuple(sizes[n] for n in names))
    x = m.transpose(x, axes=tuple(names.index(n) for g in right for n in g))
    return m.reshape(x, shape=tuple(math.prod(sizes[n] for n in g) for g in right))


def _pairs(*values):
    return [(v, v) if isinstance(v, int) else tuple(v) for v in values]


@op
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """y[n, (c, i, j), (p, q)] = x[n, c, p stride + i dilation, q stride + j dilation] of images (batch, channels, height, width)"""
    x = to_tensor(x)
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = _pairs(kernel_size, dilation, padding, stride)
    if x.ndim != 4:
        raise ValueError(f"unfold wants images (batch, channels, height, width), got shape {x.shape}")
    if ph or pw:
        x = m.pad(x, paddings=((0, 0), (0, 0), (ph, ph), (pw, pw)))
    n, c, h, w = x.shape
    oh, ow = (h - (kh - 1) * dh - 1) // sh + 1, (w - (kw - 1) * dw - 1) // sw + 1
    if oh < 1 or ow < 1:
        raise ValueError(f"unfold: blocks of {kh} x {kw} (dilation {dh}, {dw}) do not fit into {h} x {w} pixels")
    parts = [m.reshape(m.slice(x, start=(0, 0, i * dh, j * dw), stop=(n, c, i * dh + (oh - 1) * sh + 1, j * dw + (ow - 1) * sw + 1),
                               step=(1, 1, sh, sw)), shape=(n, c, 1, oh * ow)) for i in range(kh) for j in range(kw)]
    return m.reshape(shaping.concatenate(parts, axis=2), shape=(n, c * kh * kw, oh * ow))


@op
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """y = the blocks of unfold added up where they came from: (batch, channels, *output_size)"""
    x = to_tensor(x)
    (h, w), (kh, kw), (dh, dw), (ph, pw), (sh, sw) = _pairs(output_size, kernel_size, dilation, padding, stride)
    oh, ow = (h + 2 * ph - (kh - 1) * dh - 1) // sh + 1, (w + 2 * pw - (kw - 1) * dw - 1) // sw + 1
    if x.ndim != 3 or x.shape[1] % (kh * kw) or x.shape[2] != oh * ow:
        raise ValueError(f"fold: blocks of shape {x.shape} came; for output_size {(h, w)} and kernel_size {(kh, kw)} "
                         f"wanted "
                         f"(batch, channels * {kh * kw}, {oh * ow})")
    n, c, full = x.shape[0], x.shape[1] // (kh * kw), (x.shape[0], x.shape[1] // (kh * kw), h + 2 * ph, w + 2 * pw)
    x, y = m.reshape(x, shape=(n, c, kh * kw, oh, ow)), None
    for i in range(kh):
        for j in range(kw):
            t = i * kw + j
            part = m.reshape(m.slice(x, start=(0, 0, t, 0, 0), stop=(n, c, t + 1, oh, ow), step=(1,) * 5), shape=(n, c, oh, ow))
            part = m.slice_grad(part, shape=full, start=(0, 0, i * dh, j * dw),
                                stop=(n, c, i * dh + (oh - 1) * sh + 1, j * dw + (ow - 1) * sw + 1), step=(1, 1, sh, sw))
            y = part if y is None else y + part
    return m.slice(y, start=(0, 0, ph, pw), stop=(n, c, h + ph, w + pw), step=(1,) * 4)


__all__ = public(globals())
