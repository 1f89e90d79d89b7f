"""KerasTensor (a shape and a dtype without data) and the graph of operations between them.

Shapes are never declared twice: an operation runs on traced tensors, once for each of two fill sizes
standing for None; what differs between the two runs is unknown, what agrees is known.
"""
import collections
import contextlib
import functools
import itertools
import re
import threading

Spec = collections.namedtuple("Spec", "shape dtype")
OPS = {}                                   # name -> public op: the closed list that model files may name
FILLS = (840, 1680)                        # composite, so that reshape((-1, k)) divides
_names = collections.Counter()
_births = itertools.count()
_local = threading.local()


def snake_case(name):
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix):
    """dense, dense_1, dense_2, ..."""
    prefix = snake_case(prefix)
    n = _names[prefix]
    _names[prefix] += 1
    return f"{prefix}_{n}" if n else prefix


def reset_names():
    _names.clear()


class KerasTensor:
    """A tensor that is not there yet: shape (None = unknown), dtype, and the operation it comes from."""

    def __init__(self, shape, dtype="float32", sparse=False, ragged=False, record_history=True, name=None):
        self._shape = tuple(None if s is None else int(s) for s in shape)
        self.dtype, self.name = str(dtype), name or auto_name("keras_tensor")
        self.sparse, self.ragged = sparse, ragged
        self._keras_history, self._born = None, next(_births)

    shape = property(lambda self: self._shape)
    ndim = property(lambda self: len(self._shape))
    rank = ndim

    @property
    def size(self):
        n = 1
        for s in self._shape:
            if s is None:
                return None
            n *= s
        return n

    def get_shape(self):
        return self._shape

    def __repr__(self):
        return f"<KerasTensor shape={self._shape}, dtype={self.dtype}, sparse={self.sparse}, ragged={self.ragged}, name={self.name}>"

    def _no_value(self, what):
        return TypeError(
            f"{self!r} has no value: it is an input or output of a model being defined, so {what} is not possible. "
            "Use fastdl.ops functions on it, or put the Python code into a Layer's call().")

    def __bool__(self):
        raise self._no_value("using it as a Python bool (`if`, `and`, `==` in a condition)")

    def __float__(self):
        raise self._no_value("float()")

    def __int__(self):
        raise self._no_value("int()")

    __array_priority__ = 100                     # NumPy's arrays leave the operators to this class

    def __array__(self, *args, **kwargs):
        raise self._no_value("converting it to a NumPy array")

    def __iter__(self):
        raise self._no_value("iterating over it")

    def __len__(self):
        raise self._no_value("len()")


# ---------------------------------------------------------------- nested structures
def flatten(x):
    """Leaves of nested lists, tuples and dicts (dicts in sorted key order, as Keras does)."""
    if isinstance(x, dict):
        return [leaf for k in sorted(x, key=str) for leaf in flatten(x[k])]
    if isinstance(x, (list, tuple)):
        return [leaf for v in x for leaf in flatten(v)]
    return [x]


def map_structure(f, x):
    if isinstance(x, dict):
        done = {k: map_structure(f, x[k]) for k in sorted(x, key=str)}
        return {k: done[k] for k in x}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(map_structure(f, v) for v in x))
    if isinstance(x, (list, tuple)):
        return type(x)(map_structure(f, v) for v in x)
    return f(x)


def pack_like(structure, leaves):
    it = iter(leaves)
    return map_structure(lambda _: next(it), structure)


def is_symbolic(x):
    return isinstance(x, KerasTensor)


def any_symbolic(*args, **kwargs):
    for x in args:
        if isinstance(x, KerasTensor):
            return True
        if isinstance(x, (list, tuple)) and any_symbolic(*x):
            return True
        if isinstance(x, dict) and any_symbolic(*x.values()):
            return True
    return any_symbolic(*kwargs.values()) if kwargs else False


# ---------------------------------------------------------------- the graph
class Node:
    """One call of one operation: its arguments (KerasTensors among them) and its outputs."""

    def __init__(self, operation, args, kwargs, outputs):
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.input_tensors = [t for t in flatten([list(args), kwargs]) if isinstance(t, KerasTensor)]
        self.output_tensors = flatten(outputs)
        self.parent_nodes = []
        for t in self.input_tensors:
            if t._keras_history is not None:
                parent = t._keras_history[0]._inbound_nodes[t._keras_history[1]]
                self.parent_nodes.append(parent)
                parent.operation._outbound_nodes.append(self)
        operation._inbound_nodes.append(self)
        index = len(operation._inbound_nodes) - 1
        for i, t in enumerate(self.output_tensors):
            if isinstance(t, KerasTensor):
                t._keras_history = (operation, index, i)

    is_input = property(lambda self: not self.input_tensors)

    def fill(self, values):
        """Arguments with every KerasTensor replaced by its value from `values` (id -> tensor)."""
        get = lambda t: values[id(t)] if isinstance(t, KerasTensor) else t
        return map_structure(get, list(self.args)), map_structure(get, self.kwargs)


