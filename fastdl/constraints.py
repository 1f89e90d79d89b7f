"""Constraints: functions weight -> weight, applied after every update."""
from fastdl import config
from fastdl.core.tensor import convert_to_tensor
from fastdl.primitives import elementwise as E
from fastdl.primitives import reduce
from fastdl.utils.identifiers import meant_by


class Constraint:
    """w = constraint(w); this one leaves w as it is. Derive from it and write __call__"""

    def __call__(self, w):
        return w

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _norm(w, axis):
    axis = tuple(axis) if isinstance(axis, list) else axis
    return E.sqrt(reduce.sum(E.square(w), axis=axis, keepdims=True))


def _rescale(w, norm, wanted):
    return E.mul(w, E.div(wanted, E.add(norm, config.epsilon())))


class MaxNorm(Constraint):
    """w = w min(||w||, max_value) / ||w||, norms taken over axis"""

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w):
        w = convert_to_tensor(w)
        norm = _norm(w, self.axis)
        return _rescale(w, norm, E.clip(norm, lo=0.0, hi=float(self.max_value)))

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """w = max(w, 0)"""

    def __call__(self, w):
        return E.relu(convert_to_tensor(w))


class UnitNorm(Constraint):
    """w = w / ||w||, norms taken over axis"""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = convert_to_tensor(w)
        return E.div(w, E.add(_norm(w, self.axis), config.epsilon()))

    def get_config(self):
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """w = w (rate clip(||w||, min_value, max_value) + (1 - rate) ||w||) / ||w||, norms taken over axis"""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w):
        w = convert_to_tensor(w)
        norm = _norm(w, self.axis)
        wanted = E.add(E.mul(E.clip(norm, lo=float(self.min_value), hi=float(self.max_value)), float(self.rate)),
                       E.mul(norm, float(1 - self.rate)))
        return _rescale(w, norm, wanted)

    def get_config(self):
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm = maxnorm = MaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm
min_max_norm = MinMaxNorm


def serialize(constraint):
    """The constraint as {"module", "class_name", "config", "registered_name"}."""
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(constraint)


def deserialize(config, custom_objects=None):
    """The constraint that `config` (a dict, or a name) describes."""
    from fastdl.saving import serialization
    return serialization.from_config_of("constraints", config, custom_objects)


def get(identifier):
    """None, a name, a config, a class, a constraint or a function weight -> weight.

    >>> get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    return meant_by(identifier, deserialize, "constraint", "a name, a Constraint or a function weight -> weight",
                    'use for example "non_neg" or MaxNorm(2)')


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
