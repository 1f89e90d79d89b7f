"""Images: files to arrays, and random changes that make more of few pictures (data augmentation)."""
import warnings

import numpy as np

from fastdl import config
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument, did_you_mean, missing_extra
from fastdl.preprocessing.affine import FILL_MODES, NUMBERS, apply_affine_transform, warp_rows
from fastdl.preprocessing.crops import PCAColor, random_color_shift, random_crop, ten_crops
from fastdl.preprocessing.iterators import DataFrameIterator, DirectoryIterator, Iterator, NumpyArrayIterator
from fastdl.primitives import image as image_primitives
from fastdl.utils.dataset_utils import dataset_from_directory
from fastdl.utils.image_utils import ImageFiles, array_to_img, data_format_of, img_to_array, load_img, pixels_of, save_img

__all__ = ["DataFrameIterator", "DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator", "PCAColor",
           "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "array_to_img",
           "image_dataset_from_directory", "img_to_array", "load_img", "random_brightness", "random_channel_shift",
           "random_color_shift", "random_crop", "random_rotation", "random_shear", "random_shift", "random_zoom",
           "save_img", "ten_crops"]

_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_BY_IMAGE = ("channel_shift_intensity", "brightness")


def _affine(x, row_axis, col_axis, channel_axis, fill_mode, cval, order, **parameters):
    return apply_affine_transform(x, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval,
                                  order=order, **parameters)


