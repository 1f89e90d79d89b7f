"""PyTorch: the readable source of an nn.Module, and its weights in PyTorch's layouts as a safetensors file.

Names come from layers and end up in source: only letters, digits and _ get there, everything else becomes _.
"""
import keyword
import os
import re

import numpy as np

from fastdl.export.graph import Size, Writer, moved_axis, to_first, to_last
from fastdl.export.torch_layers import Layers

UNARY = {name: f"torch.{name}({{0}})" for name in """sign abs square sqrt rsqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh
    asinh acosh atanh tanh sigmoid erf erfc erfinv lgamma floor ceil round trunc isnan isinf isfinite""".split()}
UNARY.update({name: f"F.{name}({{0}})" for name in ("softplus", "relu", "silu", "selu")})
UNARY.update(neg="-{0}", hard_sigmoid="F.hardsigmoid({0})", logical_not="~{0}", stop_gradient="{0}.detach()")
BINARY = dict(add="{0} + {1}", sub="{0} - {1}", mul="{0} * {1}", div="{0} / {1}", power="{0} ** {1}", equal="{0} == {1}",
              not_equal="{0} != {1}", less="{0} < {1}", less_equal="{0} <= {1}", greater="{0} > {1}", greater_equal="{0} >= {1}",
              logical_and="{0} & {1}", logical_or="{0} | {1}", atan2="torch.atan2({0}, {1})", hypot="torch.hypot({0}, {1})",
              mod="torch.remainder({0}, {1})", remainder="torch.remainder({0}, {1})", fmod="torch.fmod({0}, {1})",
              floor_divide='torch.div({0}, {1}, rounding_mode="floor")', logaddexp="torch.logaddexp({0}, {1})",
              where="torch.where({0}, {1}, {2})")
TENSORS = ("atan2", "logaddexp", "hypot", "where", "fmod")                  # what takes no plain numbers
OWN = set("""torch nn F json self load steps gru_step rnn_step same loop super range reversed list zip max float bytearray int open
    math""".split())
RESERVED = set("""training train eval forward parameters buffers modules children apply to cpu cuda ipu xpu mtia float double half
    bfloat16 type state_dict load_state_dict register_buffer register_parameter register_module add_module zero_grad share_memory
    extra_repr compile to_empty requires_grad_ named_parameters named_modules named_children named_buffers get_submodule set_submodule
    get_parameter get_buffer get_extra_state set_extra_state dump_patches call_super_init T_destination""".split())  # nn.Module's own


