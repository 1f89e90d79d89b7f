"""Weights: the part of Layer that makes variables, finds them again, and reads and writes them as arrays.

State is found by walking attributes when it is asked for, so lists, dicts and re-assignment need no hooks.
"""
import numpy as np

from fastdl.core.tensor import Variable
from fastdl.layers.scopes import _outside_trace, _stack

_VARIABLE, _LAYER, _METRIC, _SEED, _MANY, _LEAF = range(6)
_kinds = {}                              # type -> what a walk over attributes does with its objects


def _kind(t):
    if issubclass(t, Variable):
        return _VARIABLE
    if issubclass(t, Weights):
        return _LAYER
    if issubclass(t, (list, tuple, dict)):
        return _MANY
    if hasattr(t, "update_state") and hasattr(t, "result"):
        return _METRIC
    return _SEED if t.__name__ == "SeedGenerator" else _LEAF


def _trained_first(variables):
    return sorted(variables, key=lambda v: not v.trainable)


class Weights:
    """The variables, sub-layers, metrics and seed generators of a layer and of all layers below it."""

    _untracked = frozenset(("_inbound_nodes", "_outbound_nodes", "_losses", "_init_args", "activity_regularizer",
                            "_initial_weights", "input_spec"))

    def _found(self):
        """(own variables, sub-layers, metrics, seed generators) by walking the attributes, in order, once each."""
        found, seen, skipped = ([], [], [], []), {id(self)}, self._untracked

        def walk(pairs):
            for key, x in pairs:
                kind = _kinds.get(type(x))
                if kind is None:
                    kind = _kinds[type(x)] = _kind(type(x))
                if kind is _LEAF or id(x) in seen or key and (key in skipped or key.startswith("_compile")):
                    continue
                seen.add(id(x))
                if kind is not _MANY:
                    found[kind].append(x)
                elif x:
                    walk([(None, v) for v in (x.values() if isinstance(x, dict) else x)])

        walk(list(self.__dict__.items()))
        return found

    @property
    def _layers(self):
        return self._found()[1]

    def _walked(self):
        """(layer, what it holds) of this layer and all below it, each once, in depth."""
        stack, seen = [self], set()
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                found = layer._found()
                yield layer, found
                stack += reversed(found[1])

    def _flatten_layers(self, include_self=True, recursive=True):
        out = [layer for layer, _ in self._walked()] if recursive else [self, *self._layers]
        return out if include_self else out[1:]

    def _collect(self, pick):
        """pick(what a layer holds) of all layers, each object once."""
        return list({id(v): v for _, found in self._walked() for v in pick(found)}.values())

    @property
    def _own_weights(self):
        return _trained_first(self._found()[0])

    @property
    def weights(self):
        return self._collect(lambda found: _trained_first(found[0]))

    @property
    def variables(self):
        return self._collect(lambda found: _trained_first(found[0]) + [s.state for s in found[3]]
                             + [v for m in found[2] for v in m.variables])

    @property
    def trainable_weights(self):
        return self._collect_trainable() if self.trainable else []

    trainable_variables = trainable_weights

    def _collect_trainable(self):
        out, seen = [], set()

        def visit(layer):
            if not layer._trainable or id(layer) in seen:
                return
            seen.add(id(layer))
            variables, layers = layer._found()[:2]
            for v in variables:
                if v.trainable and id(v) not in seen:
                    seen.add(id(v))
                    out.append(v)
            for sub in layers:
                visit(sub)

        visit(self)
        return out

    @property
    def non_trainable_weights(self):
        taken = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in taken]

    @property
    def non_trainable_variables(self):
        taken = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in taken]

    @property
    def metrics(self):
        return self._collect(lambda found: found[2])

    @property
    def metrics_variables(self):
        return [v for m in self.metrics for v in m.variables]

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        for layer in self._flatten_layers():
            layer.__dict__["_trainable"] = bool(value)

    def add_weight(self, shape=None, initializer=None, dtype=None, trainable=True, autocast=True, regularizer=None,
                   constraint=None, aggregation="none", name=None, **kwargs):
        """A new Variable of this layer; initializer: name, object or function of (shape, dtype)."""
        if isinstance(shape, str):                     # the oldest spelling puts the name first
            shape, name = (initializer if isinstance(initializer, (list, tuple)) else None), shape
            initializer = kwargs.pop("initializer", None)
        from fastdl import constraints, initializers, regularizers
        shape = () if shape is None else tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
        if any(s is None for s in shape):
            raise ValueError(f"Layer '{self.name}' cannot make the weight {name!r} of shape {shape}: a size is None. "
                             "Give the input's size, e.g. Input(shape=(28,)) instead of Input(shape=(None,)).")
        dtype = str(np.dtype(dtype)) if dtype else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtype.startswith("float") else "zeros"
        initializer = initializers.get(initializer)
        for budget in _stack("budgets"):               # a file is being read: it must be able to fill what it asks for
            budget.take(shape, dtype)
        with _outside_trace():
            v = Variable(initializer, shape=shape, dtype=dtype, trainable=trainable, name=name or "variable")
        scopes = list(_stack("scopes"))
        if not scopes or scopes[-1] != self.name:
            scopes.append(self.name)
        v.path = "/".join(scopes + [v.name])
        v.regularizer, v.constraint = regularizers.get(regularizer), constraints.get(constraint)
        v.overwrite_with_gradient = bool(kwargs.get("overwrite_with_gradient"))
        self._own.append(v)
        return v

    add_variable = add_weight

    # ------------------------------------------------------------ weights as arrays
    def get_weights(self):
        return [np.array(w.numpy()) for w in self.weights]

    def set_weights(self, weights):
        mine = self.weights
        if not isinstance(weights, (list, tuple)):
            raise ValueError(f"set_weights() of layer '{self.name}' received {type(weights).__name__}; it wants one array "
                             f"per weight: pass a list, e.g. set_weights([kernel, bias]).")
        if len(weights) != len(mine):
            raise ValueError(f"set_weights() of layer '{self.name}' received {len(weights)} arrays; it has {len(mine)} "
                             f"weights: {[(w.name, tuple(w.shape)) for w in mine][:8]}."
                             + ("" if self.built else " The layer is not built yet: call it, or build(input_shape), first."))
        for w, a in zip(mine, weights):
            if tuple(np.shape(a)) != tuple(w.shape):
                raise ValueError(f"Weight {w.name!r} of layer '{self.name}' has shape {tuple(w.shape)}; "
                                 f"the given array has {np.shape(a)}.")
        for w, a in zip(mine, weights):
            w.assign(np.asarray(a, dtype=w.dtype))

    def count_params(self):
        if not self.built:
            raise ValueError(f"Layer '{self.name}' is not built, so its weights do not exist yet. Call it on data, "
                             "or call build(input_shape), before count_params().")
        return int(sum(int(np.prod(w.shape)) for w in self.weights))

    def save_own_variables(self, store):
        for i, v in enumerate(self._own_weights):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store):
        own = self._own_weights
        if len(store) != len(own):
            raise ValueError(f"Layer '{self.name}' has {len(own)} weights but the file holds {len(store)} for it.")
        for i, v in enumerate(own):
            v.assign(np.asarray(store[str(i)]))
