"""What a thread is in the middle of: the names around a new variable, the calls around a layer's own."""
import contextlib
import threading

_local = threading.local()


def _stack(name):
    """This thread's stack of that name: "scopes" of names, "calls" of layers, "budgets" of files being read."""
    if not hasattr(_local, name):
        setattr(_local, name, [])
    return getattr(_local, name)


@contextlib.contextmanager
def name_scope(name):
    """Variables made inside get `name/` in front of their path."""
    _stack("scopes").append(name)
    try:
        yield
    finally:
        _stack("scopes").pop()


def _outside_trace():
    """Variables are real even when the layer is first seen while a graph is traced."""
    from fastdl.core import modes
    return modes.reading(modes.eager) if modes.tracing() else contextlib.nullcontext()


class CallContext:
    """A call that is under way: its training flag and the layer that was called."""

    def __init__(self, training, entry):
        self.training, self.entry = training, entry
