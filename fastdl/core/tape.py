"""GradientTape: what bind() wrote, walked backwards. Gradients are primitives too, so higher orders come free."""
import numpy as np

from . import state
from .tensor import Tensor, Variable, convert_to_tensor


class GradientTape:
    """dy/dx of what is computed inside the block.

    >>> x = Variable(3.0)
    >>> with GradientTape() as outer:
    ...     with GradientTape() as tape:
    ...         y = x ** 2
    ...     dy = tape.gradient(y, x)
    >>> float(dy), float(outer.gradient(dy, x))
    (6.0, 2.0)
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self.persistent, self.auto = persistent, watch_accessed_variables
        self.entries, self.watched, self.keep = [], set(), []
        self.used = False

    def __enter__(self):
        state.current().tapes.append(self)
        return self

    def __exit__(self, *_):
        tapes = state.current().tapes
        if self in tapes:
            tapes.remove(self)

    def watch(self, tensor):
        for t in tensor if isinstance(tensor, (list, tuple)) else [tensor]:
            if not isinstance(t, Tensor):
                raise TypeError(f"tape.watch needs a Tensor or Variable, got {type(t).__name__}: use ops.convert_to_tensor first")
            if not t.dtype.startswith("float"):
                raise TypeError(f"tape.watch needs a float tensor, got dtype {t.dtype}: cast it to float32")
            self.watched.add(id(t))
            self.keep.append(t)

    def record(self, prim, ins, outs, attrs):
        if prim.updates is not None:
            return
        for x in ins:
            if id(x) in self.watched or (self.auto and isinstance(x, Variable) and x.trainable
                                         and x.dtype.startswith("float")):
                self.entries.append((prim, ins, outs, attrs))
                if prim.differentiable:
                    self.watched.update(map(id, outs))
                return

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients="none"):
        """Gradients of (the sum of) target with respect to sources, in the structure of sources; None where unconnected."""
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(f"unconnected_gradients must be 'none' or 'zero', got {unconnected_gradients!r}")
        if self.used and not self.persistent:
            raise RuntimeError("this tape has already given its gradient: make it with GradientTape(persistent=True) to ask again")
        self.used = True
        flat, rebuild = _flatten(sources)
        targets, _ = _flatten(target)
        seeds = _flatten(output_gradients)[0] if output_gradients is not None else [None] * len(targets)
        tapes = state.current().tapes
        inside = self in tapes
        if inside and not self.persistent:
            tapes.remove(self)
        grads = self._backward(targets, seeds, flat)
        if inside and not self.persistent:
            tapes.append(self)
        if not self.persistent:
            self.entries, self.keep = [], []
        if unconnected_gradients == "zero":
            grads = [Tensor(np.zeros(s.shape, s.dtype)) if g is None else g for g, s in zip(grads, flat)]
        return rebuild(grads)

    def _backward(self, targets, seeds, sources):
        from ..primitives.elementwise import add
        entries = list(self.entries)
        reach = set(map(id, sources))
        path = []
        for entry in entries:
            prim, ins, outs, attrs = entry
            if prim.differentiable and any(id(x) in reach for x in ins):
                reach.update(map(id, outs))
                path.append(entry)
        grads = {}

        def give(t, g):
            k = id(t)
            grads[k] = g if k not in grads else add(grads[k], g)

        for t, s in zip(targets, seeds):
            if isinstance(t, Tensor):
                give(t, Tensor(np.ones(t.shape, t.dtype)) if s is None else convert_to_tensor(s, t.dtype))
        for prim, ins, outs, attrs in reversed(path):
            gs = [grads.get(id(o)) for o in outs]
            if all(g is None for g in gs):
                continue
            if not getattr(prim, "extra", {}).get("takes_none"):     # a vjp that does not ask for None sees zeros
                gs = [Tensor(np.zeros(o.shape, o.dtype)) if g is None else g for g, o in zip(gs, outs)]
            need = tuple(id(x) in reach for x in ins)
            one = len(outs) == 1
            back = prim.vjp(gs[0] if one else tuple(gs), outs[0] if one else outs, *ins, need=need, **attrs)
            for x, n, g in zip(ins, need, back):
                if n and g is not None:
                    give(x, g)
        return [grads.get(id(s)) for s in sources]

    def jacobian(self, target, sources, unconnected_gradients="none"):
        """d target[i] / d source[j], of shape target.shape + source.shape."""
        flat, rebuild = _flatten(sources)
        persistent, self.persistent = self.persistent, True
        rows = []
        for k in range(target.size):
            seed = np.zeros(target.size, target.dtype)
            seed[k] = 1
            rows.append(self.gradient(target, flat, seed.reshape(target.shape), "zero"))
        self.persistent = persistent
        from ..primitives.movement import concat, reshape
        out = []
        for j, s in enumerate(flat):
            lines = [reshape(r[j], shape=(1, s.size)) for r in rows]
            out.append(reshape(concat(*lines, axis=0), shape=tuple(target.shape) + tuple(s.shape)))
        return rebuild(out)


def _flatten(tree):
    if isinstance(tree, dict):
        keys = list(tree)
        return [tree[k] for k in keys], lambda values: dict(zip(keys, values))
    if isinstance(tree, (list, tuple)):
        return list(tree), type(tree)
    return [tree], lambda values: values[0]