def identifier(name, fallback="x"):
    """A Python name of ASCII letters, digits and _, whatever comes in."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", str(name)).strip("_") or fallback
    name = f"{fallback}_{name}" if name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in OWN else name


def number(value):
    """A literal."""
    value = np.asarray(value).item()
    return f'float("{value}")' if isinstance(value, float) and not np.isfinite(value) else repr(value)


class Torch(Layers, Writer):
    """The lines of forward(), the modules of __init__(), and the state dict."""
    format = "PyTorch"
    elementwise = {*UNARY, *BINARY, "maximum", "minimum", "leaky_relu", "elu", "clip", "gelu", "scale_add", "cast"}
    varying = dict(reshape=("shape",), broadcast_to=("shape",), fill=("shape",), iota=("n",), conv_input_grad=("shape",), sum_to=("shape",),
                   slice=("start", "stop"), conv=("pads",), max_pool=("pads",), average_pool=("pads",))

    def __init__(self, graph):
        super().__init__(graph)
        self.lines, self.made, self.state, self.attributes, self.cache = [], [], {}, set(), {}
        self.helpers, self.pending, self.zeros, self.locals, self.said = set(), {}, set(), {}, None
        self.users, self.depth, self.end, self.index = graph.users(), 0, {}, {}
        for k, step in enumerate(graph.steps):
            self.number_steps(step, k)
        self.end.update({v: len(graph.steps) for v in graph.outputs})

    def number_steps(self, step, k):
        """When a value is needed last; what a loop's body takes is needed until the loop ends."""
        self.index[step] = k
        self.end.update({v: k for v in step.ins})
        if step.name == "loop":
            body = step.attrs["body"]
            for inner in body.steps:
                self.number_steps(inner, k)
            self.end.update({v: k for v in body.outs})

    # ------------------------------------------------------------ names
    def layer_name(self):
        return "_".join(n for n, _ in self.step.layers[1:]) or "tensor"

    def attribute(self, hint):
        """A name for self.<name> that nothing else has."""
        name = base = identifier(hint, "layer")
        k = 2
        while name in self.attributes or name in RESERVED:
            name, k = f"{base}_{k}", k + 1
        self.attributes.add(name)
        return name

    def local(self, v, hint=None, before=False):
        """A variable's name: the layer's, anew where the value that had it is not needed any more. `before`: v is needed by this very
        step, so that what the step takes keeps its names too."""
        base = identifier(hint or (self.step.layers[-1][0] if self.step.layers else "x"))
        now = self.index[self.step] - (before or self.depth > 0)
        base += "_now" if self.depth else ""                        # a loop's step has names of its own
        name, k = base, 2
        while any(self.end.get(o, -1) > now for o in self.locals.get(name, ())):
            name, k = f"{base}_{k}", k + 1
        self.locals[name] = [v]
        return name

    def put(self, v, expression, table=None):
        """A line that computes v."""
        self.comment()
        table = self.last if table is None else table
        name = self.local(v)
        table[v] = name
        self.lines.append(f"{name} = {expression}")
        return name

    def alias(self, v, name, table=None):
        (self.last if table is None else table)[v] = name
        self.locals.setdefault(name, []).append(v)

    def comment(self):
        if self.step.layers and self.step.layers != self.said:
            self.said = self.step.layers
            path = "/".join(identifier(n) for n, _ in self.step.layers[1:])
            if path:
                self.lines.append(f"# {path}: {identifier(self.step.layers[-1][1])}")

    # ------------------------------------------------------------ Writer's words
    def get(self, v):
        if v in self.pending:
            self.pending.pop(v)()
        return super().get(v)

    def get_first(self, v):
        if v in self.pending:
            self.pending.pop(v)()
        return super().get_first(v)

    def turn(self, name, axes, like):
        first = axes == to_first(like.ndim)
        self.comment()
        made = self.local(like, f"{name}_{'first' if first else 'last'}", before=True)
        why = "channels first, as PyTorch wants them" if first else "channels last, as they were"
        self.lines.append(f"{made} = {name}.permute({', '.join(map(str, axes))})  # {why}")
        return made

    def constant(self, array, like=None):
        if array.ndim == 0 and (like is None or like.path is None):
            return number(array)
        key = (id(like), array.shape, array.tobytes()) if like is not None else (array.dtype.str, array.shape, array.tobytes())
        if key not in self.cache:
            hint = like.path.rsplit("/", 1)[-1] if like is not None and like.path else "table"
            name = self.attribute(f"{self.layer_name()}_{hint}")
            kind = f"torch.zeros({tuple(array.shape)!r}, dtype=torch.{array.dtype.name})"
            trained = like is not None and like.path and like.trainable and array.dtype.kind == "f"
            self.made.append(f"self.{name} = nn.Parameter({kind})" if trained else f'self.register_buffer("{name}", {kind})')
            self.state[name] = array
            self.cache[key] = f"self.{name}"
        return self.cache[key]

    # ------------------------------------------------------------ sizes that vary
    def size(self, size):
        if not isinstance(size, Size):
            return str(size)
        parts = []
        for v, axis in size.factors:
            first = self.is_first(v)
            parts.append(f"{self.first[v] if first else self.get(v)}.shape[{moved_axis(axis, v.ndim) if first else axis}]")
        text = " * ".join(parts + ([str(size.times)] if size.times != 1 else []))
        return text if size.over == 1 else f"{text} // {size.over}"

    def shape(self, shapes, near=(), reshaping=False):
        sizes = [self.found(s, near) for s in zip(*shapes)]
        loose = [s for s in sizes if isinstance(s, Size)]
        if len(loose) == 1 and reshaping and 0 not in [s for s in sizes if not isinstance(s, Size)]:
            return ", ".join("-1" if isinstance(s, Size) else str(s) for s in sizes)
        return ", ".join(map(self.size, sizes))

    def device(self):
        return f"{self.last[self.graph.inputs[0]]}.device" if self.graph.inputs else '"cpu"'

    # ------------------------------------------------------------ element by element
    def join_elementwise(self, step):
        names, table = self.operands(step)
        self.put(step.outs[0], self.expression(step, names, **step.attrs), table)

    def tensor_of(self, name, dtype):
        if name.isidentifier() or name.startswith("self."):
            return name
        return f"torch.tensor({name}, dtype=torch.{dtype}, device={self.device()})"

    def expression(self, step, names, **attrs):
        name, x = step.name, names[0]
        if name in TENSORS and (name != "where" or step.outs[0].dtype != "float32" or sum(v.known for v in step.ins[1:]) > 1):
            names = [self.tensor_of(n, v.dtype) for n, v in zip(names, step.ins)]
        if name in UNARY:
            return UNARY[name].format(*names)
        if name in BINARY:
            return BINARY[name].format(*(f"({n})" if n.startswith("-") else n for n in names))
        if name in ("maximum", "minimum"):
            plain = [n for n in names if not (n.isidentifier() or n.startswith("self."))]
            if plain:
                other = next(n for n in names if n not in plain)
                return f"torch.clamp({other}, {'min' if name == 'maximum' else 'max'}={plain[0]})"
            return f"torch.{name}({', '.join(names)})"
        if name == "leaky_relu":
            return f"F.leaky_relu({x}, {number(attrs.get('slope', 0.2))})"
        if name == "elu":
            return f"F.elu({x}, {number(attrs.get('alpha', 1.0))})"
        if name == "clip":
            return f"torch.clamp({x}, {number(attrs['lo'])}, {number(attrs['hi'])})"
        if name == "gelu":
            return f'F.gelu({x}, approximate="tanh")' if attrs.get("approximate") else f"F.gelu({x})"
        if name == "scale_add":
            return f"{number(attrs['a'])} * {x} + {names[1]}"
        return f"{x}.to(torch.{attrs['dtype']})"

    def ended(self, expression, act):
        return expression if act is None else UNARY[act].format(expression)

    def do_copy(self, step, x):
        for table in (self.first, self.last):
            if x in table or x.known:
                self.alias(step.outs[0], table[x] if x in table else self.get(x), table)

    # ------------------------------------------------------------ reductions
    def reduce(self, step, name, x, axis=None, keepdims=False):
        n, out = x.ndim, step.outs[0]
        axes = sorted(int(a) % n for a in (range(n) if axis is None else [axis] if isinstance(axis, (int, np.integer)) else axis))
        if not axes:
            self.do_copy(step, x)
            return
        first = n > 2 and self.is_first(x) and (keepdims or axes == list(range(1, n - 1)))
        source = self.first[x] if first else self.get(x)
        axes = sorted(moved_axis(a, n) for a in axes) if first else axes
        table = self.first if first and keepdims else self.last
        if name in ("any", "all", "prod"):                        # one axis a call
            text = source
            for a in reversed(axes):
                text = f"{text}.{name}(dim={a}, keepdim={bool(keepdims)})"
        else:
            dims = axes[0] if len(axes) == 1 else tuple(axes)
            whole = f", dtype=torch.{out.dtype}" if name == "sum" and not out.dtype.startswith("float") else ""
            text = f"{source}.{dict(max='amax', min='amin').get(name, name)}(dim={dims}, keepdim={bool(keepdims)}{whole})"
        self.put(out, text, table)

    def do_argmax(self, step, x, axis=None, name="argmax"):
        self.put(step.outs[0], f"{self.get(x)}.{name}({'' if axis is None else f'dim={int(axis)}'}).to(torch.int32)")

    def do_argmin(self, step, x, axis=None):
        self.do_argmax(step, x, axis, "argmin")

    def do_cumsum(self, step, x, axis):
        self.put(step.outs[0], f"{self.get(x)}.cumsum(dim={int(axis)}, dtype=torch.{x.dtype})")

    def do_cumprod(self, step, x, axis):
        self.put(step.outs[0], f"{self.get(x)}.cumprod(dim={int(axis)}, dtype=torch.{x.dtype})")

    def do_sum_to(self, step, x, shape):
        lead = x.ndim - len(shape)
        axes = tuple(k for k in range(x.ndim) if k < lead or shape[k - lead] == 1 and x.shape[k] != 1)
        source, made = self.get(x), self.shape(step.outs[0].shapes, (x,), True) or "()"
        self.put(step.outs[0], f"{source}.sum(dim={axes}, keepdim=True).reshape({made})")

    def do_sum_squares(self, step, x):
        self.put(step.outs[0], f"torch.square({self.get(x)}).sum()")

    # ------------------------------------------------------------ places
    def do_reshape(self, step, x, shape):
        self.put(step.outs[0], f"{self.tensor_of(self.get(x), x.dtype)}.reshape({self.shape(step.outs[0].shapes, (x,), True) or '()'})")

    def do_transpose(self, step, x, axes):
        n, out = x.ndim, step.outs[0]
        axes = tuple(int(a) % n for a in axes)
        if n > 2 and axes == to_first(n) and self.is_first(x):
            self.alias(out, self.first[x])
        elif n > 2 and axes == to_last(n):
            self.alias(out, self.get(x), self.first)
        else:
            self.put(out, f"{self.get(x)}.permute({', '.join(map(str, axes))})")

    def do_broadcast_to(self, step, x, shape):
        self.put(step.outs[0], f"{self.tensor_of(self.get(x), x.dtype)}.expand({self.shape(step.outs[0].shapes, (x,)) or '()'})")

    def do_fill(self, step, value, shape):
        out = step.outs[0]
        if not value:
            self.zeros.add(out)

        def write():                                               # where nothing but a recurrent layer starts from it, it is not needed
            self.comment()
            self.last[out] = self.local(out, "zeros" if not value else None, before=True)
            how = f"dtype=torch.{out.dtype}, device={self.device()}"
            self.lines.append(f"{self.last[out]} = torch.full(({self.shape(out.shapes)},), {number(value)}, {how})")
        self.pending[out] = write

    def do_iota(self, step, n):
        size = self.size(self.found([s[0] for s in step.outs[0].shapes]))
        self.put(step.outs[0], f"torch.arange({size}, dtype=torch.int32, device={self.device()})")

    def do_flip(self, step, x, axes):
        self.put(step.outs[0], f"{self.get(x)}.flip({tuple(int(a) % x.ndim for a in axes)})")

    def do_slice(self, node, x, start, stop, step):
        starts, stops = node.varying.get("start", [start] * len(x.shapes)), node.varying.get("stop", [stop] * len(x.shapes))
        parts, flipped = [], []
        for a in range(x.ndim):
            n, b, e, s = x.sizes(a), tuple(t[a] for t in starts), tuple(t[a] for t in stops), step[a]
            if s < 0:                                              # PyTorch has no steps backwards: turn the axis round first
                flipped.append(a)
                b, e, s = tuple(m - 1 - v for m, v in zip(n, b)), tuple(m - 1 - v if v >= 0 else m for m, v in zip(n, e)), -s
            low = "" if all(v == 0 for v in b) else None
            high = "" if e == n else None
            end = lambda v: v if len(set(v)) == 1 else tuple(p - m for p, m in zip(v, n)) if len({p - m for p, m in zip(v, n)}) == 1 else v
            low = self.size(self.found(end(b), (x,))) if low is None else low
            high = self.size(self.found(end(e), (x,))) if high is None else high
            parts.append(f"{low}:{high}" + (f":{s}" if s != 1 else ""))
        first = x.ndim > 2 and self.is_first(x) and not flipped
        parts = [parts[a] for a in to_first(x.ndim)] if first else parts
        while parts and parts[-1] == ":":
            parts.pop()
        text = self.first[x] if first else f"{self.get(x)}.flip({tuple(flipped)})" if flipped else self.get(x)
        if parts or flipped:
            self.put(node.outs[0], f"{text}[{', '.join(parts)}]" if parts else text, self.first if first else self.last)
        else:
            self.do_copy(node, x)

    def padding(self, paddings):
        """F.pad's order: the last axis first, axes in front left out where nothing is added."""
        paddings = [tuple(map(int, p)) for p in paddings]
        while paddings and paddings[0] == (0, 0):
            paddings = paddings[1:]
        return tuple(v for p in reversed(paddings) for v in p)

    def do_pad(self, step, x, paddings, value=0.0):
        first = x.ndim > 2 and self.is_first(x)
        paddings = self.padding([paddings[a] for a in to_first(x.ndim)] if first else paddings)
        more = f", value={number(value)}" if value else ""
        self.put(step.outs[0], f"F.pad({self.first[x] if first else self.get(x)}, {paddings}{more})", self.first if first else self.last)

    def do_concat(self, step, *xs, axis):
        out, n = step.outs[0], step.outs[0].ndim
        first = n > 2 and any(self.is_first(x) for x in xs)
        names = [self.get_first(x) if first else self.get(x) for x in xs]
        dim = moved_axis(axis, n) if first else int(axis) % n
        self.put(out, f"torch.cat([{', '.join(names)}], dim={dim})", self.first if first else self.last)

    def do_take(self, step, x, idx, axis):
        axis = int(axis) % x.ndim
        if axis == 0 and x.ndim == 2 and x.known and x.path and self.own(x, step, 0):
            name = self.module("Embedding", (x,), f"{x.shape[0]}, {x.shape[1]}", lambda: dict(weight=x.array))
            self.put(step.outs[0], f"{name}({self.get(idx)})")
            return
        where = self.get(idx) if not idx.known or idx.ndim else number(idx.array)
        self.put(step.outs[0], f"{self.get(x)}[{':, ' * axis}{where}{'.long()' if not idx.known or idx.ndim else ''}]")

    def do_take_along(self, step, x, idx, axis):
        self.put(step.outs[0], f"torch.take_along_dim({self.get(x)}, {self.get(idx)}.long(), dim={int(axis)})")

    def do_pick(self, step, x, label):
        self.put(step.outs[0], f"{self.get(x)}.gather(-1, {self.get(label)}.long().unsqueeze(-1)).squeeze(-1)")

    def do_one_hot(self, step, idx, depth):
        self.put(step.outs[0], f"({self.get(idx)}.unsqueeze(-1) == torch.arange({int(depth)}, device={self.device()})).float()")

    def do_top_k(self, step, x, k):
        self.comment()
        a, b = (self.local(v, h) for v, h in zip(step.outs, ("values", "indices")))
        self.last[step.outs[0]], self.last[step.outs[1]] = a, b
        self.lines += [f"{a}, {b} = torch.topk({self.get(x)}, {int(k)})", f"{b} = {b}.to(torch.int32)"]

    def do_sort(self, step, x, axis):
        self.put(step.outs[0], f"torch.sort({self.get(x)}, dim={int(axis)}, stable=True)[0]")

    def do_argsort(self, step, x, axis):
        self.put(step.outs[0], f"torch.sort({self.get(x)}, dim={int(axis)}, stable=True)[1].to(torch.int32)")

    def do_softmax(self, step, x):
        self.put(step.outs[0], f"F.softmax({self.get(x)}, dim=-1)")

    def do_log_softmax(self, step, x):
        self.put(step.outs[0], f"F.log_softmax({self.get(x)}, dim=-1)")