class Operation:
    """Something with a name that appears in a graph: a Layer, or a public op applied to KerasTensors."""
    _inbound_nodes = _outbound_nodes = ()


class OpCall(Operation):
    """The graph's memory of `fastdl.ops.<op_name>(...)`."""

    def __init__(self, op_name, name=None):
        if op_name not in OPS:
            from fastdl.errors import did_you_mean
            raise ValueError(f"fastdl.ops has no operation named {op_name!r}.{did_you_mean(op_name, OPS)}")
        self.op_name, self.name = op_name, name or auto_name(op_name)
        self._inbound_nodes, self._outbound_nodes = [], []
        self.built = True

    def __call__(self, *args, **kwargs):
        return OPS[self.op_name](*args, **kwargs) if not any_symbolic(*args, **kwargs) \
            else record(self, OPS[self.op_name].__wrapped__, args, kwargs)

    def get_config(self):
        return {"name": self.name, "op_name": self.op_name}

    @classmethod
    def from_config(cls, config):
        return cls(config["op_name"], config.get("name"))


class UserCall(Operation):
    """The graph's memory of a user's function applied to KerasTensors; a file cannot hold it."""

    def __init__(self, fn):
        self.fn, self.name, self.built = fn, auto_name(fn.__name__), True
        self._inbound_nodes, self._outbound_nodes = [], []

    def __call__(self, *args):
        return self.fn(*args)

    def get_config(self):
        raise TypeError(f"a model file cannot hold the function {self.fn.__name__!r} applied to a tensor of the graph. Use it in a "
                        f"layer, layers.Activation({self.fn.__name__}), or in a Layer of your own, and load with custom_objects.")


def inferring():
    """True while only shapes are asked for: a loop over time may then take one step for all."""
    return getattr(_local, "inferring", 0) > 0


def infer(fn, args, kwargs):
    """Output KerasTensors (nested like fn's result) of fn(*args, **kwargs), without computing anything."""
    _local.inferring = getattr(_local, "inferring", 0) + 1
    before, _local.outer = getattr(_local, "outer", (0, None)), (next(_births), FILLS[0])
    try:
        return _infer(fn, args, kwargs)
    finally:
        _local.inferring -= 1
        _local.outer = before


def _infer(fn, args, kwargs):
    from fastdl.core import modes
    leaves = [t for t in flatten([list(args), kwargs]) if isinstance(t, KerasTensor)]
    unknown = any(s is None for t in leaves for s in t.shape)
    runs, structure = [], None
    for size in FILLS if unknown else FILLS[:1]:
        holder = []
        _local.outer = (_local.outer[0], size)

        def run(*tensors):
            values = {id(t): v for t, v in zip(leaves, tensors)}
            get = lambda t: values[id(t)] if isinstance(t, KerasTensor) else t
            out = fn(*map_structure(get, list(args)), **map_structure(get, kwargs))
            holder[:] = [out]
            return [t for t in flatten(out) if hasattr(t, "shape")]

        specs = [Spec(tuple(size if s is None else s for s in t.shape), t.dtype) for t in leaves]
        try:
            out = modes.abstract(run, specs)
        except (ValueError, TypeError) as error:
            if unknown and error.args and isinstance(error.args[0], str):       # the sizes that stand for None are no one else's
                error.args = (re.sub(rf"(?<![\w.]){size}(?![\w.])", "None", error.args[0]), *error.args[1:])
            raise
        runs.append(list(out) if isinstance(out, (list, tuple)) and not isinstance(out, Spec) else [out])
        structure = holder[0]
    first, last = runs[0], runs[-1]
    made = iter([KerasTensor(tuple(a if a == b else None for a, b in zip(p.shape, q.shape)), p.dtype)
                 for p, q in zip(first, last)])
    return map_structure(lambda t: next(made) if hasattr(t, "shape") else t, structure)


def record(operation, fn, args, kwargs):
    outputs = infer(fn, args, kwargs)
    Node(operation, args, kwargs, outputs)
    return outputs


@contextlib.contextmanager
def running(values):
    """While a graph runs, its tensors (id -> value) stand for their values in functions that close over them."""
    stack = _local.__dict__.setdefault("values", [])
    stack.append(values)
    try:
        yield
    finally:
        stack.pop()


