"""Steps: what one batch does to a model. train_step, test_step and predict_step are ordinary code, traced into one plan each.

It is a mixin of Trainer; every step method may be overridden, and the metrics and losses that steps report are here too.
"""
import warnings

import numpy as np

from fastdl import config
from fastdl.core import modes
from fastdl.core.function import Arena, Rows, function, tensors
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument
from fastdl.training import data as fd_data
from fastdl.utils import tree


def _shows_loss(metrics):
    """A model that keeps its own 'loss' in its own train_step does not need ours."""
    return not any(getattr(m, "name", None) == "loss" for m in metrics)


class Steps:
    """w <- optimizer(w, d loss(y, model(x)) / d w)"""

    compiled = False
    optimizer = None
    loss = None
    stop_training = False
    run_eagerly = False
    history = None
    train_function = test_function = predict_function = None
    # What compile() made; names that start with "_compile" are not searched for layers, weights or metrics.
    _compile_losses = _compile_metrics_list = _compile_tracker = None
    _compile_variables = _compile_trained = _compile_version = None
    _compile_ready = False
    _compile_rate = None

    # ---- metrics ----------------------------------------------------------------------------------------------

    @property
    def metrics(self):
        """The loss tracker, the compiled metrics, then the metrics that layers and the model own."""
        owned = super().metrics
        found = [self._compile_tracker] if self._compile_tracker is not None and _shows_loss(owned) else []
        if self._compile_losses is not None:
            found += self._compile_losses.metrics
        if self._compile_metrics_list is not None:
            found += self._compile_metrics_list.metrics
        for metric in owned:
            if not any(metric is m for m in found):
                found.append(metric)
        return found

    @property
    def metrics_names(self):
        return [m.name for m in self.metrics]

    def reset_metrics(self):
        for metric in self.metrics:
            metric.reset_state()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the compiled metrics and return all current results; override it for results of your own."""
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y, y_pred, sample_weight):
        if self._compile_metrics_list is not None and y is not None:
            if not self._compile_metrics_list.built:
                self._compile_metrics_list.build(y, y_pred, self._compile_losses.losses if self._compile_losses else None)
            self._compile_metrics_list.update_state(y, y_pred, sample_weight)

    def get_metrics_result(self):
        """name -> current value of every metric."""
        compiled = self._compile_metrics_list
        taken = compiled.metrics if compiled is not None else []
        results = {}
        for metric in self.metrics:
            if any(metric is m for m in taken):
                continue
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        if compiled is not None and compiled.built:
            results.update(compiled.result())
        if "loss" in results:
            results = {"loss": results.pop("loss"), **results}
        return results

    # ---- the steps, overridable -------------------------------------------------------------------------------

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """loss = sum of the compiled losses + sum of model.losses (regularizers and add_loss)"""
        total = None
        if self._compile_losses is not None and (y is not None or tree.flatten(y_pred) and self.loss is not None):
            if y is None:
                raise bad_argument("y", "None", f"targets for the loss {self.loss!r}", "pass y, or compile(loss=None) with add_loss")
            total = self._compile_losses(y, y_pred, sample_weight)
        for extra in self.losses:
            total = extra if total is None else total + extra
        if total is None:
            raise ValueError("There is nothing to minimise: compile() was given no loss and no layer called add_loss(). "
                             'Fix: model.compile(loss="mse") with the loss of your task.')
        return total

    def _call(self, x, training):
        return self(x, training=training)

    def _update(self, data):
        """One step of training; returns (x, y, y_pred, sample_weight)."""
        x, y, sample_weight = fd_data.unpack_x_y_sample_weight(data)
        variables = self._training_variables()
        with GradientTape() as tape:
            y_pred = self._call(x, True)
            loss = self._loss_of(x, y, y_pred, sample_weight, True)
            scaled = self.optimizer.scale_loss(loss) if hasattr(self.optimizer, "scale_loss") else loss
        self._track_loss(loss, x)
        if variables and self.optimizer is None:
            raise ValueError('compile() was given optimizer=None: nothing can train the weights. Fix: compile(optimizer="adam", ...).')
        if variables:
            self.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables))
        return x, y, y_pred, sample_weight

    def _loss_of(self, x, y, y_pred, sample_weight, training):
        try:
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        except TypeError as error:
            # An override written for an older signature has no `training`.
            if "unexpected keyword argument 'training'" not in str(error):
                raise
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)

    def _track_loss(self, loss, x):
        first = next((a for a in tree.flatten(x) if a is not None), None)
        self._compile_tracker.update_state(loss, sample_weight=float(first.shape[0]) if first is not None and first.shape else 1.0)

    def train_step(self, data):
        """Forward, loss, gradient, update, metrics; `data` is (x, y, sample_weight). Returns the logs."""
        x, y, y_pred, sample_weight = self._update(data)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data):
        """Forward, loss, metrics. Returns the logs."""
        x, y, y_pred, sample_weight = self._score(data)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _score(self, data):
        x, y, sample_weight = fd_data.unpack_x_y_sample_weight(data)
        y_pred = self._call(x, False)
        if self._compile_losses is not None or self.losses or type(self).compute_loss is not Steps.compute_loss:
            self._track_loss(self._loss_of(x, y, y_pred, sample_weight, False), x)
        return x, y, y_pred, sample_weight

    def predict_step(self, data):
        """y_pred = model(x)"""
        x, _, _ = fd_data.unpack_x_y_sample_weight(data)
        return self._call(x, False)

    def _plain(self, step):
        """Whether neither this step nor what it reports was overridden: then the plan need not report at all."""
        cls = type(self)
        return (getattr(cls, step) is getattr(Steps, step) and cls.compute_metrics is Steps.compute_metrics
                and cls.get_metrics_result is Steps.get_metrics_result and step not in self.__dict__)

    def _quiet_train(self, data):
        x, y, y_pred, sample_weight = self._update(data)
        self._update_metrics(y, y_pred, sample_weight)

    def _quiet_test(self, data):
        x, y, y_pred, sample_weight = self._score(data)
        self._update_metrics(y, y_pred, sample_weight)

    # ---- the weights that a step trains -----------------------------------------------------------------------

    def _training_variables(self):
        """Keras 2: those that were trainable at compile(). Keras 3: those that are now, unless none is left: then as in Keras 2, for
        `discriminator.trainable = False` after its compile() speaks to the models compiled later."""
        if self._compile_variables is None or self._compile_count != len(self.weights):
            self._compile_variables = list(self.trainable_weights)
            self._compile_count = len(self.weights)
        if config.compat() == "keras2":
            return self._compile_variables
        now = self.trainable_weights
        known = getattr(self.optimizer, "_index", None) if getattr(self.optimizer, "built", False) else None
        late = [v.path for v in now if known is not None and id(v) not in known]
        if late:
            shown = ", ".join(late[:3]) + (", ..." if len(late) > 3 else "")
            self._say("thawed", f"{shown} became trainable after training began, and stay as they are: compile() model "
                      f"'{self.name}' again so that its optimizer knows them.")
            now = [v for v in now if id(v) in known]
        if not now and self._compile_variables:
            self._say("frozen", f"every weight of model '{self.name}' was frozen after compile(), and it trains as it was compiled. "
                      "Compile it again to freeze it.")
            return self._compile_variables
        return now

    def _say(self, key, text):
        """A warning, once a compile()."""
        if key not in self._compile_said:
            self._compile_said.add(key)
            warnings.warn(text, stacklevel=6)

    # ---- step -> plan -----------------------------------------------------------------------------------------

    def make_train_function(self, force=False):
        rate = getattr(self.optimizer, "_learning_rate", None)           # a schedule put in its place needs another plan
        trained = self._compile_trained
        if self.version != self._compile_version:                        # some layer's `trainable` may have been set
            trained = [id(v) for v in self._training_variables()] if self.built and self.optimizer is not None else None
        if self.train_function is None or force or rate is not self._compile_rate or trained != self._compile_trained:
            self._compile_rate, self._compile_trained = rate, trained    # both are constants of the plan
            self.train_function = self._make(self._quiet_train if self._plain("train_step") else self.train_step)
        self._compile_version = type(self).version
        return self.train_function

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            self.test_function = self._make(self._quiet_test if self._plain("test_step") else self.test_step)
        return self.test_function

    def make_predict_function(self, force=False):
        if self.predict_function is None or force:
            self.predict_function = self._make(self.predict_step)
        return self.predict_function

    def _make(self, step):
        """The step as a compiled function; a step whose Python reads values runs eagerly, which is said once."""
        name = step.__name__
        if getattr(type(self), name) is not getattr(Steps, name, None) and not name.startswith("_quiet"):
            own, step = step, lambda data: own(fd_data.pack_x_y_sample_weight(*data))        # a user's: x, (x, y) or (x, y, weights)
        if self.run_eagerly or self._on_the_host():
            return lambda data: step(self._tensors(data))

        def traced(data):
            out = step(data)
            self._clear_losses()                 # what a trace adds to model.losses has no value outside it
            return out

        compiled = function(traced, self._arena())
        compiled.__name__ = f"{name.replace('_quiet_', '')} of model '{self.name}'"
        return compiled

    def _arena(self):
        """The memory that all plans of this model work in, one at a time."""
        return self.__dict__.setdefault("_compile_arena", Arena())

    def _on_the_host(self):
        """Does a layer read strings? Then steps run eagerly: strings never enter a compiled plan."""
        return any(getattr(layer, "host_only", False) for layer in self._flatten_layers())

    def _tensors(self, data):
        """Arrays as tensors; strings stay arrays where a layer reads them."""
        if not self._on_the_host():
            return tensors(data)

        def each(a):
            a = a.array[a.index] if isinstance(a, Rows) and a.array.dtype.kind == "U" else a
            return a if isinstance(a, np.ndarray) and a.dtype.kind == "U" else tensors(a)
        return tree.map_structure(each, data)

    def _prepare(self, batch, training=True):
        """Before the first step: build the model, the losses, the metrics and the optimizer outside any trace."""
        if self._compile_ready and self.built:
            return
        x, y, _ = batch
        ours = type(self).train_step is Steps.train_step and type(self).test_step is Steps.test_step
        losses, metrics = self._compile_losses, self._compile_metrics_list
        needs = not self.built or any(c is not None and not c.built for c in (losses, metrics))
        if needs:
            try:
                y_pred = self._dry_run(x)
            except Exception:
                if ours:
                    raise
                y_pred = None               # a model with a train_step of its own may have no call() for this data
            if ours and self.compiled and losses is not None and any(p is None for p in tree.flatten(y_pred)):
                raise ValueError(f"call() of model '{self.name}' returned {y_pred!r:.80}; wanted its outputs. Is a `return` missing "
                                 "at its end?")
            if y_pred is not None and y is not None and self.compiled:
                try:
                    targets = tensors(y)
                    if losses is not None:
                        losses.build(targets, y_pred)
                    if metrics is not None:
                        metrics.build(targets, y_pred, losses.losses if losses is not None else None)
                except ValueError:
                    if ours:                # a step of its own may take targets of another structure
                        raise
            self._compile_output = y_pred
        if self.compiled and self.optimizer is not None and training:
            # What is frozen for now may come back.
            variables = {id(v): v for v in [*self._training_variables(), *self._compile_variables]}
            if variables and not getattr(self.optimizer, "built", False):
                order = {id(v): k for k, v in enumerate(self.weights)}
                self.optimizer.build(sorted(variables.values(), key=lambda v: order[id(v)]))
        for metric in self.metrics if self.compiled else ():
            metric.variables                # made now, not inside a trace
        self._compile_ready = training or self._compile_ready

    def _dry_run(self, x):
        """model(x) for its shapes. What is built is read without computing; else it runs once, and what it changed (random
        counters, recurrent states) is put back."""
        inputs = self._tensors(x)
        leaves = tree.flatten(inputs)
        if self.built and not self.run_eagerly and all(isinstance(t, Tensor) for t in leaves):
            try:
                y_pred = modes.abstract(lambda *ts: self._call(tree.pack_sequence_as(inputs, ts), False), [(t.shape, t.dtype) for t in leaves])
                self._clear_losses()
                return y_pred
            except modes.TracedValueError:       # its Python looks at values
                self._clear_losses()
        kept = [(v, np.array(v.numpy())) for v in self.variables] if self.built else []
        y_pred = self._call(inputs, False)
        for variable, value in kept:
            variable.assign(value)
        self._clear_losses()
        return y_pred
