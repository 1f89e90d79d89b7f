"""Images and arrays: Pillow reads, resizes and writes; it is imported when the first image is."""
import io
import os
import warnings

import numpy as np

from fastdl import config
from fastdl.errors import FileError, bad_argument, missing_extra

CACHE_BYTES = 1 << 28                    # memory that the decoded pictures of one folder or table may take
_RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


class ImageFileError(FileError, OSError):
    """No whole image; an OSError too, as Pillow's errors about files are."""


def pillow(purpose="Reading and writing images"):
    """The module PIL.Image."""
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("Pillow", "image", purpose) from None
    return Image


def data_format_of(data_format):
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise bad_argument("data_format", repr(data_format), '"channels_last" or "channels_first"', "choose one of them")
    return data_format


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """The Pillow image of an array (h, w, c): 255 (x - min x) / max(x - min x), or x itself with scale=False."""
    image = pillow()
    x = np.array(x, dtype or config.floatx())
    if x.ndim != 3:
        raise bad_argument("x", f"an array of shape {x.shape}", "one image of three axes", "pass one image of the batch: x[0]")
    if data_format_of(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - x.min()
        top = x.max()
        x = (x / top if top != 0 else x) * 255
    if x.shape[2] == 1:
        return image.fromarray(x[:, :, 0].astype("int32" if x.max() > 255 else "uint8"))
    if x.shape[2] not in (3, 4):
        raise bad_argument("x", f"{x.shape[2]} channels", "1 (grey), 3 (RGB) or 4 (RGBA)", "check data_format")
    return image.fromarray(x.astype("uint8"))


def img_to_array(img, data_format=None, dtype=None):
    """The array (h, w, c) of a Pillow image, values 0 .. 255."""
    x = np.array(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise bad_argument("img", f"an image of shape {x.shape}", "two or three axes", "convert it to RGB")
    return pixels_of(x, data_format_of(data_format))


def pixels_of(img, data_format):
    """The array (h, w, c) or (c, h, w) of an image, in its own dtype: uint8 for nearly all that Pillow reads."""
    x = np.asarray(img)
    x = x[:, :, None] if x.ndim == 2 else x
    return x if data_format == "channels_last" else x.transpose(2, 0, 1)


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write array_to_img(x) to a file; the ending of the path names the format."""
    img = array_to_img(x, data_format, scale)
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(os.fspath(path))[1][1:]
    file_format = "jpeg" if (file_format or "").lower() == "jpg" else file_format
    if img.mode == "RGBA" and (file_format or "").lower() == "jpeg":
        warnings.warn("JPEG has no transparency: the image is written as RGB.", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format or None, **kwargs)


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """The Pillow image of a file, in color_mode "grayscale", "rgb" or "rgba", resized to target_size = (height, width)

    keep_aspect_ratio=True first cuts out the largest middle part of the target's proportions.
    """
    image = pillow()
    if color_mode not in ("grayscale", "rgb", "rgba"):
        raise bad_argument("color_mode", repr(color_mode), '"grayscale", "rgb" or "rgba"', "choose one of them")
    if interpolation not in (*_RESAMPLING, "lanczos3"):
        raise bad_argument("interpolation", repr(interpolation), f"one of {', '.join(_RESAMPLING)}", "choose one of them")
    if isinstance(path, io.BytesIO):
        source = path
    else:
        with open(path, "rb") as f:
            source = io.BytesIO(f.read())
    mode = {"grayscale": "L"}.get(color_mode, color_mode.upper())
    try:
        img = image.open(source)
        img.load()
        img = img if img.mode == mode or mode == "L" and img.mode in ("I;16", "I") else img.convert(mode)
    except Exception as error:                  # Pillow raises many kinds for damaged files
        reason = "Pillow knows no such format" if isinstance(error, image.UnidentifiedImageError) else error
        name = path if source is not path else "the stream"
        raise ImageFileError(f"{name} is no whole image ({reason}). Fix: replace or delete it.") from error
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        w, h = img.size
        crop_h, crop_w = min(h, w * height // width), min(w, h * width // height)
        top, left = (h - crop_h) // 2, (w - crop_w) // 2
        box = (left, top, left + crop_w, top + crop_h)
    return img.resize((width, height), getattr(image.Resampling, interpolation.replace("3", "").upper()), box=box)


class ImageFiles:
    """files(rows) = the images of those files, each as read(path) gives it, read by several threads

    Where all of them, as arrays of dtype `kept`, fit into `cache_bytes`, each file is read once: later calls take its image
    from memory, unless the file's time or size has changed. cache_bytes=0 reads every time.
    """

    def __init__(self, paths, image_shape, dtype, kept, read):
        self.paths, self.shape, self.dtype, self.kept, self.read = paths, tuple(image_shape), dtype, np.dtype(kept), read
        self._known, self._stamps = None, {}

    def __call__(self, rows, cache_bytes=CACHE_BYTES):
        from concurrent.futures import ThreadPoolExecutor

        batch, keep, missing = np.empty((len(rows),) + self.shape, self.dtype), self._keeps(cache_bytes), []
        for k, row in enumerate(rows):
            stamp = None
            if keep:
                about = os.stat(self.paths[row])
                stamp = about.st_mtime_ns, about.st_size
            if keep and self._stamps.get(row) == stamp:
                batch[k] = self._known[row]
            else:
                missing.append((k, row, stamp))

        def read(place):
            k, row, stamp = place
            x = self.read(self.paths[row])
            batch[k] = x
            if keep and x.dtype == self.kept:
                self._stamps.pop(row, None)
                self._known[row] = x
                self._stamps[row] = stamp

        if missing:
            with ThreadPoolExecutor(max(1, min(len(missing), config.threads()))) as pool:
                list(pool.map(read, missing))
        return batch

    def _keeps(self, cache_bytes):
        if not 0 < len(self.paths) * int(np.prod(self.shape)) * self.kept.itemsize <= cache_bytes:
            self._known, self._stamps = None, {}
            return False
        if self._known is None:
            self._known = np.empty((len(self.paths),) + self.shape, self.kept)           # memory is taken as it is filled
        return True
