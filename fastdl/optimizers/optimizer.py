"""Optimizer: learning rate, clipping, weight decay, averaging, accumulation; a subclass says how one variable moves.

Everything that changes between steps lives in Variables and nothing reads a value, so apply() can be traced into a plan.
"""
import inspect
import re
import warnings

import numpy as np

from fastdl import config, ops
from fastdl.core.modes import tracing
from fastdl.core.tensor import Tensor, TracedValueError, Variable, convert_to_tensor
from fastdl.errors import bad_argument, did_you_mean
from fastdl.ops.symbolic import auto_name
from fastdl.optimizers.schedules import LearningRateSchedule
from fastdl.primitives.update import sgd_update


class Optimizer:
    """w <- w - step(gradient), for every weight w of a model.

    learning_rate: a number, a schedule, or a function without arguments. weight_decay: w loses learning_rate
    weight_decay w before each step. clipnorm, global_clipnorm, clipvalue: the longest gradient of a variable, of all
    variables, the largest element. use_ema: keep averages of the weights. gradient_accumulation_steps: one step for so
    many calls, by their mean gradient. `lr` and `decay` are Keras 2's; decay divides the rate by 1 + decay iterations.

    An optimizer of your own: make its variables in build(), write update_step(gradient, variable, learning_rate).
    """

    def __init__(self, learning_rate=0.01, weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False,
                 ema_momentum=0.99, ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None,
                 **legacy):
        learning_rate = legacy.pop("lr", learning_rate)
        self.decay = float(legacy.pop("decay", None) or 0.0)
        if legacy:
            unknown, known = sorted(legacy)[0], self._arguments()
            raise ValueError(f"{type(self).__name__} has no argument `{unknown}`.{did_you_mean(unknown, known)} "
                             f"It takes: {', '.join(known)}.")
        given = [k for k, v in dict(clipnorm=clipnorm, clipvalue=clipvalue, global_clipnorm=global_clipnorm).items() if v is not None]
        if len(given) > 1:
            raise ValueError(f"Only one of clipnorm, clipvalue and global_clipnorm can be set; got {' and '.join(given)}. "
                             "Fix: keep global_clipnorm, which leaves the direction of the step as it is.")
        if gradient_accumulation_steps is not None and not gradient_accumulation_steps >= 2:
            raise bad_argument("gradient_accumulation_steps", gradient_accumulation_steps, "a whole number of at least 2, or None",
                               "leave it out to make a step for every batch")
        if use_ema and not 0 <= ema_momentum <= 1:
            raise bad_argument("ema_momentum", ema_momentum, "a number from 0 to 1", "use 0.99, or 0.999 for long training")
        every = ema_overwrite_frequency
        if use_ema and every is not None and (not isinstance(every, int) or every < 1):
            raise bad_argument("ema_overwrite_frequency", every, "a whole number of steps of at least 1, or None",
                               "None overwrites the weights once, at the end of fit")
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay, self.clipnorm, self.clipvalue, self.global_clipnorm = weight_decay, clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = use_ema, ema_momentum, ema_overwrite_frequency
        self.loss_scale_factor, self.gradient_accumulation_steps = loss_scale_factor, gradient_accumulation_steps
        self.built = False
        self._variables, self._trainable_variables, self._index, self._step = [], [], {}, None
        self._undecayed, self._undecayed_names = set(), None
        self._iterations = self.add_variable((), dtype="int32", name="iteration")
        self._learning_rate = self._checked_rate(learning_rate)
        if not callable(self._learning_rate):
            value = self._learning_rate
            self._learning_rate = self.add_variable((), initializer=lambda shape, dtype: np.full(shape, value, dtype), name="learning_rate")

    @classmethod
    def _arguments(cls):
        names = [*inspect.signature(cls.__init__).parameters, *inspect.signature(Optimizer.__init__).parameters]
        return [k for k in dict.fromkeys(names) if k not in ("self", "kwargs", "legacy")]

    # ---- variables --------------------------------------------------------------------------------------------

    def build(self, variables):
        """Make the optimizer's variables for these. A subclass adds its own after super().build(variables)."""
        if self.built:
            return
        variables = list(variables)
        for k, v in enumerate(variables):
            if not isinstance(v, Variable):
                raise bad_argument("variables", f"{type(v).__name__} at place {k}", "a list of Variables", "pass model.trainable_variables")
            self._index[id(v)] = k
        self._trainable_variables = variables
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators_of_gradients = self.add_optimizer_variables(variables, "gradient_accumulator")
        self.built = True

    def add_variable(self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None):
        """A variable of the optimizer's own, saved with it."""
        if isinstance(initializer, str):
            from fastdl import initializers
            initializer = initializers.get(initializer)
        variable = Variable(initializer, shape=tuple(shape), dtype=dtype or config.floatx(), trainable=False, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """A variable like a model's: of its shape and dtype, named after it."""
        path = getattr(reference_variable, "path", None) or reference_variable.name
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype,
                                 name=f"{path.replace('/', '_').replace(':', '_')}_{name or 'var'}")

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """A list of variables like `trainable_variables`; for a list of names, one such list a name."""
        names = [name] if isinstance(name, str) else list(name)
        starts = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(starts) != len(names):
            raise bad_argument("initializer", f"{len(starts)} initializers", f"one, or one for each of the {len(names)} names",
                               "give as many as there are names")
        made = [[self.add_variable_from_reference(v, n, i) for n, i in zip(names, starts)] for v in trainable_variables]
        lists = [[row[k] for row in made] for k in range(len(names))]
        return lists[0] if isinstance(name, str) else lists

    @property
    def variables(self):
        """Iteration count, learning rate, averages, accumulators, then the subclass's, in the order of Keras's files."""
        return list(self._variables)

    def _get_variable_index(self, variable):
        return self._index[id(variable)]

    @property
    def iterations(self):
        """How many steps were made (with gradient accumulation: not how many batches were seen)."""
        k = self.gradient_accumulation_steps
        return ops.floor_divide(self._iterations, k) if k else self._iterations

    # ---- learning rate ----------------------------------------------------------------------------------------

    def _checked_rate(self, rate):
        if isinstance(rate, Tensor) and rate.size == 1 or isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool):
            return float(rate)
        if callable(rate):
            return rate
        raise bad_argument("learning_rate", repr(rate), "a number, a schedule or a function without arguments",
                           "use for example learning_rate=1e-3 or optimizers.schedules.CosineDecay(1e-3, 10000)")

    @property
    def learning_rate(self):
        """The rate of the next step: a Variable, or what the schedule says. Assign a number or a schedule to it."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self._iterations)
        value = rate()
        if not isinstance(value, Tensor) and tracing():
            raise TracedValueError(f"{self.name}: the learning rate is a Python function that returns {value!r}, which a plan would "
                                   "keep for ever. Use a schedule (optimizers.schedules), or return a tensor made of Variables.")
        return convert_to_tensor(value, config.floatx())

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        rate = self._checked_rate(learning_rate)
        old = self._learning_rate
        if callable(rate):
            if isinstance(old, Variable):
                self._variables = [v for v in self._variables if v is not old]
            self._learning_rate = rate
        elif isinstance(old, Variable):
            old.assign(rate)
        else:
            raise TypeError(f"{self.name} was made with a {type(old).__name__} as its learning rate, so a number cannot be assigned to it. "
                            f"Fix: {type(self).__name__}(learning_rate={rate:g}), whose rate can be set; or assign another schedule.")

    lr = learning_rate

    def _rate(self):
        """The learning rate of this step, Keras 2's decay included."""
        rate = self.learning_rate
        return rate / (self._steps_made(rate.dtype) * self.decay + 1.0) if self.decay else rate

    # ---- what all variables of a step share -------------------------------------------------------------------

    def once(self, key, make):
        """make(), computed once a step and not once a variable: scalars such as a bias correction."""
        if self._step is None:
            return make()
        if key not in self._step:
            self._step[key] = make()
        return self._step[key]

    def _steps_made(self, dtype):
        """How many steps were made, as a float."""
        def made():
            t = ops.cast(self._iterations, dtype)
            k = self.gradient_accumulation_steps
            return ops.floor(t / float(k)) if k else t
        return self.once(("steps made", dtype), made)

    def step_number(self, dtype):
        """t = 1, 2, 3, ...: the number of this step, as a float."""
        return self.once(("step number", dtype), lambda: self._steps_made(dtype) + 1.0)

    # ---- a step -----------------------------------------------------------------------------------------------

    def assign(self, variable, value):
        """w = value, for update_step"""
        variable.assign(value)

    def assign_add(self, variable, value):
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        variable.assign_sub(value)

    def update_step(self, gradient, variable, learning_rate):
        """Move one variable. To be written by a subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no update_step(self, gradient, variable, learning_rate): write it, "
                                  "with variable.assign(...) and fastdl.ops")

    def apply_gradients(self, grads_and_vars, **_):
        """One step from (gradient, variable) pairs: apply_gradients(zip(gradients, model.trainable_variables))."""
        pairs = list(grads_and_vars)
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[1], Variable):
                swapped = isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], Variable)
                raise bad_argument("grads_and_vars", "(variable, gradient) pairs" if swapped else f"{pair!r:.80}",
                                   "(gradient, variable) pairs", "apply_gradients(zip(gradients, model.trainable_variables))", TypeError)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads, trainable_variables=None):
        """One step: a gradient (or None) for each of the variables, by default those that build() was given."""
        grads = list(grads)
        if not grads:
            return
        variables = self._targets(grads, trainable_variables)
        pairs = [(self._checked(g, v), v) for g, v in zip(grads, variables) if g is not None]
        self._say_missing(grads, variables)
        self._step = {}
        try:
            direct = [(g, v) for g, v in pairs if v.overwrite_with_gradient]
            for g, v in direct:
                v.assign(g)
            pairs = [(g, v) for g, v in pairs if not v.overwrite_with_gradient]
            if pairs:
                grads, variables = [g for g, _ in pairs], [v for _, v in pairs]
                if self.loss_scale_factor is not None:
                    grads = [g * (1.0 / self.loss_scale_factor) for g in grads]
                self._apply(grads, variables)
                for v in variables:
                    if v.constraint is not None:
                        v.assign(v.constraint(v))
        finally:
            self._step = None
        self._iterations.assign_add(1)

    def _targets(self, grads, variables):
        if variables is None:
            if not self.built:
                raise ValueError(f"{self.name}.apply(grads) does not know the variables yet. "
                                 "Fix: apply(grads, model.trainable_variables), or call build(model.trainable_variables) first.")
            variables = self._trainable_variables
        variables = list(variables)
        if len(grads) != len(variables):
            raise bad_argument("grads", f"{len(grads)} gradients for {len(variables)} variables", "one gradient (or None) a variable",
                               "tape.gradient(loss, model.trainable_variables) gives them in order")
        if not self.built:
            self.build(variables)
        for v in variables:
            if id(v) not in self._index:
                raise ValueError(f"{self.name} does not know the variable {getattr(v, 'path', v)!r} of shape {v.shape}: it was built for "
                                 f"{len(self._index)} others. Layers added later, or another model, need an optimizer of their own. "
                                 f"Fix: make a new {type(self).__name__} (and compile the model with it).")
        return variables

    def _checked(self, gradient, variable):
        gradient = convert_to_tensor(gradient)
        if gradient.shape != variable.shape:
            raise bad_argument("grads", f"a gradient of shape {gradient.shape} for the variable {variable.path!r}",
                               f"its shape, {variable.shape}", "are gradients and variables in the same order?")
        wide = gradient.dtype == "float64" and variable.dtype == "float32"      # read in float64: the update rounds
        return gradient if gradient.dtype == variable.dtype or wide else ops.cast(gradient, variable.dtype)

    def _say_missing(self, grads, variables):
        missing = [v.path for g, v in zip(grads, variables) if g is None]
        if len(missing) == len(grads):
            raise ValueError(f"No gradients provided for any variable: the loss depends on none of {', '.join(missing[:5])}"
                             f"{', ...' if len(missing) > 5 else ''}. Usual causes: the loss was computed outside the GradientTape, "
                             "went through NumPy, or there is no loss.")
        if missing:
            warnings.warn(f"Gradients do not exist for variables {missing} when minimizing the loss: they stay as they are. Usual "
                          "causes: a layer whose output is not used, or that the loss does not reach.", stacklevel=4)

    def _apply(self, grads, variables):
        """Accumulate if asked to, clip, decay, move, average."""
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._move(grads, variables)
        if self.use_ema:
            self._average()

    def _move(self, grads, variables):
        grads = self._clip_gradients(grads)
        self._apply_weight_decay(variables)
        rate = self.once("rate", self._rate)
        for g, v in zip(grads, variables):
            self.update_step(g, v, rate)

    def _accumulate(self, grads, variables):
        """Every k-th call moves the variables by the mean of k gradients; other calls put back what they moved.

        A plan has no branches: what is 1 at a k-th call and else 0 chooses between the moved and the old value.
        """
        k = float(self.gradient_accumulation_steps)
        sums = [self._accumulators_of_gradients[self._index[id(v)]] for v in variables]
        count = ops.cast(self._iterations, config.floatx()) + 1.0
        moves = ops.cast(ops.equal(ops.floor(count / k) * k, count), config.floatx())
        stays = 1.0 - moves
        totals = [s + g for s, g in zip(sums, grads)]
        own = {id(v) for v in (self._iterations, self._learning_rate, *self._accumulators_of_gradients, *getattr(self, "_averages", ()))}
        state = [v for v in self._variables if id(v) not in own and v.dtype.startswith("float")] + variables
        before = [v * ops.cast(stays, v.dtype) for v in state]
        self._move([t / k for t in totals], variables)
        for v, old in zip(state, before):
            v.assign(v * ops.cast(moves, v.dtype) + old)
        for s, t in zip(sums, totals):
            s.assign(t * ops.cast(stays, s.dtype))

    # ---- clipping ---------------------------------------------------------------------------------------------

    def _clip_gradients(self, grads):
        if self.clipnorm:
            return [g * clip_factor(ops.sum(ops.square(g)), self.clipnorm) for g in grads]
        if self.global_clipnorm:
            total = None
            for g in grads:
                part = ops.sum(ops.square(g))
                total = part if total is None else total + part
            factor = clip_factor(total, self.global_clipnorm)
            factor = factor + (total - total)              # an infinite or NaN norm must show, not become a step of 0
            return [g * factor for g in grads]
        if self.clipvalue:
            return [ops.clip(g, -float(self.clipvalue), float(self.clipvalue)) for g in grads]
        return grads

    # ---- weight decay -----------------------------------------------------------------------------------------

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leave these variables, and those whose name contains one of var_names, out of weight decay. Before build()."""
        if self.built:
            raise ValueError(f"{self.name} is built already: call exclude_from_weight_decay() right after making the optimizer")
        self._undecayed = {id(v) for v in var_list or ()}
        self._undecayed_names = re.compile("|".join(sorted(set(var_names)))) if var_names else None

    def _use_weight_decay(self, variable):
        return id(variable) not in self._undecayed and not (self._undecayed_names and self._undecayed_names.search(variable.name))

    def _decay_of(self, variable):
        """The weight decay of one variable, or None."""
        return self.weight_decay if self.weight_decay is not None and self._use_weight_decay(variable) else None

    def _apply_weight_decay(self, variables):
        for v in variables:
            decay = self._decay_of(v)
            if decay:
                lost = self.once(("decay", decay), lambda: self.once("rate", self._rate) * float(decay))
                sgd_update(v, v, lost)                     # w = w - (rate decay) w, in place

    # ---- averages of the weights ------------------------------------------------------------------------------

    def _average(self):
        """average = momentum average + (1 - momentum) w, the first time w itself"""
        made = self._steps_made(config.floatx())
        share = 1.0 - ops.minimum(made, 1.0) * float(self.ema_momentum)
        for v, average in zip(self._trainable_variables, self._averages):
            step_towards(average, v, share)
        every = self.ema_overwrite_frequency
        if every:
            count = made + 1.0
            over = ops.cast(ops.equal(ops.floor(count / float(every)) * float(every), count), config.floatx())
            for v, average in zip(self._trainable_variables, self._averages):
                v.assign(average * over + v * (1.0 - over))

    def finalize_variable_values(self, var_list):
        """At the end of training: the weights become their averages, where averages are kept."""
        if not self.use_ema:
            return
        for v in var_list:
            if id(v) not in self._index:
                raise ValueError(f"{self.name} keeps no average of the variable {v.path!r}: it was built for other variables")
            v.assign(self._averages[self._index[id(v)]])

    def scale_loss(self, loss):
        """loss * loss_scale_factor, whose gradients apply() divides again"""
        return loss if self.loss_scale_factor is None else loss * float(self.loss_scale_factor)

    # ---- files ------------------------------------------------------------------------------------------------

    def get_weights(self):
        return [v.numpy().copy() for v in self._variables]

    def set_weights(self, weights):
        """Assign arrays to all variables, in the order of `variables`."""
        weights = list(weights)
        if not self.built and len(weights) > len(self._variables):
            raise ValueError(f"{self.name} has not been built: call build(model.trainable_variables) before set_weights()")
        if len(weights) != len(self._variables):
            raise bad_argument("weights", f"{len(weights)} arrays", f"{len(self._variables)}, one a variable of {self.name}",
                               "use what get_weights() of the same optimizer on the same model returned")
        for v, w in zip(self._variables, weights):
            if np.shape(w) != v.shape:
                raise bad_argument("weights", f"shape {np.shape(w)} for {v.path!r}", f"{v.shape}", "is it the same model?")
            v.assign(w)

    def save_own_variables(self, store):
        for k, v in enumerate(self._variables):
            store[str(k)] = v.numpy()

    def variables_of_keras_2(self):
        """Those that tf.keras 2.11 to 2.15 saved, in its order: the learning rate is in the config alone."""
        return [v for v in self._variables if v is not self._learning_rate]

    def derive(self):
        """After the variables of such a file were loaded: what follows from them."""

    def load_own_variables(self, store):
        older = self.variables_of_keras_2()
        if len(store.keys()) == len(older) < len(self._variables):
            for k, v in enumerate(older):
                v.assign(np.asarray(store[str(k)]))
            self.derive()
            return
        if len(store.keys()) == 2 and not np.any(store["0"]):           # saved before the first step: there is no state
            return
        if len(store.keys()) != len(self._variables):
            warnings.warn(f"The state of optimizer {self.name!r} is not loaded: the file has {len(store.keys())} variables, the optimizer "
                          f"{len(self._variables)}{'' if self.built else ' (it is not built yet)'}. Training goes on with a fresh state.",
                          stacklevel=2)
            return
        for k, v in enumerate(self._variables):
            v.assign(np.asarray(store[str(k)]))

    def get_config(self):
        """The constructor's arguments."""
        from fastdl.saving import serialization
        rate = self._learning_rate
        made = {"name": self.name,
                "learning_rate": float(rate) if isinstance(rate, Variable) else serialization.serialize_keras_object(rate)}
        for key in ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum", "ema_overwrite_frequency",
                    "loss_scale_factor", "gradient_accumulation_steps"):
            made[key] = getattr(self, key)
        return {**made, "decay": self.decay} if self.decay else made

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            from fastdl.saving import serialization
            config["learning_rate"] = serialization.deserialize_keras_object(config["learning_rate"], custom_objects=custom_objects)
        return cls(**config)

    def __repr__(self):
        rate = self._learning_rate
        return f"<{type(self).__name__} name={self.name} learning_rate={float(rate) if isinstance(rate, Variable) else rate}>"


def clip_factor(squares, norm):
    """norm / max(sqrt(squares), norm): what a gradient is multiplied by so that its length is at most `norm`"""
    return float(norm) / ops.maximum(ops.sqrt(squares), float(norm))


def step_towards(v, x, share):
    """v = v + share (x - v), in place"""
    sgd_update(v, v - x, share)
