"""InceptionResNetV2: Inception blocks as small, scaled steps beside an identity (Szegedy et al. 2016)."""
from fastdl import layers
from fastdl.applications.imagenet_utils import Files, application, channel_axis, preprocessing
from fastdl.applications.inception_v3 import chain, conv, join, smooth, stem
from fastdl.layers.layer import Layer

# name, how often, scale, and the steps of each branch
BLOCK35 = ("block35", 10, 0.17, (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))))
BLOCK17 = ("block17", 20, 0.1, (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))))
BLOCK8 = ("block8", 10, 0.2, (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))))
MIXED_5B = (((96, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)))
MIXED_6A = (((384, 3, 2),), ((256, 1), (256, 3), (384, 3, 2)))
MIXED_7A = (((256, 1), (384, 3, 2)), ((256, 1), (288, 3, 2)), ((256, 1), (288, 3), (320, 3, 2)))


class CustomScaleLayer(Layer):
    """y = a + scale * b for the inputs [a, b]"""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return inputs[0] + inputs[1] * self.scale

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def _residual(x, branches, scale, name, relu):
    y = join([chain(x, *steps) for steps in branches], name + "_mixed")
    y = layers.Conv2D(x.shape[channel_axis()], 1, padding="same", name=name + "_conv")(y)
    x = CustomScaleLayer(scale)([x, y])
    return layers.Activation("relu", name=name + "_ac")(x) if relu else x


def _repeated(x, block):
    label, count, scale, branches = block
    for k in range(1, count + 1):
        # The very last block adds its step whole and ends without a relu.
        last = label == "block8" and k == count
        x = _residual(x, branches, 1.0 if last else scale, f"{label}_{k}", not last)
    return x


def _body(x):
    x = stem(x)
    x = join([chain(x, *steps) for steps in MIXED_5B] + [chain(smooth(x), (64, 1))], "mixed_5b")
    for before, block in ((None, BLOCK35), ("mixed_6a", BLOCK17), ("mixed_7a", BLOCK8)):
        if before:
            branches = MIXED_6A if before == "mixed_6a" else MIXED_7A
            x = join([chain(x, *steps) for steps in branches] + [layers.MaxPooling2D(3, strides=2)(x)], before)
        x = _repeated(x, block)
    return conv(x, 1536, 1, name="conv_7b")


InceptionResNetV2 = application(
    "InceptionResNetV2", _body, Files("inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels",
                                      "e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
    size=299, least=75, paper="Szegedy et al. 2016", pool_names=(None, None), name="inception_resnet_v2")
preprocess_input, decode_predictions = preprocessing("tf")
