"""Tensors in and out, places inside them, and control flow that also runs while a plan is being traced.

Traced, `cond` and `switch` compute every branch and select; loops with Python bounds are unrolled.
"""
import numpy as np

from ..core import modes, state
from ..core.tensor import Tensor, TracedValueError, Variable
from ..core.tensor import convert_to_tensor as to_tensor
from ..primitives import elementwise as e
from ..primitives import host
from ..primitives import movement as m
from .promotion import as_dtype, as_shape, one_axis, public
from .symbolic import KerasTensor, flatten, map_structure, op, pack_like


# ---------------------------------------------------------------- in, out, dtype
def is_tensor(x):
    """True for a tensor of this framework; arrays, Variables and KerasTensors are none."""
    return isinstance(x, Tensor) and not isinstance(x, Variable)


def shape(x):
    """The sizes of x as a tuple of ints (None where a KerasTensor does not know)."""
    return tuple(x.shape) if hasattr(x, "shape") else to_tensor(x).shape


def dtype(x):
    """The name of x's dtype."""
    return str(x.dtype if hasattr(x, "dtype") else to_tensor(x).dtype)


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """x as a tensor: Python floats and float64 arrays become floatx, whole numbers int32, unless dtype says."""
    if sparse or ragged:
        raise ValueError("convert_to_tensor: sparse and ragged tensors do not exist here: pass a dense array (leave sparse and ragged out)")
    if isinstance(x, KerasTensor):
        return x if dtype is None or x.dtype == as_dtype(dtype) else cast(x, dtype)
    return to_tensor(x, None if dtype is None else as_dtype(dtype))


def convert_to_numpy(x):
    """x as a NumPy array (a Variable's is a copy, so that later updates do not change it)."""
    if isinstance(x, Variable):
        return x.numpy().copy()
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


@op
def cast(x, dtype):
    """y = x in another dtype"""
    return to_tensor(x, as_dtype(dtype))


def _limits(kind):
    if kind == "bool":
        return 0, 1
    info = np.finfo(kind) if "float" in kind else np.iinfo(kind)
    return info.min, info.max


@op
def saturate_cast(x, dtype):
    """y = x in another dtype, values outside its range at the range's end"""
    x, dtype = to_tensor(x), as_dtype(dtype)
    if x.dtype == "bool" or x.dtype == dtype:
        return to_tensor(x, dtype)
    (low, high), (least, most), own = _limits(dtype), _limits(x.dtype), np.dtype(x.dtype).type
    lo, hi = own(max(low, least)), own(min(high, most))
    if x.dtype.startswith("float"):                         # the nearest float may lie outside: 2**31 for int32
        lo = np.nextafter(lo, own(0)) if float(lo) < low else lo
        hi = np.nextafter(hi, own(0)) if float(hi) > high else hi
    number = lambda v: to_tensor(np.asarray(v, own), x.dtype)
    return to_tensor(e.minimum(e.maximum(x, number(lo)), number(hi)), dtype)


@op
def stop_gradient(variable):
    """y = x, through which no gradient flows"""
    x = to_tensor(variable)
    return host.stop_gradient(m.copy(x) if isinstance(x, Variable) else x)


# ---------------------------------------------------------------- places
def _whole(x, what):
    x = to_tensor(x)
    if not ("int" in x.dtype):
        raise TypeError(f"{what} must be whole numbers, got dtype {x.dtype}: cast them to int32")
    return x if x.dtype == "int32" else to_tensor(x, "int32")


