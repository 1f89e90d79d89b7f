"""Sums of products: matmul and its relatives, all brought to one batched matrix product."""
import itertools
import math

import numpy as np

from ..primitives import elementwise as e
from ..primitives import host, linalg, more
from ..primitives import movement as m
from ..primitives import reduce as r
from . import reduction
from .promotion import one_axis, promote, public
from .shaping import _ordered, _shaped, broadcast_to, diagonal, expand_dims, get_item, moveaxis
from .symbolic import op


def _factors(*xs):
    """The factors in their common dtype; int8 is summed in int32."""
    xs = promote(*xs)
    return [e.cast(x, dtype="int32") for x in xs] if xs[0].dtype == "int8" else xs


@op
def matmul(x1, x2):
    """z[..., i, j] = sum over k of x1[..., i, k] x2[..., k, j]; a row on the left is 1 x n, on the right n x 1"""
    x1, x2 = _factors(x1, x2)
    if not x1.ndim or not x2.ndim:
        raise ValueError(f"matmul needs rows or matrices, got shapes {x1.shape} and {x2.shape}; multiply scales by a number")
    a = _shaped(x1, (1,) + x1.shape) if x1.ndim == 1 else x1
    b = _shaped(x2, x2.shape + (1,)) if x2.ndim == 1 else x2
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul: shapes {x1.shape} and {x2.shape} do not fit: {a.shape[-1]} columns against {b.shape[-2]} rows")
    z = linalg.matmul(a, b)
    drop = [-2] * (x1.ndim == 1) + [-1] * (x2.ndim == 1)
    return _shaped(z, [d for k, d in enumerate(z.shape) if k - z.ndim not in drop])


def _pair(x, xl, y, yl, keep):
    """(z, its labels): x and y multiplied, summed over the labels that both have and nobody keeps."""
    size = dict(zip(xl + yl, x.shape + y.shape))
    batch = [c for c in xl if c in yl and c in keep]
    inner = [c for c in xl if c in yl and c not in keep]
    rows, cols = [c for c in xl if c not in yl], [c for c in yl if c not in xl]
    labels = batch + rows + cols
    if not inner:                                                                   # nothing to sum: a product with broadcasting
        spread = lambda t, own: _shaped(_ordered(t, [own.index(c) for c in labels if c in own]),
                                        [size[c] if c in own else 1 for c in labels])
        return e.mul(spread(x, xl), spread(y, yl)), labels

    def matrix(t, own, first, second):
        """t as [batch, first, second], unless it lies as [batch, second, first] already; and whether it does."""
        turned = own == batch + second + first and own != batch + first + second
        groups = ([batch] if batch else []) + ([second, first] if turned else [first, second])
        order = [own.index(c) for g in groups for c in g]
        return _shaped(_ordered(t, order), [math.prod(size[c] for c in g) for g in groups]), turned

    a, ta = matrix(x, xl, rows, inner)
    b, tb = matrix(y, yl, inner, cols)
    return _shaped(linalg.matmul(a, b, ta=ta, tb=tb), [size[c] for c in labels]), labels


def _arranged(z, labels, out):
    return _ordered(z, [labels.index(c) for c in out])


@op
def tensordot(x1, x2, axes=2):
    """z = sum of products over axes: the last `axes` of x1 with the first of x2, or two lists of axes"""
    x1, x2 = _factors(x1, x2)
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise ValueError(f"tensordot over {axes} axes of shapes {x1.shape} and {x2.shape}")
        first, second = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        first, second = (list(a) if isinstance(a, (list, tuple)) else [a] for a in axes)
        first, second = [one_axis(a, x1.ndim) for a in first], [one_axis(a, x2.ndim) for a in second]
    if [x1.shape[a] for a in first] != [x2.shape[a] for a in second]:
        raise ValueError(f"tensordot: axes {first} of {x1.shape} and {second} of {x2.shape} must be equally many and of equal sizes")
    xl = list(range(x1.ndim))
    yl = [first[second.index(k)] if k in second else x1.ndim + k for k in range(x2.ndim)]
    out = [c for c in xl if c not in first] + [c for k, c in enumerate(yl) if k not in second]
    return _arranged(*_pair(x1, xl, x2, yl, out), out)


@op
def dot(x1, x2):
    """z = sum over the last axis of x1 and the last but one of x2 (its only one, if a row); a number multiplies"""
    x1, x2 = _factors(x1, x2)
    if not x1.ndim or not x2.ndim:
        return e.mul(x1, x2)
    return matmul(x1, x2) if x2.ndim <= 2 else tensordot(x1, x2, ([-1], [-2]))


