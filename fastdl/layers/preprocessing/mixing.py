"""Layers made of images of a batch or of other layers: MixUp, CutMix, RandAugment, AugMix, Pipeline, MaxNumBoundingBoxes."""
from fastdl import ops
from fastdl import random as frandom
from fastdl.core import modes
from fastdl.layers.layer import Layer
from fastdl.layers.preprocessing import color, geometry
from fastdl.layers.preprocessing.base import ImageLayer, RandomImageLayer, column, factors
from fastdl.layers.preprocessing.color import _rectangles


class MixUp(RandomImageLayer):
    """y = w x + (1 - w) x of another image of the batch, w ~ Beta(alpha, alpha); labels likewise, boxes of both are kept"""

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.alpha = alpha

    def _drawn(self, images, seed):
        b = images.shape[0]
        return {"permutation_order": frandom.shuffle(ops.arange(b, dtype="int32"), seed=seed),
                "mix_weight": frandom.beta((b,), self.alpha, self.alpha, seed=seed)}

    def _mixed(self, x, transformation):
        w = column(transformation["mix_weight"], len(x.shape))
        return w * x + (1.0 - w) * ops.take(x, transformation["permutation_order"], axis=0)

    _changed = _mixed

    def transform_labels(self, labels, transformation, training=True):
        return self._mixed(ops.cast(labels, self.compute_dtype), transformation) if training else labels

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._mixed(ops.cast(segmentation_masks, self.compute_dtype), transformation) if training else segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        order = transformation["permutation_order"]
        return {k: ops.concatenate([v, ops.take(v, order, axis=0)], axis=1) for k, v in bounding_boxes.items()}