for _name in ("sum", "mean", "max", "min", "prod", "any", "all"):
    setattr(Torch, f"do_{_name}",
            (lambda name: lambda self, step, x, axis=None, keepdims=False: self.reduce(step, name, x, axis, keepdims))(_name))

HELPERS = {
    "same": '''
def same(x, kernel, strides, dilation, value=0.0):
    """x padded so that windows begin at every stride-th pixel; of an odd number of pixels, more at the end."""
    pads = []
    for n, k, s, d in zip(reversed(x.shape[2:]), reversed(kernel), reversed(strides), reversed(dilation)):
        total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)
''',
    "steps": '''
def steps(cell, x, states, mask=None, reverse=False):
    """cell(x_t, states) along axis 1; where mask is False, the states and the output are carried on."""
    outputs, last = [], torch.zeros_like(states[0])
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        new = cell(x[:, t], *states)
        if mask is not None:
            keep = mask[:, t, None]
            states, last = [torch.where(keep, a, b) for a, b in zip(new, states)], torch.where(keep, new[0], last)
        else:
            states, last = new, new[0]
        outputs.append(last)
    return (torch.stack(outputs, 1), *states)
''',
    "loop": '''
def loop(step, xs, states, count, reverse=False):
    """step(*x_t, *states) along axis 1 -> new states; the last `count` of them are its output too."""
    outputs = []
    for t in reversed(range(xs[0].shape[1])) if reverse else range(xs[0].shape[1]):
        states = step(*[x[:, t] for x in xs], *states)
        outputs.append(states[-count:])
    return (*[torch.stack(y, 1) for y in zip(*outputs)], *states)
''',
    "gru_step": '''
def gru_step(x, h, weight, recurrent, bias):
    """A GRU that resets the state before its product (nn.GRU does it after); gates z, r, g."""
    (z, r, g), n = (x @ weight + bias).chunk(3, -1), h.shape[1]
    a, b = (h @ recurrent[:, :2 * n]).chunk(2, -1)
    z, r = torch.sigmoid(z + a), torch.sigmoid(r + b)
    return (z * h + (1 - z) * torch.tanh(g + (r * h) @ recurrent[:, 2 * n:]),)
''',
    "rnn_step": '''
def rnn_step(x, h, weight, recurrent, bias):
    """A recurrent step without an activation."""
    return (x @ weight + h @ recurrent + bias,)
'''}

