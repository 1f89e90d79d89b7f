"""Objects <-> JSON-like configs, {"module", "class_name", "config", "registered_name"} as Keras writes them.

A config names things; it never holds or fetches code. Names are looked up in tables made of fastdl's own public classes
and functions, then in what the program registered or passed as custom_objects. Nothing is imported or evaluated.
"""
import threading

import numpy as np

from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import FileError, did_you_mean, unknown_name
from fastdl.saving.registry import ROOTS, _home, _kinds_of, classes, functions

MAX_DEPTH = 200                                     # nested objects; deeper configs are built to break the reader
DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")
HARMLESS = {"quantization_config": None, "time_major": False}           # what Keras writes and these values leave without effect
POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy")
_GLOBAL = {}                                        # "package>name" -> class or function
_NAMES = {}                                         # id of a registered object -> "package>name"


class _Local(threading.local):
    def __init__(self):
        self.scopes, self.depth, self.shared, self.sharing, self.writing = [], 0, None, None, False


_local = _Local()


# ---------------------------------------------------------------- what the user registers
def register_keras_serializable(package="Custom", name=None):
    """Decorator: files may name this class or function, as "package>name".

    >>> @register_keras_serializable("my_package")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double)
    'my_package>double'
    """
    def register(thing):
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"{thing.__name__} has no get_config(): files could not tell how to make it. Define get_config(self), "
                             "which returns the constructor's arguments as a dict.")
        full = f"{package}>{name or thing.__name__}"
        _GLOBAL[full], _NAMES[id(thing)] = thing, full
        return thing

    return register


class CustomObjectScope:
    """Inside the block, configs may name these objects: `with custom_object_scope({"MyLayer": MyLayer}): ...`"""

    def __init__(self, custom_objects):
        self.custom_objects = custom_objects or {}

    def __enter__(self):
        _local.scopes.append(self.custom_objects)
        return self

    def __exit__(self, *_):
        _local.scopes.pop()


custom_object_scope = CustomObjectScope


class ObjectSharingScope:
    """Inside the block, an object that is met twice is written (and read) as one, by its shared_object_id."""

    def __enter__(self):
        self.before = _local.shared, _local.sharing
        _local.shared, _local.sharing = {}, {}
        return self

    def __exit__(self, *_):
        _local.shared, _local.sharing = self.before


def get_custom_objects():
    """The table of everything registered, "package>name" -> object; additions to it count too."""
    return _GLOBAL


def get_registered_name(obj):
    """"package>name" of a registered class or function, else its own name."""
    full = _NAMES.get(id(obj))
    return full if full is not None and _GLOBAL.get(full) is obj else getattr(obj, "__name__", type(obj).__name__)


def get_registered_object(name, custom_objects=None, module_objects=None):
    """What `name` stands for: in the scopes, custom_objects, the registered objects or module_objects; None if nowhere."""
    found = custom_object(name, custom_objects)
    return found if found is not None else (module_objects or {}).get(name)


def _given(name, custom_objects=None):
    """An object that the program passed for `name`, by argument or scope."""
    for table in [custom_objects or {}, *reversed(_local.scopes)]:
        if name in table:
            return table[name]
    return None


def custom_object(name, custom_objects=None):
    found = _given(name, custom_objects)
    return found if found is not None else _GLOBAL.get(name)


def custom_names(custom_objects=None):
    return [*(custom_objects or {}), *(k for scope in _local.scopes for k in scope), *_GLOBAL]


# ---------------------------------------------------------------- objects -> configs
def serialize_keras_object(obj):
    """`obj` as numbers, strings, lists and dicts, which deserialize_keras_object reads back.

    >>> from fastdl import initializers
    >>> serialize_keras_object(initializers.Zeros())["class_name"]
    'Zeros'
    """
    if _local.sharing is None or _local.writing:
        return _write(obj)
    _local.writing = True
    try:
        return without_single_ids(_write(obj))
    finally:
        _local.writing = False


