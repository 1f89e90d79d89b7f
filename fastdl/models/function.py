"""Function: a graph between symbolic tensors as a callable, without a model around it."""
from fastdl.core.function import tensors
from fastdl.ops import symbolic
from fastdl.ops.symbolic import flatten, map_graph, pack_like


class Function(symbolic.Operation):
    """outputs = f(inputs), node by node

    >>> x = Input((2,)); f = Function(x, x * 3.0)
    >>> f(np.ones((1, 2))).numpy().tolist()
    [[3.0, 3.0]]
    """

    def __init__(self, inputs, outputs, name=None):
        self.name = name or symbolic.auto_name("function")
        self._inbound_nodes, self._outbound_nodes = [], []
        self._inputs_struct, self._outputs_struct = inputs, outputs
        self._inputs, self._outputs = flatten(inputs), flatten(outputs)
        nodes, by_depth, self._operations, _ = map_graph(self._inputs, self._outputs)
        known = {id(t) for t in self._inputs}
        self._run_nodes = [n for d in sorted(by_depth, reverse=True) for n in by_depth[d]
                           if not any(id(t) in known for t in n.output_tensors)]

    inputs = property(lambda self: self._inputs)
    outputs = property(lambda self: self._outputs)
    input = property(lambda self: self._inputs_struct)
    output = property(lambda self: self._outputs_struct)
    operations = property(lambda self: list(self._operations))

    def call(self, inputs):
        values = {id(t): x for t, x in zip(self._inputs, tensors(flatten(inputs)))}
        for node in self._run_nodes:
            args, kwargs = node.fill(values)
            for t, y in zip(node.output_tensors, flatten(node.operation(*args, **kwargs))):
                values[id(t)] = y
        return pack_like(self._outputs_struct, [values[id(t)] for t in self._outputs])

    def __call__(self, inputs):
        if symbolic.any_symbolic(inputs):
            return symbolic.record(self, self.call, (inputs,), {})
        return self.call(inputs)

    def compute_output_spec(self, inputs):
        return symbolic.infer(self.call, (inputs,), {})
