"""Legacy HDF5: whole-model and weights-only files of Keras 2.0 to 3.x, and what their configs meant in their time.

A config of Keras 2 is first brought to today's words (upgrade), so one loader reads all versions.
"""
import json
import warnings

import numpy as np

from fastdl.errors import FileError
from fastdl.saving.serialization import functions, register_keras_serializable
from fastdl.saving.weights_h5 import h5, make_array, make_group

SAVE_AGAIN = "open it with Keras 2.0 to 2.3 and save it again"
GONE = ("nb_filter", "border_mode", "dim_ordering", "output_dim_", "init")     # words of Keras 1
CUT = 64512                                                 # bytes an HDF5 attribute may have
# What the configs of Keras 2 hold without effect on the result, for layers of any kind.
DROPPED = {"implementation": None, "time_major": False, "ragged": False, "sparse": False, "experimental_autocast": None,
           "input_dtype": None, "unit_norm": None, "renorm": False, "fused": None, "virtual_batch_size": None, "adjustment": None,
           "synchronized": False, "_keras_api_names": None}


@register_keras_serializable("fastdl", "hard_sigmoid_keras2")
def hard_sigmoid_keras2(x):
    """y = clip(0.2 x + 0.5, 0, 1), which Keras 2 called hard_sigmoid"""
    from fastdl import ops
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


# ---------------------------------------------------------------- old configs -> today's
def upgrade(config, version):
    """A model's config of Keras `version` (a string such as "2.0.8") in the words of Keras 3."""
    major = (version or "2").split(".")[0]
    if major == "1":
        raise FileError(f"the file is of Keras {version}, whose layers had other arguments. Fix: {SAVE_AGAIN}.")
    return _upgrade(config, 0) if major != "3" else config


def _upgrade(x, depth):
    if depth > 400:
        raise FileError("the config nests too deep: it is damaged, or made to break its reader")
    if isinstance(x, list):
        return [_upgrade(v, depth + 1) for v in x]
    if not isinstance(x, dict):
        return x
    x = {k: _upgrade(v, depth + 1) for k, v in x.items()}
    if isinstance(x.get("layers"), list):
        x = _count_from_zero(x)
    name, inner = x.get("class_name"), x.get("config")
    if isinstance(name, str) and isinstance(inner, dict):
        x["config"] = _upgrade_object(name, inner)
        if name == "Merge":
            raise FileError(f"the config holds a Merge layer of Keras 1, which is gone. Fix: {SAVE_AGAIN}.")
        if name in ("TFOpLambda", "TensorFlowOpLayer", "SlicingOpLambda"):
            x = _tf_operation(x)
    return x


def _count_from_zero(graph):
    """In Keras 2 a model has a node before it is called, so that the calls of a model inside a model count from 1."""
    calls = {e["name"]: len(e["inbound_nodes"]) for e in graph["layers"] if _is_called_model(e)}
    if not calls:
        return graph
    last = {}
    for reference in _references(graph, calls):
        last[reference[0]] = max(last.get(reference[0], 0), reference[1])
    for reference in _references(graph, [name for name, n in calls.items() if last.get(name) == n]):
        reference[1] -= 1
    return graph


def _is_called_model(entry):
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not isinstance(entry.get("inbound_nodes"), list):
        return False
    inner = entry.get("config")                             # a list for a Sequential model of Keras 2.0
    return isinstance(inner, dict) and "layers" in inner or entry.get("class_name") == "Sequential" and isinstance(inner, list)


def _references(x, names):
    """Every [layer name, node, tensor, ...] in a graph, the insides of its layers left out."""
    if isinstance(x, list) and len(x) > 2 and isinstance(x[0], str) and type(x[1]) is int and type(x[2]) is int:
        if x[0] in names:
            yield x
    for v in (x.values() if isinstance(x, dict) else x if isinstance(x, list) else ()):
        if isinstance(x, dict) and "inbound_nodes" in x and v is x.get("config"):
            continue
        yield from _references(v, names)


