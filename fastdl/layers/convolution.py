"""Convolutions over one to three spatial axes: plain, transposed, depthwise, separable.

The base class reads the shared arguments and makes the weights; a family adds its weights' shapes and its call.
"""
from fastdl import activations, config, constraints, initializers, ops, regularizers
from fastdl.layers.layer import InputSpec, Layer
from fastdl.ops.conv import convolve

PARTS = dict(initializer=initializers, regularizer=regularizers, constraint=constraints)


def _sizes(layer, name, value, least=1):
    """One whole number for every spatial axis, from one number or a tuple."""
    n = layer.rank
    each = tuple(value) if isinstance(value, (list, tuple)) else (value,) * n
    if len(each) != n or any(isinstance(v, bool) or int(v) != v or v < least for v in each):
        raise ValueError(f"{type(layer).__name__} received {name}={value!r}; it wants an int >= {least} or a tuple of {n} of them.")
    return tuple(int(v) for v in each)


def _counts(layer, **values):
    """Sets attributes that are positive whole numbers."""
    for name, value in values.items():
        if isinstance(value, bool) or int(value) != value or value < 1:
            raise ValueError(f"{type(layer).__name__} received {name}={value!r}; it wants a positive int.")
        setattr(layer, name, int(value))


class _Convolution(Layer):
    """What all convolutions share: arguments, weights, the bias and the activation at the end."""
    rank, paddings = None, ("valid", "same")

    def _set(self, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, **parts):
        kind = type(self).__name__
        self.kernel_size, self.strides = _sizes(self, "kernel_size", kernel_size), _sizes(self, "strides", strides)
        self.dilation_rate = _sizes(self, "dilation_rate", dilation_rate)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"{kind} received strides={self.strides} and dilation_rate={self.dilation_rate}; only one of them may "
                             "be larger than 1.")
        self.padding = str(padding).lower()
        allowed = self.paddings + (("causal",) if self.rank == 1 and "output_padding" not in self._init_args else ())
        if self.padding not in allowed:
            raise ValueError(f"{kind} received padding={padding!r}; it wants one of {', '.join(map(repr, allowed))}.")
        self.data_format = data_format or config.image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"{kind} received data_format={data_format!r}; it wants 'channels_last' or 'channels_first'.")
        self.activation, self.use_bias = activations.get(activation), use_bias
        for name, value in parts.items():
            setattr(self, name, PARTS[name.rsplit("_", 1)[1]].get(value))
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _channels(self, input_shape):
        axis = 1 if self.data_format == "channels_first" else len(input_shape) - 1
        n = input_shape[axis]
        if n is None:
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) received input of shape {tuple(input_shape)}: the number of "
                             f"channels (axis {axis}, {self.data_format}) must be known to make the kernel.")
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: n})
        return n

    def _weight(self, name, shape, part=None):
        given = {p: getattr(self, f"{part or name}_{p}") for p in PARTS}
        return self.add_weight(shape=shape, name=name, **given)

    def _bias(self, n):
        self.bias = self._weight("bias", (n,)) if self.use_bias else None

    def _how(self):
        return dict(strides=self.strides, padding=self.padding, data_format=self.data_format, dilation_rate=self.dilation_rate)

    def _end(self, y):
        return y if self.activation is None else self.activation(y)


class _Conv(_Convolution):
    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, groups=1, activation=None,
                 use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                  kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                  bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)
        _counts(self, filters=filters, groups=groups)
        if self.filters % self.groups:
            raise ValueError(f"{type(self).__name__} received filters={filters} and groups={groups}; groups must divide filters.")

    def build(self, input_shape):
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) received input of shape {tuple(input_shape)}: groups="
                             f"{self.groups} must divide its {channels} channels.")
        self.kernel = self._weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self._bias(self.filters)

    def call(self, inputs):
        return self._end(convolve(inputs, self.kernel, self.bias, **self._how()))


class _ConvTranspose(_Convolution):
    def __init__(self, filters, kernel_size, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1,
                 activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
                 bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                  kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                  bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)
        _counts(self, filters=filters)
        self.output_padding = None if output_padding is None else _sizes(self, "output_padding", output_padding, 0)
        if self.output_padding and any(o >= s for o, s in zip(self.output_padding, self.strides)):
            raise ValueError(f"{type(self).__name__} received output_padding={output_padding} and strides={self.strides}; every "
                             "output_padding must be smaller than its stride.")

    def build(self, input_shape):
        self.kernel = self._weight("kernel", (*self.kernel_size, self.filters, self._channels(input_shape)))
        self._bias(self.filters)

    def call(self, inputs):
        y = ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **self._how())
        if self.use_bias:
            last = self.data_format == "channels_last"
            y = ops.add(y, self.bias if last else ops.reshape(self.bias, (-1,) + (1,) * self.rank))
        return self._end(y)


