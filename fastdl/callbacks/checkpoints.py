"""Callbacks that write the model to disk: ModelCheckpoint to keep it, BackupAndRestore to go on after a crash."""
import os
import sys
import warnings

import numpy as np

from fastdl.callbacks.callback import Callback
from fastdl.callbacks.steering import better, monitored
from fastdl.errors import FileError, bad_argument


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
        self.monitor_op, worst = better(monitor, mode)
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
            value = monitored(self, logs)
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
        now = [s.describe() for s in self._sources]
        if now != state["data"]:
            before, after = next(((a, b) for a, b in zip(state["data"], now) if a != b), (state["data"], now))
            raise FileError(f"{self.path} is of a training on other data: {before} then, {after} now. Fix: call fit() with the same "
                            f"data and batch_size to go on, or delete {self.path}* to start anew.")

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
