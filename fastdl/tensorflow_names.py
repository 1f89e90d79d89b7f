"""The names of TensorFlow that Keras programs use beside tf.keras, for install_as_keras: each is one of fastdl's own.

No TensorFlow is behind them; a name without a counterpart is an AttributeError that says so.
"""
import types

SAME = set("""abs add argsort broadcast_to cast cholesky cond convert_to_tensor cos cosh det divide einsum equal erf exp expand_dims
    eye floor greater greater_equal in_top_k inv is_tensor less less_equal linspace log logical_and logical_not logical_or maximum
    minimum mod moments multiply negative norm not_equal ones ones_like qr repeat reshape roll round rsqrt segment_sum sigmoid sign sin
    sinh size sqrt square squeeze stack stop_gradient subtract svd tan tanh tensordot tile top_k unstack vectorized_map while_loop
    zeros zeros_like""".split())
RENAMED = {
    "GradientTape": "GradientTape", "Variable": "Variable", "Tensor": "Tensor", "Dataset": "utils.dataset.Dataset",
    "concat": "ops.concatenate", "fill": "ops.full", "pow": "ops.power", "range": "ops.arange",
    "rank": "ops.ndim", "clip_by_value": "ops.clip", "reverse": "ops.flip", "is_nan": "ops.isnan", "atan2": "ops.arctan2",
    "reduce_mean": "ops.mean", "reduce_sum": "ops.sum", "reduce_max": "ops.max", "reduce_min": "ops.min",
    "reduce_prod": "ops.prod", "reduce_any": "ops.any", "reduce_all": "ops.all", "reduce_std": "ops.std",
    "reduce_variance": "ops.var", "reduce_logsumexp": "ops.logsumexp", "map_fn": "ops.map",
    "normal": "random.normal", "uniform": "random.uniform", "truncated_normal": "random.truncated_normal",
    "set_seed": "utils.set_random_seed", "resize": "ops.image.resize", "rgb_to_grayscale": "ops.image.rgb_to_grayscale",
}
RENAMED.update({f"nn.{k}": f"activations.{k}" for k in (
    "relu relu6 elu selu gelu silu swish softplus softsign leaky_relu softmax log_softmax").split()})
INSIDE = ("math", "nn", "linalg", "random", "image", "data", "config")             # tf.math.log is tf.log
DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 bool string".split()


def _own():
    """What has TensorFlow's arguments and not those of an op."""
    from . import losses, ops
    from .core import function as compiled

    def function(func=None, **_):
        return function if func is None else compiled.function(func)

    def TensorSpec(shape=None, dtype="float32", name=None):
        """What from_generator is told; the elements themselves say it."""

    def argmax(input, axis=0, output_type=None, name=None):
        return ops.argmax(input, axis=0 if axis is None else axis)

    def constant(value, dtype=None, shape=None, name=None):
        made = ops.convert_to_tensor(value, dtype)
        return made if shape is None else ops.broadcast_to(made, shape) if made.shape == () else ops.reshape(made, shape)

    def gather(params, indices, axis=0, **_):
        return ops.take(params, indices, axis=axis)

    def cumsum(x, axis=0, **_):
        return ops.cumsum(x, axis=axis)

    def shape(input, out_type=None, name=None):
        return ops.shape(input)

    def transpose(a, perm=None, **_):
        return ops.transpose(a, perm)

    def matmul(a, b, transpose_a=False, transpose_b=False, name=None):
        return ops.matmul(ops.swapaxes(a, -1, -2) if transpose_a else a, ops.swapaxes(b, -1, -2) if transpose_b else b)

    def where(condition, x=None, y=None, name=None):
        return ops.stack(ops.nonzero(condition), axis=-1) if x is None else ops.where(condition, x, y)

    def one_hot(indices, depth, on_value=1, off_value=0, axis=-1, dtype="float32", name=None):
        return ops.one_hot(indices, depth, axis=axis, dtype=dtype) * (on_value - off_value) + off_value

    def l2_normalize(x, axis=None, epsilon=1e-12, name=None):
        return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon))

    def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None):
        return ops.pad(tensor, paddings, mode.lower(), **({"constant_values": constant_values} if mode == "CONSTANT" else {}))

    def split(value, num_or_size_splits, axis=0, **_):
        many = num_or_size_splits
        return ops.split(value, many if isinstance(many, int) else [sum(many[:k]) for k in range(1, len(many))], axis=axis)

    def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None):
        return losses.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)

    def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None):
        return losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)

    def sigmoid_cross_entropy_with_logits(labels, logits, name=None):
        return ops.maximum(logits, 0) - logits * labels + ops.softplus(-ops.abs(logits))

    return {**{f.__name__: f for f in (
        function, TensorSpec, argmax, constant, gather, cumsum, shape, transpose, matmul, where, one_hot, l2_normalize, pad, split,
        softmax_cross_entropy_with_logits,
        sparse_softmax_cross_entropy_with_logits, sigmoid_cross_entropy_with_logits)},
        "argmin": lambda input, axis=0, **_: ops.argmin(input, axis=axis), "identity": lambda input, name=None: ops.copy(input),
        "matrix_transpose": lambda a, name=None: ops.swapaxes(a, -1, -2), "print": print, "newaxis": None, "AUTOTUNE": -1,
        "list_physical_devices": lambda kind=None: [], "run_functions_eagerly": lambda eagerly=True: None}


class TensorFlow(types.ModuleType):
    """`tensorflow`, and its parts such as tf.math."""

    def __init__(self, name):
        super().__init__(name)
        self.__path__, self.__version__ = [], "0"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        part = self.__name__.partition(".")[2]
        if not part and name in INSIDE:
            made = TensorFlow(f"{self.__name__}.{name}")
        elif name in DTYPES:
            made = name
        else:
            from .compat import resolve
            dotted = RENAMED.get(f"{part}.{name}") or RENAMED.get(name) or (f"ops.{name}" if name in SAME else None)
            own = None if dotted else _own()
            if dotted is None and name not in own:
                from .errors import did_you_mean
                raise AttributeError(f"fastdl stands in for TensorFlow here, and has no `{self.__name__}.{name}`."
                                     f"{did_you_mean(name, [*SAME, *RENAMED, *own])} It has tf.keras, tf.GradientTape, tf.data.Dataset and "
                                     "common functions of arrays; keras.ops has the others, under NumPy's names.")
            made = resolve(dotted) if dotted else own[name]
        setattr(self, name, made)
        return made
