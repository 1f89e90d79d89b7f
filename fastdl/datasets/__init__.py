"""Datasets: `mini` is bundled with the package and needs no network."""
import importlib


def __getattr__(name):
    try:
        return importlib.import_module("." + name, __name__)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module 'fastdl.datasets' has no dataset '{name}'.") from None
