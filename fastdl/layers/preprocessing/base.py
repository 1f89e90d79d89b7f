"""What image layers share: one image or a batch, dicts with labels, masks and boxes, ranges of random factors."""
from fastdl import config, ops
from fastdl import random as frandom
from fastdl.core.tensor import convert_to_tensor
from fastdl.errors import bad_argument, did_you_mean
from fastdl.layers.layer import Layer
from fastdl.layers.preprocessing import boxes

FILLS = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


def one_of(name, value, known):
    if value not in known:
        raise ValueError(f"{name}={value!r} is not known.{did_you_mean(str(value), known)} It is one of "
                         f"{', '.join(map(repr, known))}.")
    return value


def factors(value, low=-1.0, high=1.0, name="factor"):
    """(lower, upper) from one number f, which means [-f, f] (from `low` on), or from two numbers."""
    pair = isinstance(value, (tuple, list))
    if pair and len(value) == 2 and not (value[0] > high or value[1] < low):
        return tuple(sorted(value))
    if not pair and isinstance(value, (int, float)) and low <= value <= high:
        return max(-abs(value), low), abs(value)
    raise bad_argument(name, repr(value), f"a number or two numbers in [{low}, {high}]", f"pass for example {name}={0.5 * high}")


def value_pair(value_range):
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise bad_argument("value_range", repr(value_range), "two numbers, (lowest, highest)", "pass (0, 255) or (0, 1)")
    return tuple(sorted(value_range))


def column(x, rank=4):
    """(batch,) as (batch, 1, 1, 1)."""
    return ops.reshape(x, (x.shape[0],) + (1,) * (rank - 1))


class ImageLayer(Layer):
    """y = transform_images(x, get_random_transformation(x)) of an image, a batch, or a dict of both kinds

    The dict may hold "images", "labels", "segmentation_masks" and "bounding_boxes" ({"boxes", "labels"}): all are moved alike.
    """

    def __init__(self, bounding_box_format=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            one_of("bounding_box_format", bounding_box_format, boxes.FORMATS)
        self.bounding_box_format = bounding_box_format
        self.data_format = one_of("data_format", data_format or config.image_data_format(), ("channels_last", "channels_first"))

    def get_config(self):
        made = super().get_config()
        if made.get("bounding_box_format") is None:
            made.pop("bounding_box_format", None)
        return made

    # ------------------------------------------------------------ sizes
    def _height_width(self, images):
        s = tuple(images.shape)
        return (s[-3], s[-2]) if self.data_format == "channels_last" else (s[-2], s[-1])

    @property
    def _axes(self):
        """(height, width, channels) axes, from the end."""
        return (-3, -2, -1) if self.data_format == "channels_last" else (-2, -1, -3)

    def compute_output_shape(self, input_shape):
        return input_shape if isinstance(input_shape, dict) else tuple(input_shape)

    # ------------------------------------------------------------ what a layer says about itself
    def get_random_transformation(self, data, training=True, seed=None):
        """What happens to this batch; None for nothing."""
        return None

    def transform_images(self, images, transformation, training=True):
        raise NotImplementedError(f"{type(self).__name__} has no transform_images()")

    def transform_labels(self, labels, transformation, training=True):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        return bounding_boxes

    # ------------------------------------------------------------ call
    def call(self, data, training=True):
        if not isinstance(data, dict):
            return self._each({"images": data}, training)["images"]
        return self._each(data, training)

    def _each(self, data, training):
        unknown = set(data) - {"images", "labels", "segmentation_masks", "bounding_boxes"}
        if unknown or "images" not in data:
            raise ValueError(f"{type(self).__name__} received a dict with the keys {sorted(data)}; it knows images, "
                             f"labels, "
                             "segmentation_masks and bounding_boxes, and needs images.")
        images = convert_to_tensor(data["images"])
        if len(images.shape) not in (3, 4):
            raise ValueError(f"{type(self).__name__} received images of shape {tuple(images.shape)}; wanted one "
                             f"image (height, width, channels) "
                             "or a batch of them. Grey images need a channel axis: x[..., None].")
        single = len(images.shape) == 3
        up = (lambda x: ops.expand_dims(convert_to_tensor(x), 0)) if single else convert_to_tensor
        down = (lambda x: ops.squeeze(x, 0)) if single else (lambda x: x)
        images = up(images)
        how = self.get_random_transformation(images, training=training)
        out = dict(data)
        out["images"] = down(self.transform_images(images, how, training=training))
        if "labels" in data:
            out["labels"] = down(self.transform_labels(up(data["labels"]), how, training=training))
        if "segmentation_masks" in data:
            out["segmentation_masks"] = down(self.transform_segmentation_masks(up(data["segmentation_masks"]), how, training=training))
        if "bounding_boxes" in data:
            if self.bounding_box_format is None:
                raise ValueError(f"{type(self).__name__} received bounding_boxes but does not know their format. Fix: "
                                 f'{type(self).__name__}(..., bounding_box_format="xyxy").')
            dense = boxes.dense(data["bounding_boxes"], single)
            moved = self.transform_bounding_boxes({k: up(v) for k, v in dense.items()}, how, training=training)
            out["bounding_boxes"] = {k: down(v) for k, v in moved.items()}
        return out

    def _scaled(self, images, source, target):
        """images from one value range to another."""
        if tuple(source) == tuple(target):
            return images
        return (images - source[0]) / (source[1] - source[0]) * (target[1] - target[0]) + target[0]


class RandomImageLayer(ImageLayer):
    """An image layer with its own random stream; it does nothing outside of training."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = frandom.SeedGenerator(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        images = data["images"] if isinstance(data, dict) else data
        if len(images.shape) == 3:
            images = ops.expand_dims(images, 0)
        return self._drawn(images, self.generator if seed is None else seed)

    def _drawn(self, images, seed):
        """The random numbers of one batch of images."""
        raise NotImplementedError

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        return ops.cast(self._changed(images, transformation), self.compute_dtype)

    def _changed(self, images, transformation):
        raise NotImplementedError

    def _uniform(self, shape, low, high, seed):
        return frandom.uniform(tuple(shape), low, high, seed=seed)

    def _chance(self, images, factor, seed):
        """(batch, 1, 1, 1) of booleans, each true with a probability that is itself drawn from `factor`."""
        b = images.shape[0]
        return column(ops.less(self._uniform((b,), 0.0, 1.0, seed), self._uniform((b,), factor[0], factor[1], seed)))
