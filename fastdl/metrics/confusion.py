"""Metrics counted from true and false positives and negatives: Precision, Recall, AUC and what lies between.

A prediction is positive where it exceeds a threshold. A few thresholds: a 0/1 matrix times the labels' columns. Many, evenly
spaced: a histogram of the predictions between thresholds, then running sums of it.
"""
import numpy as np

from fastdl import config, ops
from fastdl.errors import bad_argument
from fastdl.losses.values import as_dtype, squeeze_or_expand_to_same_rank
from fastdl.metrics.base import Metric
from fastdl.primitives.movement import take_grad

BELOW_ALL = -1e10                          # a threshold under every prediction
FEW = 8                                    # thresholds up to which the matrix is cheaper
CHUNK = 1 << 22                            # entries of the 0/1 matrix that are made at a time
NAMES = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def as_thresholds(thresholds, default):
    given = [default] if thresholds is None else list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    for t in given:
        if t is None or not (0 <= t <= 1 or t == BELOW_ALL):
            raise bad_argument("thresholds", repr(thresholds), "numbers from 0 to 1", "leave it out for 0.5")
    return [float(t) for t in given]


def keep_top_k(y_pred, k):
    """y_pred with everything but the k largest of the last axis below every threshold."""
    _, best = ops.top_k(y_pred, k, sorted=False)
    kept = ops.max(ops.one_hot(best, y_pred.shape[-1]), axis=-2)
    return ops.where(ops.greater(kept, 0.0), y_pred, BELOW_ALL)


