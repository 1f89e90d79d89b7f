"""keras.backend as Keras 2 had it, `import fastdl.backend as K`: on tensors it computes, on Input's tensors it writes the graph.

The words stand on fastdl.ops; function() and gradients() turn a graph into a compiled plan.
"""
import builtins as _builtins
import contextlib
import threading

import numpy as np

from fastdl import ops, random as _random
from fastdl.config import (backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx,  # noqa: F401
                           set_image_data_format)
from fastdl.core.function import function as _compiled
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor, Variable, convert_to_tensor
from fastdl.layers.scopes import CallContext, _stack, name_scope  # noqa: F401
from fastdl.ops import symbolic
from fastdl.ops.symbolic import KerasTensor, flatten as _leaves
from fastdl.random import SeedGenerator  # noqa: F401
from fastdl.utils.names import is_float_dtype, is_int_dtype, result_type, standardize_dtype  # noqa: F401

_local = threading.local()
_uids = {}


# ---------------------------------------------------------------- state
class LearningPhase(int):
    """0 = inference, 1 = training; an input of function() that chooses between them."""


def learning_phase():
    """Which phase function() runs when it is not told: 0 (inference) or 1 (training)."""
    return LearningPhase(getattr(_local, "phase", 0))


def set_learning_phase(value):
    if value not in (0, 1, True, False):
        raise ValueError(f"the learning phase is 0 (inference) or 1 (training), got {value!r}")
    _local.phase = int(value)


@contextlib.contextmanager
def learning_phase_scope(value):
    before = learning_phase()
    set_learning_phase(value)
    try:
        yield
    finally:
        set_learning_phase(before)


def _training():
    calls = _stack("calls")
    now = calls[-1].training if calls else None
    return bool(learning_phase()) if now is None else bool(now)


def in_train_phase(x, alt, training=None):
    """x while training, else alt; either may be a function without arguments"""
    chosen = x if (_training() if training is None else bool(training)) else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x, alt, training=None):
    return in_train_phase(alt, x, training)


def clear_session(free_memory=True):
    """Automatic names start again from `dense`; there is no graph or session to clear besides."""
    symbolic.reset_names()
    _uids.clear()
    _local.phase = 0


reset_uids = clear_session


def get_uid(prefix=""):
    _uids[prefix] = _uids.get(prefix, 0) + 1
    return _uids[prefix]


def cast_to_floatx(x):
    return ops.cast(x, floatx()) if isinstance(x, (Tensor, KerasTensor)) else np.asarray(x, dtype=floatx())


def manual_variable_initialization(value):
    """Accepted; variables here always hold a value."""


def get_session():
    raise RuntimeError("fastdl has no TensorFlow session. K.function([inputs], [outputs]) runs a graph; K.eval(x) gives a value.")


# ---------------------------------------------------------------- tensors
def is_keras_tensor(x):
    return isinstance(x, KerasTensor)


def is_tensor(x):
    return isinstance(x, (Tensor, KerasTensor))


def is_sparse(tensor):
    return False


def to_dense(tensor):
    return tensor


def is_placeholder(x):
    return isinstance(x, KerasTensor) and not _parents(x)


def variable(value, dtype=None, name=None, constraint=None):
    """A tensor that keeps its value between calls; K.set_value and K.update change it"""
    made = Variable(np.asarray(value), dtype=dtype or floatx(), name=name)
    made.constraint = constraint
    return made


def constant(value, dtype=None, shape=None, name=None):
    a = np.asarray(value, dtype=dtype or floatx())
    return convert_to_tensor(np.broadcast_to(a, shape).copy() if shape is not None else a, dtype or floatx())


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """A symbolic input of function(): its shape, with None where the size is open, batch axis included"""
    from fastdl.layers import Input
    if shape is None:
        if ndim is None:
            raise ValueError("K.placeholder needs shape=(2, 3) or ndim=2")
        shape = (None,) * ndim
    return Input(batch_shape=tuple(shape), dtype=dtype or floatx(), name=name)


