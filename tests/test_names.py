"""Every public name of Keras is here, or docs/names.md says why not; and Keras 2's names and module paths."""
import ast
import inspect
import json
import lzma
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

import fastdl
import fastdl.backend as K
from fastdl import layers

HERE = pathlib.Path(__file__).parent
NAMES = (HERE / "names" / "keras_names.txt").read_text().split("\n")[1:-1]


def has(dotted):
    found = fastdl
    for part in dotted.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            return False
        except ImportError as error:                        # wrappers, where scikit-learn is not installed
            return "fastdl[" in str(error)
    return True


def test_every_name_is_here_or_its_absence_has_a_reason():
    table = (HERE.parent / "docs" / "names.md").read_text().split("\n# ")[0]
    excused = [w for line in table.splitlines() if line.startswith("| `") for w in re.findall(r"`([^`]+)`", line.split("|")[1])]
    absent = [n for n in NAMES if not has(n)]
    unexplained = [n for n in absent if not any(n == e or e.endswith(".*") and n.startswith(e[:-1]) for e in excused)]
    assert not unexplained
    assert f"{len(NAMES) - len(absent)} of {len(NAMES)} are here" in table
    assert len(NAMES) - len(absent) >= 1368 and not [e for e in excused if e.endswith("*")]
    assert not [e for e in excused if not e.endswith("*") and e in NAMES and e not in absent]     # nothing is excused that is here


def arguments(thing):
    """{name: default} of what the call takes, the keywords that a class hands to its bases among them; and the names by place."""
    own = inspect.signature(thing.__init__ if isinstance(thing, type) else thing).parameters
    known = dict(own)
    for base in thing.__mro__[1:] if isinstance(thing, type) else ():
        for name, p in inspect.signature(base.__init__).parameters.items():
            known.setdefault(name, p)
    return known, [n for n, p in own.items() if p.kind is p.POSITIONAL_OR_KEYWORD and n != "self"]


def plain(text):
    """A default as one value: (2, 2) is 2, 'Zeros' is 'zeros'."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    while isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    return value.lower() if isinstance(value, str) else value


def test_arguments_are_keras_own():
    """Every argument is taken, at its place and with its default, or docs/names.md says why not."""
    table = (HERE.parent / "docs" / "names.md").read_text().split("# Arguments")[1].split("\n# ")[0]
    excused = {w for line in table.splitlines() if line.startswith("| `") for w in re.findall(r"`([^`]+)`", line.split("|")[1])}
    found = set()
    for name, given in json.loads(lzma.decompress((HERE / "names" / "keras_signatures.json.xz").read_bytes())).items():
        if not has(name) or name.startswith("wrappers."):
            continue
        thing = fastdl
        for part in name.split("."):
            thing = getattr(thing, part)
        if not callable(thing):
            continue
        known, by_place = arguments(thing)
        short = name.split(".")[-1]
        wanted = [n for n, place, _ in given if place]
        for n, _, default in given:
            if n not in known:
                found.add(f"{short}({n})")
            elif default is not None and plain(default) != plain(repr(known[n].default)):
                found.add(f"{short}({n}={default})")
        common = [n for n in wanted if n in by_place]
        if by_place[:len(common)] != common:
            found.add(f"{short}: {', '.join(common)}")
    assert sorted(found - excused) == []


def test_keras_2_module_paths_and_import_keras():
    code = """
import fastdl; fastdl.install_as_keras(era="keras2")
import keras, keras.backend as K
from keras.layers.merge import concatenate
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.normalization import BatchNormalization
from keras.utils.np_utils import to_categorical
from tensorflow.keras.layers import Dense, Convolution2D, CuDNNGRU
from tensorflow import keras as k
assert k.layers.Dense is Dense and Dense.__module__.startswith("fastdl")
assert keras.layers.GRU(2).reset_after is False and keras.optimizers.RMSprop(lr=0.5).epsilon == 1e-8
try:
    import keras.dataset
except ModuleNotFoundError as e:
    print(e)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 'Did you mean "datasets"' in out


@pytest.mark.parametrize("line, nearest", [
    ("from keras.layers import BatchNormialization", "BatchNormalization"), ("from keras.dataset import mnist", "datasets"),
    ("import keras.optimzers", "optimizers"), ("from tensorflow.keras.losses import categorical_crossentrophy", "categorical_crossentropy"),
    ("from keras.layers.convolutional import MaxingPooling1D", "MaxPooling1D"), ("from fastdl.layers import Densee", "Dense"),
    ("import fastdl.dataset", "datasets")])