def _rows(indices, sizes, name):
    """(number of rows, shape of a row, row numbers) of indices (..., k) into the first k of sizes."""
    idx = _whole(indices, f"ops.{name}: indices")
    if not idx.shape or idx.shape[-1] > len(sizes):
        raise ValueError(f"ops.{name}: indices of shape {idx.shape} into a tensor of shape {tuple(sizes)}: their last axis must list at "
                         f"most {len(sizes)} coordinates, so give indices of shape (..., {len(sizes)})")
    k = idx.shape[-1]
    front, row, flat = sizes[:k], tuple(sizes[k:]), None
    for axis, n in enumerate(front):
        part = m.reshape(m.slice(idx, start=(0,) * (idx.ndim - 1) + (axis,), stop=idx.shape[:-1] + (axis + 1,), step=(1,) * idx.ndim),
                         shape=(int(np.prod(idx.shape[:-1])),))
        if idx._a is not None and np.any((part.numpy() < -n) | (part.numpy() >= n)):
            bad = part.numpy()[(part.numpy() < -n) | (part.numpy() >= n)][0]
            raise IndexError(f"ops.{name}: index {bad} is out of range for axis {axis}, which has size {n}")
        part = e.where(e.less(part, 0), e.add(part, n), part)
        flat = part if flat is None else e.add(e.mul(flat, n), part)
    return int(np.prod(front)), row, flat


def _updates(u, idx, row, kind, name):
    u = to_tensor(u) if kind is None else to_tensor(u, kind)
    wanted = tuple(to_tensor(idx).shape[:-1]) + row
    if u.shape != wanted:
        if not np.prod(u.shape) == np.prod(wanted):
            raise ValueError(f"ops.{name}: updates of shape {u.shape} came, wanted shape {wanted}: one slice for every index")
    return m.reshape(u, shape=(int(np.prod(wanted[:len(wanted) - len(row)])),) + row)


@op
def scatter(indices, values, shape):
    """y = 0 of this shape, then y[indices[i]] += values[i] in the order of i"""
    shape = as_shape(shape)
    count, row, flat = _rows(indices, shape, "scatter")
    u = _updates(values, indices, row, None, "scatter")
    return m.reshape(m.take_grad(u, flat, shape=(count,) + row, axis=0), shape=shape)


@op
def scatter_update(inputs, indices, updates, reduction=None):
    """y = inputs, then y[indices[i]] = updates[i] in the order of i; reduction "add", "max", "min" or "mul" combines instead"""
    if reduction not in (None, "add", "max", "min", "mul"):
        raise ValueError(f'ops.scatter_update: reduction={reduction!r}; it must be None (replace), "add", "max", "min" or "mul"')
    x = to_tensor(inputs)
    count, row, flat = _rows(indices, x.shape, "scatter_update")
    u = _updates(updates, indices, row, x.dtype, "scatter_update")
    lines = m.reshape(x, shape=(count,) + row)
    y = (e.add(lines, m.take_grad(u, flat, shape=lines.shape, axis=0)) if reduction == "add"
         else host.place_rows(lines, flat, u, how=reduction or "set"))
    return m.reshape(y, shape=x.shape)


def _known_starts(start):
    if isinstance(start, Tensor):
        return start._a is not None and start.numpy().reshape(-1).tolist()
    flat = [v._a is not None and v.item() if isinstance(v, Tensor) else int(v) for v in start]
    return None if any(v is False for v in flat) else flat


def _start(start, x):
    if isinstance(start, (list, tuple)) and any(isinstance(v, Tensor) for v in start):
        start = m.concat(*[m.reshape(_whole(v, "start indices"), shape=(1,)) for v in start], axis=0)
    start = _whole(start, "start indices")
    if start.size != x.ndim:
        raise ValueError(f"a block of a tensor of shape {x.shape} needs {x.ndim} start indices, got {start.size}")
    return m.reshape(start, shape=(x.ndim,))


@op
def slice(inputs, start_indices, shape):
    """y[i, j, ...] = x[start[0] + i, start[1] + j, ...], of this shape; -1 means to the end (for known starts)"""
    x, sizes = to_tensor(inputs), list(as_shape(shape))
    starts = _known_starts(start_indices)
    if len(sizes) != x.ndim or (starts and len(starts) != x.ndim):
        raise ValueError(f"ops.slice of a tensor of shape {x.shape} wants {x.ndim} start indices and a shape of {x.ndim} sizes, got "
                         f"shape={tuple(sizes)}")
    if not starts and x.ndim:
        return host.slice_at(x, _start(start_indices, x), shape=tuple(sizes))
    starts = [s + d if s < 0 else s for s, d in zip(starts or (), x.shape)]
    sizes = [d - s if n == -1 else n for s, n, d in zip(starts, sizes, x.shape)]
    for k, (s, n, d) in enumerate(zip(starts, sizes, x.shape)):
        if s < 0 or n < 0 or s + n > d:
            raise ValueError(f"ops.slice: start {s} and size {n} leave axis {k} of shape {x.shape}")
    return m.slice(x, start=tuple(starts), stop=tuple(s + n for s, n in zip(starts, sizes)), step=(1,) * x.ndim)