def int_shape(x):
    """The shape as a tuple of ints, None where the size is open"""
    return tuple(x.shape) if hasattr(x, "shape") else None


@symbolic.op
def _shape_tensor(x):
    return convert_to_tensor(np.asarray(x.shape, "int32"))


def shape(x):
    """The shape: ints where they are known, for an Input with open sizes a symbolic int32 tensor"""
    if isinstance(x, KerasTensor) and None in x.shape:
        return _shape_tensor(x)
    return tuple(x.shape)


def ndim(x):
    return len(x.shape)


def dtype(x):
    return str(x.dtype)


def count_params(x):
    return int(np.prod(x.shape))


def get_value(x):
    """The value as a NumPy array"""
    return np.array(x.numpy() if isinstance(x, Tensor) else x)


eval = get_value


def set_value(x, value):
    x.assign(np.asarray(value, dtype=x.dtype))


def batch_get_value(tensors):
    return [get_value(x) for x in tensors]


def batch_set_value(tuples):
    for x, value in tuples:
        set_value(x, value)


def eye(size, dtype=None, name=None):
    return variable(np.eye(size), dtype, name)


def zeros(shape, dtype=None, name=None):
    return variable(np.zeros(shape), dtype, name)


def ones(shape, dtype=None, name=None):
    return variable(np.ones(shape), dtype, name)


def zeros_like(x, dtype=None, name=None):
    return ops.zeros_like(x, dtype=dtype)


def ones_like(x, dtype=None, name=None):
    return ops.ones_like(x, dtype=dtype)


def identity(x, name=None):
    return x


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    return variable(_random.uniform(shape, low, high, seed=seed).numpy(), dtype, name)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    return variable(_random.normal(shape, mean, scale, seed=seed).numpy(), dtype, name)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _random.normal(shape, mean, stddev, dtype=dtype, seed=seed)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    return _random.uniform(shape, minval, maxval, dtype=dtype, seed=seed)


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    return ops.cast(_random.uniform(shape, seed=seed) < p, dtype or floatx())


random_binomial = random_bernoulli


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=seed)


def dropout(x, level, noise_shape=None, seed=None):
    return _random.dropout(x, level, noise_shape=noise_shape, seed=seed)


# ---------------------------------------------------------------- updates
def update(x, new_x):
    return x.assign(new_x) if not isinstance(new_x, KerasTensor) else (x, new_x)


def update_add(x, increment):
    return update(x, x + increment) if isinstance(increment, KerasTensor) else x.assign_add(increment)


def update_sub(x, decrement):
    return update(x, x - decrement) if isinstance(decrement, KerasTensor) else x.assign_sub(decrement)


def moving_average_update(x, value, momentum):
    """x = momentum x + (1 - momentum) value"""
    return update(x, x * momentum + value * (1.0 - momentum))


# ---------------------------------------------------------------- element by element
abs, exp, log, round, sign, sin, cos, tanh = (ops.abs, ops.exp, ops.log, ops.round, ops.sign, ops.sin, ops.cos, ops.tanh)
square, sigmoid, softplus, softsign = ops.square, ops.sigmoid, ops.softplus, ops.softsign
logsumexp, transpose, cast, squeeze = ops.logsumexp, ops.transpose, ops.cast, ops.squeeze


def _of_two(name):
    def pairwise(x, y):
        return getattr(ops, name)(x, y)
    pairwise.__name__ = pairwise.__qualname__ = name
    return pairwise


