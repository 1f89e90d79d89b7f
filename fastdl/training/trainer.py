"""Trainer: compile, fit, evaluate and predict, whole data sets or one batch. What a step does is in steps.py.

It is a mixin of Model; every method may be overridden.
"""
import warnings

import numpy as np

from fastdl import config
from fastdl.callbacks import CallbackList
from fastdl.errors import bad_argument, did_you_mean
from fastdl.training import data as fd_data
from fastdl.training.arguments import check_count, check_legacy, check_verbose
from fastdl.training.compile import CompileLoss, CompileMetrics, align, check_target, label_limits
from fastdl.training.prefetch import leaves_no_thread
from fastdl.training.steps import Steps
from fastdl.utils import tree


def _to_python(value):
    """A log value as a float (or an array where it is not a scalar)."""
    if isinstance(value, dict):
        return {k: _to_python(v) for k, v in value.items()}
    a = np.asarray(value)
    return a.item() if a.ndim == 0 else a


def _in_order(logs):
    """As Python numbers; by name as in Keras 3, or the loss first as in Keras 2."""
    logs = {k: _to_python(v) for k, v in logs.items()}
    return logs if config.compat() == "keras2" else dict(sorted(logs.items()))


def _due(epoch, validation_freq):
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


class Trainer(Steps):
    """A model's compile, fit, evaluate and predict."""

    # ---- compile ----------------------------------------------------------------------------------------------

    def compile(self, optimizer="rmsprop", loss=None, loss_weights=None, metrics=None, weighted_metrics=None,
                run_eagerly=False, steps_per_execution=1, jit_compile="auto", auto_scale_loss=True, sample_weight_mode=None,
                target_tensors=None, **kwargs):
        """Choose the optimizer, the loss and the metrics: names, objects or functions; lists or dicts for several outputs.

        >>> model.compile("adam", "mse", metrics=["mae"])  # doctest: +SKIP
        """
        from fastdl import metrics as fd_metrics
        from fastdl import losses as fd_losses
        from fastdl import optimizers

        if kwargs:
            name = sorted(kwargs)[0]
            known = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution",
                     "jit_compile", "auto_scale_loss")
            raise TypeError(f"compile() has no argument `{name}`.{did_you_mean(name, known)} It takes: {', '.join(known)}.")
        self.optimizer = optimizers.get(optimizer)
        # Looked up now, so that a misspelt name fails here and not in fit.
        for leaf in tree.flatten(loss):
            if isinstance(leaf, str):
                fd_losses.get(leaf)
        for leaf in tree.flatten(metrics) + tree.flatten(weighted_metrics):
            if isinstance(leaf, str) and leaf.lower() not in ("accuracy", "acc", "crossentropy", "ce"):
                fd_metrics.get(leaf)
        self.__dict__["loss"] = loss
        names = getattr(self, "output_names", None)
        self._compile_losses = None if loss is None else CompileLoss(loss, loss_weights, names)
        self._compile_metrics_list = CompileMetrics(metrics, weighted_metrics, names) if metrics or weighted_metrics else None
        self._compile_tracker = fd_metrics.Mean(name="loss")
        self._compile_config = dict(optimizer=optimizer, loss=loss, loss_weights=loss_weights, metrics=metrics,
                                    weighted_metrics=weighted_metrics, run_eagerly=run_eagerly,
                                    steps_per_execution=steps_per_execution or 1, jit_compile=jit_compile)
        self.__dict__["run_eagerly"], self.__dict__["jit_compile"] = bool(run_eagerly), jit_compile
        self.train_function = self.test_function = self.predict_function = None
        self.stop_training = False
        self.compiled = True
        self._compile_ready = False
        self._compile_said, self._compile_trained = set(), None
        self._compile_variables = list(self.trainable_weights) if self.built else None
        self._compile_count = len(self.weights) if self.built else -1

    def get_compile_config(self):
        """The arguments of compile() in a form that files can hold, or None before compile()."""
        if not self.compiled:
            return None
        from fastdl.saving import serialization

        config = dict(self._compile_config, optimizer=self.optimizer)
        try:
            return serialization.serialize_keras_object(config)
        except (TypeError, ValueError) as error:
            warnings.warn(f"What compile() was given cannot be written to a file ({error}); the file will hold the model uncompiled.",
                          stacklevel=2)
            return None

    def compile_from_config(self, config):
        from fastdl.saving import serialization

        self.compile(**serialization.deserialize_keras_object(config))
        if self.built and self.optimizer is not None:
            self.optimizer.build(self._training_variables())

    def _must_be_compiled(self, method):
        if not self.compiled:
            raise RuntimeError(f'{method}() came before compile(): the model has no optimizer and no loss yet. '
                               'Fix: model.compile(optimizer="adam", loss="mse") first, with your loss.')

    # ---- data and logs ----------------------------------------------------------------------------------------

    def _dtypes_of(self, x):
        """Casts that batches need: whole-number images for inputs declared float32."""
        inputs = getattr(self, "inputs", None) if self.built else None
        leaves = tree.flatten(x)
        if inputs:
            wanted = [getattr(t, "dtype", None) for t in tree.flatten(inputs)]
            if len(wanted) == len(leaves):
                return {id(a): w for a, w in zip(leaves, wanted) if a is not None and w and a.dtype.kind != "U" and str(a.dtype) != str(w)}
        return {id(a): "float32" for a in leaves if a is not None and a.dtype in (np.uint8, np.int8, np.bool_)}

    def _check_labels(self, source):
        if not isinstance(source, fd_data.ArraySource) or source.data[1] is None or self._compile_losses is None:
            return
        y_pred = getattr(self, "_compile_output", None)
        if y_pred is None or not self._compile_losses.built or type(self).train_step is not Trainer.train_step:
            return
        preds = tree.flatten(y_pred)
        trues = align(source.data[1], y_pred, self._compile_losses.names, self._compile_losses.losses)
        for k, (loss, t, p) in enumerate(zip(self._compile_losses.losses, trues, preds)):
            if t is None or loss is None:
                continue
            name = "y" if len(preds) == 1 else f'y["{self._compile_losses.names[k]}"]'
            check_target(loss, t, p, None if len(preds) == 1 else self._compile_losses.names[k])
            classes = label_limits(loss, p)
            if classes is not None and getattr(loss, "ignore_class", None) is None:
                fd_data.check_labels(t, classes, name)

    def _logs(self, out, quiet):
        """The logs as floats: what the metrics say, or what an overridden step returned."""
        if quiet or out is None:
            return _in_order(self.get_metrics_result())
        if not isinstance(out, dict):
            raise TypeError(f"train_step/test_step returned {type(out).__name__}; wanted a dict of logs. "
                            'Fix: return {"loss": loss} or return {m.name: m.result() for m in self.metrics}.')
        return _in_order(out)

    def _epoch_logs(self, out, quiet):
        logs = self._logs(out, quiet)
        if not quiet:
            results = self.get_metrics_result()
            if set(results) == set(logs):
                logs = {k: _to_python(results[k]) for k in logs}
        return logs

    def _as_list(self, logs):
        """The values: those of the metrics in their order, then the others; one alone is no list."""
        first = [n for n in dict.fromkeys(self.metrics_names) if n in logs] if config.compat() != "keras2" else []
        values = [logs[n] for n in first + [n for n in logs if n not in first]]
        flat = [u for v in values for u in (v.values() if isinstance(v, dict) else [v])]
        return flat[0] if len(flat) == 1 else flat

    # ---- fit --------------------------------------------------------------------------------------------------

    @leaves_no_thread
    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, validation_split=0.0,
            validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0, steps_per_epoch=None,
            validation_steps=None, validation_batch_size=None, validation_freq=1, **legacy):
        """Train for `epochs` passes over the data; returns History, whose .history maps names to lists of floats.

        x: array, list or dict of arrays, DataFrame, generator, Sequence. y: targets. validation_split holds out the
        last part of the samples. >>> model.fit(x, y, epochs=5, validation_split=0.2)  # doctest: +SKIP
        """
        self._must_be_compiled("fit")
        epochs = legacy.pop("nb_epoch", epochs)
        validation_steps = legacy.pop("nb_val_samples", validation_steps)
        check_legacy("fit", legacy)
        verbose = check_verbose(verbose)
        epochs = epochs if config.max_epochs() is None else min(epochs, config.max_epochs())
        limit = config.max_steps_per_epoch()
        steps_per_epoch = limit if limit is not None and (steps_per_epoch is None or steps_per_epoch > limit) else steps_per_epoch
        check_count("epochs", epochs, 0)
        check_count("steps_per_epoch", steps_per_epoch, 1)
        if validation_split and validation_data is None:
            if not fd_data.is_array_like(x):
                raise bad_argument("validation_split", validation_split, "arrays as x: a generator has no last part",
                                   "pass validation_data")
            arrays = (fd_data.to_arrays(x, "x"), fd_data.to_arrays(y, "y"), fd_data.to_arrays(sample_weight, "sample_weight"))
            fd_data.check_lengths(*arrays)
            (x, y, sample_weight), validation_data = fd_data.train_validation_split(arrays, validation_split)
        source = fd_data.make_source(x, y, sample_weight, batch_size, shuffle, class_weight, self._dtypes_of, steps=steps_per_epoch)
        self._prepare(source.first())
        self._check_labels(source)
        validation = None
        if validation_data is not None:
            validation = self._validation_source(validation_data, validation_batch_size or batch_size)
        steps = steps_per_epoch or source.steps
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, add_history=True, add_progbar=verbose != 0, model=self, verbose=verbose,
                                     epochs=epochs, steps=steps)
        step, quiet = self.make_train_function(), self._plain("train_step")
        self.stop_training = False
        self.history = callbacks.history
        callbacks.sources = [s for s in (source, validation) if s is not None]
        callbacks.on_train_begin()
        first, done, logs = callbacks.resumed or (initial_epoch, 0, None)      # a restored run may go on inside an epoch
        for epoch in range(first, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            out, count = None, done - 1
            for count, batch in enumerate(source.epoch(steps_per_epoch and steps_per_epoch - done), done):
                callbacks.batch_begin("train", count)
                out = step(batch)
                callbacks.batch_end("train", count, lambda: self._logs(out, quiet))
                if self.stop_training:
                    break
            done = 0
            if count < 0 or (steps_per_epoch and count + 1 < steps_per_epoch and not self.stop_training):
                warnings.warn(f"The data ran out in epoch {epoch + 1} after {count + 1} steps; wanted {steps or 'at least 1'}. "
                              "Fix: let the generator repeat (while True), or lower steps_per_epoch or epochs.", stacklevel=2)
                self.stop_training = True
                if count < 0:
                    break
            logs = self._epoch_logs(out, quiet)
            source.on_epoch_end()
            if validation is not None and _due(epoch, validation_freq):
                scores = self._evaluate(validation, validation_steps, callbacks)
                logs = _in_order({**logs, **{"val_" + name: value for name, value in scores.items()}})
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if epochs > initial_epoch and hasattr(self.optimizer, "finalize_variable_values"):
            self.optimizer.finalize_variable_values(self._training_variables())          # averaged weights, where it keeps any
        callbacks.on_train_end(logs)
        return self.history

    def _validation_source(self, validation_data, batch_size):
        if isinstance(validation_data, (tuple, list)) and not hasattr(validation_data, "on_epoch_end"):
            if not 1 <= len(validation_data) <= 3:
                raise bad_argument("validation_data", f"{len(validation_data)} parts", "(x, y) or (x, y, sample_weight)",
                                   "pass a tuple of two or three")
            x, y, w = fd_data.unpack_x_y_sample_weight(tuple(validation_data))
            source = fd_data.make_source(x, y, w, batch_size, dtypes_of=self._dtypes_of)
        else:
            source = fd_data.make_source(validation_data, batch_size=batch_size, dtypes_of=self._dtypes_of)
        self._check_labels(source)
        return source

    # ---- evaluate and predict ---------------------------------------------------------------------------------

    @leaves_no_thread
    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, steps=None, callbacks=None,
                 return_dict=False, **legacy):
        """The loss and the metrics on this data: a number, a list in the order of metrics_names, or a dict."""
        self._must_be_compiled("evaluate")
        check_legacy("evaluate", legacy)
        verbose = check_verbose(verbose)
        source = fd_data.make_source(x, y, sample_weight, batch_size, dtypes_of=self._dtypes_of, steps=steps)
        self._prepare(source.first(), training=False)
        self._check_labels(source)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1,
                                     steps=steps or source.steps)
        logs = self._evaluate(source, steps, callbacks)
        return logs if return_dict else self._as_list(logs)

    def _evaluate(self, source, steps, callbacks):
        step, quiet = self.make_test_function(), self._plain("test_step")
        callbacks.on_test_begin()
        self.reset_metrics()
        out, count = None, -1
        for count, batch in enumerate(source.epoch(steps)):
            callbacks.batch_begin("test", count)
            out = step(batch)
            callbacks.batch_end("test", count, lambda: self._logs(out, quiet))
        if count < 0:
            raise bad_argument("x", "a generator that yields nothing (more)", "at least one batch",
                               "a generator can be read once: create it anew, or pass steps")
        logs = self._epoch_logs(out, quiet)
        callbacks.on_test_end(logs)
        return logs

    @leaves_no_thread
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None, **legacy):
        """y = model(x), batch by batch, as NumPy arrays."""
        check_legacy("predict", legacy)
        verbose = check_verbose(verbose)
        source = fd_data.make_source(x, batch_size=batch_size, dtypes_of=self._dtypes_of, check=False, steps=steps)
        if not self.built:
            self._dry_run(source.first()[0])
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1,
                                     steps=steps or source.steps)
        step, parts, shape = self.make_predict_function(), [], None
        callbacks.on_predict_begin()
        for count, batch in enumerate(source.epoch(steps)):
            callbacks.batch_begin("predict", count)
            shape = step((batch[0], None, None))
            parts.append([np.array(leaf) for leaf in tree.flatten(shape)])
            callbacks.batch_end("predict", count, lambda: shape if isinstance(shape, dict) else {"outputs": shape})
        callbacks.on_predict_end()
        if not parts:
            raise bad_argument("x", "a generator that yields nothing", "at least one batch", "create the generator anew")
        joined = [np.concatenate(leaf) if leaf[0].ndim else np.stack(leaf) for leaf in zip(*parts)]
        return tree.pack_sequence_as(shape, joined)

    # ---- one batch --------------------------------------------------------------------------------------------

    def _one_batch(self, x, y, sample_weight, class_weight=None):
        source = fd_data.make_source(x, y, sample_weight, 2**31 - 1, False, class_weight, self._dtypes_of, check=False)
        return source.first()

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step on this batch; returns the loss, or [loss, metrics...] of this batch alone."""
        self._must_be_compiled("train_on_batch")
        batch = self._one_batch(x, y, sample_weight, class_weight)
        self._prepare(batch)
        self.reset_metrics()
        logs = self._epoch_logs(self.make_train_function()(batch), self._plain("train_step"))
        return logs if return_dict else self._as_list(logs)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """The loss, or [loss, metrics...], of this batch; nothing is trained."""
        self._must_be_compiled("test_on_batch")
        batch = self._one_batch(x, y, sample_weight)
        self._prepare(batch, training=False)
        self.reset_metrics()
        logs = self._epoch_logs(self.make_test_function()(batch), self._plain("test_step"))
        return logs if return_dict else self._as_list(logs)

    def predict_on_batch(self, x):
        """model(x) for this batch, as NumPy."""
        batch = self._one_batch(x, None, None)
        if not self.built:
            self._dry_run(batch[0])
        return tree.map_structure(lambda t: np.array(t), self.make_predict_function()((batch[0], None, None)))

    # Keras 2 spellings of the same methods.
    def predict_proba(self, x, batch_size=None, verbose=0, **kwargs):
        """predict(x), as Keras 2 called it for classifiers."""
        return self.predict(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def predict_classes(self, x, batch_size=None, verbose=0, **kwargs):
        """The most likely class of each sample; for a single output unit whether it is above 0.5."""
        p = self.predict(x, batch_size=batch_size, verbose=verbose, **kwargs)
        return p.argmax(axis=-1) if p.shape[-1] > 1 else (p > 0.5).astype("int32")

    def fit_generator(self, generator, *args, **kwargs):
        names = ("steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data", "validation_steps")
        if "samples_per_epoch" in kwargs:
            raise TypeError("fit_generator(samples_per_epoch=) counted samples in Keras 1. Fix: steps_per_epoch=samples // batch_size.")
        return self.fit(generator, **dict(zip(names, args)), **kwargs)

    def evaluate_generator(self, generator, steps=None, **kwargs):
        return self.evaluate(generator, steps=steps, **{"verbose": 0, **kwargs})

    def predict_generator(self, generator, steps=None, **kwargs):
        return self.predict(generator, steps=steps, **{"verbose": 0, **kwargs})
