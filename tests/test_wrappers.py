"""Models as scikit-learn estimators, in both eras' names."""
import warnings

import numpy as np
import pytest

import fastdl as keras
from fastdl import layers

pytestmark = pytest.mark.needs("sklearn")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
LABELS = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")


def classifier(X, y, units=8):
    i = layers.Input((X.shape[1],))
    model = keras.Model(i, layers.Dense(y.shape[1], activation="softmax")(layers.Dense(units, activation="relu")(i)))
    model.compile(keras.optimizers.Adam(0.05), "categorical_crossentropy")
    return model


def regressor(X, y):
    i = layers.Input((X.shape[1],))
    model = keras.Model(i, layers.Dense(y.shape[1] if y.ndim > 1 else 1)(i))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


@pytest.mark.parametrize("kind, make", [("SKLearnClassifier", classifier), ("SKLearnRegressor", regressor),
                                        ("SKLearnTransformer", regressor)])
def test_check_estimator(kind, make):
    from sklearn.utils.estimator_checks import check_estimator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(getattr(keras.wrappers, kind)(make, fit_kwargs={"epochs": 2}), on_fail=None)
    assert len(results) > 40
    assert not [r["check_name"] for r in results if r["status"] == "failed"]


def test_a_second_fit_finds_the_same_and_leaves_the_random_numbers_alone():
    first, second = (keras.wrappers.SKLearnClassifier(classifier, fit_kwargs={"epochs": 1}, random_state=s) for s in (1, None))
    keras.utils.set_random_seed(3)
    expected = np.random.rand(), keras.random.uniform((2,)).numpy().tolist()
    keras.utils.set_random_seed(3)
    answers = [first.fit(X, LABELS).predict_proba(X) for _ in range(2)]
    assert np.array_equal(*answers) and (np.random.rand(), keras.random.uniform((2,)).numpy().tolist()) == expected
    assert np.array_equal(second.fit(X, LABELS).predict_proba(X), second.fit(X, LABELS).predict_proba(X))
    assert not np.array_equal(second.predict_proba(X), keras.wrappers.SKLearnClassifier(classifier, fit_kwargs={"epochs": 1}).fit(X, LABELS).predict_proba(X))


def test_cross_val_score_and_grid_search():
    from sklearn.model_selection import GridSearchCV, cross_val_score
    keras.utils.set_random_seed(0)
    made = keras.wrappers.SKLearnClassifier(classifier, fit_kwargs={"epochs": 15})
    assert cross_val_score(made, X, LABELS, cv=3).mean() > 0.85
    search = GridSearchCV(made, {"model_kwargs": [{"units": 1}, {"units": 16}], "fit_kwargs": [{"epochs": 1}, {"epochs": 15}]}, cv=2)
    search.fit(X, LABELS)
    assert search.best_params_["fit_kwargs"] == {"epochs": 15} and search.best_score_ > 0.85
    assert set(search.predict(X)) == {"yes", "no"}
    assert np.allclose(search.predict_proba(X).sum(1), 1, atol=1e-6)


def test_a_compiled_model_is_cloned_for_every_fit():
    model = classifier(X, np.eye(2))
    before = [w.copy() for w in model.get_weights()]
    made = keras.wrappers.SKLearnClassifier(model, fit_kwargs={"epochs": 2}).fit(X, LABELS)
    assert made.model_ is not model and all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    again = keras.wrappers.SKLearnClassifier(model, warm_start=True).fit(X, LABELS)
    kept = again.model_
    assert again.fit(X, LABELS).model_ is kept
    with pytest.raises(RuntimeError, match="not compiled"):
        keras.wrappers.SKLearnClassifier(keras.Sequential([layers.Dense(2)])).fit(X, LABELS)


def test_a_pipeline_of_transformer_and_regressor():
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    y = (X @ np.array([1.0, -2.0, 0.5]) + 1).astype("float32")
    pipe = make_pipeline(keras.wrappers.SKLearnTransformer(regressor, fit_kwargs={"epochs": 60}), LinearRegression()).fit(X, y)
    assert pipe.score(X, y) > 0.9


def test_the_wrappers_of_keras_2():
    from sklearn.model_selection import GridSearchCV
    from fastdl.wrappers.scikit_learn import KerasClassifier, KerasRegressor

    def build(units=4, loss="categorical_crossentropy"):
        model = keras.Sequential([layers.Dense(units, activation="relu", input_dim=3), layers.Dense(2, activation="softmax")])
        model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
        return model

    made = KerasClassifier(build_fn=build, epochs=15, batch_size=16, verbose=0)
    search = GridSearchCV(made, {"units": [2, 16], "epochs": [1, 15]}, cv=2).fit(X, LABELS)
    assert search.best_params_["epochs"] == 15 and search.best_score_ > 0.85
    assert search.predict_proba(X).shape == (60, 2)
    regression = KerasRegressor(build_fn=lambda: regressor(X, np.ones(1)), epochs=40, verbose=0)
    regression.fit(X, X[:, 0])
    assert regression.predict(X).shape == (60,) and -0.2 < regression.score(X, X[:, 0]) <= 0
