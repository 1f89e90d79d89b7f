"""@primitive, the registry, and bind(): the one door every operation goes through."""
import numpy as np

from . import modes, state
from .tensor import Tensor, convert_to_tensor

REGISTRY = {}
NATIVE = {"float32", "int32", "bool", "uint32"}


def reals(rng, shape):
    return rng.standard_normal(shape)


def positive(rng, shape):
    return rng.uniform(0.1, 3.0, shape)


def unit(rng, shape):
    return rng.uniform(0.05, 0.95, shape)


def nonzero(rng, shape):
    return rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def ints(high, low=0):
    return lambda rng, shape: rng.integers(low, high, shape).astype(np.int32)


class Scratch:
    """Memory a call needs while it runs; listed among its outputs."""
    dtype = "float32"

    def __init__(self, floats):
        self.size = max(1, int(floats))
        self.shape, self.ndim, self._a = (self.size,), 1, None


class Prepared(Scratch):
    """Scratch that a call makes of one tensor alone: of a variable that a plan does not write, it is kept from run to run."""


class Primitive:
    """One thing the machine can do: shape rule, NumPy meaning, kernel calls, vector-Jacobian product."""

    def __init__(self, cls):
        body = dict(vars(cls))
        self.name, self.__doc__ = cls.__name__, cls.__doc__
        self.ref = body["ref"]
        self.calls, self.vjp = body.get("calls"), body.get("vjp")
        self.rule, self.dims = body.get("shape"), body.get("dims")
        self.dtype, self.domain = body.get("dtype"), body.get("domain", {})
        self.samples, self.supports = body.get("samples"), body.get("supports")
        self.reuse, self.alias = body.get("reuse", ()), body.get("alias")
        self.updates = body.get("updates")
        self.differentiable = body.get("differentiable", self.vjp is not None)
        self.extra = body
        if self.dims:
            left, right = self.dims.split("->")
            self.inputs, self.outputs = _parse(left), _parse(right)

    def infer(self, ins, attrs):
        """[(shape, dtype)] of the outputs."""
        if self.updates is not None:
            return [(ins[k].shape, ins[k].dtype) for k in self.updates]
        if self.rule:
            out = self.rule(*ins, **attrs)
            return out if isinstance(out, list) else [out]
        known = {}
        for (name, tokens), x in zip(self.inputs, ins):
            lead = "*" in tokens
            own = tokens[1:] if lead else tokens
            split = len(x.shape) - len(own)
            if split < 0 or (split and not lead):
                self._refuse(ins)
            pairs = list(zip(own, x.shape[split:])) + ([("*", x.shape[:split])] if lead else [])
            for token, size in pairs:
                if known.setdefault(token, int(token) if token.isdigit() else size) != size:
                    self._refuse(ins)
        dtype = self.dtype or (ins[0].dtype if ins else "float32")
        return [(sum(((known[t] if t == "*" else (known.get(t, int(t) if t.isdigit() else 0),)) for t in tokens), ()), dtype)
                for _, tokens in self.outputs]

    def _refuse(self, ins):
        raise ValueError(f"{self.name}: shapes {', '.join(str(x.shape) for x in ins)} do not fit ({self.dims})")

    def native(self, ins, outs, attrs):
        """Can the kernels serve this call? Otherwise NumPy does."""
        if self.calls is None:
            return False
        for x in ins:
            if x.dtype not in NATIVE or not x.size:
                return False
        for shape, dtype in outs:
            if dtype not in NATIVE or 0 in shape:
                return False
        return self.supports is None or self.supports(ins, attrs)

    def run_ref(self, arrays, attrs):
        out = self.ref(*arrays, **attrs)
        out = out if isinstance(out, tuple) else (out,)
        return [_contiguous(np.asarray(a)) for a in out]

    def sample(self, rng, size=None, which=None):
        """A random test case: (arrays, attrs). `size` pins the named dimensions' magnitude, `which` takes that one of `samples`."""
        if self.samples:
            specs, attrs = self.samples[int(rng.integers(len(self.samples))) if which is None else which % len(self.samples)]
            names = list(self.domain)
            draw = lambda k, s: s(rng) if callable(s) else self._domain(k, names)(rng, s)
            return [np.asarray(draw(k, s)) for k, s in enumerate(specs)], dict(attrs)
        edge = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67]
        pick = lambda: size or int(rng.choice(edge))
        known = {"*": tuple(int(rng.choice([1, 2, 3, 7])) for _ in range(int(rng.integers(0, 3))))}
        arrays = []
        for k, (name, tokens) in enumerate(self.inputs):
            shape = ()
            for t in tokens:
                if t == "*":
                    shape += known["*"]
                else:
                    shape += (int(t) if t.isdigit() else known.setdefault(t, pick()),)
            arrays.append(np.asarray(self.domain.get(name, reals)(rng, shape)))
        return arrays, {}

    def _domain(self, k, names):
        return self.domain.get(names[k], reals) if k < len(names) else reals

    def __call__(self, *inputs, **attrs):
        return bind(self, inputs, attrs)

    def __repr__(self):
        return f"<primitive {self.name}>"


def _contiguous(a):
    return a if a.flags.c_contiguous else a.copy(order="C")


def _parse(side):
    out = []
    for part in side.split(","):
        if part.strip():
            name, _, tokens = part.partition(":")
            out.append((name.strip(), tuple(tokens.split())))
    return out


def primitive(cls):
    """Register a class as a primitive; its name becomes a function that binds it."""
    made = Primitive(cls)
    if made.name in REGISTRY:
        raise ValueError(f"primitive {made.name!r} is declared twice")
    REGISTRY[made.name] = made
    return made


def bind(prim, inputs, attrs):
    """Run `prim` in the active mode, and tell every tape that watches an input."""
    kinds = [x.dtype for x in inputs if isinstance(x, Tensor)]
    like = next((d for d in kinds if d.startswith("float")), None) or next((d for d in kinds if d != "bool"), kinds[0] if kinds else None)
    # python numbers are weak: they take the tensors' dtype
    ins = tuple(x if isinstance(x, Tensor) else
                convert_to_tensor(x, like if isinstance(x, (int, float)) and not isinstance(x, bool) else None)
                for x in inputs)
    active = state.current()
    mode = active.mode or modes.eager
    outs = mode.run(prim, ins, attrs)
    for tape in active.tapes:
        tape.record(prim, ins, outs, attrs)
    if prim.updates is not None and not outs:
        return None
    return outs[0] if len(outs) == 1 else outs
