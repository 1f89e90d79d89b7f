"""Checks of what fit, evaluate and predict were given, Keras 2's spellings included."""
import numpy as np

from fastdl import config
from fastdl.errors import bad_argument, did_you_mean


def check_verbose(verbose):
    """What `verbose` comes to: "auto" is silence where interactive logging is off."""
    if verbose not in (0, 1, 2, "auto"):
        raise bad_argument("verbose", repr(verbose), '0 (silent), 1 (bar), 2 (one line an epoch) or "auto"', "verbose=0 or 1")
    return 0 if verbose == "auto" and not config.is_interactive_logging_enabled() else verbose


def check_count(argument, value, least):
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise bad_argument(argument, repr(value), f"a whole number of at least {least}", f"{argument}={max(least, 10)}, for example")


def check_legacy(method, arguments):
    """Arguments of Keras 2 that have no effect here; anything else is a spelling error."""
    ignored = {"workers", "use_multiprocessing", "max_queue_size", "max_q_size", "pickle_safe", "nb_worker"}
    for name in arguments:
        if name not in ignored:
            known = ("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split", "validation_data", "shuffle",
                     "class_weight", "sample_weight", "initial_epoch", "steps_per_epoch", "validation_steps",
                     "validation_batch_size", "validation_freq", "steps", "return_dict")
            hint = did_you_mean(name, known)
            raise TypeError(f"{method}() has no argument `{name}`.{hint}")