@op
def slice_update(inputs, start_indices, updates):
    """y = inputs with the block that begins at start_indices replaced by updates"""
    x = to_tensor(inputs)
    return host.place_at(x, to_tensor(updates, x.dtype), _start(start_indices, x))


@op
def unstack(x, num=None, axis=0):
    """[x[0], x[1], ...] along axis"""
    x = to_tensor(x)
    axis = one_axis(axis, x.ndim)
    if num is not None and num != x.shape[axis]:
        raise ValueError(f"ops.unstack: num={num}, but axis {axis} of shape {x.shape} has size {x.shape[axis]}")
    return [_row(x, k, axis) for k in range(x.shape[axis])]


def _row(x, k, axis=0):
    cut = m.slice(x, start=tuple(k if a == axis else 0 for a in range(x.ndim)),
                  stop=tuple(k + 1 if a == axis else d for a, d in enumerate(x.shape)), step=(1,) * x.ndim)
    return m.reshape(cut, shape=x.shape[:axis] + x.shape[axis + 1:])


def _stacked(rows):
    """Structures of one kind, leaf by leaf stacked on a new first axis."""
    leaves = []
    for column in zip(*[flatten(r) for r in rows]):
        if column[0] is None:
            leaves.append(None)
            continue
        ts = [to_tensor(t) for t in column]
        leaves.append(m.concat(*[m.reshape(t, shape=(1,) + t.shape) for t in ts], axis=0))
    return pack_like(rows[0], leaves)


# ---------------------------------------------------------------- choice
def _unknown(pred):
    return isinstance(pred, Tensor) and pred._a is None


def _branches(name, fns, operands=()):
    """What every branch gives, computed into the trace; a branch that changes a Variable cannot be computed for nothing."""
    nodes = getattr(state.current().mode, "nodes", [])
    results = []
    for f in fns:
        before = len(nodes)
        results.append(f(*operands))
        if any(node[0].updates is not None for node in nodes[before:]):
            raise TracedValueError(f"ops.{name}: a branch changes a Variable (assign, a random seed, a metric), and which branch runs is "
                                   "only known at run time: move the update out of the branch, or use run_eagerly=True")
    first = [t if t is None else to_tensor(t) for t in flatten(results[0])]
    for r in results[1:]:
        other = [t if t is None else to_tensor(t) for t in flatten(r)]
        same = len(other) == len(first) and all((a is None) == (b is None) and (a is None or a.shape == b.shape)
                                                for a, b in zip(first, other))
        if not same:
            show = lambda ts: [None if t is None else t.shape for t in ts]
            raise ValueError(f"ops.{name}: while tracing, the branches must give structures of equal shapes, got {show(first)} and "
                             f"{show(other)}: make them equal, or use run_eagerly=True")
    return results


def _select(pred, yes, no):
    def leaf(a, b):
        if a is None:
            return None
        a, b = to_tensor(a), to_tensor(b)
        return e.where(pred, a, to_tensor(b, a.dtype))
    return pack_like(yes, [leaf(a, b) for a, b in zip(flatten(yes), flatten(no))])


@op
def cond(pred, true_fn, false_fn):
    """true_fn() where pred, else false_fn(); only one of them runs, except under a trace, which computes both and selects"""
    if not _unknown(pred):
        return true_fn() if (bool(pred.numpy()) if isinstance(pred, Tensor) else pred) else false_fn()
    if pred.size != 1:
        raise ValueError(f"ops.cond: the predicate must be one truth value, got shape {pred.shape}: reduce it with ops.any or ops.all")
    yes, no = _branches("cond", (true_fn, false_fn))
    return _select(m.reshape(to_tensor(pred, "bool"), shape=()), yes, no)


