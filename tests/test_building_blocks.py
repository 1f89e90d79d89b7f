"""Activations, initializers, regularizers, constraints, random numbers and their configs."""
import json
import math

import numpy as np
import pytest

import fastdl
from fastdl import activations, constraints, initializers, layers, ops, random, regularizers, saving, utils
from fastdl.core.function import function
from fastdl.core.tensor import Tensor, Variable
from fastdl.errors import FileError
from fastdl.saving import serialization

X = np.concatenate([np.linspace(-8, 8, 97), [0.0, -1.0, 1.0, 0.5, -0.5, 3.0, -3.0]]).astype("float32")
sigma = lambda x: 1 / (1 + np.exp(-x))
softplus = lambda x: np.logaddexp(x, 0)
erf = np.vectorize(math.erf)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sparsemax(x):
    z = -np.sort(-x, -1)
    k = np.arange(1, x.shape[-1] + 1)
    support = 1 + k * z > np.cumsum(z, -1)
    n = support.sum(-1, keepdims=True)
    tau = (np.where(support, z, 0).sum(-1, keepdims=True) - 1) / n
    return np.maximum(x - tau, 0)


FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x < 0, 0.2 * x, x),
    "elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "celu": lambda x: np.where(x < 0, np.expm1(x), x),
    "selu": lambda x: 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(x), x),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "sigmoid": sigma,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "log_sigmoid": lambda x: -softplus(-x),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "silu": lambda x: x * sigma(x),
    "swish": lambda x: x * sigma(x),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "softplus": softplus,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "exponential": np.exp,
    "mish": lambda x: x * np.tanh(softplus(x)),
}


# ---------------------------------------------------------------- activations
@pytest.mark.parametrize("name", FORMULAS)
def test_activation_values(name):
    y = activations.get(name)(fastdl.ops.convert_to_tensor(X)).numpy()
    np.testing.assert_allclose(y, FORMULAS[name](X.astype("float64")), rtol=3e-6, atol=2e-6)


