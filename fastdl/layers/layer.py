"""Layer: what every layer and model shares: building, calling, masks, the training flag, losses, shapes, configs.

Its variables, and the walk that finds them, are in weights.py; what a layer accepts is in input_spec.py.
"""
import contextlib
import functools
import inspect

import numpy as np

from fastdl import config
from fastdl.core.tensor import Tensor, Variable, convert_to_tensor
from fastdl.errors import did_you_mean
from fastdl.layers.input_spec import InputSpec, assert_input_compatibility  # noqa: F401  (InputSpec is public here)
from fastdl.layers.scopes import CallContext, _outside_trace, _stack, name_scope
from fastdl.layers.weights import Weights
from fastdl.ops import symbolic
from fastdl.ops.symbolic import KerasTensor, any_symbolic, flatten, map_structure

LEGACY = ("input_shape", "input_dim", "batch_input_shape", "batch_shape", "batch_size", "input_length", "weights", "input_dtype")


def serialize_value(name, value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [serialize_value(name, v) for v in value]
    from fastdl.saving import serialization
    if "activation" in name:
        from fastdl import activations
        return activations.serialize(value)
    for suffix in ("initializer", "regularizer", "constraint"):
        if name.endswith(suffix):
            module = __import__(f"fastdl.{suffix}s", fromlist=["serialize"])
            return module.serialize(value)
    return serialization.serialize_keras_object(value)


@functools.lru_cache(maxsize=None)
def _parameters(function):
    return inspect.signature(function).parameters


class Layer(Weights, symbolic.Operation):
    """y = layer(x): weights made on first use, then call(x)."""

    def __new__(cls, *args, **kwargs):
        if args and cls.__module__.startswith("fastdl.layers") and any_symbolic(args):
            raise TypeError(f"{cls.__name__} was given a tensor where its options go: a layer is made first, then called. "
                            f"Fix: {cls.__name__}(...)(x).")
        self = super().__new__(cls)
        d = self.__dict__
        d.update(_inbound_nodes=[], _outbound_nodes=[], _own=[], _losses=[], _trainable=True, built=False,
                 _initialised=False, input_spec=None, supports_masking=False, _called=False, autocast=True)
        try:
            bound = inspect.signature(cls.__init__).bind(self, *args, **kwargs)
            bound.apply_defaults()
            d["_init_args"] = dict(list(bound.arguments.items())[1:])
        except TypeError:
            d["_init_args"] = {}
        return self

    version = 0                          # counts public attributes set on built layers: plans made before are stale

    def __setattr__(self, name, value):
        if name[0] != "_" and self.__dict__.get("built") and name not in ("built", "stop_training", "history"):
            Layer.version += 1
        super().__setattr__(name, value)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _wrap_build(cls.__dict__["build"])

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **kwargs):
        unknown = [k for k in kwargs if k not in LEGACY]
        if unknown:
            known = [p for p in _parameters(type(self).__init__) if p not in ("self", "kwargs")]
            known += ["name", "dtype", "trainable", "activity_regularizer"] + list(LEGACY)
            raise TypeError(f"{type(self).__name__} does not take the argument {unknown[0]!r}."
                            f"{did_you_mean(unknown[0], known) or ' It takes: ' + ', '.join(known[:12]) + '.'}")
        self._initialised = True
        self._name = str(name) if name else symbolic.auto_name(type(self).__name__)
        self._trainable, self.autocast = bool(trainable), autocast
        if isinstance(dtype, dict):
            dtype = dtype.get("config", dtype).get("name")
        if dtype is not None and not isinstance(dtype, (str, type, np.dtype)):
            dtype = getattr(dtype, "compute_dtype", None) or str(dtype)
        self._dtype = str(np.dtype(dtype)) if dtype and dtype != "bfloat16" else config.floatx()
        if activity_regularizer is not None:
            from fastdl import regularizers
            activity_regularizer = regularizers.get(activity_regularizer)
        self.activity_regularizer = activity_regularizer
        shape = kwargs.get("batch_input_shape") or kwargs.get("batch_shape")
        if shape is None and kwargs.get("input_shape") is not None:
            given = kwargs["input_shape"]
            shape = (kwargs.get("batch_size"),) + (tuple(given) if isinstance(given, (list, tuple)) else (given,))
        if shape is None and kwargs.get("input_dim") is not None:
            shape = (kwargs.get("batch_size"),)
            if kwargs.get("input_length") is not None:
                shape += (kwargs["input_length"],)
            shape += (kwargs["input_dim"],)
        self._input_shape_arg = None if shape is None else tuple(shape)
        self._initial_weights = kwargs.get("weights")

    # ------------------------------------------------------------ names, dtypes
    @property
    def name(self):
        return self.__dict__.get("_name", type(self).__name__)

    @name.setter
    def name(self, value):
        self._name = value

    dtype = property(lambda self: self._dtype)
    compute_dtype = property(lambda self: self._dtype)
    variable_dtype = property(lambda self: self._dtype)

    @property
    def path(self):
        """Where the layer's weights lie: the names of the models and layers around it, and its own."""
        return self._own[0].path.rpartition("/")[0] if self._own else self.name

    @property
    def dtype_policy(self):
        from fastdl import dtype_policies
        return dtype_policies.get(self._dtype)

    @property
    def input_dtype(self):
        return self._dtype

    # ------------------------------------------------------------ losses
    def add_loss(self, loss, inputs=None):
        """Adds a scalar to model.losses, valid until the next call of the model."""
        for x in flatten(loss):
            if callable(x) and not hasattr(x, "shape"):
                x = x()
            if isinstance(x, KerasTensor):
                raise ValueError("add_loss() inside a functional model needs a Layer: write a Layer whose call() "
                                 "calls self.add_loss(...), or override compute_loss / train_step.")
            self._losses.append(x)

    def add_metric(self, value, aggregation="mean", name=None):
        from fastdl import metrics
        found = next((m for m in self._found()[2] if m.name == name), None)
        if found is None:
            found = metrics.Mean(name=name or "metric")
            self.__dict__.setdefault("_added_metrics", []).append(found)
        found.update_state(value)

    @property
    def losses(self):
        out = [x for layer in self._flatten_layers() for x in layer._losses]
        seen = set()
        for v in self.trainable_weights:
            r = getattr(v, "regularizer", None)
            if r is not None and id(v) not in seen:
                seen.add(id(v))
                out.append(r(v))
        return out

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    # ------------------------------------------------------------ build and call
    def build(self, input_shape=None):
        self.built = True

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no call(). Define `def call(self, inputs):`.")

    @classmethod
    def _call_parameters(cls):
        return _parameters(cls.call)

    def _takes(self, name):
        return name in self._call_parameters()

    def _maybe_build(self, arguments):
        if self.built:
            return
        shapes = {k: map_structure(lambda t: tuple(t.shape) if hasattr(t, "shape") else None, v)
                  for k, v in arguments.items() if any(hasattr(t, "shape") for t in flatten(v))}
        names = [k for k in _parameters(type(self).build) if k != "self"]
        with _outside_trace():
            if len(names) > 1 and any(k.endswith("_shape") and k[:-6] in arguments for k in names):
                self.build(**{k: shapes.get(k[:-6]) for k in names if k[:-6] in arguments})
            else:
                self.build(next(iter(shapes.values()), None))
        self.__dict__["built"] = True
        self._after_build()

    def _after_build(self):
        weights = self.__dict__.get("_initial_weights")
        if weights is not None:
            self._initial_weights = None
            self.set_weights(weights)

    def _convert(self, x):
        if isinstance(x, KerasTensor) or x is None or isinstance(x, (str, bytes)):
            return x
        floats = ("float16", "float32", "float64", "bfloat16")
        if isinstance(x, (Tensor, Variable)):
            if self.autocast and x.dtype in floats and self.compute_dtype in floats and x.dtype != self.compute_dtype:
                from fastdl import ops
                return ops.cast(x, self.compute_dtype)
            return x
        if isinstance(x, (np.ndarray, np.generic, float, int)) and not isinstance(x, bool):
            kind = np.asarray(x).dtype.kind
            if kind not in "fiub":
                return x
            return convert_to_tensor(x, dtype=self.compute_dtype if kind == "f" and self.autocast else None)
        if type(x).__name__ in ("DataFrame", "Series") and hasattr(x, "to_numpy"):
            return self._convert(x.to_numpy())
        return x

    def __call__(self, *args, **kwargs):
        if not self._initialised:
            raise RuntimeError(f"{type(self).__name__}.__init__ did not call super().__init__(). Make "
                               "super().__init__() the first line of __init__.")
        stack = _stack("calls")
        if args and isinstance(args[0], (list, tuple)) and args[0] and all(
                isinstance(v, (int, float)) and not isinstance(v, bool) for v in flatten(args[0])):
            args = (np.asarray(args[0]),) + args[1:]
        args = tuple(map_structure(self._convert, a) for a in args)
        kwargs = {k: map_structure(self._convert, v) if k not in ("training",) else v for k, v in kwargs.items()}

        outer = stack[-1] if stack else None
        takes_training, takes_mask = self._takes("training"), self._takes("mask")
        explicit = kwargs.pop("training", None)
        if not takes_mask:
            kwargs.pop("mask", None)
        try:
            arguments = dict(inspect.Signature(list(self._call_parameters().values())).bind(self, *args, **kwargs).arguments)
        except TypeError as e:
            raise TypeError(f"Layer '{self.name}' ({type(self).__name__}) was called with wrong arguments: {e}.") from None
        arguments.pop("self", None)
        if takes_training and arguments.get("training") is not None:
            explicit = arguments["training"]
        training = explicit if explicit is not None else outer.training if outer is not None else None
        if training is None and takes_training:
            default = self._call_parameters()["training"].default
            training = default if isinstance(default, bool) else None

        first = next(iter(arguments.values()), None)
        symbolic_call = any_symbolic(*args, **kwargs)
        assert_input_compatibility(self.__dict__.get("input_spec"), first, self)
        with name_scope(self.name):
            self._maybe_build(arguments)
            assert_input_compatibility(self.__dict__.get("input_spec"), first, self) if not self._called else None
            self.__dict__["_called"] = True
            if symbolic_call:
                recorded = dict(kwargs)
                if explicit is not None:
                    recorded["training"] = explicit
                return self._symbolic_call(args, kwargs, recorded, training)
            masks = map_structure(lambda t: getattr(t, "_keras_mask", None), first)
            has_mask = any(m is not None for m in flatten(masks))
            if takes_mask and kwargs.get("mask") is None and arguments.get("mask") is None and has_mask \
                    and sum(any(hasattr(t, "shape") for t in flatten(v)) for v in arguments.values()) == 1:
                kwargs["mask"] = masks                 # as in Keras 3: not when there are tensors in other arguments too
            for key, value in arguments.items():
                mk = f"{key}_mask"
                if mk in self._call_parameters() and kwargs.get(mk) is None and getattr(value, "_keras_mask", None) is not None:
                    kwargs[mk] = value._keras_mask
            if takes_training and "training" not in arguments:
                kwargs["training"] = training
            if outer is None:
                self._clear_losses()
            stack.append(CallContext(training, self))
            try:
                outputs = self.call(*args, **kwargs)
            finally:
                stack.pop()
            if self.activity_regularizer is not None:
                for y in flatten(outputs):
                    if hasattr(y, "shape"):
                        self.add_loss(self.activity_regularizer(y) / convert_to_tensor(float(y.shape[0] or 1)))
            used = kwargs.get("mask") if takes_mask and kwargs.get("mask") is not None else masks if has_mask else None
            self._set_masks(first, outputs, used)
            if "_seen_output_shape" not in self.__dict__:
                self._seen_output_shape = map_structure(
                    lambda t: (None, *t.shape[1:]) if getattr(t, "shape", ()) else (), outputs)
        return outputs

    def _set_masks(self, inputs, outputs, mask):
        cls = type(self)
        if cls.compute_mask is Layer.compute_mask and (mask is None or not self.supports_masking):
            return
        out = self.compute_mask(inputs, mask)
        ys, ms = flatten(outputs), flatten(out)
        if len(ms) == 1 and len(ys) > 1:
            ms = ms + [None] * (len(ys) - 1)
        for y, m in zip(ys, ms):
            if m is not None and isinstance(y, Tensor) and getattr(y, "_keras_mask", None) is None:
                try:
                    y._keras_mask = m
                except AttributeError:
                    pass

    def compute_mask(self, inputs, previous_mask=None):
        return previous_mask if self.supports_masking else None

    def _symbolic_call(self, args, kwargs, recorded, training):
        stack = _stack("calls")

        def run(*a, **k):
            stack.append(CallContext(training, self))
            try:
                if self._takes("training") and "training" not in k and len(a) < 2:
                    k["training"] = training
                return self.call(*a, **k)
            finally:
                stack.pop()
                self._clear_losses()

        try:
            outputs = symbolic.infer(run, args, kwargs)
        except ValueError as error:
            if error.args and isinstance(error.args[0], str) and f"'{self.name}'" not in error.args[0]:
                error.args = (f"Layer '{self.name}' ({type(self).__name__}): {error.args[0]}", *error.args[1:])
            raise
        symbolic.Node(self, args, recorded, outputs)
        return outputs

    def compute_output_shape(self, input_shape):
        """Output shape for an input shape (or a list of shapes), found by tracing call()."""
        def is_shape(s):
            return isinstance(s, (tuple, list)) and all(v is None or isinstance(v, int) for v in s)

        def to_tensor(s):
            if is_shape(s):
                return KerasTensor(s, self.compute_dtype)
            return {k: to_tensor(v) for k, v in s.items()} if isinstance(s, dict) else [to_tensor(v) for v in s]

        x = to_tensor(input_shape)
        with name_scope(self.name):
            self._maybe_build({"inputs": x})
        y = symbolic.infer(self.call, (x,), {})
        return map_structure(lambda t: t.shape, y)

    def compute_output_spec(self, *args, **kwargs):
        if not self.built:
            self._maybe_build(dict(inspect.signature(self.call).bind(*args, **kwargs).arguments))
        return symbolic.infer(self.call, args, kwargs)

    # ------------------------------------------------------------ graph views
    def _node_io(self, attribute, what):
        if not self._inbound_nodes:
            raise AttributeError(f"Layer '{self.name}' has no {what}: it was never called on an Input. Call it on "
                                 "fastdl.Input(...), or give the model an input_shape.")
        leaves = getattr(self._inbound_nodes[0], attribute)
        return leaves[0] if len(leaves) == 1 else leaves

    @property
    def input(self):
        return self._node_io("input_tensors" if self._inbound_nodes and self._inbound_nodes[0].input_tensors
                             else "output_tensors", "input")

    @property
    def output(self):
        return self._node_io("output_tensors", "output")

    @property
    def input_shape(self):
        return map_structure(lambda t: t.shape, self.input)

    @property
    def output_shape(self):
        return map_structure(lambda t: t.shape, self.output)

    def get_input_at(self, index):
        leaves = self._inbound_nodes[index].input_tensors
        return leaves[0] if len(leaves) == 1 else leaves

    def get_output_at(self, index):
        leaves = self._inbound_nodes[index].output_tensors
        return leaves[0] if len(leaves) == 1 else leaves

    def get_input_shape_at(self, index):
        return map_structure(lambda t: t.shape, self.get_input_at(index))

    def get_output_shape_at(self, index):
        return map_structure(lambda t: t.shape, self.get_output_at(index))

    # ------------------------------------------------------------ config
    def get_build_config(self):
        shape = self.__dict__.get("_build_shape")
        return None if shape is None else {"input_shape": shape}

    def build_from_config(self, config):
        if config and isinstance(config.get("shapes_dict"), dict) and not self.built:
            self.build(**{k: v if v and isinstance(v[0], (list, tuple)) else tuple(v) for k, v in config["shapes_dict"].items()})
        elif config and "input_shape" in config and not self.built:
            shape = config["input_shape"]
            self.build(tuple(shape) if isinstance(shape, list) and all(s is None or isinstance(s, int) for s in shape)
                       else shape)

    def get_config(self):
        """The constructor's arguments, read back from attributes of the same names."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        automatic = type(self).get_config is Layer.get_config
        for cls in type(self).__mro__:
            if cls is Layer:
                break
            ours = cls.__module__.startswith("fastdl.layers")
            if "__init__" not in cls.__dict__ or not (ours or automatic):
                continue
            keyword = False
            for name, p in _parameters(cls.__init__).items():
                keyword |= p.kind == p.VAR_KEYWORD
                if name == "self" or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) or name in config:
                    continue
                value = self.__dict__.get(name, self.__dict__.get("_init_args", {}).get(name, p.default))
                if name in LEGACY and name not in self.__dict__:
                    continue
                config[name] = serialize_value(name, value)
            if not keyword:
                break
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_value("regularizer", self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if cls.__init__ is not Layer.__init__:
            from fastdl.saving import serialization
            config = {k: serialization.deserialize_keras_object(v)
                      if isinstance(v, dict) and "class_name" in v and k != "dtype" else v for k, v in config.items()}
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _wrap_build(build):
    @functools.wraps(build)
    def wrapper(self, *args, **kwargs):
        scopes = _stack("scopes")
        scope = contextlib.nullcontext() if scopes and scopes[-1] == self.name else name_scope(self.name)
        with scope:
            build(self, *args, **kwargs)
        self.__dict__["built"] = True
        shape = args[0] if args else next(iter(kwargs.values()), None)
        self.__dict__.setdefault("_build_shape", shape)
    return wrapper
