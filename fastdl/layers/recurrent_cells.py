"""One step of a recurrent layer: SimpleRNNCell, LSTMCell, GRUCell, StackedRNNCells.

call(x_t, states) gives (output, new states). Weights lie gate beside gate, in the order that Keras writes them.
"""
import numpy as np

from fastdl import activations, config, constraints, initializers, ops, regularizers
from fastdl import random as frandom
from fastdl.core import state
from fastdl.layers.layer import Layer
from fastdl.layers.loop import build_cell, check_cell, initial_states, output_size_of, step_of, zeros
from fastdl.ops.symbolic import flatten, pack_like

PARTS = dict(initializer=initializers, regularizer=regularizers, constraint=constraints)


class _Cell(Layer):
    """What the three cells share: arguments, weights, and dropout masks that last for one sequence."""
    gates = 1

    def _set(self, units, activation, use_bias, dropout, recurrent_dropout, seed, **parts):
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units <= 0:
            raise ValueError(f"{type(self).__name__} received units={units!r}; it wants a positive int, the size of the state.")
        self.units, self.activation, self.use_bias = int(units), activations.get(activation), use_bias
        for name, value in parts.items():
            setattr(self, name, PARTS[name.rsplit("_", 1)[1]].get(value))
        for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
                raise ValueError(f"{type(self).__name__} received {name}={rate!r}; it wants a number in [0, 1], the share to drop.")
            setattr(self, name, float(rate))
        self.seed, self.seed_generator = seed, frandom.SeedGenerator(seed)
        self.state_size, self.output_size = self.units, self.units
        self._dropout_mask = self._recurrent_dropout_mask = None

    def _part(self, name, shape, part=None, **given):
        given = {**{p: getattr(self, f"{part or name}_{p}") for p in PARTS}, **given}
        return self.add_weight(shape=shape, name=name, **given)

    def build(self, input_shape):
        n = input_shape[-1]
        if n is None:
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) received input of shape {tuple(input_shape)}: the number of "
                             "features (the last size) must be known to make the kernel. Use Input(shape=(None, size)) with a number.")
        columns = self.gates * self.units
        self.kernel = self._part("kernel", (n, columns))
        self.recurrent_kernel = self._part("recurrent_kernel", (self.units, columns), "recurrent")
        self.bias = self._bias(columns) if self.use_bias else None

    def _bias(self, columns):
        return self._part("bias", (columns,))

    def get_initial_state(self, batch_size=None, inputs=None, dtype=None):
        batch_size = inputs.shape[0] if batch_size is None and inputs is not None else batch_size
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [zeros(size, batch_size, dtype or self.compute_dtype) for size in sizes]

    # ------------------------------------------------------------ dropout
    def _mask(self, name, like, rate):
        """m, 0 with probability rate, else 1 / (1 - rate): drawn once, then the same until it is reset."""
        if not rate:
            return None
        held, here = getattr(self, name), state.current().mode
        if held is None or held[0] is not here or tuple(held[1].shape) != tuple(like.shape):    # a trace's mask is of no use outside it
            held = here, frandom.dropout(ops.ones(tuple(like.shape), dtype=like.dtype), rate, seed=self.seed_generator)
            setattr(self, name, held)
        return held[1]

    def get_dropout_mask(self, step_input):
        """The mask of the inputs of this sequence; None without dropout."""
        return self._mask("_dropout_mask", step_input, self.dropout)

    def get_recurrent_dropout_mask(self, step_input):
        """The mask of the states of this sequence; None without recurrent_dropout."""
        return self._mask("_recurrent_dropout_mask", step_input, self.recurrent_dropout)

    def reset_dropout_mask(self):
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self):
        self._recurrent_dropout_mask = None

    def _thinned(self, x, h, training):
        """(x, h) as the products see them."""
        if training:
            m = self.get_dropout_mask(x)
            x = x if m is None else ops.multiply(x, m)
            m = self.get_recurrent_dropout_mask(h)
            h = h if m is None else ops.multiply(h, m)
        return x, h

    def _gate(self, z, k):
        return ops.slice(z, (0, k * self.units), (z.shape[0], self.units))

    def _added(self, x, h):
        """x W + h U + b"""
        z = ops.matmul(x, self.kernel)
        if self.bias is not None:
            z = ops.add(z, self.bias)
        return ops.add(z, ops.matmul(h, self.recurrent_kernel))


def _first(states):
    return states[0] if isinstance(states, (list, tuple)) else states


class SimpleRNNCell(_Cell):
    """h' = activation(x W + h U + b)"""

    def __init__(self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
                 bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None,
                 kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, seed=None,
                 **kwargs):
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self._set(units, activation, use_bias, dropout, recurrent_dropout, seed, kernel_initializer=kernel_initializer,
                  recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                  recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                  recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint)

    def call(self, sequence, states, training=False):
        x, h = self._thinned(sequence, _first(states), training)
        h = self.activation(self._added(x, h))
        return h, [h]