def test_activation_arguments():
    x = X.astype("float64")
    close = lambda y, want: np.testing.assert_allclose(y.numpy(), want, rtol=3e-6, atol=2e-6)
    close(activations.relu(X, negative_slope=0.3, max_value=2.0, threshold=1.0), np.where(x > 1, np.minimum(x, 2), 0.3 * (x - 1)))
    close(activations.relu(X, max_value=4.0), np.clip(x, 0, 4))
    close(activations.relu(X, threshold=1.5), np.where(x > 1.5, x, 0))
    close(activations.relu(X, negative_slope=0.1), np.where(x < 0, 0.1 * x, x))
    close(activations.elu(X, alpha=2.0), np.where(x < 0, 2 * np.expm1(x), x))
    close(activations.celu(X, alpha=2.0), np.where(x < 0, 2 * np.expm1(x / 2), x))
    close(activations.gelu(X, approximate=True), 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))))
    close(activations.threshold(X, 0.7, -2.0), np.where(x > 0.7, x, -2))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_activations_along_an_axis(axis):
    x = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    np.testing.assert_allclose(activations.softmax(x, axis=axis).numpy(), softmax(x, axis), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(activations.log_softmax(x, axis=axis).numpy(), np.log(softmax(x, axis)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(activations.sparsemax(x, axis=axis).numpy(), np.moveaxis(sparsemax(np.moveaxis(x, axis, -1)), -1, axis), rtol=1e-5, atol=1e-6)
    a, b = np.split(x, 2, axis)
    np.testing.assert_allclose(activations.glu(x, axis=axis).numpy(), a * sigma(b), rtol=1e-5, atol=1e-6)


def test_activations_remember_logits():
    x = ops.convert_to_tensor(X)
    for name in ("softmax", "sigmoid"):
        kind, logits = activations.get(name)(x)._keras_logits
        assert kind == name and logits is x


def test_activation_lookup():
    assert activations.get(None) is activations.linear
    assert activations.get("relu") is activations.relu and activations.get(math.tanh) is math.tanh
    assert [activations.serialize(activations.get(n)) for n in ("relu", "swish", "softmax")] == ["relu", "silu", "softmax"]
    with pytest.raises(ValueError, match='Did you mean "relu"'):
        activations.get("rellu")
    with pytest.raises(ValueError, match="a name or a function"):
        activations.get(3)
    for name, f in activations.FUNCTIONS.items():
        assert activations.deserialize(activations.serialize(f)) is f and callable(getattr(activations, name))


# ---------------------------------------------------------------- initializers
def std_of(name, fan_in, fan_out):
    return {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}[name.split("_")[0]] ** 0.5


@pytest.mark.parametrize("name", [f"{a}_{b}" for a in ("glorot", "he", "lecun") for b in ("uniform", "normal")])
@pytest.mark.parametrize("shape,fans", [((400, 300), (400, 300)), ((5, 4, 60, 80), (1200, 1600))])
def test_scaled_initializers(name, shape, fans):
    y = initializers.get(name)(shape).numpy().astype("float64")
    n, std = y.size, std_of(name, *fans)
    assert y.shape == shape
    assert abs(y.mean()) < 5 * std / math.sqrt(n) and abs(y.std() / std - 1) < 5 / math.sqrt(n)
    assert np.abs(y).max() <= (math.sqrt(3) if "uniform" in name else 2 / initializers.TRUNCATED_STD) * std * (1 + 1e-6)
    assert np.abs(y).max() > (1.7 if "uniform" in name else 2.2) * std


@pytest.mark.parametrize("made,mean,std,kurtosis", [
    (initializers.RandomNormal(1.0, 2.0), 1, 2, 3), (initializers.RandomUniform(-1, 3), 1, 4 / math.sqrt(12), 1.8),
    (initializers.TruncatedNormal(1.0, 2.0), 1, 2 * initializers.TRUNCATED_STD, 2.366), (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal"), 0, 0.1, 3)])
def test_moments(made, mean, std, kurtosis):
    y = made((300, 300)).numpy().astype("float64")
    z = (y - mean) / std
    n = y.size
    assert abs(z.mean()) < 5 / math.sqrt(n) and abs(z.std() - 1) < 5 / math.sqrt(n) and abs((z ** 4).mean() - kurtosis) < 60 / math.sqrt(n)
    assert abs((z ** 3).mean()) < 20 / math.sqrt(n)
    assert abs(np.corrcoef(z.ravel()[:-1], z.ravel()[1:])[0, 1]) < 5 / math.sqrt(n)


def test_truncated_normal_is_the_quantile_function():
    """Against the distribution function: P(z) of a truncated normal is uniform."""
    z = np.sort(initializers.TruncatedNormal(0.0, 1.0, seed=5)((20000,)).numpy().astype("float64"))
    p = (0.5 * (1 + erf(z / math.sqrt(2))) - 0.022750131948179195) / 0.9544997361036416
    assert np.abs(z).max() < 2 and np.abs(p - (np.arange(20000) + 0.5) / 20000).max() < 2 / math.sqrt(20000)


def test_constants():
    assert initializers.get("zeros")((2, 3)).numpy().tolist() == [[0] * 3] * 2
    assert initializers.get("ones")((3,), "int32").dtype == "int32"
    assert initializers.Constant(2.5)((2,)).numpy().tolist() == [2.5, 2.5]
    assert initializers.Constant([1.0, 2.0])((3, 2)).numpy().tolist() == [[1, 2]] * 3
    assert initializers.get(np.arange(2.0))((2,)).numpy().tolist() == [0, 1]
    assert initializers.Identity(2.0)((2, 3)).numpy().tolist() == [[2, 0, 0], [0, 2, 0]]
    assert initializers.Zeros()((0, 3)).shape == (0, 3) and initializers.GlorotUniform()(()).shape == ()
    with pytest.raises(ValueError, match="broadcasts"):
        initializers.Constant([1.0, 2.0])((3,))
    with pytest.raises(ValueError, match="float dtype"):
        initializers.RandomNormal()((3,), "int32")


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (3, 3, 5, 20), (7, 7)])
def test_orthogonal(shape):
    y = initializers.Orthogonal(gain=1.5)(shape).numpy().reshape(-1, shape[-1])
    y = y if y.shape[0] >= y.shape[1] else y.T
    np.testing.assert_allclose(y.T @ y, 2.25 * np.eye(y.shape[1]), atol=1e-5)


def test_fans():
    fans = initializers.compute_fans
    assert [fans(()), fans((3,)), fans((3, 4)), fans((5, 3, 4)), fans((2, 5, 3, 4))] == [(1, 1), (3, 3), (3, 4), (15, 20), (30, 40)]


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "random_normal", "random_uniform", "truncated_normal", "orthogonal"])
def test_seeds(name):
    cls, draw = type(initializers.get(name)), lambda i: i((9, 7)).numpy()
    fixed = cls(seed=3)
    np.testing.assert_array_equal(draw(fixed), draw(fixed))
    np.testing.assert_array_equal(draw(fixed), draw(cls(seed=3)))
    assert not np.array_equal(draw(fixed), draw(cls(seed=4)))
    free = cls()
    assert not np.array_equal(draw(free), draw(free))
    utils.set_random_seed(11)
    first = draw(free), draw(cls())
    utils.set_random_seed(11)
    np.testing.assert_array_equal(first, (draw(free), draw(cls())))
    generator = random.SeedGenerator(3)
    of_generator = cls(seed=generator)
    assert not np.array_equal(draw(of_generator), draw(of_generator))


def test_initializer_lookup():
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform) and initializers.get(None) is None
    assert isinstance(initializers.get(initializers.HeNormal), initializers.HeNormal)
    assert initializers.get({"class_name": "he_normal", "config": {"seed": 3}}).seed == 3
    f = lambda shape, dtype=None: np.full(shape, 7.0)
    assert initializers.get(f) is f
    with pytest.raises(ValueError, match='Did you mean "he_normal"'):
        initializers.get("he_norml")
    with pytest.raises(ValueError, match='Did you mean "fan_in"'):
        initializers.VarianceScaling(mode="fanin")
    for bad in (-1, 1.5, "a", True):
        with pytest.raises((ValueError, TypeError), match="seed"):
            initializers.GlorotUniform(seed=bad)


@pytest.mark.parametrize("name", sorted(k for k, v in vars(initializers).items() if isinstance(v, type) and issubclass(v, initializers.Initializer)
                                        and k not in ("Initializer", "RandomInitializer")))
def test_initializer_round_trip(name):
    made = getattr(initializers, name)()
    config = json.loads(json.dumps(initializers.serialize(made)))
    back = initializers.deserialize(config)
    assert type(back) is type(made) and back.get_config() == made.get_config() and config["module"] == "keras.initializers"
    assert type(initializers.get(name)) is type(made) and back.clone().get_config() == made.get_config()


# ---------------------------------------------------------------- regularizers
W = np.random.default_rng(1).normal(size=(6, 5)).astype("float32")


@pytest.mark.parametrize("made,want", [
    (regularizers.L1(0.3), 0.3 * np.abs(W).sum()), (regularizers.L2(0.3), 0.3 * (W * W).sum()), (regularizers.L1L2(0.3, 0.2), 0.3 * np.abs(W).sum() + 0.2 * (W * W).sum()),
    (regularizers.L1L2(), 0.0), (regularizers.get("l2"), 0.01 * (W * W).sum()), (regularizers.get("l1"), 0.01 * np.abs(W).sum()),
    (regularizers.l1_l2(l1=0.1), 0.1 * np.abs(W).sum())])
def test_regularizers(made, want):
    y = made(Variable(W))
    assert y.shape == () and math.isclose(float(y), want, rel_tol=1e-5)
    assert made.from_config(made.get_config()).get_config() == made.get_config()
    assert regularizers.deserialize(json.loads(json.dumps(regularizers.serialize(made)))).get_config() == made.get_config()


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_regularizer(mode):
    w = W if mode == "rows" else W.T
    w = w / np.linalg.norm(w, axis=1, keepdims=True)
    n = len(w)
    want = 0.3 * np.abs(w @ w.T)[~np.eye(n, dtype=bool)].mean()
    assert math.isclose(float(regularizers.OrthogonalRegularizer(0.3, mode)(W)), want, rel_tol=1e-5)


def test_regularizers_have_gradients():
    w = Variable(W)
    with fastdl.GradientTape() as tape:
        y = regularizers.L1L2(0.3, 0.2)(w)
    np.testing.assert_allclose(tape.gradient(y, w).numpy(), 0.3 * np.sign(W) + 0.4 * W, rtol=1e-5)


def test_regularizer_refusals():
    for bad in (-1, "a", float("nan"), float("inf")):
        with pytest.raises(ValueError, match="number of 0 or more"):
            regularizers.L2(bad)
    with pytest.raises(ValueError, match='Did you mean "l1"'):
        regularizers.get("L11")
    fastdl.config.set_compat("keras2")
    try:
        assert regularizers.l1_l2().get_config() == {"l1": 0.01, "l2": 0.01}
    finally:
        fastdl.config.set_compat("keras3")


# ---------------------------------------------------------------- constraints
def norms(w, axis=0):
    return np.sqrt((w * w).sum(axis, keepdims=True))


@pytest.mark.parametrize("axis", [0, 1])
def test_constraints(axis):
    n = norms(W, axis)
    close = lambda y, want: np.testing.assert_allclose(y.numpy(), want, rtol=1e-5, atol=1e-6)
    close(constraints.MaxNorm(1.5, axis)(W), W * np.minimum(n, 1.5) / n)
    close(constraints.UnitNorm(axis)(W), W / n)
    close(constraints.MinMaxNorm(1.0, 2.0, 0.5, axis)(W), W * (0.5 * np.clip(n, 1, 2) + 0.5 * n) / n)
    close(constraints.NonNeg()(W), np.maximum(W, 0))


def test_constraint_of_a_convolution():
    w = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype("float32")
    y = constraints.MaxNorm(0.5, axis=[0, 1, 2])(w).numpy()
    np.testing.assert_allclose(norms(y, (0, 1, 2)), 0.5, rtol=1e-5)


@pytest.mark.parametrize("name", ["max_norm", "non_neg", "unit_norm", "min_max_norm", "MaxNorm", "NonNeg"])
def test_constraint_round_trip(name):
    made = constraints.get(name)
    back = constraints.deserialize(json.loads(json.dumps(constraints.serialize(made))))
    assert type(back) is type(made) and back.get_config() == made.get_config()


def test_constraint_lookup():
    assert constraints.get(None) is None and constraints.get(abs) is abs
    with pytest.raises(ValueError, match='Did you mean "max_norm"'):
        constraints.get("maxnrm")
    with pytest.raises(ValueError, match="Constraint or a function"):
        constraints.get(3)


# ---------------------------------------------------------------- random
def test_generator_counts():
    g = random.SeedGenerator(7)
    assert [g.next().numpy().tolist() for _ in range(3)] == [[7, 0], [7, 1], [7, 2]]
    assert g.get_config()["seed"] == 7 and random.SeedGenerator.from_config(g.get_config()).seed == 7
    assert g.state.dtype == "uint32" and not g.state.trainable
    with pytest.raises(ValueError, match="seed"):
        random.SeedGenerator(-1)


def test_generator_inside_a_plan():
    eager, traced = random.SeedGenerator(5), random.SeedGenerator(5)
    step = function(lambda x: (random.dropout(x, 0.5, seed=traced), random.normal((4,), seed=traced)))
    x = np.ones(64, "float32")
    for _ in range(3):
        got = step(x)
        np.testing.assert_array_equal(got[0].numpy(), random.dropout(x, 0.5, seed=eager).numpy())
        np.testing.assert_array_equal(got[1].numpy(), random.normal((4,), seed=eager).numpy())
    np.testing.assert_array_equal(traced.state.numpy(), [5, 6])


def test_global_generator_inside_a_plan():
    step = function(lambda x: random.dropout(x, 0.5))
    x = np.ones(64, "float32")
    utils.set_random_seed(3)
    first = [step(x).numpy() for _ in range(2)]
    utils.set_random_seed(3)
    np.testing.assert_array_equal(first, [step(x).numpy() for _ in range(2)])
    assert not np.array_equal(*first)


def test_dropout_gradient_uses_the_same_mask():
    x, g = Variable(np.ones(100, "float32")), random.SeedGenerator(1)
    with fastdl.GradientTape() as tape:
        y = random.dropout(x, 0.4, seed=g)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), y.numpy())


