"""Writes keras_names.txt, the public names of the installed Keras, one a line, and keras_signatures.json.xz, their arguments.

Run: KERAS_BACKEND=jax python make_names.py
"""
import inspect
import json
import lzma
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


def arguments(thing):
    """[[name, whether it may be given by place, default as Python writes it, or None for none], ...]"""
    try:
        found = list(inspect.signature(thing.__init__ if isinstance(thing, type) else thing).parameters.values())
    except (TypeError, ValueError):
        return None
    return [[p.name, p.kind is p.POSITIONAL_OR_KEYWORD, None if p.default is p.empty else repr(p.default)] for p in found
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"]


signatures = {}
for name in sorted(set(names)):
    thing = keras
    for part in name.split("."):
        thing = getattr(thing, part)
    if callable(thing) and arguments(thing) is not None:
        signatures[name] = arguments(thing)
pathlib.Path(__file__).with_name("keras_signatures.json.xz").write_bytes(lzma.compress(json.dumps(signatures).encode()))