def test_misspelt_imports_name_the_nearest(line, nearest):
    code = f"import fastdl; fastdl.install_as_keras()\ntry:\n    {line}\nexcept ImportError as e:\n    print(e)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Did you mean" in out and f'"{nearest}"' in out


def test_programs_that_use_tensorflow_beside_its_keras():
    """A gradient penalty, a loop of one's own and a tf.data pipeline; what is missing says so."""
    code = """
import numpy as np
import fastdl; fastdl.install_as_keras()
import tensorflow as tf
from tensorflow import keras
keras.utils.set_random_seed(1)
X, y = np.arange(12.0).reshape(6, 2) / 12, np.array([0, 1, 1, 0, 1, 0])
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation=tf.nn.tanh), keras.layers.Dense(1)])
optimizer, loss_fn = tf.keras.optimizers.SGD(0.5), tf.keras.losses.BinaryCrossentropy(from_logits=True)
data = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(6, seed=1).batch(4).prefetch(tf.data.AUTOTUNE)
@tf.function(jit_compile=True)
def step(x, t):
    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
            inner.watch(x)
            out = model(x, training=True)
        slope = tf.sqrt(tf.reduce_sum(tf.square(inner.gradient(out, x)), axis=1))
        loss = loss_fn(tf.expand_dims(t, -1), out) + tf.reduce_mean((slope - 1.0) ** 2)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss
losses = [float(step(a, b)) for _ in range(20) for a, b in data]
assert np.mean(losses[-10:]) < np.mean(losses[:10]), losses
x = tf.constant([[1.0, -2.0], [3.0, 4.0]])
same = lambda a, b: np.testing.assert_allclose(np.asarray(a), b, rtol=1e-6)
same(tf.matmul(x, x, transpose_b=True), np.array(x) @ np.array(x).T), same(tf.argmax(x), [1, 1]), same(tf.gather(x, [1]), [[3, 4]])
same(tf.where(x > 1), [[1, 0], [1, 1]]), same(tf.one_hot([1], depth=2, on_value=5.0), [[0, 5]]), same(tf.identity(x), np.array(x))
same(tf.split(x, [1, 1], axis=1)[1], [[-2], [4]]), same(tf.math.l2_normalize(tf.constant([3.0, 4.0])), [0.6, 0.8])
same(tf.clip_by_value(tf.cast(x, tf.int32), 0, 3), [[1, 0], [3, 3]]), same(tf.linalg.matrix_transpose(x)[0], [1, 3])
same(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.ones(1), logits=tf.zeros(1)), np.log([2.0]))
assert tf.config.list_physical_devices("GPU") == []
for name in ("strings", "reduce_men"):
    try:
        getattr(tf, name)
    except AttributeError as error:
        print(error)
"""
    out = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert "no `tensorflow.strings`" in out.stdout and '"reduce_mean"' in out.stdout


def test_smart_resize_crops_before_it_resizes():
    x = np.arange(4 * 8, dtype="float32").reshape(4, 8, 1)
    y = fastdl.preprocessing.image.smart_resize(x, (4, 4))
    assert np.array_equal(y, x[:, 2:6])
    assert fastdl.preprocessing.image.smart_resize(np.ones((2, 9, 5, 3), "float32"), (4, 2)).shape == (2, 4, 2, 3)


def test_history_answers_both_eras():
    model = fastdl.Sequential([layers.Dense(3, input_dim=2, activation="softmax")])
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy", "mae"])
    x, y = np.ones((8, 2)), np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
    history = model.fit(x, y, nb_epoch=2, validation_split=0.25, verbose=0).history
    assert list(history) == ["accuracy", "loss", "mae", "val_accuracy", "val_loss", "val_mae"]        # by name, as in Keras 3
    assert history["val_acc"] == history["val_accuracy"] and history["mean_absolute_error"] == history["mae"]
    assert model.predict_classes(x).shape == (8,)


def test_gradients_of_a_layer_and_of_the_input():
    x = layers.Input((6, 6, 1))
    conv = layers.Conv2D(2, 3, use_bias=False)
    model = fastdl.Model(x, layers.Flatten()(conv(x)))
    data = np.random.default_rng(0).normal(size=(1, 6, 6, 1)).astype("float32")
    loss = K.variable(0.0)
    loss += K.sum(K.square(conv.output))
    by_layer, by_input = K.gradients(loss, [conv.output, model.input])
    value, outer, inner, y = K.function([model.input], [loss, by_layer, by_input, conv.output])([data])
    assert np.allclose(outer, 2 * y, rtol=1e-5) and np.allclose(value, (y * y).sum(), rtol=1e-5)
    step = np.zeros_like(data)
    step[0, 3, 3, 0] = 1e-2
    f = K.function([model.input], [loss])
    assert np.allclose((f([data + step])[0] - f([data - step])[0]) / 2e-2, inner[0, 3, 3, 0], rtol=1e-2)


