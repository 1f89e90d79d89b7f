"""Tensors and variables: made, asked for their value and shape, filled at random, updated."""
import numpy as np

from fastdl import ops, random
from fastdl.config import floatx
from fastdl.core.tensor import Tensor, Variable, convert_to_tensor
from fastdl.ops import symbolic
from fastdl.ops.promotion import public
from fastdl.ops.symbolic import KerasTensor


def is_keras_tensor(x):
    return isinstance(x, KerasTensor)


def is_tensor(x):
    return isinstance(x, (Tensor, KerasTensor))


def is_sparse(tensor):
    return False


def to_dense(tensor):
    return tensor


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
    return variable(random.uniform(shape, low, high, seed=seed).numpy(), dtype, name)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    return variable(random.normal(shape, mean, scale, seed=seed).numpy(), dtype, name)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return random.normal(shape, mean, stddev, dtype=dtype, seed=seed)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    return random.uniform(shape, minval, maxval, dtype=dtype, seed=seed)


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    return ops.cast(random.uniform(shape, seed=seed) < p, dtype or floatx())


random_binomial = random_bernoulli


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=seed)


def dropout(x, level, noise_shape=None, seed=None):
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


def update(x, new_x):
    return x.assign(new_x) if not isinstance(new_x, KerasTensor) else (x, new_x)


def update_add(x, increment):
    return update(x, x + increment) if isinstance(increment, KerasTensor) else x.assign_add(increment)


def update_sub(x, decrement):
    return update(x, x - decrement) if isinstance(decrement, KerasTensor) else x.assign_sub(decrement)


def moving_average_update(x, value, momentum):
    """x = momentum x + (1 - momentum) value"""
    return update(x, x * momentum + value * (1.0 - momentum))


__all__ = public(globals())
