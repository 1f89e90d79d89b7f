"""Masks: which layers make, carry, use and drop them, in calls, models, losses and metrics, as Keras 3 answered (golden/cases_masks.py)."""
import json
import lzma
import pathlib
import sys

import numpy as np
import pytest

import fastdl

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
import cases_masks  # noqa: E402

KERAS = json.loads(lzma.decompress((GOLDEN / "masks.json.xz").read_bytes()))


def same(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if a is None or isinstance(a, (str, bool)) or b is None or isinstance(b, (str, bool, list)):
        return a == b
    return bool(np.isclose(a, b, rtol=1e-4, atol=2e-5))


def test_every_case_has_its_answer():
    assert set(KERAS) == set(cases_masks.CASES)


@pytest.mark.parametrize("name", KERAS)
def test_masks_are_keras_own(name):
    answer = cases_masks.answer(fastdl, name)
    assert same(answer, KERAS[name]), f"\n{answer}\n{KERAS[name]}"
