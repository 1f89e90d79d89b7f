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

__all__ = ["CustomObjectScope", "ObjectSharingScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
           "get_registered_name", "get_registered_object", "register_keras_serializable", "serialize_keras_object"]
