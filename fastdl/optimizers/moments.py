"""Averages of the gradient and of its square: Adam, AdamW, Adamax, Nadam, Lamb."""
import math

import numpy as np

from fastdl import config, ops
from fastdl.errors import bad_argument
from fastdl.optimizers.optimizer import Optimizer, step_towards
from fastdl.primitives.update import adam_update, sgd_update


def bias(beta, t):
    """1 - beta^t, exact also where beta^t is close to 1"""
    return -ops.expm1(t * math.log(beta)) if beta > 0 else 1.0


def adam_rate(optimizer, learning_rate, beta_1, beta_2, dtype):
    """lr_t = lr sqrt(1 - b2^t) / (1 - b1^t), once a step"""
    def made():
        t = optimizer.step_number(dtype)
        rate = ops.cast(learning_rate, dtype)
        rate = rate * ops.sqrt(bias(beta_2, t)) if beta_2 > 0 else rate
        return rate / bias(beta_1, t)
    return optimizer.once(("Adam's rate", dtype), made)


class Adam(Optimizer):
    """m += (1 - b1) (g - m); v += (1 - b2) (g^2 - v); w = w - lr_t m / (sqrt(v) + epsilon)

    lr_t = lr sqrt(1 - b2^t) / (1 - b1^t) at step t. amsgrad: the largest v so far in place of v. Kingma and Ba, 2014.
    """

    @config.keras2_defaults(epsilon=1e-8)
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.amsgrad = beta_1, beta_2, amsgrad
        self.epsilon = config.epsilon() if epsilon is None else epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(self._trainable_variables, ["momentum", "velocity"])
        self._velocity_hats = self.add_optimizer_variables(self._trainable_variables, "velocity_hat") if self.amsgrad else []

    def update_step(self, gradient, variable, learning_rate):
        k = self._get_variable_index(variable)
        m, v = self._momentums[k], self._velocities[k]
        rate = adam_rate(self, learning_rate, self.beta_1, self.beta_2, variable.dtype)
        if not self.amsgrad:
            adam_update(variable, m, v, gradient, rate, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)
            return
        largest = self._velocity_hats[k]
        step_towards(m, gradient, 1 - self.beta_1)
        step_towards(v, ops.square(gradient), 1 - self.beta_2)
        largest.assign(ops.maximum(largest, v))
        sgd_update(variable, m / (ops.sqrt(largest) + self.epsilon), rate)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "amsgrad": self.amsgrad}


class AdamW(Adam):
    """w = w - lr weight_decay w, then Adam's step

    Loshchilov and Hutter, 2019.
    """

    def __init__(self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs):
        if weight_decay is None:
            raise bad_argument("weight_decay", None, "a number", "use 0.004, or Adam, which is AdamW without weight decay")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


class Adamax(Optimizer):
    """m += (1 - b1) (g - m); u = max(b2 u, |g|); w = w - lr m / ((1 - b1^t) (u + epsilon))

    Adam with the largest gradient in place of the mean square. Kingma and Ba, 2014.
    """

    @config.keras2_defaults(learning_rate=0.002, epsilon=1e-8)
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, config.epsilon() if epsilon is None else epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m, self._u = self.add_optimizer_variables(self._trainable_variables, ["momentum", "norm"])

    def update_step(self, gradient, variable, learning_rate):
        k, dtype = self._get_variable_index(variable), variable.dtype
        m, u = self._m[k], self._u[k]
        rate = self.once(("Adamax's rate", dtype), lambda: ops.cast(learning_rate, dtype) / bias(self.beta_1, self.step_number(dtype)))
        step_towards(m, gradient, 1 - self.beta_1)
        u.assign(ops.maximum(u * float(self.beta_2), ops.abs(gradient)))
        sgd_update(variable, m / (u + self.epsilon), rate)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Nadam(Optimizer):
    """Adam whose m looks one step ahead: m^ = u_{t+1} m / (1 - U u_{t+1}) + (1 - u_t) g / (1 - U)

    u_t = b1 (1 - 0.96^t / 2), U the product of all u so far; w = w - lr m^ / (sqrt(v / (1 - b2^t)) + epsilon). Dozat, 2015.
    """

    @config.keras2_defaults(learning_rate=0.002, epsilon=1e-8)
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, config.epsilon() if epsilon is None else epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(self._trainable_variables, ["momentum", "velocity"])
        self._u_product = self.add_variable((), initializer="ones", name="u_product")

    def variables_of_keras_2(self):
        return [v for v in super().variables_of_keras_2() if v is not self._u_product]

    def derive(self):
        steps = np.arange(1, int(self.iterations) + 1)
        self._u_product.assign(np.float32(np.prod(self.beta_1 * (1 - 0.5 * 0.96 ** steps))))

    def _shares(self):
        """What m and g weigh in m^, and 1 / sqrt(1 - b2^t); moves U on."""
        t = self.step_number(self._u_product.dtype)
        u, ahead = ((1.0 - ops.power(0.96, n) * 0.5) * float(self.beta_1) for n in (t, t + 1.0))
        self._u_product.assign(self._u_product * u)
        product = self._u_product
        return ahead / (1.0 - product * ahead), (1.0 - u) / (1.0 - product), bias(self.beta_2, t)

    def update_step(self, gradient, variable, learning_rate):
        k = self._get_variable_index(variable)
        m, v = self._momentums[k], self._velocities[k]
        of_m, of_g, correction = self.once("shares", self._shares)
        step_towards(m, gradient, 1 - self.beta_1)
        step_towards(v, ops.square(gradient), 1 - self.beta_2)
        sgd_update(variable, (m * of_m + gradient * of_g) / (ops.sqrt(v / correction) + self.epsilon), learning_rate)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Lamb(Optimizer):
    """u = m^ / (sqrt(v^) + epsilon), m^ and v^ Adam's averages without bias; w = w - lr (|w| / |u|) u

    Each variable moves in proportion to its own length (the ratio is 1 where a length is 0). You et al., 2019.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, config.epsilon() if epsilon is None else epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(self._trainable_variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        k, dtype = self._get_variable_index(variable), variable.dtype
        m, v = self._momentums[k], self._velocities[k]
        t = self.step_number(dtype)
        of_m = self.once(("bias of m", dtype), lambda: bias(self.beta_1, t))
        of_v = self.once(("bias of v", dtype), lambda: bias(self.beta_2, t))
        step_towards(m, gradient, 1 - self.beta_1)
        step_towards(v, ops.square(gradient), 1 - self.beta_2)
        update = m / of_m / (ops.sqrt(v / of_v) + self.epsilon)
        lengths = [ops.sqrt(ops.sum(ops.square(x))) for x in (variable, update)]
        sgd_update(variable, update, learning_rate * _ratio(*lengths))

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


def _ratio(a, b):
    """a / b, or 1 where either is 0, without a branch: both become 1 then"""
    known = ops.cast(a > 0.0, a.dtype) * ops.cast(b > 0.0, a.dtype)
    other = 1.0 - known
    return (a * known + other) / (b * known + other)
