"""CallbackList: the callbacks of one run, called in order. It computes batch logs only for those who read them."""
from fastdl.callbacks.callback import Callback
from fastdl.callbacks.checkpoints import BackupAndRestore
from fastdl.callbacks.logs import History, ProgbarLogger
from fastdl.errors import bad_argument


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
