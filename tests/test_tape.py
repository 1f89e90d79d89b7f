"""GradientTape outside of models: higher orders, persistence, unconnected gradients, jacobians."""
import numpy as np
import pytest

from fastdl import GradientTape, Variable, ops


def test_second_derivative_of_a_square():
    x = Variable(3.0)
    with GradientTape() as outer:
        with GradientTape() as tape:
            y = x ** 2
        dy = tape.gradient(y, x)
    assert float(dy) == 6.0
    assert float(outer.gradient(dy, x)) == 2.0


def test_watch_makes_a_constant_count():
    x = ops.convert_to_tensor([1.0, 2.0, 3.0])
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(x * x * x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [3.0, 12.0, 27.0], rtol=1e-6)


def test_unwatched_is_none_or_zero():
    x, z = Variable([1.0, 2.0]), Variable([5.0])
    with GradientTape(persistent=True) as tape:
        y = ops.sum(x * 2.0)
    assert tape.gradient(y, [x, z])[1] is None
    assert tape.gradient(y, z, unconnected_gradients="zero").numpy().tolist() == [0.0]


def test_a_tape_gives_its_gradient_once():
    x = Variable(1.0)
    with GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, x)


def test_jacobian_of_a_linear_map_is_its_matrix():
    a = np.arange(6, dtype="float32").reshape(2, 3)
    x = Variable(np.ones((3, 1), "float32"))
    with GradientTape() as tape:
        y = ops.matmul(a, x)
    np.testing.assert_allclose(tape.jacobian(y, x).numpy().reshape(2, 3), a)


def test_gradient_penalty_trains_through_a_gradient():
    w = Variable([[0.5], [-1.5]])
    x = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(x)
            y = ops.sum(ops.square(ops.matmul(x, w)))
        g = inner.gradient(y, x)
        penalty = ops.sum(ops.square(g))
    got = outer.gradient(penalty, w).numpy()

    def value(v):
        s = x.numpy().astype("float64") @ v
        return np.sum((2 * s @ v.T) ** 2)
    v, e = w.numpy().astype("float64"), 1e-6
    want = [(value(v + e * d) - value(v - e * d)) / (2 * e) for d in (np.array([[1.0], [0]]), np.array([[0], [1.0]]))]
    np.testing.assert_allclose(got.ravel(), want, rtol=1e-5)


def test_hand_written_training_loop_learns_a_line():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 1)).astype("float32")
    y = 3.0 * x - 1.0
    w, b = Variable([[0.0]]), Variable([0.0])
    for _ in range(200):
        with GradientTape() as tape:
            loss = ops.mean(ops.square(ops.matmul(x, w) + b - y))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.1 * dw)
        b.assign_sub(0.1 * db)
    assert abs(w.numpy().item() - 3.0) < 1e-3 and abs(b.numpy().item() + 1.0) < 1e-3
