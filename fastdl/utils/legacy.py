"""keras.utils.legacy: objects to configs and back."""
from fastdl.saving.serialization import deserialize_keras_object, serialize_keras_object  # noqa: F401
