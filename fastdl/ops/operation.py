"""Operation (a named function of a graph) and the scopes of Keras that need no work here."""
import contextlib

from . import symbolic


class Operation(symbolic.Operation):
    """Subclass it and write call(): on symbolic tensors it becomes a node of the graph, on tensors it runs.

    >>> class Double(Operation):
    ...     def call(self, x):
    ...         return x * 2.0
    >>> Double()(Tensor(np.float32([1, 2]))).numpy().tolist()
    [2.0, 4.0]
    """

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self.name, self.built = symbolic.auto_name(cls.__name__), True
        self._inbound_nodes, self._outbound_nodes, self._given = [], [], kwargs
        return self

    def __init__(self, name=None, dtype=None):
        if name:
            self.name = name

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no call(). Define `def call(self, x):`.")

    def __call__(self, *args, **kwargs):
        if symbolic.any_symbolic(*args, **kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def symbolic_call(self, *args, **kwargs):
        outputs = self.compute_output_spec(*args, **kwargs)
        symbolic.Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        return symbolic.infer(self.call, args, kwargs)

    def get_config(self):
        return {"name": self.name, **self._given}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    @property
    def input(self):
        leaves = self._inbound_nodes[0].input_tensors
        return leaves[0] if len(leaves) == 1 else leaves

    @property
    def output(self):
        leaves = self._inbound_nodes[0].output_tensors
        return leaves[0] if len(leaves) == 1 else leaves


class StatelessScope:
    """Inside it, assignments to the variables given are undone at the end and can be read by get_current_value

    >>> v = Variable(1.0)
    >>> with StatelessScope([(v, 5.0)]) as scope:
    ...     w = v.assign_add(1.0)
    >>> float(scope.get_current_value(v)), float(v)
    (6.0, 1.0)
    """

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.mapping, self.losses, self._values = list(state_mapping or ()), [], {}

    def __enter__(self):
        import numpy as np
        self._before = [(v, np.array(v.numpy())) for v, _ in self.mapping]
        for v, value in self.mapping:
            v.assign(value)
        return self

    def add_loss(self, loss):
        self.losses.append(loss)

    def get_current_value(self, variable):
        return self._values.get(id(variable), variable)

    def __exit__(self, *_):
        import numpy as np

        from ..core.tensor import Tensor
        for v, before in self._before:
            self._values[id(v)] = Tensor(np.array(v.numpy()))
            v.assign(before)


class SymbolicScope:
    """Accepted: shapes are inferred without it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class RematScope(SymbolicScope):
    """Accepted: a plan keeps what its backward pass reads and recomputes nothing."""

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        self.mode, self.output_size_threshold, self.layer_names = mode, output_size_threshold, layer_names or []


def remat(f):
    """f itself: a plan keeps what its backward pass reads and recomputes nothing."""
    return f


@contextlib.contextmanager
def device(device_name):
    """Accepted for "cpu" and "cpu:0": there is no other device."""
    if not str(device_name).lower().startswith("cpu"):
        raise ValueError(f"fastdl computes on the CPU; there is no device {device_name!r}. Fix: device('cpu:0'), or leave it out.")
    yield
