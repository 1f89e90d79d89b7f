"""Image layers that change colours and sharpness, never places. value_range tells what black and white are, (0, 255) unless told."""
import numpy as np

from fastdl import config, ops
from fastdl import random as frandom
from fastdl.core.tensor import convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.layers.preprocessing.base import ImageLayer, RandomImageLayer, column, factors, value_pair
from fastdl.ops import image as pictures
from fastdl.primitives import movement


class _Colour(RandomImageLayer):
    bounds = (-1.0, 1.0)

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.factor, self.value_range = factors(factor, *self.bounds), value_pair(value_range)

    def _drawn(self, images, seed):
        return {"factor": column(self._uniform((images.shape[0],), *self.factor, seed))}

    def _clipped(self, images):
        return ops.clip(images, float(self.value_range[0]), float(self.value_range[1]))

    def _hsv(self, images):
        """Three tensors without the channel axis."""
        hsv = pictures.rgb_to_hsv(images, data_format=self.data_format)
        return [ops.take(hsv, k, axis=self._axes[2]) for k in range(3)]

    def _rgb(self, h, s, v):
        return pictures.hsv_to_rgb(ops.stack([h, s, v], axis=self._axes[2]), data_format=self.data_format)


class RandomBrightness(_Colour):
    """y = clip(x + f (high - low)), one f from the factor for each image"""

    def _changed(self, images, transformation):
        low, high = self.value_range
        return self._clipped(images + transformation["factor"] * float(high - low))


class RandomContrast(_Colour):
    """y = clip((x - m) f + m), m each channel's mean, f ~ U[1 - factor[0], 1 + factor[1]]; one number f means (0, f)"""
    bounds = (0.0, 1.0)

    def _drawn(self, images, seed):
        return {"factor": column(self._uniform((images.shape[0],), 1.0 - self.factor[0], 1.0 + self.factor[1], seed))}

    def _changed(self, images, transformation):
        middle = ops.mean(images, axis=self._axes[:2], keepdims=True)
        return self._clipped((images - middle) * transformation["factor"] + middle)


class RandomColorDegeneration(_Colour):
    """y = clip(x + f (grey(x) - x)): f = 1 is grey, f = 0 changes nothing"""

    def _changed(self, images, transformation):
        grey = pictures.rgb_to_grayscale(images, data_format=self.data_format)
        return self._clipped(images + transformation["factor"] * (grey - images))


class RandomSaturation(_Colour):
    """saturation times f / (1 - f), f from the factor: 0 is grey, 1/2 changes nothing, 1 is full colour"""

    def _changed(self, images, transformation):
        h, s, v = self._hsv(images)
        f = column(transformation["factor"][:, 0, 0, 0], 3)
        return self._rgb(h, self._clipped(s * (f / (1.0 - f + config.epsilon()))), v)


class RandomHue(_Colour):
    """hue + f / 2 of a full turn, f from the factor with a random sign"""
    bounds = (0.0, 1.0)

    def _drawn(self, images, seed):
        b = images.shape[0]
        sign = ops.where(ops.greater(self._uniform((b,), 0.0, 1.0, seed), 0.5), -1.0, 1.0)
        return {"factor": sign * self._uniform((b,), *self.factor, seed) * 0.5}

    def _changed(self, images, transformation):
        h, s, v = self._hsv(self._scaled(images, self.value_range, (0, 1)))
        h = h + column(transformation["factor"], 3)
        h = ops.where(h > 1.0, h - 1.0, h)
        h = ops.where(h < 0.0, h + 1.0, h)
        return self._scaled(ops.clip(self._rgb(h, s, v), 0.0, 1.0), (0, 1), self.value_range)


class RandomSharpness(_Colour):
    """y = clip(x + (1 - 2 f) (blurred(x) - x)): f = 0 is blurred, 1/2 changes nothing, 1 is sharpened"""
    bounds = (0.0, 1.0)
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13.0

    def _changed(self, images, transformation):
        c = images.shape[self._axes[2]]
        kernel = convert_to_tensor(np.repeat(self.kernel[:, :, None, None], c, axis=2), images.dtype)
        soft = ops.depthwise_conv(images, kernel, padding="same", data_format=self.data_format)
        return self._clipped(images + (1.0 - 2.0 * transformation["factor"]) * (soft - images))


