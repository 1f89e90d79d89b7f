"""Activations: functions tensor -> tensor by their Keras names, thin over fastdl.ops."""
from fastdl import config, ops
from fastdl.errors import bad_argument, unknown_name


def linear(x):
    """y = x"""
    return x


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """y = min(x, max_value) where x > threshold, negative_slope (x - threshold) elsewhere"""
    if threshold == 0 and max_value is None:
        return ops.relu(x) if negative_slope == 0 else ops.leaky_relu(x, negative_slope=negative_slope)
    if threshold == 0 and max_value == 6 and negative_slope == 0:
        return ops.relu6(x)
    above = x if max_value is None else ops.minimum(x, max_value)
    below = ops.multiply(ops.subtract(x, threshold), negative_slope)
    return ops.where(ops.greater(x, threshold), above, below)


def leaky_relu(x, negative_slope=0.2):
    """y = x where x >= 0, negative_slope x elsewhere"""
    return ops.leaky_relu(x, negative_slope=negative_slope)


def relu6(x):
    """y = min(max(x, 0), 6)"""
    return ops.relu6(x)


def elu(x, alpha=1.0):
    """y = x where x >= 0, alpha (e^x - 1) elsewhere"""
    return ops.elu(x, alpha=alpha)


def celu(x, alpha=1.0):
    """y = x where x >= 0, alpha (e^(x / alpha) - 1) elsewhere"""
    return ops.celu(x, alpha=alpha)


def selu(x):
    """y = 1.0507 (x where x >= 0, 1.6733 (e^x - 1) elsewhere)"""
    return ops.selu(x)


def gelu(x, approximate=False):
    """y = x Phi(x), Phi the normal distribution function (its tanh approximation if `approximate`)"""
    return ops.gelu(x, approximate=approximate)


def sigmoid(x):
    """y = 1 / (1 + e^-x)"""
    return ops.sigmoid(x)


def hard_sigmoid(x):
    """y = min(max(x / 6 + 1/2, 0), 1)"""
    return ops.hard_sigmoid(x)


def log_sigmoid(x):
    """y = -ln(1 + e^-x)"""
    return ops.log_sigmoid(x)


def sparse_sigmoid(x):
    """y = min(max((x + 1) / 2, 0), 1)"""
    return ops.sparse_sigmoid(x)


def silu(x):
    """y = x / (1 + e^-x), also called swish"""
    return ops.silu(x)


def hard_silu(x):
    """y = x min(max(x / 6 + 1/2, 0), 1), also called hard swish"""
    return ops.hard_silu(x)


def tanh(x):
    """y = (e^x - e^-x) / (e^x + e^-x)"""
    return ops.tanh(x)


def hard_tanh(x):
    """y = min(max(x, -1), 1)"""
    return ops.hard_tanh(x)


def tanh_shrink(x):
    """y = x - tanh(x)"""
    return ops.tanh_shrink(x)


def softplus(x):
    """y = ln(1 + e^x)"""
    return ops.softplus(x)


def sparse_plus(x):
    """y = 0 where x <= -1, (x + 1)^2 / 4 up to 1, x from there"""
    return ops.sparse_plus(x)


def squareplus(x, b=4):
    """y = (x + sqrt(x^2 + b)) / 2"""
    return ops.squareplus(x, b=b)


def softsign(x):
    """y = x / (1 + |x|)"""
    return ops.softsign(x)


def soft_shrink(x, threshold=0.5):
    """y = sign(x) max(|x| - threshold, 0)"""
    return ops.soft_shrink(x, threshold=threshold)


def hard_shrink(x, threshold=0.5):
    """y = x where |x| > threshold, 0 elsewhere"""
    return ops.hard_shrink(x, threshold=threshold)


def threshold(x, threshold, default_value):
    """y = x where x > threshold, default_value elsewhere"""
    return ops.threshold(x, threshold, default_value)


def exponential(x):
    """y = e^x"""
    return ops.exp(x)


def mish(x):
    """y = x tanh(ln(1 + e^x))"""
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


def softmax(x, axis=-1):
    """y = e^x / sum of e^x over axis"""
    y = ops.softmax(x, axis=axis)
    return y


def log_softmax(x, axis=-1):
    """y = x - ln(sum of e^x over axis)"""
    return ops.log_softmax(x, axis=axis)


def sparsemax(x, axis=-1):
    """y = the point of the probability simplex nearest to x along axis (Martins and Astudillo 2016)"""
    return ops.sparsemax(x, axis=axis)


def glu(x, axis=-1):
    """y = a sigmoid(b), x = (a, b) halved along axis"""
    return ops.glu(x, axis=axis)


FUNCTIONS = {f.__name__: f for f in (
    linear, relu, leaky_relu, relu6, elu, celu, selu, gelu, sigmoid, hard_sigmoid, log_sigmoid, sparse_sigmoid, silu, hard_silu,
    tanh, hard_tanh, tanh_shrink, softplus, sparse_plus, squareplus, softsign, soft_shrink, hard_shrink, threshold, exponential,
    mish, softmax, log_softmax, sparsemax, glu)}
swish = FUNCTIONS["swish"] = silu
hard_swish = FUNCTIONS["hard_swish"] = hard_silu


def serialize(activation):
    """An activation's name; a function or layer of the user's as a config."""
    if FUNCTIONS.get(getattr(activation, "__name__", None)) is activation:
        return activation.__name__
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(activation)


def deserialize(config, custom_objects=None):
    """The activation that `config` (a name, or a dict) describes."""
    from fastdl.saving import serialization
    if not isinstance(config, str):
        return serialization.deserialize_keras_object(config, custom_objects)
    found = serialization.custom_object(config, custom_objects) or FUNCTIONS.get(config)
    if found is None:
        raise unknown_name("activation", config, [*FUNCTIONS, *serialization.custom_names(custom_objects)])
    return found


def get(identifier):
    """None (linear), a name, a config, a function or a layer -> a function.

    >>> get("relu") is relu
    True
    """
    if identifier is None:
        return linear
    if identifier == "hard_sigmoid" and config.compat() == "keras2":
        from fastdl.saving.legacy_h5 import hard_sigmoid_keras2
        return hard_sigmoid_keras2
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise bad_argument("activation", repr(identifier), "a name or a function tensor -> tensor", 'use for example "relu"')


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
