"""Metric: numbers that batches update and an epoch reads. Mean, Sum, and the mean of a function over samples.

State is Variables made in the constructor, changed by assign_add only, so that an update becomes part of a plan.
"""
import math

import numpy as np

from fastdl import config, ops
from fastdl.core.tensor import Tensor, Variable
from fastdl.errors import bad_argument
from fastdl.losses.base import constructor, without_fn
from fastdl.losses.values import apply_mask, as_dtype, get_mask, squeeze_or_expand_to_same_rank
from fastdl.ops.symbolic import auto_name
from fastdl.saving import serialization


class Metric:
    """value = result(), after any number of update_state(y_true, y_pred, sample_weight)

    A metric of your own makes its state with add_weight() in __init__, changes it with assign_add() in update_state()
    and returns a tensor from result(), all in fastdl.ops.
    """

    def __init__(self, dtype=None, name=None):
        self._variables, self._direction = [], None
        self.name = name or auto_name(type(self).__name__)
        if dtype is not None:
            dtype = getattr(dtype, "compute_dtype", None) or getattr(dtype, "name", None) or dtype
            try:
                dtype = np.dtype(dtype).name
            except TypeError:
                raise bad_argument("dtype", repr(dtype), "a dtype such as 'float32'", "give the name as name=") from None
        self._dtype = dtype or config.floatx()

    @property
    def dtype(self):
        return self._dtype

    @property
    def variables(self):
        """The state: variables of this metric and of metrics that it keeps as attributes."""
        found = list(self._variables)
        for value in vars(self).values():
            for v in value if isinstance(value, (list, tuple)) else [value]:
                new = v.variables if isinstance(v, Metric) else [v] if isinstance(v, Variable) else []
                found += [x for x in new if not any(x is y for y in found)]
        return found

    weights = non_trainable_variables = variables

    def add_variable(self, shape=(), initializer=None, dtype=None, aggregation="sum", name=None):
        """A Variable of the state, zeros unless `initializer` says otherwise; reset_state() makes it zeros."""
        if isinstance(shape, str):                                    # add_weight("total", initializer="zeros")
            shape, name = (initializer if isinstance(initializer, tuple) else ()), shape
            initializer = None if isinstance(initializer, tuple) else initializer
        if "_variables" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}.__init__ makes a variable before super().__init__() ran: call that first")
        dtype, shape = dtype or self.dtype, (shape,) if isinstance(shape, int) else tuple(shape)
        if initializer in (None, "zeros", "zero"):
            value = np.zeros(shape, dtype)
        else:
            from fastdl import initializers
            value = initializers.get(initializer)(shape, dtype=dtype)
        variable = Variable(value, dtype=dtype, trainable=False, aggregation=aggregation, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None, **kwargs):
        return self.add_variable(shape, initializer, dtype, name=name, **kwargs)

    def update_state(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} must define update_state(self, y_true, y_pred, sample_weight=None)")

    def result(self):
        raise NotImplementedError(f"{type(self).__name__} must define result(self), which returns a tensor")

    def reset_state(self):
        """Back to zero."""
        for v in self.variables:
            v.assign(np.zeros(v.shape, v.dtype))

    def reset_states(self):
        self.reset_state()

    def __call__(self, *args, **kwargs):
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**{k: serialization.deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()})

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def weighted_samples(values, sample_weight, reduce):
    """(values * weights, weights): what lies beyond the weights' axes is reduced first."""
    values, weights = squeeze_or_expand_to_same_rank(values, sample_weight)
    rank = len(weights.shape)
    if len(values.shape) > rank:
        values = reduce(values, axis=tuple(range(rank, len(values.shape))))
    for v, w in zip(values.shape, weights.shape):
        if v != w and w != 1:
            raise bad_argument("sample_weight", f"shape {tuple(sample_weight.shape)}", f"one that fits the values, {tuple(values.shape)}",
                               "give one weight a sample: shape (batch,)")
    return values * weights, weights


def total_of(x):
    """Sum over samples of the mean of each."""
    total, rest = ops.sum(x) if x.shape else x, math.prod(x.shape[1:])
    return total * (1 / rest) if rest > 1 else total


class Mean(Metric):
    """mean = sum(values * sample_weight) / sum(sample_weight) of all values since the last reset

    >>> m = Mean()
    >>> m.update_state([1.0, 3.0]); m.update_state(5.0); float(m.result())
    3.0
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), name="total")
        self.count = self.add_variable((), name="count")

    def update_state(self, values, sample_weight=None):
        mask = get_mask(values)
        values = as_dtype(values, self.dtype)
        if sample_weight is not None and mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self.dtype, "sum")
        if sample_weight is None:
            self.total.assign_add(total_of(values))
            self.count.assign_add(float(values.shape[0] if values.shape else 1))
        elif isinstance(sample_weight, (int, float)) and not values.shape:
            self.total.assign_add(values * float(sample_weight) if sample_weight != 1 else values)
            self.count.assign_add(float(sample_weight))
        else:
            values, weights = weighted_samples(values, as_dtype(sample_weight, self.dtype), ops.mean)
            self.total.assign_add(total_of(values))
            self.count.assign_add(total_of(weights))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


class Sum(Metric):
    """sum = sum(values * sample_weight) of all values since the last reset"""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), name="total")

    def update_state(self, values, sample_weight=None):
        mask = get_mask(values)
        values = as_dtype(values, self.dtype)
        if sample_weight is not None:
            if mask is not None:
                sample_weight = apply_mask(sample_weight, mask, self.dtype, "sum")
            values, _ = weighted_samples(values, as_dtype(sample_weight, self.dtype), ops.sum)
        self.total.assign_add(ops.sum(values) if values.shape else values)

    def result(self):
        return ops.add(self.total, 0.0)


class MeanMetricWrapper(Mean):
    """mean over samples of fn(y_true, y_pred, **kwargs)"""

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), dtype=dtype)
        if not callable(fn):
            raise bad_argument("fn", repr(fn), "a function (y_true, y_pred) -> one value a sample", "pass the function itself", TypeError)
        self._fn, self._fn_kwargs = fn, kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = get_mask(y_pred)
        fn = self._fn
        if sample_weight is None and mask is None:
            fn = getattr(fn, "elements", fn)               # one reduction fewer: Mean averages the last axis too
        y_pred = y_pred if isinstance(y_pred, Tensor) else as_dtype(y_pred, self.dtype)
        values = fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self.dtype, "sum")
        super().update_state(values, sample_weight)

    def get_config(self):
        return {**super().get_config(), "fn": serialization.serialize_keras_object(self._fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config):
        from fastdl.metrics import get
        config = dict(config)
        if isinstance(config.get("fn"), (str, dict)):
            config["fn"] = get(config["fn"])
        return cls(**config)


def mean_of(name, fn, label, direction, order="name dtype", **own):
    """class `name`: the MeanMetricWrapper of fn whose parameters `own` are in the constructor and in get_config()."""
    defaults = {"name": label, "dtype": None, **own}

    def make(self, given):
        kwargs = {k: given[k] for k in own}
        MeanMetricWrapper.__init__(self, fn, given["name"], given["dtype"], **kwargs)
        self.__dict__.update(kwargs, _direction=direction)

    def get_config(self):
        return {**Metric.get_config(self), **self._fn_kwargs}

    order = order.split()
    init = constructor(name, {k: defaults[k] for k in order + [k for k in own if k not in order]}, make)
    return type(name, (MeanMetricWrapper,), dict(__init__=init, get_config=get_config, __module__=__name__, __qualname__=name,
                                                 from_config=classmethod(without_fn), __doc__=fn.__doc__))
