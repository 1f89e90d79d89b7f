"""Graph operations (ops on KerasTensors) as Keras 3 writes them: a class of keras.src.ops with its settings."""
import inspect

from fastdl.errors import FileError, did_you_mean
from fastdl.layers.layer import Layer
from fastdl.ops import symbolic
from fastdl.ops.symbolic import KerasTensor, OpCall, flatten

# Parameters that Keras gives to an operation's constructor; the others it gives to its call.
SETTINGS = frozenset("""axis axes keepdims newshape shape dtype decimals repeats shift k offset axis1 axis2 source destination axisa axisb
    axisc x_min x_max indices_or_sections num ord order epsilon negative_slope alpha approximate num_classes sparse threshold b
    default_value pool_size strides padding data_format dilation_rate sorted pad_width mode initial n side num_segments block_size
    nan posinf neginf minlength size interpolation antialias crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value
    kernel_size sigma top_padding left_padding bottom_padding right_padding top_cropping left_cropping bottom_cropping right_cropping
    target_height target_width max_val filter_size filter_sigma k1 k2 subscripts sequence_length sequence_stride fft_length""".split())
NO_CLASS = frozenset("""einsum trapezoid bincount pad_sequences map scan associative_scan switch cond vectorized_map fori_loop
    while_loop slice slice_update scatter scatter_update unstack cdist fft fft2 ifft2 rfft irfft stft istft svd psnr histogram unique
    select arange full linspace logspace geomspace shape convert_to_tensor custom_gradient isclose quantile percentile fold unfold
    rearrange extract_patches_3d scale_and_translate elastic_transform""".split())
SPELLED = {"allclose": "AllClose", "isin": "IsIn", "searchsorted": "SearchSorted", "rgb_to_grayscale": "RGBToGrayscale",
           "rgb_to_hsv": "RGBToHSV", "hsv_to_rgb": "HSVToRGB", "ssim": "SSIM"}


def keras_class(name):
    """(module, class name) of the operation in Keras 3."""
    home = symbolic.OPS[name].__module__.rsplit(".", 1)[-1]
    home = "nn" if home == "conv" else home if home in ("nn", "math", "linalg", "core", "image") else "numpy"
    return f"keras.src.ops.{home}", SPELLED.get(name) or "".join(p[:1].upper() + p[1:] for p in name.split("_"))


def op_entry(op, nodes, write):
    """One operation of a functional model's config, as Keras 3 writes it wherever it has such a class."""
    entry = {"module": "fastdl.ops", "class_name": "OpCall", "config": op.get_config(), "registered_name": "OpCall"}
    calls = [{"args": [write(a) for a in n.args], "kwargs": {k: write(v) for k, v in n.kwargs.items()}} for n in nodes]
    split = [_split(op.op_name, n) for n in nodes]
    if op.op_name not in NO_CLASS and all(split) and all(s[0] == split[0][0] for s in split):
        module, name = keras_class(op.op_name)
        entry = {"module": module, "class_name": name, "registered_name": name,
                 "config": {"name": op.name, **{k: write(v) for k, v in (split[0][0] if split else {}).items()}}}
        calls = [{"args": [write(a) for a in args], "kwargs": {}} for _, args in split]
    entry["inbound_nodes"] = calls
    return entry


def _split(name, node):
    """(settings, call arguments) of one call, or None where Keras's class cannot say it."""
    try:
        bound = inspect.signature(symbolic.OPS[name]).bind(*node.args, **node.kwargs).arguments
    except (TypeError, ValueError):
        return None
    settings, args, gap = {}, [], False
    for key, parameter in inspect.signature(symbolic.OPS[name]).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if bound.get(key):
                return None
        elif key in SETTINGS:
            if key in bound:
                if any(isinstance(t, KerasTensor) for t in flatten(bound[key])):
                    return None
                settings[key] = bound[key]
        elif key not in bound:
            gap = True
        elif gap:
            return None
        else:
            args.append(bound[key])
    return settings, args


def _classes():
    """Keras's class names, in small letters -> our operations."""
    return {op.replace("_", ""): op for op in symbolic.OPS}


def _op_of_class(name):
    table = _classes()
    found = table.get(name.lower())
    if found is None:
        raise FileError(f"The config uses Keras's operation {name!r:.80}, which fastdl.ops does not have.{did_you_mean(name, table)}")
    return found


def make_operation(entry, custom_objects):
    """(the layer or operation of one entry, the keywords that its calls get)."""
    from fastdl.saving import serialization
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str) or "config" not in entry:
        raise FileError(f"The config lists something that is no layer: {entry!r:.80}")
    module, name, config = str(entry.get("module") or ""), entry["class_name"], entry["config"]
    if name == "OpCall" and module.startswith("fastdl") and isinstance(config, dict):
        if config.get("op_name") not in symbolic.OPS:
            raise FileError(f"The config uses an operation that fastdl.ops does not have: {config.get('op_name')!r:.80}")
        return OpCall.from_config(config), {}
    # Legacy .h5 files of Keras 3 leave the module out: an operation's config lacks what every layer's has.
    bare = not module and isinstance(config, dict) and "trainable" not in config and name.lower() in _classes() \
        and serialization.custom_object(name) is None
    if isinstance(config, dict) and (bare or module.startswith("keras") and ".ops." in module):
        op = _op_of_class(name)
        known = inspect.signature(symbolic.OPS[op]).parameters
        settings = {k: serialization.deserialize_keras_object(v) for k, v in config.items() if k in known and k != "name"}
        lost = [k for k, v in config.items() if k not in known and k not in ("name", "dtype") and v not in (None, False)]
        if lost:
            raise FileError(f"The config gives {name} the settings {lost}, which fastdl.ops.{op} does not take")
        label = entry.get("name") or config.get("name")
        serialization.check_name(label)
        return OpCall(op, label), {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    layer = serialization.deserialize_keras_object(entry, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise FileError(f"The config lists {name!r:.80} among the model's layers, which is a {type(layer).__name__} and no layer. "
                        "Files name layers, never functions to call")
    return layer, {}
