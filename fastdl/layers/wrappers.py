"""Layers around layers: Wrapper, Bidirectional (a recurrent layer in both directions), TimeDistributed (a layer at every step)."""
from fastdl import ops
from fastdl.layers.layer import InputSpec, Layer, serialize_value
from fastdl.layers.scopes import _outside_trace
from fastdl.ops import symbolic
from fastdl.ops.symbolic import flatten, map_structure


def _config_of(layer):
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(layer)


class Wrapper(Layer):
    """A layer that holds another one, `layer`."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            me = type(self).__name__
            raise ValueError(f"{me} received layer={layer!r:.200}; it wants a Layer object, e.g. {me}(Dense(8)).")
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self):
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype, "layer": _config_of(self.layer)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_value("regularizer", self.activity_regularizer)
        return config


class TimeDistributed(Wrapper):
    """y[:, t] = layer(x[:, t]) for every step t; x is (batch, time, ...)"""

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _check(self, shape):
        if len(shape) < 3:
            raise ValueError(f"Layer '{self.name}' (TimeDistributed) received input of shape {tuple(shape)}; it wants at least 3 "
                             "dimensions: (batch, time, ...).")

    def build(self, input_shape):
        self._check(input_shape)
        step = (input_shape[0], *input_shape[2:])
        if not self.layer.built:
            if isinstance(self.layer, Layer) and hasattr(self.layer, "_maybe_build"):
                self.layer._maybe_build({"inputs": symbolic.KerasTensor(step, self.compute_dtype)})
            self.layer.built = True

    def call(self, inputs, training=None, mask=None):
        shape = tuple(inputs.shape)
        self._check(shape)
        kwargs = {} if training is None or not self.layer._takes("training") else dict(training=training)
        if mask is not None and tuple(mask.shape) != shape[:2]:
            raise ValueError(f"Layer '{self.name}' (TimeDistributed) received a mask of shape {tuple(mask.shape)} for an input of shape "
                             f"{shape}; it wants shape {shape[:2]}.")
        if mask is not None and self.layer._takes("mask"):
            kwargs["mask"] = ops.reshape(mask, (shape[0] * shape[1],))
        x = ops.reshape(inputs, (shape[0] * shape[1], *shape[2:]))      # all steps are samples of one larger batch
        y = self.layer(x, **kwargs)
        return map_structure(lambda t: ops.reshape(t, (*shape[:2], *t.shape[1:])), y)

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (inner[0], input_shape[1], *inner[1:])


MODES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Layer):
    """y_t = merge(forward(x)_t, backward(x)_t), backward a copy of the recurrent layer that runs through time from the end

    merge_mode: 'concat', 'sum', 'mul', 'ave', or None, which gives both. With return_state: (y, *forward states, *backward states).
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        if merge_mode not in MODES:
            raise ValueError(f"Bidirectional received merge_mode={merge_mode!r}; it wants one of {', '.join(map(repr, MODES))}.")
        for which, given in (("layer", layer), ("backward_layer", backward_layer)):
            recurrent = isinstance(given, Layer) and all(hasattr(given, k) for k in ("go_backwards", "return_sequences", "return_state"))
            if not recurrent and (which == "layer" or given is not None):
                raise ValueError(f"Bidirectional received {which}={given!r:.200}; it wants a recurrent layer, e.g. LSTM(32), or a Layer "
                                 "with the attributes go_backwards, return_sequences, return_state.")
        if not any(k in kwargs for k in ("input_shape", "batch_input_shape", "batch_shape")) and layer.__dict__.get("_input_shape_arg"):
            kwargs["batch_input_shape"] = layer._input_shape_arg
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        config = layer.get_config()
        self.forward_layer = self._copy(layer, dict(config, name="forward_" + layer.name))
        if backward_layer is None:
            self.backward_layer = self._copy(layer, dict(config, name="backward_" + layer.name, go_backwards=not layer.go_backwards))
        else:
            self.backward_layer = backward_layer
        a, b = self.forward_layer, self.backward_layer
        if a.go_backwards == b.go_backwards:
            raise ValueError(f"Bidirectional received layers that both have go_backwards={a.go_backwards}; one of them must be True: make "
                             "backward_layer with go_backwards=True.")
        for key in ("stateful", "return_sequences", "return_state"):
            if getattr(a, key, False) != getattr(b, key, False):
                raise ValueError(f"Bidirectional received a layer with {key}={getattr(a, key, False)} and a backward_layer with {key}="
                                 f"{getattr(b, key, False)}; they must be equal.")
        for one in (a, b):                      # as in Keras: where a step is masked, neither direction says anything
            if one.return_sequences and hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = True
        self.return_sequences, self.return_state = a.return_sequences, a.return_state
        self.stateful = getattr(a, "stateful", False)
        self.supports_masking, self.input_spec = True, InputSpec(min_ndim=3)
        if weights:
            self._initial_weights = weights

    def _copy(self, layer, config):
        from fastdl.saving import serialization
        with serialization.custom_object_scope({type(layer).__name__: type(layer)}):
            return type(layer).from_config(config)

    layer = property(lambda self: self.forward_layer)
    _untracked = Layer._untracked | {"layer"}

    # ------------------------------------------------------------ states
    @property
    def states(self):
        """The states of both directions while stateful, else None."""
        if getattr(self.forward_layer, "states", None) is None:
            return None
        return tuple(flatten([self.forward_layer.states, self.backward_layer.states]))

    def reset_states(self):
        if not self.stateful:
            raise AttributeError(f"Layer '{self.name}' (Bidirectional) keeps no states between batches. Make its layer with stateful=True.")
        self.reset_state()

    def reset_state(self):
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    # ------------------------------------------------------------ build and call
    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                with _outside_trace():
                    layer.build(sequences_shape)
                layer.built = True

    def __call__(self, sequences, initial_state=None, *args, **kwargs):
        if isinstance(sequences, (list, tuple)) and initial_state is None and len(sequences) > 1:
            sequences, initial_state = sequences[0], list(sequences[1:])        # [x, *states], as Keras 2 has it
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
        return super().__call__(sequences, *args, **kwargs)

    def call(self, sequences, initial_state=None, mask=None, training=None):
        given = [{}, {}]
        if initial_state is not None and flatten(initial_state):
            leaves = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
            half = len(leaves) // 2
            if len(leaves) % 2:
                raise ValueError(f"Layer '{self.name}' (Bidirectional) received {len(leaves)} initial states; it wants an even number: the "
                                 "forward layer's, then the backward layer's.")
            given = [dict(initial_state=leaves[:half]), dict(initial_state=leaves[half:])]
        results = []
        for layer, more in zip((self.forward_layer, self.backward_layer), given):
            if training is not None and layer._takes("training"):
                more["training"] = training
            if mask is not None and layer._takes("mask"):
                more["mask"] = mask
            y = layer(sequences, **more)
            results.append(list(y) if self.return_state else [y])
        (a, *states), (b, *others) = results
        if self.return_sequences:
            b = ops.flip(b, axis=1)                                    # back into the order of time
        y = self._merged(a, b)
        y = y if isinstance(y, tuple) else (y,)
        return (*y, *states, *others) if self.return_state or len(y) > 1 else y[0]

    def _merged(self, a, b):
        if self.merge_mode is None:
            return a, b
        if self.merge_mode == "concat":
            return ops.concatenate([a, b], axis=-1)
        if self.merge_mode == "mul":
            return ops.multiply(a, b)
        y = ops.add(a, b)
        return y if self.merge_mode == "sum" else ops.multiply(y, 0.5)

    def compute_mask(self, inputs, previous_mask=None):
        mask = next((m for m in flatten(previous_mask) if m is not None), None) if self.return_sequences else None
        made = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            made += [None] * 2 * self.forward_layer._count() if hasattr(self.forward_layer, "_count") else []
        return made if len(made) > 1 else mask

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        a, b = (layer.compute_output_shape(sequences_shape) for layer in (self.forward_layer, self.backward_layer))
        states = ()
        if self.return_state:
            states, a, b = (*a[1:], *b[1:]), a[0], b[0]
        y = ((*a[:-1], a[-1] + b[-1]),) if self.merge_mode == "concat" else (a, b) if self.merge_mode is None else (a,)
        return (*y, *states) if self.return_state or len(y) > 1 else y[0]

    # ------------------------------------------------------------ config
    def get_config(self):
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype, "merge_mode": self.merge_mode,
                  "layer": _config_of(self.forward_layer), "backward_layer": _config_of(self.backward_layer)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_value("regularizer", self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from fastdl.saving import serialization
        config = dict(config)
        for key in ("layer", "backward_layer"):
            if isinstance(config.get(key), dict):
                config[key] = serialization.deserialize_keras_object(config[key], custom_objects=custom_objects)
        made = cls(**config)
        if isinstance(config["layer"], Layer):                          # a file's forward layer has its name already
            made.forward_layer.name = config["layer"].name
        return made
