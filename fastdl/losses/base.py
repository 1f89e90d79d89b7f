"""Loss, which weights, masks and reduces one value a sample, and the Loss of a function (y_true, y_pred)."""
import functools
import inspect

from fastdl import config, ops
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument, did_you_mean
from fastdl.losses.probabilities import categorical_generalized_cross_entropy, ctc, sparse_categorical_crossentropy
from fastdl.losses.regions import circle
from fastdl.losses.values import MEANS, cast_structure, get_mask, reduce_weighted_values, squeeze_or_expand_to_same_rank
from fastdl.ops.symbolic import KerasTensor, auto_name
from fastdl.saving import serialization

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """loss = reduce(call(y_true, y_pred) * sample_weight)

    A loss of your own: subclass and write call(y_true, y_pred) -> one value a sample.
    """
    labels = False                       # targets are class numbers and stay whole numbers

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction in ("auto", "sum_over_batch"):                     # Keras 2
            reduction = "sum_over_batch_size"
        if reduction not in REDUCTIONS:
            raise bad_argument("reduction", repr(reduction), "one of " + ", ".join(map(repr, REDUCTIONS)),
                               'leave it out for the mean over the batch.' + did_you_mean(reduction, filter(None, REDUCTIONS)))
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = None if dtype is None else str(getattr(dtype, "compute_dtype", None) or getattr(dtype, "name", None) or dtype)

    @property
    def dtype(self):
        return self._dtype or config.floatx()

    def __call__(self, y_true, y_pred, sample_weight=None):
        given = get_mask(y_pred)
        y_pred = cast_structure(y_pred, self.dtype)
        if not self.labels:
            y_true = cast_structure(y_true, self.dtype)
        if given is None and sample_weight is None and self.reduction in MEANS:
            elements = self.elements(y_true, y_pred)
            if elements is not None:
                return ops.mean(elements)
        values = self.call(y_true, y_pred)
        masks = [m for m in (given, get_mask(values)) if m is not None]
        mask = functools.reduce(ops.logical_and, masks) if masks else None
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self.dtype)

    def elements(self, y_true, y_pred):
        """Values whose mean is that of call()'s, with one reduction less; None where there are none."""

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred), which returns one value a sample")

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, reduction={self.reduction}>"


class LossFunctionWrapper(Loss):
    """loss = reduce(fn(y_true, y_pred, **kwargs) * sample_weight)"""

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        if not callable(fn):
            raise bad_argument("fn", repr(fn), "a function (y_true, y_pred) -> one value a sample", "pass the function itself", TypeError)
        self.fn, self._fn_kwargs = fn, kwargs
        self.labels = fn in (sparse_categorical_crossentropy, categorical_generalized_cross_entropy, circle, ctc)

    def call(self, y_true, y_pred):
        if isinstance(y_true, (Tensor, KerasTensor)) and isinstance(y_pred, (Tensor, KerasTensor)):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        value = self.fn(y_true, y_pred, **self._fn_kwargs)
        if value is None:
            raise ValueError(f"The loss function {getattr(self.fn, '__name__', self.fn)!s:.60} returned None; wanted one value a "
                             "sample, or one for the batch. Is a `return` missing at its end?")
        return value if isinstance(value, (Tensor, KerasTensor)) else ops.convert_to_tensor(value, self.dtype)

    def elements(self, y_true, y_pred):
        fn = getattr(self.fn, "elements", None)
        return fn(y_true, y_pred, **self._fn_kwargs) if fn else None

    def get_config(self):
        return {**super().get_config(), "fn": serialization.serialize_keras_object(self.fn),
                **{k: serialization.serialize_keras_object(v) for k, v in self._fn_kwargs.items()}}

    @classmethod
    def from_config(cls, config):
        from fastdl.losses import get
        config = dict(config)
        if isinstance(config.get("fn"), (str, dict)):
            config["fn"] = get(config["fn"])
        return cls(**config)


def constructor(name, parameters, make):
    """An __init__ with these parameters and defaults that calls make(self, given)."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter("self", kind),
                                   *(inspect.Parameter(k, kind, default=v) for k, v in parameters.items())])

    def __init__(self, *args, **kwargs):
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            unknown = next((k for k in kwargs if k not in parameters), "")
            raise TypeError(f"{name}(): {error}.{did_you_mean(unknown, parameters)} It takes: {', '.join(parameters)}.") from None
        bound.apply_defaults()
        make(self, dict(list(bound.arguments.items())[1:]))

    __init__.__signature__ = signature
    return __init__


def without_fn(cls, config):
    """from_config of a class that knows its function; Keras 2 wrote it down all the same."""
    return cls(**{k: v for k, v in config.items() if k != "fn"})
