"""Whole-model and weights-only files as Keras 2.0.8, 2.2.4, 2.3.1 and tf.keras 2.4 laid them out, written with h5py alone, and what the
networks of that time computed, in NumPy. `write(folder)` gives {file name: (x, answers)}.
"""
import json

import h5py
import numpy as np

hard_sigmoid = lambda x: np.clip(0.2 * x + 0.5, 0, 1)       # what the name meant until Keras 3
relu = lambda x: np.maximum(x, 0)


def group_of(f, layers):
    f.attrs["layer_names"] = np.array([n.encode() for n, _ in layers])
    for name, pairs in layers:
        group = f.create_group(name)
        group.attrs["weight_names"] = np.array([n.encode() for n, _ in pairs]) if pairs else np.zeros(0)
        for n, a in pairs:
            group[n] = np.asarray(a, "float32")


def whole(path, version, config, layers, training=None, state=()):
    """A file of model.save()."""
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"], f.attrs["backend"] = version.encode(), b"tensorflow"
        f.attrs["model_config"] = json.dumps(config).encode()
        group = f.create_group("model_weights")
        group.attrs["keras_version"], group.attrs["backend"] = version.encode(), b"tensorflow"
        group_of(group, layers)
        if training:
            f.attrs["training_config"] = json.dumps(training).encode()
            group = f.create_group("optimizer_weights")
            group.attrs["weight_names"] = np.array([n.encode() for n, _ in state])
            for n, a in state:
                group[n] = a


def weights_only(path, version, layers):
    """A file of model.save_weights()."""
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"], f.attrs["backend"] = version.encode(), b"tensorflow"
        group_of(f, layers)


GLOROT = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}}
ZEROS, ONES = {"class_name": "Zeros", "config": {}}, {"class_name": "Ones", "config": {}}
NONE = {k: None for k in ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")}


def dense(name, units, activation="linear", trainable=True, **more):
    return {"class_name": "Dense", "config": {"name": name, "trainable": trainable, "units": units, "activation": activation, "use_bias": True,
                                              "kernel_initializer": GLOROT, "bias_initializer": ZEROS, **NONE, **more}}


def recurrent(kind, name, units, **more):
    return {"class_name": kind, "config": {
        "name": name, "trainable": True, "return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False, "implementation": 0, "units": units,
        "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": True, "kernel_initializer": GLOROT,
        "recurrent_initializer": {"class_name": "Orthogonal", "config": {"gain": 1.0, "seed": None}}, "bias_initializer": ZEROS, "recurrent_regularizer": None,
        "recurrent_constraint": None, "dropout": 0.0, "recurrent_dropout": 0.0, **NONE, **({"unit_forget_bias": True} if kind == "LSTM" else {}), **more}}


def batch_normalization(name):
    return {"class_name": "BatchNormalization", "config": {
        "name": name, "trainable": True, "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True, "beta_initializer": ZEROS,
        "gamma_initializer": ONES, "moving_mean_initializer": ZEROS, "moving_variance_initializer": ONES, "beta_regularizer": None, "gamma_regularizer": None,
        "beta_constraint": None, "gamma_constraint": None}}


def sequential(version, layers):
    """Until 2.2.2 a bare list; then a dict."""
    early = version in ("2.0.8", "2.2.2")
    return {"class_name": "Sequential", "config": layers if early else {"name": "sequential_1", "layers": layers}}


def start(entry, *shape):
    """The entry as a Sequential model's first layer."""
    return {**entry, "config": {**entry["config"], "batch_input_shape": [None, *shape], "dtype": "float32"}}


def lstm(x, k, r, b):
    h = c = np.zeros((len(x), r.shape[0]))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ k + h @ r + b, 4, axis=1)
        c = hard_sigmoid(f) * c + hard_sigmoid(i) * np.tanh(g)
        h = hard_sigmoid(o) * np.tanh(c)
    return h


def gru(x, k, r, b):
    """The reset gate works before the product, as in every GRU of Keras until TensorFlow 2."""
    h, u = np.zeros((len(x), r.shape[0])), r.shape[0]
    for t in range(x.shape[1]):
        a = x[:, t] @ k + b
        z, s = hard_sigmoid(a[:, :u] + h @ r[:, :u]), hard_sigmoid(a[:, u:2 * u] + h @ r[:, u:2 * u])
        h = z * h + (1 - z) * np.tanh(a[:, 2 * u:] + (s * h) @ r[:, 2 * u:])
    return h


