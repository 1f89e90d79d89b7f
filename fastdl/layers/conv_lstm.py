"""LSTM whose products are convolutions: ConvLSTM1D, 2D and 3D, and their cell.

The input's convolution is made for all steps at once, one convolution for the four gates; the loop is left with the state's.
"""
from fastdl import activations, config, ops
from fastdl.layers.convolution import _counts, _sizes
from fastdl.layers.layer import InputSpec
from fastdl.layers.loop import rnn
from fastdl.layers.recurrent import _OneCell, _shown
from fastdl.layers.recurrent_cells import LSTMCell, _Cell
from fastdl.ops.symbolic import flatten


class ConvLSTMCell(_Cell):
    """i, f, g, o = x * W + h * U + b; c' = ra(f) c + ra(i) act(g); h' = ra(o) act(c'), * a convolution over `rank` axes

    x * W moves by `strides` with `padding`; h * U keeps the state's size (Shi et al. 2015).
    """
    gates = 4

    def __init__(self, rank, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, activation="tanh",
                 recurrent_activation="sigmoid", use_bias=True, kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
                 bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None,
                 bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0,
                 recurrent_dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if rank not in (1, 2, 3):
            raise ValueError(f"ConvLSTMCell received rank={rank!r}; it wants 1, 2 or 3, the number of spatial axes.")
        self.rank = rank
        _counts(self, filters=filters)
        self._set(self.filters, activation, use_bias, dropout, recurrent_dropout, seed, kernel_initializer=kernel_initializer,
                  recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                  recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                  recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint)
        self.recurrent_activation, self.unit_forget_bias = activations.get(recurrent_activation), unit_forget_bias
        self.kernel_size, self.strides = _sizes(self, "kernel_size", kernel_size), _sizes(self, "strides", strides)
        self.dilation_rate = _sizes(self, "dilation_rate", dilation_rate)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"ConvLSTM received strides={self.strides} and dilation_rate={self.dilation_rate}; only one of them may be "
                             "larger than 1.")
        self.padding, self.data_format = str(padding).lower(), data_format or config.image_data_format()
        if self.padding not in ("valid", "same") or self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"ConvLSTM received padding={padding!r} and data_format={data_format!r}; it wants 'valid' or 'same', and "
                             "'channels_last' or 'channels_first'.")

    _bias = LSTMCell._bias

    @property
    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else self.rank + 1

    def _state_shape(self, input_shape):
        """(channels and sizes of a state) for inputs of shape (batch, ...)"""
        spatial = [n for a, n in enumerate(input_shape) if a not in (0, self._channel_axis)]
        if None in spatial:
            raise ValueError(f"Layer '{self.name}' (ConvLSTM) received input of shape {tuple(input_shape)}: the spatial sizes must be "
                             "known to make its states.")
        if self.padding == "same":
            made = [-(-n // s) for n, s in zip(spatial, self.strides)]
        else:
            made = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(spatial, self.kernel_size, self.strides, self.dilation_rate)]
        if min(made) < 1:
            raise ValueError(f"Layer '{self.name}' (ConvLSTM) received input of shape {tuple(input_shape)}, smaller than its kernel "
                             f"{self.kernel_size}: use padding='same' or a smaller kernel.")
        return (self.filters, *made) if self.data_format == "channels_first" else (*made, self.filters)

    def build(self, input_shape):
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(f"Layer '{self.name}' (ConvLSTM) received input of shape {tuple(input_shape)}: the number of channels (axis "
                             f"{self._channel_axis}, {self.data_format}) must be known to make the kernel.")
        shape = self._state_shape(input_shape)
        self.state_size, self.output_size = [shape, shape], shape
        self.kernel = self._part("kernel", (*self.kernel_size, channels, 4 * self.filters))
        self.recurrent_kernel = self._part("recurrent_kernel", (*self.kernel_size, self.filters, 4 * self.filters), "recurrent")
        self.bias = self._bias(4 * self.filters) if self.use_bias else None

    # ------------------------------------------------------------ the two convolutions
    def _fourfold(self, x):
        """x four times along its channels, for a mask of its own at every gate: the kernel's gates become groups."""
        return ops.concatenate([x] * 4, axis=self._channel_axis)

    def _convolve(self, x, kernel, mask, **how):
        if mask is not None:
            x = ops.multiply(self._fourfold(x), mask)
        return ops.conv(x, kernel, data_format=self.data_format, **how)

    def input_conv(self, x, mask=None):
        """x * W + b, the four gates side by side"""
        z = self._convolve(x, self.kernel, mask, strides=self.strides, padding=self.padding, dilation_rate=self.dilation_rate)
        if self.bias is None:
            return z
        return ops.add(z, ops.reshape(self.bias, [4 * self.filters if a == self._channel_axis else 1 for a in range(self.rank + 2)]))

    def recurrent_conv(self, h, mask=None):
        """h * U"""
        return self._convolve(h, self.recurrent_kernel, mask, strides=1, padding="same")

    def masks(self, x, h, training):
        """Dropout masks of one sequence for x and h, fourfold, or None."""
        if not training:
            return None, None
        masks = []
        for like, rate, get in ((x, self.dropout, self.get_dropout_mask), (h, self.recurrent_dropout, self.get_recurrent_dropout_mask)):
            masks.append(get(ops.zeros(self._fourfold_shape(like), dtype=like.dtype)) if rate else None)
        return masks

    def _fourfold_shape(self, x):
        return tuple(4 * n if a == self._channel_axis else n for a, n in enumerate(x.shape))

    def step(self, projected, states, mask=None):
        """One step from x * W + b"""
        h, c = states
        z = ops.add(projected, self.recurrent_conv(h, mask))
        i, f, g, o = ops.split(z, 4, axis=self._channel_axis)
        i, f, o = (self.recurrent_activation(v) for v in (i, f, o))
        c = ops.add(ops.multiply(f, c), ops.multiply(i, self.activation(g)))
        h = ops.multiply(o, self.activation(c))
        return h, [h, c]

    def call(self, inputs, states, training=False):
        for_x, for_h = self.masks(inputs, states[0], training)
        return self.step(self.input_conv(inputs, for_x), states, for_h)


class _ConvLSTM(_OneCell):
    """What the ranks share."""
    rank = None

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, activation="tanh",
                 recurrent_activation="sigmoid", use_bias=True, kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
                 bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None,
                 dropout=0.0, recurrent_dropout=0.0, seed=None, return_sequences=False, return_state=False, go_backwards=False,
                 stateful=False, **kwargs):
        self._make(ConvLSTMCell, "conv_lstm_cell", dict(
            rank=self.rank, filters=filters, kernel_size=kernel_size, strides=strides, padding=padding, data_format=data_format,
            dilation_rate=dilation_rate, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias, kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed),
            dict(return_sequences=return_sequences, return_state=return_state, go_backwards=go_backwards, stateful=stateful,
                 activity_regularizer=activity_regularizer), kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """The inputs' convolution for all steps at once; then the loop."""
        cell, (B, T), rest = self.cell, sequences.shape[:2], sequences.shape[2:]
        h = flatten(initial_state)[0]
        for_x, for_h = cell.masks(ops.reshape(ops.slice(sequences, (0,) * sequences.ndim, (B, 1, *rest)), (B, *rest)), h, training)
        if for_x is not None:
            for_x = ops.repeat(for_x, T, axis=0)
        z = cell.input_conv(ops.reshape(sequences, (B * T, *rest)), for_x)
        return rnn(lambda x, states: cell.step(x, states, for_h), ops.reshape(z, (B, T, *z.shape[1:])), initial_state, mask=mask,
                   go_backwards=self.go_backwards, zero_output_for_mask=self.zero_output_for_mask, return_all_outputs=self.return_sequences)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps, *rest = sequences_shape
        state = (batch, *self.cell._state_shape((batch, *rest)))
        y = (batch, steps, *state[1:]) if self.return_sequences else state
        return (y, state, state) if self.return_state else y

    def get_config(self):
        made = super().get_config()
        del made["rank"]
        return made


for _name in ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "recurrent_activation", "unit_forget_bias"):
    setattr(_ConvLSTM, _name, _shown(_name))


class ConvLSTM1D(_ConvLSTM):
    """h_t, c_t = ConvLSTMCell(x_t, h_t-1, c_t-1) over rows: x (batch, time, length, channels); gives the last h, or all h

    >>> import fastdl
    >>> fastdl.layers.ConvLSTM1D(4, 3, padding="same")(fastdl.ops.ones((2, 5, 8, 1))).shape
    (2, 8, 4)
    """
    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """h_t, c_t = ConvLSTMCell(x_t, h_t-1, c_t-1) over images: x (batch, time, height, width, channels); gives the last h, or all h

    >>> import fastdl
    >>> fastdl.layers.ConvLSTM2D(4, 3, return_sequences=True)(fastdl.ops.ones((2, 5, 8, 8, 1))).shape
    (2, 5, 6, 6, 4)
    """
    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """h_t, c_t = ConvLSTMCell(x_t, h_t-1, c_t-1) over volumes: x (batch, time, d1, d2, d3, channels); gives the last h, or all h

    >>> import fastdl
    >>> fastdl.layers.ConvLSTM3D(2, 2)(fastdl.ops.ones((1, 3, 4, 4, 4, 1))).shape
    (1, 3, 3, 3, 2)
    """
    rank = 3
