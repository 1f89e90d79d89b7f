"""Recurrent layers: RNN runs any cell along time; SimpleRNN, LSTM and GRU are RNN with their own cell.

RNN.inner_loop is the general path, one cell call a step; _OneCell's asks a primitive for the whole sequence first.
"""
import types

from fastdl import activations, config, ops
from fastdl.core import state
from fastdl.core.tensor import Variable, convert_to_tensor
from fastdl.layers.layer import InputSpec, Layer, serialize_value
from fastdl.layers.scopes import _outside_trace
from fastdl.layers.loop import build_cell, check_cell, initial_states, output_size_of, reset_masks, rnn, states_of, step_of
from fastdl.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from fastdl.ops.symbolic import flatten, map_structure
from fastdl.primitives import recurrent

FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")


def _swapped(x):
    return map_structure(lambda t: ops.transpose(t, (1, 0, *range(2, t.ndim))), x)


class RNN(Layer):
    """y_t, s_t = cell(x_t, s_t-1) along axis 1 of (batch, time, features); gives the last y, or all of them

    cell: an object with call(inputs, states) and state_size, or a list of such, stacked. return_sequences gives all y,
    return_state also the final states, stateful starts a batch where the last one ended (until reset_state()).
    """

    def __init__(self, cell, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
                 zero_output_for_mask=False, **kwargs):
        kwargs.pop("implementation", None)
        time_major = kwargs.pop("time_major", False)
        if kwargs.get("input_dim") is not None and not any(kwargs.get(k) for k in ("input_shape", "batch_input_shape", "batch_shape")):
            kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        check_cell(cell, f"{type(self).__name__}(cell=...)")
        self.cell, self.time_major = cell, bool(time_major)
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful, self.unroll = bool(go_backwards), bool(stateful), bool(unroll)
        self.zero_output_for_mask, self.supports_masking = bool(zero_output_for_mask), True
        self.states = None
        self.input_spec = None

    # ------------------------------------------------------------ states
    _untracked = Layer._untracked | {"states"}          # as in Keras, states are no weights: files do not hold them

    def _found(self):
        variables, layers, metrics, seeds = super()._found()
        held = [types.SimpleNamespace(state=v) for v in flatten(self.__dict__.get("states")) if isinstance(v, Variable)]
        return variables, layers, metrics, seeds + held

    state_size = property(lambda self: self.cell.state_size)

    def get_initial_state(self, batch_size):
        return initial_states(self.cell, batch_size, self.compute_dtype)

    def reset_state(self):
        """The states of a stateful layer := 0."""
        for v in flatten(self.states) if self.states is not None else ():
            v.assign(ops.zeros_like(v))

    def reset_states(self, states=None):
        """The states of a stateful layer := 0, or these arrays."""
        if not self.stateful:
            raise AttributeError(f"Layer '{self.name}' ({type(self).__name__}) keeps no states between batches. Make it with "
                                 "stateful=True.")
        if states is None:
            return self.reset_state()
        given = flatten(states)
        if self.states is None:
            self._make_states(given[0].shape[0])
        mine = flatten(self.states)
        if len(given) != len(mine):
            raise ValueError(f"Layer '{self.name}' has {len(mine)} states; reset_states received {len(given)}.")
        for v, a in zip(mine, given):
            v.assign(a)

    def _make_states(self, batch_size):
        with _outside_trace():
            self.states = map_structure(lambda t: Variable(t, trainable=False, dtype=self.variable_dtype, name="rnn_state"),
                                        self.get_initial_state(batch_size))
        for v in flatten(self.states):
            v.path = f"{self.name}/rnn_state"

    def _start(self, given, batch):
        """The first states, structured as the cell's."""
        if given is None or not flatten(given):
            if not self.stateful:
                return self.get_initial_state(batch)
            held = flatten(self.states)[0].shape[0]
            if batch not in (None, held):
                raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) is stateful and carries on from a batch of {held} rows, "
                                 f"but received {batch}: every batch must have {held} rows. Use batch_size={held} and a number of rows "
                                 "that it divides, or make the layer with stateful=False.")
            return self.states
        leaves = [convert_to_tensor(t) for t in flatten(given)]
        if len(leaves) != self._count():
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) received {len(leaves)} initial states; its cell has "
                             f"{self._count()}, of sizes {self.cell.state_size}: pass initial_state=[...] with a tensor (batch, size) "
                             "for each.")
        leaves = [ops.cast(t, self.compute_dtype) if "float" in t.dtype and t.dtype != self.compute_dtype else t for t in leaves]
        it = iter(leaves)
        stacked = isinstance(self.cell, StackedRNNCells)
        return [[next(it) for _ in states_of(c)] for c in self.cell.cells] if stacked else leaves

    def _count(self):
        """How many tensors the states are."""
        return sum(len(states_of(c)) for c in (self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]))

    # ------------------------------------------------------------ build and call
    def build(self, sequences_shape, initial_state_shape=None):
        if self.time_major:
            sequences_shape = (sequences_shape[1], sequences_shape[0], *sequences_shape[2:])
        nested = bool(sequences_shape) and isinstance(sequences_shape[0], (list, tuple))
        step = [(s[0], *s[2:]) for s in sequences_shape] if nested else (sequences_shape[0], *sequences_shape[2:])
        build_cell(self.cell, step)
        if self.stateful and self.states is None:
            batch = sequences_shape[0][0] if nested else sequences_shape[0]
            if batch is None:
                raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) is stateful, so it must know the batch size, but received "
                                 f"sequences of shape {tuple(sequences_shape)}: use Input(batch_shape=(batch, time, features)).")
            self._make_states(batch)

    def __call__(self, sequences=None, initial_state=None, *args, **kwargs):
        sequences = kwargs.pop("inputs", None) if sequences is None else sequences          # Keras 2 called it inputs
        if isinstance(sequences, (list, tuple)) and initial_state is None and len(sequences) == 1 + self._count() \
                and getattr(sequences[0], "ndim", 0) >= 3 and getattr(sequences[-1], "ndim", 0) < sequences[0].ndim:
            sequences, initial_state = sequences[0], list(sequences[1:])        # [x, *states], as Keras 2 has it
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
        return super().__call__(sequences, *args, **kwargs)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        mask = next((m for m in flatten(mask) if m is not None), None)
        if self.time_major:
            sequences, mask = _swapped(sequences), mask if mask is None else _swapped(mask)
        states = self._start(initial_state, flatten(sequences)[0].shape[0])
        reset_masks(self.cell)
        try:
            last, outputs, states = self.inner_loop(sequences, states, mask, training)
        finally:
            reset_masks(self.cell)
        if self.stateful:
            for v, new in zip(flatten(self.states), flatten(states)):
                v.assign(new)
        y = last if not self.return_sequences else _swapped(outputs) if self.time_major else outputs
        return (y, *states) if self.return_state else y

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(last output, all outputs or None, final states), sequences (batch, time, ...), states as the cell structures them.

        The one place where a whole sequence is computed: a primitive that does it at once is asked here, before the loop.
        """
        return rnn(step_of(self.cell, training), sequences, initial_state, mask=mask, go_backwards=self.go_backwards,
                   zero_output_for_mask=self.zero_output_for_mask, return_all_outputs=self.return_sequences)

    def compute_mask(self, inputs, previous_mask=None):
        mask = next((m for m in flatten(previous_mask) if m is not None), None)
        mask = mask if self.return_sequences else None
        return [mask] + [None] * self._count() if self.return_state else mask

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape = tuple(sequences_shape[0]) if isinstance(sequences_shape[0], (list, tuple)) else tuple(sequences_shape)
        batch = shape[1] if self.time_major else shape[0]
        full = lambda size: (batch, *(size if isinstance(size, (list, tuple)) else (size,)))
        one = full(output_size_of(self.cell))
        y = ((*shape[:2], *one[1:]) if self.return_sequences else one)
        if not self.return_state:
            return y
        if isinstance(self.cell, StackedRNNCells):
            return (y, *[[full(size) for size in states_of(c)] for c in self.cell.cells])
        return (y, *[full(size) for size in states_of(self.cell)])

    # ------------------------------------------------------------ config
    def _own_config(self):
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype, **{k: getattr(self, k) for k in FLAGS}}
        if self.time_major:
            config["time_major"] = True
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_value("regularizer", self.activity_regularizer)
        return config

    def get_config(self):
        from fastdl.saving import serialization
        return {**self._own_config(), "cell": serialization.serialize_keras_object(self.cell)}


class _OneCell(RNN):
    """A layer that makes its cell itself and shows the cell's arguments as its own."""

    def _make(self, cell, name, arguments, flags, kwargs):
        """arguments: of the cell; flags: of RNN; kwargs: of Layer."""
        same = {k: kwargs[k] for k in ("dtype", "trainable") if k in kwargs}
        RNN.__init__(self, cell(**arguments, **same, name=name), **flags, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """One primitive for the whole sequence where the activations are the usual ones; else the loop."""
        cell, x = self.cell, sequences
        if not self._usual() or not hasattr(x, "dtype") or x.dtype not in ("float32", "float64") or x.dtype != cell.kernel.dtype \
                or not x.shape[1] or mask is not None and tuple(mask.shape) != tuple(x.shape[:2]):
            return super().inner_loop(sequences, initial_state, mask, training)
        states, more = flatten(initial_state), []
        if mask is not None:
            more.append(ops.cast(mask, "bool"))
        if training and cell.dropout:
            m = cell.get_dropout_mask(ops.reshape(ops.slice(x, (0, 0, 0), (x.shape[0], 1, x.shape[2])), (x.shape[0], x.shape[2])))
            x = ops.multiply(x, ops.reshape(m, (x.shape[0], 1, x.shape[2])))
        if training and cell.recurrent_dropout:
            more.append(cell.get_recurrent_dropout_mask(states[0]))
        bias = cell.bias
        if bias is None:
            bias = ops.zeros((2, 3 * cell.units) if getattr(cell, "reset_after", False) else (cell.gates * cell.units,), dtype=x.dtype)
        outputs, *new = self._sequence(x, *states, cell.kernel, cell.recurrent_kernel, bias, *more)
        last, new = new[0], new[:len(states)]
        if mask is not None:                         # the last output of a row without a step is zero, whatever its state
            last = ops.where(ops.any(more[0], axis=1, keepdims=True), last, 0.0)
            if self.zero_output_for_mask:
                steps = ops.flip(more[0], axis=1) if self.go_backwards else more[0]
                outputs = ops.multiply(outputs, ops.expand_dims(ops.cast(steps, outputs.dtype), 2)) if self.return_sequences else None
                last = ops.where(ops.slice(steps, (0, steps.shape[1] - 1), (steps.shape[0], 1)), last, 0.0)
        return last, outputs if self.return_sequences else None, new

    def _usual(self):
        return self.cell.activation is activations.tanh and self.cell.recurrent_activation is activations.sigmoid

    def _how(self):
        return dict(reverse=self.go_backwards, keep=bool(state.current().tapes))

    def get_config(self):
        cell = self.cell.get_config()
        return {**cell, **self._own_config()}


def _shown(name):
    return property(lambda self: getattr(self.cell, name))


for _name in ("units", "activation", "use_bias", "dropout", "recurrent_dropout", "seed", "kernel_initializer", "recurrent_initializer",
              "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
              "recurrent_constraint", "bias_constraint"):
    setattr(_OneCell, _name, _shown(_name))


class SimpleRNN(_OneCell):
    """h_t = activation(x_t W + h_t-1 U + b), t = 0 ... T-1; gives h_T-1, or all with return_sequences"""

    def __init__(self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
                 bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
                 recurrent_dropout=0.0, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
                 seed=None, **kwargs):
        self._make(SimpleRNNCell, "simple_rnn_cell", dict(
            units=units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
            recurrent_dropout=recurrent_dropout, seed=seed),
            dict(return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards, stateful=stateful, unroll=unroll,
                 activity_regularizer=activity_regularizer), kwargs)

    _acts = {activations.tanh: "tanh", activations.relu: "relu", activations.linear: None}

    def _usual(self):
        return self.cell.activation in self._acts

    def _sequence(self, *inputs):
        return recurrent.simple_rnn_sequence(*inputs, act=self._acts[self.cell.activation], reverse=self.go_backwards)


class LSTM(_OneCell):
    """i, f, g, o = x_t W + h_t-1 U + b; c_t = ra(f) c_t-1 + ra(i) act(g); h_t = ra(o) act(c_t); gives h_T-1, or all h

    act is `activation`, ra `recurrent_activation`; with return_state also the final h and c (Hochreiter & Schmidhuber 1997).
    """

    @config.keras2_defaults(recurrent_activation="hard_sigmoid")
    def __init__(self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True, kernel_initializer="glorot_uniform",
                 recurrent_initializer="orthogonal", bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
                 recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
                 recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, seed=None, return_sequences=False,
                 return_state=False, go_backwards=False, stateful=False, unroll=False, use_cudnn="auto", **kwargs):
        self._make(LSTMCell, "lstm_cell", dict(
            units=units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias, kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed),
            dict(return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards, stateful=stateful, unroll=unroll,
                 activity_regularizer=activity_regularizer), kwargs)

    recurrent_activation, unit_forget_bias = _shown("recurrent_activation"), _shown("unit_forget_bias")

    def _sequence(self, *inputs):
        return recurrent.lstm_sequence(*inputs, **self._how())


class GRU(_OneCell):
    """z, r = ra(x_t W + h_t-1 U + b); g = act(x_t W_g + r (h_t-1 U_g)); h_t = z h_t-1 + (1 - z) g; gives h_T-1, or all h

    reset_after=False: g = act(x_t W_g + (r h_t-1) U_g) (Cho et al. 2014).
    """

    @config.keras2_defaults(recurrent_activation="hard_sigmoid", reset_after=False)
    def __init__(self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True, kernel_initializer="glorot_uniform",
                 recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None,
                 dropout=0.0, recurrent_dropout=0.0, seed=None, return_sequences=False, return_state=False, go_backwards=False,
                 stateful=False, unroll=False, reset_after=True, use_cudnn="auto", **kwargs):
        self._make(GRUCell, "gru_cell", dict(
            units=units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
            dropout=dropout, recurrent_dropout=recurrent_dropout, reset_after=reset_after, seed=seed),
            dict(return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards, stateful=stateful, unroll=unroll,
                 activity_regularizer=activity_regularizer), kwargs)

    recurrent_activation, reset_after = _shown("recurrent_activation"), _shown("reset_after")

    def _sequence(self, *inputs):
        return recurrent.gru_sequence(*inputs, reset_after=self.reset_after, **self._how())
