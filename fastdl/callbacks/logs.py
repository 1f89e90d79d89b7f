"""What a run tells: the dict of logs with the names of both eras, History, the progress bar, a CSV file."""
import os
import time

from fastdl.callbacks.callback import Callback
from fastdl.errors import did_you_mean
from fastdl.utils.progbar import Progbar

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