def _write(obj):
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, (list, tuple)):
        made = [serialize_keras_object(v) for v in obj]
        return made if isinstance(obj, list) else tuple(made)
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if isinstance(obj, bytes):
        return _special("__bytes__", value=obj.decode("utf-8"))
    if obj is Ellipsis:
        return _special("__ellipsis__")
    if isinstance(obj, slice):
        return _special("__slice__", **{k: serialize_keras_object(getattr(obj, k)) for k in ("start", "stop", "step")})
    if isinstance(obj, np.ndarray):
        return _special("__numpy__", value=obj.tolist(), dtype=_dtype_name(obj.dtype.name))
    if isinstance(obj, Tensor):
        return _special("__tensor__", value=obj.numpy().tolist(), dtype=_dtype_name(obj.dtype))
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, type):
        return _serialize_type(obj)
    if hasattr(obj, "_keras_history"):
        return _serialize_symbol(obj)
    if getattr(obj, "__name__", None) and not hasattr(obj, "get_config"):
        return _serialize_function(obj)
    return _serialize_instance(obj)


def _special(name, **config):
    return {"class_name": name, "config": config}


def _dtype_name(name):
    if name not in DTYPES:
        raise TypeError(f"arrays of dtype {name} cannot be written to a config: use one of {', '.join(DTYPES)}")
    return name


def _serialize_type(cls):
    name = cls.__name__ if cls in (int, float, bool, str) or issubclass(cls, np.generic) else None
    if name is None:
        raise TypeError(f"the class {cls.__name__} itself cannot be written to a config, only an object of it: write {cls.__name__}(...)")
    return {"module": "builtins", "class_name": "type", "config": name, "registered_name": "type"}


def _serialize_symbol(t):
    history = None
    if t._keras_history is not None:
        operation, node, index = t._keras_history
        history = [operation.name, node, index]
    return _special("__keras_tensor__", shape=list(t.shape), dtype=t.dtype, keras_history=history)


def _serialize_function(f):
    if f.__name__ == "<lambda>":
        raise ValueError("A lambda cannot be written to a file: files hold names, never code. Give it a name and register it:\n\n"
                         '    @fastdl.saving.register_keras_serializable("my_package")\n'
                         "    def my_function(x):\n        return ...\n")
    return {"module": "builtins", "class_name": "function", "config": get_registered_name(f), "registered_name": "function"}


def _serialize_instance(obj):
    if not hasattr(obj, "get_config"):
        raise TypeError(f"{type(obj).__name__} objects cannot be written to a config. Define get_config(self), which returns the "
                        "constructor's arguments as a dict, and put @fastdl.saving.register_keras_serializable() above the class.")
    cls = type(obj)
    home, registered = _home(cls), get_registered_name(cls)
    if home is None:
        module = None if cls.__module__ == "__main__" else cls.__module__
    else:
        module, registered = _written_module(home, cls), "Functional" if home == ("models", "Functional") else None
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(f"{cls.__name__}.get_config() returned {type(config).__name__}; it must return a dict of the constructor's "
                        "arguments")
    made = {"module": module, "class_name": cls.__name__, "config": serialize_keras_object(config), "registered_name": registered}
    if hasattr(obj, "get_build_config"):
        build = obj.get_build_config()
        if build is not None:
            made["build_config"] = serialize_keras_object(build)
    if hasattr(obj, "get_compile_config"):
        made["compile_config"] = serialize_keras_object(obj.get_compile_config()) or {}
    if _local.sharing is not None:                                      # without_single_ids() drops those that mean nothing
        made["shared_object_id"] = _local.sharing.setdefault(id(obj), (obj, len(_local.sharing) + 1))[1]
    return made


def without_single_ids(config):
    """A finished config without the shared_object_ids that only one object has."""
    counts = {}

    def each(x):
        if isinstance(x, (list, tuple)):
            for v in x:
                yield from each(v)
        elif isinstance(x, dict):
            yield x
            for v in x.values():
                yield from each(v)

    for x in each(config):
        if "shared_object_id" in x:
            counts[x["shared_object_id"]] = counts.get(x["shared_object_id"], 0) + 1
    for x in each(config):
        if counts.get(x.get("shared_object_id")) == 1:
            del x["shared_object_id"]
    return config


def _written_module(home, cls):
    kind, name = home
    if kind == "schedules":
        return "keras.optimizers.schedules"
    if kind == "applications":                                          # Keras finds these by the file that defines them
        return "keras.src." + cls.__module__.split(".", 1)[1]
    if kind == "models":
        return "keras.src.models.functional" if name == "Functional" else "keras"
    return f"keras.{kind}"


