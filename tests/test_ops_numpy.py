"""keras.ops words that NumPy knows: values against NumPy, symbolic and traced against eager, gradients, dtypes, messages."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastdl
from fastdl import ops
from fastdl.core.modes import Reference
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor, TracedValueError
from fastdl.ops import numpy as knp
from fastdl.ops.symbolic import KerasTensor, infer

RNG = np.random.default_rng(7)
A, B, C, D = (RNG.standard_normal(s).astype("float32") for s in ((3, 4), (4,), (2, 3, 4), (4, 5)))
I, J = RNG.integers(-9, 9, (3, 4)).astype("int32"), RNG.integers(1, 9, (3, 4)).astype("int32")
P, U, M = np.abs(A) + np.float32(1.1), np.tanh(A), A > 0
N = A.copy()
N[0, 1] = N[1, 2] = np.nan
X = np.array([-np.inf, -2.5, -0.0, 0.5, 1.5, np.inf, np.nan], "float32")
ROWS = []


def row(name, *args, want=None, **kwargs):
    ROWS.append((name, args, kwargs, want))


def rows(names, *cases):
    for name in names.split():
        for args in cases:
            row(name, *args)


rows("absolute abs square sign negative", (A,), (I,))
rows("fabs exp expm1 exp2 cbrt sin cos tan sinh cosh tanh arctan arcsinh floor ceil trunc isnan isinf isfinite signbit sinc "
     "deg2rad rad2deg angle i0 isposinf isneginf isreal real imag conj conjugate round nan_to_num", (A,), (I,))
rows("sqrt log log1p log2 log10 arccosh", (P,), (J,))
row("reciprocal", P)
row("reciprocal", J, want=lambda x: 1 / x)
rows("arcsin arccos arctanh", (U,))
rows("isnan isinf isfinite isposinf isneginf signbit nan_to_num trunc", (X,))
rows("logical_not bitwise_not", (M,), (I,))
row("bitwise_invert", I)
row("round", A * 10, decimals=1)
row("round", A * 10, decimals=-1)
row("nan_to_num", X, nan=1.0, posinf=2.0, neginf=3.0)
row("view", A, dtype="int32", want=lambda x, dtype: x.view(dtype))
rows("add subtract multiply divide true_divide maximum minimum arctan2 hypot logaddexp logaddexp2 fmax fmin isclose allclose "
     "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor heaviside", (A, B), (C, A), (I, J), (A, I))
rows("maximum minimum fmax fmin equal less greater_equal", (X, X[::-1].copy()))
rows("floor_divide mod fmod", (A, P), (I, J))
rows("nextafter", (A, B))
rows("power", (P, B), (A, 2), (A, 3), (I, 2), (P, 0.5), (P, -1.0))
rows("gcd lcm bitwise_and bitwise_or bitwise_xor", (I, J))
rows("left_shift right_shift bitwise_left_shift bitwise_right_shift", (J, J % 4))
row("ldexp", A, J)
row("divide_no_nan", A, np.array([0, 1, 2, 0], "float32"), want=lambda x, y: np.divide(x, y, where=y != 0, out=np.zeros_like(x)))
rows("clip", (A, -0.5, 0.5), (I, -2, 3), (A, B - 1, B + 1))
rows("where", (M, A, B), (M, I, 2), (M,), (I,))
row("select", [A < 0, A > 1], [A, B], default=5)

for _name in ("zeros", "ones", "empty"):
    row(_name, (2, 3), want=lambda s, n=_name: np.full(s, n == "ones", "float32"))
    row(_name + "_like", A, want=lambda x, n=_name: np.full(x.shape, n == "ones", "float32"))
rows("full", ((2, 3), 2.5), ((3, 4), B))
row("full_like", I, 3)
rows("eye", (3,), (3, 4, 1))
rows("identity", (3,))
rows("tri", (3,), (3, 5, 1))
rows("arange", (5,), (2, 8, 2), (0.0, 1.0, 0.25), (8, 2, -2))
rows("linspace", (0, 1), (A, B, 5), (0, 10, 4, False))
row("linspace", A, 3.0, num=4, axis=-1)
row("linspace", A, B, num=5, retstep=True)
rows("logspace", (0, 3, 4), (A, B, 3))
rows("geomspace", (1, 100, 3), (P, 9.0, 4))
row("meshgrid", B, A[:, 0])
row("meshgrid", B, A[:, 0], indexing="ij")
rows("vander", (B,), (B, 3), (J[0], 3, True))
rows("bartlett blackman hamming hanning", (7,), (8,))
row("kaiser", 7, 2.5)
rows("array copy ravel", (A,))

row("reshape", C, (6, -1))
rows("expand_dims", (A, 0), (A, -1), (A, (0, 2)))
rows("squeeze", (A[None, :, None],), (A[None, :, None], -2))
rows("transpose", (C,), (C, (1, 0, 2)), (C, (-1, 0, 1)))
rows("moveaxis", (C, 0, -1), (C, [0, 1], [-1, -2]))
row("swapaxes", C, 0, -1)
row("broadcast_to", B, (3, 4))
rows("ndim size", (C,))
rows("concatenate", ([A, A],), ([A, I], 1), ([C, C], -1))
rows("append", (A, B), (A, A, 0))
rows("stack", ([A, A],), ([A, I], -1))
rows("hstack vstack dstack", ([A, A],), ([B, B],))
rows("split", (C, 2, 2), (A, [1], 0), (A, [1, 3], 1), (A, [-1], 1))
row("array_split", A, 3, 1)
rows("hsplit", (A, 2), (B, 2))
row("vsplit", A, 3)
row("dsplit", C, 2)
rows("tile", (A, 2), (A, (2, 3)), (B, (2, 1, 2)), (C, (2, 1)))
rows("repeat", (A, 2), (A, 2, 1), (A, [1, 0, 2], 0))
rows("roll", (A, 1), (A, 1, 0), (A, -6, -1), (A, (1, 2), (0, 1)))
rows("flip", (A,), (A, 0), (C, (0, -1)))
rows("fliplr flipud", (A,))
rows("rot90", (A,), (A, 2), (C, 3, (1, 2)), (C, -1, (2, 0)))
rows("pad", (A, 1), (A, ((1, 2), (0, 3))), (A, ((1, 1), (2, 2)), "reflect"), (A, 1, "symmetric"), (A, 2, "edge"), (I, 1))
row("pad", A, 1, constant_values=2.5)
for _k in (0, 1, -2):
    rows("diagonal diag diagflat tril triu trace", (A, _k))
    rows("diag", (B, _k))
rows("diagonal trace", (C, 1, 1, 2), (C,))
rows("take", (A, np.array([0, -1])), (A, np.array([[0, 2], [1, 0]]), 0), (C, [1, 0], -1), (A, 2, 1))
rows("take_along_axis", (A, np.argsort(A, 1), 1), (A, np.array([[0], [3], [1]]), 1))
row("take_along_axis", A, np.array([0, 5]), None)
row("unravel_index", np.array([0, 5, 11]), (3, 4))

for _axis in (None, 0, -1, (0, 1)):
    rows("sum mean var std prod max min amax amin ptp all any nansum nanmean", (A, _axis, None, False)[:2], (I, _axis))
    for _name in "sum mean var max any nanvar nanmin".split():
        row(_name, N if _name[0] == "n" else C, axis=_axis, keepdims=True)
    rows("nanprod nanstd nanmax median nanmedian", (N, _axis))
    rows("count_nonzero", (I, _axis))
rows("sum mean prod all any var", (M, 0))
rows("sum prod", (A[:0],))
row("max", A[:0], axis=0, initial=1.0)
row("min", A, axis=1, initial=0.0)
for _axis in (None, 0, -1):
    rows("argmax argmin cumsum cumprod", (A, _axis), (I, _axis))
    rows("nanargmax nanargmin nancumsum nancumprod", (N, _axis))
row("argmax", C, axis=1, keepdims=True)
row("argmin", A, keepdims=True)
rows("average", (A,), (A, 1, B), (A, None, P))
rows("diff", (A,), (A, 2), (I, 1, 0), (M,))
rows("trapezoid", (A,), (A, B), (A, None, 0.5, 0))
for _q in (0.3, [0.1, 0.5, 0.9]):
    rows("quantile", (A, _q), (A, _q, 1), (N, _q, 0))
    rows("nanquantile", (N, _q), (N, _q, 1))
    rows("percentile", (A, np.multiply(_q, 100).tolist(), 0))
    rows("nanpercentile", (N, np.multiply(_q, 100).tolist(), 0))
row("quantile", C, [0.2, 0.4], axis=(0, 2), keepdims=True)
for _how in "lower higher midpoint nearest".split():
    row("quantile", A, [0.1, 0.35], axis=1, method=_how)

rows("sort argsort", (A,), (A, 0), (N, -1))
row("sort", I, None)
row("argsort", I, 0, want=lambda x, axis: np.argsort(x, axis, kind="stable"))
row("get_item", A, (slice(None), 1), want=lambda x, key: x[key])
row("argpartition", A, 1, want=lambda x, k: np.argsort(x, -1))
rows("searchsorted", (np.sort(B), A), (np.sort(B), B, "right"))
row("digitize", A, np.sort(B))
row("isin", I, np.array([1, 2, -3]))
row("isin", I, J, invert=True)
rows("bincount", (J[0],), (J[0], B), (J[0], None, 12))
row("bincount", J, want=lambda x: np.stack([np.bincount(v, minlength=x.max() + 1) for v in x]))
rows("histogram", (A.ravel(),), (A.ravel(), 5, (-1, 1)), (np.ones(3, "float32"), 3))
rows("nonzero", (I,), (M,))
row("unique", I, return_index=True, return_inverse=True, return_counts=True, want=lambda *a, **k: unique(*a, **k))
row("unique", I[:, :2], axis=0)
row("unique", J, size=30, fill_value=-1, want=lambda x, **k: np.append(np.unique(x), np.full(30 - np.unique(x).size, -1)))

rows("matmul", (A, D), (C, D), (C, RNG.standard_normal((2, 4, 2)).astype("float32")), (B, D), (A, B), (B, B), (I, J.T))
rows("dot", (A, D), (A, B), (B, B), (A, 2.0), (A, C.swapaxes(1, 2)))
rows("inner", (A, D.T), (B, B), (C, A))
rows("outer vdot", (B, B), (A, A))
rows("kron", (A, B), (A, C))
rows("cross", (A[:, :3], A[:, 1:]), (A[0, :3], A[:, 1:]))
row("cross", A, A[::-1].copy(), axis=0)
rows("tensordot", (C, A), (A, D, 1), (A, B, 0), (C, C, ([0, 2], [0, 2])), (C, D, (2, 0)))
for _n, _k in ((7, 3), (3, 7), (6, 4)):
    for _mode in ("valid", "same", "full"):
        row("correlate", A.ravel()[:_n], C.ravel()[:_k], _mode)
row("corrcoef", A)
row("slogdet", A[:, :3], want=np.linalg.slogdet)
EINSUMS = [("ij,jk->ik", A, D), ("ij,jk", A, D), ("ij->ji", A), ("ij->", A), ("ii->i", A[:, :3]), ("ii", A[:, :3]), ("i,j->ij", B, B),
           ("i,i", B, B), ("bij,bkj->bik", C, C), ("bji,bjk->bik", C, C), ("...ij,jk", C, D), ("...i->...", C), ("i...->...i", C),
           ("bij,jk,kl->bil", C, D, D.T), ("ij,kl->", A, D), ("aab,b->a", np.stack([A[:, :3]] * 3), A[0, :3]), ("ij,ij->i", A, A),
           ("ki,kj->ij", A, A), ("ba,cb->ca", D, A), ("...,...->...", A[:1], A[:, :1]), ("b i d, b j d -> b i j", C, C), ("ij,jk->ik", I, J.T)]
for _s, *_xs in EINSUMS:
    row("einsum", _s, *_xs)
row("vectorize", lambda x: x, want=lambda f: None)
def unique(x, **options):
    """NumPy 2's: the inverse has the shape of x."""
    values, first, inverse, counts = np.unique(x, **options)
    return values, first, inverse.reshape(x.shape), counts


