"""The loss classes, each a LossFunctionWrapper that takes its function's own parameters in the constructor."""
from fastdl.losses.base import Loss, LossFunctionWrapper, constructor, without_fn
from fastdl.losses.probabilities import (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy,
    categorical_generalized_cross_entropy, ctc, kl_divergence, smoothing, sparse_categorical_crossentropy)
from fastdl.losses.regions import circle, dice, tversky
from fastdl.losses.regression import (
    categorical_hinge, cosine_similarity, hinge, huber, log_cosh, mean_absolute_error, mean_absolute_percentage_error,
    mean_squared_error, mean_squared_logarithmic_error, poisson, squared_hinge)


def _wrapped(name, fn, label, order=None, **own):
    """class `name`: LossFunctionWrapper of fn whose parameters `own` are in the constructor and in get_config()."""
    defaults = {**own, "reduction": "sum_over_batch_size", "name": label, "dtype": None}

    def make(self, given):
        kwargs = {k: given[k] for k in own}
        smoothing(kwargs.get("label_smoothing", 0))
        LossFunctionWrapper.__init__(self, fn, given["reduction"], given["name"], given["dtype"], **kwargs)
        self.__dict__.update(kwargs)

    def get_config(self):
        return {**Loss.get_config(self), **self._fn_kwargs}

    init = constructor(name, {k: defaults[k] for k in (order.split() if order else defaults)}, make)
    return type(name, (LossFunctionWrapper,), dict(__init__=init, get_config=get_config, __module__=__name__, __qualname__=name,
                                                   from_config=classmethod(without_fn), __doc__=fn.__doc__))


_entropy = dict(from_logits=False, label_smoothing=0.0, axis=-1)

MeanSquaredError = _wrapped("MeanSquaredError", mean_squared_error, "mean_squared_error")
MeanAbsoluteError = _wrapped("MeanAbsoluteError", mean_absolute_error, "mean_absolute_error")
MeanAbsolutePercentageError = _wrapped("MeanAbsolutePercentageError", mean_absolute_percentage_error, "mean_absolute_percentage_error")
MeanSquaredLogarithmicError = _wrapped("MeanSquaredLogarithmicError", mean_squared_logarithmic_error, "mean_squared_logarithmic_error")
CosineSimilarity = _wrapped("CosineSimilarity", cosine_similarity, "cosine_similarity", axis=-1)
Huber = _wrapped("Huber", huber, "huber_loss", delta=1.0)
LogCosh = _wrapped("LogCosh", log_cosh, "log_cosh")
Poisson = _wrapped("Poisson", poisson, "poisson")
Hinge = _wrapped("Hinge", hinge, "hinge")
SquaredHinge = _wrapped("SquaredHinge", squared_hinge, "squared_hinge")
CategoricalHinge = _wrapped("CategoricalHinge", categorical_hinge, "categorical_hinge")
KLDivergence = _wrapped("KLDivergence", kl_divergence, "kl_divergence")
BinaryCrossentropy = _wrapped("BinaryCrossentropy", binary_crossentropy, "binary_crossentropy", **_entropy)
BinaryFocalCrossentropy = _wrapped("BinaryFocalCrossentropy", binary_focal_crossentropy, "binary_focal_crossentropy",
                                   apply_class_balancing=False, alpha=0.25, gamma=2.0, **_entropy)
CategoricalCrossentropy = _wrapped("CategoricalCrossentropy", categorical_crossentropy, "categorical_crossentropy", **_entropy)
CategoricalFocalCrossentropy = _wrapped("CategoricalFocalCrossentropy", categorical_focal_crossentropy, "categorical_focal_crossentropy",
                                        alpha=0.25, gamma=2.0, **_entropy)
CategoricalGeneralizedCrossEntropy = _wrapped("CategoricalGeneralizedCrossEntropy", categorical_generalized_cross_entropy,
                                              "categorical_generalized_cross_entropy", q=0.5)
SparseCategoricalCrossentropy = _wrapped("SparseCategoricalCrossentropy", sparse_categorical_crossentropy,
                                         "sparse_categorical_crossentropy", "from_logits ignore_class reduction axis name dtype",
                                         from_logits=False, ignore_class=None, axis=-1)
Dice = _wrapped("Dice", dice, "dice", "reduction name axis dtype", axis=None)
CTC = _wrapped("CTC", ctc, "ctc")
Tversky = _wrapped("Tversky", tversky, "tversky", "alpha beta reduction name axis dtype", alpha=0.5, beta=0.5, axis=None)
Circle = _wrapped("Circle", circle, "circle", gamma=80.0, margin=0.4, remove_diagonal=True)
