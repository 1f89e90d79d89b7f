"""ONNX: one rule for every primitive that a model's inference may use. Opset 13, which every runtime since 2020 reads, or 17
where there is a LayerNormalization.

The onnx package (extra `onnx`) is imported when a model is exported, onnxruntime when the result is compared.
"""
import math
import re

import numpy as np

from fastdl.errors import missing_extra
from fastdl.export.graph import Size, Writer, moved_axis, to_first

OPSET, IR = 13, {13: 7, 17: 8}                            # and the file version that came with each
FAR = np.iinfo(np.int64).max
LIMIT = (1 << 31) - (1 << 20)                              # bytes that a protobuf can hold

UNARY = dict(neg="Neg", sign="Sign", abs="Abs", sqrt="Sqrt", exp="Exp", log="Log", sin="Sin", cos="Cos", tan="Tan", asin="Asin",
             acos="Acos", atan="Atan", sinh="Sinh", cosh="Cosh", asinh="Asinh", acosh="Acosh", atanh="Atanh", tanh="Tanh",
             sigmoid="Sigmoid", erf="Erf", floor="Floor", ceil="Ceil", round="Round", softplus="Softplus", relu="Relu",
             isnan="IsNaN", isinf="IsInf", logical_not="Not", copy="Identity", stop_gradient="Identity")
BINARY = dict(add="Add", sub="Sub", mul="Mul", div="Div", maximum="Max", minimum="Min", power="Pow", equal="Equal", less="Less",
              less_equal="LessOrEqual", greater="Greater", greater_equal="GreaterOrEqual", logical_and="And", logical_or="Or",
              where="Where")


COMPOSED = """square rsqrt expm1 log1p silu selu hard_sigmoid leaky_relu elu clip gelu scale_add not_equal isfinite cast erfc trunc mod
    remainder floor_divide logaddexp hypot""".split()                      # methods on_<name>: some operations in one order of axes


