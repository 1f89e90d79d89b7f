"""keras.ops words that NumPy knows too: same names, arguments and defaults as Keras, gradients and plans included.

arithmetic (element by element) · creation · shaping (shapes, indices) · reduction · sorting · contraction (products).
"""
import builtins
import math
import re

import numpy as np

from ..core.tensor import convert_to_tensor
from . import arithmetic, contraction, creation, reduction, shaping, sorting
from .arithmetic import *  # noqa: F403
from .contraction import *  # noqa: F403
from .creation import *  # noqa: F403
from .reduction import *  # noqa: F403
from .shaping import *  # noqa: F403
from .sorting import *  # noqa: F403


def vectorize(pyfunc, *, excluded=None, signature=None):
    """f(x)[i] = pyfunc(x[i]) for every element i, or for every core array that signature, such as "(n),(n)->()", names

    A loop in Python: meant for functions that cannot be written with whole tensors. `excluded` arguments are passed as they are.
    """
    excluded = set(excluded or ())
    ranks = [len([n for n in re.split(r"[,\s]+", g) if n]) for g in re.findall(r"\(([^)]*)\)", (signature or "").split("->")[0])]

    def f(*args, **kwargs):
        mapped = [k for k in builtins.range(len(args)) if k not in excluded]
        rank = dict(zip(mapped, ranks or [0] * len(mapped)))
        xs = {k: convert_to_tensor(args[k]) for k in mapped}
        lead = {k: x.shape[:x.ndim - rank[k]] for k, x in xs.items()}
        loop = np.broadcast_shapes(*lead.values())
        count = math.prod(loop)
        rows = {k: reshape(broadcast_to(x, loop + x.shape[len(lead[k]):]), (count,) + x.shape[len(lead[k]):]) for k, x in xs.items()}
        made = [pyfunc(*[get_item(rows[k], i) if k in rows else a for k, a in enumerate(args)], **kwargs) for i in builtins.range(count)]
        joined = [stack(part) for part in (zip(*made) if isinstance(made[0], tuple) else [made])]
        out = [reshape(y, loop + y.shape[1:]) for y in joined]
        return tuple(out) if isinstance(made[0], tuple) else out[0]

    return f


__all__ = sorted(["vectorize", *(n for part in (arithmetic, contraction, creation, reduction, shaping, sorting) for n in part.__all__)])
