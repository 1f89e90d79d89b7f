"""Callback, the base class with all its hooks, and LambdaCallback, which makes one from functions."""


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