@op
def switch(index, branches, *operands):
    """branches[index](*operands), index clamped to the branches there are"""
    last = len(branches) - 1
    if not _unknown(index):
        return branches[max(0, min(last, int(index)))](*operands)
    results = _branches("switch", branches, operands)
    out, index = results[-1], m.reshape(_whole(index, "ops.switch: the index"), shape=())
    for k in range(last - 1, -1, -1):
        out = _select(e.less_equal(index, k), results[k], out)
    return out


# ---------------------------------------------------------------- loops
def _loop_value(x):
    """Python numbers stay themselves under a trace, so that counters can steer the unrolled loop."""
    return x if x is None or (modes.tracing() and isinstance(x, (int, float))) else to_tensor(x)


@op
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """v = loop_vars; while cond(*v): v = body(*v)

    While tracing, the condition must not depend on traced values (use Python numbers as counters); the loop is unrolled.
    """
    single = not isinstance(loop_vars, (list, tuple))
    kind = tuple if single else type(loop_vars)
    values = map_structure(_loop_value, (loop_vars,) if single else tuple(loop_vars))
    count = 0
    while maximum_iterations is None or count < maximum_iterations:
        more = cond(*values)
        if _unknown(more):
            raise TracedValueError("ops.while_loop: whether to go on depends on a value that is only known at run time, and a plan is a "
                                   "fixed list of calls: use ops.fori_loop with Python bounds and ops.where, or run_eagerly=True")
        if not bool(more.numpy() if isinstance(more, Tensor) else more):
            break
        new = body(*values)
        new = tuple(new) if isinstance(new, (list, tuple)) else (new,)
        if len(new) != len(values):
            raise ValueError(f"ops.while_loop: body gave {len(new)} values for {len(values)} loop variables: it must return them all")
        values, count = map_structure(_loop_value, new), count + 1
    values = map_structure(lambda x: x if x is None else to_tensor(x), values)
    return values[0] if single else kind(values)


@op
def fori_loop(lower, upper, body_fun, init_val):
    """v = init_val; for i in lower, ..., upper-1: v = body_fun(i, v); a trace unrolls it"""
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return map_structure(lambda x: x if x is None else to_tensor(x), value)


def _length(xs, length, name):
    sizes = {to_tensor(t).shape[0] for t in flatten(xs) if t is not None} | ({int(length)} if length is not None else set())
    if len(sizes) != 1:
        raise ValueError(f"ops.{name}: every input needs the same first size, got {sorted(sizes)}" if sizes else
                         f"ops.{name}: without inputs, length= says how many steps there are")
    return sizes.pop()


def _step(xs, k):
    return map_structure(lambda t: None if t is None else _row(to_tensor(t), k), xs)


@op
def map(f, xs):
    """y[k] = f(x[k]), stacked on a new first axis"""
    n = _length(xs, None, "map")
    return _stacked([f(_step(xs, k)) for k in range(n)])


@op
def vectorized_map(function, elements):
    """y[k] = function(x[k]), stacked on a new first axis"""
    n = _length(elements, None, "vectorized_map")
    return _stacked([function(_step(elements, k)) for k in range(n)])


@op
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """carry, y[k] = f(carry, x[k]) for k = 0, 1, ... (from the end if reverse); gives (carry, y)"""
    if not callable(f):
        raise TypeError(f"ops.scan: f must be a function (carry, x) -> (carry, y), got {f!r}")
    n, carry, rows = _length(xs, length, "scan"), init, []
    for k in (range(n - 1, -1, -1) if reverse else range(n)):
        carry, y = f(carry, _step(xs, k))
        rows.append(y)
    rows = rows[::-1] if reverse else rows
    return carry, _stacked(rows) if rows else None