class RandomInvert(_Colour):
    """y = high - x, with a probability drawn from the factor"""
    bounds = (0.0, 1.0)

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(factor, value_range, seed, **kwargs)

    def _drawn(self, images, seed):
        return {"apply": self._chance(images, self.factor, seed)}

    def _changed(self, images, transformation):
        return ops.where(transformation["apply"], float(self.value_range[1]) - images, images)


class RandomPosterization(_Colour):
    """y = x with only its f upper bits of 8, f from the factor, whole numbers in [1, 8]"""
    bounds = (1, 8)

    def _drawn(self, images, seed):
        low, high = (int(v) for v in self.factor)
        b = images.shape[0]
        bits = ops.full((b,), low, dtype="int32") if low == high else frandom.randint((b,), low, high, seed=seed)
        return {"shift_factor": 8 - bits}

    def _changed(self, images, transformation):
        step = ops.power(2.0, ops.cast(column(transformation["shift_factor"]), images.dtype))
        images = ops.floor(ops.clip(self._scaled(images, self.value_range, (0, 255)), 0.0, 255.0))
        return self._scaled(ops.floor(images / step) * step, (0, 255), self.value_range)


class RandomGrayscale(RandomImageLayer):
    """y = the grey image in all channels, with probability factor"""

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if not isinstance(factor, (int, float)) or not 0 <= factor <= 1:
            raise bad_argument("factor", repr(factor), "a probability, a number in [0, 1]", "pass for example "
                                                                                            "factor=0.5")
        self.factor = factor

    def _drawn(self, images, seed):
        return ops.less(self._uniform((images.shape[0], 1, 1, 1), 0.0, 1.0, seed), self.factor)

    def _changed(self, images, transformation):
        return ops.where(transformation, pictures.rgb_to_grayscale(images, data_format=self.data_format), images)