# ---------------------------------------------------------------- configs -> objects
def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs):
    """The object that `config` describes: the inverse of serialize_keras_object.

    custom_objects: {name: class or function} for what is not fastdl's own. safe_mode changes nothing here: code in a
    config is refused whatever its value.
    """
    module_objects = kwargs.pop("module_objects", None)
    kwargs.pop("printable_module_name", None)
    if kwargs:
        raise TypeError(f"deserialize_keras_object does not take {sorted(kwargs)}")
    _local.depth += 1
    try:
        if _local.depth > MAX_DEPTH:
            raise FileError(f"the config nests more than {MAX_DEPTH} objects in each other: it is damaged, or made to break its reader")
        if not custom_objects:
            return _read(config, module_objects)
        with CustomObjectScope(custom_objects):
            return _read(config, module_objects)
    except (FileError, ImportError):
        raise
    except Exception as error:
        if _local.depth > 1:
            raise
        raise FileError(f"the config does not make an object: {type(error).__name__}: {str(error)[:500]}") from error
    finally:
        _local.depth -= 1


def from_config_of(kind, config, custom_objects=None):
    """An object of one kind ("initializers", ...) from its config or its name."""
    with CustomObjectScope(custom_objects):
        if isinstance(config, str):
            found = classes(kind).get(config) or custom_object(config)
            if found is None:
                raise unknown_name(kind[:-1], config, [k for k in classes(kind) if k.islower()]
                                   + [k for k in custom_names() if not k.startswith("fastdl>")])
            return found() if isinstance(found, type) else found
        if not _is_config(config):
            raise FileError(f"a config of {kind} must be a name or a dict with class_name and config, got {config!r:.200}")
        name = config["class_name"]
        if name == "function" or name.startswith("__") or config.get("registered_name"):
            return deserialize_keras_object(config)
        found = classes(kind).get(name) or custom_object(name)
        if found is None:
            raise _unknown(kind[:-1], name, [*classes(kind), *custom_names()])
        return _make(found, config) if isinstance(found, type) else found


def _is_config(x):
    return isinstance(x, dict) and isinstance(x.get("class_name"), str) and "config" in x


def _read(config, module_objects=None):
    if config is None or isinstance(config, (bool, int, float)):
        return config
    if isinstance(config, str):
        found = _given(config)
        return found if found is not None else (module_objects or {}).get(config, config)
    if isinstance(config, (list, tuple)):
        made = [deserialize_keras_object(v) for v in config]
        return made if isinstance(config, list) else tuple(made)
    if not isinstance(config, dict):
        return config                                       # already an object: a config made by a program, not by a file
    name = config.get("class_name")
    if name in ("__tuple__", "TensorShape") and "items" in config:      # how Keras 2 wrote tuples
        return tuple(deserialize_keras_object(v) for v in _list(config["items"]))
    if not _is_config(config):
        return {k: deserialize_keras_object(v) for k, v in config.items()}
    if name in SPECIALS:
        return SPECIALS[name](config["config"] if isinstance(config["config"], dict) else {"value": config["config"]})
    if name.startswith("__"):
        raise FileError(f'the config holds a "{name}", which fastdl does not read')
    if name == "function":
        return _find_function(config)
    if name == "type":
        return _find_type(config["config"])
    shared = config.get("shared_object_id")
    if shared is not None and _local.shared is not None and _hashable(shared) in _local.shared:
        return _local.shared[shared]
    if shared is not None and _local.shared is not None:
        made = _met_without_id(config)
        if made is not None:
            _local.shared[shared] = made
            return made
    made = _make(_find_class(config, module_objects), config)
    if _local.shared is not None:
        if shared is not None:
            _local.shared[shared] = made
        elif isinstance(config["config"], dict) and isinstance(config["config"].get("name"), str):
            _local.shared.setdefault(("first", name, config["config"]["name"]), (made, config))
    return made


def _met_without_id(config):
    """Keras 3 loses the id of an object's first writing inside a nested model: the one of the same name and content is meant."""
    inner = config["config"]
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or "layers" not in inner:
        return None
    made, first = _local.shared.get(("first", config["class_name"], inner["name"]), (None, None))
    return made if made is not None and _bare(first["config"]) == _bare(inner) else None


def _bare(x):
    if isinstance(x, dict):
        return {k: _bare(v) for k, v in x.items() if k != "shared_object_id"}
    return [_bare(v) for v in x] if isinstance(x, list) else x


def _hashable(x):
    if not isinstance(x, (int, str)):
        raise FileError(f"a shared_object_id must be a whole number, got {x!r:.80}")
    return x


def _list(x):
    if not isinstance(x, (list, tuple)):
        raise FileError(f"the config holds {type(x).__name__} where a list was expected")
    return x


