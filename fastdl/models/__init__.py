"""Model, Sequential and the functional graph."""
from fastdl.models.functional import Functional
from fastdl.models.model import Model, clone_model, model_from_json
from fastdl.models.sequential import Sequential


def load_model(*args, **kwargs):
    from fastdl import saving
    return saving.load_model(*args, **kwargs)


def save_model(*args, **kwargs):
    from fastdl import saving
    return saving.save_model(*args, **kwargs)


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
