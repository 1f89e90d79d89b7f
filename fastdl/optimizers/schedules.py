"""Learning rates that change with the number of steps made: functions of the step, written in ops, so that a plan follows them."""
import math

from fastdl import config, ops
from fastdl.errors import bad_argument


class LearningRateSchedule:
    """rate = schedule(step)

    A schedule of your own: subclass, write __call__(step) in ops (step is a whole-number tensor) and get_config().
    """

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} is a learning rate schedule without __call__(self, step): write it, "
                                  "in fastdl.ops")

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} has no get_config(): return the constructor's arguments as a dict, "
                                  "so that files can hold the schedule")

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} {self.get_config()}>"


def _number(step):
    """The step as a float tensor."""
    return ops.cast(step, config.floatx())


def _positive(name, value):
    if not value > 0:
        raise bad_argument(name, value, "a number of steps above 0", "use for example len(x) // batch_size for one epoch")
    return value


class ExponentialDecay(LearningRateSchedule):
    """rate = initial_learning_rate decay_rate^p with p = step / decay_steps (staircase: its floor)

    >>> float(ExponentialDecay(0.1, 10, 0.5)(20))
    0.02500000037252903
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        self.initial_learning_rate, self.decay_rate = initial_learning_rate, decay_rate
        self.decay_steps, self.staircase, self.name = _positive("decay_steps", decay_steps), staircase, name

    def _periods(self, step):
        p = _number(step) / float(self.decay_steps)
        return ops.floor(p) if self.staircase else p

    def __call__(self, step):
        return ops.power(float(self.decay_rate), self._periods(step)) * float(self.initial_learning_rate)

    def get_config(self):
        return {"initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps, "decay_rate": self.decay_rate,
                "staircase": self.staircase, "name": self.name}


class InverseTimeDecay(ExponentialDecay):
    """rate = initial_learning_rate / (1 + decay_rate p) with p = step / decay_steps (staircase: its floor)"""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step):
        return float(self.initial_learning_rate) / (self._periods(step) * float(self.decay_rate) + 1.0)


class PiecewiseConstantDecay(LearningRateSchedule):
    """rate = values[k], k the number of boundaries below step

    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001]); float(schedule(100)), float(schedule(101))
    (0.10000000149011612, 0.009999999776482582)
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise bad_argument("boundaries", f"{len(boundaries)} of them for {len(values)} values", "one fewer than values",
                               "values[0] holds up to boundaries[0], values[-1] after the last boundary")
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step):
        step = _number(step)
        past = [ops.cast(step > float(b), config.floatx()) for b in self.boundaries]
        # Between two boundaries one factor is 1 and the rest 0, so the values come out exact.
        edges = [None, *past, None]
        rate = None
        for value, after, before in zip(self.values, edges[:-1], edges[1:]):
            here = (1.0 if after is None else after) - (0.0 if before is None else before)
            rate = here * float(value) if rate is None else rate + here * float(value)
        return ops.cast(rate, config.floatx())

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """rate = (initial - end) (1 - p)^power + end with p = min(step, decay_steps) / decay_steps

    cycle: instead of staying at `end`, decay_steps grows to its next multiple.
    """

    def __init__(self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False, name="PolynomialDecay"):
        self.initial_learning_rate, self.end_learning_rate = initial_learning_rate, end_learning_rate
        self.decay_steps, self.power, self.cycle, self.name = _positive("decay_steps", decay_steps), power, cycle, name

    def __call__(self, step):
        step, total = _number(step), float(self.decay_steps)
        if self.cycle:
            p = step / (ops.maximum(ops.ceil(step / total), 1.0) * total)
        else:
            p = ops.minimum(step, total) / total
        left = 1.0 - p
        if self.power != 1:
            left = ops.power(left, float(self.power))
        return left * float(self.initial_learning_rate - self.end_learning_rate) + float(self.end_learning_rate)

    def get_config(self):
        return {"initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps,
                "end_learning_rate": self.end_learning_rate, "power": self.power, "cycle": self.cycle, "name": self.name}


class CosineDecay(LearningRateSchedule):
    """rate = top ((1 - alpha) (1 + cos(pi p)) / 2 + alpha) with p = min(step, decay_steps) / decay_steps

    Given warmup_target, the rate first rises in a line from initial_learning_rate to warmup_target, the top, in
    warmup_steps steps. Loshchilov and Hutter, 2016.
    """

    def __init__(self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay", warmup_target=None, warmup_steps=0):
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, _positive("decay_steps", decay_steps)
        self.alpha, self.name, self.warmup_target, self.warmup_steps = alpha, name, warmup_target, warmup_steps

    def __call__(self, step):
        step, total, warm = _number(step), float(self.decay_steps), float(self.warmup_steps)
        if self.warmup_target is None:
            return self._decayed(ops.minimum(step, total), self.initial_learning_rate)
        after = self._decayed(ops.maximum(ops.minimum(step - warm, total), 0.0), self.warmup_target)
        if not warm:
            return after
        rising = step * ((self.warmup_target - self.initial_learning_rate) / warm) + float(self.initial_learning_rate)
        begun = ops.cast(step >= warm, config.floatx())
        return after * begun + rising * (1.0 - begun)

    def _decayed(self, step, top):
        wave = (ops.cos(step / float(self.decay_steps) * math.pi) + 1.0) * 0.5
        return (wave * float(1 - self.alpha) + float(self.alpha)) * float(top)

    def get_config(self):
        return {"initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps, "alpha": self.alpha,
                "name": self.name, "warmup_target": self.warmup_target, "warmup_steps": self.warmup_steps}


class CosineDecayRestarts(LearningRateSchedule):
    """rate = initial_learning_rate ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha), p the part done of period i

    Period i has first_decay_steps t_mul^i steps. Loshchilov and Hutter, 2016.
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self._t_mul, self._m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step):
        done = _number(step) / float(self.first_decay_steps)
        t = float(self._t_mul)
        if t == 1:
            period = ops.floor(done)
            done = done - period
        else:                                                       # t^i periods: their sum is (1 - t^i) / (1 - t)
            period = ops.floor(ops.log(1.0 - done * (1.0 - t)) / math.log(t))
            length = ops.power(t, period)
            done = (done - (1.0 - length) / (1.0 - t)) / length
        wave = (ops.cos(done * math.pi) + 1.0) * 0.5
        if self._m_mul != 1:
            wave = wave * ops.power(float(self._m_mul), period)
        return (wave * float(1 - self.alpha) + float(self.alpha)) * float(self.initial_learning_rate)

    def get_config(self):
        return {"initial_learning_rate": self.initial_learning_rate, "first_decay_steps": self.first_decay_steps,
                "t_mul": self._t_mul, "m_mul": self._m_mul, "alpha": self.alpha, "name": self.name}


def serialize(learning_rate_schedule):
    """The schedule as {"module", "class_name", "config", "registered_name"}."""
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule that `config` describes."""
    from fastdl.saving import serialization
    return serialization.deserialize_keras_object(config, custom_objects=custom_objects)


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
