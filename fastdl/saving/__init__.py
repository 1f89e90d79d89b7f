"""Models and their parts as files and configs. Nothing that a file says is imported or run."""
from fastdl.saving.serialization import (
    CustomObjectScope,
    ObjectSharingScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

_FILES = ("load_model", "save_model", "save_weights", "load_weights", "model_from_json")

__all__ = ["CustomObjectScope", "ObjectSharingScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
           "get_registered_name", "get_registered_object", "register_keras_serializable", "serialize_keras_object", *_FILES]


def __getattr__(name):
    if name in _FILES:                                      # on first use: they bring zipfile and, later, h5py
        from fastdl.saving import keras_file
        return getattr(keras_file, name)
    raise AttributeError(f"module 'fastdl.saving' has no attribute {name!r}")
