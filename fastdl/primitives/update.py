"""In-place updates: the only primitives that change memory. Scalars (learning rates) are tensors, so that plans follow them."""
import numpy as np

from ..core.primitive import primitive
from .elementwise import joined


def update(name, ref, doc, inputs, outputs=1, doubles=(), kernel=True):
    """Declare a primitive whose first `outputs` inputs are overwritten by ref's results.

    Optimizers' updates take one more input on demand: a scalar s; then s w is added to the gradient first (L2, weight decay).
    """
    plain = len(inputs.split())
    where = inputs.split().index("g") if "g" in inputs.split() else None

    def decayed(*arrays, **attrs):
        if len(arrays) > plain:
            arrays = (*arrays[:where], arrays[where] + arrays[-1] * arrays[0], *arrays[where + 1:-1])
        return ref(*arrays, **attrs)

    def calls(*tensors, **attrs):
        outs, ins = tensors[:outputs], tensors[2 * outputs:]
        yield name, list(outs), list(ins), [outs[0].size, int(len(ins) + outputs > plain)], [float(attrs[k]) for k in doubles]

    body = dict(__doc__=doc, ref=ref if where is None else decayed, updates=tuple(range(outputs)), plain=plain, decay=where,
                shape=lambda *ins, **attrs: [(x.shape, x.dtype) for x in ins[:outputs]])
    if kernel:
        body.update(calls=calls, supports=lambda ins, attrs: all(x.dtype == "float32" for x in ins) and ins[outputs].shape == ins[0].shape)
    return primitive(type(name, (), body))


assign = update("assign", lambda v, x: x.astype(v.dtype), "v = x", "v x")
assign_add = update("assign_add", lambda v, x: v + x, "v = v + x", "v x")
assign_sub = update("assign_sub", lambda v, x: v - x, "v = v - x", "v x")
sgd_update = update("sgd_update", lambda w, g, lr: w - lr * g, "w = w - lr g", "w g lr")


def _momentum(w, m, g, lr, *, momentum, nesterov):
    m = momentum * m - lr * g
    return w + (momentum * m - lr * g if nesterov else m), m


def _rmsprop(w, v, g, lr, *, rho, epsilon):
    v = rho * v + (1 - rho) * g * g
    return w - lr * g / np.sqrt(v + epsilon), v


def _adam(w, m, v, g, lr, *, beta_1, beta_2, epsilon):
    m = m + (g - m) * (1 - beta_1)
    v = v + (g * g - v) * (1 - beta_2)
    return w - m * lr / (np.sqrt(v) + epsilon), m, v


momentum_update = update("momentum_update", _momentum, "m = momentum m - lr g; w = w + m (Nesterov: w + momentum m - lr g)", "w m g lr", 2,
                         ("momentum", "nesterov"))
rmsprop_update = update("rmsprop_update", _rmsprop, "v = rho v + (1 - rho) g^2; w = w - lr g / sqrt(v + epsilon)", "w v g lr", 2, ("rho", "epsilon"))
adam_update = update("adam_update", _adam, "m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v); w -= lr m / (sqrt(v) + epsilon)", "w m v g lr", 3,
                     ("beta_1", "beta_2", "epsilon"))


def counts(prim, kernel):
    """Serve int32 and uint32 variables too (step counters, indices): `kernel` joins v and x, the values pass as 32 bits."""
    calls, supports = prim.calls, prim.supports
    prim.calls = lambda *t: calls(*t) if kernel is None or t[0].dtype == "float32" else iter([joined(kernel, t[0], *t[1:])])
    prim.supports = lambda ins, attrs: supports(ins, attrs) or (ins[0].dtype == ins[1].dtype and ins[0].dtype in ("int32", "uint32")
                                                                and ins[0].shape == ins[1].shape)


for _p, _kernel in ((assign, None), (assign_add, "add_i32"), (assign_sub, "sub_i32")):
    counts(_p, _kernel)


@primitive
class seed_next:
    """state[1] = state[1] + 1"""
    updates = (0,)

    def shape(state):
        return [(state.shape, state.dtype)]

    def ref(state):
        return state + np.array([0, 1], "uint32")

    def calls(state, _):
        yield "seed_next", [state], [], []

    def supports(ins, attrs):
        return ins[0].dtype == "uint32"