maximum, minimum, equal, not_equal, greater, greater_equal, less, less_equal = map(
    _of_two, ("maximum", "minimum", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal"))


def permute_dimensions(x, pattern):
    return ops.transpose(x, pattern)


def stop_gradient(variables):
    """The same numbers, through which no gradient flows; of a list, each"""
    return [ops.stop_gradient(v) for v in variables] if isinstance(variables, (list, tuple)) else ops.stop_gradient(variables)


def sqrt(x):
    """The square root of max(x, 0)"""
    return ops.sqrt(ops.maximum(x, 0.0))


def pow(x, a):
    return ops.power(x, a)


def clip(x, min_value, max_value):
    """min(max(x, min_value), max_value); a max_value below min_value counts as min_value"""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)):
        max_value = _builtins.max(min_value, max_value)
    low = -np.inf if min_value is None else min_value
    return ops.clip(x, low, np.inf if max_value is None else max_value)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """max_value where x >= max_value, x where x >= threshold, alpha (x - threshold) below"""
    from fastdl import activations
    return activations.relu(x, negative_slope=alpha, max_value=max_value, threshold=threshold)


def elu(x, alpha=1.0):
    return ops.elu(x, alpha=alpha)


def softmax(x, axis=-1):
    return ops.softmax(x, axis=axis)