class RandomGaussianBlur(RandomImageLayer):
    """y = x blurred by a Gaussian with sigma drawn from `sigma`, with a probability drawn from the factor"""

    def __init__(self, factor=1.0, kernel_size=3, sigma=1.0, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor, self.sigma, self.value_range = factors(factor, 0.0), factors(sigma, 0.0, name="sigma"), value_range
        pair = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
        if len(pair) != 2 or any(int(k) != k or k % 2 == 0 for k in pair):
            raise bad_argument("kernel_size", repr(kernel_size), "an odd number or two of them", "pass for example "
                                                                                                 "kernel_size=3")
        self.kernel_size = tuple(int(k) for k in pair)

    def _drawn(self, images, seed):
        return {"apply": self._chance(images, self.factor, seed), "sigma": self._uniform((2,), *self.sigma, seed) + 1e-6}

    def _changed(self, images, transformation):
        soft = pictures.gaussian_blur(images, self.kernel_size, transformation["sigma"], self.data_format)
        return ops.clip(ops.where(transformation["apply"], soft, images), *map(float, self.value_range))


class RandomErasing(RandomImageLayer):
    """y = x with a random rectangle filled, with a probability drawn from the factor

    scale: the rectangle's share of the image. fill_value: a number, one a channel, or None for noise.
    """

    def __init__(self, factor=1.0, scale=(0.02, 0.33), fill_value=None, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor, self.scale = factors(factor, 0.0), factors(scale, 0.0, name="scale")
        self.fill_value, self.value_range = fill_value, value_range

    def _drawn(self, images, seed):
        sides = ops.sqrt(self._uniform((images.shape[0], 2), *self.scale, seed))
        mask = _rectangles(self, images, sides[:, 0], sides[:, 1], seed)[0]
        if self.fill_value is None:
            fill = frandom.normal(tuple(images.shape), seed=seed) * float(self.value_range[1])
        else:
            fill = convert_to_tensor(self.fill_value, "float32")
            fill = ops.reshape(fill, (-1, 1, 1)) if fill.shape and self.data_format == "channels_first" else fill
        return {"apply": self._chance(images, self.factor, seed), "mask": mask, "fill": ops.clip(fill, *map(float, self.value_range))}

    def _changed(self, images, transformation):
        inside = ops.logical_and(transformation["apply"], transformation["mask"])
        return ops.where(inside, ops.cast(transformation["fill"], images.dtype), images)


def _rectangles(layer, images, wide, high, seed):
    """(mask [b, h, w, 1] in the layer's format, share of the area [b]): boxes of these relative sides at random places."""
    h, w = layer._height_width(images)
    b, shape = images.shape[0], [1, 1, 1, 1]

    def span(n, ratio, axis):
        size = ratio * float(n)
        start = layer._uniform((b,), 0.0, 1.0, seed) * (float(n) - size)
        here = list(shape)
        here[axis] = n
        at = ops.reshape(ops.arange(n, dtype="float32"), here)
        return ops.logical_and(ops.greater_equal(at, column(start)), ops.less(at, column(start + size)))
    across, down = span(w, wide, layer._axes[1]), span(h, high, layer._axes[0])
    return ops.logical_and(across, down), wide * high


class RandomColorJitter(RandomImageLayer):
    """RandomBrightness, RandomContrast, RandomSaturation and RandomHue, one after the other; factors that are None are left out"""

    def __init__(self, value_range=(0, 255), brightness_factor=None, contrast_factor=None, saturation_factor=None, hue_factor=None,
                 seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        pairs = ((RandomBrightness, brightness_factor), (RandomContrast, contrast_factor), (RandomSaturation, saturation_factor),
                 (RandomHue, hue_factor))
        self._steps = [cls(f, value_range=value_range, seed=seed, data_format=data_format) for cls, f in pairs if f is not None]

    def _drawn(self, images, seed):
        return [step._drawn(images, seed) for step in self._steps]

    def _changed(self, images, transformation):
        for step, how in zip(self._steps, transformation):
            images = step._changed(images, how)
        return images


class Solarization(RandomImageLayer):
    """y = 255 - x' where x' = x + addition reaches the threshold, else x'; both drawn for each image, as shares of 255"""

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.addition_factor, self.threshold_factor = (
            v if isinstance(v, (tuple, list)) and len(v) == 2 and all(0 <= a <= 1 for a in v) else (0, factors(v, 0.0, name=name)[1])
            for v, name in ((addition_factor, "addition_factor"), (threshold_factor, "threshold_factor")))
        self.value_range = value_pair(value_range)

    def _drawn(self, images, seed):
        draw = lambda f: self._uniform((images.shape[0], 1, 1, 1), float(f[0]), float(f[1]) * 255.0, seed)
        return {"additions": draw(self.addition_factor), "thresholds": draw(self.threshold_factor)}

    def _changed(self, images, transformation):
        x = ops.clip(self._scaled(images, self.value_range, (0, 255)) + transformation["additions"], 0.0, 255.0)
        return self._scaled(ops.where(x < transformation["thresholds"], x, 255.0 - x), (0, 255), self.value_range)


class AutoContrast(ImageLayer):
    """y = (x - min) / (max - min), of each image and channel, stretched over the whole value_range; in and outside of training"""

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.value_range = value_pair(value_range)

    def transform_images(self, images, transformation=None, training=True):
        x = self._scaled(ops.cast(images, self.compute_dtype), self.value_range, (0, 255))
        low, high = ops.min(x, axis=self._axes[:2], keepdims=True), ops.max(x, axis=self._axes[:2], keepdims=True)
        flat = ops.equal(low, high)
        scale = 255.0 / ops.where(flat, 1.0, high - low)
        y = self._scaled(ops.clip(x * scale - low * scale, 0.0, 255.0), (0, 255), self.value_range)
        return ops.where(flat, ops.cast(images, y.dtype), y)


def _histogram(index, bins):
    """How often each of 0 ... bins - 1 occurs in a tensor of whole numbers."""
    index = ops.reshape(index, (index.size,))
    return movement.take_grad(ops.ones(index.shape), index, shape=(bins,), axis=0)


class Equalization(ImageLayer):
    """y = 255 (c(x) - c_min) / (n - c_min), c the histogram's cumulative sum, of each channel over the batch; while training"""

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.bins = value_pair(value_range), int(bins)

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        x = self._scaled(ops.cast(images, self.compute_dtype), self.value_range, (0, 255))
        axis = self._axes[2]
        made = [self._equalized(ops.take(x, k, axis=axis)) for k in range(images.shape[axis])]
        return self._scaled(ops.stack(made, axis=axis), (0, 255), self.value_range)

    def _equalized(self, x):
        at = ops.cast(ops.clip(x * (self.bins - 1) / 255.0, 0.0, self.bins - 1.0), "int32")
        count = _histogram(at, self.bins)
        total = ops.cumsum(count)
        first = ops.min(ops.where(total > 0, total, float("inf")))
        rest = total[-1] - first
        table = ops.clip(ops.round((total - first) * 255.0 / ops.where(ops.equal(rest, 0.0), 1.0, rest)), 0.0, 255.0)
        several = ops.sum(ops.cast(count > 0, "float32")) > 1.0
        return ops.where(several, ops.cast(ops.take(table, at, axis=0), x.dtype), x)


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Equalization within tiles: every pixel is looked up in the four nearest tiles' tables, whose counts were cut at clip_limit

    tile_grid_size: how many tiles down and across.
    """

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.clip_limit, self.tile_grid_size = value_range, clip_limit, tuple(tile_grid_size)

    def transform_images(self, images, transformation=None, training=True):
        x = self._scaled(ops.cast(images, "float32"), self.value_range, (0, 255))
        x = x if self.data_format == "channels_last" else ops.transpose(x, (0, 2, 3, 1))
        y = self._scaled(self._equalized(x), (0, 255), self.value_range)
        y = y if self.data_format == "channels_last" else ops.transpose(y, (0, 3, 1, 2))
        return ops.cast(y, images.dtype)

    def _equalized(self, x):
        b, h, w, c = x.shape
        gh, gw = self.tile_grid_size
        th, tw = -(-h // gh), -(-w // gw)
        x = ops.pad(x, ((0, 0), (0, th * gh - h), (0, tw * gw - w), (0, 0)), mode="symmetric")
        grey = ops.cast(ops.clip(x, 0.0, 255.0), "int32")
        rows, cols = np.arange(th * gh), np.arange(tw * gw)
        tile = ((rows // th)[:, None] * gw + cols // tw)[None, :, :, None] * c + np.arange(c)
        tile = (np.arange(b)[:, None, None, None] * (gh * gw * c) + tile).astype("int32") * 256
        count = ops.reshape(_histogram(ops.add(convert_to_tensor(tile), grey), b * gh * gw * c * 256), (b, gh * gw * c, 256))
        if self.clip_limit > 0:
            cut = ops.minimum(count, float(self.clip_limit * (th * tw) / 256.0))
            count = cut + ops.sum(count - cut, axis=-1, keepdims=True) / 256.0
        total = ops.cumsum(count, axis=-1)
        first = ops.min(total, axis=-1, keepdims=True)
        rest = float(th * tw) - first
        table = ops.reshape(ops.clip((total - first) * 255.0 / ops.where(ops.equal(rest, 0.0), 1.0, rest), 0.0, 255.0), (-1,))
        y = 0.0
        for ty, wy in _between(rows, th, gh):
            for tx, wx in _between(cols, tw, gw):
                at = (ty[:, None] * gw + tx)[None, :, :, None] * c + np.arange(c)
                at = (np.arange(b)[:, None, None, None] * (gh * gw * c) + at).astype("int32") * 256
                weight = convert_to_tensor((wy[:, None] * wx)[None, :, :, None], "float32")
                y = y + ops.take(table, ops.add(convert_to_tensor(at), grey), axis=0) * weight
        return y[:, :h, :w, :]


def _between(pixels, size, count):
    """[(tile, weight)] for the tiles before and after each pixel, by the distance of their centres."""
    at = (pixels - size / 2) / size
    low = np.floor(at).astype(int)
    return [(np.clip(low, 0, count - 1), 1 - (at - low)), (np.clip(low + 1, 0, count - 1), at - low)]
