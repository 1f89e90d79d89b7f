"""Model: a Layer that can be trained and saved. Model(inputs, outputs) makes a Functional."""
import json
import os
import tempfile

import numpy as np

from fastdl.core import state
from fastdl.core.function import function
from fastdl.core.tensor import Tensor
from fastdl.layers.layer import Layer
from fastdl.layers.scopes import _stack
from fastdl.ops import symbolic
from fastdl.training.trainer import Trainer


def _is_functional(args, kwargs):
    return len(args) >= 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs)


class Model(Trainer, Layer):
    """Subclass it and write call(), or give inputs= and outputs=."""

    def __new__(cls, *args, **kwargs):
        if cls is Model and (_is_functional(args, kwargs) or "input" in kwargs):
            from fastdl.models.functional import Functional
            return Functional.__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        from fastdl.models.functional import Functional
        if _is_functional(args, kwargs) and not isinstance(self, Functional):
            # `class MyModel(Model)` calling super().__init__(inputs, outputs): the graph is given after all
            _inject_functional(type(self))
            Functional.__init__(self, *args, **kwargs)
            return
        Layer.__init__(self, *args, **kwargs)

    def __call__(self, *args, **kwargs):
        x = args[0] if len(args) == 1 and not kwargs else None
        if type(x) is np.ndarray or type(x) is Tensor and x._a is not None:
            active = state.current()
            if active.mode is None and not active.tapes and not _stack("calls") and self._is_pure():
                return self._compile_forward(x)
        return super().__call__(*args, **kwargs)

    def _is_pure(self):
        """Whether model(x) may run as a plan: a graph of the library's own layers, none of which keeps losses or masks."""
        graph = self.__dict__.get("_functional") or self.__dict__.get("_graph_outputs")
        known = self.__dict__.get("_compile_pure")
        if known is None or known[0] != Layer.version or known[1] is not graph:
            pure = graph is not None and all(
                type(l).__module__.startswith("fastdl.") and l.activity_regularizer is None and not getattr(l, "mask_zero", False)
                and not getattr(l, "host_only", False)
                and type(l).__name__ not in ("Lambda", "Masking", "ActivityRegularization")
                for l in self._flatten_layers())
            self.__dict__["_compile_pure"] = known = (Layer.version, graph, pure)
            self.__dict__["_compile_forward"] = function(super().__call__)
        return known[2]

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if hasattr(type(self), name):                    # a property that raised AttributeError itself: its own words
            return object.__getattribute__(self, name)
        from fastdl.errors import did_you_mean
        hint = did_you_mean(name, [k for k in dir(type(self)) if k[0] != "_"])
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{hint}")

    @property
    def layers(self):
        return self._layers

    def get_layer(self, name=None, index=None):
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"get_layer(index={index}): the model has {len(layers)} layers, 0 to {len(layers) - 1}.")
            return layers[index]
        if name is None:
            raise ValueError("get_layer() needs a name or an index, as in get_layer('dense') or get_layer(index=0).")
        for layer in layers:
            if layer.name == name:
                return layer
        from fastdl.errors import did_you_mean
        names = [l.name for l in layers]
        raise ValueError(f"No layer named {name!r}.{did_you_mean(str(name), names)} The layers are: {names}.")

    def summary(self, line_length=None, positions=None, print_fn=None, expand_nested=False, show_trainable=False,
                layer_range=None):
        from fastdl.utils.summary import print_summary
        print_summary(self, line_length=line_length, positions=positions, print_fn=print_fn,
                      expand_nested=expand_nested, show_trainable=show_trainable, layer_range=layer_range)

    # ------------------------------------------------------------ state updates and sizes
    state_updates = property(lambda self: [])
    stateful = property(lambda self: any(getattr(l, "stateful", False) for l in self._flatten_layers(False)))

    def reset_states(self):
        for layer in self._flatten_layers(include_self=False):
            for name in ("reset_states", "reset_state"):
                if hasattr(layer, name) and not isinstance(layer, Model):
                    getattr(layer, name)()
                    break

    reset_state = reset_states

    def build_from_config(self, config):
        if not config or self.built:
            return
        if config.get("input_shape") is not None:
            shape = config["input_shape"]
            plain = isinstance(shape, (list, tuple)) and all(s is None or isinstance(s, int) for s in shape)
            self._build_on(tuple(shape) if plain else shape)

    def build(self, input_shape=None):
        if input_shape is None:
            raise ValueError(f"Model '{self.name}' needs input_shape to build: model.build((None, 784)), batch included.")
        self._build_on(input_shape)

    def _build_on(self, input_shape):
        self.__dict__.setdefault("_build_shape", input_shape)
        if type(self).build is not Model.build and not self.built and not getattr(self, "_building", False):
            self._building = True
            self.build(input_shape)
        elif type(self).call is not Layer.call and not getattr(self, "_tracing_build", False):
            self._tracing_build = self.built = True
            try:
                self.compute_output_shape(input_shape)
            finally:
                self._tracing_build = False
        self.built = True

    def _maybe_build(self, arguments):
        if not self.built and type(self).build is Model.build:
            first = next(iter(arguments.values()), None)
            self.__dict__["_build_shape"] = symbolic.map_structure(
                lambda t: (None, *t.shape[1:]) if hasattr(t, "shape") else None, first)
            self.built = True                      # sub-layers build themselves as call() reaches them
            return
        super()._maybe_build(arguments)

    def get_state_tree(self, value_format="backend_tensor"):
        """{"trainable_variables": {...}, "non_trainable_variables": ..., "optimizer_variables": ..., "metrics_variables": ...}

        Each is nested by the variables' paths. value_format: "backend_tensor" or "numpy_array".
        """
        if value_format not in ("backend_tensor", "numpy_array"):
            raise ValueError(f"get_state_tree got value_format={value_format!r}; wanted \"backend_tensor\" or \"numpy_array\".")
        read = (lambda v: np.array(v.numpy())) if value_format == "numpy_array" else lambda v: v.value
        return {name: _nested({v.path: read(v) for v in variables}, len(variables)) for name, variables in self._state_parts()}

    def set_state_tree(self, state_tree):
        """Write back what get_state_tree gave, or parts of it."""
        for name, variables in self._state_parts():
            by_path = {v.path: v for v in variables}
            for path, value in _flat(state_tree.get(name, {})):
                if path not in by_path:
                    from fastdl.errors import did_you_mean
                    raise ValueError(f"set_state_tree: {name} has no variable {path!r}.{did_you_mean(path, list(by_path))}")
                by_path[path].assign(value)

    def _state_parts(self):
        optimizer = getattr(self, "optimizer", None)
        return [("trainable_variables", self.trainable_variables), ("non_trainable_variables", self.non_trainable_variables),
                ("optimizer_variables", optimizer.variables if optimizer is not None else []),
                ("metrics_variables", self.metrics_variables)]

    # ------------------------------------------------------------ files
    def save(self, filepath, overwrite=True, **kwargs):
        from fastdl import saving
        return saving.save_model(self, filepath, overwrite=overwrite, **kwargs)

    def save_weights(self, filepath, overwrite=True, **kwargs):
        from fastdl import saving
        return saving.save_weights(self, filepath, overwrite=overwrite, **kwargs)

    def load_weights(self, filepath, **kwargs):
        from fastdl import saving
        return saving.load_weights(self, filepath, **kwargs)

    def export(self, filepath, **kwargs):
        from fastdl.export import export
        return export(self, filepath, **kwargs)

    def __reduce__(self):
        """Pickled and copied as the bytes of a .keras file."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.keras")
            self.save(path)
            with open(path, "rb") as file:
                return _from_bytes, (file.read(),)

    def to_json(self, **kwargs):
        from fastdl.saving import serialization
        with serialization.ObjectSharingScope():
            return json.dumps(serialization.serialize_keras_object(self), **kwargs)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from fastdl.models.functional import Functional
        if "layers" in config and "input_layers" in config:
            return Functional.from_config.__func__(cls if issubclass(cls, Functional) else Functional, config,
                                                   custom_objects=custom_objects)
        return super().from_config(config)


def _nested(values, count):
    """{"a/b": v} -> {"a": {"b": v}}"""
    if len(values) < count:
        raise ValueError("two variables have one path: give the layers names of their own")
    tree = {}
    for path, value in values.items():
        *parents, last = path.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return tree


def _flat(tree, path=""):
    for key, node in tree.items():
        yield from _flat(node, f"{path}{key}/") if isinstance(node, dict) else [(path + key, node)]


def _from_bytes(content):
    from fastdl import saving
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        with open(path, "wb") as file:
            file.write(content)
        return saving.load_model(path)


def _inject_functional(cls):
    from fastdl.models.functional import Functional
    if Functional in cls.__mro__:
        return
    for base in cls.__bases__:
        if base is not Model and issubclass(base, Model):
            return _inject_functional(base)
    cls.__bases__ = tuple(Functional if b is Model else b for b in cls.__bases__)


def model_from_json(json_string, custom_objects=None, **kwargs):
    """The model, with new weights, that to_json() of fastdl, Keras 3 or Keras 2 described."""
    from fastdl import saving
    return saving.model_from_json(json_string, custom_objects=custom_objects, **kwargs)


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False):
    """The same architecture with newly initialised weights

    clone_function(layer) makes each new layer; call_function(layer, *args, **kwargs) calls it, in functional models;
    recursive=True clones the models inside by the same rules.
    """
    from fastdl.models.functional import Functional
    from fastdl.models.sequential import Sequential
    each = clone_function or (lambda layer: type(layer).from_config(layer.get_config()))

    def clone_function(layer):
        inner = recursive and isinstance(layer, (Sequential, Functional))
        if not inner:
            return each(layer)
        return clone_model(layer, None, each, None if isinstance(layer, Sequential) else call_function, True)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError("call_function speaks of calls, and a Sequential lists layers only. Fix: use it with a functional model.")
        layers = [clone_function(l) for l in model.layers]
        if model._input_layer is not None:
            from fastdl.layers.core import InputLayer
            layers.insert(0, InputLayer(batch_shape=model._input_layer.batch_shape, dtype=model._input_layer.dtype))
        return Sequential(layers, name=model.name)
    if isinstance(model, Functional):
        return model._rebuild(clone_function, input_tensors, call_function)
    return clone_function(model)