def test_a_tensor_of_another_graph_inside_call_is_named():
    other = layers.Dense(2, name="elsewhere")(layers.Input((4,)))

    class Adds(layers.Layer):
        def call(self, x):
            return x + other

    image = layers.Input((2,))
    model = fastdl.Model(image, Adds()(image))
    for run in (model, model.predict):
        with pytest.raises(ValueError, match="does not compute"):
            run(np.ones((2, 2), "float32"))


def test_misspelt_names_are_answered_with_the_nearest():
    for ask in (lambda: layers.BatchNormialization, lambda: layers.MaxingPooling1D, lambda: fastdl.losses.mean_squared_eror,
                lambda: fastdl.Sequential().fitt, lambda: fastdl.callbacks.EarlyStoping):
        with pytest.raises(AttributeError, match="Did you mean"):
            ask()


def test_backend_by_keyword():
    x, y = K.constant([1.0, 5.0]), K.constant([3.0, 3.0])
    assert K.eval(K.maximum(x=x, y=y)).tolist() == [3, 5] and K.eval(K.less(x=x, y=y)).tolist() == [True, False]
    assert K.permute_dimensions(K.zeros((2, 3)), pattern=(1, 0)).shape == (3, 2) and K.eval(K.stop_gradient(variables=[x])[0]).tolist() == [1, 5]
    assert K.conv3d(K.ones((1, 3, 3, 3, 1)), K.ones((2, 2, 2, 1, 1))).shape == (1, 2, 2, 2, 1) == K.pool3d(K.ones((1, 3, 3, 3, 1)), (2, 2, 2)).shape
    steps = np.arange(12.0, dtype="float32").reshape(2, 3, 2)
    add = lambda x_t, states: (x_t + states[0], [x_t + states[0]])
    for time_major in (False, True):
        given = steps.swapaxes(0, 1) if time_major else steps
        last, every, _ = K.rnn(add, K.constant(given), [K.zeros((2, 2))], time_major=time_major)
        sums = steps.cumsum(1)
        assert np.array_equal(K.eval(last), sums[:, -1]) and np.array_equal(K.eval(every), sums.swapaxes(0, 1) if time_major else sums)
    losses = K.sparse_categorical_crossentropy(K.constant([0, 1]), K.constant([[0.5, 0.5], [0.2, 0.8]]), ignore_class=1)
    assert np.allclose(K.eval(losses), [np.log(2), 0])


def test_arguments_by_place_and_what_they_do(capsys):
    assert layers.SpatialDropout2D(0.5, "channels_first").data_format == "channels_first"
    t = fastdl.KerasTensor((2, 3), "int32", False, False, True, "t")
    assert t.name == "t" and t.reshape((3, 2)).shape == (3, 2) and fastdl.KerasTensor((2, 1)).squeeze(-1).shape == (2,)
    assert fastdl.tree.map_structure(lambda x: x + 1, [1, None], none_is_leaf=False) == [2, None]
    bar = fastdl.utils.Progbar(2, verbose=2, stateless_metrics=["mean"])
    bar.update(1, [("mean", 1.0), ("now", 1.0)])
    bar.update(2, [("mean", 3.0), ("now", 3.0)])
    assert "mean: 2.0000 - now: 3.0000" in capsys.readouterr().out
    model = fastdl.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile(fastdl.optimizers.SGD(1e25), "mse")
    with pytest.raises(RuntimeError, match="the loss is"):
        model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=1, verbose=0, callbacks=[fastdl.callbacks.TerminateOnNaN(raise_error=True)])


def test_there_is_one_backend():
    assert fastdl.config.set_backend(fastdl.config.backend()) is None
    with pytest.raises(ValueError, match="own kernels"):
        fastdl.config.set_backend("jax")


def test_plot_model_draws_svg_without_graphviz(tmp_path):
    from xml.dom import minidom
    model = fastdl.Sequential([layers.Dense(3, input_dim=2, name="a<b"), layers.Dense(1, name="层")])
    svg = minidom.parseString(fastdl.utils.plot_model(model, tmp_path / "m.svg", show_shapes=True))
    assert len(svg.getElementsByTagName("rect")) == 3 and len(svg.getElementsByTagName("line")) == 2
    assert fastdl.utils.model_to_dot(model).count("->") == 2
