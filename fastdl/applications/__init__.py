"""Pretrained networks by their Keras names, and the classics to learn from: `applications.ResNet50(weights="imagenet")`.

A family is loaded when one of its names is first used.
"""
import importlib

_FAMILIES = {
    "convnext": "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge",
    "densenet": "DenseNet121 DenseNet169 DenseNet201",
    "efficientnet": " ".join(f"EfficientNetB{k}" for k in range(8)),
    "efficientnet_v2": " ".join(f"EfficientNetV2{k}" for k in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3Small MobileNetV3Large",
    "nasnet": "NASNetMobile NASNetLarge",
    "resnet": "ResNet50 ResNet101 ResNet152",
    "resnet_v2": "ResNet50V2 ResNet101V2 ResNet152V2",
    "vgg": "VGG16 VGG19",
    "xception": "Xception",
    "classic": "LeNet5 AlexNet CIFARResNet",
}
_NAMES = {name: family for family, names in _FAMILIES.items() for name in names.split()}
_MODULES = [*_FAMILIES, "vgg16", "vgg19", "resnet50", "imagenet_utils"]
__all__ = sorted([*_NAMES, *_MODULES])


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module("." + name, __name__)
    if name in _NAMES:
        return getattr(importlib.import_module("." + _NAMES[name], __name__), name)
    from fastdl.errors import did_you_mean
    raise AttributeError(f"module 'fastdl.applications' has no attribute {name!r}.{did_you_mean(name, __all__)}")


def __dir__():
    return __all__
