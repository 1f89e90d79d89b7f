"""Callbacks: code of yours at fixed moments of fit, evaluate and predict. One file a theme; every name is here.

A hook that a callback does not define costs nothing: batch logs are computed only for those who read them.
"""
import importlib

from fastdl.callbacks.callback import Callback, LambdaCallback
from fastdl.callbacks.callback_list import CallbackList
from fastdl.callbacks.checkpoints import BackupAndRestore, ModelCheckpoint
from fastdl.callbacks.logs import CSVLogger, History, Logs, ProgbarLogger
from fastdl.callbacks.steering import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau, TerminateOnNaN

_MONITORS = ("RemoteMonitor", "SwapEMAWeights", "TensorBoard")          # loaded on first use, with what they speak to


def __getattr__(name):
    if name in _MONITORS:
        return getattr(importlib.import_module("fastdl.callbacks.monitors"), name)
    if name.startswith("__"):                        # asked for by every `from fastdl.callbacks import`: quickly
        raise AttributeError(name)
    from fastdl.errors import did_you_mean
    known = [k for k, v in globals().items() if isinstance(v, type)] + list(_MONITORS)
    raise AttributeError(f"fastdl.callbacks has no {name!r}.{did_you_mean(name, known)}")
