"""Training: compile, fit, evaluate, predict, callbacks, data of every kind, and the messages for bad input."""
import warnings

import numpy as np
import pytest

import fastdl as keras
from fastdl import errors, layers
from fastdl.callbacks import Callback, EarlyStopping, LambdaCallback
from fastdl.core import modes
from fastdl.utils import PyDataset, normalize, to_categorical, tree


def blobs(n=120, classes=3, features=5, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = np.random.default_rng(99).normal(size=(classes, features)) * 3
    return (centres[y] + rng.normal(size=(n, features))).astype("float32"), y.astype("int32")


def classifier(units=3, features=5, metrics=("accuracy",), loss="sparse_categorical_crossentropy", **kwargs):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((features,)), keras.layers.Dense(8, activation="relu"),
                              keras.layers.Dense(units, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=list(metrics), **kwargs)
    return model


def linear(**kwargs):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **kwargs})
    return model


def test_fit_learns_and_history_holds_floats():
    x, y = blobs()
    model = classifier()
    history = model.fit(x, y, epochs=8, batch_size=16, verbose=0, validation_split=0.25)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert history.epoch == list(range(8))
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert model.evaluate(x, y, verbose=0)[1] > 0.9


def test_sgd_step_by_hand():
    x = np.array([[1, 2], [3, 4], [5, 6]], "float32")
    y = np.array([[1], [0], [2]], "float32")
    model = linear(optimizer=keras.optimizers.SGD(0.01))
    w, b = (v.astype("float64") for v in model.get_weights())
    error = x @ w + b - y
    loss = model.train_on_batch(x, y)
    new_w, new_b = model.get_weights()
    assert loss == pytest.approx(np.mean(error**2), rel=1e-5)
    np.testing.assert_allclose(new_w, w - 0.01 * 2 * x.T @ error / 3, rtol=1e-5)
    np.testing.assert_allclose(new_b, b - 0.01 * 2 * error.mean(0), rtol=1e-5)


def test_compiled_equals_eager():
    x, y = blobs()
    results = []
    for eager in (False, True):
        model = classifier(run_eagerly=eager)
        model.fit(x, y, epochs=2, batch_size=32, verbose=0, shuffle=False)
        results.append(model.get_weights())
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_same_seed_same_bits():
    x, y = blobs()
    runs = []
    for _ in range(2):
        model = classifier()
        model.fit(x, y, epochs=2, verbose=0)
        runs.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*runs))


def test_epoch_loss_is_weighted_by_samples():
    x, y = np.zeros((5, 2), "float32"), np.array([[1], [1], [1], [1], [11]], "float32")
    model = linear()
    model.set_weights([np.zeros((2, 1)), np.zeros(1)])
    assert model.evaluate(x, y, batch_size=4, verbose=0) == pytest.approx(np.mean(y**2), rel=1e-6)


def test_sample_and_class_weight_agree():
    x, y = blobs()
    weight = {0: 2.0, 1: 0.5, 2: 1.0}
    by_class, by_sample = classifier(), classifier()
    by_class.fit(x, y, class_weight=weight, epochs=1, verbose=0, shuffle=False)
    by_sample.fit(x, y, sample_weight=np.array([weight[k] for k in y]), epochs=1, verbose=0, shuffle=False)
    for a, b in zip(by_class.get_weights(), by_sample.get_weights()):
        np.testing.assert_array_equal(a, b)
    plain = classifier()
    plain.fit(x, y, epochs=1, verbose=0, shuffle=False)
    assert not np.array_equal(plain.get_weights()[0], by_class.get_weights()[0])


def test_validation_split_takes_the_last_part():
    x, y = blobs(100)
    a, b = classifier(), classifier()
    split = a.fit(x, y, validation_split=0.2, shuffle=False, verbose=0).history
    given = b.fit(x[:80], y[:80], validation_data=(x[80:], y[80:]), shuffle=False, verbose=0).history
    assert split == given