NUMPY = dict(bitwise_invert=np.bitwise_not, bitwise_left_shift=np.left_shift, bitwise_right_shift=np.right_shift,
             trapezoid=getattr(np, "trapezoid", None) or np.trapz, divide_no_nan=None)
VALUES = {"bincount", "nonzero", "unique", "argpartition", "vectorize"}       # need values, or mean something else: no symbolic row


def name_of(r):
    return r[0]


def flat(y):
    return [v for part in y for v in flat(part)] if isinstance(y, (tuple, list)) else [y]


def tensors_of(args):
    return [v for a in args for v in (tensors_of(a) if isinstance(a, list) else [a]) if isinstance(v, np.ndarray)]


def swapped(args, values):
    """args with each array replaced by the next of values."""
    return [swapped(a, values) if isinstance(a, list) else next(values) if isinstance(a, np.ndarray) else a for a in args]


def call(r):
    return flat(getattr(knp, r[0])(*r[1], **r[2]))


def test_every_word_has_a_row_and_is_a_public_op():
    assert set(knp.__all__) == {r[0] for r in ROWS}
    assert all(getattr(ops, n) is getattr(knp, n) for n in knp.__all__)


@pytest.mark.parametrize("r", [r for r in ROWS if r[0] != "vectorize"], ids=name_of)
def test_value_is_numpys(r):
    name, args, kwargs, want = r
    with np.errstate(all="ignore"):
        meant = flat((want or NUMPY.get(name) or getattr(np, name))(*args, **kwargs))
    got = call(r)
    assert len(got) == len(meant)
    for g, w in zip(got, map(np.asarray, meant)):
        g = g if isinstance(g, Tensor) else Tensor(np.asarray(g))
        assert g.shape == w.shape and g.numpy().dtype.name == g.dtype != "float64"
        np.testing.assert_allclose(g.numpy(), w, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("r", [r for r in ROWS if r[0] not in VALUES and len(r[1]) + (r[0] != "where") > 1 and tensors_of(r[1])], ids=name_of)
def test_symbolic_and_traced_agree_with_eager(r):
    """The shape without data is the shape with data; a plan computes the bits that eager computes."""
    name, args, kwargs, _ = r
    if name == "where" and len(args) == 1:
        return
    fn, eager, arrays = getattr(knp, name), call(r), tensors_of(args)
    symbols = iter([KerasTensor(a.shape, a.dtype.name if a.dtype != "int64" else "int32") for a in arrays])
    guessed = flat(infer(getattr(fn, "__wrapped__", fn), swapped(args, symbols), kwargs))
    copied = lambda y: knp.copy(y) if isinstance(y, Tensor) else y
    planned = flat(fastdl.function(lambda *xs: [copied(y) for y in flat(fn(*swapped(args, iter(xs)), **kwargs))])(*arrays))
    for e, g, p in zip(eager, guessed, planned):
        if isinstance(e, Tensor):
            assert g.shape == e.shape and g.dtype == e.dtype, (g, e)
            assert p.dtype == e.dtype
            np.testing.assert_array_equal(p.numpy(), e.numpy())


def test_unknown_sizes_stay_unknown_and_known_ones_known():
    x = KerasTensor((None, 6, 4))
    for y, shape in [(knp.reshape(x, (-1, 24)), (None, 24)), (knp.get_item(x, (slice(None), 0)), (None, 4)), (knp.sum(x, 0), (6, 4)),
                     (knp.transpose(x), (4, 6, None)), (knp.concatenate([x, x], 1), (None, 12, 4)), (knp.matmul(x, D), (None, 6, 5)),
                     (knp.einsum("bij,bkj->bik", x, x), (None, 6, 6)), (knp.zeros_like(x), (None, 6, 4)), (knp.mean(x, (1, 2)), (None,)),
                     (knp.concatenate([x, x], 0), (None, 6, 4)), (knp.get_item(x, (Ellipsis, None, slice(0, 2))), (None, 6, 1, 2)),
                     (knp.add(x, 1), (None, 6, 4)), (knp.pad(x, ((0, 0), (1, 1), (0, 0)), "reflect"), (None, 8, 4))]:
        assert y.shape == shape


DIFFERENTIABLE = {
    "var": lambda x: knp.var(x, 0), "std": lambda x: knp.std(x), "logaddexp": lambda x: knp.logaddexp(x, 0.3),
    "sort": lambda x: knp.multiply(knp.sort(x, 0), knp.reshape(knp.arange(12.0), (3, 4))), "median": lambda x: knp.median(x, 1),
    "quantile": lambda x: knp.quantile(x, [0.2, 0.7], 0), "cumsum": lambda x: knp.square(knp.cumsum(x, 1)), "power": lambda x: knp.power(knp.abs(x), 2.5),
    "get_item": lambda x: knp.square(knp.get_item(x, (slice(None, None, -1), [0, 2, 2]))), "two index arrays": lambda x: knp.get_item(x, ([0, 0, 2], [1, 1, 3])),
    "take_along_axis": lambda x: knp.take_along_axis(x, [[0, 0], [3, 1], [2, 2]], 1), "einsum": lambda x: knp.einsum("ij,kj,jl->ikl", x, x, D),
    "tensordot": lambda x: knp.tensordot(x, C, ([0, 1], [1, 2])), "diag": lambda x: knp.diag(knp.get_item(x, 0), 1), "trace": lambda x: knp.trace(x, 1),
    "pad": lambda x: knp.square(knp.pad(x, ((1, 1), (2, 0)), "reflect")), "roll tile": lambda x: knp.square(knp.tile(knp.roll(x, 1, 1), (2, 2))),
    "cross": lambda x: knp.cross(knp.get_item(x, (Ellipsis, slice(0, 3))), knp.get_item(x, (Ellipsis, slice(1, 4)))), "i0": knp.i0, "sinc": knp.sinc,
    "mod": lambda x: knp.mod(x, 0.37), "where": lambda x: knp.where(M, knp.exp(x), knp.square(x)), "kron": lambda x: knp.kron(x, x),
    "norm": lambda x: knp.sqrt(knp.sum(knp.square(x), -1)), "average": lambda x: knp.average(x, 1, knp.exp(knp.get_item(x, 0))), "clip": lambda x: knp.clip(x, -0.5, B),
    "max": lambda x: knp.max(x, 1), "nanmean": lambda x: knp.nanmean(knp.where(M, x, np.float32(np.nan)), 0), "corrcoef": knp.corrcoef,
    "linspace": lambda x: knp.linspace(x, 2.0, 3), "trapezoid": lambda x: knp.trapezoid(x, x), "correlate": lambda x: knp.correlate(knp.ravel(x), B),
    "prod": lambda x: knp.prod(x, 1), "split stack": lambda x: knp.square(knp.stack(knp.split(x, 2, 1)[::-1])), "hypot": lambda x: knp.hypot(x, B),
    "bincount": lambda x: knp.bincount(J, knp.square(x)), "slogdet": lambda x: knp.slogdet(knp.get_item(x, (Ellipsis, slice(0, 3))))[1],
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient(name):
    """<u, f(x + e v) - f(x - e v)> / 2e = <gradient, v>, in float64."""
    f, rng = DIFFERENTIABLE[name], np.random.default_rng(1)
    with Reference():
        x, v = A.astype("float64"), rng.standard_normal(A.shape)
        t = Tensor(x.copy())
        with GradientTape() as tape:
            tape.watch(t)
            y = f(t)
        u = rng.standard_normal(y.shape)
        exact = np.sum(v * tape.gradient(y, t, Tensor(u)).numpy())
        along = lambda s: np.sum(u * f(Tensor(x + s * v)).numpy())
        numeric = (along(1e-6) - along(-1e-6)) / 2e-6
    assert abs(numeric - exact) <= 2e-6 * max(1.0, abs(numeric))


MIXED = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4)


@settings(max_examples=60, deadline=None)
@given(MIXED, st.sampled_from("add subtract multiply".split()), st.integers(0, 99))
def test_broadcasting(shapes, name, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal(s).astype("float32") for s in shapes.input_shapes)
    np.testing.assert_array_equal(getattr(knp, name)(x, y).numpy(), getattr(np, name)(x, y))
    np.testing.assert_array_equal(knp.where(x > 0, x, y).numpy(), np.where(x > 0, x, y))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_basic_indexing(data):
    x = np.arange(120, dtype="float32").reshape(2, 3, 4, 5)
    key = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    np.testing.assert_array_equal(knp.get_item(x, key).numpy(), x[key])


def test_indexing_with_arrays_and_masks():
    i, j = np.array([[0, -1], [1, 0]]), np.array([2, 0])
    for key in [i, (slice(None), i), (i, j), (0, slice(None), j), (slice(None), j, i), (slice(None), 1, j), (i, None, j), (Ellipsis, j),
                (slice(1, None), [0, 2], slice(None, None, 2)), C > 0, (slice(None), A > 0), (0, A[:, 0] > 0, 1), (C[:, 0, 0] > -9, j[:, None])]:
        np.testing.assert_array_equal(knp.get_item(C, key).numpy(), C[key])
    assert ops.convert_to_tensor(C)[1, -1].shape == (4,)
    with pytest.raises(IndexError, match="index 3 is out of range for axis 1 of size 3"):
        knp.get_item(C, (0, 3))
    with pytest.raises(IndexError, match="4 indices for a tensor of 3 axes"):
        knp.get_item(C, (0, 0, 0, 0))
    with pytest.raises(TypeError, match="cannot be indexed by 'a'"):
        knp.get_item(C, "a")
    with pytest.raises(IndexError, match="out of range"):
        knp.get_item(C, (np.array([5]), np.array([0])))


HALF = ops.convert_to_tensor(A, "float16")


@pytest.mark.parametrize("name,args,dtype", [
    ("add", (I, A), "float32"), ("add", (I, 2.5), "float32"), ("add", (I, 2), "int32"), ("add", (A, 2), "float32"), ("add", (M, 1), "int32"),
    ("add", (J.astype("uint8"), 1), "uint8"), ("add", (J.astype("uint8"), J.astype("int8")), "int16"), ("add", (HALF, I), "float16"),
    ("multiply", (HALF, 2.0), "float16"), ("divide", (I, J), "float32"), ("mean", (I,), "float32"), ("sum", (M,), "int32"),
    ("sum", (J.astype("uint8"),), "uint32"), ("prod", (M,), "int32"), ("max", (M,), "bool"), ("var", (I,), "float32"), ("exp", (I,), "float32"),
    ("floor", (I,), "float32"), ("argmax", (A,), "int32"), ("matmul", (J.astype("int8"), J.T.astype("int8")), "int32"), ("square", (M,), "int32"),
    ("arange", (5,), "int32"), ("arange", (5.0,), "float32"), ("where", (M, I, 2.5), "float32"), ("median", (I,), "float32"), ("cumsum", (M,), "int32"),
])
def test_dtypes_meet_as_in_keras(name, args, dtype):
    assert getattr(knp, name)(*args).dtype == dtype


@pytest.mark.parametrize("name,args,message", [
    ("sum", (A, 2), "axis 2 is out of range for a tensor of 2 dimensions"), ("sum", (A, (0, -2)), "names an axis twice"),
    ("add", (A, D), "cannot be combined element by element"), ("matmul", (A, A), "4 columns against 3 rows"), ("reshape", (A, (5, -1)), "not a multiple of 5"),
    ("squeeze", (A, 0), "only axes of size 1 can go"), ("split", (A, 3, 1), "cannot be cut into 3 equal parts"), ("stack", ([A, D],), "of one shape"),
    ("transpose", (A, (0, 0)), "each of the 2 axes"), ("einsum", ("ij,jk->iz", A, D), "'z' does not"), ("einsum", ("ij,jk", A), "speaks of 2 tensors, got 1"),
    ("einsum", ("ijk->k", A), "'ijk' names 3 axes, tensor 0 has shape"), ("einsum", ("ij,ik->j", A, D), "'i' has size 3 and, in tensor 1"),
    ("einsum", ("i$->i", A), "use letters"), ("tensordot", (A, A, 1), "must be equally many and of equal sizes"), ("broadcast_to", (A, (3, 5)), "cannot broadcast"),
    ("pad", (A, 1, "mirror"), "unknown padding mode 'mirror'"), ("quantile", (A, 0.5, None, "cubic"), "unknown method 'cubic'"), ("max", (A[:0],), "give initial="),
    ("where", (M, A), "only one of x1 and x2"), ("expand_dims", (A, 4), "axis 4 is out of range"), ("average", (A, 1, A[:, 0]), "weights of shape"),
])
def test_messages_teach(name, args, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        getattr(knp, name)(*args)


def test_types_are_refused_with_the_fix():
    for f, message in [(lambda: knp.take(A, B), "cast them"), (lambda: knp.bitwise_and(A, 1), "cast with"), (lambda: knp.zeros((2, 1.5)), "a shape is made of ints")]:
        with pytest.raises(TypeError, match=message):
            f()


def test_shapes_that_depend_on_values_cannot_be_traced():
    for f in (knp.nonzero, knp.where, knp.unique, lambda x: knp.get_item(x, knp.greater(x, 0))):
        with pytest.raises(TracedValueError, match="only shapes are known"):
            infer(f, (KerasTensor((3, 4)),), {})


def test_a_no_op_costs_nothing():
    t = ops.convert_to_tensor(A)
    for y in (knp.reshape(t, (3, 4)), knp.transpose(t, (0, 1)), knp.broadcast_to(t, (3, 4)), knp.squeeze(t),
              knp.moveaxis(t, 0, 0), knp.pad(t, 0), knp.power(t, 1), knp.get_item(t, Ellipsis), knp.tile(t, 1)):
        assert y is t


def test_vectorize_maps_scalars_and_core_arrays():
    relu = knp.vectorize(lambda x: knp.maximum(x, 0.0))
    np.testing.assert_array_equal(relu(C).numpy(), np.maximum(C, 0))
    product = knp.vectorize(knp.vdot, signature="(n),(n)->()")
    np.testing.assert_allclose(product(C, B).numpy(), C @ B, rtol=1e-5, atol=1e-6)
    both = knp.vectorize(lambda x, k: (knp.add(x, k), knp.multiply(x, k)), excluded={1})(A, 2)
    np.testing.assert_array_equal(both[1].numpy(), A * 2)


def test_large_fills_are_not_kept_while_tracing():
    x = KerasTensor((None, 500, 500, 3))
    assert knp.ones_like(x).shape == (None, 500, 500, 3)
    f = fastdl.function(lambda t: knp.add(t, knp.ones_like(t)))
    np.testing.assert_array_equal(f(np.zeros((300, 300), "float32")).numpy(), np.ones((300, 300)))
