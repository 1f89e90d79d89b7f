"""Images resized, cropped, flipped and warped; masks and boxes move with them. Arguments and distributions are Keras 3's."""
import math

import numpy as np

from fastdl import ops
from fastdl import random as frandom
from fastdl.core.tensor import convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.layers.preprocessing import boxes
from fastdl.layers.preprocessing.base import FILLS, INTERPOLATIONS, ImageLayer, RandomImageLayer, factors, one_of
from fastdl.ops import image as pictures


def _size(layer, height, width):
    for name, v in (("height", height), ("width", width)):
        if isinstance(v, bool) or not isinstance(v, (int, np.integer)) or v <= 0:
            raise bad_argument(f"{name} of {type(layer).__name__}", repr(v), "a positive int, in pixels",
                               f"{type(layer).__name__}(height=224, width=224)")
    return int(height), int(width)


class _Sized(ImageLayer):
    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, dict):
            return dict(input_shape, images=self.compute_output_shape(input_shape["images"]))
        shape = list(input_shape)
        shape[self._axes[0]], shape[self._axes[1]] = self.height, self.width
        return tuple(shape)


def _crop_box(h, w, height, width):
    """(top, left, rows, columns) of the largest central part that has the new shape."""
    ch, cw = max(min(h, int(w * height / width)), 1), max(min(w, int(h * width / height)), 1)
    return (h - ch) // 2, (w - cw) // 2, ch, cw


