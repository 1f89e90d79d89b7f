"""Models as scikit-learn estimators: Keras 3's SKLearn* classes, and KerasClassifier(build_fn=) of Keras 2 in wrappers.scikit_learn."""
import contextlib
import random
import sys
import types

import numpy as np

from fastdl.errors import missing_extra

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise missing_extra("scikit-learn", "sklearn", "fastdl.wrappers") from error


class _Wrapped(BaseEstimator):
    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None, random_state=None):
        self.model, self.warm_start, self.model_kwargs, self.fit_kwargs = model, warm_start, model_kwargs, fit_kwargs
        self.random_state = random_state

    @contextlib.contextmanager
    def _drawing(self):
        """Random numbers as random_state says; without one, those of this object's first fit again, so that a second fit finds the same."""
        from fastdl import random as fd_random
        from fastdl.utils import set_random_seed
        state = fd_random.global_generator().state.numpy()
        if self.warm_start:
            yield
            return
        if self.random_state is None and getattr(self, "_seed", None) is None:
            self._seed = int(fd_random.randint((), 0, 2**31 - 1).numpy())
        kept = random.getstate(), np.random.get_state(), state.copy()
        try:
            set_random_seed(self._seed if self.random_state is None else int(check_random_state(self.random_state).randint(2**31 - 1)))
            yield
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])
            state[...] = kept[2]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def _made(self, X, y):
        from fastdl import losses, metrics, optimizers
        from fastdl.models import Model, clone_model
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        if not self.model.compiled:
            raise RuntimeError("the model is not compiled. Fix: model.compile(loss=..., optimizer=...) before wrapping it.")
        made, config = clone_model(self.model), dict(self.model._compile_config)
        optimizer = self.model.optimizer
        config["optimizer"] = type(optimizer).from_config(optimizer.get_config())
        fresh = lambda x: type(x).from_config(x.get_config()) if isinstance(x, (losses.Loss, metrics.Metric)) else x
        for name in ("metrics", "weighted_metrics"):
            config[name] = [fresh(m) for m in config[name]] if isinstance(config[name], list) else config[name]
        assert isinstance(optimizer, optimizers.Optimizer)
        made.compile(**config)
        return made

    def _encode(self, y):
        return y

    def fit(self, X, y, **kwargs):
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=False)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = self._encode(y)
        return self._train(X, y, kwargs)

    def _train(self, X, y, kwargs):
        with self._drawing():
            self.model_ = self._made(X, y)
            self.history_ = self.model_.fit(X, y, **{"verbose": 0, **(self.fit_kwargs or {}), **kwargs})
        return self

    def _raw(self, X):
        check_is_fitted(self, "model_")
        return self.model_.predict(validate_data(self, X, reset=False), verbose=0)

    def predict(self, X):
        return self._raw(X)


class SKLearnClassifier(ClassifierMixin, _Wrapped):
    """A compiled model, or a function model(X, y, **model_kwargs) that makes one, whose outputs are class probabilities

    y is one-hot encoded for the model: compile it with categorical_crossentropy.
    """

    def _encode(self, y):
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only classification targets are supported. Unknown label type: {kind}")
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_}")
        return np.eye(len(self.classes_), dtype="float32")[index]

    def predict_proba(self, X):
        return self._raw(X)

    def predict(self, X):
        p = self._raw(X)
        return self.classes_[p.argmax(axis=-1)]


class SKLearnRegressor(RegressorMixin, _Wrapped):
    """A compiled model, or a function that makes one, whose outputs are the targets"""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags

    def _encode(self, y):
        self._flat = np.ndim(y) == 1
        return np.asarray(y, "float64").reshape(len(y), -1)

    def predict(self, X):
        p = self._raw(X)
        return p.reshape(len(p)) if self._flat and p.size == len(p) else p


class SKLearnTransformer(TransformerMixin, _Wrapped):
    """A compiled model, or a function that makes one, whose outputs are features"""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    def fit(self, X, y=None, **kwargs):
        if y is None:
            X = validate_data(self, X)
            return self._train(X, X, kwargs)
        return super().fit(X, y, **kwargs)

    def transform(self, X):
        return self._raw(X)


# ---------------------------------------------------------------- Keras 2
_FIT = ("batch_size", "epochs", "nb_epoch", "verbose", "callbacks", "validation_split", "validation_data", "shuffle", "class_weight",
        "sample_weight", "initial_epoch", "steps_per_epoch", "validation_steps", "steps")


class BaseWrapper(BaseEstimator):
    """build_fn(**arguments) returns a compiled model; all other arguments are kept for fit, predict and build_fn."""

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn, self.sk_params = build_fn, sk_params

    def get_params(self, deep=True):
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params):
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params = {**self.sk_params, **params}
        return self

    def _for(self, names):
        return {k: v for k, v in self.sk_params.items() if k in names}

    def fit(self, x, y, **kwargs):
        from fastdl.utils import to_categorical
        self.model = self.build_fn(**{k: v for k, v in self.sk_params.items() if k not in _FIT})
        y = np.asarray(y)
        if str(self.model.loss) == "categorical_crossentropy" and y.ndim != 2:
            y = to_categorical(y)
        self.model_ = self.model
        return self.model.fit(np.asarray(x), y, **{**self._for(_FIT), **kwargs})


class KerasClassifier(ClassifierMixin, BaseWrapper):
    """A classifier from build_fn, Keras 2's way: KerasClassifier(build_fn=make_model, epochs=5, batch_size=16)"""

    def fit(self, x, y, **kwargs):
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **kwargs)

    def predict(self, x, **kwargs):
        return self.classes_[self.model.predict_classes(np.asarray(x), **kwargs).reshape(-1)]

    def predict_proba(self, x, **kwargs):
        p = self.model.predict(np.asarray(x), **{"verbose": 0, **kwargs})
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def score(self, x, y, **kwargs):
        y = np.asarray(y)
        return float(np.mean(self.predict(x) == (y.argmax(-1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1))))


class KerasRegressor(RegressorMixin, BaseWrapper):
    """A regressor from build_fn, Keras 2's way; score() is minus the loss"""

    def predict(self, x, **kwargs):
        return np.squeeze(self.model.predict(np.asarray(x), **{"verbose": 0, **kwargs}), axis=-1)

    def score(self, x, y, **kwargs):
        made = self.model.evaluate(np.asarray(x), np.asarray(y), **{"verbose": 0, **kwargs})
        return -float(made[0] if isinstance(made, list) else made)


scikit_learn = types.ModuleType("fastdl.wrappers.scikit_learn", "Keras 2's wrappers")
scikit_learn.KerasClassifier, scikit_learn.KerasRegressor, scikit_learn.BaseWrapper = KerasClassifier, KerasRegressor, BaseWrapper
sys.modules[scikit_learn.__name__] = scikit_learn             # so that `from fastdl.wrappers.scikit_learn import ...` finds it
