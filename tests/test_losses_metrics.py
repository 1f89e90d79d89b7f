"""Losses and metrics: NumPy formulas, weights and masks, gradients, the compiled update, configs, messages."""
import numpy as np
import pytest

import fastdl as keras
from fastdl import losses, metrics, ops
from fastdl.core.function import function
from fastdl.core.modes import Reference
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor

RNG = np.random.default_rng(5)
EPS = 1e-7


def test_one_weight_a_sample_counts_for_all_its_steps():
    t, p, w = RNG.random((4, 3, 2)), RNG.random((4, 3, 2)), RNG.random(4)
    assert abs(float(losses.MeanSquaredError()(t, p, sample_weight=w)) - np.mean(((t - p) ** 2).mean(-1) * w[:, None])) < 1e-6


def onehot(labels, n):
    return np.eye(n)[labels]


def simplex(*shape):
    e = np.exp(RNG.standard_normal(shape))
    return e / e.sum(-1, keepdims=True)


REAL = RNG.standard_normal((7, 4)), RNG.standard_normal((7, 4))
POSITIVE = np.abs(RNG.standard_normal((7, 4))) + 0.1, np.abs(RNG.standard_normal((7, 4))) + 0.1
BINARY = RNG.integers(0, 2, (7, 4)).astype("float64"), RNG.uniform(0.1, 0.9, (7, 4))
LABELS = RNG.integers(0, 4, 7).astype("int32")
ONEHOT = onehot(LABELS, 4), simplex(7, 4)
SPARSE = LABELS, ONEHOT[1]
EMBEDDED = np.array([0, 1, 2, 0, 1, 0, 2], "int32"), (lambda v: v / np.linalg.norm(v, axis=1, keepdims=True))(RNG.standard_normal((7, 4)))


def bce(t, p):
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p), -1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def circle(t, z, gamma=80.0, margin=0.4):
    """Row by row, from the paper's formula."""
    rows = []
    for i in range(len(t)):
        d = 1 - z @ z[i]
        positive = [j for j in range(len(t)) if t[j] == t[i] and j != i]
        negative = [j for j in range(len(t)) if t[j] != t[i]]
        a = np.sum([np.exp(-gamma * max(margin + d[j], 0) * (margin - d[j])) for j in positive])
        b = np.sum([np.exp(gamma * max(1 + margin - d[j], 0) * (1 - margin - d[j])) for j in negative])
        rows.append(np.log1p(a * b))
    return np.array(rows)


