"""Sound as pictures: STFTSpectrogram (a convolution with windowed sines), MelSpectrogram."""
import math

import numpy as np

from fastdl import config, ops
from fastdl.core.tensor import convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.layers.layer import InputSpec, Layer
from fastdl.layers.preprocessing.base import one_of

# Sums of cosines a0 - a1 cos(2 pi t) + a2 cos(4 pi t) - ..., t from 0 to 1 (Harris 1978).
_COSINES = dict(boxcar=(1.0,), rectangular=(1.0,), hann=(0.5, 0.5), hanning=(0.5, 0.5), hamming=(0.54, 0.46), blackman=(0.42, 0.5, 0.08),
                nuttall=(0.3635819, 0.4891775, 0.1365995, 0.0106411), blackmanharris=(0.35875, 0.48829, 0.14128, 0.01168),
                flattop=(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368))


def _window(window, n, periodic):
    if window is None:
        return np.ones(n)
    if not isinstance(window, str):
        made = np.asarray(window, "float64")
        if made.shape != (n,):
            raise bad_argument("window", f"an array of shape {made.shape}", f"shape ({n},), one weight a sample",
                               "or a name such as 'hann'")
        return made
    one_of("window", window, tuple(_COSINES))
    t = 2 * np.pi * np.arange(n) / max(n - (not periodic), 1)
    return sum((-1) ** k * a * np.cos(k * t) for k, a in enumerate(_COSINES[window]))


class STFTSpectrogram(Layer):
    """y[t, k] = |sum over n of w[n] x[t frame_step + n] exp(-2 pi i n k / fft_length)| of sound (batch, time, channels)

    mode: "log", "magnitude", "psd", "real", "imag", "angle" or "stft" (real and imaginary side by side). The sines are trainable weights.
    expand_dims keeps an axis for the channels: (batch, time, frequency, channels).

    >>> STFTSpectrogram(mode="magnitude", frame_length=8, frame_step=4)(np.ones((1, 20, 1))).shape
    (1, 4, 5)
    """

    def __init__(self, mode="log", frame_length=256, frame_step=None, fft_length=None, window="hann", periodic=False, scaling="density",
                 padding="valid", expand_dims=False, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.mode = one_of("mode", mode, ("log", "magnitude", "psd", "real", "imag", "angle", "stft"))
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise bad_argument("frame_step", frame_step, f"a whole number from 1 to frame_length={frame_length}",
                               "use half of frame_length")
        if fft_length is not None and fft_length < frame_length:
            raise bad_argument("fft_length", fft_length, f"at least frame_length={frame_length}", "leave it out")
        if scaling is not None:
            one_of("scaling", scaling, ("density", "spectrum"))
        self.frame_length, self.frame_step, self.fft_length = frame_length, frame_step, fft_length
        self._step = frame_step or frame_length // 2
        self._bins = (fft_length or 2 ** math.ceil(math.log2(frame_length))) // 2 + 1
        self.window, self.periodic, self.scaling, self.expand_dims = window, bool(periodic), scaling, bool(expand_dims)
        self.padding = one_of("padding", padding, ("valid", "same"))
        self.data_format = one_of("data_format", data_format or config.image_data_format(), ("channels_last", "channels_first"))
        self.input_spec = InputSpec(ndim=3)

    def _sines(self, wave):
        def make(shape, dtype=None):
            w = _window(self.window, self.frame_length, self.periodic)
            scaling = None if self.window is None else self.scaling
            scale = {None: 1.0, "density": np.sqrt(np.sum(w * w)), "spectrum": np.sum(np.abs(w))}[scaling]
            angle = -2 * np.pi * np.arange(self.frame_length)[:, None] * np.arange(self._bins) / (2 * (self._bins - 1))
            return convert_to_tensor((wave(angle) * w[:, None] / scale)[:, None, :], dtype)
        return make

    def build(self, input_shape):
        shape = (self.frame_length, 1, self._bins)
        if self.mode != "imag":
            self.real_kernel = self.add_weight(shape=shape, initializer=self._sines(np.cos), name="real_kernel")
        if self.mode != "real":
            self.imag_kernel = self.add_weight(shape=shape, initializer=self._sines(np.sin), name="imag_kernel")

    def _shaped(self, y):
        """(batch, channels, time, bins) in the order that was asked for."""
        b, c, t, k = y.shape
        if self.expand_dims:
            return ops.transpose(y, (0, 2, 3, 1)) if self.data_format == "channels_last" else y
        y = ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (b, t, c * k))
        return y if self.data_format == "channels_last" else ops.transpose(y, (0, 2, 1))

    def call(self, inputs):
        if not str(inputs.dtype).startswith("float"):
            raise TypeError(f"STFTSpectrogram wants float sound, got dtype {inputs.dtype}: cast it first.")
        x = inputs if self.data_format == "channels_first" else ops.transpose(inputs, (0, 2, 1))
        b, c, n = x.shape

        def waves(kernel):
            y = ops.conv(ops.reshape(x, (b * c, n, 1)), kernel, strides=self._step, padding=self.padding, data_format="channels_last")
            return ops.reshape(y, (b, c, *y.shape[1:]))
        real = None if self.mode == "imag" else waves(self.real_kernel)
        imag = None if self.mode == "real" else waves(self.imag_kernel)
        if self.mode in ("real", "imag"):
            return self._shaped(real if imag is None else imag)
        if self.mode == "angle":
            return self._shaped(ops.arctan2(imag, real))
        if self.mode == "stft":
            return self._shaped(ops.concatenate([real, imag], axis=-1))
        power = ops.square(real) + ops.square(imag)
        if self.mode == "psd":                                  # one side of the spectrum stands for both
            return self._shaped(power + ops.pad(power[..., 1:-1], ((0, 0), (0, 0), (0, 0), (1, 1))))
        y = self._shaped(ops.sqrt(ops.maximum(power, config.epsilon())))
        return y if self.mode == "magnitude" else ops.log(ops.maximum(y, config.epsilon()))


