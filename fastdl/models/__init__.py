"""Model, Sequential and the functional graph."""
from fastdl.models.functional import Functional
from fastdl.models.model import Model, clone_model, model_from_json
from fastdl.models.sequential import Sequential


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True, **kwargs):
    from fastdl import saving
    return saving.load_model(filepath, custom_objects, compile, safe_mode, **kwargs)


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    from fastdl import saving
    return saving.save_model(model, filepath, overwrite, zipped, **kwargs)


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