class LSTMCell(_Cell):
    """i, f, g, o = x W + h U + b; c' = ra(f) c + ra(i) act(g); h' = ra(o) act(c')

    act is `activation`, ra `recurrent_activation`; the states are [h, c].
    """
    gates = 4

    @config.keras2_defaults(recurrent_activation="hard_sigmoid")
    def __init__(self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True, kernel_initializer="glorot_uniform",
                 recurrent_initializer="orthogonal", bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
                 recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None,
                 bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, seed=None, **kwargs):
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self._set(units, activation, use_bias, dropout, recurrent_dropout, seed, kernel_initializer=kernel_initializer,
                  recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                  recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                  recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint)
        self.recurrent_activation, self.unit_forget_bias = activations.get(recurrent_activation), unit_forget_bias
        self.state_size = [self.units, self.units]

    def _bias(self, columns):
        if not self.unit_forget_bias:
            return _Cell._bias(self, columns)
        draw, n = self.bias_initializer, self.units

        def forget(shape, dtype=None):
            return ops.concatenate([draw((n,), dtype=dtype), ops.ones((n,), dtype=dtype), draw((2 * n,), dtype=dtype)], axis=0)
        return self._part("bias", (columns,), initializer=forget)

    def call(self, inputs, states, training=False):
        h, c = states
        z = self._added(*self._thinned(inputs, h, training))
        i, f, o = (self.recurrent_activation(self._gate(z, k)) for k in (0, 1, 3))
        c = ops.add(ops.multiply(f, c), ops.multiply(i, self.activation(self._gate(z, 2))))
        h = ops.multiply(o, self.activation(c))
        return h, [h, c]


class GRUCell(_Cell):
    """z, r = ra(x W + h U + b); g = act(x W_g + r (h U_g)); h' = z h + (1 - z) g

    reset_after=False: g = act(x W_g + (r h) U_g). With reset_after, x W and h U have a bias each: bias has shape (2, 3 units).
    """
    gates = 3

    @config.keras2_defaults(recurrent_activation="hard_sigmoid", reset_after=False)
    def __init__(self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True, kernel_initializer="glorot_uniform",
                 recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None,
                 bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
                 recurrent_dropout=0.0, reset_after=True, seed=None, **kwargs):
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self._set(units, activation, use_bias, dropout, recurrent_dropout, seed, kernel_initializer=kernel_initializer,
                  recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                  recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                  recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint)
        self.recurrent_activation, self.reset_after = activations.get(recurrent_activation), bool(reset_after)

    def _bias(self, columns):
        return self._part("bias", (2, columns) if self.reset_after else (columns,))

    def call(self, inputs, states, training=False):
        old, n = _first(states), self.units
        x, h = self._thinned(inputs, old, training)
        xz, u = ops.matmul(x, self.kernel), self.recurrent_kernel
        if self.reset_after:
            hz = ops.matmul(h, u)
            if self.bias is not None:
                inner, outer = (ops.reshape(ops.slice(self.bias, (k, 0), (1, 3 * n)), (3 * n,)) for k in (0, 1))
                xz, hz = ops.add(xz, inner), ops.add(hz, outer)
        else:
            xz = xz if self.bias is None else ops.add(xz, self.bias)
            hz = ops.matmul(h, ops.slice(u, (0, 0), (n, 2 * n)))
        z, r = (self.recurrent_activation(ops.add(self._gate(xz, k), self._gate(hz, k))) for k in (0, 1))
        if self.reset_after:
            past = ops.multiply(r, self._gate(hz, 2))
        else:
            past = ops.matmul(ops.multiply(r, h), ops.slice(u, (0, 2 * n), (n, n)))
        g = self.activation(ops.add(self._gate(xz, 2), past))
        h = ops.add(ops.multiply(z, old), ops.multiply(ops.subtract(1.0, z), g))
        return h, [h]


class StackedRNNCells(Layer):
    """Cells one above the other: the output of each is the input of the next; the states are [states of the first, ...]"""

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        self.cells = list(cells)
        for cell in self.cells:
            check_cell(cell, "StackedRNNCells(cells=...)")

    state_size = property(lambda self: [c.state_size for c in self.cells])

    @property
    def output_size(self):
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size=None):
        return [initial_states(c, batch_size, self.compute_dtype) for c in self.cells]

    def build(self, input_shape):
        for cell in self.cells:
            build_cell(cell, input_shape)
            size = output_size_of(cell)
            input_shape = (input_shape[0], *(size if isinstance(size, (list, tuple)) else (size,)))

    def call(self, inputs, states, training=False, **kwargs):
        new, leaves = [], list(states)
        for cell, own in zip(self.cells, leaves):
            own = list(own) if isinstance(own, (list, tuple)) else [own]
            inputs, made = step_of(cell, training)(inputs, own)
            new.append(pack_like(own, flatten(made)))
        return inputs, new

    def get_config(self):
        from fastdl.saving import serialization
        return {"name": self.name, "trainable": self._trainable, "dtype": self._dtype,
                "cells": [serialization.serialize_keras_object(c) for c in self.cells]}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from fastdl.saving import serialization
        cells = [serialization.deserialize_keras_object(c, custom_objects=custom_objects) for c in config["cells"]]
        return cls(**dict(config, cells=cells))
