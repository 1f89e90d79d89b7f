"""VGG16 and VGG19: five blocks of 3x3 convolutions, each halved by a pooling (Simonyan and Zisserman 2014)."""
from fastdl import layers
from fastdl.applications.imagenet_utils import Files, application, preprocessing

PAPER = "Simonyan and Zisserman 2014"


def _body(depths):
    def body(x):
        for block, (filters, depth) in enumerate(zip((64, 128, 256, 512, 512), depths), 1):
            for k in range(1, depth + 1):
                x = layers.Conv2D(filters, 3, activation="relu", padding="same", name=f"block{block}_conv{k}")(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x
    return body


def _top(x, classes, activation):
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def _vgg(depth, depths, top_hash, notop_hash):
    files = Files(f"vgg{depth}/vgg{depth}_weights_tf_dim_ordering_tf_kernels", top_hash, notop_hash)
    return application(f"VGG{depth}", _body(depths), files, top=_top, paper=PAPER, pool_names=(None, None))


VGG16 = _vgg(16, (2, 2, 3, 3, 3), "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc")
VGG19 = _vgg(19, (2, 2, 4, 4, 4), "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6")
preprocess_input, decode_predictions = preprocessing("caffe")
