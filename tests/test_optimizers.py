"""Optimizers beyond Keras's numbers (those are in test_golden.py): plans, state, files, and the messages for wrong use."""
import re

import numpy as np
import pytest

import fastdl
from fastdl import Variable, optimizers
from fastdl.core.function import function
from fastdl.core.modes import reading

KINDS = [cls for cls in optimizers.ALL_OBJECTS.values()]
OPTIONS = {
    "SGD nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "RMSprop all": lambda: optimizers.RMSprop(0.1, momentum=0.5, centered=True, weight_decay=0.01),
    "Adam amsgrad": lambda: optimizers.Adam(0.1, amsgrad=True, clipnorm=0.5),
    "Adam schedule": lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 10), global_clipnorm=0.5),
    "SGD accumulation": lambda: optimizers.SGD(0.1, gradient_accumulation_steps=3),
    "Adam accumulation": lambda: optimizers.Adam(0.1, gradient_accumulation_steps=3, weight_decay=0.1),
    "Adam average": lambda: optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3),
    "SGD Keras 2": lambda: optimizers.SGD(lr=0.1, decay=0.5, momentum=0.9),
    **{cls.__name__: cls for cls in KINDS},
}


def weights():
    stream = np.random.RandomState(0)
    shapes = {"dense/kernel": (5, 3), "dense/bias": (3,), "dense_1/kernel": (3, 17)}
    made = []
    for path, shape in shapes.items():
        made.append(Variable(stream.standard_normal(shape).astype("float32"), name=path.split("/")[1]))
        made[-1].path = path
    return made


def gradients(step, variables):
    stream = np.random.RandomState(1000 + step)
    return [stream.standard_normal(v.shape).astype("float32") for v in variables]


def run(make, steps=7, compiled=False):
    variables, optimizer = weights(), make()
    optimizer.build(variables)
    step = function(lambda *grads: optimizer.apply(grads, variables)) if compiled else lambda *grads: optimizer.apply(grads, variables)
    for k in range(steps):
        step(*gradients(k, variables))
    return [v.numpy() for v in variables], optimizer, step


