"""Sequential: layers one after another; it becomes a graph as soon as the input shape is known."""
from fastdl.layers.layer import Layer
from fastdl.models.functional import Functional
from fastdl.models.model import Model
from fastdl.ops.symbolic import KerasTensor


class Sequential(Model):
    """y = layer_n(... layer_1(x))"""

    def __new__(cls, *args, **kwargs):
        return Layer.__new__(cls, *args, **kwargs)

    _untracked = Layer._untracked | {"_functional", "_input_layer"}

    def __init__(self, layers=None, trainable=True, name=None, **kwargs):
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._sequence, self._functional, self._input_layer = [], None, None
        for layer in ([layers] if isinstance(layers, Layer) else layers or ()):
            self.add(layer, rebuild=False)
        self._try_build()

    @property
    def layers(self):
        return list(self._sequence)

    def add(self, layer, rebuild=True):
        from fastdl.layers.core import InputLayer
        if isinstance(layer, KerasTensor) and isinstance(layer._keras_history[0], InputLayer):
            layer = layer._keras_history[0]
        if not isinstance(layer, Layer):
            raise TypeError(f"Sequential.add() received {type(layer).__name__}; it wants a Layer, e.g. Dense(10)"
                            + (" (call the class: add the brackets)." if isinstance(layer, type) else "."))
        if isinstance(layer, InputLayer):
            if self._sequence or self._input_layer is not None:
                raise ValueError(f"Sequential model '{self.name}' has layers already; Input must come first.")
            self._input_layer = layer
            return
        if any(l.name == layer.name and l is not layer for l in self._sequence):
            raise ValueError(f"Sequential model '{self.name}' has a layer named {layer.name!r} already. "
                             "Make a new layer, or give it another name=.")
        if not self._sequence and self._input_layer is None:
            shape = layer.__dict__.get("_input_shape_arg")
            if shape is not None:
                self._input_layer = InputLayer(batch_shape=shape, dtype=layer.dtype)
            elif isinstance(layer, (Functional, Sequential)) and layer.built and hasattr(layer, "inputs"):
                if layer.inputs and len(layer.inputs) == 1:
                    self._input_layer = InputLayer(batch_shape=layer.inputs[0].shape, dtype=layer.inputs[0].dtype)
        self._sequence.append(layer)
        if rebuild:
            self._try_build()

    def pop(self, rebuild=True):
        if not self._sequence:
            raise IndexError(f"Sequential model '{self.name}' has no layer to pop.")
        layer = self._sequence.pop()
        self._functional = None
        self.built = False
        self._try_build()
        return layer

    def _try_build(self):
        if self._input_layer is not None and self._sequence:
            self._build_graph()
        else:
            self._functional = None

    def _build_graph(self):
        x = start = self._input_layer.output
        old = self._functional
        if old is not None and old._graph_inputs[0] is start and old._sequence_ids == [id(l) for l in self._sequence[:-1]]:
            x = self._sequence[-1](old._graph_outputs[0])          # one more layer: extend
        else:
            from fastdl.layers.scopes import name_scope
            with name_scope(self.name):
                for layer in self._sequence:
                    x = layer(x)
                    if isinstance(x, (list, tuple)):
                        raise ValueError(f"Layer '{layer.name}' gives {len(x)} outputs; a Sequential model wants one per "
                                         "layer. Use the functional API: Model(inputs, outputs).")
        f = Functional(start, x, name=self.name)
        f._sequence_ids = [id(l) for l in self._sequence]
        self._functional, self.built = f, True

    def build(self, input_shape=None):
        from fastdl.layers.core import InputLayer
        if self._functional is not None:
            return
        if input_shape is None:
            raise ValueError(f"Sequential model '{self.name}' has no input shape. Give one: build((None, 784)), "
                             "or start with Input(shape=(784,)).")
        if not self._sequence:
            raise ValueError(f"Sequential model '{self.name}' has no layers. Add some: model.add(Dense(10)).")
        self._input_layer = InputLayer(batch_shape=tuple(input_shape), dtype=getattr(self, "_seen_dtype", None))
        self._build_graph()

    def _maybe_build(self, arguments):
        if self._functional is None:
            x = next(iter(arguments.values()), None)
            if not hasattr(x, "shape"):
                raise ValueError(f"Sequential model '{self.name}' takes one tensor; it received {type(x).__name__}.")
            self._seen_dtype = x.dtype
            self.build((None, *x.shape[1:]))
        self.built = True

    def call(self, inputs, training=None, mask=None):
        return self._functional.call(inputs, training=training, mask=mask)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        if self._functional is not None:
            return self._functional.compute_output_shape(input_shape)
        for layer in self._sequence:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _graph(self, what):
        if self._functional is None:
            raise AttributeError(f"Sequential model '{self.name}' has no {what} yet: its input shape is unknown. Start it with "
                                 "Input(shape=...), or call it on data.")
        return self._functional

    input = property(lambda self: self._graph("input").input)
    output = property(lambda self: self._graph("output").output)
    inputs = property(lambda self: self._graph("inputs").inputs)
    outputs = property(lambda self: self._graph("outputs").outputs)
    input_shape = property(lambda self: self._graph("input_shape").input_shape)
    output_shape = property(lambda self: self._graph("output_shape").output_shape)
    input_names = property(lambda self: self._graph("input_names").input_names)
    output_names = property(lambda self: self._graph("output_names").output_names)

    def get_config(self):
        from fastdl.saving import serialization
        layers = [serialization.serialize_keras_object(l) for l in
                  ([self._input_layer] if self._input_layer is not None else []) + self._sequence]
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype, "layers": layers}
        if self._functional is not None:
            config["build_input_shape"] = list(self._input_layer.batch_shape)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from fastdl.errors import FileError
        if isinstance(config, list):                    # the oldest files hold the bare list of layers
            config = {"layers": config}
        if not isinstance(config, dict) or not isinstance(config.get("layers"), (list, tuple)):
            raise FileError(f"The config of a Sequential model must be a dict with a list of layers, got {config!r:.80}")
        try:
            return cls._from_config(config, custom_objects)
        except FileError:
            raise
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
            raise FileError(f"The model's config does not make a model: {type(error).__name__}: {error}") from error

    @classmethod
    def _from_config(cls, config, custom_objects):
        from fastdl.errors import FileError
        from fastdl.saving import serialization
        model, names = cls(name=config.get("name")), set()
        for entry in config["layers"]:
            layer = serialization.deserialize_keras_object(entry, custom_objects=custom_objects)
            if not isinstance(layer, Layer):
                raise FileError(f"The config lists a {type(layer).__name__} among the model's layers, which is no layer: {entry!r:.80}")
            if layer.name in names:
                raise ValueError(f"it has two layers named {layer.name!r}")
            names.add(layer.name)
            # add() looks through all layers each time: a file may list very many.
            model._sequence.append(layer) if model._sequence else model.add(layer, rebuild=False)
        model._try_build()
        shape = config.get("build_input_shape")
        if model._functional is None and shape and model._sequence:
            model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model