LOAD = '''
def load(path):
    """The model with the weights of a safetensors file."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    start = 8 + int.from_bytes(data[:8], "little")
    kinds = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "I64": torch.int64, "I32": torch.int32,
             "BOOL": torch.bool, "U8": torch.uint8}
    state = {}
    for name, about in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = about["data_offsets"]
            values = torch.frombuffer(data[start + first:start + last], dtype=kinds[about["dtype"]]) if last > first else torch.zeros(0)
            state[name] = values.reshape(about["shape"])
    model = MODEL()
    model.load_state_dict(state)
    return model.eval()
'''


def write(graph, name, path):
    """The source, the state dict, and what to say about both."""
    writer = Torch(graph)
    arguments = []
    for v, wanted in zip(graph.inputs, graph.input_names):
        base = given = identifier(wanted)
        k = 2
        while given in arguments:
            given, k = f"{base}_{k}", k + 1
        arguments.append(given)
        writer.last[v] = given
        writer.locals[given] = [v]
    writer.end.update({v: len(graph.steps) for v in graph.inputs})        # asked for their sizes anywhere
    writer.run()
    shapes = [f"{a} {tuple(None if len(set(s)) > 1 else s[0] for s in zip(*v.shapes))}" for a, v in zip(arguments, graph.inputs)]
    outs = [writer.tensor_of(writer.get(v), v.dtype) for v in graph.outputs]
    klass = "".join(p[:1].upper() + p[1:] for p in identifier(name, "model").split("_"))
    klass = identifier(klass, "Model")
    file = re.sub(r"[^A-Za-z0-9_. -]+", "_", os.path.basename(weights_path(path)))
    body = [f"return {outs[0]}" if len(outs) == 1 else f"return {', '.join(outs)}"]
    lines = [f'"""{klass}: written by fastdl. Its inputs and outputs are laid out as in fastdl: batch first, channels last.',
             "", f'load("{file}") gives the model with its weights. What only training does (dropout) is left out.', '"""']
    lines += ["import json", "", "import torch", "import torch.nn.functional as F", "from torch import nn", "", "",
              f"class {klass}(nn.Module):", f'    """{"; ".join(shapes)}"""', "    def __init__(self):", "        super().__init__()"]
    lines += [f"        {line}" for line in writer.made] + ["", f"    def forward(self, {', '.join(arguments)}):"]
    lines += [f"        {line}" for line in writer.lines + body] + [""]
    text = "\n".join(lines) + "".join(f"\n{HELPERS[h]}" for h in HELPERS if h in writer.helpers) + "\n" + LOAD.replace("MODEL", klass)
    said = f"{source_path(path)}: {len(writer.made)} modules and tensors, {len(writer.lines)} lines of forward()"
    return text, writer.state, klass, said


def source_path(path):
    return path if path.lower().endswith(".py") else os.path.join(path, "model.py")


def weights_path(path):
    return path[:-3] + ".safetensors" if path.lower().endswith(".py") else os.path.join(path, "model.safetensors")


def compare(source, state, klass, feeds):
    """Outputs that PyTorch computes, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    module = {"__name__": "exported"}
    exec(compile(source, "<exported model>", "exec"), module)             # the text made above, where no name of a file is code
    model = module[klass]()
    model.load_state_dict({k: torch.from_numpy(np.array(a)) for k, a in state.items()})
    with torch.no_grad():
        outs = model.eval()(*[torch.from_numpy(np.array(x)) for x in feeds])
    return [y.numpy() for y in (outs if isinstance(outs, tuple) else (outs,))]