def test_dropout():
    x = Tensor(np.ones((200, 50), "float32"))
    assert random.dropout(x, 0) is x and not random.dropout(x, 1.0).numpy().any()
    y = random.dropout(x, 0.25, noise_shape=(None, 1), seed=1).numpy()
    assert (y == y[:, :1]).all() and 0.1 < (y[:, 0] == 0).mean() < 0.4
    for bad in (-0.1, 1.5, "a"):
        with pytest.raises(ValueError, match="rate"):
            random.dropout(x, bad)
    with pytest.raises(ValueError, match="noise_shape"):
        random.dropout(x, 0.5, noise_shape=(3, 1))


def test_random_functions():
    n = 40000
    u = random.uniform((n,), -1, 3, seed=1).numpy()
    assert u.dtype == np.float32 and -1 <= u.min() and u.max() < 3 and abs(u.mean() - 1) < 5 * 1.155 / math.sqrt(n)
    assert random.normal((3,), dtype="float64").dtype == "float64" and random.normal((0,)).shape == (0,)
    z = random.truncated_normal((2000,), 1.0, 2.0, seed=1).numpy()
    assert -3 <= z.min() and z.max() <= 5
    k = random.randint((n,), -2, 3, seed=1).numpy()
    assert k.dtype == np.int32 and set(k) == {-2, -1, 0, 1, 2} and np.bincount(k + 2).min() > n / 5 - 5 * math.sqrt(n * 0.16)
    c = random.categorical(np.log([[0.1, 0.2, 0.7], [1 / 3] * 3]), n, seed=1).numpy()
    assert c.shape == (2, n) and c.dtype == np.int32
    np.testing.assert_allclose(np.bincount(c[0]) / n, [0.1, 0.2, 0.7], atol=0.012)
    x = np.arange(12).reshape(4, 3)
    s = random.shuffle(x, axis=1, seed=2).numpy()
    assert sorted(s[0]) == [0, 1, 2] and (s - s[:1] == x - x[:1]).all()
    assert abs(random.gamma((n,), 3.0, seed=1).numpy().mean() - 3) < 0.06
    assert abs(random.beta((n,), 1.0, 3.0, seed=1).numpy().mean() - 0.25) < 0.01
    assert abs(random.binomial((n,), 10, 0.3, seed=1).numpy().mean() - 3) < 0.05
    np.testing.assert_array_equal(random.normal((3,), seed=4).numpy(), random.normal((3,), seed=4).numpy())
    assert random.normal((2,), mean=np.zeros(2, "float32")).shape == (2,)
    with pytest.raises(ValueError, match="maxval"):
        random.randint((3,), 5, 5)