class Resizing(_Sized):
    """y = images of another height and width (ops.image.resize); integer images stay integers

    >>> Resizing(2, 2)(np.zeros((1, 4, 6, 3))).shape
    (1, 2, 2, 3)
    """

    def __init__(self, height, width, interpolation="bilinear", crop_to_aspect_ratio=False, pad_to_aspect_ratio=False, fill_mode="constant",
                 fill_value=0.0, antialias=False, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = _size(self, height, width)
        self.interpolation = one_of("interpolation", interpolation, pictures.RESIZE)
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = bool(crop_to_aspect_ratio), bool(pad_to_aspect_ratio)
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)

    def _resized(self, images, interpolation):
        return pictures.resize(images, (self.height, self.width), interpolation, self.antialias, self.crop_to_aspect_ratio,
                               self.pad_to_aspect_ratio, self.fill_mode, self.fill_value, self.data_format)

    def get_random_transformation(self, data, training=True, seed=None):
        return self._height_width(data["images"] if isinstance(data, dict) else data)

    def transform_images(self, images, transformation=None, training=True):
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._resized(segmentation_masks, "nearest")

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        h, w = transformation
        top, left, rows, columns = 0, 0, h, w
        if self.crop_to_aspect_ratio:
            top, left, rows, columns = _crop_box(h, w, self.height, self.width)
        elif self.pad_to_aspect_ratio:
            top, left = ((w * self.height // self.width) - h) // 2, ((h * self.width // self.height) - w) // 2
            top, left = -max(top, 0), -max(left, 0)
            rows, columns = h - 2 * top, w - 2 * left
        move = lambda x, y: ((x - left) * (self.width / columns), (y - top) * (self.height / rows))
        return boxes.moved(bounding_boxes, self.bounding_box_format, move, (h, w), (self.height, self.width))


class CenterCrop(_Sized):
    """y = the middle of the images; smaller images are resized so that the crop fits

    >>> CenterCrop(2, 2)(np.arange(16.0).reshape(1, 4, 4, 1)).numpy()[0, :, :, 0].tolist()
    [[5.0, 6.0], [9.0, 10.0]]
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = _size(self, height, width)

    def get_random_transformation(self, data, training=True, seed=None):
        return self._height_width(data["images"] if isinstance(data, dict) else data)

    def transform_images(self, images, transformation=None, training=True):
        return self._cropped(ops.cast(images, self.compute_dtype), "bilinear")

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._cropped(segmentation_masks, "nearest")

    def _cropped(self, images, interpolation):
        h, w = self._height_width(images)
        if h >= self.height and w >= self.width:
            return pictures.crop_images(images, top_cropping=(h - self.height) // 2, left_cropping=(w - self.width) // 2,
                                        target_height=self.height, target_width=self.width, data_format=self.data_format)
        return pictures.resize(images, (self.height, self.width), interpolation, crop_to_aspect_ratio=True, data_format=self.data_format)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        h, w = transformation
        if h >= self.height and w >= self.width:
            top, left, rows, columns = (h - self.height) // 2, (w - self.width) // 2, self.height, self.width
        else:
            top, left, rows, columns = _crop_box(h, w, self.height, self.width)
        move = lambda x, y: ((x - left) * (self.width / columns), (y - top) * (self.height / rows))
        return boxes.moved(bounding_boxes, self.bounding_box_format, move, (h, w), (self.height, self.width))


class RandomCrop(_Sized, RandomImageLayer):
    """y = a random part of height x width pixels, the same for the whole batch; outside of training, and for images that are not
    larger, the largest central part of that shape, resized"""

    def __init__(self, height, width, seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.height, self.width = _size(self, height, width)

    def get_random_transformation(self, data, training=True, seed=None):
        h, w = self._height_width(data["images"] if isinstance(data, dict) else data)
        if training and h > self.height and w > self.width:
            seed = self.generator if seed is None else seed
            start = lambda n: ops.cast(self._uniform((), 0.0, float(n + 1), seed), "int32")
            return start(h - self.height), start(w - self.width), self.height, self.width, (h, w)
        return (*_crop_box(h, w, self.height, self.width), (h, w))

    def transform_images(self, images, transformation, training=True):
        return self._cropped(ops.cast(images, self.compute_dtype), transformation, "bilinear")

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._cropped(segmentation_masks, transformation, "nearest")

    def _cropped(self, images, transformation, interpolation):
        top, left, rows, columns, _ = transformation
        row, col, _ = (a % 4 for a in self._axes)
        start, size = [0] * 4, list(images.shape)
        start[row], start[col], size[row], size[col] = top, left, rows, columns
        part = ops.slice(images, start, size)
        if (rows, columns) == (self.height, self.width):
            return part
        return pictures.resize(part, (self.height, self.width), interpolation, data_format=self.data_format)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        top, left, rows, columns, before = transformation
        top, left = (ops.cast(v, "float32") for v in (top, left))
        move = lambda x, y: ((x - left) * (self.width / columns), (y - top) * (self.height / rows))
        return boxes.moved(bounding_boxes, self.bounding_box_format, move, before, (self.height, self.width))


class RandomFlip(RandomImageLayer):
    """y = each image mirrored with probability 1/2; mode: "horizontal", "vertical" or "horizontal_and_vertical" (both together)"""

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.mode = one_of("mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))

    def _drawn(self, images, seed):
        flips = ops.less_equal(self._uniform((images.shape[0], 1, 1, 1), 0.0, 1.0, seed), 0.5)
        return {"flips": flips, "input_shape": tuple(images.shape)}

    def _changed(self, images, transformation):
        axes = [a for a, word in zip(self._axes, ("vertical", "horizontal")) if word in self.mode]
        return ops.where(transformation["flips"], ops.flip(images, axis=axes), images)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._changed(segmentation_masks, transformation) if training else segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        s, flips = transformation["input_shape"], ops.squeeze(transformation["flips"], -1)
        h, w = s[self._axes[0]], s[self._axes[1]]
        move = lambda x, y: (ops.where(flips, w - x, x) if "horizontal" in self.mode else x,
                             ops.where(flips, h - y, y) if "vertical" in self.mode else y)
        return boxes.moved(bounding_boxes, self.bounding_box_format, move, (h, w), (h, w))


def _projected(matrix):
    """(x, y) -> where the warp's matrix (batch, 8) reads from, in pixels counted from the image's edge."""
    rows = -1 if matrix.shape[0] is None else matrix.shape[0]
    a = [ops.reshape(matrix[:, k], (rows, 1, 1)) for k in range(8)]

    def move(x, y):
        x, y = x - 0.5, y - 0.5                                 # pixel 0 reaches from 0 to 1: its centre lies at 1/2
        k = a[6] * x + a[7] * y + 1.0
        return (a[0] * x + a[1] * y + a[2]) / k + 0.5, (a[3] * x + a[4] * y + a[5]) / k + 0.5
    return move


def _inverse(matrix):
    """(batch, 8): the warp back."""
    full = ops.reshape(ops.concatenate([matrix, ops.ones((matrix.shape[0], 1))], axis=1), (matrix.shape[0], 3, 3))
    back = ops.reshape(ops.inv(full), (matrix.shape[0], 9))
    return back[:, :8] / back[:, 8:]


class _Warp(RandomImageLayer):
    """Subclasses draw {"matrix": (batch, 8)}: where each new pixel is read from."""
    fills = FILLS

    def _warps(self, interpolation, fill_mode, fill_value):
        self.interpolation = one_of("interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode, self.fill_value = one_of("fill_mode", fill_mode, self.fills), fill_value

    def _drawn(self, images, seed):
        h, w = self._height_width(images)
        return {"matrix": self._matrix(images.shape[0], h, w, seed), "input_shape": tuple(images.shape)}

    def _moved(self, images, transformation, interpolation):
        return pictures.affine_transform(images, transformation["matrix"], interpolation, self.fill_mode, self.fill_value, self.data_format)

    def _changed(self, images, transformation):
        return self._moved(images, transformation, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._moved(segmentation_masks, transformation, "nearest") if training else segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        s = transformation["input_shape"]
        size = s[self._axes[0]], s[self._axes[1]]
        return boxes.moved(bounding_boxes, self.bounding_box_format, _projected(_inverse(transformation["matrix"])), size, size)


def _rows(*columns):
    """(batch, 8) from eight columns: numbers or tensors (batch,)."""
    b = next(c.shape[0] for c in columns if hasattr(c, "shape"))
    return ops.stack([c if hasattr(c, "shape") else ops.full((b,), float(c)) for c in columns], axis=1)


class RandomRotation(_Warp):
    """y = each image turned about its centre by an angle from 2 pi [-factor, factor], positive: counter-clockwise"""

    def __init__(self, factor, fill_mode="reflect", interpolation="bilinear", seed=None, fill_value=0.0, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factors(factor)
        self._warps(interpolation, fill_mode, fill_value)

    def _matrix(self, batch, h, w, seed):
        angle = self._uniform((batch,), self.factor[0] * 2 * math.pi, self.factor[1] * 2 * math.pi, seed)
        cos, sin, cx, cy = ops.cos(angle), ops.sin(angle), (w - 1) / 2, (h - 1) / 2
        return _rows(cos, -sin, cx - cx * cos + cy * sin, sin, cos, cy - cx * sin - cy * cos, 0, 0)


def _open_factors(value, name):
    """As factors, but -1 itself would zoom into nothing."""
    low, high = factors(value, -1.0, 1.0, name)
    if low <= -1.0:
        raise bad_argument(name, repr(value), "numbers in (-1, 1]", f"pass for example {name}=0.2")
    return low, high


class RandomZoom(_Warp):
    """y = each image about its centre 1 + f times smaller, f from the factor: negative zooms in; one factor keeps the proportions"""

    def __init__(self, height_factor, width_factor=None, fill_mode="reflect", interpolation="bilinear", seed=None, fill_value=0.0,
                 data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = _open_factors(height_factor, "height_factor")
        self._width = None if width_factor is None else _open_factors(width_factor, "width_factor")
        self._warps(interpolation, fill_mode, fill_value)

    def _matrix(self, batch, h, w, seed):
        zh = self._uniform((batch,), 1 + self._height[0], 1 + self._height[1], seed)
        zw = zh if self._width is None else self._uniform((batch,), 1 + self._width[0], 1 + self._width[1], seed)
        return _rows(zw, 0, (w - 1) / 2 * (1.0 - zw), 0, zh, (h - 1) / 2 * (1.0 - zh), 0, 0)


class RandomTranslation(_Warp):
    """y = each image moved down by f height and right by f width, f from the factors"""

    def __init__(self, height_factor, width_factor, fill_mode="reflect", interpolation="bilinear", seed=None, fill_value=0.0,
                 data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height, self._width = factors(height_factor, name="height_factor"), factors(width_factor, name="width_factor")
        self._warps(interpolation, fill_mode, fill_value)

    def _matrix(self, batch, h, w, seed):
        down = self._uniform((batch,), *self._height, seed) * float(h)
        right = self._uniform((batch,), *self._width, seed) * float(w)
        return _rows(1, 0, -right, 0, 1, -down, 0, 0)


class RandomShear(_Warp):
    """y(row, col) = x(row + sy col, col + sx row), sx and sy from the factors, both with one random sign"""

    def __init__(self, x_factor=0.0, y_factor=0.0, interpolation="bilinear", fill_mode="reflect", fill_value=0.0, data_format=None,
                 seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.x_factor, self.y_factor = x_factor, y_factor
        self._x, self._y = self._pair(x_factor, "x_factor"), self._pair(y_factor, "y_factor")
        self._warps(interpolation, fill_mode, fill_value)

    @staticmethod
    def _pair(value, name):
        pair = value if isinstance(value, (tuple, list)) else (-value, value)
        if len(pair) != 2 or not all(abs(v) <= 1 for v in pair):
            raise bad_argument(name, repr(value), "a number or two numbers in [0, 1]", f"pass for example {name}=0.2")
        return tuple(sorted(pair))

    def _matrix(self, batch, h, w, seed):
        sign = ops.where(ops.greater(self._uniform((batch,), 0.0, 1.0, seed), 0.5), -1.0, 1.0)
        sy, sx = self._uniform((batch,), *self._y, seed), self._uniform((batch,), *self._x, seed)
        return _rows(1, sx * sign, 0, sy * sign, 1, 0, 0, 0)


class RandomPerspective(_Warp):
    """y = each image, with a probability drawn from factor, seen from a random side

    A corner at (x, y) goes to (x, y) (1 + U[-scale / 2, scale / 2]).
    """

    def __init__(self, factor=1.0, scale=1.0, interpolation="bilinear", fill_value=0.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factors(factor, 0.0)
        if not 0 <= scale <= 1:
            raise bad_argument("scale", scale, "a number in [0, 1]", "pass for example scale=0.3")
        self.scale = scale
        self._warps(interpolation, "constant", fill_value)

    def get_config(self):
        made = super().get_config()
        made.pop("fill_mode", None)
        return made

    def _drawn(self, images, seed):
        (h, w), b = self._height_width(images), images.shape[0]
        apply = self._chance(images, self.factor, seed)
        start = ops.broadcast_to(convert_to_tensor([[[0.0, 0.0], [w - 1.0, 0.0], [0.0, h - 1.0], [w - 1.0, h - 1.0]]]), (b, 4, 2))
        end = start * (1.0 + self._uniform((b, 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed))
        still = ops.broadcast_to(convert_to_tensor([[1.0, 0, 0, 0, 1, 0, 0, 0]]), (b, 8))
        matrix = ops.where(ops.reshape(apply, (b, 1)), pictures.homography(start, end), still)
        return {"matrix": matrix, "start_points": start, "end_points": end, "apply_perspective": apply, "input_shape": tuple(images.shape)}


class RandomElasticTransform(_Warp):
    """y = each image, with a probability drawn from factor, bent by blurred noise; scale sets how far and how coarsely"""
    fills = (*FILLS, "mirror")

    def __init__(self, factor=1.0, scale=1.0, interpolation="bilinear", fill_mode="reflect", fill_value=0.0, value_range=(0, 255),
                 seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor, self.scale, self.value_range = factors(factor, 0.0), factors(scale, 0.0, name="scale"), value_range
        self._warps(interpolation, fill_mode, fill_value)

    def _drawn(self, images, seed):
        if self.scale[1] == 0 or self.factor[1] == 0:
            return None
        seed = int(seed) if isinstance(seed, int) else seed
        key = frandom.key(seed)
        return {"apply": self._chance(images, self.factor, seed), "distortion": self._uniform((), *self.scale, seed), "key": key}

    def _moved(self, images, transformation, interpolation):
        if transformation is None:
            return images
        h, w = self._height_width(images)
        d, x = transformation["distortion"], ops.cast(images, self.compute_dtype)
        size = int(6 * min(h, w) * 0.05 * self.scale[1]) | 1
        bent = pictures.elastic(x, d * (0.1 * max(h, w)), ops.maximum(d * (0.05 * min(h, w)), 1e-6), size, interpolation, self.fill_mode,
                                self.fill_value, _Replay(transformation["key"]), self.data_format)
        return ops.cast(ops.where(transformation["apply"], bent, x), images.dtype)

    def _changed(self, images, transformation):
        return ops.clip(self._moved(images, transformation, self.interpolation), *map(float, self.value_range))

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        return bounding_boxes


class _Replay:
    """A seed that gives an image and its mask the same draws: key, key + 1, ..."""
    state = None

    def __init__(self, key):
        self._key = key

    def next(self):
        key, self._key = self._key, ops.bitwise_xor(self._key, ops.convert_to_tensor([0, 0x5bd1e995], dtype="uint32"))
        return key
