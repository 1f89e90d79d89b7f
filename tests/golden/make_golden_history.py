"""Writes history.json.xz: names, lengths and hooks of real Keras. Run: KERAS_BACKEND=torch python make_golden_history.py"""
import json
import lzma
import pathlib

import cases_history
import keras

text = json.dumps({"keras": keras.__version__, **cases_history.record(keras)}, indent=0)
pathlib.Path(__file__).with_name("history.json.xz").write_bytes(lzma.compress(text.encode()))