def random_rotation(x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    """x rotated by an angle drawn from -rg .. rg degrees."""
    return _affine(x, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order, theta=np.random.uniform(-rg, rg))


def random_shift(x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    """x shifted by fractions of its height and width drawn from -hrg .. hrg and -wrg .. wrg."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return _affine(x, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order, tx=tx, ty=ty)


def random_shear(x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    """x sheared by an angle drawn from -intensity .. intensity degrees."""
    return _affine(x, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order,
                   shear=np.random.uniform(-intensity, intensity))


def random_zoom(x, zoom_range, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    """x zoomed by two factors drawn from zoom_range = (low, high)."""
    if len(zoom_range) != 2:
        raise bad_argument("zoom_range", zoom_range, "a pair (low, high)", "zoom_range=(0.8, 1.2)")
    zx, zy = (1, 1) if tuple(zoom_range) == (1, 1) else np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return _affine(x, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order, zx=zx, zy=zy)


def apply_channel_shift(x, intensity, channel_axis=0):
    """y = clip(x + intensity, min x, max x)"""
    return np.clip(x + intensity, np.min(x), np.max(x)).astype(x.dtype)


def random_channel_shift(x, intensity_range, channel_axis=0):
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def apply_brightness_shift(x, brightness, scale=True):
    """y = brightness * x, by Pillow in whole grey levels."""
    try:
        from PIL import ImageEnhance
    except ImportError:
        raise missing_extra("Pillow", "image", "brightness_range") from None
    low, high = np.min(x), np.max(x)
    beyond = low < 0 or high > 255
    y = img_to_array(ImageEnhance.Brightness(array_to_img(x, scale=beyond or scale)).enhance(brightness))
    return y / 255 * (high - low) + low if beyond and not scale else y


def random_brightness(x, brightness_range, scale=True):
    if len(brightness_range) != 2:
        raise bad_argument("brightness_range", brightness_range, "a pair (low, high)", "brightness_range=(0.5, 1.5)")
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)


class ImageDataGenerator:
    """y = standardize(transform(x)), the transform drawn anew for each image

    Rotation and shear in degrees; shifts as a fraction, a number of pixels or a list; zoom as a number or a pair.
    Draws from np.random in Keras's order, so that a seed gives Keras's pictures.
    """

    def __init__(self, featurewise_center=False, samplewise_center=False, featurewise_std_normalization=False,
                 samplewise_std_normalization=False, zca_whitening=False, zca_epsilon=1e-6, rotation_range=0, width_shift_range=0.0,
                 height_shift_range=0.0, brightness_range=None, shear_range=0.0, zoom_range=0.0, channel_shift_range=0.0,
                 fill_mode="nearest", cval=0.0, horizontal_flip=False, vertical_flip=False, rescale=None,
                 preprocessing_function=None, data_format=None, validation_split=0.0, interpolation_order=1, dtype=None):
        if fill_mode not in FILL_MODES:
            raise bad_argument("fill_mode", repr(fill_mode), f"one of {FILL_MODES}", "choose one of them")
        if validation_split and not 0 < validation_split < 1:
            raise bad_argument("validation_split", validation_split, "a fraction between 0 and 1", "validation_split=0.2 holds out a fifth")
        if brightness_range is not None and (not isinstance(brightness_range, (tuple, list)) or len(brightness_range) != 2):
            raise bad_argument("brightness_range", brightness_range, "a pair (low, high)", "brightness_range=(0.5, 1.5)")
        if isinstance(zoom_range, (int, float)):
            zoom_range = [1 - zoom_range, 1 + zoom_range]
        elif len(zoom_range) != 2:
            raise bad_argument("zoom_range", zoom_range, "a number or a pair (low, high)", "zoom_range=0.2 is (0.8, 1.2)")
        for needs, name, wanted in ((zca_whitening, "zca_whitening", "featurewise_center"),
                                    (featurewise_std_normalization, "featurewise_std_normalization", "featurewise_center"),
                                    (samplewise_std_normalization, "samplewise_std_normalization", "samplewise_center")):
            if needs and not (samplewise_center if wanted == "samplewise_center" else featurewise_center):
                warnings.warn(f"{name}=True needs {wanted}=True: it is set.", stacklevel=2)
                samplewise_center = samplewise_center or wanted == "samplewise_center"
                featurewise_center = featurewise_center or wanted == "featurewise_center"
        if zca_whitening and featurewise_std_normalization:
            warnings.warn("zca_whitening=True does the work of featurewise_std_normalization: that is unset.", stacklevel=2)
            featurewise_std_normalization = False
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.width_shift_range, self.height_shift_range = rotation_range, width_shift_range, height_shift_range
        self.brightness_range, self.shear_range, self.zoom_range = brightness_range, shear_range, list(zoom_range)
        self.channel_shift_range, self.fill_mode, self.cval = channel_shift_range, fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format, self.dtype = data_format_of(data_format), dtype or config.floatx()
        self._validation_split, self.interpolation_order = validation_split, interpolation_order
        self.channel_axis, self.row_axis, self.col_axis = (3, 1, 2) if self.data_format == "channels_last" else (1, 2, 3)
        self.mean = self.std = self.zca_whitening_matrix = None

    def flow(self, x, y=None, batch_size=32, shuffle=True, sample_weight=None, seed=None, save_to_dir=None, save_prefix="",
             save_format="png", ignore_class_split=False, subset=None):
        """Endless augmented batches of the images x (n, h, w, c)."""
        return NumpyArrayIterator(x, y, self, batch_size, shuffle, sample_weight, seed, self.data_format, save_to_dir, save_prefix,
                                  save_format, subset, ignore_class_split, self.dtype)

    def flow_from_directory(self, directory, target_size=(256, 256), color_mode="rgb", classes=None, class_mode="categorical",
                            batch_size=32, shuffle=True, seed=None, save_to_dir=None, save_prefix="", save_format="png",
                            follow_links=False, subset=None, interpolation="nearest", keep_aspect_ratio=False):
        """Endless augmented batches of the files under `directory`, one folder a class

        Where all pictures, a byte a number, fit into the result's `cache_bytes` (256 MB; set it to 0 to turn this off), each
        file is decoded once and later epochs take its picture from memory; a file that changed is read again.
        """
        return DirectoryIterator(directory, self, target_size, color_mode, classes, class_mode, batch_size, shuffle, seed,
                                 self.data_format, save_to_dir, save_prefix, save_format, follow_links, subset, interpolation,
                                 keep_aspect_ratio, self.dtype)

    def flow_from_dataframe(self, dataframe, directory=None, x_col="filename", y_col="class", weight_col=None,
                            target_size=(256, 256), color_mode="rgb", classes=None, class_mode="categorical", batch_size=32,
                            shuffle=True, seed=None, save_to_dir=None, save_prefix="", save_format="png", subset=None,
                            interpolation="nearest", validate_filenames=True, **kwargs):
        """Endless augmented batches of the files that a table names; decoded once as flow_from_directory says."""
        return DataFrameIterator(dataframe, directory, self, x_col, y_col, weight_col, target_size, color_mode, classes, class_mode,
                                 batch_size, shuffle, seed, self.data_format, save_to_dir, save_prefix, save_format, subset,
                                 interpolation, kwargs.pop("keep_aspect_ratio", False), self.dtype, validate_filenames)

    def standardize(self, x):
        """preprocessing_function, rescale, samplewise and featurewise centring and scaling, ZCA: in this order, in place."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        return self._normalize(x)

    def _normalizes(self):
        return (self.samplewise_center or self.samplewise_std_normalization or self.featurewise_center
                or self.featurewise_std_normalization or self.zca_whitening)

    def _normalize(self, x):
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        for name, on, known in (("featurewise_center", self.featurewise_center, self.mean),
                                ("featurewise_std_normalization", self.featurewise_std_normalization, self.std),
                                ("zca_whitening", self.zca_whitening, self.zca_whitening_matrix)):
            if on and known is None:
                warnings.warn(f"{name}=True does nothing before fit(images) has measured the data.", stacklevel=2)
        if self.featurewise_center and self.mean is not None:
            x -= self.mean
        if self.featurewise_std_normalization and self.std is not None:
            x /= self.std + 1e-6
        if self.zca_whitening and self.zca_whitening_matrix is not None:
            x = (x.reshape(-1, np.prod(x.shape[-3:])) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    @staticmethod
    def _shift(setting, size):
        if not np.size(setting) if isinstance(setting, np.ndarray) else not setting:         # [0] draws, as a list that is not empty
            return 0
        if isinstance(setting, float):              # np.random.choice refuses it, as the next lines would find out slowly
            return np.random.uniform(-setting, setting) * (size if setting < 1 else 1)
        try:
            # A whole number n draws from 0 .. n - 1, a list from its entries; np.random.choice refuses a fraction.
            shift = np.random.choice(setting) * np.random.choice([-1, 1])
        except ValueError:
            shift = np.random.uniform(-setting, setting)
        return shift * size if np.max(setting) < 1 else shift

    def get_random_transform(self, img_shape, seed=None):
        """The parameters of one random transform, drawn in Keras's order."""
        if seed is not None:
            np.random.seed(seed)
        uniform = np.random.uniform
        theta = uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = self._shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = self._shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if self.zoom_range == [1, 1] else uniform(self.zoom_range[0], self.zoom_range[1], 2)
        # Both coins are tossed whether or not flips are wanted.
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        channel = uniform(-self.channel_shift_range, self.channel_shift_range) if self.channel_shift_range != 0 else None
        brightness = uniform(*self.brightness_range) if self.brightness_range is not None else None
        return {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy, "flip_horizontal": flip_horizontal,
                "flip_vertical": flip_vertical, "channel_shift_intensity": channel, "brightness": brightness}

    def apply_transform(self, x, transform_parameters):
        """One image x (h, w, c) with the transform that get_random_transform describes."""
        p = transform_parameters
        row, col, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = _affine(x, row, col, channel, self.fill_mode, self.cval, self.interpolation_order,
                    **{name: p.get(name, usual) for name, usual in NUMBERS})
        if p.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, p["channel_shift_intensity"], channel)
        for flip, axis in (("flip_horizontal", col), ("flip_vertical", row)):
            x = np.flip(x, axis) if p.get(flip) else x
        if p.get("brightness") is not None:
            x = apply_brightness_shift(x, p["brightness"], False)
        return x

    def augment(self, x, rows):
        """standardize(transform(image)) for the images x[rows], the transforms drawn now, in this order; x stays as it is."""
        own, usual, one = type(self), ImageDataGenerator, x.shape[1:]
        changed = own.apply_transform is not usual.apply_transform or own.standardize is not usual.standardize
        if self.preprocessing_function or changed:
            draws = (self.get_random_transform(one) for _ in rows)              # in between they may draw random numbers too
            return self._one_by_one(x, rows, draws)
        parameters = [self.get_random_transform(one) for _ in rows]
        if self.data_format == "channels_first" or any(p.get(name) is not None for p in parameters for name in _BY_IMAGE):
            return self._one_by_one(x, rows, parameters)
        y = warp_rows(x, rows, parameters, self.fill_mode, self.cval, self.interpolation_order, self.rescale or 1.0)
        for k in range(len(rows) if self._normalizes() else 0):
            y[k] = self._normalize(y[k])
        return y

    def _one_by_one(self, x, rows, parameters):
        y = np.empty((len(rows),) + x.shape[1:], x.dtype)
        for k, (row, p) in enumerate(zip(rows, parameters)):
            y[k] = self.standardize(self.apply_transform(x[row].copy(), p))
        return y

    def random_transform(self, x, seed=None):
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Measure mean, standard deviation and ZCA matrix of the images x: for the featurewise settings only."""
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise bad_argument("x", f"an array of shape {x.shape}", "images (n, h, w, c)", "add the channel axis: x[..., None]")
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x]).astype(self.dtype)
        axes, shape = (0, self.row_axis, self.col_axis), [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = x.mean(axes).reshape(shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axes).reshape(shape)
            x /= self.std + 1e-6
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def _resized(x, size, interpolation):
    """Image x (h, w, c) at another size, float32, as Keras resizes: between the pixels' centres, nothing averaged in shrinking."""
    for axis in (0, 1):
        n, new = x.shape[axis], size[axis]
        if interpolation == "nearest":
            x = x.take(image_primitives.nearest(n, new, new / n), axis)
        elif n != new or interpolation in ("gaussian", "mitchellcubic"):         # these two blur at the same size, too
            area, band = image_primitives.area, image_primitives.band
            w, at = area(n, new) if interpolation == "area" else band(n, new, interpolation, new / n, 0.0, False)
            x, w = x.astype("float32", copy=False), w.astype("float32")
            x = image_primitives.resample(Tensor(x), Tensor(w), Tensor(at), axis=axis).numpy()
    return x.astype("float32", copy=False)


def _fitted(x, size, interpolation, crop, pad):
    """_resized, after cutting x to the proportions of `size` (crop) or with black borders around it (pad)."""
    (h, w), (height, width) = x.shape[:2], size
    if crop:
        ch, cw = max(1, min(h, int(w * height / width))), max(1, min(w, int(h * width / height)))
        top, left = (h - ch) // 2, (w - cw) // 2
        return _resized(x[top:top + ch, left:left + cw], size, interpolation)
    if not pad:
        return _resized(x, size, interpolation)
    wanted, exact = np.array(size, "float32"), np.array([h, w], "float32")
    exact = exact / (exact / wanted).max()                  # in float32, as TensorFlow: the last digit decides about a row
    inner = np.maximum(1, np.floor(exact).astype(int))
    top, left = np.maximum(0, np.floor((wanted - exact) / 2).astype(int))
    y = np.zeros((height, width, x.shape[2]), "float32")
    y[top:top + inner[0], left:left + inner[1]] = _resized(x, inner, interpolation)
    return y


def image_dataset_from_directory(directory, labels="inferred", label_mode="int", class_names=None, color_mode="rgb", batch_size=32,
                                 image_size=(256, 256), shuffle=True, seed=None, validation_split=None, subset=None,
                                 interpolation="bilinear", follow_links=False, crop_to_aspect_ratio=False, pad_to_aspect_ratio=False,
                                 data_format=None, format=None, verbose=True):
    """Batches (images, labels) of the files under `directory`, one folder a class; images float32 in 0 .. 255

    The dataset has .class_names and .file_paths. Pillow decodes; folders of at most 256 MB as float32 are decoded once.
    """
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    interpolation = interpolation.lower()
    for name, value, known in (("interpolation", interpolation, INTERPOLATIONS), ("color_mode", color_mode, tuple(_CHANNELS))):
        if value not in known:
            raise bad_argument(name, repr(value), f"one of {known}", f"choose one of them.{did_you_mean(str(value), known)}")
    if len(size) != 2 or min(size) < 1:
        raise bad_argument("image_size", image_size, "a pair (height, width)", "image_size=(180, 180)")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise bad_argument("crop_to_aspect_ratio and pad_to_aspect_ratio", "both True", "at most one of them", "leave one out")
    last = data_format_of(data_format) == "channels_last"
    shape = (*size, _CHANNELS[color_mode]) if last else (_CHANNELS[color_mode], *size)

    def read(path):
        x = pixels_of(load_img(path, color_mode), "channels_last")
        y = _fitted(x, size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio)
        return y if last else y.transpose(2, 0, 1)

    return dataset_from_directory(directory, labels, label_mode, class_names, (".bmp", ".gif", ".jpeg", ".jpg", ".png"),
                                  lambda paths: ImageFiles(paths, shape, "float32", "float32", read), batch_size, shuffle, seed,
                                  validation_split, subset, follow_links, verbose)


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last"):
    """The largest centred part of x with the proportions of `size`, resized to `size`: nothing is stretched.

    x: image (height, width, channels) or a batch of them. An array comes back as an array, a tensor as a tensor.

    >>> smart_resize(np.ones((34, 50, 3), "float32"), (20, 20)).shape
    (20, 20, 3)
    """
    from fastdl import ops
    if len(size) != 2 or x.ndim not in (3, 4):
        raise bad_argument("x, size", f"{x.ndim} axes and size {size}", "3 or 4 axes and size (height, width)", "size=(200, 200)")
    rows = x.ndim - (3 if data_format == "channels_last" else 2)
    (height, width), (wanted_height, wanted_width) = x.shape[rows:rows + 2], size
    part = (max(1, min(height, int(width * wanted_height / wanted_width))),
            max(1, min(width, int(height * wanted_width / wanted_height))))
    top, left = ((full - kept) // 2 for full, kept in zip((height, width), part))
    crop = (slice(None),) * rows + (slice(top, top + part[0]), slice(left, left + part[1]))
    y = ops.image.resize(x[crop], size=size, interpolation=interpolation, data_format=data_format)
    return np.asarray(y) if isinstance(x, np.ndarray) else y