# What Keras writes for values that JSON does not have
def _array(c):
    dtype = c.get("dtype", "float32")
    if dtype not in DTYPES:
        raise FileError(f"the config holds an array of dtype {dtype!r:.80}; known: {', '.join(DTYPES)}")
    try:
        return np.array(c.get("value"), dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise FileError(f"the config holds an array that is none: {error}") from None


def _slice(c):
    return slice(*(deserialize_keras_object(c.get(k)) for k in ("start", "stop", "step")))


def _keras_tensor(c):
    from fastdl.ops.symbolic import KerasTensor
    try:
        return KerasTensor(c["shape"], c["dtype"], name=c.get("name"))
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"the config describes a tensor wrongly: {error!r}") from None


def _lambda(c):
    raise FileError("the config holds a lambda's compiled code. fastdl never runs code from a file, with any safe_mode. Write the "
                    "function into your program and give it a name there:\n\n"
                    '    @fastdl.saving.register_keras_serializable("my_package")\n'
                    "    def my_function(x):\n        return ...\n\n"
                    "then save the model with that function instead of the lambda.")


def _bytes(c):
    if not isinstance(c.get("value"), str):
        raise FileError("the config holds bytes that are not text")
    return c["value"].encode("utf-8")


SPECIALS = {"__numpy__": _array, "__tensor__": lambda c: convert_to_tensor(_array(c), c.get("dtype", "float32")), "__slice__": _slice,
            "__bytes__": _bytes, "__ellipsis__": lambda c: Ellipsis, "__keras_tensor__": _keras_tensor, "__lambda__": _lambda}


# ---------------------------------------------------------------- names -> classes and functions
def _unknown(kind, name, candidates, hint=None):
    own = name.split(">")[-1]
    own = own if own.isidentifier() else "Name"
    return FileError(f'Unknown {kind} "{name:.200}".{did_you_mean(name, candidates)} It is not one of fastdl\'s own, and a file holds only '
                     f"names, never code. If it is yours, give it to the loader:\n\n    custom_objects={{\"{own}\": {own}}}\n\n"
                     'or register it in your program before loading:\n\n    @fastdl.saving.register_keras_serializable("my_package")'
                     + (f"\n\n{hint}" if hint else ""))


def _text(config, key):
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise FileError(f"the config's {key!r} must be a string, got {value!r:.80}")
    return value


def _find_class(config, module_objects=None):
    """The class that a config names: fastdl's own by (kind, name), otherwise one that the program gave or registered."""
    name, module, registered = config["class_name"], _text(config, "module"), _text(config, "registered_name")
    kinds = _kinds_of(module) if module else None
    if kinds is not None:
        for kind in kinds:                                  # registered_name is not read: nothing may stand in for our own
            if name in classes(kind):
                return classes(kind)[name]
    if name in POLICIES and (kinds is not None or module is None):
        return _dtype_policy
    found = None
    for key in (registered, name):
        found = custom_object(key) if found is None and key else found
    if found is None and module_objects:
        found = module_objects.get(name)
    if found is None and module is None and registered is None:         # Keras 2 wrote neither: the kinds in order
        for kind in ("layers", "models", "optimizers", "losses", "metrics", "initializers", "regularizers", "constraints", "schedules"):
            found = classes(kind).get(name) if found is None else found
    if found is None:
        known = [c for kind in kinds or ("layers", "models") for c in classes(kind)]
        what = kinds[0][:-1].replace("losse", "loss") if kinds else "class"
        raise _unknown(what, registered or name, [*known, *custom_names()],
                       (f"The file says it comes from the module {module!r:.100}"
                        + (": fastdl has no such part of Keras." if kinds is not None else ".")) if module else None)
    return found


def _dtype_policy(config):
    """Policies are plain names here: "float32"."""
    return _policy_name(config)


def _find_function(config):
    name, module, registered = _text(config, "config"), _text(config, "module"), _text(config, "registered_name")
    for key in (name, registered if registered != "function" else None):
        if key and _given(key) is not None:
            return _given(key)
    kinds = ["activations", "losses", "metrics"] if module in (None, "builtins", *ROOTS) else _kinds_of(module) or []
    kinds = [] if ">" in (name or "") else kinds            # "package>name" is never ours
    for kind in kinds:
        if name in functions(kind):
            return functions(kind)[name]
    for key in (name, registered):
        if key in _GLOBAL and not isinstance(_GLOBAL[key], type):
            return _GLOBAL[key]
    raise _unknown("function", name or "", [*(f for kind in kinds for f in functions(kind)), *custom_names()])


