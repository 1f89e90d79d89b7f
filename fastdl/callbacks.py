"""Callbacks: code of yours at fixed moments of fit, evaluate and predict.

A hook that a callback does not define costs nothing: batch logs are computed only for those who read them.
"""
import os
import sys
import time
import warnings

import numpy as np

from fastdl.errors import bad_argument
from fastdl.utils.progbar import Progbar


class Callback:
    """Base class; override the hooks you need. `self.model` and `self.params` are set by fit.

    `self.params` has "epochs", "steps" and "verbose". Logs are dicts name -> float.
    """

    def __init__(self):
        self.params = None
        self._model = None

    @property
    def model(self):
        return self._model

    @model.setter
    def model(self, model):                      # callbacks of 2017 set it in a set_model of their own
        self._model = model

    def set_params(self, params):
        self.params = params

    def set_model(self, model):
        self._model = model

    state_names = ()                         # attributes that a resumed training needs back

    def get_state(self):
        """What BackupAndRestore keeps of this callback: numbers, strings, arrays, lists and dicts."""
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state):
        for name, value in state.items():
            if name in self.state_names:
                setattr(self, name, value)

    def on_epoch_begin(self, epoch, logs=None): pass
    def on_epoch_end(self, epoch, logs=None): pass
    def on_batch_begin(self, batch, logs=None): pass
    def on_batch_end(self, batch, logs=None): pass
    def on_train_batch_begin(self, batch, logs=None): self.on_batch_begin(batch, logs=logs)
    def on_train_batch_end(self, batch, logs=None): self.on_batch_end(batch, logs=logs)
    def on_test_batch_begin(self, batch, logs=None): pass
    def on_test_batch_end(self, batch, logs=None): pass
    def on_predict_batch_begin(self, batch, logs=None): pass
    def on_predict_batch_end(self, batch, logs=None): pass
    def on_train_begin(self, logs=None): pass
    def on_train_end(self, logs=None): pass
    def on_test_begin(self, logs=None): pass
    def on_test_end(self, logs=None): pass
    def on_predict_begin(self, logs=None): pass
    def on_predict_end(self, logs=None): pass


def _defines(callback, hook):
    """Whether this callback replaced the empty hook of the base class."""
    names = [hook] + ([hook.replace("_train", "")] if "_train_" in hook else [])
    for name in names:
        mine = getattr(callback, name, None)
        if mine is not None and getattr(mine, "__func__", mine) is not getattr(Callback, name):
            return True
    return False