# ---------------------------------------------------------------- configs
dump = lambda x: json.loads(json.dumps(saving.serialize_keras_object(x)))
back = saving.deserialize_keras_object


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "text", [1, [2.5, "a"]], {"a": {"b": [1]}}, slice(1, None, 2), b"bytes", Ellipsis, np.float32, int])
def test_plain_values(value):
    assert back(dump(value)) == value


def test_tuples_and_arrays():
    assert saving.serialize_keras_object((1, (2, 3))) == (1, (2, 3)) and back((1, 2)) == (1, 2)
    assert back({"class_name": "__tuple__", "items": [1, 2]}) == (1, 2)
    assert dump(np.dtype("int32")) == "int32" and dump(np.float32(0.5)) == 0.5
    a = np.arange(6, dtype="int32").reshape(2, 3)
    np.testing.assert_array_equal(back(dump(a)), a)
    t = back(dump(Tensor(a)))
    assert isinstance(t, Tensor) and t.dtype == "int32" and t.shape == (2, 3)


def test_shape_of_configs():
    assert dump(initializers.GlorotUniform()) == {"module": "keras.initializers", "class_name": "GlorotUniform",
                                                  "config": {"seed": None, "input_axes": None, "output_axes": None}, "registered_name": None}
    assert dump(activations.relu) == {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}
    assert dump(random.SeedGenerator(4, name="g")) == {"module": "keras.random", "class_name": "SeedGenerator", "config": {"seed": 4, "name": "g"}, "registered_name": None}
    dense = dump(layers.Dense(3, kernel_regularizer="l2"))
    assert dense["module"] == "keras.layers" and dense["registered_name"] is None and dense["config"]["kernel_regularizer"]["class_name"] == "L2"


