"""Callbacks that steer a training by its logs: when to stop, and how fast to learn."""
import warnings

import numpy as np

from fastdl.callbacks.callback import Callback
from fastdl.callbacks.logs import Logs
from fastdl.errors import bad_argument


def better(monitor, mode):
    """The comparison new < best or new > best that `mode` asks for, and the worst value to start from."""
    if mode not in ("auto", "min", "max"):
        raise bad_argument("mode", repr(mode), '"auto", "min" or "max"', 'mode="auto" reads the direction off the name')
    if mode == "auto":
        name = monitor[4:] if monitor.startswith("val_") else monitor
        grows = ("acc", "auc", "precision", "recall", "f1", "iou", "r2", "cosine")
        mode = "max" if any(part in name for part in grows) and "loss" not in name else "min"
    return (np.less, np.inf) if mode == "min" else (np.greater, -np.inf)


def monitored(callback, logs):
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
        self.monitor_op, self._worst = better(monitor, mode)
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
        return monitored(self, logs)

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
        self.monitor_op, self._worst = better(monitor, mode)
        self.best, self.wait, self.cooldown_counter = self._worst, 0, 0

    def on_train_begin(self, logs=None):
        self.best, self.wait, self.cooldown_counter = self._worst, 0, 0

    def in_cooldown(self):
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))
        value = monitored(self, logs)
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
