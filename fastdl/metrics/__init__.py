"""Metrics: numbers that describe how well a model does. One file a family; every name is here."""
from fastdl.errors import unknown_name
from fastdl.losses import (binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy,
                           categorical_hinge, hinge, huber, kl_divergence, log_cosh, mean_absolute_error, mean_absolute_percentage_error,
                           mean_squared_error, mean_squared_logarithmic_error, poisson, sparse_categorical_crossentropy, squared_hinge)
from fastdl.metrics.base import Mean, MeanMetricWrapper, Metric, Sum
from fastdl.metrics.confusion import (AUC, FalseNegatives, FalsePositives, Precision, PrecisionAtRecall, Recall, RecallAtPrecision,
                                      SensitivityAtSpecificity, SpecificityAtSensitivity, TrueNegatives, TruePositives)
from fastdl.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from fastdl.metrics.means import (Accuracy, BinaryAccuracy, BinaryCrossentropy, CategoricalAccuracy, CategoricalCrossentropy,
                                  CategoricalHinge, ConcordanceCorrelation, CosineSimilarity, Hinge, KLDivergence, LogCoshError,
                                  MeanAbsoluteError, MeanAbsolutePercentageError, MeanRelativeError, MeanSquaredError,
                                  MeanSquaredLogarithmicError, PearsonCorrelation, Poisson, RootMeanSquaredError, SparseCategoricalAccuracy,
                                  SparseCategoricalCrossentropy, SparseTopKCategoricalAccuracy, SquaredHinge, TopKCategoricalAccuracy,
                                  accuracy, binary_accuracy, categorical_accuracy, concordance_correlation, cosine_similarity,
                                  pearson_correlation, sparse_categorical_accuracy, sparse_top_k_categorical_accuracy,
                                  top_k_categorical_accuracy)
from fastdl.metrics.scores import F1Score, FBetaScore, R2Score
from fastdl.ops.symbolic import snake_case as _snake_case
from fastdl.saving import serialization as _serialization
from fastdl.utils.identifiers import meant_by as _meant_by

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
cosine_proximity = cosine_similarity

CLASSES = {k: v for k, v in list(globals().items()) if isinstance(v, type) and issubclass(v, Metric)}
FUNCTIONS = {f.__name__: f for f in (
    binary_focal_crossentropy, categorical_focal_crossentropy, huber, log_cosh, cosine_similarity, accuracy)}
# A name in lower case means the class of that name, so that metrics=["mse"] is a metric with state; other functions stay functions.
ALL_OBJECTS = {
    **FUNCTIONS, **CLASSES, **{_snake_case(k): v for k, v in CLASSES.items()},
    "acc": Accuracy, "mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError, "MAPE": MeanAbsolutePercentageError, "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError, "bce": BinaryCrossentropy, "BCE": BinaryCrossentropy, "kld": KLDivergence, "KLD": KLDivergence,
    "kullback_leibler_divergence": KLDivergence, "logcosh": LogCoshError, "log_cosh": LogCoshError, "rmse": RootMeanSquaredError,
    "cosine_proximity": CosineSimilarity, "cosine": CosineSimilarity, "f1_score": F1Score, "fbeta_score": FBetaScore, "r2_score": R2Score,
    "iou": IoU, "mean_iou": MeanIoU, "binary_iou": BinaryIoU}


def serialize(metric):
    """The configuration of a metric, for a file."""
    return _serialization.serialize_keras_object(metric)


def deserialize(config, custom_objects=None):
    """A metric from its name or its configuration."""
    if not isinstance(config, str):
        return _serialization.from_config_of("metrics", config, custom_objects)
    found = _serialization.custom_object(config, custom_objects)
    found = ALL_OBJECTS.get(config) if found is None else found
    if found is None:
        raise unknown_name("metric", config, [*filter(str.islower, ALL_OBJECTS), *_serialization.custom_names(custom_objects)])
    return found


def get(identifier):
    """The metric that `identifier` means: a name, a configuration, a function, a class or an object; None stays None.

    >>> get("mae").name
    'mean_absolute_error'
    """
    return _meant_by(identifier, deserialize, "metric", "a name, a Metric or a function (y_true, y_pred)",
                     'for example metrics=["mae"]', TypeError)


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
