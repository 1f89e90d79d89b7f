"""ResNet50, 101 and 152: stages of bottleneck blocks y = f(x) + x, normalised after (V1: He et al. 2015) or before
(V2: He et al. 2016) each convolution. The small CIFAR ResNets of the same paper are in classic.py.
"""
from fastdl import layers
from fastdl.applications.imagenet_utils import Files, application, channel_axis, preprocessing

STAGES = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def _norm_relu(x, name, relu=True):
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=name + "_bn")(x)
    return layers.Activation("relu", name=name + "_relu")(x) if relu else x


def _post(x, width, stride, project, name):
    """V1: conv, norm, relu; the sum passes through a relu."""
    shortcut = x
    if project:
        shortcut = _norm_relu(layers.Conv2D(4 * width, 1, strides=stride, name=name + "_0_conv")(x), name + "_0", relu=False)
    for k, (filters, kernel) in enumerate(((width, 1), (width, 3), (4 * width, 1)), 1):
        x = layers.Conv2D(filters, kernel, strides=stride if k == 1 else 1, padding="same" if kernel == 3 else "valid",
                          name=f"{name}_{k}_conv")(x)
        x = _norm_relu(x, f"{name}_{k}", relu=k < 3)
    return layers.Activation("relu", name=name + "_out")(layers.Add(name=name + "_add")([shortcut, x]))


def _pre(x, width, stride, project, name):
    """V2: norm, relu, conv; nothing follows the sum, so that the identity runs through the whole network."""
    before = _norm_relu(x, name + "_preact")
    if project:
        shortcut = layers.Conv2D(4 * width, 1, strides=stride, name=name + "_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = _norm_relu(layers.Conv2D(width, 1, use_bias=False, name=name + "_1_conv")(before), name + "_1")
    x = layers.ZeroPadding2D(1, name=name + "_2_pad")(x)
    x = _norm_relu(layers.Conv2D(width, 3, strides=stride, use_bias=False, name=name + "_2_conv")(x), name + "_2")
    x = layers.Conv2D(4 * width, 1, name=name + "_3_conv")(x)
    return layers.Add(name=name + "_out")([shortcut, x])


def _body(stages, v2):
    def body(x):
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(layers.ZeroPadding2D(3, name="conv1_pad")(x))
        if not v2:
            x = _norm_relu(x, "conv1")
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(layers.ZeroPadding2D(1, name="pool1_pad")(x))
        for stage, blocks in enumerate(stages):
            # V1 halves the image in a stage's first block, V2 in its last; each all but once.
            halving = (0 if stage else None) if not v2 else (blocks - 1 if stage < 3 else None)
            for k in range(blocks):
                x = (_pre if v2 else _post)(x, 64 << stage, 2 if k == halving else 1, k == 0, f"conv{stage + 2}_block{k + 1}")
        return _norm_relu(x, "post") if v2 else x
    return body


def resnet(depth, version, top_hash, notop_hash):
    name = f"ResNet{depth}{version}"
    files = Files(f"resnet/{name.lower()}_weights_tf_dim_ordering_tf_kernels", top_hash, notop_hash)
    return application(name, _body(STAGES[depth], version == "V2"), files,
                       paper="He, Zhang, Ren and Sun " + ("2016" if version else "2015"))


ResNet50 = resnet(50, "", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626")
ResNet101 = resnet(101, "", "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21")
ResNet152 = resnet(152, "", "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c")
preprocess_input, decode_predictions = preprocessing("caffe")
