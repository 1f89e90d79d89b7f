"""Writes keras_names.txt: the public names of the installed Keras, one a line. Run: KERAS_BACKEND=jax python make_names.py"""
import pathlib
import types

import keras


def walk(module, prefix, depth=0):
    for name in sorted(dir(module)):
        value = getattr(module, name)
        if name.startswith("_"):
            continue
        if not isinstance(value, types.ModuleType):
            yield prefix + name
        elif value.__name__.startswith("keras") and depth < 5 and prefix + name != "src":
            yield from walk(value, f"{prefix}{name}.", depth + 1)


names = [n for n in walk(keras, "") if not n.startswith(("legacy.", "src."))]
pathlib.Path(__file__).with_name("keras_names.txt").write_text(f"# Keras {keras.__version__}\n" + "\n".join(sorted(set(names))) + "\n")