@op
def associative_scan(f, elems, reverse=False, axis=0):
    """y[k] = f(... f(f(x[0], x[1]), x[2]) ..., x[k]) along axis, for an associative f, in a logarithmic number of steps"""
    if not callable(f):
        raise TypeError(f"ops.associative_scan: f must be a function (a, b) -> c, got {f!r}")
    leaves = [to_tensor(t) for t in flatten(elems)]
    axes = [one_axis(axis, t.ndim) for t in leaves]
    if len({t.shape[a] for t, a in zip(leaves, axes)}) != 1:
        raise ValueError(f"ops.associative_scan: the inputs differ in size along axis {axis}: {[t.shape for t in leaves]}")
    turn = lambda ts: [m.flip(t, axes=(a,)) for t, a in zip(ts, axes)] if reverse else ts

    def part(ts, start, stop, step=1):
        put = lambda t, a, v, w: tuple(v if k == a else w(k) for k in range(t.ndim))
        return [m.slice(t, start=put(t, a, start, lambda k: 0), stop=put(t, a, stop, lambda k: t.shape[k]),
                        step=put(t, a, step, lambda k: 1)) for t, a in zip(ts, axes)]

    def combine(a, b):
        return [to_tensor(t) for t in flatten(f(pack_like(elems, a), pack_like(elems, b)))]

    def woven(even, odd, a):
        """even[0], odd[0], even[1], ... along axis a"""
        n, k = even.shape[a], odd.shape[a]
        deep = lambda t: m.reshape(t, shape=t.shape[:a + 1] + (1,) + t.shape[a + 1:])
        cut = lambda t, lo, hi: m.slice(t, start=tuple(lo if d == a else 0 for d in range(t.ndim)),
                                        stop=tuple(hi if d == a else s for d, s in enumerate(t.shape)), step=(1,) * t.ndim)
        pairs = m.concat(deep(cut(even, 0, k)), deep(odd), axis=a + 1)
        flat = m.reshape(pairs, shape=even.shape[:a] + (2 * k,) + even.shape[a + 1:])
        return m.concat(flat, cut(even, k, n), axis=a) if n > k else flat

    def run(ts):
        n = ts[0].shape[axes[0]]
        if n < 2:
            return ts
        odd = run(combine(part(ts, 0, n - 1, 2), part(ts, 1, n, 2)))
        rest = part(ts, 2, n, 2)
        even = part(ts, 0, 1)
        if n > 2:
            even = [m.concat(h, t, axis=a) for h, t, a in zip(even, combine(part(odd, 0, len(range(2, n, 2))), rest), axes)]
        return [woven(p, q, a) for p, q, a in zip(even, odd, axes)]

    return pack_like(elems, turn(run(turn(leaves))))


# ---------------------------------------------------------------- gradients of one's own
class _Custom:
    """What a tape keeps of one call of a function with its own gradient."""
    updates, differentiable, name = None, True, "custom_gradient"

    def __init__(self, grad_fn):
        self.grad_fn = grad_fn

    def vjp(self, g, y, *xs, need):
        back = self.grad_fn(*(g if isinstance(g, tuple) else (g,)))
        back = list(back) if isinstance(back, (list, tuple)) else [back]
        if len(back) != len(xs):
            raise ValueError(f"custom_gradient: the gradient function gave {len(back)} gradients for {len(xs)} tensor arguments")
        return [None if d is None else to_tensor(d) for d in back]


class custom_gradient:
    """Decorates f(*args) -> (y, grad), where grad(*upstream) gives one gradient for every argument.

    >>> @custom_gradient
    ... def clipped(x):
    ...     return x, lambda upstream: clip(upstream, -1.0, 1.0)
    """

    def __init__(self, f):
        self.f = f
        self.__name__, self.__doc__ = getattr(f, "__name__", "custom_gradient"), f.__doc__

    def __call__(self, *args, **kwargs):
        result = self.f(*args, **kwargs)
        if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
            raise TypeError(f"custom_gradient: {self.__name__} must return (result, gradient function), got {type(result).__name__}")
        out, grad_fn = result
        fresh = map_structure(lambda t: host.stop_gradient(to_tensor(t)), out)
        ins = tuple(to_tensor(a) for a in args)
        for tape in state.current().tapes:
            tape.record(_Custom(grad_fn), ins, tuple(flatten(fresh)), {})
        return fresh


__all__ = public(globals())