def counts(y_true, y_pred, thresholds, sample_weight=None, wanted=NAMES, top_k=None, class_id=None, by_label=False,
           label_weights=None, dtype="float32"):
    """name -> weighted number of predictions of that kind, one a threshold; (thresholds, labels) with by_label.

    Every target but 0 is positive.
    """
    y_true, y_pred = squeeze_or_expand_to_same_rank(as_dtype(y_true, dtype), as_dtype(y_pred, dtype))
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise bad_argument("y_true", f"shape {tuple(y_true.shape)}", f"the shape of y_pred, {tuple(y_pred.shape)}",
                           "give one-hot or 0/1 targets; class numbers: fastdl.utils.to_categorical(y)")
    weights = None if sample_weight is None else as_dtype(sample_weight, dtype)
    if weights is not None:
        while len(weights.shape) < len(y_pred.shape):
            weights = ops.expand_dims(weights, -1)
        if len(weights.shape) > len(y_pred.shape):
            weights = ops.squeeze(weights, -1)
        weights = ops.broadcast_to(weights, y_pred.shape)
    if label_weights is not None:
        weights = as_dtype(label_weights, dtype) + ops.zeros_like(y_pred) if weights is None else weights * label_weights
    if top_k is not None:
        y_pred = keep_top_k(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
        weights = None if weights is None else weights[..., class_id]
    y_true = ops.cast(ops.not_equal(y_true, 0.0), dtype)
    labels = y_pred.shape[-1] if by_label else 1
    columns = lambda x: ops.reshape(ops.transpose(ops.reshape(x, (-1, labels))) if labels > 1 else x, (labels, -1))
    parts = [columns(y_true), columns(y_pred), None if weights is None else columns(weights)]
    if len(thresholds) > FEW and np.allclose(thresholds, np.linspace(0, 1, len(thresholds)), atol=2 * config.epsilon()):
        total = _by_histogram(*parts, thresholds, wanted)
    else:
        total, n = None, parts[0].shape[1]
        step = max(1, CHUNK // len(thresholds) // labels)
        for start in range(0, max(1, n), step):
            cut = parts if n <= step else [x if x is None else x[:, start:start + step] for x in parts]
            part = _by_matrix(*cut, thresholds, wanted)
            total = part if total is None else {k: total[k] + v for k, v in part.items()}
    shape = (len(thresholds), labels) if by_label else (len(thresholds),)
    return {k: ops.reshape(ops.transpose(v) if labels > 1 else v, shape) for k, v in total.items()}


def _by_histogram(y_true, y_pred, weights, thresholds, wanted):
    """counts() for (labels, n) arrays and evenly spaced thresholds, each result (labels, thresholds)."""
    labels, top = y_pred.shape[0], len(thresholds) - 1
    edges = as_dtype(np.array([-np.inf, *thresholds, np.inf], "float32"), y_pred.dtype)
    place = y_pred * float(top)
    place = ops.cast(ops.ceil(ops.minimum(ops.where(ops.greater(place, 0.0), place, 0.0), float(top))), "int32")      # NaN counts as 0
    # Between thresholds place-1 and place, up to rounding, which the thresholds themselves put right.
    above, below = ops.greater(y_pred, ops.take(edges, place + 1)), ops.less_equal(y_pred, ops.take(edges, place))
    place = place + ops.cast(above, "int32") - ops.cast(below, "int32")
    if labels > 1:
        place = place + ops.convert_to_tensor(np.arange(labels, dtype="int32")[:, None] * (top + 2))
    sums = {}
    for actual, names in ((y_true, (NAMES[0], NAMES[3])), (1.0 - y_true, (NAMES[1], NAMES[2]))):
        actual = actual if weights is None else actual * weights
        bins = ops.reshape(take_grad(actual, place, shape=(labels * (top + 2),), axis=0), (labels, top + 2))
        above, below = names
        if below in wanted:
            sums[below] = ops.cumsum(bins, axis=1)[:, :-1]
        if above in wanted:
            sums[above] = ops.flip(ops.cumsum(ops.flip(bins, axis=1), axis=1), axis=1)[:, 1:]
    return sums


def _by_matrix(y_true, y_pred, weights, thresholds, wanted):
    """counts() for (labels, n) arrays, each result (labels, thresholds)."""
    labels, n = y_pred.shape
    grid = np.asarray(thresholds, "float64").reshape(-1, 1)
    hits = ops.greater(ops.reshape(y_pred, (labels, 1, n)), as_dtype(grid, y_pred.dtype))
    positive = {True: ops.cast(hits, y_pred.dtype)}
    if set(wanted) & set(NAMES[2:]):
        positive[False] = 1.0 - positive[True]
    column = {True: y_true, False: 1.0 - y_true}
    if weights is not None:
        column = {k: v * weights for k, v in column.items()}
    rule = dict(zip(NAMES, ((True, True), (True, False), (False, False), (False, True))))
    sums = {}
    for name in wanted:
        predicted, actual = rule[name]
        sums[name] = ops.reshape(ops.matmul(positive[predicted], ops.reshape(column[actual], (labels, n, 1))), (labels, len(thresholds)))
    return sums


class _Counted(Metric):
    """Keeps the counts named in `keeps`, one for each threshold."""
    keeps, options = NAMES, {}

    def _make_state(self, shape):
        for name in self.keeps:
            setattr(self, name, self.add_variable(shape, name=name))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count; sample_weight is one number a sample, or one a prediction."""
        for name, value in counts(y_true, y_pred, self.thresholds, sample_weight, self.keeps, dtype=self.dtype, **self.options).items():
            getattr(self, name).assign_add(value)

    def _one_or_all(self, values):
        return values[0] if len(self.thresholds) == 1 else values


class _Count(_Counted):
    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.thresholds = thresholds, as_thresholds(thresholds, 0.5)
        self._direction = "up" if self.keeps[0].startswith("true") else "down"
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")
        setattr(self, self.keeps[0], self.accumulator)

    def result(self):
        return self._one_or_all(ops.add(self.accumulator, 0.0))

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """tp = sum(weight where y_true and y_pred > threshold)"""
    keeps = NAMES[:1]


class FalsePositives(_Count):
    """fp = sum(weight where not y_true and y_pred > threshold)"""
    keeps = NAMES[1:2]


class TrueNegatives(_Count):
    """tn = sum(weight where not y_true and y_pred <= threshold)"""
    keeps = NAMES[2:3]


class FalseNegatives(_Count):
    """fn = sum(weight where y_true and y_pred <= threshold)"""
    keeps = NAMES[3:]


class _Rate(_Counted):
    """tp / (tp + what else is kept)"""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._direction, self.init_thresholds, self.top_k, self.class_id = "up", thresholds, top_k, class_id
        self.thresholds = as_thresholds(thresholds, 0.5 if top_k is None else BELOW_ALL)
        self.options = dict(top_k=top_k, class_id=class_id)
        self._make_state((len(self.thresholds),))

    def result(self):
        tp, other = (getattr(self, name) for name in self.keeps)
        return self._one_or_all(ops.divide_no_nan(tp, tp + other))

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}


class Precision(_Rate):
    """precision = tp / (tp + fp)

    >>> m = Precision()
    >>> float(m([0.0, 1.0, 1.0], [0.9, 0.8, 0.2]))
    0.5
    """
    keeps = NAMES[:2]


class Recall(_Rate):
    """recall = tp / (tp + fn)"""
    keeps = (NAMES[0], NAMES[3])


class _Constrained(_Counted):
    """The largest `wished` among thresholds where `held` reaches the value that the user demands."""

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise bad_argument(self.demand, repr(value), "a number from 0 to 1", f"{self.demand}=0.5, for example")
        if not isinstance(num_thresholds, int) or num_thresholds <= 0:
            raise bad_argument("num_thresholds", repr(num_thresholds), "a whole number above 0", "leave it out for 200")
        self._direction, self.value, self.num_thresholds, self.class_id = "up", value, num_thresholds, class_id
        setattr(self, self.demand, value)
        self.thresholds = [0.5] if num_thresholds == 1 else list(np.linspace(0, 1, num_thresholds))
        self.options = dict(class_id=class_id)
        self._make_state((len(self.thresholds),))

    def rates(self):
        tp, fp, tn, fn = (getattr(self, name) for name in NAMES)
        return dict(sensitivity=(tp, fn), recall=(tp, fn), specificity=(tn, fp), precision=(tp, fp))

    def result(self):
        held, wished = (ops.divide_no_nan(a, a + b) for a, b in map(self.rates().get, (self.demand, self.wish)))
        return ops.max(ops.where(ops.greater_equal(held, self.value), wished, 0.0))

    def get_config(self):
        return {**super().get_config(), "num_thresholds": self.num_thresholds, "class_id": self.class_id, self.demand: self.value}


class SensitivityAtSpecificity(_Constrained):
    """max tp / (tp + fn) over thresholds with tn / (tn + fp) >= specificity"""
    demand, wish = "specificity", "sensitivity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_Constrained):
    """max tn / (tn + fp) over thresholds with tp / (tp + fn) >= sensitivity"""
    demand, wish = "sensitivity", "specificity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_Constrained):
    """max tp / (tp + fp) over thresholds with tp / (tp + fn) >= recall"""
    demand, wish = "recall", "precision"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_Constrained):
    """max tp / (tp + fn) over thresholds with tp / (tp + fp) >= precision"""
    demand, wish = "precision", "recall"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)


class AUC(_Counted):
    """area = sum over thresholds of height * width under the curve recall(false positive rate) ("ROC") or
    precision(recall) ("PR"), or of the gains of both ("PRGAIN"; Flach & Kull 2015)

    summation_method: "interpolation" (trapezoids; for PR between counts, Davis & Goadrich 2006), "minoring", "majoring".
    multi_label=True: one area a label (columns of y_pred), then their mean, by label_weights if given.
    """

    def __init__(self, num_thresholds=200, curve="ROC", summation_method="interpolation", name=None, dtype=None, thresholds=None,
                 multi_label=False, num_labels=None, label_weights=None, from_logits=False):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        for argument, value, known in (("curve", self.curve, ("ROC", "PR", "PRGAIN")),
                                       ("summation_method", self.summation_method, ("interpolation", "minoring", "majoring"))):
            if value not in known:
                raise bad_argument(argument, repr(value), "one of " + ", ".join(map(repr, known)), f"{argument}={known[0]!r}")
        self._own_thresholds = thresholds is not None
        if self._own_thresholds:
            inner = sorted(as_thresholds(thresholds, 0.5))
        elif num_thresholds <= 1:
            raise bad_argument("num_thresholds", repr(num_thresholds), "a whole number above 1", "leave it out for 200")
        else:
            inner = [(k + 1) / (num_thresholds - 1) for k in range(num_thresholds - 2)]
        self.num_thresholds = len(inner) + 2
        self.thresholds = [-config.epsilon(), *inner, 1.0 + config.epsilon()]
        if num_labels is not None and not multi_label:
            raise bad_argument("num_labels", repr(num_labels), "None without multi_label=True", "add multi_label=True")
        self.multi_label, self.num_labels, self._from_logits = bool(multi_label), num_labels, from_logits
        self.label_weights = None if label_weights is None else as_dtype(label_weights, self.dtype)
        self.options = dict(by_label=self.multi_label,
                            label_weights=None if multi_label else self.label_weights)
        if not multi_label or num_labels:
            self._make_state((self.num_thresholds, num_labels) if multi_label else (self.num_thresholds,))

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = as_dtype(y_pred, self.dtype)
        if not self._variables:
            if len(y_pred.shape) != 2:
                raise bad_argument("y_pred", f"shape {tuple(y_pred.shape)}", "shape (samples, labels) with multi_label=True",
                                   "use multi_label=False")
            self._make_state((self.num_thresholds, y_pred.shape[1]))
        super().update_state(y_true, ops.sigmoid(y_pred) if self._from_logits else y_pred, sample_weight)

    def result(self):
        tp, fp, tn, fn = (getattr(self, name) for name in NAMES)
        rate = ops.divide_no_nan
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._over_labels(self._interpolated_pr(tp, fp, fn))
        if self.curve == "ROC":
            x, y = rate(fp, fp + tn), rate(tp, tp + fn)
        elif self.curve == "PR":
            x, y = rate(tp, tp + fn), rate(tp, tp + fp)
        else:
            odds = rate(tp + fn, tn + fp)                       # of being positive
            x = ops.where(ops.greater(tp, 0.0), ops.relu(1.0 - odds * rate(fn, tp)), 0.0)
            y = 1.0 - odds * rate(fp, tp)
        low, high = y[:-1], y[1:]
        height = {"interpolation": lambda: (low + high) * 0.5, "minoring": lambda: ops.minimum(low, high),
                  "majoring": lambda: ops.maximum(low, high)}[self.summation_method]()
        return self._over_labels(ops.sum(height * (x[:-1] - x[1:]), axis=0))

    @staticmethod
    def _interpolated_pr(tp, fp, fn):
        """Between two thresholds the true positives grow in step with all positives: the integral of tp / p along that line."""
        p = tp + fp
        slope = ops.divide_no_nan(tp[:-1] - tp[1:], ops.relu(p[:-1] - p[1:]))
        start = tp[1:] - slope * p[1:]
        both = ops.logical_and(ops.greater(p[:-1], 0.0), ops.greater(p[1:], 0.0))
        ratio = ops.where(both, ops.divide_no_nan(p[:-1], ops.relu(p[1:])), 1.0)
        area = slope * (tp[:-1] - tp[1:] + start * ops.log(ratio))
        return ops.sum(ops.divide_no_nan(area, ops.relu(tp[1:] + fn[1:])), axis=0)

    def _over_labels(self, areas):
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        return ops.divide_no_nan(ops.sum(areas * self.label_weights), ops.sum(self.label_weights))

    def get_config(self):
        weights = self.label_weights
        return {**super().get_config(), "num_thresholds": self.num_thresholds, "curve": self.curve,
                "summation_method": self.summation_method, "multi_label": self.multi_label, "num_labels": self.num_labels,
                "label_weights": None if weights is None else weights.numpy().tolist(), "from_logits": self._from_logits,
                **({"thresholds": self.thresholds[1:-1]} if self._own_thresholds else {})}
