"""DType policies: in which dtype a layer computes and keeps its weights. Here float32 and float64.

float16, bfloat16, int8 and float8 have no kernels on a CPU: their policies are refused by name, with the reason.
"""
from fastdl import config

__all__ = ["DTypePolicy", "FloatDTypePolicy", "DTypePolicyMap", "get", "serialize", "deserialize"]
_NO_FLOATS = ("bool", "string", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")     # tables, indices, words
_NO_KERNELS = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def version():
    """fastdl's version."""
    import fastdl
    return fastdl.__version__


class DTypePolicy:
    """compute_dtype = variable_dtype = name

    >>> DTypePolicy("float64").compute_dtype
    'float64'
    """

    def __init__(self, name=None):
        name = name or config.floatx()
        if name in _NO_KERNELS or "int8_" in str(name) or "float8" in str(name):
            raise ValueError(f"the policy {name!r} has no kernels on a CPU here: use 'float32' (fast) or 'float64' (exact)")
        if name not in ("float32", "float64") + _NO_FLOATS:
            from fastdl.errors import unknown_name
            raise unknown_name("dtype policy", name, ("float32", "float64"))
        self._name = name

    name = compute_dtype = variable_dtype = property(lambda self: self._name)
    quantization_mode = None

    def convert_input(self, x, autocast, dtype):
        from fastdl.core.tensor import Tensor, convert_to_tensor
        if isinstance(x, Tensor) and not (autocast and x.dtype.startswith("float")):
            return x
        return convert_to_tensor(x, dtype)

    def get_config(self):
        return {"name": self._name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return type(self) is type(other) and self._name == other._name

    def __hash__(self):
        return hash(self._name)

    def __str__(self):
        return self._name

    def __repr__(self):
        return f'<{type(self).__name__} "{self._name}">'


FloatDTypePolicy = Policy = DTypePolicy


class DTypePolicyMap(dict):
    """path of a layer -> DTypePolicy, and a default for all others"""

    def __init__(self, default_policy=None, policy_map=None):
        super().__init__({k: get(v) for k, v in (policy_map or {}).items()})
        self.default_policy = get(default_policy)

    name = property(lambda self: "map_" + self.default_policy.name)
    compute_dtype = variable_dtype = property(lambda self: self.default_policy.name)

    def __missing__(self, key):
        return next((v for k, v in self.items() if key.startswith(k)), self.default_policy)

    def get_config(self):
        return {"default_policy": serialize(self.default_policy), "policy_map": {k: serialize(v) for k, v in self.items()}}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def get(identifier):
    """The policy that a name, a config or a policy means; None is the global one."""
    if identifier is None:
        return config.dtype_policy()
    if isinstance(identifier, (DTypePolicy, DTypePolicyMap)):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return DTypePolicy(identifier if isinstance(identifier, str) else getattr(identifier, "__name__", str(identifier)))


def serialize(dtype_policy):
    return {"module": "keras", "class_name": type(dtype_policy).__name__, "config": dtype_policy.get_config(), "registered_name": None}


def deserialize(config, custom_objects=None):
    made = {"DTypePolicy": DTypePolicy, "FloatDTypePolicy": DTypePolicy, "DTypePolicyMap": DTypePolicyMap}.get(config.get("class_name"))
    if made is None:
        raise ValueError(f"the dtype policy {config.get('class_name')!r} has no kernels here: use 'float32' or 'float64'")
    return made.from_config(config["config"])
