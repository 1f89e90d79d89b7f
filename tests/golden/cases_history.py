"""Twelve kinds of models and how they train, written once for Keras and fastdl: build(keras) -> (model, fit's arguments).

`record(keras)` runs all and returns names, lengths and the order of hooks as JSON-ready lists.
"""
import numpy as np


def data(n=12):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).astype("float32")
    return x, rng.normal(size=(n, 1)).astype("float32"), np.eye(3, dtype="float32")[np.arange(n) % 3], (np.arange(n) % 3).astype("int32")


X, R, C, S = data()
FIT = dict(epochs=2, batch_size=4, verbose=0)


def two_outputs(k, **names):
    i = k.Input((4,))
    h = k.layers.Dense(5)(i)
    return i, k.layers.Dense(1, name="price")(h), k.layers.Dense(3, activation="softmax", name="kind")(h)


def single(k):
    m = k.Sequential([k.layers.Input((4,)), k.layers.Dense(3, activation="softmax")])
    m.compile("sgd", "categorical_crossentropy", metrics=["accuracy", "mae", k.metrics.AUC(name="area"), "categorical_accuracy"])
    return m, dict(x=X, y=C, validation_data=(X[:6], C[:6]))


def several_inputs(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    m = k.Model([a, b], k.layers.Dense(1)(k.layers.concatenate([a, b])))
    m.compile("adam", "mse", metrics=["mae", "mse", "acc"])
    return m, dict(x={"a": X, "b": X}, y=R, validation_split=0.25)


def outputs_as_list(k):
    i, price, kind = two_outputs(k)
    m = k.Model(i, [price, kind])
    m.compile("sgd", ["mse", "categorical_crossentropy"], metrics=[["mae"], ["accuracy", "mae"]], loss_weights=[1.0, 0.5])
    return m, dict(x=X, y=[R, C], validation_data=(X, [R, C]))


def outputs_as_dict(k):
    i, price, kind = two_outputs(k)
    m = k.Model(i, {"p": price, "k": kind})
    m.compile("sgd", {"p": "mse", "k": "categorical_crossentropy"}, metrics={"k": ["accuracy"], "p": ["mae"]})
    return m, dict(x=X, y={"p": R, "k": C}, validation_data=(X, {"p": R, "k": C}))


def named_outputs(k):
    i, price, kind = two_outputs(k)
    m = k.Model(i, [price, kind])
    m.compile("sgd", {"price": "mse", "kind": "sparse_categorical_crossentropy"}, metrics={"kind": ["acc", "sparse_categorical_crossentropy"]},
              loss_weights={"price": 2.0, "kind": 1.0})
    return m, dict(x=X, y={"price": R, "kind": S})


def one_metric_for_all(k):
    i, price, kind = two_outputs(k)
    m = k.Model(i, [price, kind])
    m.compile("sgd", "mse", metrics=["mae", "mse"], weighted_metrics=["mse", "mae"])
    return m, dict(x=X, y=[R, C])


def weights_and_classes(k):
    m = k.Sequential([k.layers.Input((4,)), k.layers.Dense(3, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    return m, dict(x=X, y=S, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, validation_data=(X, S, np.ones(12, "float32")))


def layers_add(k):
    class Penalty(k.layers.Layer):
        def call(self, x):
            self.add_loss(k.ops.mean(k.ops.square(x)))
            return x

    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.d, self.p = k.layers.Dense(1), Penalty()
            self.seen = k.metrics.Mean(name="seen")

        def call(self, x):
            y = self.p(self.d(x))
            self.seen.update_state(y)
            return y
    m = Own()
    m.compile("sgd", "mse", metrics=["mae"])
    return m, dict(x=X, y=R, sample_weight=np.ones(12, "float32"), validation_data=(X, R))


def own_train_step(k):
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.d, self.tracker = k.layers.Dense(1), k.metrics.Mean(name="tracked")

        def call(self, x):
            return self.d(x)

        def train_step(self, data):
            loss = k.ops.mean(data[0])
            self.tracker.update_state(loss)
            return {"tracked": self.tracker.result(), "extra": loss}
    m = Own()
    m.compile("sgd", "mse")
    return m, dict(x=X, y=R)


def generator(k):
    m = k.Sequential([k.layers.Input((4,)), k.layers.Dense(1)])
    m.compile("sgd", "mse", metrics=[k.metrics.MeanAbsoluteError(), k.metrics.MeanAbsoluteError()])

    def endless():
        while True:
            for i in range(0, 12, 4):
                yield X[i:i + 4], R[i:i + 4]
    return m, dict(x=endless(), steps_per_epoch=3, validation_data=endless(), validation_steps=2, batch_size=None)


def nested(k):
    inner = k.Sequential([k.layers.Input((4,)), k.layers.Dense(6, activation="relu")], name="inner")
    i = k.Input((4,))
    functional = k.Model(i, k.layers.Dense(1, name="out")(inner(i)), name="functional")
    m = k.Sequential([functional, k.layers.Dense(1, activation="sigmoid")])
    m.compile("sgd", "binary_crossentropy", metrics=["accuracy", "binary_accuracy", k.metrics.Precision()])
    return m, dict(x=X, y=(R > 0).astype("float32"), validation_data=(X, (R > 0).astype("float32")), validation_freq=2)


def regularized_no_metrics(k):
    i = k.Input((4,))
    a = k.layers.Dense(1, kernel_regularizer="l2", name="a")(i)
    m = k.Model(i, [a, k.layers.Dense(1, name="b")(i)])
    m.compile("sgd", ["mse", None])
    return m, dict(x=X, y=[R, R])


KINDS = [single, several_inputs, outputs_as_list, outputs_as_dict, named_outputs, one_metric_for_all, weights_and_classes, layers_add,
         own_train_step, generator, nested, regularized_no_metrics]


def recorder(k, calls):
    hooks = [f"on_{m}_{e}" for m in ("train", "test", "predict") for e in ("begin", "end")]
    hooks += [f"on_{m}_batch_{e}" for m in ("train", "test", "predict") for e in ("begin", "end")] + ["on_epoch_begin", "on_epoch_end"]

    def note(hook):
        def call(self, *args, logs=None):
            *index, logs = args if logs is None and args and not isinstance(args[-1], int) else (*args, logs)
            calls.append([hook, *map(int, index), list(logs or {})])
        return call
    return type("Recorder", (k.callbacks.Callback,), {h: note(h) for h in hooks})()


def one(k, build):
    k.backend.clear_session()
    model, fit = build(k)
    calls = []
    x, y = fit["x"], fit.get("y")
    history = model.fit(**{**FIT, **fit}, callbacks=[recorder(k, calls)]).history
    out = dict(history={n: len(v) for n, v in history.items()}, keys=list(history), calls=calls)
    scores = {}
    if y is not None:
        out["evaluate_calls"] = evaluated = []
        scores = model.evaluate(x, y, batch_size=6, verbose=0, return_dict=True, callbacks=[recorder(k, evaluated)])
        out["evaluate"] = list(scores)
        listed = model.evaluate(x, y, batch_size=6, verbose=0)
        out["evaluate_list"] = len(listed) if isinstance(listed, list) else 1
        out["predict_calls"] = predicted = []
        model.predict(x, batch_size=6, verbose=0, callbacks=[recorder(k, predicted)])
        out["train_on_batch"] = list(model.train_on_batch(x, y, return_dict=True))
        out["test_on_batch"] = list(model.test_on_batch(x, y, return_dict=True))
    return out


def record(k):
    return {build.__name__: one(k, build) for build in KINDS}
