"""Raw text, series and images to arrays."""
import importlib

_NAMES = {
    "image_dataset_from_directory": "image", "text_dataset_from_directory": "text", "timeseries_dataset_from_array": "sequence",
    "Standardizer": "standardizer",
}
_MODULES = ("image", "text", "sequence")

__all__ = [*_MODULES, *_NAMES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module("." + name, __name__)
    if name in _NAMES:
        return getattr(importlib.import_module("." + _NAMES[name], __name__), name)
    from fastdl.errors import did_you_mean

    raise AttributeError(f"module 'fastdl.preprocessing' has no attribute '{name}'.{did_you_mean(name, __all__)}")
