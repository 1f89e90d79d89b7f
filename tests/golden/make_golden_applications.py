"""Writes applications.json.xz with real Keras: the layers of every application, and a small network's outputs a family.

    KERAS_BACKEND=tensorflow python tests/golden/make_golden_applications.py
"""
import json
import lzma
import os
import sys

import keras

sys.path.insert(0, os.path.dirname(__file__))
import cases_applications as cases  # noqa: E402


def build(name, arguments):
    keras.backend.clear_session()
    return getattr(keras.applications, name)(weights=None, **arguments)


def main():
    golden = {}
    for name, arguments in [(n, {}) for n in cases.ALL] + cases.VARIANTS:
        model = build(name, arguments)
        golden[cases.key(name, arguments)] = dict(name=model.name, params=model.count_params(), layers=cases.table(model))
        print(cases.key(name, arguments), flush=True)
    for name, arguments in cases.FORWARD:
        model = build(name, dict(arguments, classes=10, classifier_activation=None))
        cases.fill(model)
        x = cases.images(arguments["input_shape"], cases.scales_itself(name, arguments))
        y = keras.ops.convert_to_numpy(model(x, training=False))
        golden["forward " + cases.key(name, arguments)] = [[float(f"{v:.9g}") for v in row] for row in y]
        print("forward", name, y.std(), flush=True)
    with lzma.open(os.path.join(os.path.dirname(__file__), "applications.json.xz"), "wt", preset=9) as f:
        json.dump(golden, f)


main()