class CutMix(RandomImageLayer):
    """y = x with a rectangle of another image of the batch; labels are mixed by the areas

    factor: the range of a, the rectangle's share is 1 - Beta(a, a).
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factors(factor, 0.0)

    def _drawn(self, images, seed):
        b = images.shape[0]
        alpha = self._uniform((), *self.factor, seed) + 1e-6
        side = ops.sqrt(1.0 - frandom.beta((b,), alpha, alpha, seed=seed))
        mask, share = _rectangles(self, images, side, side, seed)
        order = frandom.shuffle(ops.arange(b, dtype="int32"), seed=seed)
        return {"permutation_order": order, "batch_masks": mask, "mix_weight": 1.0 - share}

    def _changed(self, images, transformation):
        return ops.where(transformation["batch_masks"], ops.take(images, transformation["permutation_order"], axis=0), images)

    def transform_labels(self, labels, transformation, training=True):
        if not training:
            return labels
        labels, w = ops.cast(labels, self.compute_dtype), column(transformation["mix_weight"], len(labels.shape))
        return w * labels + (1.0 - w) * ops.take(labels, transformation["permutation_order"], axis=0)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._changed(segmentation_masks, transformation) if training else segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        raise NotImplementedError("CutMix does not move bounding boxes: a box may be cut in two. Use MixUp, or leave "
                                  "the boxes out.")


def _augmentations(factor, value_range, interpolation, seed, data_format):
    """The layers that RandAugment and AugMix choose from, all of one strength."""
    warp = dict(interpolation=interpolation, seed=seed, data_format=data_format)
    tone = dict(value_range=value_range, data_format=data_format)
    return [geometry.RandomShear(x_factor=factor, y_factor=factor, **warp),
            geometry.RandomTranslation(height_factor=factor, width_factor=factor, **warp),
            geometry.RandomRotation(factor=factor, **warp),
            color.RandomPosterization(factor=max(1, int(8 * factor[1])), seed=seed, **tone),
            color.Solarization(addition_factor=factor, threshold_factor=factor, seed=seed, **tone),
            color.AutoContrast(**tone),
            color.Equalization(**tone),
            color.RandomBrightness(factor=factor, seed=seed, **tone),
            color.RandomColorDegeneration(factor=factor, seed=seed, **tone),
            color.RandomContrast(factor=factor, seed=seed, **tone),
            color.RandomSharpness(factor=factor, seed=seed, **tone)]


class _Choosing(RandomImageLayer):
    """Applies layers whose numbers are drawn: read where values are known; inside a plan all are computed and one is taken."""

    def _pick(self, number, x, do, chances):
        """do(layer, transformation) of layer `number`; beyond the last one, x itself."""
        if not modes.tracing():
            k = int(number)
            return do(self._choices[k], chances[k]) if k < len(self._choices) else x
        y = x
        for k, layer in enumerate(self._choices):
            y = ops.where(ops.equal(number, k), do(layer, chances[k]), y)
        return y

    def _chances(self, images, seed):
        return [layer._drawn(images, seed) if isinstance(layer, RandomImageLayer) else None for layer in self._choices]


class RandAugment(_Choosing):
    """num_ops layers, chosen at random for each batch from eleven, one after the other (Cubuk et al. 2019); factor is their strength"""

    def __init__(self, value_range=(0, 255), num_ops=2, factor=0.5, interpolation="bilinear", seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range, self.num_ops, self.factor, self.interpolation = value_range, int(num_ops), factors(factor, 0.0), interpolation
        self._choices = _augmentations(self.factor, value_range, interpolation, seed, data_format)

    def _drawn(self, images, seed):
        chosen = frandom.randint((self.num_ops,), 0, len(self._choices), seed=seed)
        return {"layer_idxes": chosen, "transforms": self._chances(images, seed)}

    def _through(self, x, transformation, method):
        for i in range(self.num_ops):
            x = self._pick(transformation["layer_idxes"][i], x, lambda layer, how: getattr(layer, method)(x, how),
                           transformation["transforms"])
        return x

    def _changed(self, images, transformation):
        return self._through(images, transformation, "transform_images")

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._through(segmentation_masks, transformation, "transform_segmentation_masks") if training else segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        for layer in self._choices:
            layer.bounding_box_format = self.bounding_box_format
        x = ops.convert_to_tensor(bounding_boxes["boxes"], "float32")
        for i in range(self.num_ops):
            x = self._pick(transformation["layer_idxes"][i], x,
                           lambda layer, how: layer.transform_bounding_boxes({"boxes": x}, how)["boxes"], transformation["transforms"])
        return dict(bounding_boxes, boxes=x)


class AugMix(_Choosing):
    """y = w x + (1 - w) sum over chains of w_c chain(x), each chain up to chain_depth random layers (Hendrycks et al. 2019)

    The chains' weights are Dirichlet(alpha), w ~ Beta(alpha, alpha). all_ops=False leaves out brightness, colour, contrast, sharpness.
    """

    def __init__(self, value_range=(0, 255), num_chains=3, chain_depth=3, factor=0.3, alpha=1.0, all_ops=True, interpolation="bilinear",
                 seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range, self.factor = value_range, factors(factor, 0.0)
        self.num_chains, self.chain_depth = int(num_chains), int(chain_depth)
        self.alpha, self.all_ops, self.interpolation = alpha, bool(all_ops), interpolation
        choices = _augmentations(self.factor, value_range, interpolation, seed, data_format)
        self._choices = choices if all_ops else choices[:7]

    def _drawn(self, images, seed):
        weights = frandom.gamma((self.num_chains,), self.alpha, seed=seed)
        steps = self.num_chains * self.chain_depth
        return {"chain_mixing_weights": weights / ops.sum(weights), "weight_sample": frandom.beta((), self.alpha, self.alpha, seed=seed),
                "layers": frandom.randint((steps,), 0, len(self._choices) + 1, seed=seed),
                "transforms": [self._chances(images, seed) for _ in range(steps)]}

    def _mixed(self, x, transformation, method):
        total, at = 0.0, 0
        for chain in range(self.num_chains):
            y = x
            for _ in range(self.chain_depth):
                y = self._pick(transformation["layers"][at], y, lambda layer, how: getattr(layer, method)(y, how),
                               transformation["transforms"][at])
                at += 1
            total = total + y * transformation["chain_mixing_weights"][chain]
        w = transformation["weight_sample"]
        return w * x + (1.0 - w) * total

    def _changed(self, images, transformation):
        return ops.clip(self._mixed(images, transformation, "transform_images"), *map(float, self.value_range))

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training:
            return segmentation_masks
        return self._mixed(ops.cast(segmentation_masks, self.compute_dtype), transformation, "transform_segmentation_masks")


class MaxNumBoundingBoxes(ImageLayer):
    """The first max_number boxes of each image; where there are fewer, fill_value"""

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number, self.fill_value = int(max_number), int(fill_value)

    def transform_images(self, images, transformation=None, training=True):
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        def fitted(x):
            x = x[:, :self.max_number]
            return ops.pad(x, [(0, 0), (0, self.max_number - x.shape[1])] + [(0, 0)] * (len(x.shape) - 2), constant_values=self.fill_value)
        return {k: fitted(v) for k, v in bounding_boxes.items()}


class Pipeline(Layer):
    """y = layers one after the other, for data preparation

    >>> Pipeline([geometry.CenterCrop(2, 2), geometry.Resizing(4, 4)])(ops.ones((1, 6, 6, 3))).shape
    (1, 4, 4, 3)
    """

    def __init__(self, layers, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self._pipeline_layers = list(layers)

    @property
    def layers(self):
        return self._pipeline_layers

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            more = {"mask": mask} if layer._takes("mask") and mask is not None else {}
            if layer._takes("training"):
                more["training"] = training
            inputs = layer(inputs, **more)
            mask = getattr(inputs, "_keras_mask", None)
        return inputs

    def get_config(self):
        from fastdl.saving import serialization
        return {"name": self.name, "layers": [serialization.serialize_keras_object(layer) for layer in self._pipeline_layers]}

    @classmethod
    def from_config(cls, config):
        from fastdl.saving import serialization
        return cls(**dict(config, layers=[serialization.deserialize_keras_object(layer) if isinstance(layer, dict) else layer
                                          for layer in config["layers"]]))
