"""The applications: Keras's layers by name, order, shape and weights, and Keras's numbers from the same weights."""
import functools
import importlib.util
import json
import lzma
import pathlib

import numpy as np
import pytest

import fastdl as keras
from fastdl.layers.layer import Layer
from fastdl.ops import symbolic

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_cases_applications", FOLDER / "cases_applications.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)

# Each family's smallest; `python tests/test_applications.py` compares all of them and takes a minute.
TABLES = [("DenseNet121", {}), ("MobileNet", {}), ("MobileNetV3Large", {}), ("ResNet50", {}), ("ResNet50V2", {})] + [
    v for v in cases.VARIANTS if v[0] not in ("NASNetMobile", "InceptionResNetV2", "DenseNet121")]


@functools.lru_cache(1)
def golden():
    with lzma.open(FOLDER / "applications.json.xz", "rt") as f:
        return json.load(f)


def build(name, arguments):
    symbolic.reset_names()
    return getattr(keras.applications, name)(weights=None, **arguments)


@pytest.fixture
def zeros(monkeypatch):
    """Weights that take no time to draw."""
    add = Layer.add_weight
    monkeypatch.setattr(Layer, "add_weight", lambda self, *args, **kw: add(self, *args, **{**kw, "initializer": "zeros"}))


def check_table(name, arguments):
    model, want = build(name, arguments), golden()[cases.key(name, arguments)]
    assert cases.table(model) == want["layers"]
    assert (model.name, model.count_params()) == (want["name"], want["params"])


@pytest.mark.parametrize("name,arguments", TABLES, ids=lambda v: v if isinstance(v, str) else ",".join(v))
def test_layers_are_keras_own(name, arguments, zeros):
    check_table(name, arguments)


@pytest.mark.parametrize("name,arguments", cases.FORWARD, ids=lambda v: v if isinstance(v, str) else "")
def test_forward_equals_keras(name, arguments, zeros):
    model = build(name, dict(arguments, classes=10, classifier_activation=None))
    cases.fill(model)
    y = np.asarray(model(cases.images(arguments["input_shape"], cases.scales_itself(name, arguments)), training=False))
    want = np.array(golden()["forward " + cases.key(name, arguments)])
    assert np.abs(y - want).max() <= 1e-4 * max(1, np.abs(want).max())


def test_arguments_are_checked():
    apps = keras.applications
    for arguments, message in ((dict(weights="imagenett"), "imagenet"), (dict(weights="imagenet", classes=5), "1000"),
                               (dict(weights=None, input_shape=(20, 20, 3)), "32x32"), (dict(weights=None, input_shape=(64, 64)), "three sizes"),
                               (dict(weights=None, input_shape=(None, None, 3)), "known sizes"),
                               (dict(weights="imagenet", input_shape=(64, 64, 3)), "224"),
                               (dict(weights="imagenet", include_top=False, input_shape=(64, 64, 1)), "3 channels"),
                               (dict(weights=None, include_top=False, pooling="mean"), "pooling")):
        with pytest.raises(ValueError, match=message):
            apps.MobileNetV2(**arguments)
    with pytest.raises(ValueError, match="nobody offers"):
        apps.LeNet5(weights="imagenet")
    with pytest.raises(ValueError, match="6 n"):
        apps.CIFARResNet(19)


def test_an_input_tensor_and_a_weights_file(tmp_path):
    x = keras.Input((40, 40, 3))
    model = keras.applications.MobileNet(weights=None, alpha=0.25, input_tensor=keras.layers.ReLU()(x), include_top=False, pooling="avg")
    assert model.input_shape == (None, 40, 40, 3) and model.output_shape == (None, 256)
    model.save_weights(tmp_path / "w.weights.h5")
    again = keras.applications.MobileNet(weights=str(tmp_path / "w.weights.h5"), alpha=0.25, input_tensor=keras.layers.ReLU()(x),
                                         include_top=False, pooling="avg")
    for a, b in zip(model.weights, again.weights):
        assert np.array_equal(a, b)


def test_trained_weights_come_from_keras_address(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTDL_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name, words in (("ResNet50", "resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5.*2cb95161c43110f7111970584f804107"),
                        ("NASNetMobile", "nasnet/NASNet-mobile.h5.*models/nasnet_mobile.h5"),
                        ("MobileNet", "mobilenet/mobilenet_1_0_224_tf.h5")):
        with pytest.raises(FileNotFoundError, match=words):
            getattr(keras.applications, name)()


def test_classics_have_their_papers_sizes(zeros):
    apps = keras.applications
    assert [apps.LeNet5().count_params(), apps.AlexNet().count_params()] == [61_706, 60_965_224]
    assert sum(int(np.prod(w.shape)) for w in apps.CIFARResNet(20).trainable_weights) == 269_722


def test_pixels_and_names(tmp_path, monkeypatch):
    from fastdl.applications import imagenet_utils, resnet50, vgg16, xception
    x = np.array([[[[255.0, 0.0, 127.5]]]])
    np.testing.assert_allclose(vgg16.preprocess_input(x.copy()), [[[[127.5 - 103.939, -116.779, 255 - 123.68]]]])
    np.testing.assert_allclose(xception.preprocess_input(x.copy()), [[[[1, -1, 0]]]])
    want = (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    for given in (x.copy(), keras.ops.convert_to_tensor(x.astype("float32"))):
        np.testing.assert_allclose(np.asarray(imagenet_utils.preprocess_input(given, mode="torch")), want, rtol=1e-5)
    monkeypatch.setattr(imagenet_utils, "_class_index", lambda home: {str(k): [f"n{k}", f"name {k}"] for k in range(1000)})
    preds = np.zeros((1, 1000), "float32")
    preds[0, [7, 3]] = 0.6, 0.4
    assert resnet50.decode_predictions(preds, top=2) == [[("n7", "name 7", preds[0, 7]), ("n3", "name 3", preds[0, 3])]]
    with pytest.raises(ValueError, match="1000"):
        vgg16.decode_predictions(preds[:, :10])


if __name__ == "__main__":
    for case in [(n, {}) for n in cases.ALL] + cases.VARIANTS:
        try:
            check_table(*case)
            print("equal", cases.key(*case), flush=True)
        except AssertionError as error:
            print("DIFFERENT", cases.key(*case), str(error)[:300], flush=True)
