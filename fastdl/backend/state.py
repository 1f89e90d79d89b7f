"""What holds for all that follows: the learning phase, the automatic names, floatx, where the channels stand."""
import contextlib
import threading

import numpy as np

from fastdl import ops
from fastdl.config import floatx, image_data_format, set_image_data_format
from fastdl.core.tensor import Tensor
from fastdl.layers.scopes import _stack
from fastdl.ops import symbolic
from fastdl.ops.promotion import public
from fastdl.ops.symbolic import KerasTensor

_local = threading.local()
_uids = {}


class LearningPhase(int):
    """0 = inference, 1 = training; an input of function() that chooses between them."""


def learning_phase():
    """Which phase function() runs when it is not told: 0 (inference) or 1 (training)."""
    return LearningPhase(getattr(_local, "phase", 0))


def set_learning_phase(value):
    if value not in (0, 1, True, False):
        raise ValueError(f"the learning phase is 0 (inference) or 1 (training), got {value!r}")
    _local.phase = int(value)


@contextlib.contextmanager
def learning_phase_scope(value):
    before = learning_phase()
    set_learning_phase(value)
    try:
        yield
    finally:
        set_learning_phase(before)


def _training():
    calls = _stack("calls")
    now = calls[-1].training if calls else None
    return bool(learning_phase()) if now is None else bool(now)


def in_train_phase(x, alt, training=None):
    """x while training, else alt; either may be a function without arguments"""
    chosen = x if (_training() if training is None else bool(training)) else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x, alt, training=None):
    return in_train_phase(alt, x, training)


def clear_session(free_memory=True):
    """Automatic names start again from `dense`; there is no graph or session to clear besides."""
    symbolic.reset_names()
    _uids.clear()
    _local.phase = 0


reset_uids = clear_session


def get_uid(prefix=""):
    _uids[prefix] = _uids.get(prefix, 0) + 1
    return _uids[prefix]


def cast_to_floatx(x):
    return ops.cast(x, floatx()) if isinstance(x, (Tensor, KerasTensor)) else np.asarray(x, dtype=floatx())


def manual_variable_initialization(value):
    """Accepted; variables here always hold a value."""


def get_session():
    raise RuntimeError("fastdl has no TensorFlow session. K.function([inputs], [outputs]) runs a graph; K.eval(x) gives a value.")


def set_image_dim_ordering(dim_ordering):
    set_image_data_format({"tf": "channels_last", "th": "channels_first"}[dim_ordering])


def image_dim_ordering():
    return {"channels_last": "tf", "channels_first": "th"}[image_data_format()]


def normalize_data_format(value):
    return (value or image_data_format()).lower()


__all__ = public(globals())