def _upgrade_object(name, c):
    c = dict(c)
    if any(k in c for k in GONE[:3]):
        raise FileError(f"the config of {name} uses {[k for k in GONE if k in c]}, words of Keras 1. Fix: {SAVE_AGAIN}.")
    if name in ("LSTM", "GRU", "ConvLSTM2D", "SimpleRNN", "LSTMCell", "GRUCell", "CuDNNLSTM", "CuDNNGRU"):
        for key in ("activation", "recurrent_activation"):
            if c.get(key) == "hard_sigmoid":
                c[key] = "fastdl>hard_sigmoid_keras2"
        if name in ("GRU", "GRUCell"):
            c.setdefault("reset_after", False)              # what Keras 2.0 to 2.3 computed
        c.pop("implementation", None)
    elif c.get("activation") == "hard_sigmoid":
        c["activation"] = "fastdl>hard_sigmoid_keras2"
    if "is_legacy_optimizer" in c:                          # optimizers of tf.keras 2.11 to 2.15
        for key in ("is_legacy_optimizer", "jit_compile"):
            c.pop(key, None)
    if name.startswith("SeparableConv") and c.get("groups", 1) == 1:     # it has depthwise and pointwise ones
        for key in ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            c.pop(key, None)
    if name.startswith("BatchNormalization") and isinstance(c.get("axis"), list) and len(c["axis"]) == 1:
        c["axis"] = c["axis"][0]
    if "epsilon" in c and c["epsilon"] is None:
        c["epsilon"] = 1e-7
    if name == "InputLayer":
        for old, new in (("input_dtype", "dtype"),):
            if old in c and new not in c:
                c[new] = c[old]
    for key, harmless in DROPPED.items():
        kept = name == "InputLayer" and key in ("sparse", "ragged")
        if key in c and not kept and (harmless is None or c[key] == harmless or c[key] is None):
            c.pop(key)
    return c


# tf.keras 2.4 and later wrote x * 2 as a layer with a TensorFlow function's name.
TF_NAMES = {"math.add": ("Add", "y"), "__operators__.add": ("Add", "y"), "math.subtract": ("Subtract", "y"),
            "math.multiply": ("Multiply", "y"), "math.truediv": ("TrueDivide", "y"), "math.divide": ("Divide", "y"),
            "math.pow": ("Power", "y"), "math.maximum": ("Maximum", "y"), "math.minimum": ("Minimum", "y"),
            "math.negative": ("Negative", None), "math.exp": ("Exp", None), "math.log": ("Log", None),
            "math.sqrt": ("Sqrt", None), "math.square": ("Square", None), "math.abs": ("Absolute", None), "math.sigmoid": ("Sigmoid", None),
            "math.tanh": ("Tanh", None), "nn.relu": ("Relu", None), "nn.sigmoid": ("Sigmoid", None), "nn.tanh": ("Tanh", None),
            "linalg.matmul": ("Matmul", "b")}


def _tf_operation(entry):
    function = entry["config"].get("function")
    if not isinstance(function, str) or function not in TF_NAMES:
        raise FileError(f"the config uses the TensorFlow function {function!r:.80} as a layer; fastdl reads these: "
                        f"{', '.join(TF_NAMES)}. Fix: rebuild the model in Python with fastdl.ops, then "
                        "model.load_weights(file, by_name=True)")
    name, second = TF_NAMES[function]
    nodes = []
    for node in entry.get("inbound_nodes") or []:
        first, extra = (node[0] if node and isinstance(node[0], list) else node), {}
        if isinstance(first, list) and len(first) > 3 and isinstance(first[3], dict):
            extra = first[3]
        if second and second in extra:
            other = extra[second]
            if isinstance(other, list):                     # another layer's output
                other = _history(other)
            nodes.append({"args": [_history(first), other], "kwargs": {}})
        else:
            nodes.append({"args": [_history(first)], "kwargs": {}})
    return {"module": "keras.src.ops.numpy", "class_name": name, "config": {"name": entry["config"].get("name")},
            "name": entry.get("name"), "inbound_nodes": nodes}


def _history(entry):
    if not isinstance(entry, list) or len(entry) < 3:
        raise FileError("the config describes a call of a layer wrongly")
    return {"class_name": "__keras_tensor__", "config": {"shape": [], "dtype": "float32", "keras_history": entry[:3]}}


def training_config(config, version):
    """The arguments of compile() from the training_config of a legacy file."""
    config = upgrade(dict(config), version)
    optimizer = config.pop("optimizer_config", None)
    made = {"optimizer": optimizer, "loss": config.get("loss"), "metrics": _metrics(config.get("metrics")),
            "loss_weights": config.get("loss_weights"), "weighted_metrics": _metrics(config.get("weighted_metrics"))}
    if isinstance(optimizer, dict) and isinstance(optimizer.get("class_name"), str):
        name, inner = optimizer["class_name"], dict(optimizer.get("config") or {})
        name = name.split(">")[-1]                          # "Custom>Adam" of the first new optimizers of tf.keras
        for key in ("is_legacy_optimizer", "jit_compile", "centered" if not inner.get("centered") else ""):
            inner.pop(key, None)
        made["optimizer"] = {"module": "keras.optimizers", "class_name": name, "config": inner}
    return {k: v for k, v in made.items() if v is not None}


