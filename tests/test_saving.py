"""Models travel: to our files and back, from files of Keras 3 and Keras 2, through kills; nothing is lost on the way."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import zipfile

import h5py
import numpy as np
import pytest

import fastdl as keras
from fastdl import layers as L
from fastdl import models, ops, saving
from fastdl.callbacks import ModelCheckpoint
from fastdl.errors import FileError
from fastdl.saving import checkpoint, weights_h5

GOLDEN = pathlib.Path(__file__).parent / "golden" / "saving"
ANSWERS = np.load(GOLDEN / "answers.npz")
X, Y = ANSWERS["x"], ANSWERS["y"]
same = lambda a, b: all(np.array_equal(p, q) for p, q in zip(a, b)) and len(a) == len(b)


def test_names_in_other_scripts(tmp_path):
    """Written so that any reader of symbol tables knows them, and read as h5py marks them."""
    model = keras.Sequential([keras.Input((3,), name="输入"), *(L.Dense(3, name=f"层{k}") for k in range(10))], name="模型")
    for name in ("模型.h5", "模型.keras"):
        model.save(tmp_path / name)
        assert same(saving.load_model(tmp_path / name).get_weights(), model.get_weights())
    model.save_weights(tmp_path / "权重.weights.h5")
    model.load_weights(tmp_path / "权重.weights.h5")
    with h5py.File(tmp_path / "模型.h5") as f:
        assert sorted(f["model_weights"]) == sorted([f"层{k}" for k in range(10)] + ["top_level_model_weights"])
    for count in (3, 10):
        with h5py.File(tmp_path / "marked.h5", "w") as f:
            for k in range(count):
                f.require_group("layers").create_group(f"核{k}")["w"] = np.arange(4.0) + k
        if count == 3:
            with weights_h5.reading(tmp_path / "marked.h5", "marked.h5") as root:
                made = {name: root.child("layers").array(f"{name}/w").tolist() for name in root.child("layers").names()}
            assert made == {f"核{k}": [k, k + 1, k + 2, k + 3] for k in range(3)}
        else:
            with pytest.raises(FileError, match="more than 8 names"), weights_h5.reading(tmp_path / "marked.h5", "marked.h5") as root:
                root.child("layers")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="makedirs"):
        keras.Sequential([keras.Input((3,)), L.Dense(1)]).save(tmp_path / "none" / "m.keras")


def test_a_model_saved_before_its_first_step_comes_back_quietly(tmp_path, recwarn):
    model = keras.Sequential([keras.Input((3,)), L.Dense(1)])
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    saving.load_model(tmp_path / "m.keras")
    assert not [w for w in recwarn if "state of optimizer" in str(w.message)]


@saving.register_keras_serializable("golden")
class Scaled(L.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.blocks = [L.Dense(3, name="first"), L.Dense(3, activation="tanh", name="second")]

    def build(self, shape):
        self.shift = self.add_weight(shape=(3,), initializer="ones", name="shift")
        for block in self.blocks:
            block.build(shape)
            shape = (*shape[:-1], 3)

    def call(self, x):
        return self.factor * self.blocks[1](self.blocks[0](x)) + self.shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@saving.register_keras_serializable("golden")
class Subclassed(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.parts = {"one": L.Dense(4, activation="relu"), "two": [L.Dense(units)]}
        self.out = self.parts["two"][0]

    def call(self, x):
        return self.out(self.parts["one"](x))

    def get_config(self):
        return {"units": self.units, "name": self.name}


def sequential():
    return keras.Sequential([L.Input((4,)), L.Dense(5, activation="relu"), L.Dropout(0.3), L.Dense(3, kernel_regularizer="l2")])


def sequential_without_input():
    model = keras.Sequential([L.Dense(5, activation="relu"), L.Dense(3)])
    model(X)
    return model


def branches():
    i = keras.Input((4,), name="a")
    shared = L.Dense(4, activation="relu")
    x = L.Concatenate()([shared(i), shared(shared(i))])
    y = ops.concatenate([x * 2 + 1, ops.max(x, axis=-1, keepdims=True), x[:, 1:3]], axis=-1)
    return keras.Model(i, L.Dense(3)(ops.reshape(y, (-1, 11))))


def nested():
    i = keras.Input((4,))
    inner = keras.Model(i, L.Dense(4, activation="gelu")(i), name="inner")
    block = keras.Sequential([L.Input((4,)), L.Dense(4), inner], name="block")
    return keras.Sequential([L.Input((4,)), block, inner, L.Dense(3, use_bias=False)])


def custom():
    return keras.Sequential([L.Input((4,)), Scaled(0.5), L.Dense(3)])


def subclassed():
    model = Subclassed()
    model(X)
    return model


def frozen():
    model = sequential()
    model.layers[0].trainable = False
    return model


MODELS = [sequential, sequential_without_input, branches, nested, custom, subclassed, frozen]


# ---------------------------------------------------------------- our own round trip
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", "_old.h5"])
def test_round_trip_is_exact(make, suffix, tmp_path):
    model, path = make(), str(tmp_path / f"m{suffix}")
    if suffix == ".keras":
        model.save(path)
        back = models.load_model(path)
    else:
        model.save_weights(path)
        back = make()
        back.load_weights(path)
    assert same(back.get_weights(), model.get_weights())
    assert np.array_equal(back.predict(X, verbose=0), model.predict(X, verbose=0))
    assert [l.trainable for l in back.layers] == [l.trainable for l in model.layers] or suffix != ".keras"


@pytest.mark.parametrize("name", sorted(keras.optimizers.ALL_OBJECTS))
def test_training_goes_on_as_if_never_saved(name, tmp_path):
    model = sequential()
    model.compile(name, "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, batch_size=4, verbose=0)
    model.save(tmp_path / "m.keras")
    back = models.load_model(tmp_path / "m.keras")
    assert type(back.optimizer) is type(model.optimizer) and same(back.optimizer.get_weights(), model.optimizer.get_weights())
    for _ in range(2):                                      # dropout included: its counter travels too
        assert model.train_on_batch(X, Y) == back.train_on_batch(X, Y)
    assert same(back.get_weights(), model.get_weights()) and same(back.optimizer.get_weights(), model.optimizer.get_weights())


def test_whole_model_h5_keeps_the_optimizer(tmp_path):
    model = nested()
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "m.h5")
    back = models.load_model(tmp_path / "m.h5")
    for _ in range(2):
        assert model.train_on_batch(X, Y) == back.train_on_batch(X, Y)


def test_shared_layers_stay_shared(tmp_path):
    model = nested()
    model.save(tmp_path / "m.keras")
    back = models.load_model(tmp_path / "m.keras")
    assert len(back.weights) == len(model.weights) == 5
    assert back.layers[0].layers[-1] is back.layers[1]


def test_json_describes_the_architecture():
    model = branches()
    back = models.model_from_json(model.to_json())
    back.set_weights(model.get_weights())
    assert np.array_equal(back.predict(X, verbose=0), model.predict(X, verbose=0))


def test_archive_is_what_keras_3_wants(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    model = branches()
    for name in "ab":
        model.save(tmp_path / f"{name}.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras") as z:
        assert z.namelist() == ["metadata.json", "config.json", "model.weights.h5"] and {i.compress_type for i in z.infolist()} == {0}
        config = json.loads(z.read("config.json"))
        assert json.loads(z.read("metadata.json"))["keras_version"].startswith("3.")
    assert config["module"] == "keras.src.models.functional" and config["registered_name"] == "Functional"
    written = {(e["module"], e["class_name"]) for e in config["config"]["layers"]}
    assert {("keras.src.ops.numpy", c) for c in ("Multiply", "Add", "Max", "GetItem", "Concatenate", "Reshape")} <= written


def test_unzipped_and_deflated_archives_are_read(tmp_path):
    model = sequential()
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as z, zipfile.ZipFile(tmp_path / "d.keras", "w", zipfile.ZIP_DEFLATED) as d:
        z.extractall(tmp_path / "folder")
        for name in reversed(z.namelist()):
            d.writestr(name, z.read(name))
    for path in (tmp_path / "folder", tmp_path / "d.keras"):
        assert same(models.load_model(path).get_weights(), model.get_weights())


# ---------------------------------------------------------------- weights that do not fit
def test_by_name_loads_only_what_has_the_name(tmp_path):
    source = keras.Sequential([L.Input((4,)), L.Dense(5, name="one"), L.Dense(3, name="two")])
    source.save_weights(tmp_path / "w.h5")
    target = keras.Sequential([L.Input((4,)), L.Dense(5, name="one"), L.Dense(5, name="new"), L.Dense(3, name="two")])
    kept = target.layers[1].get_weights()
    target.load_weights(tmp_path / "w.h5", by_name=True)
    assert same(target.layers[0].get_weights(), source.layers[0].get_weights()) and same(target.layers[1].get_weights(), kept)
    with pytest.raises(FileError, match="by_name"):
        target.load_weights(tmp_path / "w.h5")


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_other_shapes_are_named(name, tmp_path):
    keras.Sequential([L.Input((4,)), L.Dense(5), L.Dense(3)]).save_weights(tmp_path / name)
    target = keras.Sequential([L.Input((4,)), L.Dense(5), L.Dense(2)])
    with pytest.raises(FileError, match=r"\(5, 3\).*\(5, 2\)"):
        target.load_weights(tmp_path / name)
    with pytest.warns(UserWarning, match="skip_mismatch"):
        target.load_weights(tmp_path / name, skip_mismatch=True)
    with pytest.raises(FileError, match="layers"):
        keras.Sequential([L.Input((4,)), L.Dense(5)]).load_weights(tmp_path / name)


def test_messages_say_what_to_do(tmp_path):
    model = sequential()
    with pytest.raises(ValueError, match=r"\.keras"):
        model.save(tmp_path / "model")
    with pytest.raises(FileError, match="Did you mean"):
        model.save(tmp_path / "model.keras")
        models.load_model(tmp_path / "modle.keras")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "model.keras", overwrite=False)
    with pytest.raises(FileError, match="not built|no weights yet"):
        keras.Sequential([L.Dense(2)]).load_weights(tmp_path / "model.keras")


def test_custom_objects_by_argument(tmp_path):
    class Mine(L.Dense):
        pass

    keras.Sequential([L.Input((4,)), Mine(2)]).save(tmp_path / "m.keras")
    with pytest.raises(FileError, match='custom_objects={"Mine": Mine}'):
        models.load_model(tmp_path / "m.keras")
    assert isinstance(models.load_model(tmp_path / "m.keras", custom_objects={"Mine": Mine}).layers[0], Mine)


def test_mixed_precision_policy_is_refused_with_a_word():
    config = json.loads(sequential().to_json())
    entry = config["config"]["layers"][1]["config"]
    entry["dtype"] = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None, "shared_object_id": 3}
    assert models.model_from_json(json.dumps(config)).layers[0].dtype == "float32"
    entry["dtype"]["config"]["name"] = "mixed_float16"
    with pytest.raises(FileError, match="mixed_float16.*float32"):
        models.model_from_json(json.dumps(config))


# ---------------------------------------------------------------- files of Keras 3
@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_keras_3_file_predicts_and_trains_on(name):
    model = models.load_model(GOLDEN / f"{name}.keras")
    assert np.allclose(model.predict(X, verbose=0), ANSWERS[f"{name}_predicts"], atol=1e-5)
    assert int(model.optimizer.iterations) == 6
    for _ in range(2):
        model.train_on_batch(X, Y)
    assert np.allclose(model.predict(X, verbose=0), ANSWERS[f"{name}_two_steps_on"], atol=1e-5)


def test_keras_3_branches_with_shared_layers_and_operations():
    model = models.load_model(GOLDEN / "branches.keras")
    for k, p in enumerate(model.predict([X, X[::-1].copy()], verbose=0)):
        assert np.allclose(p, ANSWERS[f"branches_predicts_{k}"], atol=1e-5)


def test_keras_3_json_and_weights():
    model = models.model_from_json((GOLDEN / "branches.json").read_text())
    model.load_weights(GOLDEN / "branches.weights.h5")
    for k, p in enumerate(model.predict([X, X[::-1].copy()], verbose=0)):
        assert np.allclose(p, ANSWERS[f"branches_predicts_{k}"], atol=1e-5)


def test_keras_3_nested_with_a_model_used_twice(tmp_path):
    """Keras loses the id of the first `inner` inside `block`, so it cannot read its own file back; we can."""
    model = models.load_model(GOLDEN / "nested.keras")
    assert np.allclose(model.predict(X, verbose=0), ANSWERS["nested_predicts_0"], atol=1e-5)
    model.save(tmp_path / "again.keras")
    assert np.array_equal(models.load_model(tmp_path / "again.keras").predict(X, verbose=0), model.predict(X, verbose=0))
    old = models.load_model(GOLDEN / "nested.h5")
    assert np.allclose(old.predict(X, verbose=0), ANSWERS["nested_predicts_0"], atol=1e-5)


def test_keras_3_words_and_custom_layer():
    assert np.allclose(models.load_model(GOLDEN / "words.keras").predict(ANSWERS["tokens"], verbose=0), ANSWERS["words_predicts_0"], atol=1e-5)
    assert np.allclose(models.load_model(GOLDEN / "custom.keras").predict(X, verbose=0), ANSWERS["custom_predicts"], atol=1e-5)


# ---------------------------------------------------------------- files of Keras 2, laid out by hand
def keras_2_file(path, config, arrays, version, training=None, optimizer=()):
    """A whole-model file as Keras 2 laid it out: arrays is {layer: [(weight name, array)]}."""
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"], f.attrs["backend"] = np.bytes_(version), np.bytes_("tensorflow")
        f.attrs["model_config"] = np.bytes_(json.dumps(config))
        if training:
            f.attrs["training_config"] = np.bytes_(json.dumps(training))
            group = f.create_group("optimizer_weights")
            group.attrs["weight_names"] = np.array([n for n, _ in optimizer], "S")
            for n, a in optimizer:
                group[n] = a
        weights = f.create_group("model_weights")
        weights.attrs["layer_names"] = np.array(list(arrays), "S")
        for layer, pairs in arrays.items():
            group = weights.create_group(layer)
            group.attrs["weight_names"] = np.array([n for n, _ in pairs], "S") if pairs else np.zeros(0)
            for n, a in pairs:
                group[n] = a


def old_dense(name, units, activation, **more):
    return {"class_name": "Dense", "config": {
        "name": name, "trainable": True, "units": units, "activation": activation, "use_bias": True,
        "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}},
        "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None, "bias_regularizer": None,
        "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None, **more}}


@pytest.mark.parametrize("version", ["2.0.8", "2.2.4", "2.15.0"])
def test_keras_2_sequential(version, tmp_path):
    rng = np.random.default_rng(1)
    w, b, v, c = rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(5, 3)), rng.normal(size=3)
    w, b, v, c = (a.astype("float32") for a in (w, b, v, c))
    layers = [old_dense("dense_1", 5, "hard_sigmoid", batch_input_shape=[None, 4], dtype="float32"), old_dense("dense_2", 3, "linear")]
    config = {"class_name": "Sequential", "config": layers if version == "2.0.8" else {"name": "sequential_1", "layers": layers}}
    m = [rng.normal(size=a.shape).astype("float32") for a in (w, b, v, c)]
    s = [rng.random(size=a.shape).astype("float32") for a in (w, b, v, c)]
    training = {"optimizer_config": {"class_name": "Adam", "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0}},
                "loss": "mean_squared_error", "metrics": ["mae"], "sample_weight_mode": None, "loss_weights": None}
    keras_2_file(tmp_path / "m.h5", config, {"dense_1": [("dense_1/kernel:0", w), ("dense_1/bias:0", b)], "dense_2": [("dense_2/kernel:0", v), ("dense_2/bias:0", c)]},
                 version, training, [("iterations:0", np.float32(7)), *((f"m_{k}:0", a) for k, a in enumerate(m)), *((f"v_{k}:0", a) for k, a in enumerate(s))])
    model = models.load_model(tmp_path / "m.h5")
    want = np.clip(0.2 * (X @ w + b) + 0.5, 0, 1) @ v + c   # what the name hard_sigmoid meant then
    assert np.allclose(model.predict(X, verbose=0), want, atol=1e-5)
    assert int(model.optimizer.iterations) == 7 and abs(float(model.optimizer.learning_rate) - 0.01) < 1e-8
    state = model.optimizer.get_weights()[2:]
    assert same(state[0::2], m) and same(state[1::2], s)
    model.train_on_batch(X, Y)
    model.save(tmp_path / "new.keras")
    assert np.array_equal(models.load_model(tmp_path / "new.keras").predict(X, verbose=0), model.predict(X, verbose=0))


def test_keras_2_graph_with_a_shared_layer(tmp_path):
    w, b = np.eye(4, dtype="float32"), np.arange(4, dtype="float32")
    config = {"class_name": "Model", "config": {"name": "model_1", "layers": [
        {"class_name": "InputLayer", "name": "input_1", "inbound_nodes": [],
         "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "input_1"}},
        {**old_dense("shared", 4, "relu"), "name": "shared", "inbound_nodes": [[["input_1", 0, 0, {}]], [["shared", 0, 0, {}]]]},
        {"class_name": "Add", "name": "add_1", "config": {"name": "add_1", "trainable": True},
         "inbound_nodes": [[["shared", 0, 0, {}], ["shared", 1, 0, {}]]]}],
        "input_layers": [["input_1", 0, 0]], "output_layers": [["add_1", 0, 0]]}}
    keras_2_file(tmp_path / "m.h5", config, {"input_1": [], "shared": [("shared/kernel:0", w), ("shared/bias:0", b)], "add_1": []}, "2.0.8")
    once = np.maximum(X + b, 0)
    assert np.allclose(models.load_model(tmp_path / "m.h5").predict(X, verbose=0), once + np.maximum(once + b, 0), atol=1e-6)


def test_keras_1_is_refused_with_a_word(tmp_path):
    keras_2_file(tmp_path / "m.h5", {"class_name": "Sequential", "config": []}, {}, "1.2.2")
    with pytest.raises(FileError, match="Keras 1.2.2"):
        models.load_model(tmp_path / "m.h5")


def test_first_keras_files_of_keras_2(tmp_path):
    """2.12 to 2.15: nodes as lists, another module for Functional, another name for `layers`."""
    w, b = np.eye(4, dtype="float32"), np.arange(4, dtype="float32")
    layers = [{"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "input_1", "inbound_nodes": [],
               "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "ragged": False, "name": "input_1"}},
              {"module": "keras.layers", "registered_name": None, "name": "d", "inbound_nodes": [[["input_1", 0, 0, {}]]],
               "build_config": {"input_shape": [None, 4]}, **old_dense("d", 4, "hard_sigmoid")},
              {"module": "keras.layers", "class_name": "TFOpLambda", "registered_name": "TFOpLambda", "name": "tf.math.multiply",
               "config": {"name": "tf.math.multiply", "trainable": True, "dtype": "float32", "function": "math.multiply"},
               "inbound_nodes": [["d", 0, 0, {"y": 3.0, "name": None}]]}]
    config = {"module": "keras.src.engine.functional", "class_name": "Functional", "registered_name": "Functional",
              "config": {"name": "model", "trainable": True, "layers": layers, "input_layers": [["input_1", 0, 0]],
                         "output_layers": [["tf.math.multiply", 0, 0]]}}
    with h5py.File(tmp_path / "w", "w") as f:
        group = f.create_group("_layer_checkpoint_dependencies/dense/vars")
        group["0"], group["1"] = w, b
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as z:
        z.writestr("metadata.json", json.dumps({"keras_version": "2.15.0", "date_saved": "2023-11-01@00:00:00"}))
        z.writestr("config.json", json.dumps(config))
        z.write(tmp_path / "w", "model.weights.h5")
    got = models.load_model(tmp_path / "m.keras").predict(X, verbose=0)
    assert np.allclose(got, 3 * np.clip(0.2 * (X + b) + 0.5, 0, 1), atol=1e-6)


def test_compressed_files_are_read_when_trusted(tmp_path):
    model, path = sequential(), tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as f:
        for k, layer in ((0, 0), (1, 2)):
            for j, a in enumerate(model.layers[layer].get_weights()):
                f.create_dataset(f"layers/dense{'_1' * k}/vars/{j}", data=a + 1, compression="gzip")
    with pytest.raises(FileError, match="trusted=True"):
        model.load_weights(path)
    before = model.get_weights()
    model.load_weights(path, trusted=True)
    assert same(model.get_weights(), [w + 1 for w in before])


# ---------------------------------------------------------------- real models
def _has(*names):
    return all(hasattr(L, n) for n in names)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["emotion_model.hdf5", "emotion_model_resaved.h5", "emotion_model.keras"])
def test_mini_xception(name, shared_data):
    assert _has("Conv2D", "SeparableConv2D", "BatchNormalization", "MaxPooling2D", "GlobalAveragePooling2D"), "needs layers that are not there yet"
    folder = shared_data / "models" / "fer_mini_xception"
    golden = np.load(folder / "golden.npz")
    model = models.load_model(folder / name)
    x = (golden["x_uint8"].astype("float32") / 255 - 0.5) * 2
    assert np.allclose(model.predict(x, verbose=0), golden["y"], atol=1e-5)


@pytest.mark.shared_data
def test_mini_xception_weights(shared_data):
    folder = shared_data / "models" / "fer_mini_xception"
    golden = np.load(folder / "golden.npz")
    x = (golden["x_uint8"].astype("float32") / 255 - 0.5) * 2
    model = models.model_from_json((folder / "model_config.json").read_text())
    model.load_weights(folder / "emotion_model.weights.h5")
    assert np.allclose(model.predict(x, verbose=0), golden["y"], atol=1e-5)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["model_sigmoid.keras", "model_sigmoid.h5"])
def test_chars2vec(name, shared_data):
    folder = shared_data / "models" / "chars2vec_lstm_50"
    golden = np.load(folder / "golden.npz")
    model = models.load_model(folder / name)
    assert np.allclose(model.predict(golden["x"].astype("float32"), verbose=0), golden["y_sigmoid"], atol=1e-5)


@pytest.mark.shared_data
def test_chars2vec_weights_of_keras_2(shared_data):
    folder = shared_data / "models" / "chars2vec_lstm_50"
    golden = np.load(folder / "golden.npz")
    from fastdl.saving.legacy_h5 import hard_sigmoid_keras2
    i = keras.Input((None, 59))
    x = L.LSTM(50, return_sequences=True, recurrent_activation=hard_sigmoid_keras2)(i)
    model = keras.Model(i, L.LSTM(50, recurrent_activation=hard_sigmoid_keras2)(x))
    model.load_weights(folder / "weights.h5")
    assert np.allclose(model.predict(golden["x"].astype("float32"), verbose=0), golden["y_keras2_hard_sigmoid"], atol=1e-5)


@pytest.mark.shared_data
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_mtcnn(name, suffix, shared_data):
    golden = np.load(shared_data / "models" / "mtcnn" / "golden.npz")
    model = models.load_model(shared_data / "models" / "mtcnn" / f"{name}.{suffix}")
    predicted = model.predict((golden[f"{name}_x_uint8"].astype("float32") - 127.5) * 0.0078125, verbose=0)
    for k, p in enumerate(predicted if isinstance(predicted, (list, tuple)) else [predicted]):
        assert np.allclose(p, golden[f"{name}_y{k}"], atol=1e-5)


# ---------------------------------------------------------------- callbacks and crashes
def test_model_checkpoint_keeps_the_best(tmp_path):
    model = sequential()
    model.compile("adam", "mse")
    path = tmp_path / "inner" / "best-{epoch:02d}.keras"
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[ModelCheckpoint(path, monitor="loss", save_best_only=True)])
    assert (tmp_path / "inner" / "best-01.keras").exists()
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "w.weights.h5", save_weights_only=True)])
    other = sequential()
    other.load_weights(tmp_path / "w.weights.h5")
    assert same(other.get_weights(), model.get_weights())


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_kill_in_the_middle_of_a_save_leaves_the_old_file(name, tmp_path):
    """The process kills itself at the k-th write, flush or rename of a save, for every k."""
    script = textwrap.dedent("""
        import os, signal, sys, builtins
        import fastdl as keras
        from fastdl import layers as L
        path, at = sys.argv[1], int(sys.argv[2])
        model = keras.Sequential([L.Input((4,)), L.Dense(300), L.Dense(3)])
        save = model.save_weights if "weights" in path else model.save
        if at < 0:
            save(path); sys.exit()
        count = 0
        def tick(*_):
            global count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(lambda event, args: tick() if event in ("open", "os.rename", "os.remove") and str(args[0]).startswith(path[:-3]) else None)
        real = os.fsync
        def fsync(fd): tick(); real(fd); tick()
        os.fsync = fsync
        save(path)
        sys.exit(3)
        """)
    path = tmp_path / name
    run = lambda at: subprocess.run([sys.executable, "-c", script, str(path), str(at)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}).returncode
    assert run(-1) == 0
    before, ended = path.read_bytes(), 0
    for at in range(1, 8):
        code = run(at)
        if code == 3:
            ended = at
            break
        assert code == -signal.SIGKILL
        keep = path.read_bytes()
        if keep != before:                                  # after the rename: the new one, whole
            assert len(keep) == len(before)
            model = keras.Sequential([L.Input((4,)), L.Dense(300), L.Dense(3)])
            model.load_weights(path)
    assert ended > 2


def test_a_damaged_snapshot_gives_way_to_the_one_before(tmp_path):
    path = str(tmp_path / "s")
    for k in range(2):
        checkpoint.write_snapshot(path, {"k": k, "a": np.arange(5.0), "t": (1, [2.5, float("inf")]), "n": np.float32(3)})
    state = checkpoint.newest_snapshot(path)
    assert state["k"] == 1 and state["t"] == (1, [2.5, float("inf")]) and np.array_equal(state["a"], np.arange(5.0))
    data = bytearray(open(path, "rb").read())
    for at in (0, 25, len(data) // 2, len(data) - 1):
        broken = bytearray(data)
        broken[at] ^= 1
        open(path, "wb").write(broken)
        assert checkpoint.newest_snapshot(path)["k"] == 0
    open(path, "wb").write(data[:10])
    assert checkpoint.newest_snapshot(path)["k"] == 0
    os.unlink(path + ".old")
    with pytest.raises(FileError, match="delete"):
        checkpoint.newest_snapshot(path)


def test_h5py_is_imported_when_a_file_is_opened():
    code = "import sys, fastdl.saving.keras_file, fastdl.models; sys.exit('h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}).returncode == 0