def test_generators_sequences_and_arrays_agree():
    x, y = blobs(96)

    def endless():
        while True:
            for k in range(3):
                yield x[32 * k:32 * k + 32], y[32 * k:32 * k + 32]

    class Batches(PyDataset):
        ended = 0

        def __len__(self):
            return 3

        def __getitem__(self, k):
            return x[32 * k:32 * k + 32], y[32 * k:32 * k + 32]

        def on_epoch_end(self):
            self.ended += 1

    arrays, generator, sequence = classifier(), classifier(), classifier()
    batches = Batches()
    a = arrays.fit(x, y, epochs=2, shuffle=False, verbose=0).history
    g = generator.fit(endless(), steps_per_epoch=3, epochs=2, verbose=0).history
    s = sequence.fit(batches, epochs=2, shuffle=False, verbose=0).history
    assert a == g == s
    assert batches.ended == 2


def test_generator_that_runs_out_warns():
    x, y = blobs(64)
    with pytest.warns(UserWarning, match="ran out"):
        classifier().fit(((x[:32], y[:32]) for _ in range(2)), steps_per_epoch=3, epochs=2, verbose=0)


def test_predict_matches_the_model_and_batches_do_not_matter():
    x, _ = blobs(50)
    model = classifier()
    whole = model.predict(x, batch_size=50, verbose=0)
    assert whole.shape == (50, 3) and isinstance(whole, np.ndarray)
    np.testing.assert_allclose(model.predict(x, batch_size=7, verbose=0), whole, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(model(x)), whole, rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(x), whole, rtol=1e-6)


def test_several_outputs_with_weights_and_names():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(1, name="price")(inputs), keras.layers.Dense(3, activation="softmax", name="kind")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss={"price": "mse", "kind": "sparse_categorical_crossentropy"},
                  loss_weights={"price": 0.5, "kind": 2.0}, metrics={"kind": ["accuracy"]})
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    price, kind = x[:, :1] * 2, (x[:, 1] > 0).astype("int32")
    logs = model.evaluate(x, {"price": price, "kind": kind}, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "price_loss", "kind_loss", "kind_accuracy"}
    assert logs["loss"] == pytest.approx(0.5 * logs["price_loss"] + 2 * logs["kind_loss"], rel=1e-5)
    assert "price_loss" in model.fit(x, [price, kind], epochs=1, verbose=0).history


def test_accuracy_is_resolved_by_shapes():
    x, y = blobs(40)
    sparse = classifier().evaluate(x, y, verbose=0)[1]
    one_hot = classifier(loss="categorical_crossentropy").evaluate(x, to_categorical(y, 3), verbose=0)[1]
    assert sparse == one_hot == pytest.approx(np.mean(classifier().predict(x, verbose=0).argmax(1) == y))
    model = linear(loss="binary_crossentropy", metrics=["acc"])
    assert set(model.evaluate(x[:, :2], (y > 0).astype("float32"), verbose=0, return_dict=True)) == {"loss", "acc"}


def test_overridden_train_step():
    class Half(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with keras.GradientTape() as tape:
                loss = keras.ops.mean(keras.ops.square(self(x) - y)) * 0.5
            self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights))
            return {"half": loss}

    model = Half()
    model.compile("sgd")
    x = np.ones((64, 2), "float32")
    history = model.fit(x, x[:, :1] * 3, epochs=5, verbose=0).history
    assert set(history) == {"half"} and history["half"][-1] < history["half"][0]


def test_a_step_of_ones_own_is_given_what_fit_was_given():
    seen = []

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            seen.append(tuple(part.shape for part in data) if isinstance(data, tuple) else data.shape)
            return {"loss": keras.ops.sum(self(data[0] if isinstance(data, tuple) else data))}

        test_step = train_step

        def predict_step(self, data):
            seen.append(data.shape)
            return self(data)

    model = Own()
    model.compile("sgd")
    x = np.ones((8, 2), "float32")
    model.fit(x, verbose=0)
    model.fit(x, x[:, :1], verbose=0)
    model.fit(x, x[:, :1], sample_weight=np.ones(8), verbose=0)
    model.evaluate(x, verbose=0)
    model.train_on_batch(x, x[:, :1])
    assert model.predict(x, verbose=0).shape == (8, 1)
    pair = ((8, 2), (8, 1))
    assert seen == [(8, 2), pair, (*pair, (8,)), (8, 2), pair, (8, 2)]