@op
def inner(x1, x2):
    """z = sum of products over the last axes; a number multiplies"""
    x1, x2 = _factors(x1, x2)
    return tensordot(x1, x2, ([-1], [-1])) if x1.ndim and x2.ndim else e.mul(x1, x2)


@op
def outer(x1, x2):
    """z[i, j] = x1[i] x2[j], both taken as rows"""
    x1, x2 = promote(x1, x2)
    return e.mul(_shaped(x1, (x1.size, 1)), _shaped(x2, (1, x2.size)))


@op
def vdot(x1, x2):
    """z = sum of products of all values, both taken as rows"""
    x1, x2 = promote(x1, x2)
    if x1.size != x2.size:
        raise ValueError(f"vdot needs equally many values, got shapes {x1.shape} and {x2.shape}")
    return _shaped(linalg.matmul(_shaped(x1, (1, x1.size)), _shaped(x2, (x2.size, 1))), ())


@op
def kron(x1, x2):
    """z = every element of x1 replaced by itself times x2"""
    x1, x2 = promote(x1, x2)
    rank = max(x1.ndim, x2.ndim)
    a, b = ((1,) * (rank - t.ndim) + t.shape for t in (x1, x2))
    wide = lambda pairs: tuple(itertools.chain(*pairs))
    z = e.mul(_shaped(x1, wide((d, 1) for d in a)), _shaped(x2, wide((1, d) for d in b)))
    return _shaped(z, [p * q for p, q in zip(a, b)])


@op
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """z = (x1_1 y_2 - x1_2 y_1, x1_2 y_0 - x1_0 y_2, x1_0 y_1 - x1_1 y_0) with y = x2; two components lie in the plane"""
    x1, x2 = promote(x1, x2)
    if axis is not None:
        axisa = axisb = axisc = axis
    parts = []
    for t, a in ((x1, axisa), (x2, axisb)):
        t = moveaxis(t, a, -1)
        if t.shape[-1] not in (2, 3):
            raise ValueError(f"cross: vectors have 2 or 3 components, axis {a} of shape {t.shape} has {t.shape[-1]}")
        parts.append([get_item(t, (Ellipsis, k)) for k in range(t.shape[-1])])
    a, b = parts
    minor = lambda i, j: e.sub(e.mul(a[i], b[j]), e.mul(a[j], b[i]))
    if len(a) == len(b) == 2:
        return minor(0, 1)
    if len(a) == 2:
        z = [e.mul(a[1], b[2]), e.neg(e.mul(a[0], b[2])), minor(0, 1)]
    elif len(b) == 2:
        z = [e.neg(e.mul(a[2], b[1])), e.mul(a[2], b[0]), minor(0, 1)]
    else:
        z = [minor(1, 2), minor(2, 0), minor(0, 1)]
    return moveaxis(m.concat(*[expand_dims(c, -1) for c in z], axis=z[0].ndim), -1, axisc)


@op
def trace(x, offset=0, axis1=0, axis2=1):
    """y = sum over i of x[..., i, i + offset] in the plane of axis1 and axis2"""
    return reduction.sum(diagonal(x, offset, axis1, axis2), -1)