def test_keras_2_configs():
    assert isinstance(back({"class_name": "Dense", "config": {"units": 3}}), layers.Dense)
    assert isinstance(back({"module": "keras.src.layers.core.dense", "class_name": "Dense", "config": {"units": 3}}), layers.Dense)
    assert back({"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}) == "float32"
    assert back({"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "quantization_config": None}}).units == 3
    scaled = back({"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "normal", "seed": None}})
    assert scaled.distribution == "truncated_normal"


class Scale(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def halve(x):
    return x / 2


def test_custom_objects():
    config = dump(Scale(3.0))
    assert config["module"] == __name__ and config["registered_name"] == "Scale"
    assert back(config, custom_objects={"Scale": Scale}).factor == 3.0
    with saving.custom_object_scope({"Scale": Scale}):
        assert back(config).factor == 3.0
    with pytest.raises(FileError, match=r'custom_objects=\{"Scale": Scale\}'):
        back(config)
    with pytest.raises(FileError, match='Did you mean "Scale"'):
        back({**config, "class_name": "Scalee", "registered_name": None}, custom_objects={"Scale": Scale})
    assert back(dump(halve), custom_objects={"halve": halve}) is halve
    assert back({"loss": "halve"}, custom_objects={"halve": halve}) == {"loss": halve}
    with saving.CustomObjectScope({"halve": halve}):
        assert activations.get("halve") is halve
    with pytest.raises(FileError, match="Unknown function"):
        back(dump(halve))


def test_registered_objects():
    @saving.register_keras_serializable("pkg", name="Times")
    class Mine(Scale):
        pass

    f = saving.register_keras_serializable("pkg")(halve)
    try:
        config = dump(Mine(4.0))
        assert config["registered_name"] == "pkg>Times" and back(config).factor == 4.0 and type(back(config)) is Mine
        assert dump(f)["config"] == "pkg>halve" and back(dump(f)) is halve
        assert saving.get_registered_name(Mine) == "pkg>Times" and saving.get_registered_object("pkg>Times") is Mine
        assert saving.get_custom_objects()["pkg>Times"] is Mine
    finally:
        saving.get_custom_objects().pop("pkg>Times")
        saving.get_custom_objects().pop("pkg>halve")
    assert saving.get_registered_name(Mine) == "Mine"
    with pytest.raises(ValueError, match="get_config"):
        saving.register_keras_serializable()(type("Bare", (), {}))


def test_shared_objects_stay_one():
    layer = layers.Dense(2)
    with saving.ObjectSharingScope():
        config = saving.serialize_keras_object([layer, layers.Dense(2), layer])
    config = json.loads(json.dumps(config))
    assert config[0]["shared_object_id"] == config[2]["shared_object_id"] and "shared_object_id" not in config[1]
    with saving.ObjectSharingScope():
        a, b, c = back(config)
    assert a is c and a is not b


EVIL = [
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    {"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "function"},
    {"module": "builtins", "class_name": "type", "config": "object", "registered_name": "type"},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}, "registered_name": None},
    {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
    {"module": "fastdl.utils", "class_name": "set_random_seed", "config": {"seed": 1}},
    {"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization"},
    {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gASV"}},
    {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp"}},
    {"module": "keras.layers", "class_name": "importlib", "config": {}},
    {"module": "keras.initializers", "class_name": "np", "config": {}},
    {"class_name": "__lambda__", "config": {"value": ["4wEAAAAA", None, None]}},
    {"class_name": "Lambda", "config": {"function": ["4wEAAAAA", None, None], "function_type": "lambda"}},
    {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": {"class_name": "__lambda__", "config": {"value": "4wEAAAAA"}}}},
    {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "os.system"}},
    {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "kernel_initializer": {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}}},
    {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "activation": {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"}}},
    {"module": "keras.layers", "class_name": "Dense", "config": [3]},
    {"module": "keras.layers", "class_name": "Dense", "config": {"unitss": 3}},
    {"module": ["keras.layers"], "class_name": "Dense", "config": {"units": 3}},
    {"module": None, "class_name": "Dense", "config": {"units": 3}, "registered_name": "evil>Dense"},
    {"class_name": "__typespec__", "config": {}},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}},
    {"class_name": "__numpy__", "config": {"value": [[1], [1, 2]], "dtype": "float32"}},
    {"class_name": "__numpy__", "config": {"value": ["x"], "dtype": "float32"}},
    {"class_name": "__bytes__", "config": {"value": 3}},
    {"class_name": "__keras_tensor__", "config": {}},
    {"class_name": "Dense\x1b[31m", "config": {}},
]


@pytest.mark.parametrize("config", EVIL, ids=lambda c: f"{c.get('module')}-{c['class_name']}".encode("unicode_escape").decode())
@pytest.mark.parametrize("safe_mode", [True, False])
def test_what_files_may_not_say(config, safe_mode):
    with pytest.raises(FileError):
        back(config, safe_mode=safe_mode)
    with pytest.raises(FileError):
        back({"nested": [config]}, safe_mode=safe_mode)


def test_a_name_in_the_file_never_shadows_our_own():
    saving.get_custom_objects()["evil>Dense"] = Scale
    try:
        made = back({"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}, "registered_name": "evil>Dense"})
        assert type(made) is layers.Dense
    finally:
        saving.get_custom_objects().pop("evil>Dense")


def test_deep_configs_are_refused():
    config = []
    for _ in range(5000):
        config = [config]
    with pytest.raises(FileError, match="nests"):
        back(config)
    assert serialization._local.depth == 0


def test_lambdas_are_refused():
    with pytest.raises(ValueError, match="register_keras_serializable"):
        saving.serialize_keras_object(lambda x: x)
    with pytest.raises(ValueError, match="lambda"):
        activations.serialize(lambda x: x)
    with pytest.raises(TypeError, match="get_config"):
        saving.serialize_keras_object(object())
    with pytest.raises(TypeError, match="class Dense itself"):
        saving.serialize_keras_object(layers.Dense)


def test_lambda_layers_by_name():
    config = dump(layers.Lambda(halve))
    assert back(config, custom_objects={"halve": halve}).function is halve
    assert back({"class_name": "Lambda", "config": {"function": "halve", "function_type": "function", "module": "m"}}, custom_objects={"halve": halve}).function is halve


def test_an_error_in_the_graph_names_the_layer_and_the_open_sizes():
    start = fastdl.Input((4, 4, 1))
    with pytest.raises(ValueError, match=r"Layer 'narrow' \(Conv2D\).*\(None, 4, 4, 1\)"):
        fastdl.layers.Conv2D(3, 5, name="narrow")(start)