def _find_type(name):
    made = {"int": int, "float": float, "bool": bool, "str": str, **{d: np.dtype(d).type for d in DTYPES}}
    if not isinstance(name, str) or name not in made:
        raise FileError(f"the config names the type {name!r:.80}; known: {', '.join(made)}")
    return made[name]


def _make(cls, config):
    """The object of a class that a config's inner config describes, built and compiled as it says."""
    inner = config["config"]
    if not isinstance(cls, type):
        return cls(inner if isinstance(inner, dict) else {}) if cls is _dtype_policy else cls
    if inner is None:
        inner = {}
    if not isinstance(inner, dict) and not (isinstance(inner, list) and cls.__name__ == "Sequential"):   # Keras 1 and 2.0: a list
        raise FileError(f"{cls.__name__}: its config must be a dict, got {type(inner).__name__}")
    own = _home(cls) is not None
    if isinstance(inner, dict):
        inner = dict(inner)
        if inner.get("name") is not None:
            check_name(inner["name"])
        if own and isinstance(inner.get("dtype"), dict):
            inner["dtype"] = _policy_name(inner["dtype"])
        for key in ("num_thresholds", "num_classes") if own else ():
            if isinstance(inner.get(key), int) and inner[key] > MOST:
                raise FileError(f"{cls.__name__}: its config says {key}={inner[key]:.0f}, for which it would make arrays of that size "
                                f"squared or lists that long; a file may say at most {MOST}. Fix: compile the model in Python")
        for key in PATHS if own else ():
            if isinstance(inner.get(key), str):
                raise FileError(f"{cls.__name__}: its config says {key}={inner[key]!r:.80}. fastdl opens no path or address that a file "
                                "names; give the data itself, as a list")
    if own and isinstance(inner, dict):
        inner = {k: v for k, v in inner.items() if not (k in HARMLESS and v == HARMLESS[k])}
    if own and cls.__name__ == "Lambda":
        inner = _without_code(inner)
    try:
        made = cls.from_config(inner) if hasattr(cls, "from_config") else cls(**inner)
        build, compiled = config.get("build_config"), config.get("compile_config")
        if build and hasattr(made, "build_from_config"):
            made.build_from_config(build)
        if compiled and hasattr(made, "compile_from_config"):
            made.compile_from_config(compiled)
    except FileError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise FileError(f"{cls.__name__} could not be made from its config: {error if str(error) else error!r}") from error
    return made


MOST = 10_000
PATHS = ("vocabulary", "filepath", "path", "url", "origin", "filename", "directory", "cache_dir", "idf_weights", "weights")


def check_name(name):
    """FileError for a name that could pretend to be something else: a path, control characters, markup."""
    if not isinstance(name, str) or not name or len(name) > 255 or not name.isprintable() or "\\" in name or "<" in name \
            or any(part in ("", "..") for part in name.split("/")):
        raise FileError(f"the config holds the name {name!a:.80}; a name has 1 to 255 printable characters, no backslash, < or .. in it")


def _policy_name(policy):
    """"float32" from a DTypePolicy's config; mixed precision is refused with a word on it."""
    name = policy
    while isinstance(name, dict):                           # {"class_name": "DTypePolicy", "config": {"name": "float32"}}
        name = name.get("config") if isinstance(name.get("config"), (dict, str)) else name.get("name")
    if not isinstance(name, str):
        raise FileError(f"the config holds a dtype that is none: {policy!r:.120}")
    if name not in DTYPES:
        raise FileError(f"the config asks for the dtype policy {name!r:.80}; fastdl computes in float32. Fix: in Keras, "
                        'keras.config.set_dtype_policy("float32"), build the model again, load its weights, save it')
    return name


def _without_code(config):
    """A Lambda layer's config with its functions looked up by name; code is refused."""
    config = {k: v for k, v in config.items() if k not in ("module", "function_type", "output_shape_type", "output_shape_module",
                                                           "mask_type", "mask_module")}
    for key in ("function", "mask", "output_shape"):
        value = config.get(key)
        if isinstance(value, str):
            config[key] = _find_function({"config": value})
        elif isinstance(value, dict):
            config[key] = deserialize_keras_object(value)
        elif isinstance(value, (list, tuple)) and (key == "function" or any(isinstance(v, str) for v in value)):
            _lambda(value)                                  # [marshalled code, defaults, closure] of Keras 2
        if key == "function" and not callable(config.get(key)):
            raise FileError("Lambda: its config names no function")
    return config
