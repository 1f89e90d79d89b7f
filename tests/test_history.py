"""Names in History, their lengths, the order of hooks and what their logs hold: as Keras 3 recorded them in golden/history.json.xz."""
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


def plain(calls):
    """Hooks with their indices; the names in the logs sorted, for Keras 3 sorts them and here the loss comes first."""
    return [[*call[:-1], sorted(call[-1])] for call in calls]


@pytest.mark.parametrize("build", cases_history.KINDS, ids=lambda b: b.__name__)
def test_names_lengths_and_hooks_are_keras_own(build):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")
        made, keras = cases_history.one(fastdl, build), KERAS[build.__name__]
    assert made["history"] == keras["history"]
    assert [n for n in made["keys"] if n.startswith("val_")] == made["keys"][len([n for n in made["keys"] if not n.startswith("val_")]):]
    for part in ("calls", "evaluate_calls", "predict_calls"):
        assert plain(made.get(part, [])) == plain(keras.get(part, [])), part
    for part in ("evaluate", "train_on_batch", "test_on_batch"):
        assert sorted(made.get(part, [])) == sorted(keras.get(part, [])), part
    if build is not cases_history.weights_and_classes:          # there Keras lists the accuracy twice, as two metrics have its name
        assert made.get("evaluate_list") == keras.get("evaluate_list")
