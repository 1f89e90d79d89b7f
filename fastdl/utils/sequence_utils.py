"""Sequences of different lengths to one rectangular array."""
import numpy as np

from fastdl.errors import bad_argument


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """y[k] = sequence k, cut to `maxlen` and filled with `value` to `maxlen`: shape (n, maxlen, ...)

    maxlen=None takes the longest sequence. "pre" pads or cuts at the start, "post" at the end.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2).tolist()
    [[0, 1], [2, 3], [5, 6]]
    """
    for argument, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise bad_argument(argument, repr(choice), '"pre" or "post"', "choose which end is filled or cut")
    if not hasattr(sequences, "__len__"):
        raise bad_argument("sequences", f"an object of type {type(sequences).__name__}", "a list of sequences",
                           "list the generator first: list(sequences)")
    for k, s in enumerate(sequences):
        if not hasattr(s, "__len__"):
            raise bad_argument("sequences", f"the single element {s!r} at index {k}", "a list of sequences",
                               "wrap one sequence in a list: pad_sequences([sequence])")
    lengths = [len(s) for s in sequences]
    if maxlen is None:
        maxlen = max(lengths, default=0)
    if any(isinstance(v, str) for s in sequences[:1] for v in s) and np.dtype(dtype).kind in "iufb":
        raise bad_argument("sequences", "sequences of text", f"numbers, since dtype is {dtype}",
                           "turn the words into numbers first (layers.TextVectorization), or pass dtype=object")
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    dtype_is_text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.object_)
    if isinstance(value, str) and dtype != object and not dtype_is_text:
        raise bad_argument("value", repr(value), f"a number, since dtype is {dtype}", "pass dtype=object to pad text")
    y = np.full((len(lengths), maxlen) + inner, value, dtype)
    for k, s in enumerate(sequences):
        if not lengths[k]:
            continue
        # s[-0:] would keep everything, so the start is counted from the front.
        rows = np.asarray(s[max(0, len(s) - maxlen):] if truncating == "pre" else s[:maxlen], dtype=dtype)
        if rows.shape[1:] != inner:
            raise bad_argument("sequences", f"elements of shape {rows.shape[1:]} in sequence {k}", f"shape {inner}, as in the others",
                               "make the elements of all sequences alike")
        if len(rows):
            y[k, (maxlen - len(rows) if padding == "pre" else 0):][:len(rows)] = rows
    return y