def _mel(hertz):
    return 1127.0 * np.log(1.0 + np.asarray(hertz, "float64") / 700.0)


class MelSpectrogram(Layer):
    """y[m, t] = the energy of sound (batch, time) in num_mel_bins triangular bands, evenly spaced in mel = 1127 ln(1 + f / 700)

    power_to_db: 10 log10(y / ref_power), at most top_db below the loudest value.

    >>> MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8)(np.ones((2, 320))).shape
    (2, 8, 11)
    """

    def __init__(self, fft_length=2048, sequence_stride=512, sequence_length=None, window="hann", sampling_rate=16000, num_mel_bins=128,
                 min_freq=20.0, max_freq=None, power_to_db=True, top_db=80.0, mag_exp=2.0, min_power=1e-10, ref_power=1.0, **kwargs):
        super().__init__(**kwargs)
        self.fft_length, self.sequence_stride, self.sequence_length = fft_length, sequence_stride, sequence_length or fft_length
        if self.sequence_length > fft_length:
            raise bad_argument("sequence_length", sequence_length, f"at most fft_length={fft_length}", "leave it out")
        self.window, self.sampling_rate, self.num_mel_bins = window, sampling_rate, num_mel_bins
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp, self.min_power, self.ref_power = power_to_db, top_db, mag_exp, min_power, ref_power

    def call(self, inputs):
        x = convert_to_tensor(inputs, self.compute_dtype)
        real, imag = ops.stft(x, self.sequence_length, self.sequence_stride, self.fft_length, window=self.window, center=True)
        power = ops.power(ops.sqrt(ops.square(real) + ops.square(imag)), self.mag_exp)
        bands = self.linear_to_mel_weight_matrix(self.num_mel_bins, power.shape[-1], self.sampling_rate, self.min_freq, self.max_freq)
        y = ops.matmul(power, convert_to_tensor(bands, x.dtype))
        if self.power_to_db:
            floor = lambda v: max(abs(float(v)), self.min_power)
            y = ops.log10(ops.maximum(y, self.min_power)) * 10.0 - 10.0 * math.log10(floor(self.ref_power))
            y = ops.maximum(y, ops.max(y) - self.top_db)
        return ops.swapaxes(y, -1, -2)

    def linear_to_mel_weight_matrix(self, num_mel_bins=20, num_spectrogram_bins=129, sampling_rate=8000, lower_edge_hertz=125.0,
                                    upper_edge_hertz=3800.0, dtype="float32"):
        """(num_spectrogram_bins, num_mel_bins): each band's triangle over the bins; the bin of 0 Hz belongs to none."""
        at = _mel(np.linspace(0, sampling_rate / 2, num_spectrogram_bins))[:, None]
        edge = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edge[:-2], edge[1:-1], edge[2:]
        made = np.maximum(0, np.minimum((at - low) / (middle - low), (high - at) / (high - middle)))
        made[0] = 0
        return made.astype(dtype)