def test_python_on_values_falls_back_to_eager_and_says_so_once():
    def loss(y_true, y_pred):
        error = keras.ops.mean(keras.ops.square(y_true - y_pred))
        return error if float(error) > 0.1 else error * 0.5

    model = linear(loss=loss)
    x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x, x[:, :1], epochs=3, verbose=0).history
    assert sum("runs eagerly" in str(w.message) for w in caught) == 1
    assert history["loss"][-1] < history["loss"][0]


def moved(model, step=None):
    """Which weights a step of training moves."""
    x, before = np.ones((4, 2), "float32"), [w.copy() for w in model.get_weights()]
    step() if step else model.train_on_batch(x, np.ones((4, 1), "float32"))
    return [not np.array_equal(a, b) for a, b in zip(before, model.get_weights())]


def two_layers():
    model = keras.Sequential([layers.Input((2,)), layers.Dense(3), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("era", ["keras2", "keras3"])
@pytest.mark.parametrize("first", [False, True], ids=["at once", "after a step"])
def test_trainable_after_compile(era, first):
    """Keras 2 trains what was trainable at compile(), Keras 3 what is trainable now."""
    keras.config.set_compat(era)
    try:
        model = two_layers()
        if first:
            moved(model)
        model.layers[0].trainable = False
        assert moved(model) == [era == "keras2"] * 2 + [True] * 2
        model.layers[0].trainable = True
        assert moved(model) == [True] * 4
        model.compile("sgd", "mse")
        assert moved(model) == [True] * 4
        model.layers[0].trainable = False
        model.compile("sgd", "mse")
        assert moved(model) == [False] * 2 + [True] * 2
        model.layers[0].trainable = True
        if era == "keras2":
            assert moved(model) == [False] * 2 + [True] * 2
        else:
            with pytest.warns(UserWarning, match="became trainable.*compile"):
                assert moved(model) == [False] * 2 + [True] * 2
    finally:
        keras.config.set_compat("keras3")


@pytest.mark.parametrize("era", ["keras2", "keras3"])
def test_a_gan_by_both_eras_habits(era):
    """2017: frozen once, between two compiles. Today: the flag is turned before each step."""
    keras.config.set_compat(era)
    try:
        critic, noise = two_layers(), layers.Input((2,))
        critic.trainable = False
        maker = keras.Sequential([layers.Input((2,)), layers.Dense(2)])
        gan = keras.Model(noise, critic(maker(noise)))
        gan.compile("sgd", "mse")
        z = np.ones((4, 2), "float32")
        play = lambda: gan.train_on_batch(z, np.zeros((4, 1), "float32"))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for _ in range(2):
                assert moved(critic) == [True] * 4 and moved(critic, play) == [False] * 4 and moved(maker, play) == [True] * 2
        assert len(said) == (era == "keras3")                        # the one line that says what happens
        for _ in range(2):
            critic.trainable = True
            assert moved(critic) == [True] * 4
            critic.trainable = False
            assert moved(critic, play) == [False] * 4 and moved(maker, play) == [True] * 2
    finally:
        keras.config.set_compat("keras3")


def test_callbacks_order_and_batch_logs():
    seen = []

    class Watch(Callback):
        def on_train_begin(self, logs=None): seen.append("train")
        def on_epoch_begin(self, epoch, logs=None): seen.append(("epoch", epoch))
        def on_train_batch_end(self, batch, logs=None): seen.append((batch, sorted(logs)))
        def on_epoch_end(self, epoch, logs=None): seen.append(("end", sorted(logs)))

    x, y = blobs(64)
    classifier().fit(x, y, callbacks=[Watch()], verbose=0)
    names = ["accuracy", "loss"]
    assert seen == ["train", ("epoch", 0), (0, names), (1, names), ("end", names)]


def test_early_stopping_restores_the_best_weights():
    x, y = np.zeros((8, 2), "float32"), np.ones((8, 1), "float32")
    model = linear(optimizer=keras.optimizers.SGD(1.5))                     # too fast: the loss grows each epoch
    stop = EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    history = model.fit(x, y, epochs=20, batch_size=8, verbose=0, callbacks=[stop])
    assert len(history.epoch) == 3 and stop.stopped_epoch == 2 and stop.best_epoch == 0


def test_lambda_callback_stops_training():
    x, y = blobs(64)
    model = classifier()

    def stop(epoch, logs):
        model.stop_training = True

    assert len(model.fit(x, y, epochs=9, verbose=0, callbacks=[LambdaCallback(on_epoch_end=stop)]).epoch) == 1


def test_progress_bar_prints(capsys):
    x, y = blobs(64)
    classifier().fit(x, y, epochs=2, verbose=1)
    out = capsys.readouterr().out
    assert "Epoch 2/2" in out and "2/2" in out and "accuracy: " in out and "loss: " in out
    classifier().fit(x, y, epochs=1, verbose=0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("words, act", [
    (("x has 120", "y has 119"), lambda m, x, y: m.fit(x, y[:-1], verbose=0)),
    (("empty",), lambda m, x, y: m.fit(x[:0], y[:0], verbose=0)),
    (("`x`", "NaN", "(3, 1)"), lambda m, x, y: m.fit(np.where(np.arange(600).reshape(120, 5) == 16, np.nan, x), y, verbose=0)),
    (("`y`", "NaN"), lambda m, x, y: m.fit(x, np.full(120, np.nan, "float32"), verbose=0)),
    (("label 7", "3 units"), lambda m, x, y: m.fit(x, np.where(np.arange(120) == 5, 7, y), verbose=0)),
    (("label -1", "from 0"), lambda m, x, y: m.fit(x, y - 1, verbose=0)),
    (("`batch_size`",), lambda m, x, y: m.fit(x, y, batch_size=0, verbose=0)),
    (("`validation_split`",), lambda m, x, y: m.fit(x, y, validation_split=1.5, verbose=0)),
    (("one-hot", "categorical_crossentropy"), lambda m, x, y: m.fit(x, to_categorical(y, 3), verbose=0)),
])
def test_bad_data_is_named(words, act):
    x, y = blobs()
    with pytest.raises(ValueError) as caught:
        act(classifier(), x, y)
    for word in words:
        assert word in str(caught.value)
    assert "Fix:" in str(caught.value)


def forgotten(y_true, y_pred):
    keras.ops.mean(y_true - y_pred)


@pytest.mark.parametrize("words, act", [
    (("list of 120 arrays", "np.stack"), lambda m, x, y: m.fit(list(x), list(y), verbose=0)),
    (("`class_weight`", "dict(enumerate"), lambda m, x, y: m.fit(x, y, class_weight=[1, 2, 3], verbose=0)),
    (("`class_weight`", "'balanced'"), lambda m, x, y: m.fit(x, y, class_weight="balanced", verbose=0)),
    (("'data.csv'", "read_csv"), lambda m, x, y: m.fit("data.csv", y, verbose=0)),
    (("a set",), lambda m, x, y: m.fit({1, 2}, y, verbose=0)),
    (("complex", ".imag"), lambda m, x, y: m.fit(x.astype("complex64"), y, verbose=0)),
    (("received None", "(None, 5)"), lambda m, x, y: m.fit(None, y, verbose=0)),
    (("received 'hello'",), lambda m, x, y: m("hello")),
    (("(5,)", "batch axis"), lambda m, x, y: m.predict(x[0], verbose=0)),
    (("`y`: got None",), lambda m, x, y: m.evaluate(x, verbose=0)),
    (("fit(x, y)",), lambda m, x, y: m.fit((x, x), verbose=0)),
    (("`validation_split`", "'0.2'"), lambda m, x, y: m.fit(x, y, validation_split="0.2", verbose=0)),
    (("optimizer=None",), lambda m, x, y: (m.compile(None, "mse"), m.fit(x, x[:, :3], verbose=0))),
    (("forgotten", "returned None", "`return`"), lambda m, x, y: (m.compile("sgd", forgotten), m.fit(x, x[:, :3], verbose=0))),
    (("loss depends on none",), lambda m, x, y: (m.compile("sgd", lambda t, p: 3.0), m.fit(x, x[:, :3], verbose=0))),
    (("`y`: got None",), lambda m, x, y: m.fit(x, y, validation_data=x, verbose=0)),
    (("Flatten(...)(x)",), lambda m, x, y: layers.Flatten(m.output)),
    (("Add(...)(x)",), lambda m, x, y: layers.Add([m.output, m.output])),
])
def test_slips_of_learners_are_explained(words, act):
    with pytest.raises((TypeError, ValueError)) as caught:
        act(classifier(), *blobs())
    for word in words:
        assert word in str(caught.value)


def test_steps_without_a_batch_size_share_the_data_out():
    x, y = blobs()
    model, seen = classifier(), []
    model.fit(x, y, steps_per_epoch=5, shuffle=False, verbose=0, callbacks=[LambdaCallback(on_train_batch_end=lambda b, logs: seen.append(b))])
    assert seen == [0, 1, 2, 3, 4]
    other = classifier()
    other.fit(x, y, batch_size=24, shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights()))
    assert model.predict(x, steps=3, verbose=0).shape == (120, 3)


def test_windows_keep_the_order_that_their_maker_chose():
    series = np.arange(40.0)
    windows = keras.utils.timeseries_dataset_from_array(series, series, 2, batch_size=8)
    seen = []

    class Look(keras.layers.Layer):
        def call(self, x, training=False):
            if training:
                seen.append(float(np.asarray(x)[0, 0]))
            return keras.ops.sum(x, axis=1, keepdims=True)

    model = keras.Sequential([Look()])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(windows, epochs=2, verbose=0)
    assert seen == [0.0, 8.0, 16.0, 24.0, 32.0] * 2


def test_losses_after_fit_have_values():
    class Penalty(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(x))
            return x
    model = keras.Sequential([keras.Input((5,)), Penalty(), keras.layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    x = np.ones((8, 5), "float32")
    model.fit(x, x[:, :1], verbose=0)
    assert len(model.losses) == 1 and float(model.losses[0]) > 0
    model(x)
    assert abs(float(model.losses[0]) - 1) < 1e-6 and len(model.losses) == 2


def test_targets_only_for_the_outputs_that_are_judged():
    def model(**kwargs):
        x = keras.Input((5,))
        made = keras.Model(x, {"b": keras.layers.Dense(1, name="b")(x), "a": keras.layers.Dense(1, name="a")(x)})
        made.compile("sgd", **kwargs)
        return made
    x, y = np.ones((8, 5), "float32"), np.zeros((8, 1), "float32")
    assert set(model(loss={"a": "mse"}).fit(x, {"a": y}, verbose=0).history) == {"loss"}
    inputs = keras.Input((5,))
    listed = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(2)(inputs)])
    listed.compile("sgd", ["mse", None])
    assert listed.fit(x, y, verbose=0).history["loss"][0] > 0
    listed.compile("sgd", "mse")
    with pytest.raises(ValueError, match="None for the output"):
        listed.fit(x, [y, None], verbose=0)
    both = model(loss={"b": "mse", "a": "mae"}, metrics={"b": ["mae"], "a": ["mse"]})
    named = both.evaluate(x, {"a": y + 1, "b": y + 5}, verbose=0, return_dict=True)
    assert both.evaluate(x, {"a": y + 1, "b": y + 5}, verbose=0) == [named[k] for k in ("loss", "b_loss", "a_loss", "a_mse", "b_mae")]


def test_labels_for_a_one_hot_loss():
    x, y = blobs()
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        classifier(loss="categorical_crossentropy").fit(x, y, verbose=0)


def test_fit_before_compile_and_unknown_names():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(RuntimeError, match="compile"):
        model.fit(np.ones((2, 2)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="adam"):
        model.compile("adm", "mse")
    with pytest.raises(ValueError, match="mse|mean_squared"):
        model.compile("adam", "msee")
    with pytest.raises(TypeError, match="metrics"):
        model.compile("adam", "mse", metric=["mae"])


def test_errors_and_utils():
    assert errors.did_you_mean("adm", ["adam", "sgd"]) == ' Did you mean "adam"?'
    assert errors.did_you_mean("zzzz", ["adam"]) == ""
    assert to_categorical([0, 2], 3).tolist() == [[1, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="label 3"):
        to_categorical([3], 3)
    with pytest.raises(TypeError, match="np.unique"):
        to_categorical(["cat", "dog"])
    with pytest.raises(ValueError, match="TextVectorization"):
        keras.utils.pad_sequences([["a"], ["b", "c"]])
    with pytest.raises(ValueError, match="mean") as caught:
        keras.optimizers.get("mean")
    with pytest.raises(ValueError, match="Known names") as caught:
        keras.initializers.get("he_nornal")
    assert "fastdl>" not in str(caught.value)
    np.testing.assert_allclose(normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    nested = {"b": [1, 2], "a": (3,)}
    assert tree.flatten(nested) == [3, 1, 2]
    assert tree.pack_sequence_as(nested, [30, 10, 20]) == {"b": [10, 20], "a": (30,)}


def test_program_learns_the_digits(tmp_path, capsys):
    from fastdl.__main__ import main

    assert main(["--epochs", "12", "--picture", str(tmp_path / "digits.png")]) >= 0.98
    out = capsys.readouterr().out
    assert "precision    recall  f1-score   support" in out and "Total params" in out


def test_a_flat_list_of_metrics_judges_every_output(monkeypatch):
    start = keras.Input((4,))
    model = keras.Model(start, [keras.layers.Dense(1, name=n)(start) for n in "ab"])
    x, y = np.ones((8, 4), "float32"), [np.zeros((8, 1)), np.ones((8, 1))]

    def names(metrics):
        model.compile("sgd", "mse", metrics=metrics)
        return [k for k in model.fit(x, y, verbose=0).history if "loss" not in k]

    assert names(["mae"]) == ["a_mae", "b_mae"]
    assert names([keras.metrics.MeanAbsoluteError(name="m"), "mse", "mae"]) == ["a_m", "a_mae", "a_mse", "b_m", "b_mae", "b_mse"]
    assert names(["mae", "mse"]) == ["a_mae", "b_mse"]
    monkeypatch.setattr(keras.config, "_compat", "keras2")
    assert names(["mae", "mse"]) == [f"{output}_mean_{kind}_error" for output in "ab" for kind in ("absolute", "squared")]


def test_a_step_is_little_python(monkeypatch):
    """In deep networks the bookkeeping around a step must not grow into the step: each layer is looked at three times at most, and
    nothing is computed in order to learn shapes."""
    model = keras.Sequential([keras.Input((4,)), *[keras.layers.Dense(4) for _ in range(30)]])
    model.compile("sgd", "mse", metrics=["mae"])
    x, looks, eager = np.zeros((8, 4), "float32"), [], []
    run = modes.Eager.run
    monkeypatch.setattr(modes.Eager, "run", lambda self, prim, *args: eager.append(prim.name) or run(self, prim, *args))
    model.train_on_batch(x, x)
    assert "dense" not in eager and "matmul" not in eager
    found = keras.layers.Dense._found
    monkeypatch.setattr(keras.layers.Dense, "_found", lambda self: looks.append(self) or found(self))
    model.train_on_batch(x, x)
    assert len(looks) <= 3 * 30
