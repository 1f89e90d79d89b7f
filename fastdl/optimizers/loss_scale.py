"""LossScaleOptimizer: the inner optimizer; float32 and float64 need no scaling against underflow, so the scale is 1 unless set."""
from fastdl.optimizers.optimizer import Optimizer


class LossScaleOptimizer(Optimizer):
    """The loss times `initial_scale`, the gradients divided by it: the steps are the inner optimizer's

    Keras moves the scale to keep float16 finite; here nothing is float16, so it stays as it is.
    """

    def __init__(self, inner_optimizer, initial_scale=1.0, dynamic_growth_steps=2000, name=None, **kwargs):
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer, self.initial_scale = inner_optimizer, float(initial_scale)
        self.dynamic_growth_steps = dynamic_growth_steps

    def build(self, variables):
        if not self.built:
            self.inner_optimizer.build(variables)
            self.built = True

    learning_rate = property(lambda self: self.inner_optimizer.learning_rate,
                             lambda self, rate: setattr(self.inner_optimizer, "learning_rate", rate))
    variables = property(lambda self: self.inner_optimizer.variables)
    iterations = property(lambda self: self.inner_optimizer.iterations)

    def scale_loss(self, loss):
        return loss * self.initial_scale

    def apply(self, grads, trainable_variables=None):
        scale = 1.0 / self.initial_scale
        self.inner_optimizer.apply([None if g is None else g * scale for g in grads], trainable_variables)

    def apply_gradients(self, grads_and_vars):
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def finalize_variable_values(self, variables):
        self.inner_optimizer.finalize_variable_values(variables)

    def get_config(self):
        from fastdl.saving import serialization
        return {"inner_optimizer": serialization.serialize_keras_object(self.inner_optimizer), "name": self.name,
                "initial_scale": self.initial_scale, "dynamic_growth_steps": self.dynamic_growth_steps}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from fastdl.saving import serialization
        config = dict(config)
        inner = serialization.deserialize_keras_object(config.pop("inner_optimizer"), custom_objects=custom_objects)
        return cls(inner, **config)
