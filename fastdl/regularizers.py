"""Regularizers: functions weight -> a scalar that is added to the loss."""
import math

import numpy as np

from fastdl import config
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import bad_argument, did_you_mean
from fastdl.primitives import elementwise as E
from fastdl.primitives import linalg, reduce
from fastdl.primitives.movement import transpose
from fastdl.utils.identifiers import meant_by


def _factor(name, value, default=0.01):
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, str) or not 0 <= number < math.inf:
        raise bad_argument(name, repr(value), "a number of 0 or more", f"use for example {name}=0.01")
    return number


class Regularizer:
    """penalty = regularizer(w), a scalar"""

    def __call__(self, x):
        return Tensor(np.zeros((), "float32"))

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} must define get_config(), the arguments of its constructor, to be saved")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class L1(Regularizer):
    """penalty = l1 sum |w|"""

    def __init__(self, l1=0.01):
        self.l1 = _factor("l1", l1)

    def __call__(self, x):
        return E.mul(reduce.sum(E.abs(convert_to_tensor(x))), self.l1)

    def get_config(self):
        return {"l1": self.l1}


class L2(Regularizer):
    """penalty = l2 sum w^2"""

    def __init__(self, l2=0.01):
        self.l2 = _factor("l2", l2)

    def __call__(self, x):
        return E.mul(reduce.sum_squares(convert_to_tensor(x)), self.l2)

    def get_config(self):
        return {"l2": self.l2}


class L1L2(Regularizer):
    """penalty = l1 sum |w| + l2 sum w^2"""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1, self.l2 = _factor("l1", l1, 0.0), _factor("l2", l2, 0.0)

    def __call__(self, x):
        x = convert_to_tensor(x)
        terms = ([E.mul(reduce.sum(E.abs(x)), self.l1)] if self.l1 else []) + \
                ([E.mul(reduce.sum_squares(x), self.l2)] if self.l2 else [])
        return E.add(*terms) if len(terms) == 2 else terms[0] if terms else Tensor(np.zeros((), x.dtype))

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """penalty = factor mean_{i<j} |cos(w_i, w_j)| over the rows (or columns) w_i of a matrix"""

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            hint = did_you_mean(mode, ["rows", "columns"])
            raise ValueError(f"OrthogonalRegularizer: mode={mode!r} is unknown.{hint} Known: rows, columns.")
        self.mode = mode

    def __call__(self, x):
        x = convert_to_tensor(x)
        if x.ndim != 2:
            raise bad_argument("x", f"a weight of shape {x.shape}", "a matrix", "use OrthogonalRegularizer on weights of two dimensions")
        w = x if self.mode == "rows" else transpose(x, axes=(1, 0))
        n = w.shape[0]
        norm = E.sqrt(E.maximum(reduce.sum(E.square(w), axis=(1,), keepdims=True), 1e-12))
        w = E.div(w, norm)
        off = np.asarray(1 - np.eye(n), w.dtype)
        cosines = E.mul(linalg.matmul(w, w, tb=True), Tensor(off))
        return E.mul(reduce.sum(E.abs(cosines)), self.factor / max(1, n * (n - 1)))

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


l1, l2, orthogonal_regularizer = L1, L2, OrthogonalRegularizer


def l1_l2(l1=None, l2=None):
    """L1L2(l1, l2); what is not given is 0, or 0.01 where config.compat() is "keras2"."""
    default = 0.01 if config.compat() == "keras2" else 0.0
    return L1L2(default if l1 is None else l1, default if l2 is None else l2)


def serialize(regularizer):
    """The regularizer as {"module", "class_name", "config", "registered_name"}."""
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer that `config` (a dict, or a name) describes."""
    from fastdl.saving import serialization
    if config in ("l1_l2", "l1l2"):
        return l1_l2()
    return serialization.from_config_of("regularizers", config, custom_objects)


def get(identifier):
    """None, a name, a config, a class, a regularizer or a function weight -> scalar.

    >>> get("l2").get_config()
    {'l2': 0.01}
    """
    return meant_by(identifier, deserialize, "regularizer", "a name, a Regularizer or a function weight -> scalar",
                    'use for example "l2" or L2(0.01)')


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