class CallbackList(Callback):
    """The callbacks of one run, called in order; makes History and the progress bar.

    Batch hooks take the logs as a dict or as a function without arguments that makes the dict.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        if callbacks is None:
            callbacks = []
        elif not isinstance(callbacks, (list, tuple)):
            callbacks = [callbacks]
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if isinstance(callback, type) or not hasattr(callback, "on_epoch_end"):
                raise bad_argument(
                    "callbacks", repr(callback), "objects of Callback classes",
                    "create the object, as in callbacks=[EarlyStopping()], and derive your own from fastdl.callbacks.Callback",
                    TypeError,
                )
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)
        self._begin, self._end = {}, {}
        for mode in ("train", "test", "predict"):
            self._begin[mode] = [c for c in self.callbacks if _defines(c, f"on_{mode}_batch_begin")]
            self._end[mode] = [c for c in self.callbacks if _defines(c, f"on_{mode}_batch_end")]
        self._backups = [c for c in self.callbacks if isinstance(c, BackupAndRestore)]
        self.sources, self.resumed = [], None               # the data of fit; where a restored run goes on
        self._lazy = {m: bool(c) and all(isinstance(x, ProgbarLogger) for x in c) for m, c in self._end.items()}

    def append(self, callback):
        self.__init__([*self.callbacks, callback], model=self.model, **(self.params or {}))

    def set_params(self, params):
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model):
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    def batch_begin(self, mode, batch):
        for callback in self._begin[mode]:
            getattr(callback, f"on_{mode}_batch_begin")(batch, {})

    def batch_end(self, mode, batch, make_logs):
        """Call the batch hooks; `make_logs()` runs only when somebody is going to look."""
        callbacks = self._end[mode]
        if not callbacks:
            return
        if self._lazy[mode]:
            due = [c for c in callbacks if c.due(mode, batch)]
            if not due:
                return
            callbacks = due
        logs = make_logs() if callable(make_logs) else (make_logs or {})
        for callback in callbacks:
            getattr(callback, f"on_{mode}_batch_end")(batch, logs)
        if mode == "train":
            for backup in self._backups:
                backup.after_batch(batch, logs)

    def on_train_batch_begin(self, batch, logs=None): self.batch_begin("train", batch)
    def on_train_batch_end(self, batch, logs=None): self.batch_end("train", batch, logs)
    def on_test_batch_begin(self, batch, logs=None): self.batch_begin("test", batch)
    def on_test_batch_end(self, batch, logs=None): self.batch_end("test", batch, logs)
    def on_predict_batch_begin(self, batch, logs=None): self.batch_begin("predict", batch)
    def on_predict_batch_end(self, batch, logs=None): self.batch_end("predict", batch, logs)
    on_batch_begin, on_batch_end = on_train_batch_begin, on_train_batch_end

    def _each(self, hook, *args):
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    # Backups come last: they keep, and put back, what all the others did.
    def on_epoch_begin(self, epoch, logs=None):
        self._each("on_epoch_begin", epoch, logs or {})
        for backup in self._backups:
            backup.after_epoch_begin()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        self._each("on_epoch_end", epoch, logs)
        for backup in self._backups:
            backup.after_epoch_end(epoch, logs)

    def on_train_begin(self, logs=None):
        self._each("on_train_begin", logs or {})
        self.resumed = None
        for backup in self._backups:
            self.resumed = backup.after_train_begin(self) or self.resumed

    def on_train_end(self, logs=None): self._each("on_train_end", logs or {})
    def on_test_begin(self, logs=None): self._each("on_test_begin", logs or {})
    def on_test_end(self, logs=None): self._each("on_test_end", logs or {})
    def on_predict_begin(self, logs=None): self._each("on_predict_begin", logs or {})
    def on_predict_end(self, logs=None): self._each("on_predict_end", logs or {})


OLD_NAMES = {"acc": "accuracy", "mae": "mean_absolute_error", "mse": "mean_squared_error", "mape": "mean_absolute_percentage_error",
             "msle": "mean_squared_logarithmic_error", "cosine": "cosine_similarity", "cosine_proximity": "cosine_similarity",
             "lr": "learning_rate"}
_KINDS = ("binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy")


def _same_word(name):
    """The spellings of one log name in both eras: val_acc -> val_accuracy; dense_acc -> dense_accuracy."""
    for short, long in OLD_NAMES.items():
        for one, other in ((short, long), (long, short)):
            if name == one or name.endswith("_" + one):
                head = name[:len(name) - len(one)]
                yield head + other
                if other in ("acc", "accuracy"):
                    yield from (head + kind for kind in _KINDS)


class Logs(dict):
    """A dict of logs that answers the names of both eras: logs["val_acc"] is logs["val_accuracy"]."""

    def _known(self, name):
        if dict.__contains__(self, name) or not isinstance(name, str):
            return name
        return next((other for other in _same_word(name) if dict.__contains__(self, other)), name)

    def __missing__(self, name):
        known = self._known(name)
        if known != name:
            return dict.__getitem__(self, known)
        from fastdl.errors import did_you_mean
        raise KeyError(f"{name}: the names here are {', '.join(map(str, self))}.{did_you_mean(name, self)}")

    def __contains__(self, name):
        return dict.__contains__(self, self._known(name))

    def get(self, name, default=None):
        return dict.get(self, self._known(name), default)


class History(Callback):
    """history[name][k] = the value of `name` after epoch `epoch[k]`; what fit returns."""

    state_names = ("history", "epoch")

    def __init__(self):
        super().__init__()
        self.history = Logs()
        self.epoch = []

    def on_train_begin(self, logs=None):
        self.epoch = []
        self.history = Logs()

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self


class ProgbarLogger(Callback):
    """The progress bar of fit, evaluate and predict; the values shown are running means of the epoch."""

    def __init__(self):
        super().__init__()
        self.bar = None
        self.verbose = 0
        self._nested = False                 # validation inside fit keeps the bar of the epoch

    def set_params(self, params):
        self.params = params
        self.verbose = 1 if params.get("verbose") == "auto" else int(params.get("verbose") or 0)

    def due(self, mode, batch):
        """Whether a redraw would show: drawing and reading the logs cost more than a small step."""
        bar = self.bar
        if bar is None or mode == "test" and self._nested:
            return False
        bar._seen = batch + 1
        return bar.verbose == 1 and bar.dynamic and time.perf_counter() - bar._last >= bar.interval

    def _start(self, verbose=None):
        self.bar = Progbar(self.params.get("steps"), verbose=self.verbose if verbose is None else verbose)

    def _show(self, logs, finalize=False):
        bar = self.bar
        if bar is None:
            return
        logs = logs or {}
        bar.stateful_metrics = set(logs)
        seen = bar._seen
        if finalize and not seen:
            seen = bar.target or 0
        bar.update(seen, list(logs.items()), finalize=finalize)

    def on_train_begin(self, logs=None):
        self._nested = True

    def on_train_end(self, logs=None):
        self._nested = False

    def on_epoch_begin(self, epoch, logs=None):
        self._start()
        if self.verbose and self.params.get("epochs", 1) > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_train_batch_end(self, batch, logs=None):
        self.bar._seen = batch + 1
        self._show(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._show(logs, finalize=True)

    def on_test_begin(self, logs=None):
        if not self._nested:
            self._start()

    def on_test_batch_end(self, batch, logs=None):
        if not self._nested:
            self.on_train_batch_end(batch, logs)

    def on_test_end(self, logs=None):
        if not self._nested:
            self._show(logs, finalize=True)

    def on_predict_begin(self, logs=None):
        self._start()

    def on_predict_batch_end(self, batch, logs=None):
        self.on_train_batch_end(batch, logs)

    def on_predict_end(self, logs=None):
        self._show({}, finalize=True)


class LambdaCallback(Callback):
    """Hooks from functions: LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs))."""

    def __init__(self, on_epoch_begin=None, on_epoch_end=None, on_train_begin=None, on_train_end=None,
                 on_train_batch_begin=None, on_train_batch_end=None, **kwargs):
        super().__init__()
        hooks = dict(on_epoch_begin=on_epoch_begin, on_epoch_end=on_epoch_end, on_train_begin=on_train_begin,
                     on_train_end=on_train_end, on_train_batch_begin=on_train_batch_begin,
                     on_train_batch_end=on_train_batch_end, **kwargs)
        for name, hook in hooks.items():
            if hook is not None:
                setattr(self, name, hook)


def _better(monitor, mode):
    """The comparison new < best or new > best that `mode` asks for, and the worst value to start from."""
    if mode not in ("auto", "min", "max"):
        raise bad_argument("mode", repr(mode), '"auto", "min" or "max"', 'mode="auto" reads the direction off the name')
    if mode == "auto":
        name = monitor[4:] if monitor.startswith("val_") else monitor
        grows = ("acc", "auc", "precision", "recall", "f1", "iou", "r2", "cosine")
        mode = "max" if any(part in name for part in grows) and "loss" not in name else "min"
    return (np.less, np.inf) if mode == "min" else (np.greater, -np.inf)


def _monitored(callback, logs):
    value = Logs(logs or {}).get(callback.monitor)
    if value is None:
        warnings.warn(
            f"{type(callback).__name__} watches `{callback.monitor}`, which is not among the logs: "
            f"{', '.join(logs or ()) or 'none'}. Pass validation data for val_ names, or another monitor.",
            stacklevel=4,
        )
    return value


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    restore_best_weights puts back the weights of the best epoch; start_from_epoch waits before watching.
    """

    state_names = ("wait", "best", "best_epoch", "stopped_epoch", "best_weights")

    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto", baseline=None,
                 restore_best_weights=False, start_from_epoch=0):
        super().__init__()
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.patience = patience
        self.verbose = verbose
        self.mode = mode
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.monitor_op, self._worst = _better(monitor, mode)
        self.stopped_epoch = self.best_epoch = self.wait = 0
        self.best = self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self._worst
        self.best_weights = None

    def _improves(self, value, reference):
        delta = self.min_delta if self.monitor_op is np.greater else -self.min_delta
        return self.monitor_op(value - delta, reference)

    def get_monitor_value(self, logs):
        """What is watched; override it to watch something of your own."""
        return _monitored(self, logs)

    def on_epoch_end(self, epoch, logs=None):
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop the training when the loss is not finite; raise_error=True raises a RuntimeError instead."""

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            said = f"Batch {batch}: the loss is {loss}; stopping. Usual causes: a learning rate too high, or unscaled inputs."
            if self.raise_error:
                raise RuntimeError(said)
            print(said)
            self.model.stop_training = True


class LearningRateScheduler(Callback):
    """learning rate of an epoch = schedule(epoch, learning rate before it)"""

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        before = float(np.asarray(self.model.optimizer.learning_rate))
        try:
            rate = self.schedule(epoch, before)
        except TypeError:
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)):
            raise bad_argument("schedule", f"a function that returned {rate!r}", "a function that returns a float",
                               "return float(rate)")
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: learning rate {float(rate):.6g}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))


class ReduceLROnPlateau(Callback):
    """learning rate *= factor when `monitor` has not improved for `patience` epochs"""

    state_names = ("best", "wait", "cooldown_counter")

    def __init__(self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto", min_delta=1e-4, cooldown=0,
                 min_lr=0.0):
        super().__init__()
        if factor >= 1.0:
            raise bad_argument("factor", factor, "a factor below 1", "factor=0.1 divides the learning rate by ten")
        self.monitor, self.factor, self.patience, self.verbose = monitor, factor, patience, verbose
        self.mode, self.min_delta, self.cooldown, self.min_lr = mode, min_delta, cooldown, min_lr
        self.monitor_op, self._worst = _better(monitor, mode)
        self.best, self.wait, self.cooldown_counter = self._worst, 0, 0

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.cooldown_counter = self._worst, 0, 0

    def in_cooldown(self):
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))
        value = _monitored(self, logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        delta = self.min_delta if self.monitor_op is np.greater else -self.min_delta
        if self.monitor_op(value - delta, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            old = float(np.asarray(self.model.optimizer.learning_rate))
            if self.wait >= self.patience and old > self.min_lr:
                new = max(old * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = new
                if self.verbose:
                    print(f"\nEpoch {epoch + 1}: learning rate reduced to {new:.6g}.")
                self.cooldown_counter, self.wait = self.cooldown, 0


class ModelCheckpoint(Callback):
    """Save the model (or its weights) to `filepath`, after each epoch or each `save_freq` batches.

    `filepath` may hold {epoch} and the names of logs, as in "model-{epoch:02d}-{val_loss:.2f}.keras".
    """

    state_names = ("best", "_batches")

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False, save_weights_only=False, mode="auto",
                 save_freq="epoch", initial_value_threshold=None):
        super().__init__()
        self.filepath = str(filepath)
        self.monitor, self.verbose = monitor, verbose
        self.save_best_only, self.save_weights_only, self.save_freq = save_best_only, save_weights_only, save_freq
        self.monitor_op, worst = _better(monitor, mode)
        self.best = worst if initial_value_threshold is None else initial_value_threshold
        self._batches, self._epoch = 0, 0
        if save_freq != "epoch":
            if not isinstance(save_freq, int) or save_freq < 1:
                raise bad_argument("save_freq", repr(save_freq), '"epoch" or a number of batches', 'save_freq="epoch"')
            self.on_train_batch_end = self._after_batch

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def _after_batch(self, batch, logs=None):
        self._batches += 1
        if self._batches % self.save_freq == 0:
            self._save(self._epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch, logs):
        if self.save_best_only:
            value = _monitored(self, logs)
            if value is None or not self.monitor_op(value, self.best):
                return
            self.best = value
        path = self.filepath.format(epoch=epoch + 1, **(logs or {}))
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            (self.model.save_weights if self.save_weights_only else self.model.save)(path, overwrite=True)
        except OSError as error:
            _keep_going(error, path)
            return
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: saved to {path}", file=sys.stdout)


def _keep_going(error, path):
    """A full disk does not end a training: the file before is whole. Other errors do."""
    from fastdl.saving.checkpoint import is_full
    if not is_full(error):
        raise error
    warnings.warn(f"{path} was not written ({error}); the file before it is as it was, and the training goes on.", stacklevel=4)


class BackupAndRestore(Callback):
    """A training that was killed goes on where it was: fit() with the same arguments ends as if nothing had happened.

    `backup_dir` gets one file with weights, optimizer, random counters, position, History and the other callbacks' state
    (their get_state(), set_state()), after each epoch or each `save_freq` batches. It goes when fit() ends by itself, unless
    delete_checkpoint=False. One training at a time may use a folder. A generator is read again up to where it was.
    """

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=True, delete_checkpoint=True, verbose=0):
        super().__init__()
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise bad_argument("save_freq", repr(save_freq), '"epoch" or a number of batches', 'save_freq="epoch"')
        self.backup_dir, self.save_freq, self.delete_checkpoint, self.verbose = str(backup_dir), save_freq, delete_checkpoint, verbose
        self.path = os.path.join(self.backup_dir, "training.snapshot")
        self._state, self._lock, self._epoch, self._batches = None, None, 0, 0
        if save_freq != "epoch":
            self.on_train_batch_end = lambda batch, logs=None: None         # asks for the logs of every batch

    def on_train_begin(self, logs=None):
        from fastdl.saving import checkpoint
        os.makedirs(self.backup_dir, exist_ok=True)
        self._lock = checkpoint.lock(os.path.join(self.backup_dir, "training.lock"))
        self._state, self._batches = checkpoint.newest_snapshot(self.path), 0

    def after_train_begin(self, run):
        """When all callbacks have begun: put everything back; (epoch, batch, logs) to go on at, None for a new training."""
        self._others, self._sources = [c for c in run.callbacks if c is not self], run.sources
        state = self._state
        if state is None:
            return None
        self._check(state)
        for source, position in zip(self._sources, state["positions"]):
            if position is not None:
                source.resume(position)
        self._put_back(state)
        if self.verbose:
            print(f"Resuming from {self.path}: epoch {state['epoch'] + 1}, batch {state['batch']}.")
        return (self.params["epochs"] if state["stopped"] else state["epoch"]), state["batch"], state["logs"]

    def _check(self, state):
        from fastdl.errors import FileError
        now = [s.describe() for s in self._sources]
        if now != state["data"]:
            before, after = next(((a, b) for a, b in zip(state["data"], now) if a != b), (state["data"], now))
            raise FileError(f"{self.path} is of a training on other data: {before} then, {after} now. Fix: call fit() with the same data and "
                            f"batch_size to go on, or delete {self.path}* to start anew.")

    def _put_back(self, state):
        from fastdl.saving import checkpoint
        checkpoint.restore_training(self.model, state["training"])
        self._batches = state["batches"]
        kept = {}
        for name, inner in state["callbacks"]:
            kept.setdefault(name, []).append(inner)
        for callback in self._others:
            found = kept.get(type(callback).__name__)
            if found and hasattr(callback, "set_state"):
                callback.set_state(found.pop(0))

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def after_epoch_begin(self):
        """Inside an epoch its beginning has been before: what the callbacks did for it now is undone."""
        state, self._state = self._state, None
        if state is not None and state["batch"]:
            self._put_back(state)

    def after_batch(self, batch, logs):
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches % self.save_freq == 0:
            self._write(self._epoch, batch + 1, logs)

    def after_epoch_end(self, epoch, logs):
        if self.save_freq == "epoch" or self.model.stop_training:
            self._write(epoch + 1, 0, logs)

    def _write(self, epoch, batch, logs):
        from fastdl.saving import checkpoint
        if not np.isfinite(logs.get("loss", 0.0)):
            return                               # what is kept is worth going back to
        kept = [[type(c).__name__, c.get_state() if hasattr(c, "get_state") else {}] for c in self._others]
        state = {"epoch": epoch, "batch": batch, "batches": self._batches, "stopped": bool(self.model.stop_training), "logs": logs,
                 "training": checkpoint.training_state(self.model), "callbacks": kept, "data": [s.describe() for s in self._sources],
                 "positions": [s.position(bool(batch) and k == 0) for k, s in enumerate(self._sources)]}
        try:
            checkpoint.write_snapshot(self.path, state)
        except OSError as error:
            _keep_going(error, self.path)

    def on_train_end(self, logs=None):
        from fastdl.saving import checkpoint
        if self.delete_checkpoint and np.isfinite((logs or {}).get("loss", 0.0)):
            checkpoint.remove_snapshots(self.path)
        checkpoint.unlock(self._lock)
        self._lock = None


class CSVLogger(Callback):
    """One row of logs an epoch in a CSV file."""

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename, self.separator, self.append = filename, separator, append
        self._file = self._names = self._resume = None

    def on_train_begin(self, logs=None):
        self.on_train_end()                      # of a training that ended by an error
        self._resume = None

    def get_state(self):
        return {"names": self._names, "size": self._file.tell()} if self._file else self._resume

    def set_state(self, state):
        self._resume = state

    def _open(self, logs):
        """At the first row, not before: a resumed training keeps the rows that it has written, and none after them."""
        size = os.path.getsize(self.filename) if os.path.exists(self.filename) else 0
        keep = self._resume["size"] if self._resume else size if self.append else 0
        self._file = open(self.filename, "r+" if 0 < keep <= size else "w", newline="", encoding="utf-8")
        self._file.truncate(keep if 0 < keep <= size else 0)
        self._file.seek(0, os.SEEK_END)
        self._names = self._resume["names"] if self._resume else sorted(logs)
        if not self._file.tell():
            self._row(["epoch", *self._names])

    def _row(self, values):
        import csv

        csv.writer(self._file, delimiter=self.separator).writerow(values)

    def on_epoch_end(self, epoch, logs=None):
        if self._file is None:
            self._open(logs or {})
        self._row([epoch, *((logs or {}).get(name, "NA") for name in self._names)])
        self._file.flush()

    def on_train_end(self, logs=None):
        if self._file is not None:
            self._file.close()
        self._file = None


_REST = {"RemoteMonitor": "monitors", "TensorBoard": "monitors", "SwapEMAWeights": "monitors"}


def __getattr__(name):
    if name in _REST:
        import importlib
        return getattr(importlib.import_module("fastdl." + _REST[name]), name)
    if name.startswith("__"):                        # asked for by every `from fastdl.callbacks import`: quickly
        raise AttributeError(name)
    from fastdl.errors import did_you_mean
    known = [k for k, v in globals().items() if isinstance(v, type)] + list(_REST)
    raise AttributeError(f"fastdl.callbacks has no {name!r}.{did_you_mean(name, known)}")
