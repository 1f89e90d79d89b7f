"""keras.backend as Keras 2 had it, `import fastdl.backend as K`: on tensors it computes, on Input's tensors it writes the graph.

The words stand on fastdl.ops; one file a theme, every name is here.
"""
from fastdl.backend.elements import *  # noqa: F403
from fastdl.backend.graphs import *  # noqa: F403
from fastdl.backend.products import *  # noqa: F403
from fastdl.backend.sequences import *  # noqa: F403
from fastdl.backend.shapes import *  # noqa: F403
from fastdl.backend.state import *  # noqa: F403
from fastdl.backend.tensors import *  # noqa: F403
from fastdl.config import (backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx,  # noqa: F401
                           set_image_data_format)
from fastdl.errors import names_of as _names_of
from fastdl.layers.scopes import name_scope  # noqa: F401
from fastdl.random import SeedGenerator  # noqa: F401
from fastdl.utils.names import is_float_dtype, is_int_dtype, result_type, standardize_dtype  # noqa: F401

__getattr__ = _names_of(globals())
