"""Intersection over union of predicted and true regions, from a confusion matrix that batches add to."""
import numpy as np

from fastdl import config, ops
from fastdl.errors import bad_argument
from fastdl.losses.values import as_dtype, as_float
from fastdl.metrics.base import Metric
from fastdl.primitives.movement import take_grad


class _Confusion(Metric):
    """Counts (true class, predicted class) in total_cm."""

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_true=True, sparse_y_pred=True, axis=-1):
        super().__init__(name=name, dtype=dtype)
        self._direction, self.num_classes, self.ignore_class, self.axis = "up", int(num_classes), ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable((self.num_classes,) * 2, name="total_confusion_matrix")

    def _classes(self, y, sparse):
        y = as_dtype(y, "int32") if sparse else ops.argmax(as_float(y), axis=self.axis)
        return ops.reshape(y, (-1,))

    def update_state(self, y_true, y_pred, sample_weight=None):
        n = self.num_classes
        y_true, y_pred = self._classes(y_true, self.sparse_y_true), self._classes(y_pred, self.sparse_y_pred)
        if y_true.shape != y_pred.shape:
            raise bad_argument("y_true", f"{y_true.shape[0]} class numbers", f"as many as y_pred has, {y_pred.shape[0]}",
                               "see sparse_y_true and sparse_y_pred: whether classes come as numbers or one-hot")
        if sample_weight is None:
            weights = ops.ones(y_true.shape, self.dtype)
        else:
            weights = ops.reshape(as_dtype(sample_weight, self.dtype), (-1,))
            if weights.shape[0] != y_true.shape[0] and weights.shape[0] and y_true.shape[0] % weights.shape[0] == 0:
                weights = ops.repeat(weights, y_true.shape[0] // weights.shape[0])
        if self.ignore_class is not None:
            valid = ops.not_equal(y_true, self.ignore_class)
            y_true, y_pred = ops.where(valid, y_true, 0), ops.where(valid, y_pred, 0)
            weights = ops.where(valid, weights, 0)
        inside = ops.logical_and(*(ops.logical_and(ops.greater_equal(y, 0), ops.less(y, n)) for y in (y_true, y_pred)))
        cell = ops.where(inside, y_true * n + y_pred, n * n)                       # a class out of range fails
        self.total_cm.assign_add(ops.reshape(take_grad(weights, cell, shape=(n * n,), axis=0), (n, n)))

    def _ratios(self):
        """(intersection / union, is the class there at all), one entry a class"""
        right = ops.diagonal(self.total_cm)
        union = ops.sum(self.total_cm, axis=0) + ops.sum(self.total_cm, axis=1) - right
        return ops.divide_no_nan(as_float(right), as_float(union)), ops.cast(ops.greater(union, 0), config.floatx())

    def get_config(self):
        return {**super().get_config(), **{k: getattr(self, k) for k in self.saved}}


class IoU(_Confusion):
    """iou = mean over target_class_ids of tp / (tp + fp + fn); a class that neither side has does not count"""
    saved = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None, sparse_y_true=True,
                 sparse_y_pred=True, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        if max(target_class_ids) >= num_classes:
            raise bad_argument("target_class_ids", repr(target_class_ids), f"class numbers below num_classes={num_classes}",
                               "classes are numbered from 0")
        self.target_class_ids = list(target_class_ids)

    def result(self):
        ratio, there = (ops.take(v, np.array(self.target_class_ids, "int32")) for v in self._ratios())
        return ops.divide_no_nan(ops.sum(ratio), ops.sum(there))


class MeanIoU(_Confusion):
    """iou = mean over classes of tp / (tp + fp + fn); a class that neither side has does not count"""
    saved = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def result(self):
        ratio, there = self._ratios()
        return ops.divide_no_nan(ops.sum(ratio), ops.sum(there))


class BinaryIoU(IoU):
    """The IoU of classes 0 and 1, predicted by y_pred >= threshold"""
    saved = ("target_class_ids", "threshold")

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        positive = ops.greater_equal(as_float(y_pred), self.threshold)
        super().update_state(y_true, ops.cast(positive, "int32"), sample_weight)


class OneHotIoU(IoU):
    """IoU of one-hot targets (and predictions, by argmax along `axis`, unless sparse_y_pred)"""
    saved = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """MeanIoU of one-hot targets (and predictions, by argmax along `axis`, unless sparse_y_pred)"""
    saved = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
