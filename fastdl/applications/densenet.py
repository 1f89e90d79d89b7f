"""DenseNet: every layer of a block reads all the layers before it, joined (Huang, Liu, van der Maaten, Weinberger 2016)."""
from fastdl import layers
from fastdl.applications.imagenet_utils import Files, application, channel_axis, preprocessing

GROWTH = 32


def _norm_relu(x, name):
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=name + "bn")(x)
    return layers.Activation("relu", name=name + "relu")(x)


def _body(blocks):
    def body(x):
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(layers.ZeroPadding2D(3)(x))
        x = layers.ZeroPadding2D(1)(_norm_relu(x, "conv1_"))
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for stage, depth in enumerate(blocks, 2):
            for k in range(1, depth + 1):
                name = f"conv{stage}_block{k}"
                y = layers.Conv2D(4 * GROWTH, 1, use_bias=False, name=name + "_1_conv")(_norm_relu(x, name + "_0_"))
                y = layers.Conv2D(GROWTH, 3, padding="same", use_bias=False, name=name + "_2_conv")(_norm_relu(y, name + "_1_"))
                x = layers.Concatenate(axis=channel_axis(), name=name + "_concat")([x, y])
            x = _norm_relu(x, f"pool{stage}_" if stage < 5 else "")
            if stage < 5:
                x = layers.Conv2D(x.shape[channel_axis()] // 2, 1, use_bias=False, name=f"pool{stage}_conv")(x)
                x = layers.AveragePooling2D(2, strides=2, name=f"pool{stage}_pool")(x)
        return x
    return body


def _densenet(depth, blocks, top_hash, notop_hash):
    files = Files(f"densenet/densenet{depth}_weights_tf_dim_ordering_tf_kernels", top_hash, notop_hash)
    return application(f"DenseNet{depth}", _body(blocks), files, paper="Huang et al. 2016")


DenseNet121 = _densenet(121, (6, 12, 24, 16), "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738")
DenseNet169 = _densenet(169, (6, 12, 32, 32), "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b")
DenseNet201 = _densenet(201, (6, 12, 48, 32), "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1")
preprocess_input, decode_predictions = preprocessing("torch")