def graph(name, entries, inputs, outputs, version):
    """A functional model: `Model` until TensorFlow 2, then `Functional`."""
    return {"class_name": "Functional" if version.startswith("2.4") else "Model",
            "config": {"name": name, "layers": entries, "input_layers": [[i, 0, 0] for i in inputs], "output_layers": outputs}}


def node(entry, *calls):
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": [[[n, k, 0, {}] for n, k in call] for call in calls]}


def input_layer(name, *shape):
    return {"class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "name": name}}


def write(folder):
    rng, made = np.random.default_rng(5), {}
    draw = lambda *shape: rng.normal(size=shape).astype("float32") * 0.5

    # recurrent networks: three gates that mean something else today
    for version in ("2.0.8", "2.2.4", "2.3.1"):
        x, kr, w, b = draw(4, 6, 3), [draw(3, 20), draw(5, 20), draw(20)], draw(5, 2), draw(2)
        whole(folder / f"lstm_{version}.h5", version, sequential(version, [start(recurrent("LSTM", "lstm_1", 5), 6, 3), dense("dense_1", 2, "hard_sigmoid")]),
              [("lstm_1", list(zip(("lstm_1/kernel:0", "lstm_1/recurrent_kernel:0", "lstm_1/bias:0"), kr))), ("dense_1", [("dense_1/kernel:0", w), ("dense_1/bias:0", b)])])
        made[f"lstm_{version}.h5"] = x, {"predicts": hard_sigmoid(lstm(x, *kr) @ w + b)}
        x, kr = draw(4, 6, 3), [draw(3, 15), draw(5, 15), draw(15)]
        more = {} if version == "2.0.8" else {"reset_after": False}
        whole(folder / f"gru_{version}.h5", version, sequential(version, [start(recurrent("GRU", "gru_1", 5, **more), 6, 3), dense("dense_1", 2)]),
              [("gru_1", list(zip(("gru_1/kernel:0", "gru_1/recurrent_kernel:0", "gru_1/bias:0"), kr))), ("dense_1", [("dense_1/kernel:0", w), ("dense_1/bias:0", b)])])
        made[f"gru_{version}.h5"] = x, {"predicts": gru(x, *kr) @ w + b}

    # optimizers: epsilon outside the root, decay of the rate, states in the order of that time
    for kind, version in (("RMSprop", "2.0.8"), ("RMSprop", "2.3.1"), ("Adagrad", "2.2.4"), ("SGD", "2.0.8"), ("Adam", "2.2.4"), ("RMSprop", "2.4.0")):
        x, y, w, b, lr, decay, eps, t = draw(8, 3), draw(8, 2), draw(3, 2), draw(2), 0.05, 0.1, 0.01, 4
        config = {"lr" if version != "2.4.0" else "learning_rate": lr, "decay": decay, "epsilon": eps,
                  **{"RMSprop": {"rho": 0.8}, "Adagrad": {}, "SGD": {"momentum": 0.9, "nesterov": False}, "Adam": {"beta_1": 0.9, "beta_2": 0.99, "amsgrad": False}}[kind]}
        if kind == "SGD":
            config.pop("epsilon")
        slots = [[np.abs(draw(*v.shape)) for v in (w, b)] for _ in range(2 if kind == "Adam" else 1)]
        rows = [(f"training/{kind}/Variable{f'_{k}' * (k > 0)}:0", a) for k, a in enumerate(a for s in slots for a in s)]
        counted = kind in ("SGD", "Adam") or version == "2.4.0"
        if counted:
            rows = [(f"{kind}/iter:0" if version == "2.4.0" else f"{kind}/iterations:0", np.int64(t)), *rows]
        if kind == "Adam":                                  # where AMSGrad is off, a single zero stands for each of its arrays
            rows += [(f"training/Adam/Variable_{9 + k}:0", np.zeros(1, "float32")) for k in range(2)]
        path = f"{kind.lower()}_{version}.h5"
        whole(folder / path, version, sequential(version, [start(dense("dense_1", 2), 3)]), [("dense_1", [("dense_1/kernel:0", w), ("dense_1/bias:0", b)])],
              {"optimizer_config": {"class_name": kind, "config": config}, "loss": "mean_squared_error", "metrics": ["mae"], "sample_weight_mode": None,
               "loss_weights": None}, rows)
        answers, steps = {"predicts": x @ w + b}, t if counted else 0
        w, b, slots = w.astype("f8"), b.astype("f8"), [[a.astype("f8") for a in s] for s in slots]
        for _ in range(2):
            error = 2 * (x @ w + b - y) / y.size
            rate = lr / (1 + decay * steps)
            steps += 1
            for k, (v, g) in enumerate(((w, x.T @ error), (b, error.sum(axis=0)))):
                s = slots[0]
                if kind == "RMSprop":
                    s[k] = 0.8 * s[k] + 0.2 * g * g
                    v -= rate * g / (np.sqrt(s[k]) + eps)
                elif kind == "Adagrad":
                    s[k] = s[k] + g * g
                    v -= rate * g / (np.sqrt(s[k]) + eps)
                elif kind == "SGD":
                    s[k] = 0.9 * s[k] - rate * g
                    v += s[k]
                else:
                    s[k], slots[1][k] = 0.9 * s[k] + 0.1 * g, 0.99 * slots[1][k] + 0.01 * g * g
                    v -= rate * np.sqrt(1 - 0.99 ** steps) / (1 - 0.9 ** steps) * s[k] / (np.sqrt(slots[1][k]) + eps)
        made[path] = x, {**answers, "y": y, "after": x @ w + b}

    # models in models, whose calls count from 1, and whose weights stand together: what trains, then what does not
    for version in ("2.0.8", "2.2.4", "2.4.0"):
        x, (k1, b1), (k2, b2), (k3, b3) = draw(5, 3), (draw(3, 3), draw(3)), (draw(3, 3), draw(3)), (draw(6, 2), draw(2))
        gamma, beta, mean, variance = draw(3), draw(3), draw(3), np.abs(draw(3)) + 0.5
        inner = graph("inner", [input_layer("input_2", 3), node(dense("frozen", 3, "relu", trainable=False), [("input_2", 0)]),
                                node(batch_normalization("bn"), [("frozen", 0)]), node(dense("last", 3), [("bn", 0)])], ["input_2"], [["last", 0, 0]], version)
        block = sequential(version, [start(dense("in_block", 3, "tanh"), 3)])
        if isinstance(block["config"], dict):
            block["config"]["name"] = "block"
        kb, bb = draw(3, 3), draw(3)
        outer = graph("outer", [input_layer("input_1", 3), {**inner, "name": "inner", "inbound_nodes": [[["input_1", 0, 0, {}]], [["inner", 1, 0, {}]]]},
                                {**block, "name": "block", "inbound_nodes": [[["input_1", 0, 0, {}]]]},
                                node({"class_name": "Concatenate", "config": {"name": "both", "trainable": True, "axis": -1}}, [("inner", 2), ("block", 1)]),
                                node(dense("top", 2), [("both", 0)])], ["input_1"], [["top", 0, 0]], version)
        layers = [("input_1", []), ("inner", [("bn/gamma:0", gamma), ("bn/beta:0", beta), ("last/kernel:0", k2), ("last/bias:0", b2), ("frozen/kernel:0", k1),
                                              ("frozen/bias:0", b1), ("bn/moving_mean:0", mean), ("bn/moving_variance:0", variance)]),
                  ("block", [("in_block/kernel:0", kb), ("in_block/bias:0", bb)]), ("both", []), ("top", [("top/kernel:0", k3), ("top/bias:0", b3)])]
        whole(folder / f"nested_{version}.h5", version, outer, layers)
        once = lambda v: ((relu(v @ k1 + b1) - mean) / np.sqrt(variance + 0.001) * gamma + beta) @ k2 + b2
        made[f"nested_{version}.h5"] = x, {"predicts": np.concatenate([once(once(x)), np.tanh(x @ kb + bb)], axis=1) @ k3 + b3}
        weights_only(folder / f"weights_{version}.h5", version, layers)
    return made
