"""model.export(): a model's inference for other programs, compared with fastdl on a batch before it is handed out."""
import io
import os
import warnings

import numpy as np

from fastdl.errors import bad_argument
from fastdl.export.graph import ExportError, fold, join, trace
from fastdl.saving.checkpoint import replacing
from fastdl.saving.flat import write_safetensors

__all__ = ["ExportError", "export"]
FORMATS = ("onnx", "torch")


def export(model, filepath, format=None, verbose=True, input_signature=None, **other):
    """Write what model(x, training=False) computes; gives the largest difference from fastdl on a batch, or None if it was not compared.

    "m.onnx" (format="onnx"): an ONNX file, checked by onnx, run by onnxruntime where that is installed.
    "m.py" or a folder (format="torch"): the source of a torch.nn.Module and its weights: m.py and m.safetensors, or
    model.py and model.safetensors in the folder; run by PyTorch where that is installed.
    input_signature: a batch, or a shape, for each input of a model that has not seen data. The batch may have any size
    later. Dropout and all else that only training does is left out.

    >>> model.export("m.onnx")  # doctest: +SKIP
    m.onnx: 7 ONNX nodes, opset 13; onnxruntime differs by at most 1.2e-07 on 3 samples
    1.1920928955078125e-07
    """
    path = os.fspath(filepath)
    if format is None:
        format = "onnx" if path.lower().endswith(".onnx") else "torch" if path.lower().endswith(".py") else None
    if format not in FORMATS or other:
        if other:
            raise TypeError(f"export() has no argument {sorted(other)[0]!r}. It takes filepath, format, verbose and input_signature.")
        raise bad_argument("format", repr(format if format is not None else path),
                           'a path that ends in .onnx or .py, or format="onnx" or "torch"',
                           'model.export("m.onnx") or model.export("m.py")')
    if not model.built and input_signature is None:
        raise ExportError(f"The model '{model.name}' has no weights yet: call it on data, or build(input_shape), before export(), or pass "
                          "input_signature=[(None, ...)].")
    graph = trace(model, input_signature)
    feeds = samples(graph)
    fold(graph, weights=format == "onnx")
    join(graph)
    try:
        files, got, runner, said = (_onnx if format == "onnx" else _torch)(graph, model.name, path, feeds)
    except (ExportError, ImportError):
        raise
    except Exception as error:
        raise ExportError(f"The model '{model.name}' was written as {format}, but what should run it refuses: {error} "
                          "Nothing was saved.") from error
    worst, scale = (None, 1.0) if got is None else difference(model, graph, feeds, got)
    for name, data in files.items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with replacing(name) as f:
            f.write(data)
    for note in graph.notes:
        warnings.warn(f"export: {note} is left out: every call of the exported model starts as if it were the first.", stacklevel=3)
    if verbose or verbose is None:
        print(f"{said}; " + (f"not compared: {runner} is not installed" if got is None else
                             f"{runner} differs by at most {worst:.2g} on {len(feeds[0]) if feeds else 0} samples"))
    if worst is not None and not worst <= 1e-3 * max(1.0, scale):
        warnings.warn(f"export: {runner} computes something else than fastdl: the largest difference is {worst:.3g}, the largest "
                      f"output {scale:.3g}. Please do not use the file, and report the model.", stacklevel=3)
    return worst


def _onnx(graph, name, path, feeds):
    from fastdl.export import onnx
    made = onnx.write(graph, name)
    data = made.SerializeToString()
    said = f"{path}: {len(made.graph.node)} ONNX nodes, opset {made.opset_import[0].version}"
    return {path: data}, onnx.compare(data, feeds), "onnxruntime", said


def _torch(graph, name, path, feeds):
    from fastdl.export import torch
    source, weights, klass, said = torch.write(graph, name, path)
    file = io.BytesIO()
    write_safetensors(file, weights, {"format": "pt"})
    files = {torch.weights_path(path): file.getvalue(), torch.source_path(path): source.encode("utf-8")}
    return files, torch.compare(source, weights, klass, feeds), "PyTorch", said


def samples(graph, batch=3):
    """A batch of each input: normal numbers, and indices that the tables which are looked up have."""
    rng, feeds, users = np.random.default_rng(7), [], graph.users()
    rows, queue = {}, []
    for v in graph.inputs:
        queue, seen, high = [v], set(), 2
        tables = []
        while queue:                                           # what an index may pass on its way to a table
            t = queue.pop()
            if t in seen:
                continue
            seen.add(t)
            for step, place in users.get(t, ()):
                if step.name == "take" and place == 1:
                    tables.append(step.ins[0].shape[step.attrs["axis"]])
                elif step.name in ("reshape", "cast", "transpose", "slice", "flip", "concat", "copy"):
                    queue += step.outs
        rows[v] = min(tables, default=high)
    for v in graph.inputs:
        shape = [batch if a == 0 and len(set(v.sizes(0))) > 1 else n if len(set(v.sizes(a))) == 1 else 64 for a, n in enumerate(v.shape)]
        if v.dtype.startswith("float"):
            feeds.append((rng.standard_normal(shape) if rows[v] == 2 else rng.integers(0, rows[v], shape)).astype(v.dtype))
        else:
            feeds.append(rng.integers(0, rows[v], shape).astype(v.dtype))
    return feeds


def difference(model, graph, feeds, got):
    """The largest difference between what another program computed and what the model does, and the largest number of the latter."""
    from fastdl.ops.symbolic import flatten
    given = graph.pack(feeds)
    states = [(v, np.array(v.numpy())) for v in model.variables] if graph.notes else []
    want = [np.asarray(y.numpy()) for y in flatten(model(given, training=False))]
    for v, a in states:
        v.numpy()[...] = a
    worst = 0.0
    for a, b in zip(want, got):
        if tuple(a.shape) != tuple(b.shape):
            return float("inf"), 1.0
        if a.size:
            a, b = a.astype("float64"), np.asarray(b).astype("float64")
            with np.errstate(invalid="ignore"):
                gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
            worst = max(worst, float(np.nan_to_num(gap, nan=np.inf).max()))
    return worst, max((float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in want if a.dtype.kind == "f"), default=1.0)
