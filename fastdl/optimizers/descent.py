"""Steps along the gradient or an average of it: SGD, Lion, Muon."""
import re

from fastdl import ops
from fastdl.errors import bad_argument
from fastdl.optimizers.moments import adam_rate
from fastdl.optimizers.optimizer import Optimizer, step_towards
from fastdl.primitives.update import adam_update, momentum_update, sgd_update


class SGD(Optimizer):
    """w = w - lr g; with momentum: m = momentum m - lr g, w = w + m (nesterov: w = w + momentum m - lr g)

    >>> from fastdl import Variable
    >>> w = Variable([1.0]); SGD(0.1).apply([[2.0]], [w]); w.numpy().tolist()
    [0.800000011920929]
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise bad_argument("momentum", repr(momentum), "a number from 0 to 1", "use 0.9")
        self.momentum, self.nesterov = float(momentum), nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(self._trainable_variables, "momentum") if self.momentum else []

    def update_step(self, gradient, variable, learning_rate):
        if not self.momentum:
            sgd_update(variable, gradient, learning_rate)
        else:
            m = self.momentums[self._get_variable_index(variable)]
            momentum_update(variable, m, gradient, learning_rate, momentum=self.momentum, nesterov=bool(self.nesterov))

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class Lion(Optimizer):
    """w = w - lr sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g

    Chen et al., 2023. Rates are about a tenth of Adam's.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if not 0 < beta_1 <= 1:
            raise bad_argument("beta_1", beta_1, "a number above 0, up to 1 (0 would be the sign of the gradient alone)", "use 0.9")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(self._trainable_variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        m = self._momentums[self._get_variable_index(variable)]
        sgd_update(variable, ops.sign(m * self.beta_1 + gradient * (1 - self.beta_1)), learning_rate)
        step_towards(m, gradient, 1 - self.beta_2)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}


class Muon(Optimizer):
    """m = momentum m + g; w = w - lr rms_rate sqrt(max(shape)) U, U the orthogonal matrix nearest to g + momentum m

    For matrices; vectors, embeddings and variables whose path matches one of exclude_layers take AdamW's step. U comes
    from ns_steps of the Newton-Schulz iteration x = a x + (b s + c s s) x, s = x x^T. Jordan et al., 2024.
    """

    def __init__(self, learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004, epsilon=1e-7, weight_decay=0.004,
                 exclude_layers=None, exclude_embeddings=True, muon_a=3.4445, muon_b=-4.7750, muon_c=2.0315, adam_lr_ratio=1, momentum=0.95,
                 ns_steps=5, nesterov=True, rms_rate=0.2, **kwargs):
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.adam_beta_1, self.adam_beta_2, self.adam_weight_decay, self.epsilon = adam_beta_1, adam_beta_2, adam_weight_decay, epsilon
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or []), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c, self.ns_steps = muon_a, muon_b, muon_c, ns_steps
        self.adam_lr_ratio, self.momentum, self.nesterov, self.rms_rate = adam_lr_ratio, momentum, nesterov, rms_rate

    def _should_use_adamw(self, variable):
        return (len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower())
                or any(re.search(word, variable.path) for word in self.exclude_layers))

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums, self.adam_velocities = [], []
        for v in self._trainable_variables:
            self.momentums.append(self.add_variable_from_reference(v, "momentum"))
            self.adam_velocities.append(self.add_variable_from_reference(v, "velocity") if self._should_use_adamw(v) else None)

    def _decay_of(self, variable):
        if not self._use_weight_decay(variable):
            return None
        return self.adam_weight_decay if self._should_use_adamw(variable) else self.weight_decay

    def update_step(self, gradient, variable, learning_rate):
        k = self._get_variable_index(variable)
        m, v = self.momentums[k], self.adam_velocities[k]
        if v is not None:
            rate = adam_rate(self, learning_rate * float(self.adam_lr_ratio), self.adam_beta_1, self.adam_beta_2, variable.dtype)
            adam_update(variable, m, v, gradient, rate, beta_1=self.adam_beta_1, beta_2=self.adam_beta_2, epsilon=self.epsilon)
            return
        m.assign(m * float(self.momentum) + gradient)
        update = self._orthogonal(gradient + m * float(self.momentum) if self.nesterov else m)
        if self.rms_rate is not None:
            update = update * (max(variable.shape) ** 0.5 * self.rms_rate)
        sgd_update(variable, update, learning_rate)

    def _orthogonal(self, x):
        tall = x.shape[0] > x.shape[1]
        x = ops.transpose(x) if tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            s = ops.matmul(x, ops.transpose(x))
            x = x * float(self.muon_a) + ops.matmul(s * float(self.muon_b) + ops.matmul(s, s) * float(self.muon_c), x)
        return ops.transpose(x) if tall else x

    def get_config(self):
        names = ("adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b", "muon_c", "adam_lr_ratio",
                 "momentum", "ns_steps", "nesterov", "exclude_embeddings", "adam_weight_decay", "rms_rate")
        return {**super().get_config(), **{k: getattr(self, k) for k in names}}
