"""In-place updates: the only primitives that change memory. Scalars (learning rates) are tensors, so that plans follow them."""
import numpy as np

from ..core.primitive import primitive


def update(name, ref, doc, inputs, outputs=1, doubles=(), kernel=True):
    """Declare a primitive whose first `outputs` inputs are overwritten by ref's results."""
    def calls(*tensors, **attrs):
        outs, ins = tensors[:outputs], tensors[2 * outputs:]
        yield name, list(outs), list(ins), [outs[0].size], [float(attrs[k]) for k in doubles]

    body = dict(__doc__=doc, ref=ref, updates=tuple(range(outputs)), shape=lambda *ins, **attrs: [(x.shape, x.dtype) for x in ins[:outputs]])
    if kernel:
        body.update(calls=calls, supports=lambda ins, attrs: all(x.dtype == "float32" for x in ins) and ins[outputs].shape == ins[0].shape)
    return primitive(type(name, (), body))


assign = update("assign", lambda v, x: x.astype(v.dtype), "v = x", 2)
assign_add = update("assign_add", lambda v, x: v + x, "v = v + x", 2)
assign_sub = update("assign_sub", lambda v, x: v - x, "v = v - x", 2)
seed_next = update("seed_next", lambda s: s + np.array([0, 1], "uint32"), "state[1] = state[1] + 1", 1, kernel=False)
sgd_update = update("sgd_update", lambda w, g, lr: w - lr * g, "w = w - lr g", 3)


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


momentum_update = update("momentum_update", _momentum, "m = momentum m - lr g; w = w + m (Nesterov: w + momentum m - lr g)", 4, 2,
                         ("momentum", "nesterov"))
rmsprop_update = update("rmsprop_update", _rmsprop, "v = rho v + (1 - rho) g^2; w = w - lr g / sqrt(v + epsilon)", 4, 2, ("rho", "epsilon"))
adam_update = update("adam_update", _adam, "m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v); w -= lr m / (sqrt(v) + epsilon)", 5, 3,
                     ("beta_1", "beta_2", "epsilon"))