class Onnx(Writer):
    """The nodes and initializers of one graph."""
    format = "ONNX"
    elementwise = {*UNARY, *BINARY, *COMPOSED}
    varying = dict(reshape=("shape",), broadcast_to=("shape",), fill=("shape",), iota=("n",), conv_input_grad=("shape",), sum_to=("shape",),
                   slice=("start", "stop"), conv=("pads",), max_pool=("pads",), average_pool=("pads",))

    def __init__(self, graph):
        super().__init__(graph)
        import onnx
        self.onnx, self.nodes, self.initializers, self.used, self.pool, self.forms = onnx, [], [], set(), {}, {}
        self.bytes, self.opset, self.users = 0, OPSET, graph.users()

    # ------------------------------------------------------------ nodes and names
    def fresh(self, hint):
        """A name that nothing else has: letters, digits and _ . / - alone."""
        name = base = re.sub(r"[^A-Za-z0-9_./-]+", "_", hint) or "_"
        k = 1
        while name in self.used:
            name, k = f"{base}_{k}", k + 1
        self.used.add(name)
        return name

    def add(self, op, ins, count=1, out=None, **attrs):
        """A node; gives the name of its output, or a list of names."""
        scope = "/".join(n for n, _ in self.step.layers[1:]) if self.step is not None else ""
        outs = [out] if out else [self.fresh(f"{scope}/{op}" if scope else op) for _ in range(count)]
        attrs = {k: v for k, v in attrs.items() if v is not None}
        self.nodes.append(self.onnx.helper.make_node(op, list(ins), outs, name=self.fresh(f"{outs[0]}.node"), **attrs))
        return outs[0] if count == 1 else outs

    def array(self, array, hint="constant"):
        """An initializer; equal small ones are written once."""
        array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else None
        if key is None or key not in self.pool:
            name = self.fresh(hint)
            self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
            self.bytes += array.nbytes
            if key is None:
                return name
            self.pool[key] = name
        return self.pool[key]

    def constant(self, array, like=None):
        return self.array(array, like.path if like is not None and like.path else "constant")

    def ints(self, *values):
        return self.array(np.array(values, "int64"), "sizes")

    def once(self, v, form, make):
        """An initializer that holds a weight in another form, written once however often it is used."""
        if (v, form) not in self.forms:
            self.forms[v, form] = self.constant(np.ascontiguousarray(make()), v)
        return self.forms[v, form]

    def scalar(self, value, like):
        return self.array(np.array(value, like.dtype), "number")

    def turn(self, name, axes, like):
        return self.add("Transpose", [name], perm=list(axes))

    def kind(self, dtype):
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def cast_name(self, name, dtype):
        return self.add("Cast", [name], to=self.kind(dtype))

    # ------------------------------------------------------------ sizes that vary
    def dim(self, v, axis):
        first = self.is_first(v)
        shape = self.add("Shape", [self.first[v] if first else self.get(v)])
        return self.add("Gather", [shape, self.ints(moved_axis(axis, v.ndim) if first else axis)], axis=0)

    def size(self, size):
        """The name of an int64 tensor of one element."""
        if not isinstance(size, Size):
            return self.ints(size)
        name = None
        for v, axis in size.factors:
            one = self.dim(v, axis)
            name = one if name is None else self.add("Mul", [name, one])
        name = name if size.times == 1 else self.add("Mul", [name, self.ints(size.times)])
        return name if size.over == 1 else self.add("Div", [name, self.ints(size.over)])

    def shape(self, shapes, near=(), reshaping=False):
        """The name of a shape, given in every trace."""
        sizes = [self.found(s, near) for s in zip(*shapes)]
        loose = [k for k, s in enumerate(sizes) if isinstance(s, Size)]
        if not loose or len(loose) == 1 and reshaping and 0 not in [s for s in sizes if not isinstance(s, Size)]:
            return self.ints(*[-1 if isinstance(s, Size) else s for s in sizes])
        return self.add("Concat", [self.size(s) for s in sizes], axis=0) if len(sizes) > 1 else self.size(sizes[0])

    # ------------------------------------------------------------ element by element
    def join_elementwise(self, step):
        names, table = self.operands(step)
        out, attrs, dtype = step.outs[0], step.attrs, step.ins[0].dtype
        if step.name in UNARY:
            table[out] = self.add(UNARY[step.name], names)
            return
        if step.name in BINARY:
            if step.name in ("div",) and not dtype.startswith("float"):
                names = [self.cast_name(n, out.dtype) for n in names]
            if step.name == "where" and out.dtype == "bool":
                names = [names[0], *(self.cast_name(n, "int32") for n in names[1:])]
                table[out] = self.cast_name(self.add("Where", names), "bool")
                return
            if dtype == "bool" and step.name in ("add", "mul", "maximum", "minimum"):
                table[out] = self.add({"add": "Or", "maximum": "Or"}.get(step.name, "And"), names)
                return
            table[out] = self.add(BINARY[step.name], names)
            return
        table[out] = getattr(self, f"on_{step.name}")(step.ins[0], *names, **attrs)

    def on_cast(self, v, x, dtype):
        return self.cast_name(x, dtype)

    def on_square(self, v, x):
        return self.add("Mul", [x, x])

    def on_rsqrt(self, v, x):
        return self.add("Reciprocal", [self.add("Sqrt", [x])])

    def on_expm1(self, v, x):
        return self.add("Sub", [self.add("Exp", [x]), self.scalar(1, v)])

    def on_log1p(self, v, x):
        return self.add("Log", [self.add("Add", [x, self.scalar(1, v)])])

    def on_silu(self, v, x):
        return self.add("Mul", [x, self.add("Sigmoid", [x])])

    def on_selu(self, v, x):
        return self.add("Selu", [x], alpha=1.6732632423543772, gamma=1.0507009873554805)

    def on_hard_sigmoid(self, v, x):
        return self.add("HardSigmoid", [x], alpha=1 / 6, beta=0.5)

    def on_leaky_relu(self, v, x, slope=0.2):
        return self.add("LeakyRelu", [x], alpha=float(slope))

    def on_elu(self, v, x, alpha=1.0):
        return self.add("Elu", [x], alpha=float(alpha))

    def on_clip(self, v, x, lo, hi):
        return self.add("Clip", [x, self.scalar(lo, v), self.scalar(hi, v)])

    def on_gelu(self, v, x, approximate=False):
        if approximate:
            cube = self.add("Mul", [self.add("Mul", [x, x]), x])
            inside = self.add("Add", [x, self.add("Mul", [cube, self.scalar(0.044715, v)])])
            bent = self.add("Tanh", [self.add("Mul", [inside, self.scalar(math.sqrt(2 / math.pi), v)])])
        else:
            bent = self.add("Erf", [self.add("Mul", [x, self.scalar(1 / math.sqrt(2), v)])])
        return self.add("Mul", [self.add("Mul", [x, self.scalar(0.5, v)]), self.add("Add", [bent, self.scalar(1, v)])])

    def on_scale_add(self, v, x, y, a):
        return self.add("Add", [self.add("Mul", [x, self.scalar(a, v)]), y])

    def on_not_equal(self, v, x, y):
        return self.add("Not", [self.add("Equal", [x, y])])

    def on_isfinite(self, v, x):
        return self.add("Not", [self.add("Or", [self.add("IsNaN", [x]), self.add("IsInf", [x])])])

    def on_erfc(self, v, x):
        return self.add("Sub", [self.scalar(1, v), self.add("Erf", [x])])

    def on_trunc(self, v, x):
        return self.add("Mul", [self.add("Sign", [x]), self.add("Floor", [self.add("Abs", [x])])])

    def on_mod(self, v, x, y):
        if not v.dtype.startswith("float"):
            return self.add("Mod", [x, y])
        return self.add("Sub", [x, self.add("Mul", [self.add("Floor", [self.add("Div", [x, y])]), y])])

    on_remainder = on_mod

    def on_floor_divide(self, v, x, y):
        if v.dtype.startswith("float"):
            return self.add("Floor", [self.add("Div", [x, y])])
        return self.add("Div", [self.add("Sub", [x, self.add("Mod", [x, y])]), y])

    def on_logaddexp(self, v, x, y):
        top = self.add("Max", [x, y])
        low = self.add("Neg", [self.add("Abs", [self.add("Sub", [x, y])])])
        return self.add("Add", [top, self.on_log1p(v, self.add("Exp", [low]))])

    def on_hypot(self, v, x, y):
        return self.add("Sqrt", [self.add("Add", [self.on_square(v, x), self.on_square(v, y)])])

    def ended(self, name, act):
        return name if act is None else self.add({"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}[act], [name])

    # ------------------------------------------------------------ reductions
    def reduce(self, step, op, x, axis=None, keepdims=False):
        n = x.ndim
        axes = sorted(int(a) % n for a in (range(n) if axis is None else [axis] if isinstance(axis, (int, np.integer)) else axis))
        if not axes:
            self.last[step.outs[0]] = self.add("Identity", [self.get(x)])
            return
        first = n > 2 and self.is_first(x) and (keepdims or axes == list(range(1, n - 1)))
        name = self.first[x] if first else self.get(x)
        if first:
            axes = sorted(moved_axis(a, n) for a in axes)
        logical = step.name in ("any", "all")
        if logical:                                             # what is not zero counts once
            name = self.cast_name(name if x.dtype == "bool" else self.cast_name(name, "bool"), "int32")
        elif x.dtype == "bool":
            name = self.cast_name(name, step.outs[0].dtype)
        if op == "ReduceSum":
            name = self.add(op, [name, self.ints(*axes)], keepdims=int(keepdims))
        else:
            name = self.add(op, [name], axes=axes, keepdims=int(keepdims))
        name = self.cast_name(name, step.outs[0].dtype) if logical else name
        (self.first if first and keepdims else self.last)[step.outs[0]] = name

    def do_argmax(self, step, x, axis=None, op="ArgMax"):
        name = self.get(x) if axis is not None else self.add("Reshape", [self.get(x), self.ints(-1)])
        name = self.add(op, [name], axis=0 if axis is None else int(axis), keepdims=0)
        self.last[step.outs[0]] = self.cast_name(name, "int32")

    def do_argmin(self, step, x, axis=None):
        self.do_argmax(step, x, axis, "ArgMin")

    def do_cumsum(self, step, x, axis):
        self.last[step.outs[0]] = self.add("CumSum", [self.get(x), self.array(np.array(axis, "int64"))])

    def do_sum_to(self, step, x, shape):
        lead = x.ndim - len(shape)
        axes = [k for k in range(x.ndim) if k < lead or shape[k - lead] == 1 and x.shape[k] != 1]
        name = self.add("ReduceSum", [self.get(x), self.ints(*axes)], keepdims=1)
        self.last[step.outs[0]] = self.add("Reshape", [name, self.shape(step.outs[0].shapes, (x,), True)])

    def do_sum_squares(self, step, x):
        self.last[step.outs[0]] = self.add("ReduceSumSquare", [self.get(x)], keepdims=0)

    # ------------------------------------------------------------ places
    def do_reshape(self, step, x, shape):
        self.last[step.outs[0]] = self.add("Reshape", [self.get(x), self.shape(step.outs[0].shapes, (x,), True)])

    def do_transpose(self, step, x, axes):
        n, out = x.ndim, step.outs[0]
        if n > 2 and tuple(a % n for a in axes) == to_first(n) and self.is_first(x):
            self.last[out] = self.first[x]                       # channels second is what was asked for
        elif n > 2 and tuple(a % n for a in axes) == (0, *range(2, n), 1):
            self.first[out] = self.get(x)
        else:
            self.last[out] = self.add("Transpose", [self.get(x)], perm=[int(a) % n for a in axes])

    def do_broadcast_to(self, step, x, shape):
        self.last[step.outs[0]] = self.add("Expand", [self.get(x), self.shape(step.outs[0].shapes, (x,))])

    def do_fill(self, step, value, shape):
        out = step.outs[0]
        self.last[out] = self.add("Expand", [self.array(np.array(value, out.dtype), "number"), self.shape(out.shapes)])

    def do_iota(self, step, n):
        scalar = lambda v: self.array(np.array(v, "int64"), "sizes")
        end = self.add("Reshape", [self.size(self.found([s[0] for s in step.outs[0].shapes])), self.array(np.array([], "int64"), "sizes")])
        self.last[step.outs[0]] = self.cast_name(self.add("Range", [scalar(0), end, scalar(1)]), "int32")

    def do_flip(self, step, x, axes):
        axes = [int(a) % x.ndim for a in axes]
        back, far = [-1] * len(axes), [-FAR] * len(axes)
        self.last[step.outs[0]] = self.add("Slice", [self.get(x), self.ints(*back), self.ints(*far), self.ints(*axes), self.ints(*back)])

    def do_slice(self, node, x, start, stop, step):
        starts, stops = node.varying.get("start", [start] * len(x.shapes)), node.varying.get("stop", [stop] * len(x.shapes))
        rows = []
        for a in range(x.ndim):
            n, b, e, s = x.sizes(a), tuple(t[a] for t in starts), tuple(t[a] for t in stops), step[a]
            if all(v == 0 for v in b) and e == n and s == 1:
                continue
            if e == n and s > 0:
                e = (FAR,) * len(n)
            elif all(v < 0 for v in e) and s < 0:
                e = (-FAR,) * len(n)
            from_end = tuple(v - m for v, m in zip(b, n))          # counted from the end where that is what stays the same
            b = b if len(set(b)) == 1 else from_end if len(set(from_end)) == 1 else b
            past = tuple(v - m for v, m in zip(e, n))
            e = e if len(set(e)) == 1 else past if len(set(past)) == 1 and past[0] < 0 else e
            rows.append((a, self.found(b, (x,)), self.found(e, (x,)), s))
        if not rows:
            self.last[node.outs[0]] = self.get(x)
            return
        axes, begins, ends, strides = zip(*rows)
        first = x.ndim > 2 and self.is_first(x)
        axes = [moved_axis(a, x.ndim) for a in axes] if first else axes
        joined = lambda sizes: self.ints(*sizes) if not any(isinstance(s, Size) for s in sizes) else \
            self.add("Concat", [self.size(s) for s in sizes], axis=0)
        source, table = (self.first[x], self.first) if first else (self.get(x), self.last)
        table[node.outs[0]] = self.add("Slice", [source, joined(begins), joined(ends), self.ints(*axes), self.ints(*strides)])

    def do_pad(self, step, x, paddings, value=0.0):
        first = x.ndim > 2 and self.is_first(x)
        paddings = [paddings[a] for a in to_first(x.ndim)] if first else paddings
        if not value and any(s.name in ("max_pool", "average_pool") for s, _ in self.users.get(step.outs[0], ())):
            value = np.finfo("float32").tiny                    # onnxruntime takes zeros for the pool's own padding, which is none or -inf
        around = [p[0] for p in paddings] + [p[1] for p in paddings]
        ins = [self.first[x] if first else self.get(x), self.ints(*around), self.scalar(value, x)]
        (self.first if first else self.last)[step.outs[0]] = self.add("Pad", ins)

    def do_concat(self, step, *xs, axis):
        out, n = step.outs[0], step.outs[0].ndim
        if n > 2 and any(self.is_first(x) for x in xs):
            self.first[out] = self.add("Concat", [self.get_first(x) for x in xs], axis=moved_axis(axis, n))
        else:
            self.last[out] = self.add("Concat", [self.get(x) for x in xs], axis=int(axis) % n)

    def do_take(self, step, x, idx, axis):
        self.last[step.outs[0]] = self.add("Gather", [self.get(x), self.get(idx)], axis=int(axis))

    def do_take_along(self, step, x, idx, axis):
        self.last[step.outs[0]] = self.add("GatherElements", [self.get(x), self.get(idx)], axis=int(axis))

    def do_one_hot(self, step, idx, depth):
        name = self.add("Equal", [self.add("Unsqueeze", [self.get(idx), self.ints(-1)]), self.array(np.arange(depth, dtype="int32"))])
        self.last[step.outs[0]] = self.cast_name(name, "float32")

    def do_top_k(self, step, x, k):
        values, index = self.add("TopK", [self.get(x), self.ints(k)], 2, axis=-1, largest=1, sorted=1)
        self.last[step.outs[0]], self.last[step.outs[1]] = values, self.cast_name(index, "int32")

    def do_sort(self, step, x, axis):
        count = self.size(self.found(x.sizes(axis), (x,)))
        self.last[step.outs[0]] = self.add("TopK", [self.get(x), count], 2, axis=int(axis), largest=0, sorted=1)[0]

    def do_argsort(self, step, x, axis):
        count = self.size(self.found(x.sizes(axis), (x,)))
        self.last[step.outs[0]] = self.cast_name(self.add("TopK", [self.get(x), count], 2, axis=int(axis), largest=0, sorted=1)[1], "int32")

    def do_pick(self, step, x, label):
        index = self.add("Unsqueeze", [self.get(label), self.ints(-1)])
        self.last[step.outs[0]] = self.add("Squeeze", [self.add("GatherElements", [self.get(x), index], axis=-1), self.ints(-1)])

    # ------------------------------------------------------------ products
    def do_matmul(self, step, x, y, ta=False, tb=False):
        def turned(v, t):
            order = list(range(v.ndim))
            order[-2:] = order[:-3:-1]
            if t and v.known:
                return self.once(v, "turned", lambda: np.swapaxes(v.array, -1, -2))
            return self.add("Transpose", [self.get(v)], perm=order) if t else self.get(v)
        self.last[step.outs[0]] = self.add("MatMul", [turned(x, ta), turned(y, tb)])

    def do_dense(self, step, x, w, b, act=None):
        if x.ndim == 2:
            name = self.add("Gemm", [self.get(x), self.get(w), self.get(b)])
        else:
            name = self.add("Add", [self.add("MatMul", [self.get(x), self.get(w)]), self.get(b)])
        self.last[step.outs[0]] = self.ended(name, act)

    def do_softmax(self, step, x):
        self.last[step.outs[0]] = self.add("Softmax", [self.get(x)], axis=-1)

    def do_log_softmax(self, step, x):
        self.last[step.outs[0]] = self.add("LogSoftmax", [self.get(x)], axis=-1)

    def do_layer_norm(self, step, x, gamma, beta, epsilon):
        self.opset = 17
        self.last[step.outs[0]] = self.add("LayerNormalization", [self.get(x), self.get(gamma), self.get(beta)], axis=-1, epsilon=epsilon)

    # ------------------------------------------------------------ images
    def weights(self, w):
        """[*kernel, in, out] as [out, in, *kernel]."""
        n = w.ndim
        axes = (n - 1, n - 2, *range(n - 2))
        return self.once(w, "conv", lambda: np.transpose(w.array, axes)) if w.known else self.turn(self.get(w), axes, w)

    def windows(self, step, x, kernel, strides, pads, dilation):
        """The pads of a window, or the word for 'the same size, more of it at the end' where they vary with the image."""
        if "pads" not in step.varying:
            return dict(pads=[p[0] for p in pads] + [p[1] for p in pads])
        self.same_padding(step, x, kernel, strides, dilation)
        return dict(auto_pad="SAME_UPPER")

    def do_conv(self, step, x, w, b=None, *, strides, pads, dilation, groups, act=None):
        kernel = w.shape[:-2]
        ins = [self.get_first(x), self.weights(w)] + ([self.get(b)] if b is not None else [])
        name = self.add("Conv", ins, kernel_shape=list(kernel), strides=list(strides), dilations=list(dilation), group=groups,
                        **self.windows(step, x, kernel, strides, pads, dilation))
        self.first[step.outs[0]] = self.ended(name, act)

    def do_conv_input_grad(self, step, g, w, *, shape, strides, pads, dilation, groups):
        kernel, shapes = w.shape[:-2], step.varying.get("shape", [shape] * len(g.shapes))
        full = [tuple((n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(given[1:-1], strides, dilation, kernel)) for given in g.shapes]
        over = {tuple(t - (f - p[0] - p[1]) for t, f, p in zip(target[1:-1], f, pads)) for target, f in zip(shapes, full)}
        if len(over) > 1:
            raise step.refuse("its output's size does not follow from its input's. Fix: give the image a size in Input(shape=...).")
        over, pads = list(over.pop()), [list(p) for p in pads]
        for k, extra in enumerate(over):                        # less than full: cut more at the end
            if extra < 0:
                pads[k][1], over[k] = pads[k][1] - extra, 0
        ends = [e if e >= max(s, d) else 0 for e, s, d in zip(over, strides, dilation)]
        name = self.add("ConvTranspose", [self.get_first(g), self.weights(w)], kernel_shape=list(kernel), strides=list(strides),
                        dilations=list(dilation), group=groups, pads=[p[0] for p in pads] + [p[1] for p in pads],
                        output_padding=[e - z for e, z in zip(over, ends)])
        if any(ends):                                           # pixels that no input reaches
            name = self.add("Pad", [name, self.ints(*[0] * (2 + len(ends) + 2), *ends), self.scalar(0, g)])
        self.first[step.outs[0]] = name

    def pool_op(self, step, op, x, size, strides, pads, **more):
        if all(s == 1 for s in strides) and all(s == 1 for s in size):
            self.first[step.outs[0]] = self.get_first(x)
            return
        self.first[step.outs[0]] = self.add(op, [self.get_first(x)], kernel_shape=list(size), strides=list(strides), **more,
                                            **self.windows(step, x, size, strides, pads, (1,) * len(size)))

    def do_max_pool(self, step, x, size, strides, pads):
        self.pool_op(step, "MaxPool", x, size, strides, pads)

    def do_average_pool(self, step, x, size, strides, pads):
        self.pool_op(step, "AveragePool", x, size, strides, pads, count_include_pad=0)

    def do_norm_apply(self, step, x, mean, var, gamma, beta, epsilon=1e-3, act=None):
        table = self.last if x.ndim == 2 else self.first
        name = self.get(x) if x.ndim == 2 else self.get_first(x)
        name = self.add("BatchNormalization", [name, *[self.get(v) for v in (gamma, beta, mean, var)]], epsilon=float(epsilon))
        table[step.outs[0]] = self.ended(name, act)


for _name, _op in dict(sum="ReduceSum", mean="ReduceMean", max="ReduceMax", min="ReduceMin", prod="ReduceProd", any="ReduceMax",
                       all="ReduceMin").items():
    setattr(Onnx, f"do_{_name}",
            (lambda op: lambda self, step, x, axis=None, keepdims=False: self.reduce(step, op, x, axis, keepdims))(_op))


def write(graph, name):
    """The ONNX model of a graph, checked."""
    try:
        import onnx
    except ImportError:
        raise missing_extra("onnx", "onnx", "Writing an ONNX file") from None
    from fastdl.export.onnx_recurrent import Recurrent
    writer = type("Whole", (Recurrent, Onnx), {})(graph)
    kind = lambda v: writer.kind(v.dtype)
    ends = []
    for v, wanted in zip(graph.inputs, graph.input_names):
        writer.last[v] = writer.fresh(wanted)
        axes = ["batch" if a == 0 else f"size{a}" if len(set(v.sizes(a))) > 1 else None for a in range(v.ndim)]
        ends.append(onnx.helper.make_tensor_value_info(writer.last[v], kind(v), [
            label if len(set(v.sizes(a))) > 1 else v.shape[a] for a, label in enumerate(axes)]))
    names = [writer.fresh(n) for n in graph.output_names]
    writer.run()
    writer.step, outputs = None, []
    for v, wanted in zip(graph.outputs, names):
        writer.add("Identity", [writer.get(v)], out=wanted)
        outputs.append(onnx.helper.make_tensor_value_info(wanted, kind(v), [
            "batch" if a == 0 and len(set(v.sizes(a))) > 1 else None if len(set(v.sizes(a))) > 1 else v.shape[a] for a in range(v.ndim)]))
    if writer.bytes > LIMIT:
        raise writer.graph.steps[0].refuse(f"its weights take {writer.bytes >> 20} MiB; an ONNX file of one piece holds 2047 MiB.")
    import fastdl
    name = re.sub(r"[^A-Za-z0-9_]+", "_", name) or "model"
    made = onnx.helper.make_model(onnx.helper.make_graph(writer.nodes, name, ends, outputs, writer.initializers),
                                  opset_imports=[onnx.helper.make_opsetid("", writer.opset)], ir_version=IR[writer.opset],
                                  producer_name="fastdl", producer_version=fastdl.__version__)
    onnx.checker.check_model(made, full_check=True)
    return made


def compare(data, feeds):
    """Outputs that onnxruntime computes, or None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1       # one batch: threads would cost more than they bring
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: x for i, x in zip(session.get_inputs(), feeds)})
