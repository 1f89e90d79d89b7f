"""Names in History, their order and lengths, the order of hooks and what their logs hold: as Keras 3 recorded them in golden/history.json.xz."""
import json
import lzma
import pathlib
import sys
import warnings

import pytest

import fastdl

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
import cases_history  # noqa: E402

KERAS = json.loads(lzma.decompress((GOLDEN / "history.json.xz").read_bytes()))


@pytest.mark.parametrize("build", cases_history.KINDS, ids=lambda b: b.__name__)
def test_names_lengths_and_hooks_are_keras_own(build):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")
        made, keras = cases_history.one(fastdl, build), KERAS[build.__name__]
    assert made["history"] == keras["history"]
    sorted_last = lambda calls: [[*call[:-1], sorted(call[-1])] for call in calls or ()]            # JAX sorts the dict of outputs, fastdl keeps it
    assert sorted_last(made.get("predict_calls")) == sorted_last(keras.get("predict_calls"))
    for part in ("keys", "calls", "evaluate_calls", "evaluate", "train_on_batch", "test_on_batch"):
        assert made.get(part) == keras.get(part), part
    if build is not cases_history.weights_and_classes:          # there Keras lists the accuracy twice, as two metrics have its name
        assert made.get("evaluate_list") == keras.get("evaluate_list")
