"""Losses: how far predictions are from targets, as one number that training makes small.

Each is a function (y_true, y_pred) -> one value a sample, and a class that weights, masks and reduces those values.
One file a family of functions; every name is here.
"""
from fastdl.errors import unknown_name
from fastdl.losses.base import Loss, LossFunctionWrapper
from fastdl.losses.classes import (
    CTC, BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy, CategoricalHinge, Circle, CosineSimilarity, Dice, Hinge, Huber, KLDivergence, LogCosh,
    MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
    SparseCategoricalCrossentropy, SquaredHinge, Tversky)
from fastdl.losses.probabilities import (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy,
    categorical_generalized_cross_entropy, ctc, kl_divergence, sparse_categorical_crossentropy)
from fastdl.losses.regions import circle, dice, tversky
from fastdl.losses.regression import (
    categorical_hinge, cosine_similarity, hinge, huber, log_cosh, mean_absolute_error, mean_absolute_percentage_error,
    mean_squared_error, mean_squared_logarithmic_error, poisson, squared_hinge)
from fastdl.saving import serialization
from fastdl.utils.identifiers import meant_by

_own = {k: v for k, v in list(globals().items()) if getattr(v, "__module__", "").startswith("fastdl.losses.")}
CLASSES = {k: v for k, v in _own.items() if isinstance(v, type)}
FUNCTIONS = {k: v for k, v in _own.items() if not isinstance(v, type)}

bce = BCE = binary_crossentropy
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = kl_divergence
cosine_proximity = cosine_similarity
logcosh = log_cosh

ALIASES = {name: globals()[name] for name in (
    "bce BCE mse MSE mae MAE mape MAPE msle MSLE kld KLD kullback_leibler_divergence cosine_proximity logcosh").split()}
ALIASES["huber_loss"] = huber
ALL_OBJECTS = {**CLASSES, **FUNCTIONS, **ALIASES}


def serialize(loss):
    """The configuration of a loss, for a file."""
    return serialization.serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """A loss from its name or its configuration."""
    if not isinstance(name, str):
        return serialization.from_config_of("losses", name, custom_objects)
    found = serialization.custom_object(name, custom_objects)
    found = ALL_OBJECTS.get(name) if found is None else found
    if found is None:
        raise unknown_name("loss", name, [*filter(str.islower, ALL_OBJECTS), *serialization.custom_names(custom_objects)])
    return found() if isinstance(found, type) else found


def get(identifier):
    """The loss that `identifier` means: a name, a configuration, a function or an object; None stays None.

    >>> get("mse") is mean_squared_error
    True
    """
    return meant_by(identifier, deserialize, "loss", "a name, a Loss or a function (y_true, y_pred)", 'for example loss="mse"', TypeError)


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
