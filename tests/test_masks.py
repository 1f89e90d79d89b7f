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


def differences(a, b, place=""):
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{place}[{i}]")
    elif not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b)):
        if a != b:
            yield place, a, b
    elif not np.isclose(a, b, rtol=1e-4, atol=2e-5, equal_nan=True):             # a mean over no steps is nan in both
        yield place, a, b


def test_every_case_has_its_answer():
    assert set(KERAS) == set(cases_masks.CASES)


@pytest.mark.parametrize("name", KERAS)
def test_masks_are_keras_own(name):
    assert not list(differences(cases_masks.answer(fastdl, name), KERAS[name]))[:3]
