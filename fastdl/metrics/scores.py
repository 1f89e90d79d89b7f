"""FBetaScore, F1Score and R2Score: state is a vector, one entry a class or an output."""
from fastdl import config, ops
from fastdl.errors import bad_argument
from fastdl.losses.values import as_dtype
from fastdl.metrics.base import Metric


def _same_matrices(metric, y_true, y_pred):
    y_true, y_pred = as_dtype(y_true, metric.dtype), as_dtype(y_pred, metric.dtype)
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        if len(y.shape) != 2:
            raise bad_argument(name, f"shape {tuple(y.shape)}", f"shape (samples, columns) for {type(metric).__name__}",
                               "one-hot class numbers with fastdl.utils.to_categorical; make a vector a column with y[:, None]")
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise bad_argument("y_true", f"shape {tuple(y_true.shape)}", f"the shape of y_pred, {tuple(y_pred.shape)}",
                           "give both the same number of columns")
    return y_true, y_pred


class FBetaScore(Metric):
    """f = (1 + beta^2) precision recall / (beta^2 precision + recall)

    average: None (one score a class), "micro" (counts of all classes together), "macro" (mean of the scores) or "weighted"
    (by how often a class occurs). threshold=None: the largest prediction of a row is its class.
    """

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise bad_argument("average", repr(average), 'None, "micro", "macro" or "weighted"', 'average="macro" for one number')
        if not isinstance(beta, (int, float)) or beta <= 0:
            raise bad_argument("beta", repr(beta), "a number above 0", "beta=1.0 weighs precision and recall alike")
        if threshold is not None and not 0 < threshold <= 1:
            raise bad_argument("threshold", repr(threshold), "a number in (0, 1], or None", "threshold=0.5, for example")
        self._direction, self.average, self.beta, self.threshold, self._built = "up", average, float(beta), threshold, False

    def _build(self, columns):
        shape = () if self.average == "micro" else (columns,)
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(shape, name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = _same_matrices(self, y_true, y_pred)
        if not self._built:
            self._build(int(y_pred.shape[1]))
        if self.threshold is None:
            hits = ops.logical_and(ops.greater_equal(y_pred, ops.max(y_pred, axis=-1, keepdims=True)), ops.greater(ops.abs(y_pred), 1e-9))
        else:
            hits = ops.greater(y_pred, self.threshold)
        hits = ops.cast(hits, self.dtype)
        weights = None if sample_weight is None else ops.reshape(as_dtype(sample_weight, self.dtype), (-1, 1))
        axis = None if self.average == "micro" else 0
        total = lambda x: ops.sum(x if weights is None else x * weights, axis=axis)
        self.true_positives.assign_add(total(hits * y_true))
        self.false_positives.assign_add(total(hits * (1.0 - y_true)))
        self.false_negatives.assign_add(total((1.0 - hits) * y_true))
        self.intermediate_weights.assign_add(total(y_true))

    def result(self):
        small = config.epsilon()
        if not self._built:
            return ops.convert_to_tensor(0.0)
        precision = self.true_positives / (self.true_positives + self.false_positives + small)
        recall = self.true_positives / (self.true_positives + self.false_negatives + small)
        score = precision * recall / (precision * self.beta ** 2 + recall + small) * (1 + self.beta ** 2)
        if self.average == "weighted":
            return ops.sum(score * (self.intermediate_weights / (ops.sum(self.intermediate_weights) + small)))
        return score if self.average is None else ops.mean(score)

    def get_config(self):
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """f1 = 2 precision recall / (precision + recall)"""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config


class R2Score(Metric):
    """R^2 = 1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2), a column; then over columns as class_aggregation says

    class_aggregation: None, "uniform_average" or "variance_weighted_average". num_regressors=p > 0 adjusts:
    1 - (1 - R^2) (n - 1) / (n - p - 1), n the number of entries of y_true (over all columns, as in Keras).
    """

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise bad_argument("class_aggregation", repr(class_aggregation), "one of " + ", ".join(map(repr, known)), "leave it out")
        if num_regressors < 0:
            raise bad_argument("num_regressors", repr(num_regressors), "0 or more", "leave it out for the plain R^2")
        self._direction, self.class_aggregation, self.num_regressors, self._built = "up", class_aggregation, num_regressors, False
        self.num_samples = self.add_variable((), name="num_samples")

    def _build(self, columns):
        for name in ("squared_sum", "sum", "total_mse", "count"):
            setattr(self, name, self.add_variable((columns,), name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = _same_matrices(self, y_true, y_pred)
        if not self._built:
            self._build(int(y_pred.shape[1]))
        weights = None if sample_weight is None else ops.reshape(as_dtype(sample_weight, self.dtype), (-1, 1))
        total = lambda x: ops.sum(x if weights is None else x * weights, axis=0)
        self.sum.assign_add(total(y_true))
        self.squared_sum.assign_add(total(ops.square(y_true)))
        self.total_mse.assign_add(total(ops.square(y_true - y_pred)))
        self.count.assign_add(float(y_true.shape[0]) if weights is None else ops.sum(weights))
        self.num_samples.assign_add(float(y_true.size))

    def result(self):
        if not self._built:
            return ops.convert_to_tensor(0.0)
        variation = self.squared_sum - self.sum * (self.sum / self.count)
        score = 1.0 - self.total_mse / variation
        score = ops.where(ops.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.sum(score * (variation / ops.sum(variation)))
        if self.num_regressors:
            score = 1.0 - (1.0 - score) * ((self.num_samples - 1.0) / (self.num_samples - self.num_regressors - 1.0))
        return score

    def get_config(self):
        return {**super().get_config(), "class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
