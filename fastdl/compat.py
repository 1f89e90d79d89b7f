"""Keras 2's module names, and `import keras` itself: dotted names that resolve to fastdl's own, on first use.

`keras.layers.merge`, `keras.utils.np_utils` and the like are views of the module that holds those names today.
"""
import importlib
import importlib.abc
import importlib.machinery
import sys
import types

# Keras 2's module -> the one that has its names.
MOVED = {"objectives": "losses", "engine": "layers", "engine.topology": "layers", "engine.base_layer": "layers",
         "engine.training": "models", "engine.sequential": "models", "engine.input_layer": "layers", "legacy": "layers",
         "preprocessing.timeseries": "preprocessing.sequence", "api": "", "_tf_keras": "", "_tf_keras.keras": ""}
MOVED.update({f"layers.{k}": "layers" for k in (
    "core embeddings merge noise local pooling recurrent wrappers normalization advanced_activations convolutional "
    "convolutional_recurrent cudnn_recurrent experimental experimental.preprocessing preprocessing").split()})
MOVED.update({f"utils.{k}": "utils" for k in (
    "np_utils vis_utils generic_utils data_utils layer_utils io_utils training_utils conv_utils test_utils").split()})
PACKAGE = "fastdl"


def resolve(dotted):
    """The fastdl object that Keras's dotted name (without `keras.`) means; AttributeError if none."""
    if dotted in MOVED:
        dotted = MOVED[dotted]
    found = sys.modules[PACKAGE]
    done = []
    for part in dotted.split(".") if dotted else ():
        done.append(part)
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join([PACKAGE, *done]))
            except ModuleNotFoundError:
                raise AttributeError(f"fastdl has no {dotted!r}") from None
    return found


class View(types.ModuleType):
    """A module by another name: attributes are looked up in the original."""

    def __init__(self, name, dotted):
        super().__init__(name)
        self.__dict__.update(_dotted=dotted, __path__=[], __file__=None)

    def __getattr__(self, name):
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)
        dotted = self.__dict__["_dotted"]
        inner = f"{dotted}.{name}" if dotted else name
        if inner in MOVED:
            return importlib.import_module(f"{self.__name__}.{name}")
        return getattr(resolve(dotted), name)

    def __dir__(self):
        return dir(resolve(self.__dict__["_dotted"]))


def _absent(name, dotted):
    """The error for a name that nothing has, with the nearest ones; None when no name is near.

    It carries no `name`: Python would replace it by its own "cannot import name" without the hint.
    """
    from .errors import did_you_mean
    parent, _, last = dotted.rpartition(".")
    try:
        names = dir(resolve(parent))
    except AttributeError:
        return None
    hint = "" if last in names else did_you_mean(last, names)
    return ModuleNotFoundError(f"No module or name {name!r}.{hint}") if hint else None


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules under the names in `roots`: with "keras" there, keras.layers is a view of fastdl.layers."""

    def __init__(self):
        self.roots = []                        # "tensorflow.keras" before "tensorflow"

    def find_spec(self, fullname, path=None, target=None):
        for root in self.roots:
            if fullname == root or fullname.startswith(root + "."):
                return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        name = spec.name
        for root in [*self.roots, PACKAGE]:
            if name == root or name.startswith(root + "."):
                dotted = name[len(root) + 1:]
                break
        if name == "tensorflow":
            from .tensorflow_names import TensorFlow
            return TensorFlow(name)
        try:
            found = resolve(dotted)
        except AttributeError:
            raise (_absent(name, dotted) or ModuleNotFoundError(f"No module named {name!r}", name=name)) from None
        if not isinstance(found, types.ModuleType):
            raise ModuleNotFoundError(f"No module named {name!r}: it is a {type(found).__name__}", name=name)
        return View(name, dotted)

    def exec_module(self, module):
        pass


class Moved(Finder):
    """Keras 2's module names under fastdl itself; asked only after Python's own search has failed."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.startswith(PACKAGE + "."):
            dotted = fullname[len(PACKAGE) + 1:]
            if dotted in MOVED:
                return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
            error = _absent(fullname, dotted)
            if error is not None:
                raise error
        return None


finder, moved = Finder(), Moved()


def install_as_keras(era=None):
    """Puts `keras` and `tensorflow.keras` into sys.modules, so that a program's import lines stay as they are.

    `tensorflow` is a stand-in with tf.keras, tf.GradientTape, tf.data.Dataset and common functions (tensorflow_names.py).
    era="keras2" or "keras3" also calls config.set_compat(era). Call it before the program imports Keras.

    >>> import fastdl; fastdl.install_as_keras()
    >>> from keras.layers import Dense; from tensorflow.keras.utils import to_categorical
    """
    from . import config
    if era is not None:
        config.set_compat(era)
    for root in ("keras", "tensorflow.keras", "tensorflow"):
        if root not in finder.roots:
            for name in [n for n in sys.modules if n == root or n.startswith(root + ".")]:
                if not isinstance(sys.modules[name], View):
                    raise RuntimeError(f"{name} is imported already: call fastdl.install_as_keras() first, before `import {root}`")
            finder.roots.append(root)
    if finder in sys.meta_path:
        sys.meta_path.remove(finder)
    sys.meta_path.insert(0, finder)
    importlib.import_module("keras")
    importlib.import_module("tensorflow").keras = importlib.import_module("tensorflow.keras")


def start():
    sys.meta_path.append(moved)
