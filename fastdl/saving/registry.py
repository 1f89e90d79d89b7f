"""fastdl's own names, the only ones that a file can use by itself: tables made of public classes and functions, by kind.

A module name of Keras's or of ours chooses the tables; anybody else's module has none. Nothing is imported by a name
that a file holds.
"""
import functools

import fastdl

# kind -> (names and what they mean, what a class of this kind is); a module is loaded when a file first asks for its kind.
KINDS = {
    "layers": lambda: (vars(fastdl.layers), fastdl.layers.Layer),
    "models": lambda: (vars(fastdl.models), fastdl.models.Model),
    "optimizers": lambda: (vars(fastdl.optimizers), fastdl.optimizers.Optimizer),
    "schedules": lambda: (vars(fastdl.optimizers.schedules), fastdl.optimizers.schedules.LearningRateSchedule),
    "losses": lambda: (vars(fastdl.losses), fastdl.losses.Loss),
    "metrics": lambda: (vars(fastdl.metrics), fastdl.metrics.Metric),
    "initializers": lambda: (vars(fastdl.initializers), fastdl.initializers.Initializer),
    "regularizers": lambda: (vars(fastdl.regularizers), fastdl.regularizers.Regularizer),
    "constraints": lambda: (vars(fastdl.constraints), fastdl.constraints.Constraint),
    "random": lambda: (vars(fastdl.random), fastdl.random.SeedGenerator),
    "activations": lambda: (fastdl.activations.FUNCTIONS, ()),
    "applications": lambda: ({"LayerScale": fastdl.applications.convnext.LayerScale,
                              "CustomScaleLayer": fastdl.applications.inception_resnet_v2.CustomScaleLayer}, fastdl.layers.Layer),
}
ROOTS = ("keras", "fastdl", "tf_keras")             # whose module names mean the tables below


@functools.lru_cache(maxsize=None)
def classes(kind):
    """Public name -> class of one kind."""
    names, base = KINDS[kind]()
    return {k: v for k, v in names.items() if isinstance(v, type) and issubclass(v, base) and not k.startswith("_")
            and v.__module__.startswith("fastdl.")}


@functools.lru_cache(maxsize=None)
def functions(kind):
    """Public name -> function that a config may name: activations, and losses and metrics of (y_true, y_pred)."""
    if kind == "activations":
        return KINDS[kind]()[0]
    if kind not in ("losses", "metrics"):
        return {}
    return {k: v for k, v in KINDS[kind]()[0].items() if not k.startswith("_") and not isinstance(v, type) and callable(v)
            and (getattr(v, "__module__", None) or "").startswith("fastdl.") and _takes_predictions(v)}


def _takes_predictions(f):
    code = getattr(getattr(f, "__wrapped__", f), "__code__", None)
    return code is not None and code.co_varnames[:2] == ("y_true", "y_pred")


def _kinds_of(module):
    """The kinds that a module name of Keras's or ours means; None for anybody else's module."""
    parts = module.split(".")
    if parts[0] not in ROOTS:
        return None
    if "schedules" in parts:
        return ["schedules"]
    if len(parts) == 1 or "engine" in parts:                # "keras" itself, and keras.engine of Keras 2
        return ["models", "layers"]
    if parts[1:] == ["utils"]:                              # keras.utils.FeatureSpace
        return ["layers"]
    return [k for k in parts if k in KINDS][:1]


def _home(thing):
    """(kind, public name) of one of our own classes or functions, or None."""
    parts = (getattr(thing, "__module__", None) or "").split(".")
    if parts[0] != "fastdl" or len(parts) < 2:
        return None
    for kind in (parts[1], "schedules") if parts[1] == "optimizers" else (parts[1],):
        if kind in KINDS:
            table = classes(kind) if isinstance(thing, type) else functions(kind)
            if table.get(thing.__name__) is thing:
                return kind, thing.__name__
    return None