class _DepthwiseConv(_Convolution):
    def __init__(self, kernel_size, strides=1, padding="valid", depth_multiplier=1, data_format=None, dilation_rate=1, activation=None,
                 use_bias=True, depthwise_initializer="glorot_uniform", bias_initializer="zeros", depthwise_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                  depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
                  depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer,
                  depthwise_constraint=depthwise_constraint, bias_constraint=bias_constraint)
        _counts(self, depth_multiplier=depth_multiplier)

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        self._bias(channels * self.depth_multiplier)

    depthwise_kernel = property(lambda self: self.kernel)

    def call(self, inputs):
        kernel = ops.reshape(self.kernel, (*self.kernel_size, 1, -1))
        return self._end(convolve(inputs, kernel, self.bias, **self._how()))


class _SeparableConv(_Convolution):
    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, depth_multiplier=1,
                 activation=None, use_bias=True, depthwise_initializer="glorot_uniform", pointwise_initializer="glorot_uniform",
                 bias_initializer="zeros", depthwise_regularizer=None, pointwise_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, depthwise_constraint=None, pointwise_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                  depthwise_initializer=depthwise_initializer, pointwise_initializer=pointwise_initializer,
                  bias_initializer=bias_initializer, depthwise_regularizer=depthwise_regularizer,
                  pointwise_regularizer=pointwise_regularizer, bias_regularizer=bias_regularizer,
                  depthwise_constraint=depthwise_constraint, pointwise_constraint=pointwise_constraint, bias_constraint=bias_constraint)
        _counts(self, filters=filters, depth_multiplier=depth_multiplier)

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.depthwise_kernel = self._weight("depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        self.pointwise_kernel = self._weight("pointwise_kernel", (1,) * self.rank + (channels * self.depth_multiplier, self.filters),
                                             "pointwise")
        self._bias(self.filters)

    def call(self, inputs):
        x = ops.depthwise_conv(inputs, self.depthwise_kernel, **self._how())
        return self._end(convolve(x, self.pointwise_kernel, self.bias, data_format=self.data_format))


class Conv1D(_Conv):
    """y[t, f] = activation(sum over k, c of x[t stride + k dilation, c] kernel[k, c, f] + bias[f])

    x: (batch, steps, channels); padding 'causal' lets y[t] depend on x[..t] only.
    """
    rank = 1


class Conv2D(_Conv):
    """y[i, j, f] = activation(sum over a, b, c of x[i s + a d, j s + b d, c] kernel[a, b, c, f] + bias[f])

    x: (batch, height, width, channels), or channels before height with data_format='channels_first'.

    >>> Conv2D(32, 3, activation="relu")(np.zeros((1, 28, 28, 1))).shape
    (1, 26, 26, 32)
    """
    rank = 2


class Conv3D(_Conv):
    """Conv2D with three spatial axes; x: (batch, depth, height, width, channels)"""
    rank = 3


class Conv1DTranspose(_ConvTranspose):
    """The transpose of Conv1D's linear map: 'same' makes strides times as many steps."""
    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """The transpose of Conv2D's linear map: 'same' makes images strides times as large; kernel: [h, w, filters, channels]"""
    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """The transpose of Conv3D's linear map."""
    rank = 3

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, output_padding=None, dilation_rate=1, **kwargs):
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, **kwargs)


class DepthwiseConv1D(_DepthwiseConv):
    """y[t, c m + j] = activation(sum over k of x[t stride + k dilation, c] kernel[k, c, j] + bias), m = depth_multiplier"""
    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """One 2-D convolution for each channel: depth_multiplier outputs a channel, no mixing."""
    rank = 2


class SeparableConv1D(_SeparableConv):
    """DepthwiseConv1D, then a convolution of size 1 that mixes the channels (Chollet 2017)."""
    rank = 1


class SeparableConv2D(_SeparableConv):
    """DepthwiseConv2D, then a 1x1 convolution that mixes the channels (Chollet 2017)."""
    rank = 2


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose, Convolution3DTranspose = Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
Deconvolution2D, Deconvolution3D = Conv2DTranspose, Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