def _metrics(x):
    """MeanMetricWrapper objects of tf.keras 2 by the word they stand for."""
    if isinstance(x, dict) and x.get("class_name") == "MeanMetricWrapper" and isinstance(x.get("config"), dict):
        name, fn = x["config"].get("name"), x["config"].get("fn")
        return name if name in ("accuracy", "acc") else fn if isinstance(fn, str) else name
    if isinstance(x, list):
        return [_metrics(v) for v in x]
    if isinstance(x, dict) and "class_name" not in x:
        return {k: _metrics(v) for k, v in x.items()}
    return x


# ---------------------------------------------------------------- weights
def is_legacy(root):
    return root.has("layer_names") or root.has("layer_names0") or root.child("model_weights") is not None


def weights_of(layer):
    """The weights of a layer in the order of legacy files: what trains, then what does not."""
    return list(layer.trainable_weights) + list(layer.non_trainable_weights)


def load_weights(model, root, by_name=False, skip_mismatch=False):
    """Read the weights of a legacy file: layer by layer in order, or by the layers' names."""
    if not (root.has("layer_names") or root.has("layer_names0")):
        inner = root.child("model_weights")
        if inner is None:
            raise root.error("holds neither layer_names nor model_weights: it is no weights file of Keras")
        root = inner
    flipped = root.text("backend") == "theano"
    found = []                                              # (layer name, group, names of its weights)
    for name in root.texts("layer_names"):
        group = root.child(name)
        if group is None:
            raise root.error("is named in layer_names and not there", name)
        names = group.texts("weight_names")
        if names:
            found.append((name, group, names))
    layers = [l for l in model.layers if weights_of(l)]
    if by_name:
        named = {l.name: l for l in layers}
        pairs = [(named[n], g, w) for n, g, w in found if n in named]
    else:
        if len(layers) != len(found):
            raise root.error(f"holds {len(found)} layers with weights; the model has {len(layers)}. Fix: build the model as the file's "
                             "was, or load_weights(..., by_name=True)")
        pairs = [(l, g, w) for l, (_, g, w) in zip(layers, found)]
    for layer, group, names in pairs:
        try:
            _set(layer, group, names, flipped)
        except FileError as error:
            if not skip_mismatch:
                raise
            warnings.warn(f"skip_mismatch: {error}", stacklevel=4)
    _top_level(model, root)
    return [l.name for l, _, _ in pairs]


def _set(layer, group, names, flipped):
    variables = weights_of(layer)
    if len(names) != len(variables):
        raise group.error(f"holds {len(names)} arrays; the layer '{layer.name}' ({type(layer).__name__}) has {len(variables)} weights")
    arrays = []
    for name, v in zip(names, variables):
        a = _converted(layer, v, group, name)
        if flipped and a.ndim in (3, 4, 5) and "conv" in type(layer).__name__.lower():
            a = a[(slice(None, None, -1),) * (a.ndim - 2)]  # Theano turned kernels by 180 degrees
        arrays.append(a)
    for v, a in zip(variables, arrays):
        v.assign(np.array(a, dtype=v.dtype, order="C"))


def _converted(layer, v, group, name):
    shape = tuple(v.shape)
    try:
        return group.array(name, shape)
    except FileError:
        # A GRU with reset_after keeps two biases; CuDNN's LSTM file keeps both of its biases in one.
        a = group.array(name) if len(shape) <= 2 else None
        if a is not None and a.size == int(np.prod(shape)):
            return a.reshape(shape)
        if a is not None and type(layer).__name__ == "LSTM" and a.ndim == 1 and a.size == 2 * int(np.prod(shape)):
            return a.reshape(2, -1).sum(axis=0)
        raise


def _top_level(model, root):
    group = root.child("top_level_model_weights")
    names = group.texts("weight_names") if group is not None else []
    if names:
        inner = {id(v) for l in model.layers for v in l.weights}
        own = [v for v in weights_of(model) if id(v) not in inner]
        if len(own) == len(names):
            for name, v in zip(names, own):
                v.assign(group.array(name, tuple(v.shape)))


def of_keras_2(optimizer, config, version):
    """Give an optimizer the formula of its file: until tf.keras 2.10, and in `legacy` later, epsilon stood outside the root."""
    inner = config.get("config") if isinstance(config, dict) else None
    if not str(version).startswith("2") or not isinstance(inner, dict) or "use_ema" in inner:
        return
    if hasattr(optimizer, "epsilon_outside") and not getattr(optimizer, "momentum", 0):      # with momentum, it stood inside
        optimizer.epsilon_outside = True


