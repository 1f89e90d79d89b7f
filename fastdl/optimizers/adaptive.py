"""A rate for every element, from the squares of its gradients: Adagrad, RMSprop, Adadelta, Ftrl, Adafactor."""
import numpy as np

from fastdl import config, ops
from fastdl.core.tensor import Variable
from fastdl.errors import bad_argument
from fastdl.optimizers.optimizer import Optimizer, step_towards
from fastdl.primitives.update import rmsprop_update, sgd_update


def full(value):
    """An initializer: everything is `value`."""
    return lambda shape, dtype=None: np.full(shape, value, dtype or config.floatx())


def root(optimizer, x):
    """What a gradient is divided by: sqrt(x + epsilon), or sqrt(x) + epsilon"""
    return ops.sqrt(x) + optimizer.epsilon if optimizer.epsilon_outside else ops.sqrt(x + optimizer.epsilon)


class Adagrad(Optimizer):
    """a = a + g^2; w = w - lr g / sqrt(a + epsilon)   (Keras 2: sqrt(a) + epsilon)

    Duchi et al., 2011. `a` starts at initial_accumulator_value.
    """

    epsilon_outside = False                  # sqrt(a) + epsilon, as in Keras 2: set where a model comes from such a file

    @config.keras2_defaults(learning_rate=0.01, initial_accumulator_value=0.0, epsilon=1e-8)
    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, config.epsilon() if epsilon is None else epsilon
        self.epsilon_outside = self.epsilon_outside or config.compat() == "keras2"

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(self._trainable_variables, "accumulator", full(self.initial_accumulator_value))

    def update_step(self, gradient, variable, learning_rate):
        a = self._accumulators[self._get_variable_index(variable)]
        a.assign_add(ops.square(gradient))
        sgd_update(variable, gradient / root(self, a), learning_rate)

    def get_config(self):
        return {**super().get_config(), "initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2; w = w - lr g / sqrt(v + epsilon)   (Keras 2: sqrt(v) + epsilon)

    centered: v - a^2 in place of v, a the average of g. momentum: m = momentum m + lr g / sqrt(...), w = w - m.
    Hinton's lecture, 2012.
    """

    epsilon_outside = False                  # sqrt(v) + epsilon, as in Keras 2: set where a model comes from such a file

    @config.keras2_defaults(epsilon=1e-8)
    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.rho, self.momentum, self.centered = rho, momentum, centered
        self.epsilon_outside = self.epsilon_outside or config.compat() == "keras2"
        self.epsilon = config.epsilon() if epsilon is None else epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        variables = self._trainable_variables
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum > 0 else []
        self._average_gradients = self.add_optimizer_variables(variables, "average_gradient") if self.centered else []

    def update_step(self, gradient, variable, learning_rate):
        k = self._get_variable_index(variable)
        v = self._velocities[k]
        if not self.centered and not self.momentum > 0 and not self.epsilon_outside:
            rmsprop_update(variable, v, gradient, learning_rate, rho=self.rho, epsilon=self.epsilon)
            return
        step_towards(v, ops.square(gradient), 1 - self.rho)
        spread = v
        if self.centered:
            average = self._average_gradients[k]
            step_towards(average, gradient, 1 - self.rho)
            spread = v - ops.square(average)
        step = gradient / root(self, spread)
        if self.momentum > 0:
            m = self._momentums[k]
            m.assign(m * float(self.momentum) + step * learning_rate)
            variable.assign_sub(m)
        else:
            sgd_update(variable, step, learning_rate)

    def get_config(self):
        return {**super().get_config(), "rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}


class Adadelta(Optimizer):
    """a = rho a + (1 - rho) g^2; d = g sqrt(b + epsilon) / sqrt(a + epsilon); b = rho b + (1 - rho) d^2; w = w - lr d

    Zeiler, 2012, whose steps have learning_rate=1.
    """

    @config.keras2_defaults(learning_rate=1.0, epsilon=1e-8)
    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.rho, self.epsilon = rho, config.epsilon() if epsilon is None else epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            self._trainable_variables, ["accumulated_grad", "accumulated_delta_var"])

    def update_step(self, gradient, variable, learning_rate):
        k = self._get_variable_index(variable)
        a, b = self._accumulated_grads[k], self._accumulated_delta_vars[k]
        step_towards(a, ops.square(gradient), 1 - self.rho)
        delta = ops.sqrt(b + self.epsilon) * gradient / ops.sqrt(a + self.epsilon)
        step_towards(b, ops.square(delta), 1 - self.rho)
        sgd_update(variable, delta, learning_rate)

    def get_config(self):
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """n = a + g^2; z = z + g - (n^p - a^p) w / lr; w = (clip(z, -l1, l1) - z) / (n^p / lr + 2 l2 + beta / lr); a = n

    "Follow the regularized leader", McMahan et al., 2013; p = -learning_rate_power. In z, shrinkage adds 2 l2_shrinkage w to g.
    """

    def __init__(self, learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1, l1_regularization_strength=0.0,
                 l2_regularization_strength=0.0, l2_shrinkage_regularization_strength=0.0, beta=0.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        strengths = dict(initial_accumulator_value=initial_accumulator_value, l1_regularization_strength=l1_regularization_strength,
                         l2_regularization_strength=l2_regularization_strength,
                         l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength)
        for key, value in strengths.items():
            if value < 0:
                raise bad_argument(key, value, "a number that is not negative", f"{key}=0.0 switches it off")
        if learning_rate_power > 0:
            raise bad_argument("learning_rate_power", learning_rate_power, "0 or a negative number", "use -0.5")
        self.__dict__.update(strengths, learning_rate_power=learning_rate_power, beta=beta)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulators, self._linears = self.add_optimizer_variables(
            self._trainable_variables, ["accumulator", "linear"], [full(self.initial_accumulator_value), "zeros"])

    def update_step(self, gradient, variable, learning_rate):
        k = self._get_variable_index(variable)
        a, z = self._accumulators[k], self._linears[k]
        n = a + ops.square(gradient)
        if self.learning_rate_power == -0.5:
            new, old = ops.sqrt(n), ops.sqrt(a)
        else:
            new, old = ops.power(n, -self.learning_rate_power), ops.power(a, -self.learning_rate_power)
        if self.l2_shrinkage_regularization_strength:
            gradient = gradient + variable * (2 * self.l2_shrinkage_regularization_strength)
        z.assign_add(gradient - (new - old) / learning_rate * variable)
        quadratic = new / learning_rate + 2 * self.l2_regularization_strength
        if self.beta:
            quadratic = quadratic + self.beta / learning_rate
        l1 = float(self.l1_regularization_strength)
        held = ops.clip(z, -l1, l1) - z if l1 else -z
        variable.assign(held / quadratic)
        a.assign(n)

    def get_config(self):
        names = ("learning_rate_power", "initial_accumulator_value", "l1_regularization_strength", "l2_regularization_strength",
                 "l2_shrinkage_regularization_strength", "beta")
        return {**super().get_config(), **{k: getattr(self, k) for k in names}}


class Adafactor(Optimizer):
    """u = g / sqrt(v), v = r c / mean(r), r and c averages of g^2 over columns and rows

    w = w - lr_t max(e2, rms(w)) u / max(1, rms(u) / d)

    Memory for a matrix: a row and a column. The averages' weight is 1 - t^beta_2_decay, lr_t = min(lr, 1 / sqrt(t)),
    d is clip_threshold. Vectors keep v = average of g^2. Shazeer and Stern, 2018.
    """

    def __init__(self, learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0,
                 relative_step=True, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._r, self._c, self._v = [], [], []
        for v in self._trainable_variables:
            if len(v.shape) < 2:                             # Keras's files hold two placeholders here
                for kept in (self._r, self._c):
                    kept.append(Variable(0, dtype="int32", name=v.name, trainable=False))
                    self._variables.append(kept[-1])
            else:
                self._r.append(self.add_variable(v.shape[:-1], dtype=v.dtype, name=v.name))
                self._c.append(self.add_variable(v.shape[:-2] + v.shape[-1:], dtype=v.dtype, name=v.name))
            self._v.append(self.add_variable_from_reference(v, "velocity"))

    def update_step(self, gradient, variable, learning_rate):
        k, dtype = self._get_variable_index(variable), variable.dtype
        r, c, v = self._r[k], self._c[k], self._v[k]
        t = self.step_number(dtype)
        rate = self.once(("rate of Adafactor", dtype), lambda: ops.minimum(ops.cast(learning_rate, dtype), ops.rsqrt(t)))
        share = self.once(("share", dtype), lambda: ops.power(t, float(self.beta_2_decay)))
        squares = ops.square(gradient) + self.epsilon_1
        if len(variable.shape) >= 2:
            step_towards(r, ops.mean(squares, axis=-1), share)
            step_towards(c, ops.mean(squares, axis=-2), share)
            v.assign(ops.expand_dims(r / ops.mean(r, axis=-1, keepdims=True), -1) * ops.expand_dims(c, -2))
        else:
            step_towards(v, squares, share)
        u = gradient / ops.sqrt(v)
        u = u / ops.maximum(_rms(u) / float(self.clip_threshold), 1.0)
        sgd_update(variable, u, ops.maximum(_rms(variable), float(self.epsilon_2)) * rate)

    def get_config(self):
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{k: getattr(self, k) for k in names}}


def _rms(x):
    return ops.sqrt(ops.mean(ops.square(x)))
