"""The keras.ops vocabulary, composed from primitives; importing it gives tensors their operators.

Every public op takes tensors, arrays and Python numbers, or KerasTensors, for which it is written into the graph.
"""
import builtins as _builtins

from ..core.primitive import bind as _bind
from ..core.tensor import Tensor as _Tensor
from ..primitives import elementwise as _e
from .symbolic import KerasTensor as _KerasTensor
from .numpy import *  # noqa: F403
from .math import *  # noqa: F403
from .linalg import *  # noqa: F403
from .nn import *  # noqa: F403
from .conv import (adaptive_average_pool, adaptive_max_pool, average_pool, conv, conv_transpose, depthwise_conv,  # noqa: F401
                   max_pool, separable_conv)
from .core import *  # noqa: F403
from .patches import *  # noqa: F403
from . import image  # noqa: F401
from . import nn  # noqa: F401
from . import numpy as _n  # isort: skip

_FLOATS = ("float32", "float64", "float16")
_WHOLE = ("int32", "int64")


def _known(x):
    """Is x something that an operator can take? Otherwise Python asks the other operand, and == is False."""
    if isinstance(x, (_Tensor, _KerasTensor, int, float, list, tuple)):
        return True
    return hasattr(x, "__array__") and not isinstance(x, str)


def _binary(prim, general, whole=True, reflected=False):
    """Two tensors of one dtype (or a float tensor and a number) go to the primitive; the rest, to the op that promotes."""
    def forward(a, b):
        if isinstance(b, _Tensor):
            d = a.dtype
            if d == b.dtype and (d in _FLOATS or (whole and d in _WHOLE)):
                return _bind(prim, (a, b), {})
        elif type(b) in (float, int) and a.dtype in _FLOATS:
            return _bind(prim, (b, a) if reflected else (a, b), {})
        elif not _known(b):
            return NotImplemented
        return general(b, a) if reflected else general(a, b)
    return forward


def _symbolic(general, reflected=False):
    def forward(a, b):
        if not _known(b):
            return NotImplemented
        return general(b, a) if reflected else general(a, b)
    return forward


def _on_bools(sign, general, bitwise, reflected=False):
    def forward(a, *other):
        if not _builtins.all(_known(b) for b in other):
            return NotImplemented
        for t in (a, *other):
            d = getattr(t, "dtype", None)
            if d is not None and str(d) != "bool":
                raise TypeError(f"`{sign}` combines booleans, got a tensor of dtype {d}: use ops.{bitwise} for the bits of whole "
                                f"numbers, ops.{general.__name__} for truth values, or compare first, as in (x > 0) {sign} (y > 0)")
        return general(*((other + (a,)) if reflected else (a, *other)))
    return forward


def _power(a, b):
    if isinstance(b, int) and not isinstance(b, bool) and b == 2:
        return _n.square(a)
    return _n.power(a, b) if _known(b) else NotImplemented


def _install():
    from ..primitives.linalg import matmul

    def fast(name, prim, general, whole=True, reflect=True):
        setattr(_Tensor, f"__{name}__", _binary(prim, general, whole))
        setattr(_KerasTensor, f"__{name}__", _symbolic(general))
        if reflect:
            setattr(_Tensor, f"__r{name}__", _binary(prim, general, whole, True))
            setattr(_KerasTensor, f"__r{name}__", _symbolic(general, True))

    fast("add", _e.add, _n.add)
    fast("sub", _e.sub, _n.subtract)
    fast("mul", _e.mul, _n.multiply)
    fast("truediv", _e.div, _n.true_divide, whole=False)
    for name, general in dict(eq=_n.equal, ne=_n.not_equal, lt=_n.less, le=_n.less_equal, gt=_n.greater,
                              ge=_n.greater_equal).items():
        fast(name, getattr(_e, general.__name__), general, reflect=False)
    for cls in (_Tensor, _KerasTensor):
        for name, general in dict(floordiv=_n.floor_divide, mod=_n.mod).items():
            setattr(cls, f"__{name}__", _symbolic(general))
            setattr(cls, f"__r{name}__", _symbolic(general, True))
        for name, sign in dict([("and", "&"), ("or", "|"), ("xor", "^")]).items():
            general = getattr(_n, f"logical_{name}")
            setattr(cls, f"__{name}__", _on_bools(sign, general, f"bitwise_{name}"))
            setattr(cls, f"__r{name}__", _on_bools(sign, general, f"bitwise_{name}", True))
        cls.__invert__ = _on_bools("~", _n.logical_not, "bitwise_not")
        cls.__pow__ = _power
        cls.__rpow__ = _symbolic(_n.power, True)
        cls.__matmul__, cls.__rmatmul__ = _symbolic(_n.matmul), _symbolic(_n.matmul, True)
        cls.__neg__ = lambda a: _n.negative(a)
        cls.__pos__ = lambda a: a
        cls.__abs__ = lambda a: _n.absolute(a)
        cls.__getitem__ = lambda a, key: _n.get_item(a, key)
        cls.T = property(lambda a: _n.transpose(a))
        if cls is not _Tensor:                             # Keras's symbolic tensors have these two
            cls.reshape = lambda a, newshape: _n.reshape(a, newshape)
            cls.squeeze = lambda a, axis=None: _n.squeeze(a, axis)
        cls.__hash__ = object.__hash__

    general_matmul = _Tensor.__matmul__

    def matmul_of_matrices(a, b):
        if isinstance(b, _Tensor) and a.dtype == b.dtype == "float32" and len(a.shape) > 1 and len(b.shape) > 1:
            return _bind(matmul, (a, b), {})
        return general_matmul(a, b)

    _Tensor.__matmul__ = matmul_of_matrices
    _Tensor.__iter__ = lambda a: (a[k] for k in range(len(a)))


_install()
for _name in ("adaptive_average_pool", "adaptive_max_pool", "average_pool", "conv", "conv_transpose", "depthwise_conv", "max_pool",
              "separable_conv"):
    setattr(nn, _name, globals()[_name])  # noqa: F405  (Keras lists them under ops.nn as well)


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