def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1)"""
    return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


def l2_normalize(x, axis=None):
    """x / sqrt(max(sum x^2, 1e-12))"""
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


def binary_crossentropy(target, output, from_logits=False):
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1, ignore_class=None):
    target = ops.cast(target, "int32")
    if ignore_class is not None:
        from fastdl import losses
        return losses.sparse_categorical_crossentropy(target, output, from_logits, ignore_class, axis)
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = ops.squeeze(target, -1)
    return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def in_top_k(predictions, targets, k):
    return ops.in_top_k(targets, predictions, k)


def switch(condition, then_expression, else_expression):
    """then_expression where the condition holds, else else_expression; functions without arguments are called"""
    a = then_expression() if callable(then_expression) else then_expression
    b = else_expression() if callable(else_expression) else else_expression
    c = ops.cast(condition, "bool")
    for _ in range(len(a.shape) - len(getattr(c, "shape", ()))):
        c = ops.expand_dims(c, -1)
    return ops.where(c, a, b)


# ---------------------------------------------------------------- reductions
def _reduction(name):
    made = getattr(ops, name)

    def reduce(x, axis=None, keepdims=False):
        return made(x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)
    reduce.__name__, reduce.__doc__ = name, f"{name} over `axis` (a number, a list or None for all)"
    return reduce


sum, prod, max, min, any, all = (_reduction(n) for n in ("sum", "prod", "max", "min", "any", "all"))
_mean, _var, _std = (_reduction(n) for n in ("mean", "var", "std"))


def _floats(x):
    return ops.cast(x, floatx()) if str(getattr(x, "dtype", "float32")) == "bool" else x


def mean(x, axis=None, keepdims=False):
    return _mean(_floats(x), axis, keepdims)


def var(x, axis=None, keepdims=False):
    return _var(_floats(x), axis, keepdims)


def std(x, axis=None, keepdims=False):
    return _std(_floats(x), axis, keepdims)


def argmax(x, axis=-1):
    return ops.argmax(x, axis=axis)


def argmin(x, axis=-1):
    return ops.argmin(x, axis=axis)


def cumsum(x, axis=0):
    return ops.cumsum(x, axis=axis)


def cumprod(x, axis=0):
    return ops.cumprod(x, axis=axis)


# ---------------------------------------------------------------- shapes
def reshape(x, shape):
    return ops.reshape(x, tuple(shape))


def flatten(x):
    """All elements in one axis"""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """(batch, all the rest)"""
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:])))) if None not in x.shape[1:] else ops.reshape(x, (ops.shape(x)[0], -1))


def expand_dims(x, axis=-1):
    return ops.expand_dims(x, axis)


def concatenate(tensors, axis=-1):
    return ops.concatenate(list(tensors), axis=axis)


def stack(x, axis=0):
    return ops.stack(list(x), axis=axis)


def one_hot(indices, num_classes):
    return ops.one_hot(indices, num_classes)


def gather(reference, indices):
    return ops.take(reference, indices, axis=0)


def repeat(x, n):
    """(batch, d) -> (batch, n, d)"""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x, rep, axis):
    return ops.repeat(x, rep, axis=axis)


def tile(x, n):
    return ops.tile(x, (n,) * len(x.shape) if isinstance(n, int) else n)


def reverse(x, axes):
    return ops.flip(x, axis=axes)


def arange(start, stop=None, step=1, dtype="int32"):
    return ops.arange(start, stop, step, dtype=dtype)


def _pad(x, pairs, data_format):
    pairs = [tuple(p) for p in pairs]
    first = (data_format or image_data_format()) == "channels_first"
    return ops.pad(x, [(0, 0)] + ([(0, 0)] + pairs if first else pairs + [(0, 0)]))


def temporal_padding(x, padding=(1, 1)):
    return _pad(x, [padding], "channels_last")


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    return _pad(x, padding, data_format)


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    return _pad(x, padding, data_format)


def _resize(x, factors, data_format):
    first = (data_format or image_data_format()) == "channels_first"
    for k, factor in enumerate(factors):
        x = ops.repeat(x, factor, axis=k + (2 if first else 1))
    return x


def resize_images(x, height_factor, width_factor, data_format=None, interpolation="nearest"):
    if interpolation == "nearest":
        return _resize(x, (height_factor, width_factor), data_format)
    from fastdl.layers import UpSampling2D
    return UpSampling2D((height_factor, width_factor), data_format=data_format, interpolation=interpolation)(x)


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format=None):
    return _resize(x, (depth_factor, height_factor, width_factor), data_format)


# ---------------------------------------------------------------- products and convolutions
def dot(x, y):
    """The last axis of x against the last axis but one of y"""
    return ops.matmul(x, y) if len(x.shape) == len(y.shape) == 2 else ops.dot(x, y)


def batch_dot(x, y, axes=None):
    """For each sample: the product over axes[0] of x and axes[1] of y"""
    from fastdl.ops import einsum
    nx, ny = len(x.shape), len(y.shape)
    axes = (nx - 1, ny - 2 if ny > 2 else 1) if axes is None else (axes, axes) if isinstance(axes, int) else tuple(axes)
    a, b = axes[0] % nx, axes[1] % ny
    xs, ys = "b" + "cdefghij"[:nx - 1], "b" + "klmnopqr"[:ny - 1]
    ys = ys[:b] + xs[a] + ys[b + 1:]
    out = xs[:a] + xs[a + 1:] + (ys[:b] + ys[b + 1:])[1:]
    y = einsum(f"{xs},{ys}->{out}", x, y)
    return ops.expand_dims(y, 1) if len(out) == 1 else y


def bias_add(x, bias, data_format=None):
    if (data_format or image_data_format()) == "channels_first" and len(x.shape) > 2:
        bias = ops.reshape(bias, (1, -1) + (1,) * (len(x.shape) - 2))
    return x + bias


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    if padding == "causal":
        x, padding = temporal_padding(x, (dilation_rate * (kernel.shape[0] - 1), 0)), "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)):
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d_transpose(x, kernel, output_shape=None, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.conv_transpose(x, kernel, strides, padding, data_format=data_format, dilation_rate=dilation_rate)


def depthwise_conv2d(x, depthwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv2d(x, depthwise_kernel, pointwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    made = ops.max_pool if pool_mode == "max" else ops.average_pool
    return made(x, pool_size, strides, padding, data_format)


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """(x - mean) / sqrt(var + epsilon) gamma + beta"""
    return ops.batch_normalization(x, mean, var, axis, offset=beta, scale=gamma, epsilon=epsilon)


# ---------------------------------------------------------------- loops and sequences
def rnn(step_function, inputs, initial_states, go_backwards=False, mask=None, constants=None, unroll=False, input_length=None,
        time_major=False, zero_output_for_mask=False, return_all_outputs=True):
    """(last output, outputs, states) of step_function(x_t, states) over axis 1, or over axis 0 where time_major"""
    if time_major:
        turn = lambda x: None if x is None else ops.swapaxes(x, 0, 1)
        last, all_, states = rnn(step_function, turn(inputs), initial_states, go_backwards, turn(mask), constants, unroll, input_length,
                                 False, zero_output_for_mask, return_all_outputs)
        return last, turn(all_), states
    from fastdl.layers import loop
    extra = list(constants or ())
    return loop.rnn(lambda x, s: step_function(x, list(s) + extra), inputs, list(initial_states), mask=mask, go_backwards=go_backwards,
                    zero_output_for_mask=zero_output_for_mask, return_all_outputs=return_all_outputs)


def map_fn(fn, elems, name=None, dtype=None):
    return ops.stack([fn(elems[k]) for k in range(elems.shape[0])])


def foldl(fn, elems, initializer=None, name=None):
    value, first = (elems[0], 1) if initializer is None else (initializer, 0)
    for k in range(first, elems.shape[0]):
        value = fn(value, elems[k])
    return value


def foldr(fn, elems, initializer=None, name=None):
    return foldl(fn, ops.flip(elems, axis=0), initializer)


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """(batch, 1): the CTC loss of each sample; y_pred (batch, time, classes) after softmax, the last class is the blank"""
    blank = y_pred.shape[-1] - 1
    log_p = ops.log(y_pred + epsilon())
    loss = ops.ctc_loss(ops.cast(y_true, "int32"), log_p, ops.cast(ops.reshape(label_length, (-1,)), "int32"),
                        ops.cast(ops.reshape(input_length, (-1,)), "int32"), mask_index=blank)
    return ops.expand_dims(loss, 1)


def ctc_decode(y_pred, input_length, greedy=True, beam_width=100, top_paths=1):
    """([labels of each path, -1 where it ended], scores); the last class is the blank"""
    decoded, scores = ops.ctc_decode(ops.log(y_pred + epsilon()), input_length, strategy="greedy" if greedy else "beam_search",
                                     beam_width=beam_width, top_paths=top_paths, mask_index=y_pred.shape[-1] - 1)
    return [decoded[k] for k in range(decoded.shape[0])], scores


# ---------------------------------------------------------------- graphs
class _Gradients(symbolic.Operation):
    """In a graph: d loss / d source for each source."""

    def __init__(self):
        self.name = symbolic.auto_name("gradients")
        self._inbound_nodes, self._outbound_nodes = [], []

    def __call__(self, *args):
        raise TypeError("K.gradients(loss, variables) belongs to a graph that K.function runs")


def gradients(loss, variables):
    """d loss / d variable, as many as there are variables: symbolic where loss is, for K.function to compute

    >>> x = placeholder((2,)); float(function([x], gradients(sum(square(x)), [x]))([[1.0, 3.0]])[0][1])
    6.0
    """
    sources = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    losses = list(loss) if isinstance(loss, (list, tuple)) else [loss]
    if not _builtins.any(isinstance(x, KerasTensor) for x in losses):
        raise ValueError("K.gradients wants a symbolic loss, made of Input or placeholder tensors. For computed tensors: "
                         "with fastdl.GradientTape() as tape: ...; tape.gradient(loss, variables)")
    made = [KerasTensor(v.shape, v.dtype) for v in sources]
    symbolic.Node(_Gradients(), (losses, sources), {}, made)
    return made


def _parents(t):
    history = t._keras_history
    return history[0]._inbound_nodes[history[1]].input_tensors if history else []


def _ordered(outputs, inputs):
    """The nodes between inputs and outputs, each after those it needs."""
    known, done, order = {id(t) for t in inputs}, set(), []
    todo = [(t, False) for t in reversed(outputs)]
    while todo:
        t, ready = todo.pop()
        if not isinstance(t, KerasTensor) or id(t) in known:
            continue
        history = t._keras_history
        node = history[0]._inbound_nodes[history[1]] if history else None
        if node is None or not node.input_tensors:
            raise ValueError(f"K.function: the outputs need {getattr(t, 'name', t)!r} {t.shape}, which is not among the inputs")
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            order.append(node)
        else:
            todo.append((t, True))
            todo += [(p, False) for p in reversed(node.input_tensors)]
    return order


class Function:
    """f(list of arrays) -> list of arrays: a graph between symbolic tensors, compiled"""

    def __init__(self, inputs, outputs, updates=None, name=None, **kwargs):
        self.inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self.name = name or "function"
        self.updates = [u for u in updates or () if isinstance(u, tuple)]
        self._tensors = [t for t in self.inputs if isinstance(t, KerasTensor)]
        self._nodes = _ordered(self.outputs + [new for _, new in self.updates], self._tensors)
        self._gradients = [n for n in self._nodes if isinstance(n.operation, _Gradients)]
        self._sources = {id(t) for n in self._gradients for t in n.args[1]}
        self._run = _compiled(self._walk)

    def _walk(self, training, *arrays):
        values = {id(t): a for t, a in zip(self._tensors, arrays)}
        calls = _stack("calls")
        calls.append(CallContext(training, None))
        try:
            with GradientTape(persistent=True) if self._gradients else contextlib.nullcontext() as tape:
                watch = lambda t: tape.watch(values[id(t)]) if id(t) in self._sources and isinstance(values[id(t)], Tensor) else None
                for t in self._tensors:
                    watch(t)
                for node in self._nodes:
                    args, kwargs = node.fill(values)
                    if isinstance(node.operation, _Gradients):
                        made = tape.gradient(args[0], args[1], unconnected_gradients="zero")
                    else:
                        made = node.operation(*args, **kwargs)
                    for t, y in zip(node.output_tensors, _leaves(made)):
                        values[id(t)] = y
                        watch(t)
        finally:
            calls.pop()
        get = lambda t: values[id(t)] if isinstance(t, KerasTensor) else convert_to_tensor(t)
        out = [get(t) for t in self.outputs]
        for v, new in self.updates:
            v.assign(get(new))
        return out

    def __call__(self, inputs=()):
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(given) != len(self.inputs):
            raise ValueError(f"this K.function takes a list of {len(self.inputs)} inputs, got {len(given)}")
        training, arrays = bool(learning_phase()), []
        for t, x in zip(self.inputs, given):
            if isinstance(t, KerasTensor):
                arrays.append(convert_to_tensor(x, t.dtype))
            else:
                training = bool(x)
        return [np.array(y) for y in self._run(training, *arrays)]


def function(inputs, outputs, updates=None, **kwargs):
    """f([arrays]) -> [arrays] for symbolic inputs and outputs; learning_phase() may be an input

    >>> x = placeholder((None, 2)); function([x], [sum(x)])([np.ones((3, 2))])[0].item()
    6.0
    """
    return Function(inputs, outputs, updates, **kwargs)


def print_tensor(x, message=""):
    """Prints the value when it is computed outside a compiled step; returns x"""
    if isinstance(x, Tensor) and x._a is not None:
        print(message, x.numpy())
    return x


def set_image_dim_ordering(dim_ordering):
    set_image_data_format({"tf": "channels_last", "th": "channels_first"}[dim_ordering])


def image_dim_ordering():
    return {"channels_last": "tf", "channels_first": "th"}[image_data_format()]


def normalize_data_format(value):
    return (value or image_data_format()).lower()


def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """(normalised x, mean, variance) over reduction_axes"""
    mean, variance = ops.moments(x, list(reduction_axes))
    m, v = ops.moments(x, list(reduction_axes), keepdims=True)
    shape = m.shape
    y = (x - m) / ops.sqrt(v + epsilon)
    y = y * ops.reshape(gamma, shape) if gamma is not None else y
    return (y + ops.reshape(beta, shape) if beta is not None else y), mean, variance


def __getattr__(name):
    from fastdl.errors import did_you_mean
    raise AttributeError(f"fastdl.backend has no {name!r}.{did_you_mean(name, [k for k in globals() if k[0] != '_'])}")
