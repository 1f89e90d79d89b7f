"""fastdl: Keras's words, compiled kernels, the same bits on every run. `import fastdl as keras`.

Names are loaded when they are first used: importing fastdl loads NumPy and the native module, nothing else.
"""
import importlib as _importlib

from . import compat as _compat
from . import config
from .core import native as _native  # noqa: F401

__version__ = "0.1.0"
config.start()
_compat.start()
install_as_keras = _compat.install_as_keras

_MODULES = ("activations applications backend callbacks compat config constraints datasets dtype_policies errors initializers "
            "layers losses metrics mixed_precision models ops optimizers preprocessing random regularizers saving training tree "
            "utils validation wrappers").split()
_NAMES = {
    "GradientTape": "core.tape", "Tensor": "core.tensor", "function": "core.function", "elementwise": "core.jit", "Variable": "core.tensor",
    "Sequential": "models", "Model": "models", "Input": "layers", "Layer": "layers", "KerasTensor": "ops.symbolic",
    "Loss": "losses", "Metric": "metrics", "Optimizer": "optimizers", "Initializer": "initializers",
    "Regularizer": "regularizers", "SeedGenerator": "random", "Callback": "callbacks", "Constraint": "constraints",
    "InputSpec": "layers", "name_scope": "layers.scopes", "Operation": "ops.operation", "Function": "models.function",
    "DTypePolicy": "dtype_policies", "FloatDTypePolicy": "dtype_policies", "StatelessScope": "ops.operation",
    "SymbolicScope": "ops.operation", "device": "ops.operation", "remat": "ops.operation", "RematScope": "ops.operation",
    "version": "dtype_policies",
}


def __getattr__(name):
    if name in _MODULES:
        return _importlib.import_module("." + name, __name__)
    if name in _NAMES:
        _importlib.import_module(".ops", __name__)              # gives tensors their operators
        return getattr(_importlib.import_module("." + _NAMES[name], __name__), name)
    if name in _compat.MOVED:
        return _importlib.import_module("." + name, __name__)
    from .errors import did_you_mean
    hint = did_you_mean(name, list(_MODULES) + list(_NAMES))
    raise AttributeError(f"module 'fastdl' has no attribute {name!r}.{hint}")


def __dir__():
    return sorted([*globals(), *_MODULES, *_NAMES])
