"""What is active in this thread: the mode that reads primitives, and the tapes that listen."""
import threading


class _State(threading.local):
    mode = None                      # None is Eager

    def __init__(self):
        self.tapes = []

    @property
    def exact(self):
        return getattr(self.mode, "exact", False)


_state = _State()


def current():
    return _state
