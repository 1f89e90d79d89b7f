"""Helpers beside the models: labels, seeds, the progress bar, datasets by batch, nested structures."""
from fastdl.utils import tree
from fastdl.utils.numerical import normalize, set_random_seed, to_categorical
from fastdl.utils.progbar import Progbar
from fastdl.utils.py_dataset import PyDataset, Sequence

_LAZY = {
    "standardize_dtype": "fastdl.utils.names", "is_keras_tensor": "fastdl.utils.names", "Config": "fastdl.utils.config",
    "clear_session": "fastdl.backend", "get_registered_name": "fastdl.saving", "get_registered_object": "fastdl.saving",
    "enable_interactive_logging": "fastdl.config", "disable_interactive_logging": "fastdl.config",
    "is_interactive_logging_enabled": "fastdl.config", "split_dataset": "fastdl.utils.dataset_utils",
    "pack_x_y_sample_weight": "fastdl.training.data", "unpack_x_y_sample_weight": "fastdl.training.data",
    "plot_model": "fastdl.utils.plot", "model_to_dot": "fastdl.utils.plot", "get_source_inputs": "fastdl.utils.plot",
    "register_keras_serializable": "fastdl.saving.serialization",
    "custom_object_scope": "fastdl.saving.serialization",
    "CustomObjectScope": "fastdl.saving.serialization",
    "get_custom_objects": "fastdl.saving.serialization",
    "serialize_keras_object": "fastdl.saving.serialization",
    "deserialize_keras_object": "fastdl.saving.serialization",
    "pad_sequences": "fastdl.utils.sequence_utils",
    "cached_features": "fastdl.utils.features", "unfreeze": "fastdl.utils.features",
    "get_file": "fastdl.utils.file_utils", "validate_file": "fastdl.utils.file_utils",
    "load_img": "fastdl.utils.image_utils", "save_img": "fastdl.utils.image_utils",
    "img_to_array": "fastdl.utils.image_utils", "array_to_img": "fastdl.utils.image_utils",
    "image_dataset_from_directory": "fastdl.preprocessing", "text_dataset_from_directory": "fastdl.preprocessing",
    "FeatureSpace": "fastdl.layers.preprocessing.features",
    "timeseries_dataset_from_array": "fastdl.preprocessing",
}

__all__ = ["Progbar", "PyDataset", "Sequence", "normalize", "set_random_seed", "to_categorical", "tree"]


def __getattr__(name):
    # Saving is imported on first use: `import fastdl` stays light and no import goes round in a circle.
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    if name.endswith("_utils") or name == "legacy":              # Keras 2's modules, such as np_utils
        import importlib

        return importlib.import_module("fastdl.utils." + name)
    from fastdl.errors import did_you_mean

    raise AttributeError(f"module 'fastdl.utils' has no attribute '{name}'.{did_you_mean(name, [*__all__, *_LAZY])}")
