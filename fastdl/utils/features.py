"""Features of a frozen network, computed once and kept on disk; and which blocks of a network learn."""
import hashlib
import json
import os
import re

import numpy as np

from fastdl.errors import bad_argument, did_you_mean

HEAD = 1 << 12            # bytes before the numbers of a features file: a multiple of the page
SIGN = b"fastdl features 1\n"


def _digest(model, x, extra):
    """One hash of everything the features depend on: layers, weights, data."""
    h = hashlib.sha256(json.dumps(model.get_config(), sort_keys=True, default=str).encode())
    for a in [*model.weights, x]:
        a = np.ascontiguousarray(a.numpy() if hasattr(a, "numpy") else a)
        h.update(f"{a.shape} {a.dtype} ".encode())
        h.update(a.reshape(-1).view("u1").data)
    h.update(repr(extra).encode())
    return h.hexdigest()


def _read(path, digest):
    """The mapped features, or None where the file is missing, broken, or of other weights or data."""
    try:
        with open(path, "rb") as f:
            head = f.read(HEAD)
        sign, _, rest = head.partition(b"\n")
        about = json.loads(rest.rstrip(b"\0"))
        shape, dtype = tuple(about["shape"]), np.dtype(about["dtype"])
        if sign + b"\n" != SIGN or about["digest"] != digest or os.path.getsize(path) != HEAD + int(np.prod(shape)) * dtype.itemsize:
            return None
        return np.memmap(path, dtype, "r", HEAD, shape)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def cached_features(model, x, path, batch_size=32, preprocess=None):
    """y = model(preprocess(x)), row by row, read from the file `path` where it holds just that, computed and written otherwise

    x: an array (images, ...), or a memory map of one. Returns a read-only memory map (images, ...), so that features larger
    than memory train a small classifier. The file is made anew when the model's layers or weights, or x, have changed.

    >>> import numpy as np, tempfile, fastdl as keras
    >>> base = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keras.utils.cached_features(base, np.zeros((5, 8, 8, 3), "float32"), folder + "/features.bin").shape
    (5, 2)
    """
    if not isinstance(x, np.ndarray):
        raise bad_argument("x", f"an object of type {type(x).__name__}", "an array of images, or a memory map of one",
                           "collect the batches of a generator first: np.concatenate([flow[k][0] for k in range(len(flow))])", TypeError)
    if not len(x):
        raise bad_argument("x", "no images", "at least one", "check where the images come from")
    # What preprocess does to one image tells two functions apart, also where both are called <lambda>.
    digest = _digest(model, x, preprocess and np.asarray(preprocess(np.array(x[:1]))).tobytes())
    known = _read(path, digest)
    if known is not None:
        return known
    part, rows = f"{os.fspath(path)}.{os.getpid()}.part", None
    try:
        for start in range(0, len(x), batch_size):
            batch = np.array(x[start:start + batch_size])
            y = np.asarray(model.predict(preprocess(batch) if preprocess else batch, batch_size=batch_size, verbose=0))
            if rows is None:
                head = SIGN + json.dumps(dict(digest=digest, shape=(len(x), *y.shape[1:]), dtype=y.dtype.name)).encode()
                with open(part, "wb") as f:
                    f.write(head.ljust(HEAD, b"\0"))
                rows = np.memmap(part, y.dtype, "r+", HEAD, (len(x), *y.shape[1:]))
            rows[start:start + len(y)] = y
        rows.flush()
        del rows
        os.replace(part, path)                 # a file that was not finished never has the name
    finally:
        if os.path.exists(part):
            os.remove(part)
    return _read(path, digest)


def unfreeze(model, start=None, norms=False):
    """Make the layers from the one named `start` on trainable, all before it not; start=None freezes the whole model

    start: a layer's name, or the beginning of a block's names ("block5", "conv5_block1"). norms: whether BatchNormalization
    after `start` learns too; while fine-tuning on few images its statistics are better left alone. Returns the names of
    the layers that learn now. Compile the model again afterwards.
    """
    names = [layer.name for layer in model.layers]
    first = len(names)
    if start is not None:
        first = next((k for k, n in enumerate(names) if n == start), None)
        if first is None:
            first = next((k for k, n in enumerate(names) if re.match(re.escape(start) + r"(?![0-9A-Za-z])", n)), None)
        if first is None:
            raise bad_argument("start", repr(start), "a layer's name or how a block's names begin",
                               f"model.summary() shows them.{did_you_mean(start, names)}")
    model.trainable = True
    for k, layer in enumerate(model.layers):
        layer.trainable = k >= first and (norms or type(layer).__name__ != "BatchNormalization")
    return [layer.name for layer in model.layers if layer.trainable and layer.weights]