def _captured(t):
    """The value of a tensor of an enclosing graph that a layer's call() uses without being given it, else t itself."""
    if not isinstance(t, KerasTensor):
        return t
    for values in reversed(getattr(_local, "values", ())):
        if id(t) in values:
            return values[id(t)]
    born, size = getattr(_local, "outer", (0, None))
    if t._born < born:
        from fastdl.core.tensor import Tensor
        return Tensor(None, tuple(size if s is None else s for s in t.shape), t.dtype)
    return t


def op(fn):
    """Makes `fn` a public op: on KerasTensors it is written into the graph, otherwise it runs."""
    name = fn.__name__
    OPS.setdefault(name, None)

    @functools.wraps(fn)
    def public(*args, **kwargs):
        if any_symbolic(*args, **kwargs):
            if inferring() or getattr(_local, "values", None):
                args, kwargs = map_structure(_captured, args), map_structure(_captured, kwargs)
                if not any_symbolic(*args, **kwargs):
                    return fn(*args, **kwargs)
                if not inferring():
                    left = next(t for t in flatten([args, kwargs]) if isinstance(t, KerasTensor))
                    raise ValueError(f"ops.{name}: a layer's call() uses {left!r}, which the model that runs does not compute. "
                                     "Fix: make that tensor from this model's inputs, or pass it to the layer as an input.")
            return record(OpCall(name), fn, args, kwargs)
        return fn(*args, **kwargs)

    OPS[name] = public
    return public


# ---------------------------------------------------------------- graph order
def map_graph(inputs, outputs):
    """(nodes, nodes_by_depth, operations, operations_by_depth) between inputs and outputs.

    Depth 0 is an output; an operation lies deeper than everything that uses it. Operations of the same
    depth keep the order in which a walk from the outputs meets them, which is the order that Keras gives.
    """
    stop = {id(t) for t in inputs}
    order, done, active, op_index = [], set(), set(), {}

    def node_of(t):
        if t._keras_history is None:
            raise ValueError(f"{t!r} does not come from an Input. Start the graph with fastdl.Input(shape=...).")
        return t._keras_history[0]._inbound_nodes[t._keras_history[1]]

    for out in outputs:
        stack = [(node_of(out), False)]
        while stack:                                   # explicit: deep models exceed Python's recursion limit
            node, leaving = stack.pop()
            if leaving:
                active.discard(node)
                if node not in done:
                    done.add(node)
                    order.append(node)
                continue
            if node in done:
                continue
            if node in active:
                raise ValueError(f"The graph has a cycle at {node.operation.name!r}.")
            op_index.setdefault(node.operation, len(op_index))
            active.add(node)
            stack.append((node, True))
            if any(id(t) in stop for t in node.output_tensors):
                continue
            for t in reversed(node.input_tensors):
                parent = node_of(t)
                if parent not in done and parent not in active:
                    stack.append((parent, False))

    depth, op_depth = {}, {}
    for node in reversed(order):
        d = max(depth.get(node, 0), op_depth.get(node.operation, 0))
        depth[node], op_depth[node.operation] = d, d
        if any(id(t) in stop for t in node.output_tensors):
            continue
        for t in node.input_tensors:
            p = node_of(t)
            depth[p] = max(d + 1, depth.get(p, 0))
    for t in inputs:                                   # inputs that nothing uses still belong to the model
        node = node_of(t)
        if node not in depth:
            depth[node] = op_depth[node.operation] = 0
            op_index.setdefault(node.operation, -1)
            order.insert(0, node)

    nodes_by_depth = collections.defaultdict(list)
    for node in order:
        nodes_by_depth[depth[node]].append(node)
    ops_by_depth = collections.defaultdict(list)
    for operation in op_depth:
        ops_by_depth[op_depth[operation]].append(operation)
    for d in ops_by_depth:
        ops_by_depth[d].sort(key=lambda o: op_index[o])
    operations = [o for d in sorted(ops_by_depth, reverse=True) for o in ops_by_depth[d]]

    known = {id(t) for t in inputs}
    for d in sorted(nodes_by_depth, reverse=True):
        for node in nodes_by_depth[d]:
            missing = [t for t in node.input_tensors if id(t) not in known]
            if missing and not any(id(t) in known for t in node.output_tensors):
                raise ValueError(
                    f"The graph is disconnected: {node.operation.name!r} needs {missing[0]!r}, which cannot be "
                    f"reached from the model's inputs. Add the missing Input to Model(inputs=...).")
            if node.is_input and not any(id(t) in known for t in node.output_tensors):
                raise ValueError(f"The outputs depend on the Input {node.operation.name!r}, which is not among the "
                                 "model's inputs. Add it to Model(inputs=...).")
            known.update(id(t) for t in node.output_tensors)
    return order, dict(nodes_by_depth), operations, dict(ops_by_depth)