@op
def correlate(x1, x2, mode="valid"):
    """z[k] = sum over n of x1[n + k] x2[n]; "valid" where the rows overlap whole, "same" the middle, "full" everywhere"""
    x1, x2 = promote(x1, x2, least=float)
    if x1.ndim != 1 or x2.ndim != 1 or not x1.size or not x2.size:
        raise ValueError(f"correlate takes two rows of numbers, got shapes {x1.shape} and {x2.shape}")
    n, k = x1.size, x2.size
    short, long = min(n, k), max(n, k)
    try:
        start, count = {"full": (0, n + k - 1), "valid": (short - 1, long - short + 1),
                        "same": ((short - 1) // 2 if n >= k else short // 2, long)}[mode]
    except KeyError:
        raise ValueError(f'correlate: mode must be "valid", "same" or "full", got {mode!r}') from None
    padded = m.pad(x1, paddings=((k - 1, k - 1),), value=0)
    windows = m.take(padded, np.arange(start, start + count)[:, None] + np.arange(k), axis=0)
    return _shaped(linalg.matmul(windows, _shaped(x2, (k, 1))), (count,))


@op
def corrcoef(x):
    """y[i, j] = cov(x_i, x_j) / sqrt(var x_i var x_j), the rows of x being variables"""
    x = promote(x, least=float)[0]
    x = _shaped(x, (1,) * (2 - x.ndim) + x.shape)
    centred = e.sub(x, reduction.mean(x, 1, True))
    cov = linalg.matmul(centred, centred, tb=True)
    deviation = e.sqrt(diagonal(cov))
    y = e.clip(e.div(e.div(cov, expand_dims(deviation, 1)), deviation), lo=-1.0, hi=1.0)
    return _shaped(y, ()) if y.size == 1 else y


@op
def slogdet(x):
    """(s, l) with det(x) = s e^l"""
    x = promote(x, least=float)[0]
    return more.det_sign(x), host.logdet(x)


# ---------------------------------------------------------------- einsum
def _parsed(subscripts, xs):
    """Labels of each operand and of the result; the axes of `...` become labels of their own, numbered from the right."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(xs):
        raise ValueError(f"einsum {subscripts!r} speaks of {len(terms)} tensors, got {len(xs)}")
    strange = set(text) - set("->,.") - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    if strange or any(t.replace("...", "", 1).count(".") for t in terms + [right]) or "-" in left or ">" in right:
        unwanted = f", not {sorted(strange)}" if strange else ""
        raise ValueError(f"einsum {subscripts!r}: use letters, `...`, commas and one `->`{unwanted}")
    most, labels = 0, []
    for k, (term, x) in enumerate(zip(terms, xs)):
        extra = x.ndim - len(term.replace("...", ""))
        if extra < 0 or (extra and "..." not in term):
            raise ValueError(f"einsum {subscripts!r}: {term!r} names {len(term.replace('...', ''))} axes, tensor {k} has shape {x.shape}")
        most = max(most, extra if "..." in term else 0)
        labels.append(_with_dots(term, extra))
    if arrow:
        out = _with_dots(right, most)
        unknown = [c for c in out if not any(c in own for own in labels)]
        if unknown or len(set(out)) != len(out):
            raise ValueError(f"einsum {subscripts!r}: the result's letters must each come once, and from the tensors"
                             + (f"; {unknown[0]!r} does not" if unknown else ""))
    else:
        letters = left.replace("...", "").replace(",", "")
        out = [-1 - k for k in range(most)][::-1] + sorted(c for c in set(letters) if letters.count(c) == 1)
    return labels, out


def _with_dots(term, extra):
    before, dots, after = term.partition("...")
    return list(before) + ([-1 - k for k in range(extra)][::-1] if dots else []) + list(after)


def _alone(x, own, keep, sizes):
    """x with its repeated labels on the diagonal and the labels that nobody else has summed away."""
    for c in dict.fromkeys(own):
        while own.count(c) > 1:
            i, j = [k for k, l in enumerate(own) if l == c][:2]
            x, own = diagonal(x, 0, i, j), [l for k, l in enumerate(own) if k not in (i, j)] + [c]
    gone = tuple(k for k, c in enumerate(own) if c not in keep)
    x, own = (r.sum(x, axis=gone) if gone else x), [c for c in own if c in keep]
    return broadcast_to(x, [sizes[c] for c in own]), own


@op
def einsum(subscripts, *operands, **kwargs):
    """z[out] = sum of the product of the tensors, over every letter that the result does not name

    >>> einsum("ij,jk->ik", [[1., 2.]], [[3.], [4.]]).numpy().tolist()
    [[11.0]]
    """
    xs = _factors(*operands)
    labels, out = _parsed(subscripts, xs)
    sizes = {}
    for k, (x, own) in enumerate(zip(xs, labels)):
        for c, d in zip(own, x.shape):
            if sizes.setdefault(c, d) != d and d != 1:
                if sizes[c] != 1:
                    name = "..." if isinstance(c, int) else c
                    raise ValueError(f"einsum {subscripts!r}: {name!r} has size {sizes[c]} and, in tensor {k} of shape {x.shape}, {d}")
                sizes[c] = d
    terms = []
    for k, (x, own) in enumerate(zip(xs, labels)):
        others = set(out).union(*(labels[j] for j in range(len(xs)) if j != k))
        terms.append(_alone(x, own, others, sizes))
    while len(terms) > 1:                                                            # the pair with the smallest product first
        def cost(pair):
            i, j = pair
            rest = set(out).union(*(own for k, (_, own) in enumerate(terms) if k not in pair))
            return math.prod(sizes[c] for c in set(terms[i][1] + terms[j][1]) if c in rest)
        i, j = min(itertools.combinations(range(len(terms)), 2), key=cost)
        rest = set(out).union(*(own for k, (_, own) in enumerate(terms) if k not in (i, j)))
        made = _pair(*terms[i], *terms[j], rest)
        terms = [t for k, t in enumerate(terms) if k not in (i, j)] + [made]
    return _arranged(*terms[0], out)


__all__ = public(globals())
