"""Pooling: windows (Max, Average), whole images (Global...), and windows chosen by the size of the result (Adaptive...)."""
from fastdl import config, ops
from fastdl.layers.convolution import _sizes
from fastdl.layers.layer import InputSpec, Layer


class _Pooling(Layer):
    """What all pooling layers share: the number of spatial axes and where the channels are."""
    rank = None

    def _set(self, data_format):
        self.data_format = data_format or config.image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"{type(self).__name__} received data_format={data_format!r}; it wants 'channels_last' or 'channels_first'.")
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _spatial(self):
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))


class _Window(_Pooling):
    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(data_format)
        self.pool_size = _sizes(self, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else _sizes(self, "strides", strides)
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"{type(self).__name__} received padding={padding!r}; it wants 'valid' or 'same'.")

    def call(self, inputs):
        return type(self)._op(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class _Max(_Window):
    _op = staticmethod(ops.max_pool)


class _Average(_Window):
    _op = staticmethod(ops.average_pool)


class _Global(_Pooling):
    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self._set(data_format)
        self.keepdims = keepdims

    def call(self, inputs):
        return type(self)._op(inputs, axis=self._spatial(), keepdims=self.keepdims)


class _GlobalMax(_Global):
    _op = staticmethod(ops.max)


class _GlobalAverage(_Global):
    _op = staticmethod(ops.mean)


class _Adaptive(_Pooling):
    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(data_format)
        self.output_size = _sizes(self, "output_size", output_size)

    def call(self, inputs):
        return type(self)._op(inputs, self.output_size, self.data_format)


class _AdaptiveAverage(_Adaptive):
    _op = staticmethod(ops.adaptive_average_pool)


class _AdaptiveMax(_Adaptive):
    _op = staticmethod(ops.adaptive_max_pool)


class MaxPooling1D(_Max):
    """y[t] = max of x[t stride ... t stride + pool_size - 1], for each channel; strides default to pool_size"""
    rank = 1


class MaxPooling2D(_Max):
    """y[i, j] = the largest value of each window, for each channel; strides default to pool_size

    >>> MaxPooling2D()(np.zeros((1, 28, 28, 3))).shape
    (1, 14, 14, 3)
    """
    rank = 2


class MaxPooling3D(_Max):
    """MaxPooling2D with three spatial axes."""
    rank = 3


class AveragePooling1D(_Average):
    """y[t] = mean of x[t stride ... t stride + pool_size - 1], the padding not counted"""
    rank = 1


class AveragePooling2D(_Average):
    """y[i, j] = the mean of each window, the padding not counted; strides default to pool_size"""
    rank = 2


class AveragePooling3D(_Average):
    """AveragePooling2D with three spatial axes."""
    rank = 3


class GlobalMaxPooling1D(_GlobalMax):
    """y[c] = max over steps of x[t, c]"""
    rank = 1


class GlobalMaxPooling2D(_GlobalMax):
    """y[c] = max over pixels of x[i, j, c]"""
    rank = 2


class GlobalMaxPooling3D(_GlobalMax):
    """y[c] = max over voxels of x[i, j, k, c]"""
    rank = 3


class GlobalAveragePooling1D(_GlobalAverage):
    """y[c] = mean over steps of x[t, c]; steps that a mask hides do not count"""
    rank = 1

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        last = self.data_format == "channels_last"
        seen = ops.cast(ops.expand_dims(mask, 2 if last else 1), inputs.dtype)
        total = ops.sum(ops.where(ops.cast(seen, "bool"), inputs, 0.0), axis=self._spatial(), keepdims=self.keepdims)
        return ops.divide(total, ops.sum(seen, axis=self._spatial(), keepdims=self.keepdims))

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalAveragePooling2D(_GlobalAverage):
    """y[c] = mean over pixels of x[i, j, c]"""
    rank = 2


class GlobalAveragePooling3D(_GlobalAverage):
    """y[c] = mean over voxels of x[i, j, k, c]"""
    rank = 3


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """y[k] = mean of x[floor(k n / out) ... ceil((k + 1) n / out) - 1], n steps, out = output_size"""
    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """AdaptiveAveragePooling1D along height and width."""
    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    """AdaptiveAveragePooling1D along three axes."""
    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """y[k] = max of x[floor(k n / out) ... ceil((k + 1) n / out) - 1], n steps, out = output_size"""
    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """AdaptiveMaxPooling1D along height and width."""
    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    """AdaptiveMaxPooling1D along three axes."""
    rank = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D
