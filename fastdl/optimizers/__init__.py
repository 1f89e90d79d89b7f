"""Optimizers: how a weight moves, given its gradient. One file a family; every name is here."""
from fastdl.errors import bad_argument, unknown_name
from fastdl.optimizers import legacy, schedules
from fastdl.optimizers.adaptive import Adadelta, Adafactor, Adagrad, Ftrl, RMSprop
from fastdl.optimizers.descent import SGD, Lion, Muon
from fastdl.optimizers.loss_scale import LossScaleOptimizer
from fastdl.optimizers.moments import Adam, Adamax, AdamW, Lamb, Nadam
from fastdl.optimizers.optimizer import Optimizer

ALL_OBJECTS = {cls.__name__.lower(): cls for cls in (SGD, RMSprop, Adam, AdamW, Adagrad, Adadelta, Adamax, Nadam, Ftrl, Lion, Lamb,
                                                     Adafactor, Muon)}

__all__ = ["Optimizer", "LossScaleOptimizer", "legacy", "schedules", "serialize", "deserialize", "get",
           *(cls.__name__ for cls in ALL_OBJECTS.values())]


def serialize(optimizer):
    """The optimizer as {"module", "class_name", "config", "registered_name"}."""
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer that `config`, as serialize() writes it, describes; fastdl's own names in any case."""
    from fastdl.saving import serialization
    name = config.get("class_name") if isinstance(config, dict) else None
    if not isinstance(name, str):
        raise bad_argument("config", repr(config), '{"class_name": ..., "config": {...}}', "use what optimizers.serialize() returned")
    own = ALL_OBJECTS.get(name.lower())
    module = config.get("module") or "keras"
    if own is not None and name not in (custom_objects or {}) and module.split(".")[0] in ("keras", "fastdl", "tf_keras"):
        return own.from_config(dict(config.get("config") or {}), custom_objects=custom_objects)
    return serialization.deserialize_keras_object(config, custom_objects=custom_objects)


def get(identifier):
    """The optimizer that a name, a config, a class or an optimizer means; None stays None.

    >>> get("adam").get_config()["beta_2"]
    0.999
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        from fastdl.saving import serialization
        if identifier.lower() in ALL_OBJECTS:
            return ALL_OBJECTS[identifier.lower()]()
        made = serialization.custom_object(identifier)
        if made is None:
            raise unknown_name("optimizer", identifier, [cls.__name__ for cls in ALL_OBJECTS.values()])
        identifier = made
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    raise bad_argument("optimizer", f"{type(identifier).__name__} {identifier!r:.80}", "a name, a config or an Optimizer",
                       'use for example optimizer="adam" or optimizer=fastdl.optimizers.Adam(learning_rate=1e-3)')


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
