"""Writes examples.json.xz: what real Keras answers to each example. Run: KERAS_BACKEND=jax python make_golden_examples.py"""
import json
import lzma
import pathlib

import cases_examples_more  # noqa: F401, adds its examples
import keras
from cases_examples import EXAMPLES, value

answers = {}
for name, expression in EXAMPLES.items():
    try:
        answers[name] = value(keras, expression)
    except Exception as error:
        print(name, type(error).__name__, str(error)[:90].replace("\n", " "))
pathlib.Path(__file__).with_name("examples.json.xz").write_bytes(lzma.compress(json.dumps(answers).encode()))
print(len(answers), "of", len(EXAMPLES))
