"""Functional: a model that is a graph of layer calls between Inputs and outputs."""
import collections

from fastdl.core.tensor import Tensor
from fastdl.layers.layer import Layer
from fastdl.models.model import Model
from fastdl.ops import symbolic
from fastdl.ops.symbolic import KerasTensor, OpCall, flatten, map_structure, pack_like


class _NotYet(Exception):
    """A call in a config uses the output of one that has not been made."""


def _call(operation, *args, **kwargs):
    return operation(*args, **kwargs)


class Functional(Model):
    """y = the graph from inputs to outputs, run node by node"""

    def __new__(cls, *args, **kwargs):
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, inputs=None, outputs=None, name=None, trainable=True, **kwargs):
        inputs, outputs = kwargs.pop("input", inputs), kwargs.pop("output", outputs)
        for what, given in (("inputs", inputs), ("outputs", outputs)):
            for t in flatten(given):
                if not isinstance(t, KerasTensor):
                    raise ValueError(f"Model({what}=...) received {type(t).__name__}; it wants what fastdl.Input(...) and "
                                     "layers called on it return.")
        self._inputs_struct, self._outputs_struct = inputs, outputs
        if name is None and type(self) is Functional:
            name = symbolic.auto_name("functional")
        super().__init__(name=name, trainable=True, **kwargs)
        self._set_graph(inputs, outputs)
        if not trainable:
            self.trainable = False

    def _set_graph(self, inputs, outputs):
        given = flatten(inputs)
        if len({id(t) for t in given}) != len(given):
            raise ValueError("Model(inputs=...) lists the same Input twice.")
        from fastdl.layers.core import InputLayer
        self._inputs_struct, self._outputs_struct = inputs, outputs
        self._graph_inputs, self._graph_outputs = given, flatten(outputs)
        nodes, by_depth, operations, _ = symbolic.map_graph(given, self._graph_outputs)
        made = []
        for t in given:                       # an intermediate tensor as input gets an InputLayer of its own
            if not isinstance(t._keras_history[0], InputLayer):
                made.append(t)
        self._node_list = [n for d in sorted(by_depth, reverse=True) for n in by_depth[d]]
        self._run_nodes = [n for n in self._node_list if not any(t is s for t in n.output_tensors for s in given)]
        keep = {id(n.operation) for n in self._run_nodes} | {id(t._keras_history[0]) for t in given if t not in made}
        self._operations = [o for o in operations if id(o) in keep]
        self._graph_layers = [o for o in self._operations if isinstance(o, Layer)]
        names = {}
        for o in self._operations:
            if names.setdefault(o.name, o) is not o:
                raise ValueError(f"Two layers of the model are named {o.name!r}. Give each its own name=.")
        self.input_names = [t._keras_history[0].name for t in given]
        self.output_names = []
        for t in self._graph_outputs:
            self.output_names.append(t._keras_history[0].name)
        self.built = True

    _untracked = Layer._untracked | {"_inputs_struct", "_outputs_struct", "_graph_inputs", "_graph_outputs", "_node_list",
                                     "_run_nodes", "_operations", "_loss_nodes", "_loss_tensors", "_init_args", "_input_layer"}

    _loss_tensors = _loss_nodes = ()

    def add_loss(self, loss, inputs=None):
        """Adds a scalar to model.losses; a loss made of the graph's own tensors is computed in every call"""
        for x in flatten(loss):
            if not isinstance(x, KerasTensor):
                super().add_loss(x, inputs)
                continue
            _, by_depth, _, _ = symbolic.map_graph(self._graph_inputs, self._graph_outputs + [*self._loss_tensors, x])
            done = {id(n) for n in self._node_list} | {id(n) for n in self._loss_nodes}
            self._loss_nodes = [*self._loss_nodes, *(n for d in sorted(by_depth, reverse=True) for n in by_depth[d] if id(n) not in done)]
            self._loss_tensors = [*self._loss_tensors, x]

    layers = property(lambda self: [l for l in self._layers])
    operations = property(lambda self: list(self._operations))
    inputs = property(lambda self: self._graph_inputs)
    outputs = property(lambda self: self._graph_outputs)
    input = property(lambda self: self._inputs_struct)
    output = property(lambda self: self._outputs_struct)
    input_shape = property(lambda self: map_structure(lambda t: t.shape, self._inputs_struct))
    output_shape = property(lambda self: map_structure(lambda t: t.shape, self._outputs_struct))

    # ------------------------------------------------------------ running
    def _standardize(self, inputs):
        want = self._graph_inputs
        if isinstance(inputs, dict):
            struct = self._inputs_struct
            if isinstance(struct, dict) and set(struct) <= set(inputs):
                leaves = [inputs[k] for k in sorted(struct)]
            elif set(self.input_names) <= set(inputs):
                leaves = [inputs[n] for n in self.input_names]
            else:
                raise ValueError(f"Model '{self.name}' received a dict with keys {sorted(inputs)}; its inputs are "
                                 f"named {self.input_names}.")
        else:
            leaves = flatten(inputs)
        if len(leaves) != len(want):
            raise ValueError(f"Model '{self.name}' wants {len(want)} input(s) {self.input_names} but received {len(leaves)}. "
                             + ("Are they x and y? Targets are an argument of their own: fit(x, y)." if len(leaves) == 2 > len(want) else
                                "Pass a list with one array per Input."))
        out = []
        for x, t, name in zip(leaves, want, self.input_names):
            if x is None and t._keras_history[0].optional:
                out.append(None)
                continue
            if not hasattr(x, "shape"):
                raise TypeError(f"Input {name!r} of model '{self.name}' received {x!r:.60} ({type(x).__name__}); the model wants an array "
                                f"of shape {t.shape} (None = any size).")
            shape = tuple(x.shape)
            if len(shape) == len(t.shape) + 1 and shape[-1] == 1:
                from fastdl import ops
                x = ops.squeeze(x, -1)
            elif len(shape) == len(t.shape) - 1 and t.shape[-1] == 1:
                from fastdl import ops
                x = ops.expand_dims(x, -1)
            shape = tuple(x.shape)
            if len(shape) != len(t.shape) or any(
                    a is not None and b is not None and a != b for a, b in zip(shape[1:], t.shape[1:])):
                one = len(shape) == len(t.shape) - 1 and all(b in (None, a) for a, b in zip(shape, t.shape[1:]))
                raise ValueError(f"Input {name!r} of model '{self.name}' has shape {shape}; the model wants shape {t.shape} "
                                 "(None = any size). " + ("For a single sample add the batch axis: np.asarray(x)[None]." if one else
                                                          "Reshape the data to that shape, or change the Input's shape."))
            if isinstance(x, Tensor) and x.dtype != t.dtype:
                from fastdl import ops
                mask = getattr(x, "_keras_mask", None)
                x = ops.cast(x, t.dtype)
                if mask is not None:
                    x._keras_mask = mask
            out.append(x)
        return out

    def call(self, inputs, training=None, mask=None):
        values = {id(t): x for t, x in zip(self._graph_inputs, self._standardize(inputs))}
        if mask is not None:
            for t, m in zip(self._graph_inputs, flatten(mask)):
                if m is not None and getattr(values[id(t)], "_keras_mask", None) is None:
                    values[id(t)]._keras_mask = m
        with symbolic.running(values):
            for node in (*self._run_nodes, *self._loss_nodes):
                args, kwargs = node.fill(values)
                outputs = node.operation(*args, **kwargs)
                for t, y in zip(node.output_tensors, flatten(outputs)):
                    values[id(t)] = y
        self._losses.extend(values[id(t)] for t in self._loss_tensors)
        return pack_like(self._outputs_struct, [values[id(t)] for t in self._graph_outputs])

    def compute_output_shape(self, input_shape):
        flat = input_shape if isinstance(input_shape, (list, dict)) else [input_shape]
        if isinstance(flat, dict):
            flat = [flat[k] for k in sorted(flat)]
        if isinstance(flat, list) and flat and (flat[0] is None or isinstance(flat[0], int)):
            flat = [tuple(flat)]
        if all(tuple(s) == t.shape for s, t in zip(flat, self._graph_inputs)):
            return self.output_shape
        return super().compute_output_shape(input_shape)

    def compute_mask(self, inputs, mask=None):
        return None                      # the inner layers put masks on the outputs themselves

    # ------------------------------------------------------------ config
    def _node_indices(self):
        index, count = {}, {}
        for op in self._operations:
            for node in op._inbound_nodes:
                if any(node is n for n in self._node_list):
                    index[id(node)] = count.get(id(op), 0)
                    count[id(op)] = index[id(node)] + 1
        return index

    def get_config(self):
        from fastdl.saving import serialization
        index = self._node_indices()

        def key(t):
            op, n, i = t._keras_history
            return [op.name, index[id(op._inbound_nodes[n])], i]

        def write(v):
            if isinstance(v, KerasTensor):
                return {"class_name": "__keras_tensor__",
                        "config": {"shape": list(v.shape), "dtype": v.dtype, "keras_history": key(v)}}
            if isinstance(v, (list, tuple)):
                return [write(x) for x in v]
            if isinstance(v, dict):
                return {k: write(x) for k, x in v.items()}
            if v is None or isinstance(v, (bool, int, float, str)):
                return v
            return serialization.serialize_keras_object(v)

        layers = []
        for op in self._operations:
            nodes = [n for n in op._inbound_nodes if id(n) in index and n in self._run_nodes]
            if isinstance(op, OpCall):
                from fastdl.models.op_config import op_entry
                entry = op_entry(op, nodes, write)
            else:
                entry = serialization.serialize_keras_object(op)
                entry["inbound_nodes"] = [{"args": [write(a) for a in n.args], "kwargs": {k: write(v) for k, v in n.kwargs.items()}}
                                          for n in nodes]
            entry["name"] = op.name
            layers.append(entry)

        def ends(struct):
            return map_structure(key, struct)

        return {"name": self.name, "trainable": self._trainable, "layers": layers,
                "input_layers": ends(self._inputs_struct), "output_layers": ends(self._outputs_struct)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from fastdl.errors import FileError
        try:
            return cls._from_config(config, custom_objects)
        except FileError:
            raise
        except (_NotYet, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
            raise FileError(f"The model's config does not make a model: {type(error).__name__}: {error}") from error

    @classmethod
    def _from_config(cls, config, custom_objects):
        from fastdl.layers.core import InputLayer
        from fastdl.models.op_config import make_operation
        from fastdl.saving import serialization
        made, settings, calls = {}, {}, {}
        for entry in config["layers"]:
            name = entry.get("name") or entry["config"]["name"]
            serialization.check_name(name)
            if name in made:
                raise ValueError(f"The model's config defines two layers named {name!r}.")
            made[name], settings[name] = make_operation(entry, custom_objects)
            calls[name] = collections.deque(entry.get("inbound_nodes") or ())
        done = {name: [] for name in made}
        for name, op in made.items():
            if isinstance(op, InputLayer):
                done[name].append([op.output])

        def tensor(history):
            name, node, i = history[0], history[1], history[2]
            if not all(isinstance(k, int) and k >= 0 for k in (node, i)):
                raise ValueError(f"The model's config counts calls wrongly: {history!r:.80}.")
            if name not in made:
                raise ValueError(f"The model's config uses a layer {name!r:.80} that it does not define.")
            if node >= len(done[name]):
                raise _NotYet(name)
            if i >= len(done[name][node]):
                raise ValueError(f"The model's config uses output {i} of {name!r:.80}, which has {len(done[name][node])}.")
            return done[name][node][i]

        def read(v):
            if isinstance(v, dict):
                if v.get("class_name") == "__keras_tensor__":
                    return tensor(v["config"]["keras_history"])
                if v.get("class_name") == "__tuple__":
                    return tuple(read(x) for x in v.get("items", ()))
                if "class_name" in v and "config" in v:
                    return serialization.deserialize_keras_object(v, custom_objects=custom_objects)
                return {k: read(x) for k, x in v.items()}
            return [read(x) for x in v] if isinstance(v, list) else v

        def read_old(v):                     # Keras 2 wrote other tensors among the keywords as [layer, node, tensor]
            known = isinstance(v, list) and len(v) >= 3 and isinstance(v[0], str) and v[0] in made and isinstance(v[1], int)
            return tensor(v) if known else read(v)

        def call(name, node):
            if isinstance(node, dict):
                args, kwargs = [read(a) for a in node["args"]], {k: read(v) for k, v in node["kwargs"].items()}
            else:                            # Keras 2: [[layer, node, tensor, kwargs], ...]
                entries = [node] if node and isinstance(node[0], str) else node
                tensors = [tensor(e) for e in entries]
                args = [tensors[0] if len(tensors) == 1 else tensors]
                kwargs = {k: read_old(v) for k, v in (entries[0][3] if len(entries[0]) > 3 else {}).items()}
            if getattr(made[name], "op_name", None) == "get_item":
                args = [tuple(a) if isinstance(a, list) else a for a in args]
            if not any(isinstance(t, KerasTensor) for t in flatten([args, list(kwargs.values())])):
                # It would be computed now, at any size.
                raise ValueError(f"The model's config calls {name!r:.80} on numbers alone; a layer's input is another layer's output.")
            done[name].append(flatten(made[name](*args, **kwargs, **settings[name])))

        ready, waiting = collections.deque(made), {}         # layers may be listed before what they use
        while ready:
            name = ready.popleft()
            while calls[name]:
                try:
                    call(name, calls[name][0])
                except _NotYet as other:
                    waiting.setdefault(other.args[0], []).append(name)
                    break
                calls[name].popleft()
                ready.extend(waiting.pop(name, ()))
        stuck = [name for name, left in calls.items() if left]
        if stuck:
            raise ValueError(f"The model's config has a cycle or misses a layer near {stuck[0]!r}.")

        def ends(struct):
            if isinstance(struct, (list, tuple)) and len(struct) == 3 and isinstance(struct[0], str) \
                    and isinstance(struct[1], int):
                return tensor(struct)
            if isinstance(struct, dict):
                return {k: ends(v) for k, v in struct.items()}
            leaves = [ends(v) for v in struct]
            return leaves

        def single(x):
            return x[0] if isinstance(x, list) and len(x) == 1 else x

        if not config["input_layers"] or not config["output_layers"]:
            raise ValueError("It names no inputs or no outputs.")
        model = cls(single(ends(config["input_layers"])), single(ends(config["output_layers"])), name=config.get("name"))
        if config.get("trainable") is False:
            model.trainable = False
        return model

    def _rebuild(self, clone, input_tensors=None, call=None):
        from fastdl.layers.core import Input
        values, made = {}, {}
        given = flatten(input_tensors) if input_tensors is not None else [
            Input(batch_shape=t.shape, dtype=t.dtype, name=n) for t, n in zip(self._graph_inputs, self.input_names)]
        for t, new in zip(self._graph_inputs, given):
            values[id(t)] = new
        for node in self._run_nodes:
            op = node.operation
            if id(op) not in made:
                made[id(op)] = clone(op) if isinstance(op, Layer) else OpCall(op.op_name, op.name)
            args, kwargs = node.fill(values)
            for t, y in zip(node.output_tensors, flatten((call or _call)(made[id(op)], *args, **kwargs))):
                values[id(t)] = y
        get = lambda t: values[id(t)]
        return Functional(map_structure(get, self._inputs_struct), map_structure(get, self._outputs_struct), name=self.name)
