"""The messages that teach: what came, what was wanted, how to fix it.

Imports nothing of the package, so every layer of it may import this file.
"""
import difflib
import inspect


class FileError(ValueError):
    """A file is damaged, unsafe or of another format; the message names the file and the reason."""


def did_you_mean(name, candidates):
    """' Did you mean "x"?' for the candidates closest to `name`, or '' when none is close.

    >>> did_you_mean("adm", ["adam", "sgd"])
    ' Did you mean "adam"?'
    """
    name = str(name)
    names = sorted({str(c) for c in candidates}, key=lambda c: (c.islower() != name.islower(), c))      # functions for a function
    folded = {}
    for candidate in names:
        folded.setdefault(candidate.lower().replace("_", ""), candidate)
    close = difflib.get_close_matches(name.lower().replace("_", ""), folded, n=3, cutoff=0.6)
    if not close:
        return ""
    return " Did you mean " + " or ".join(f'"{folded[c]}"' for c in close) + "?"


def names_of(module):
    """A module's __getattr__ that suggests the nearest of its names: `__getattr__ = names_of(globals())`."""
    def missing(name):
        if name.startswith("__"):                        # asked for by every `from module import`: quickly
            hint = ""
        else:
            hint = did_you_mean(name, [k for k, v in module.items() if k[0] != "_" and not inspect.ismodule(v)])
        raise AttributeError(f"module {module['__name__']!r} has no attribute {name!r}.{hint}")
    return missing


def unknown_name(kind, name, candidates):
    """A ValueError for a name that no table has: `raise unknown_name("loss", "msee", table)`."""
    candidates = sorted({str(c) for c in candidates})
    hint = did_you_mean(name, candidates)
    shown = ", ".join(candidates[:40]) + (", ..." if len(candidates) > 40 else "")
    return ValueError(f'Unknown {kind} "{name}".{hint} Known names: {shown}.')


def bad_argument(argument, came, wanted, fix, kind=ValueError):
    """One shape for every message about an argument: name, what came, what was wanted, the fix."""
    return kind(f"Argument `{argument}`: got {came}; wanted {wanted}. Fix: {fix}")


def missing_extra(package, extra, purpose):
    """An ImportError for an optional dependency, naming the extra that brings it."""
    return ImportError(f'{purpose} needs {package}, which is not installed: pip install "fastdl[{extra}]"')