def load_optimizer(optimizer, root):
    """Restore the optimizer's state where the file's arrays can be told apart by their order and shapes; else say so."""
    group = root.child("optimizer_weights")
    if group is None:
        return
    names = group.texts("weight_names")
    pairs = None
    try:
        arrays = [group.array(n) for n in names]
        for variables in _orders(optimizer, names):
            if [tuple(v.shape) for v in variables] == [a.shape for a in arrays[:len(variables)]]:
                pairs = list(zip(variables, arrays))
                break
    except FileError as error:
        warnings.warn(str(error), stacklevel=4)
    if pairs is None:
        warnings.warn(f"The state of the optimizer {optimizer.name} in the file has another layout ({len(names)} arrays for "
                      f"{len(optimizer.variables)} variables); training goes on with a fresh state.", stacklevel=4)
        return
    for v, a in pairs:
        v.assign(np.asarray(a, dtype=v.dtype).reshape(v.shape))
    if len(pairs) < len(optimizer.variables):
        optimizer.derive()


def _orders(optimizer, names):
    """The variables in the orders that files have had: Keras 3, tf.keras 2.11 to 2.15, before."""
    variables, n = optimizer.variables, len(optimizer._trainable_variables)
    step = optimizer._iterations
    if len(names) == len(variables):
        yield variables
    first = names[0].split("/")[-1].split(":")[0] if names else ""
    lists = [v for k, v in vars(optimizer).items()
             if isinstance(v, list) and len(v) == n and k not in ("_trainable_variables", "_variables")]
    by_slot = [v for slots in lists for v in slots]         # the first moments of all weights, then the second ones
    if first == "iteration":
        yield optimizer.variables_of_keras_2()
    elif first in ("iter", "iterations") or first.startswith("Variable") and len(names) != len(by_slot):
        yield [step, *by_slot]
    yield by_slot if len(names) == len(by_slot) else [step, *by_slot]


# ---------------------------------------------------------------- writing
def _names(group, key, names):
    names = [n.encode("utf-8") for n in names]
    if sum(max(map(len, names), default=0) for _ in names) <= CUT:
        group.attrs[key] = np.array(names, dtype="S") if names else np.zeros(0)
        return
    per = max(1, CUT // max(map(len, names)))
    for k, start in enumerate(range(0, len(names), per)):
        group.attrs[f"{key}{k}"] = np.array(names[start:start + per], dtype="S")


def _paths(owner, variables):
    """A path for each variable, without two that are the same."""
    made, seen = [], set()
    for v in variables:
        path = base = "/".join(p for p in f"{owner}/{v.name}".split("/") if p)
        k = 1
        while path in seen:
            path, k = f"{base}_{k}", k + 1
        seen.add(path)
        made.append(path)
    return made


def write_weights(model, group, version):
    layers = model.layers
    _names(group, "layer_names", [l.name for l in layers])
    group.attrs["backend"], group.attrs["keras_version"] = "fastdl", version
    for layer in layers:
        inner, variables = make_group(group, layer.name), weights_of(layer)
        paths = _paths(layer.name, variables)
        _names(inner, "weight_names", paths)
        for path, v in zip(paths, variables):
            make_array(inner, path, v.numpy())
    inner = {id(v) for l in layers for v in l.weights}
    own = [v for v in weights_of(model) if id(v) not in inner]
    top, paths = group.create_group("top_level_model_weights"), _paths("top_level", own)
    _names(top, "weight_names", paths)
    for path, v in zip(paths, own):
        make_array(top, path, v.numpy())


def _full_name(loss):
    """Keras 3 finds "mean_squared_error" in such a file, but not "mse"."""
    if isinstance(loss, dict) and "class_name" not in loss:
        return {k: _full_name(v) for k, v in loss.items()}
    if isinstance(loss, list):
        return [_full_name(v) for v in loss]
    return functions("losses")[loss].__name__ if isinstance(loss, str) and loss in functions("losses") else loss


def write_model(model, file, config, version, include_optimizer=True):
    """A whole-model legacy file, which Keras 3 and fastdl read."""
    with h5().File(file, "w") as f:
        f.attrs["keras_version"], f.attrs["backend"] = version, "fastdl"
        f.attrs["model_config"] = json.dumps({"class_name": config["class_name"], "config": config["config"]})
        write_weights(model, f.create_group("model_weights"), version)
        compiled = config.get("compile_config")
        if include_optimizer and compiled:
            compiled = {**compiled, "loss": _full_name(compiled.get("loss"))}
            optimizer = compiled.pop("optimizer", None)
            if isinstance(optimizer, dict):
                compiled["optimizer_config"] = {"class_name": optimizer["class_name"], "config": optimizer["config"]}
            f.attrs["training_config"] = json.dumps(compiled)
            if model.optimizer is not None and model.optimizer.built:
                group, variables = f.create_group("optimizer_weights"), model.optimizer.variables
                paths = _paths(model.optimizer.name, variables)
                _names(group, "weight_names", paths)
                for path, v in zip(paths, variables):
                    make_array(group, path, v.numpy())
