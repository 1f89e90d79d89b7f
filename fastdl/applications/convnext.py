"""ConvNeXt: a ResNet with a transformer's habits, 7x7 depthwise, LayerNorm, GELU, a scaled residual (Liu et al. 2022)."""
from fastdl import initializers, layers
from fastdl.applications.imagenet_utils import Files, assemble, channel_axis, describe, preprocessing
from fastdl.errors import bad_argument
from fastdl.layers.layer import Layer

SMALL, LARGE = (3, 3, 9, 3), (3, 3, 27, 3)


class LayerScale(Layer):
    """y = gamma * x, gamma one weight a channel that starts near nothing (Touvron et al. 2021)"""

    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values, self.projection_dim = init_values, projection_dim

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=initializers.Constant(self.init_values))

    def call(self, x):
        return x * self.gamma

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "init_values": self.init_values, "projection_dim": self.projection_dim}


def _norm(name):
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(x, width, name):
    y = layers.Conv2D(width, 7, padding="same", groups=width, name=name + "_depthwise_conv")(x)
    y = layers.Dense(4 * width, name=name + "_pointwise_conv_1")(_norm(name + "_layernorm")(y))
    y = layers.Dense(width, name=name + "_pointwise_conv_2")(layers.Activation("gelu", name=name + "_gelu")(y))
    y = LayerScale(1e-6, width, name=name + "_layer_scale")(y)
    return x + layers.Activation("linear", name=name + "_identity")(y)


def _body(depths, widths, name, preprocess):
    from fastdl import models

    def body(x):
        if preprocess:
            mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
            x = layers.Normalization(mean=[255 * m for m in mean], variance=[(255 * s) ** 2 for s in std],
                                     name=name + "_prestem_normalization")(x)
        for stage, (depth, width) in enumerate(zip(depths, widths)):
            if stage == 0:
                down = [layers.Conv2D(width, 4, strides=4, name=name + "_stem_conv"), _norm(name + "_stem_layernorm")]
                label = name + "_stem"
            else:
                down = [_norm(f"{name}_downsampling_layernorm_{stage - 1}"),
                        layers.Conv2D(width, 2, strides=2, name=f"{name}_downsampling_conv_{stage - 1}")]
                label = f"{name}_downsampling_block_{stage - 1}"
            x = models.Sequential(down, name=label)(x)
            for k in range(depth):
                x = _block(x, width, f"{name}_stage_{stage}_block_{k}")
        return x
    return body


def _convnext(kind, depths, widths, top_hash, notop_hash):
    default = f"convnext_{kind.lower()}"
    files = Files(f"convnext/{default}", top_hash, notop_hash)

    def make(include_top=True, include_preprocessing=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None,
             classes=1000, classifier_activation="softmax", name=default):
        if channel_axis() == 1:
            raise bad_argument("image_data_format", "'channels_first'", "'channels_last' for ConvNeXt",
                               'config.set_image_data_format("channels_last")')

        def top(x, classes, activation):
            x = _norm(name + "_head_layernorm")(layers.GlobalAveragePooling2D(name=name + "_head_gap")(x))
            return layers.Dense(classes, activation=activation, name=name + "_head_dense")(x)

        return assemble(_body(depths, widths, name, include_preprocessing), top, files, size=224, least=32, name=name,
                        include_top=include_top, weights=weights, input_tensor=input_tensor, input_shape=input_shape, pooling=pooling,
                        classes=classes, classifier_activation=classifier_activation,
                        finish=lambda: layers.LayerNormalization(epsilon=1e-6))

    return describe(make, f"ConvNeXt{kind}", 224, "Liu et al. 2022")


ConvNeXtTiny = _convnext("Tiny", SMALL, (96, 192, 384, 768), "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
                         "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1")
ConvNeXtSmall = _convnext("Small", LARGE, (96, 192, 384, 768), "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
                          "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab")
ConvNeXtBase = _convnext("Base", LARGE, (128, 256, 512, 1024), "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
                         "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45")
ConvNeXtLarge = _convnext("Large", LARGE, (192, 384, 768, 1536), "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
                          "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd")
ConvNeXtXLarge = _convnext("XLarge", LARGE, (256, 512, 1024, 2048), "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
                           "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05")
preprocess_input, decode_predictions = preprocessing(None)