@pytest.mark.parametrize("name", OPTIONS)
def test_a_plan_makes_the_same_steps_bit_for_bit(name):
    eager, one, _ = run(OPTIONS[name])
    traced, two, step = run(OPTIONS[name], compiled=True)
    assert not step.eager and len(step.plans) == 1
    for a, b in zip(eager, traced):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(one.variables, two.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert int(one._iterations) == 7


@pytest.mark.parametrize("name", OPTIONS)
def test_float64_by_numpy_agrees(name):
    from fastdl.core.modes import Reference
    fast, _, _ = run(OPTIONS[name])
    with reading(Reference()):
        exact, _, _ = run(OPTIONS[name])
    for a, b in zip(fast, exact):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", OPTIONS)
def test_config_and_state_go_round(name):
    optimizer = OPTIONS[name]()
    config = optimizer.get_config()
    again = type(optimizer).from_config(config)
    assert again.get_config() == config
    assert optimizers.deserialize(optimizers.serialize(optimizer)).get_config() == config
    assert optimizers.get(optimizers.serialize(optimizer)).get_config() == config
    variables = weights()
    optimizer.build(variables)
    optimizer.apply(gradients(0, variables), variables)
    store = {}
    optimizer.save_own_variables(store)
    again.build(variables)
    again.load_own_variables(store)
    for a, b in zip(optimizer.variables, again.variables):
        assert a.path == b.path and a.shape == b.shape
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    again.set_weights(optimizer.get_weights())


CALLS = {"SGD": ("sgd_update", 1), "SGD nesterov": ("momentum_update", 1), "RMSprop": ("rmsprop_update", 1), "Adam": ("adam_update", 1)}


@pytest.mark.parametrize("name", CALLS)
def test_the_common_optimizers_are_one_call_a_variable(name):
    _, _, step = run(OPTIONS[name], compiled=True)
    (plan, _), = step.plans.values()
    kernel, each = CALLS[name]
    calls = [row for row in plan.table if row[0] == kernel]
    assert len(calls) == 3 * each
    assert len(plan.table) - len(calls) <= (1 if name != "Adam" else 14)      # the count of steps; Adam's rate of this step


def test_scalars_are_computed_once_a_step():
    counts = []
    for n in (1, 3):
        variables, optimizer = weights()[:n], optimizers.Nadam(weight_decay=0.1)
        optimizer.build(variables)
        step = function(lambda *grads: optimizer.apply(grads, variables))
        step(*gradients(0, variables))
        counts.append([len([r for r in plan.table if all(o.shape == () for o in r[2])]) for plan, _ in step.plans.values()][0])
    assert counts[0] == counts[1]


def test_variables_stand_in_the_order_of_keras():
    variables = weights()[:2]
    optimizer = optimizers.SGD(momentum=0.9, use_ema=True, gradient_accumulation_steps=2, name="sgd")
    optimizer.build(variables)
    assert [v.path for v in optimizer.variables] == [
        "sgd/iteration", "sgd/learning_rate", "sgd/dense_kernel_average", "sgd/dense_bias_average", "sgd/dense_kernel_gradient_accumulator",
        "sgd/dense_bias_gradient_accumulator", "sgd/dense_kernel_momentum", "sgd/dense_bias_momentum"]
    adam = optimizers.Adam(name="adam")
    adam.build(variables)
    assert [v.path for v in adam.variables] == ["adam/iteration", "adam/learning_rate", "adam/dense_kernel_momentum",
                                                "adam/dense_kernel_velocity", "adam/dense_bias_momentum", "adam/dense_bias_velocity"]
    assert [len(run(lambda kind=kind: kind())[1].variables) for kind in (optimizers.Nadam, optimizers.Adafactor, optimizers.Muon)] == [9, 11, 6]


def test_the_learning_rate_can_be_set_and_read():
    w = Variable([1.0])
    optimizer = optimizers.SGD(lr=0.5)
    step = function(lambda g: optimizer.apply([g], [w]))
    step(np.ones(1, "float32"))
    assert float(optimizer.learning_rate) == 0.5 and w.numpy() == 0.5
    optimizer.learning_rate = 0.25
    step(np.ones(1, "float32"))
    optimizer.learning_rate.assign(0.125)
    step(np.ones(1, "float32"))
    assert w.numpy() == 0.125 and optimizer.lr is optimizer.learning_rate and int(optimizer.iterations) == 3
    assert np.asarray(optimizer.learning_rate).dtype == np.float32
    optimizer.learning_rate = optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert len(optimizer.variables) == 1
    with pytest.raises(TypeError, match="ExponentialDecay as its learning rate"):
        optimizer.learning_rate = 0.1


def test_a_function_as_learning_rate_is_asked_at_every_step():
    rates, w = iter([1.0, 0.5, 0.25]), Variable([0.0])
    optimizer = optimizers.SGD(lambda: next(rates))
    for _ in range(3):
        optimizer.apply([[1.0]], [w])
    assert w.numpy() == -1.75
    optimizer, w = optimizers.SGD(lambda: 0.5), Variable([0.0])
    optimizer.build([w])
    step = function(lambda g: optimizer.apply([g], [w]))
    with pytest.warns(UserWarning, match="runs eagerly.*Python function"):
        step(np.ones(1, "float32"))
    assert w.numpy() == -0.5


def test_decay_of_keras_2():
    w, optimizer = Variable([0.0]), optimizers.SGD(lr=1.0, decay=1.0)
    for _ in range(3):
        optimizer.apply([[1.0]], [w])
    np.testing.assert_allclose(w.numpy(), [-(1 + 1 / 2 + 1 / 3)], rtol=1e-6)
    assert optimizer.get_config()["decay"] == 1.0 and "decay" not in optimizers.SGD().get_config()


def test_averages_replace_the_weights_at_the_end():
    variables = weights()
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    averages = None
    for k in range(4):
        optimizer.apply(gradients(k, variables), variables)
        now = [v.numpy().astype("float64") for v in variables]
        averages = now if averages is None else [0.9 * a + 0.1 * w for a, w in zip(averages, now)]
    optimizer.finalize_variable_values(variables)
    for v, a in zip(variables, averages):
        np.testing.assert_allclose(v.numpy(), a, rtol=1e-5, atol=1e-6)


def test_accumulated_gradients_move_every_third_time():
    variables, plain = weights(), weights()
    optimizer = optimizers.Adam(0.1, gradient_accumulation_steps=3)
    for k in range(3):
        before = [v.numpy().copy() for v in variables]
        optimizer.apply(gradients(k, variables), variables)
        assert all((v.numpy() == b).all() for v, b in zip(variables, before)) == (k < 2)
    assert int(optimizer.iterations) == 1
    optimizers.Adam(0.1).apply([sum(g) / np.float32(3) for g in zip(*(gradients(k, plain) for k in range(3)))], plain)
    for v, p in zip(variables, plain):
        np.testing.assert_allclose(v.numpy(), p.numpy(), rtol=1e-6)


def test_exclude_from_weight_decay():
    variables = weights()
    before = [v.numpy().copy() for v in variables]
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[variables[2]], var_names=["bias"])
    optimizer.apply([np.zeros(v.shape, "float32") for v in variables], variables)
    np.testing.assert_allclose(variables[0].numpy(), before[0] * 0.95, rtol=1e-6)
    for k in (1, 2):
        np.testing.assert_array_equal(variables[k].numpy(), before[k])
    with pytest.raises(ValueError, match="built already"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_constraints_hold_after_the_step():
    w = Variable([1.0, -1.0])
    w.constraint = fastdl.constraints.NonNeg()
    optimizers.SGD(0.1).apply([[1.0, 1.0]], [w])
    np.testing.assert_allclose(w.numpy(), [0.9, 0.0])


def test_loss_scale():
    w, optimizer = Variable([1.0]), optimizers.SGD(0.5, loss_scale_factor=1024.0)
    with fastdl.GradientTape() as tape:
        loss = optimizer.scale_loss(fastdl.ops.sum(w * w))
    optimizer.apply(tape.gradient(loss, [w]), [w])
    assert w.numpy() == 0.0


def test_an_infinite_gradient_shows():
    w = Variable([1.0, 1.0])
    optimizers.SGD(0.1, global_clipnorm=1.0).apply([[np.inf, 1.0]], [w])
    assert np.isnan(w.numpy()).all()


def test_a_float64_variable():
    w = Variable(np.array([1.0, 2.0]), dtype="float64")
    for kind in KINDS:
        kind(0.01, weight_decay=0.01, clipnorm=1.0).apply([np.array([1.0, -1.0])], [w])
    assert w.dtype == "float64" and np.isfinite(w.numpy()).all()


def test_an_optimizer_of_ones_own():
    class Sign(optimizers.Optimizer):
        """w = w - lr sign(g)"""

        def update_step(self, gradient, variable, learning_rate):
            variable.assign_sub(learning_rate * fastdl.ops.sign(gradient))

    w = Variable([1.0, 1.0])
    Sign(0.5, clipvalue=1.0).apply_gradients(zip([[3.0, -3.0]], [w]))
    assert w.numpy().tolist() == [0.5, 1.5]


def test_get():
    assert isinstance(optimizers.get("RMSProp"), optimizers.RMSprop) and optimizers.get(None) is None
    assert isinstance(optimizers.get("adam_w".replace("_", "")), optimizers.AdamW) and isinstance(optimizers.get(optimizers.SGD), optimizers.SGD)
    with pytest.raises(ValueError, match='Did you mean "Adam"'):
        optimizers.get("adm")
    with pytest.raises(ValueError, match="optimizer"):
        optimizers.get(3)
    schedule = optimizers.schedules.PolynomialDecay(0.1, 10, power=2.0)
    again = optimizers.schedules.deserialize(optimizers.schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config() and float(again(5)) == float(schedule(5))


def test_wrong_use_is_answered_with_the_fix():
    w, other = Variable([1.0, 2.0], name="w"), Variable([1.0])

    def says(words, call):
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=words):
            call()

    sgd = optimizers.SGD(0.1)
    says("does not know the variables yet", lambda: sgd.apply([[1.0, 1.0]]))
    says("No gradients provided for any variable", lambda: optimizers.SGD().apply([None], [w]))
    sgd.apply([[1.0, 1.0]], [w])
    says("does not know the variable 'variable'", lambda: sgd.apply([[1.0]], [other]))
    says("2 gradients for 1 variables", lambda: sgd.apply([[1.0, 1.0], [1.0]]))
    says(re.escape("shape (3,) for the variable 'w'"), lambda: sgd.apply([[1.0, 1.0, 1.0]], [w]))
    says(re.escape("(variable, gradient) pairs"), lambda: sgd.apply_gradients(zip([w], [[1.0, 1.0]])))
    says("Did you mean \"momentum\"", lambda: optimizers.SGD(momentun=0.9))
    says("Only one of", lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0))
    says("learning_rate", lambda: optimizers.SGD("fast"))
    says("momentum", lambda: optimizers.SGD(momentum=2.0))
    says("gradient_accumulation_steps", lambda: optimizers.SGD(gradient_accumulation_steps=1))
    says("ema_momentum", lambda: optimizers.SGD(use_ema=True, ema_momentum=2))
    says("weight_decay", lambda: optimizers.AdamW(weight_decay=None))
    says("decay_steps", lambda: optimizers.schedules.CosineDecay(0.1, 0))
    says("one fewer than values", lambda: optimizers.schedules.PiecewiseConstantDecay([1], [0.1]))
    says("update_step", lambda: optimizers.Optimizer().apply([[1.0, 1.0]], [w]))
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        pair = optimizers.SGD(0.5)
        pair.apply([None, [1.0]], [w, other])
    assert other.numpy() == 0.5
    with pytest.warns(UserWarning, match="is not loaded"):
        sgd.load_own_variables({str(k): np.zeros(()) for k in range(5)})     # one alone is what tf.keras 2.15 kept of it