# class, its arguments, (y_true, y_pred), the value of each sample
CASES = {
    "mse": (losses.MeanSquaredError, {}, REAL, lambda t, p: np.mean((t - p) ** 2, -1)),
    "mae": (losses.MeanAbsoluteError, {}, REAL, lambda t, p: np.mean(np.abs(t - p), -1)),
    "mape": (losses.MeanAbsolutePercentageError, {}, REAL, lambda t, p: 100 * np.mean(np.abs((t - p) / t), -1)),
    "msle": (losses.MeanSquaredLogarithmicError, {}, POSITIVE, lambda t, p: np.mean((np.log1p(t) - np.log1p(p)) ** 2, -1)),
    "huber": (losses.Huber, {"delta": 0.7}, REAL, lambda t, p: np.mean(np.where(np.abs(t - p) <= 0.7, (t - p) ** 2 / 2, 0.7 * np.abs(t - p) - 0.245), -1)),
    "log_cosh": (losses.LogCosh, {}, REAL, lambda t, p: np.mean(np.log(np.cosh(t - p)), -1)),
    "poisson": (losses.Poisson, {}, POSITIVE, lambda t, p: np.mean(p - t * np.log(p + EPS), -1)),
    "cosine": (losses.CosineSimilarity, {}, REAL, lambda t, p: -np.sum(unit(t) * unit(p), -1)),
    "hinge": (losses.Hinge, {}, BINARY, lambda t, p: np.mean(np.maximum(1 - (2 * t - 1) * p, 0), -1)),
    "hinge_of_signs": (losses.Hinge, {}, (np.sign(REAL[0]), REAL[1]), lambda t, p: np.mean(np.maximum(1 - t * p, 0), -1)),
    "squared_hinge": (losses.SquaredHinge, {}, BINARY, lambda t, p: np.mean(np.maximum(1 - (2 * t - 1) * p, 0) ** 2, -1)),
    "categorical_hinge": (losses.CategoricalHinge, {}, ONEHOT, lambda t, p: np.maximum(np.max((1 - t) * p, -1) - np.sum(t * p, -1) + 1, 0)),
    "kld": (losses.KLDivergence, {}, (simplex(7, 4), simplex(7, 4)), lambda t, p: np.sum(t * np.log(t / p), -1)),
    "bce": (losses.BinaryCrossentropy, {}, BINARY, bce),
    "bce_smooth": (losses.BinaryCrossentropy, {"label_smoothing": 0.2}, BINARY, lambda t, p: bce(t * 0.8 + 0.1, p)),
    "bce_logits": (losses.BinaryCrossentropy, {"from_logits": True}, (BINARY[0], REAL[0]), lambda t, p: bce(t, sigmoid(p))),
    "binary_focal": (losses.BinaryFocalCrossentropy, {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5}, BINARY,
                     lambda t, p: np.mean(np.where(t == 1, -0.3 * (1 - p) ** 1.5 * np.log(p), -0.7 * p ** 1.5 * np.log(1 - p)), -1)),
    "cce": (losses.CategoricalCrossentropy, {}, ONEHOT, lambda t, p: -np.sum(t * np.log(p), -1)),
    "cce_smooth": (losses.CategoricalCrossentropy, {"label_smoothing": 0.2}, ONEHOT, lambda t, p: -np.sum((t * 0.8 + 0.05) * np.log(p), -1)),
    "cce_logits": (losses.CategoricalCrossentropy, {"from_logits": True}, (ONEHOT[0], REAL[1]), lambda t, p: -np.sum(t * np.log(softmax(p)), -1)),
    "categorical_focal": (losses.CategoricalFocalCrossentropy, {"alpha": 0.3, "gamma": 1.5}, ONEHOT,
                          lambda t, p: -np.sum(0.3 * (1 - p) ** 1.5 * t * np.log(p), -1)),
    "generalized": (losses.CategoricalGeneralizedCrossEntropy, {"q": 0.7}, SPARSE, lambda t, p: (1 - p[range(7), t] ** 0.7) / 0.7),
    "sparse": (losses.SparseCategoricalCrossentropy, {}, SPARSE, lambda t, p: -np.log(p[range(7), t])),
    "sparse_logits": (losses.SparseCategoricalCrossentropy, {"from_logits": True}, (LABELS, REAL[1]), lambda t, p: -np.log(softmax(p)[range(7), t])),
    "dice": (losses.Dice, {"axis": -1}, BINARY, lambda t, p: 1 - 2 * np.sum(t * p, -1) / (np.sum(t, -1) + np.sum(p, -1) + EPS)),
    "tversky": (losses.Tversky, {"alpha": 0.3, "beta": 0.8, "axis": -1}, BINARY,
                lambda t, p: 1 - np.sum(t * p, -1) / (np.sum(t * p, -1) + 0.3 * np.sum(t * (1 - p), -1) + 0.8 * np.sum((1 - t) * p, -1) + EPS)),
    "circle": (losses.Circle, {"gamma": 5.0}, EMBEDDED, lambda t, p: circle(t, p, 5.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_reductions_and_weights(name):
    cls, kwargs, (t, p), formula = CASES[name]
    expected = formula(t, p)
    weights = RNG.uniform(0.5, 2, len(p))
    make = lambda reduction: cls(reduction=reduction, **kwargs)
    if name == "circle":                                     # its mask takes part in means: see test_masks
        weights = np.ones(len(p))
    near = dict(rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(make(None)(t, p).numpy(), expected, **near)
    np.testing.assert_allclose(make("none")(t, p, sample_weight=weights).numpy(), expected * weights, **near)
    np.testing.assert_allclose(make("sum")(t, p).numpy(), expected.sum(), **near)
    for reduction in ("sum_over_batch_size", "mean", "auto"):
        np.testing.assert_allclose(make(reduction)(t, p).numpy(), expected.mean(), **near)
        np.testing.assert_allclose(make(reduction)(t, p, weights).numpy(), (expected * weights).mean(), **near)
    np.testing.assert_allclose(make("mean_with_sample_weight")(t, p, weights).numpy(), (expected * weights).sum() / weights.sum(), **near)


@pytest.mark.parametrize("name", CASES)
def test_gradients_in_float64(name):
    cls, kwargs, (t, p), _ = CASES[name]
    loss, direction, h = cls(**kwargs), RNG.standard_normal(p.shape), 1e-6
    with Reference():
        x = ops.convert_to_tensor(p)
        with GradientTape() as tape:
            tape.watch(x)
            value = loss(t, x)
        slope = float(np.sum(tape.gradient(value, x).numpy() * direction))
        difference = (float(loss(t, p + h * direction)) - float(loss(t, p - h * direction))) / (2 * h)
    assert slope == pytest.approx(difference, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_compiled_gives_the_same_bits_as_eager(name):
    cls, kwargs, (t, p), _ = CASES[name]
    loss, weights = cls(**kwargs), np.linspace(0.5, 2, len(p)).astype("float32")
    t, p = t if t.dtype == "int32" else t.astype("float32"), p.astype("float32")
    run = function(lambda t, p, w: (loss(t, p), loss(t, p, w)))
    assert [v.item() for v in run(t, p, weights)] == [loss(t, p).item(), loss(t, p, weights).item()]


@pytest.mark.parametrize("name", CASES)
def test_loss_configs_come_back(name):
    cls, kwargs, (t, p), _ = CASES[name]
    loss = cls(name="mine", reduction="sum", **kwargs)
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is cls and again.get_config() == loss.get_config()
    assert float(again(t, p)) == float(loss(t, p))


def test_masks():
    t, p, mask = RNG.random((3, 5)), ops.convert_to_tensor(RNG.random((3, 5, 1))), RNG.random((3, 5)) > 0.4
    each = (t - p.numpy()[..., 0]) ** 2
    p._keras_mask = ops.convert_to_tensor(mask)
    t = t[..., None]
    assert float(losses.MeanSquaredError()(t, p)) == pytest.approx(each[mask].mean(), rel=1e-5)
    assert float(losses.MeanSquaredError(reduction="sum")(t, p)) == pytest.approx(each[mask].sum(), rel=1e-5)
    weights = RNG.random((3, 5))
    assert float(losses.MeanSquaredError()(t, p, weights)) == pytest.approx((each * weights)[mask].sum() / mask.sum(), rel=1e-5)
    metric = metrics.MeanSquaredError()
    assert float(metric(t, p)) == pytest.approx(each[mask].mean(), rel=1e-5)
    assert float(metrics.MeanSquaredError()(t, p, weights)) == pytest.approx((each * weights)[mask].sum() / weights[mask].sum(), rel=1e-5)
    alone = np.array([0, 0, 1, 1, 2], "int32"), unit(RNG.standard_normal((5, 3)))                 # class 2 has no pair
    assert float(losses.Circle(gamma=2.0)(*alone)) == pytest.approx(circle(*alone, 2.0)[:4].mean(), rel=1e-4)


def test_circle_of_rows_that_are_not_of_length_one():
    """Keras 3.15's numbers: a distance is never negative; the pairs on the diagonal go, with references too."""
    labels, rows = np.array([1, 1, 0]), np.array([[2, 0], [1.2, 1.6], [0, 2]], "float32")
    np.testing.assert_allclose(losses.circle(labels, rows, gamma=2.0), [0.42349657, 1.5884581, 0], rtol=1e-5)
    beside = losses.circle(labels, rows, ref_labels=[1, 0], ref_embeddings=rows[:2], gamma=2.0)
    np.testing.assert_allclose(beside, [0, 1.5884581, 0.42349657], rtol=1e-5)


def test_ignored_class():
    t, p = np.array([0, -1, 2]), simplex(3, 3)
    expected = -np.log(p[[0, 2], [0, 2]])
    assert float(losses.SparseCategoricalCrossentropy(ignore_class=-1)(t, p)) == pytest.approx(expected.mean(), rel=1e-5)
    values = losses.sparse_categorical_crossentropy(t, p, ignore_class=-1).numpy()
    np.testing.assert_allclose(values, [expected[0], 0, expected[1]], rtol=1e-5)


def test_softmax_and_sigmoid_outputs_use_their_logits():
    x = ops.convert_to_tensor(np.array([[0.0, 200.0, -200.0]], "float32"))
    assert float(losses.SparseCategoricalCrossentropy()([2], ops.softmax(x))) == 400
    assert float(losses.CategoricalCrossentropy()([[0.0, 0, 1]], ops.softmax(x))) == 400
    assert float(losses.BinaryCrossentropy()([[0.0, 0, 1]], ops.sigmoid(x))) == pytest.approx((np.log(2) + 400) / 3)


def test_loss_of_ones_own():
    class Cubed(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)

    assert float(Cubed()([[1, 3]], [[0.0, 1.0]])) == pytest.approx(4.5)
    wrapped = losses.LossFunctionWrapper(losses.mean_absolute_error, name="mine", reduction="sum")
    again = losses.LossFunctionWrapper.from_config(losses.serialize(wrapped)["config"])
    assert again.fn is losses.mean_absolute_error and again.name == "mine" and again.reduction == "sum"


@pytest.mark.parametrize("name", [*losses.FUNCTIONS, *losses.ALIASES])
def test_losses_by_name(name):
    found = losses.get(name)
    assert found is losses.ALL_OBJECTS[name]
    if name in losses.FUNCTIONS:
        assert losses.get(losses.serialize(found)) is found


def test_names_that_are_none():
    with pytest.raises(ValueError, match='Did you mean "mean_squared_error"'):
        losses.get("mean_square_error")
    with pytest.raises(ValueError, match='Did you mean "binary_accuracy"'):
        metrics.get("binary_acuracy")
    with pytest.raises(TypeError, match='Did you mean "label_smoothing"'):
        losses.BinaryCrossentropy(label_smothing=0.1)
    assert losses.get(None) is None and metrics.get(None) is None
    for get in (losses.get, metrics.get):
        with pytest.raises(TypeError):
            get(3)


@pytest.mark.parametrize("call, words", [
    (lambda: losses.categorical_crossentropy([0, 1], simplex(2, 3)), "class numbers.*sparse_categorical_crossentropy"),
    (lambda: losses.CategoricalCrossentropy()([[0], [1]], simplex(2, 3)), "class numbers.*to_categorical"),
    (lambda: losses.sparse_categorical_crossentropy(np.eye(3), simplex(3, 3)), "one-hot.*categorical_crossentropy"),
    (lambda: losses.sparse_categorical_crossentropy([0, 1, 2], simplex(2, 3)), r"labels of shape \(3,\)"),
    (lambda: losses.categorical_crossentropy(np.eye(3)[:, :2], simplex(3, 3)), "3 classes"),
    (lambda: losses.mean_squared_error(np.ones((2, 3)), np.ones((2, 4))), r"y_true.*\(2, 3\).*\(2, 4\)"),
    (lambda: losses.binary_crossentropy(np.ones((2, 3)), np.ones((2, 1))), r"y_true.*\(2, 3\).*\(2, 1\)"),
    (lambda: losses.MeanSquaredError()(np.ones((4, 2)), np.ones((4, 2)), sample_weight=[1, 2]), "sample_weight"),
    (lambda: losses.MeanSquaredError(reduction="men"), 'Did you mean "mean"'),
    (lambda: losses.BinaryCrossentropy(label_smoothing=2), "label_smoothing"),
    (lambda: metrics.SparseCategoricalAccuracy()(np.eye(3), np.eye(3)), "class numbers"),
    (lambda: metrics.Precision(thresholds=[2]), "thresholds"),
    (lambda: metrics.AUC(curve="RUC"), "'ROC', 'PR'"),
    (lambda: metrics.F1Score()([1, 0], [1.0, 0.0]), "shape .samples, columns."),
    (lambda: metrics.IoU(2, [2]), "num_classes"),
])
def test_messages(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("logits", [False, True])
def test_labels_out_of_range_raise(logits):
    for label in (3, -1):
        with pytest.raises((IndexError, ValueError), match="out of range|range"):
            losses.sparse_categorical_crossentropy([0, label], simplex(2, 3), from_logits=logits)
    with pytest.raises((IndexError, ValueError)):
        metrics.MeanIoU(3).update_state([0, 3], [0, 1])


# ---------------------------------------------------------------- metrics
T01, P01 = RNG.integers(0, 2, 60).astype("float32"), np.round(RNG.uniform(0, 1, 60), 3).astype("float32")
W01 = RNG.uniform(0, 2, 60).astype("float32")


def hits(threshold=0.5, w=W01):
    return {"tp": np.sum(w * (T01 == 1) * (P01 > threshold)), "fp": np.sum(w * (T01 == 0) * (P01 > threshold)),
            "tn": np.sum(w * (T01 == 0) * (P01 <= threshold)), "fn": np.sum(w * (T01 == 1) * (P01 <= threshold))}


def rank_area(t, p):
    """The probability that a positive is above a negative."""
    a, b = p[t == 1][:, None], p[t == 0][None]
    return np.mean((a > b) + 0.5 * (a == b))


def best(held, wished, value):
    return max([h[wished] for h in (rates(k) for k in np.linspace(0, 1, 200)) if h[held] >= value] + [0])


def rates(threshold):
    h = hits(threshold)
    over = lambda a, b: h[a] / (h[a] + h[b]) if h[a] + h[b] else 0.0
    return {"sensitivity": over("tp", "fn"), "specificity": over("tn", "fp"), "precision": over("tp", "fp"), "recall": over("tp", "fn")}


def iou(t, p, n, ids):
    parts = [(np.sum((t == k) & (p == k)), np.sum((t == k) | (p == k))) for k in ids]
    return np.mean([a / b for a, b in parts if b])


T4, P4 = RNG.integers(0, 4, 30), RNG.integers(0, 4, 30)
BIG = RNG.standard_normal((40, 3)), RNG.standard_normal((40, 3))
SCORES = simplex(50, 6), RNG.integers(0, 6, 50)
RANK = np.sum(SCORES[0] > SCORES[0][range(50), SCORES[1]][:, None], 1)

# metric, (y_true, y_pred, sample_weight), value
METRICS = {
    "accuracy": (metrics.Accuracy(), (T4, P4, None), np.mean(T4 == P4)),
    "binary_accuracy": (metrics.BinaryAccuracy(threshold=0.3), (T01, P01, W01), np.sum(W01 * (T01 == (P01 > 0.3))) / W01.sum()),
    "categorical_accuracy": (metrics.CategoricalAccuracy(), (onehot(SCORES[1], 6), SCORES[0], None), np.mean(RANK == 0)),
    "sparse_categorical_accuracy": (metrics.SparseCategoricalAccuracy(), (SCORES[1], SCORES[0], W01[:50]), np.sum(W01[:50] * (RANK == 0)) / W01[:50].sum()),
    "sparse_of_columns": (metrics.SparseCategoricalAccuracy(), (SCORES[1][:, None].astype("float32"), SCORES[0], None), np.mean(RANK == 0)),
    "top_k": (metrics.TopKCategoricalAccuracy(k=3), (onehot(SCORES[1], 6), SCORES[0], None), np.mean(RANK < 3)),
    "sparse_top_k": (metrics.SparseTopKCategoricalAccuracy(k=3), (SCORES[1], SCORES[0], None), np.mean(RANK < 3)),
    "sorted_ids": (metrics.SparseTopKCategoricalAccuracy(k=3, from_sorted_ids=True), (SCORES[1], np.argsort(-SCORES[0], -1), None), np.mean(RANK < 3)),
    "mse": (metrics.MeanSquaredError(), (*REAL, None), np.mean((REAL[0] - REAL[1]) ** 2)),
    "mse_weighted": (metrics.MeanSquaredError(), (*REAL, W01[:7]), np.average(np.mean((REAL[0] - REAL[1]) ** 2, -1), weights=W01[:7])),
    "rmse": (metrics.RootMeanSquaredError(), (*REAL, None), np.sqrt(np.mean((REAL[0] - REAL[1]) ** 2))),
    "relative": (metrics.MeanRelativeError([1.0, 2.0, 0.0, 4.0]), (*REAL, None), np.mean(np.abs(REAL[0] - REAL[1]) * [1, 0.5, 0, 0.25])),
    "cosine": (metrics.CosineSimilarity(), (*REAL, None), np.mean(np.sum(unit(REAL[0]) * unit(REAL[1]), -1))),
    "sparse_crossentropy": (metrics.SparseCategoricalCrossentropy(), (SCORES[1], SCORES[0], None), -np.mean(np.log(SCORES[0][range(50), SCORES[1]]))),
    "pearson": (metrics.PearsonCorrelation(axis=0), (*BIG, None), np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(BIG[0].T, BIG[1].T)])),
    "concordance": (metrics.ConcordanceCorrelation(axis=0), (*BIG, None), np.mean(
        [2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2) for a, b in zip(BIG[0].T, BIG[1].T)])),
    "tp": (metrics.TruePositives(0.4), (T01, P01, W01), hits(0.4)["tp"]),
    "fp": (metrics.FalsePositives(), (T01, P01, W01), hits()["fp"]),
    "tn": (metrics.TrueNegatives([0.2, 0.8]), (T01, P01, W01), [hits(0.2)["tn"], hits(0.8)["tn"]]),
    "fn": (metrics.FalseNegatives(), (T01, P01, None), hits(w=1)["fn"]),
    "precision": (metrics.Precision(), (T01, P01, W01), rates(0.5)["precision"]),
    "precision_top_2": (metrics.Precision(top_k=2), (onehot(SCORES[1], 6), SCORES[0], None), np.mean(RANK < 2) / 2),
    "recall_of_class": (metrics.Recall(class_id=1, top_k=1), (onehot(SCORES[1], 6), SCORES[0], None), np.mean(RANK[SCORES[1] == 1] == 0)),
    "recall": (metrics.Recall([0.3, 0.6]), (T01, P01, W01), [rates(0.3)["recall"], rates(0.6)["recall"]]),
    "auc": (metrics.AUC(2000), (T01, P01, None), rank_area(T01, P01)),
    "auc_by_label": (metrics.AUC(2000, multi_label=True), (np.stack([T01, 1 - T01], 1), np.stack([P01, P01], 1), None), 0.5),
    "auc_of_logits": (metrics.AUC(2000, from_logits=True), (T01, np.log(P01 / (1 - P01 + 1e-9) + 1e-9), None), rank_area(T01, P01)),
    "sensitivity_at_specificity": (metrics.SensitivityAtSpecificity(0.4), (T01, P01, W01), best("specificity", "sensitivity", 0.4)),
    "specificity_at_sensitivity": (metrics.SpecificityAtSensitivity(0.4), (T01, P01, W01), best("sensitivity", "specificity", 0.4)),
    "precision_at_recall": (metrics.PrecisionAtRecall(0.4), (T01, P01, W01), best("recall", "precision", 0.4)),
    "recall_at_precision": (metrics.RecallAtPrecision(0.4), (T01, P01, W01), best("precision", "recall", 0.4)),
    "f1": (metrics.F1Score("micro", threshold=0.5), (T01[:, None], P01[:, None], W01),
           2 * hits()["tp"] / (2 * hits()["tp"] + hits()["fp"] + hits()["fn"])),
    "f2": (metrics.FBetaScore("macro", 2.0, 0.5), (T01[:, None], P01[:, None], None),
           5 * hits(w=1)["tp"] / (5 * hits(w=1)["tp"] + hits(w=1)["fp"] + 4 * hits(w=1)["fn"])),
    "r2": (metrics.R2Score(), (*BIG, None), np.mean(1 - np.sum((BIG[0] - BIG[1]) ** 2, 0) / np.sum((BIG[0] - BIG[0].mean(0)) ** 2, 0))),
    "mean_iou": (metrics.MeanIoU(5), (T4, P4, None), iou(T4, P4, 5, range(5))),
    "iou": (metrics.IoU(4, [0, 2]), (T4, P4, None), iou(T4, P4, 4, [0, 2])),
    "iou_ignoring": (metrics.MeanIoU(4, ignore_class=3), (T4, P4, None), iou(T4[T4 != 3], P4[T4 != 3], 4, range(4))),
    "binary_iou": (metrics.BinaryIoU([1], 0.3), (T01, P01, None), iou(T01, P01 >= 0.3, 2, [1])),
    "one_hot_iou": (metrics.OneHotIoU(4, [1, 2]), (onehot(T4, 4), onehot(P4, 4), None), iou(T4, P4, 4, [1, 2])),
    "one_hot_mean_iou": (metrics.OneHotMeanIoU(4), (onehot(T4, 4), onehot(P4, 4), None), iou(T4, P4, 4, range(4))),
    **{name: (getattr(metrics, cls)(), (*CASES[name][2], None), CASES[name][3](*CASES[name][2]).mean()) for name, cls in (
        ("mae", "MeanAbsoluteError"), ("mape", "MeanAbsolutePercentageError"), ("msle", "MeanSquaredLogarithmicError"),
        ("log_cosh", "LogCoshError"), ("poisson", "Poisson"), ("hinge", "Hinge"), ("squared_hinge", "SquaredHinge"),
        ("categorical_hinge", "CategoricalHinge"), ("kld", "KLDivergence"), ("bce", "BinaryCrossentropy"), ("cce", "CategoricalCrossentropy"))},
}


@pytest.mark.parametrize("name", METRICS)
def test_metric_values_parts_reset_and_config(name):
    metric, (t, p, w), expected = METRICS[name]
    metric = type(metric).from_config(metric.get_config())
    np.testing.assert_allclose(metric(t, p, sample_weight=w).numpy(), expected, rtol=5e-5, atol=1e-6)
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    if not name.startswith(("pearson", "concordance")):               # those correlate along the batch
        half = len(p) // 2
        for part in (slice(half), slice(half, None)):
            again.update_state(t[part], p[part], sample_weight=None if w is None else w[part])
        np.testing.assert_allclose(again.result().numpy(), expected, rtol=5e-5, atol=1e-6)
    metric.reset_state()
    assert all(not v.numpy().any() for v in metric.variables)
    np.testing.assert_allclose(metric(t, p, sample_weight=w).numpy(), expected, rtol=5e-5, atol=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_compiled_update_gives_the_same_bits(name):
    metric, (t, p, w), _ = METRICS[name]
    narrow = lambda a: None if a is None else a.astype("int32" if a.dtype.kind == "i" else "float32")
    t, p, w = narrow(t), narrow(p), narrow(w)
    eager, compiled = (type(metric).from_config(metric.get_config()) for _ in range(2))
    run = function(lambda t, p, w: compiled.update_state(t, p, sample_weight=w))
    for _ in range(2):
        eager.update_state(t, p, sample_weight=w)
        run(t, p, w)
    assert not run.eager
    np.testing.assert_array_equal(eager.result().numpy(), compiled.result().numpy())


def test_an_update_is_a_handful_of_kernels():
    from fastdl.core import modes
    from fastdl.core.plan import Plan

    def calls(metric, *specs):
        trace, ins = modes.Trace(), [Tensor(None, s, d) for s, d in specs]
        with modes.reading(trace):
            metric.update_state(*ins)
        plan = Plan(trace.nodes, ins, [])
        assert all(kernel != "host" for kernel, *_ in plan.table)
        return len(plan.table)

    assert calls(metrics.Mean(), ((), "float32")) == 2
    assert calls(metrics.Mean(), ((128,), "float32")) == 3
    assert calls(metrics.SparseCategoricalAccuracy(), ((128,), "int32"), ((128, 10), "float32")) <= 6
    assert calls(metrics.BinaryAccuracy(), ((128, 1), "float32"), ((128, 1), "float32")) <= 7


@pytest.mark.parametrize("thresholds", [None, list(np.linspace(0.1, 0.7, 70))])
def test_many_samples_at_once(thresholds):
    """Evenly spaced thresholds take the histogram, others the matrix, in chunks: the counts are exact either way."""
    t, p = RNG.integers(0, 2, 70_000).astype("float32"), RNG.random(70_000).astype("float32")
    p[:200] = np.linspace(0, 1, 200)                                    # exactly on the thresholds
    metric = metrics.AUC(thresholds=thresholds)
    metric.update_state(t, p)
    above = p > np.array(metric.thresholds, "float32")[:, None]
    for name, chosen in (("true_positives", above * t), ("false_positives", above * (1 - t)),
                         ("true_negatives", ~above * (1 - t)), ("false_negatives", ~above * t)):
        np.testing.assert_array_equal(getattr(metric, name).numpy(), chosen.sum(1))


def test_mean_and_sum():
    mean = metrics.Mean(name="m")
    mean.update_state([1.0, 2.0], sample_weight=[3.0, 1.0])
    mean.update_state(np.float32(7.0), sample_weight=2)
    assert float(mean.result()) == pytest.approx((3 + 2 + 14) / 6) and mean.name == "m" and [v.name for v in mean.variables] == ["total", "count"]
    assert float(metrics.Mean().result()) == 0
    assert float(metrics.Sum()([[1.0, 2.0], [3.0, 4.0]], sample_weight=[1.0, 10.0])) == 73


def test_metric_of_ones_own_in_training():
    class Worst(metrics.Metric):
        def __init__(self, name="worst", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.batches = self.add_weight(name="batches", initializer="zeros", dtype="int32")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(ops.max(ops.abs(y_true - y_pred)))
            self.batches.assign_add(1)

        def result(self):
            return self.total / ops.cast(self.batches, "float32")

    metric = Worst()
    metric.update_state(np.float32([1, 2]), np.float32([1, 5]))
    metric.update_state(np.float32([1, 2]), np.float32([2, 2]))
    assert float(metric.result()) == 2 and len(metric.variables) == 2
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Worst(), "mae"])
    logs = model.evaluate(np.ones((8, 3)), np.zeros((8, 1)), batch_size=4, verbose=0, return_dict=True)
    assert logs["worst"] == pytest.approx(logs["mae"], rel=1e-6)


def test_metrics_by_name():
    for name, cls in (("mse", "MeanSquaredError"), ("acc", "Accuracy"), ("binary_accuracy", "BinaryAccuracy"), ("auc", "AUC"),
                      ("f1_score", "F1Score"), ("sparse_top_k_categorical_accuracy", "SparseTopKCategoricalAccuracy")):
        assert type(metrics.get(name)) is getattr(metrics, cls)
    assert metrics.get("huber") is losses.huber
    wrapped = metrics.MeanMetricWrapper(losses.huber, name="h", delta=0.5)
    again = metrics.deserialize(metrics.serialize(wrapped))
    assert float(again(*REAL)) == float(wrapped(*REAL)) == pytest.approx(float(losses.Huber(0.5)(*REAL)), rel=1e-6)
    assert metrics.mean_squared_error is losses.mse is losses.mean_squared_error
