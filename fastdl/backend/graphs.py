"""function() and gradients(): a graph between symbolic tensors, turned into a compiled plan."""
import contextlib

import numpy as np

from fastdl.backend.state import learning_phase
from fastdl.core.function import function as compiled
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.layers.scopes import CallContext, _stack
from fastdl.ops import symbolic
from fastdl.ops.promotion import public
from fastdl.ops.symbolic import KerasTensor, flatten


def _parents(t):
    history = t._keras_history
    return history[0]._inbound_nodes[history[1]].input_tensors if history else []


def is_placeholder(x):
    return isinstance(x, KerasTensor) and not _parents(x)


class _Gradients(symbolic.Operation):
    """In a graph: d loss / d source for each source."""

    def __init__(self):
        self.name = symbolic.auto_name("gradients")
        self._inbound_nodes, self._outbound_nodes = [], []

    def __call__(self, *args):
        raise TypeError("K.gradients(loss, variables) belongs to a graph that K.function runs")


def gradients(loss, variables):
    """d loss / d variable, as many as there are variables: symbolic where loss is, for K.function to compute

    >>> x = placeholder((2,)); float(function([x], gradients(sum(square(x)), [x]))([[1.0, 3.0]])[0][1])
    6.0
    """
    sources = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    losses = list(loss) if isinstance(loss, (list, tuple)) else [loss]
    if not any(isinstance(x, KerasTensor) for x in losses):
        raise ValueError("K.gradients wants a symbolic loss, made of Input or placeholder tensors. For computed tensors: "
                         "with fastdl.GradientTape() as tape: ...; tape.gradient(loss, variables)")
    made = [KerasTensor(v.shape, v.dtype) for v in sources]
    symbolic.Node(_Gradients(), (losses, sources), {}, made)
    return made


def _ordered(outputs, inputs):
    """The nodes between inputs and outputs, each after those it needs."""
    known, done, order = {id(t) for t in inputs}, set(), []
    todo = [(t, False) for t in reversed(outputs)]
    while todo:
        t, ready = todo.pop()
        if not isinstance(t, KerasTensor) or id(t) in known:
            continue
        history = t._keras_history
        node = history[0]._inbound_nodes[history[1]] if history else None
        if node is None or not node.input_tensors:
            raise ValueError(f"K.function: the outputs need {getattr(t, 'name', t)!r} {t.shape}, which is not among the inputs")
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            order.append(node)
        else:
            todo.append((t, True))
            todo += [(p, False) for p in reversed(node.input_tensors)]
    return order


class Function:
    """f(list of arrays) -> list of arrays: a graph between symbolic tensors, compiled"""

    def __init__(self, inputs, outputs, updates=None, name=None, **kwargs):
        self.inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self.name = name or "function"
        self.updates = [u for u in updates or () if isinstance(u, tuple)]
        self._tensors = [t for t in self.inputs if isinstance(t, KerasTensor)]
        self._nodes = _ordered(self.outputs + [new for _, new in self.updates], self._tensors)
        self._gradients = [n for n in self._nodes if isinstance(n.operation, _Gradients)]
        self._sources = {id(t) for n in self._gradients for t in n.args[1]}
        self._run = compiled(self._walk)

    def _walk(self, training, *arrays):
        values = {id(t): a for t, a in zip(self._tensors, arrays)}
        calls = _stack("calls")
        calls.append(CallContext(training, None))
        try:
            with GradientTape(persistent=True) if self._gradients else contextlib.nullcontext() as tape:
                watch = lambda t: tape.watch(values[id(t)]) if id(t) in self._sources and isinstance(values[id(t)], Tensor) else None
                for t in self._tensors:
                    watch(t)
                for node in self._nodes:
                    args, kwargs = node.fill(values)
                    if isinstance(node.operation, _Gradients):
                        made = tape.gradient(args[0], args[1], unconnected_gradients="zero")
                    else:
                        made = node.operation(*args, **kwargs)
                    for t, y in zip(node.output_tensors, flatten(made)):
                        values[id(t)] = y
                        watch(t)
        finally:
            calls.pop()
        get = lambda t: values[id(t)] if isinstance(t, KerasTensor) else convert_to_tensor(t)
        out = [get(t) for t in self.outputs]
        for v, new in self.updates:
            v.assign(get(new))
        return out

    def __call__(self, inputs=()):
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(given) != len(self.inputs):
            raise ValueError(f"this K.function takes a list of {len(self.inputs)} inputs, got {len(given)}")
        training, arrays = bool(learning_phase()), []
        for t, x in zip(self.inputs, given):
            if isinstance(t, KerasTensor):
                arrays.append(convert_to_tensor(x, t.dtype))
            else:
                training = bool(x)
        return [np.array(y) for y in self._run(training, *arrays)]


def function(inputs, outputs, updates=None, **kwargs):
    """f([arrays]) -> [arrays] for symbolic inputs and outputs; learning_phase() may be an input

    >>> x = placeholder((None, 2)); function([x], [sum(x)])([np.ones((3, 2))])[0].item()
    6.0
    """
    return Function(inputs, outputs, updates, **kwargs)


def print_tensor(x, message=""):
    """Prints the value when it is computed outside a compiled step; returns x"""
    if isinstance(x, Tensor) and x._a is not None:
        print(message, x.numpy())
    return x


__all__ = public(globals())
