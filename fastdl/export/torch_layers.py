"""Primitives that PyTorch has modules for: Linear, Conv, BatchNorm, LSTM, ...; weights are turned into its layouts.

A weight becomes part of a module where every use of it is the same; one that is shared otherwise stays a Parameter.
"""
import numpy as np

from fastdl.export.onnx_recurrent import gates


class Layers:
    def own(self, v, step, place):
        """Whether all uses of a weight are of this kind, with the same partners."""
        partners = lambda s: [w for w in s.ins if w.known and w.path]
        return all(s.name == step.name and p == place and partners(s) == partners(step) for s, p in self.users.get(v, ()))

    def module(self, kind, values, arguments, weights):
        """self.<layer>, a module made once for these weights; `weights()` gives its part of the state dict."""
        key = (kind, arguments, *map(id, values))
        if key not in self.cache:
            name = self.attribute(self.layer_name())
            self.made.append(f"self.{name} = nn.{kind}({arguments})")
            self.state.update({f"{name}.{k}": np.ascontiguousarray(a) if np.ndim(a) else np.asarray(a) for k, a in weights().items()})
            self.cache[key] = f"self.{name}"
        return self.cache[key]

    # ------------------------------------------------------------ products
    def do_matmul(self, step, x, y, ta=False, tb=False):
        if y.known and y.path and y.ndim == 2 and not ta and not tb and self.own(y, step, 1):
            name = self.module("Linear", (y,), f"{y.shape[0]}, {y.shape[1]}, bias=False", lambda: dict(weight=y.array.T))
            self.put(step.outs[0], f"{name}({self.get(x)})")
            return
        turned = lambda v, t: f"{self.get(v)}{'.transpose(-1, -2)' if t else ''}"
        self.put(step.outs[0], f"{turned(x, ta)} @ {turned(y, tb)}")

    def do_dense(self, step, x, w, b, act=None):
        if w.path and b.path and self.own(w, step, 1) and self.own(b, step, 2):
            name = self.module("Linear", (w, b), f"{w.shape[0]}, {w.shape[1]}", lambda: dict(weight=w.array.T, bias=b.array))
            self.put(step.outs[0], self.ended(f"{name}({self.get(x)})", act))
        else:
            self.put(step.outs[0], self.ended(f"{self.get(x)} @ {self.get(w)} + {self.get(b)}", act))

    def do_layer_norm(self, step, x, gamma, beta, epsilon):
        if gamma.path and beta.path and self.own(gamma, step, 1) and self.own(beta, step, 2):
            name = self.module("LayerNorm", (gamma, beta), f"{gamma.shape[0]}, eps={epsilon!r}",
                               lambda: dict(weight=gamma.array, bias=beta.array))
            self.put(step.outs[0], f"{name}({self.get(x)})")
        else:
            source, scale, shift = (self.get(t) for t in (x, gamma, beta))
            self.put(step.outs[0], f"F.layer_norm({source}, ({gamma.shape[0]},), {scale}, {shift}, eps={epsilon!r})")

    # ------------------------------------------------------------ images
    def weight_axes(self, w):
        return (w.ndim - 1, w.ndim - 2, *range(w.ndim - 2))

    def one(self, values):
        """A tuple's text, or the one number that all are."""
        values = tuple(int(v) for v in values)
        return str(values[0]) if len(set(values)) == 1 else str(values)

    def padded(self, step, x, size, strides, pads, dilation, value=""):
        """x with pads around, and the padding that the module itself does: the same on both sides."""
        name = self.get_first(x)
        if "pads" in step.varying:
            self.same_padding(step, x, size, strides, dilation)
            self.helpers.add("same")
            return f"same({name}, {tuple(size)}, {tuple(strides)}, {tuple(dilation)}{value})", (0,) * len(pads)
        if all(a == b and (not value or 2 * a <= k) for (a, b), k in zip(pads, size)):
            return name, tuple(a for a, _ in pads)
        return f"F.pad({name}, {self.padding(pads)}{value})", (0,) * len(pads)

    def do_conv(self, step, x, w, b=None, *, strides, pads, dilation, groups, act=None):
        n, axes = len(strides), self.weight_axes(w)
        source, inside = self.padded(step, x, w.shape[:-2], strides, pads, dilation)
        how = dict(stride=strides, padding=inside, dilation=dilation, groups=(groups,))
        how = "".join(f", {k}={self.one(v)}" for k, v in how.items() if set(v) != {0 if k == "padding" else 1})
        if w.known and w.path and self.own(w, step, 1) and (b is None or b.path and self.own(b, step, 2)):
            arguments = f"{x.shape[-1]}, {w.shape[-1]}, {self.one(w.shape[:-2])}{how}" + ("" if b is not None else ", bias=False")
            state = lambda: dict(weight=np.transpose(w.array, axes), **(dict(bias=b.array) if b is not None else {}))
            text = f"{self.module(f'Conv{n}d', (w, *([b] if b is not None else [])), arguments, state)}({source})"
        else:
            text = f"F.conv{n}d({source}, {self.get(w)}.permute{axes}, {self.get(b) if b is not None else None}{how})"
        self.put(step.outs[0], self.ended(text, act), self.first)

    def do_conv_input_grad(self, step, g, w, *, shape, strides, pads, dilation, groups):
        n, axes, kernel = len(strides), self.weight_axes(w), w.shape[:-2]
        shapes = step.varying.get("shape", [shape] * len(g.shapes))
        over = {tuple(t - ((m - 1) * s + d * (k - 1) + 1) + sum(p)
                      for t, m, s, d, k, p in zip(target[1:-1], given[1:-1], strides, dilation, kernel, pads))
                for target, given in zip(shapes, g.shapes)}
        if len(over) > 1:
            raise step.refuse("its output's size does not follow from its input's. Fix: give the image a size in Input(shape=...).")
        cut = [(-p[0], e - p[1]) for p, e in zip(pads, over.pop())]               # what is left of the whole product, or added to it
        same = all(a == b <= 0 for a, b in cut)
        how = dict(stride=strides, padding=[-a for a, _ in cut] if same else [0] * n, dilation=dilation, groups=(groups,))
        how = "".join(f", {k}={self.one(v)}" for k, v in how.items() if set(v) != {0 if k == "padding" else 1})
        if w.known and w.path and self.own(w, step, 1):
            name = self.module(f"ConvTranspose{n}d", (w,), f"{g.shape[-1]}, {w.shape[-2] * groups}, {self.one(kernel)}{how}, bias=False",
                               lambda: dict(weight=np.transpose(w.array, axes)))
            text = f"{name}({self.get_first(g)})"
        else:
            text = f"F.conv_transpose{n}d({self.get_first(g)}, {self.get(w)}.permute{axes}{how})"
        self.put(step.outs[0], text if same else f"F.pad({text}, {self.padding(cut)})", self.first)

    def do_max_pool(self, step, x, size, strides, pads):
        source, inside = self.padded(step, x, size, strides, pads, (1,) * len(size), value=', value=float("-inf")')
        more = f", padding={self.one(inside)}" if any(inside) else ""
        self.put(step.outs[0], f"F.max_pool{len(size)}d({source}, {self.one(size)}, {self.one(strides)}{more})", self.first)

    def do_average_pool(self, step, x, size, strides, pads):
        n, how = len(size), f"{self.one(size)}, {self.one(strides)}"
        if "pads" not in step.varying and all(a == b and 2 * a <= k for (a, b), k in zip(pads, size)):
            more = f", padding={self.one([a for a, _ in pads])}, count_include_pad=False" if any(a for a, _ in pads) else ""
            self.put(step.outs[0], f"F.avg_pool{n}d({self.get_first(x)}, {how}{more})", self.first)
            return
        source, _ = self.padded(step, x, size, strides, pads, (1,) * n, value=", value=0.0")
        name = self.get_first(x)                                                  # the share of each window that is no padding divides
        ones = source.replace(f"({name},", f"(torch.ones_like({name}),", 1)
        self.put(step.outs[0], f"F.avg_pool{n}d({source}, {how}) / F.avg_pool{n}d({ones}, {how})", self.first)

    def do_norm_apply(self, step, x, mean, var, gamma, beta, epsilon=1e-3, act=None):
        table = self.last if x.ndim == 2 else self.first
        source = self.get(x) if x.ndim == 2 else self.get_first(x)
        parts, kind = (gamma, beta, mean, var), {2: "1d", 3: "1d", 4: "2d", 5: "3d"}.get(x.ndim)
        if kind and all(v.known for v in parts) and mean.path and all(self.own(v, step, k) for v, k in ((mean, 1), (var, 2))):
            state = lambda: dict(weight=gamma.array, bias=beta.array, running_mean=mean.array, running_var=var.array,
                                 num_batches_tracked=np.array(0))
            text = f"{self.module(f'BatchNorm{kind}', parts, f'{mean.shape[0]}, eps={float(epsilon)!r}, momentum=0.01', state)}({source})"
        else:
            g, b, m, v = (self.get(t) for t in parts)
            text = f"F.batch_norm({source}, {m}, {v}, {g}, {b}, eps={float(epsilon)!r})"
        self.put(step.outs[0], self.ended(text, act), table)

    # ------------------------------------------------------------ recurrent
    def write_loop(self, step, xs, states, body, reverse):
        self.comment()
        self.helpers.add("loop")
        inside = {v for block in self.blocks_of(body) for s in block.steps for v in s.ins} | set(body.outs)
        for v in inside & set(self.pending):
            self.get(v)
        sources, starts = [self.get(v) for v in xs], [self.get(v) for v in states]
        name, outer, self.lines = self.attribute(f"{self.layer_name()}_step"), self.lines, []
        self.depth += 1
        for k, v in enumerate(body.ins):
            self.last[v] = self.local(v, "now" if k < len(xs) else "state")
        arguments = [self.last[v] for v in body.ins]
        self.run_steps(body.steps)
        self.step = step
        self.lines.append(f"return {', '.join(self.tensor_of(self.get(v), v.dtype) for v in body.outs)},")
        self.depth -= 1
        outer += [f"def {name}({', '.join(arguments)}):", *[f"    {line}" for line in self.lines]]
        self.lines = outer
        n = len(step.outs) - len(states)
        wanted = lambda v: v in self.users or v in self.graph.ends()
        names = [self.local(v, "sequence" if k < n else "state") if wanted(v) else "_" for k, v in enumerate(step.outs)]
        self.last.update(zip(step.outs, names))
        self.lines.append(f"{', '.join(names)} = loop({name}, [{', '.join(sources)}], [{', '.join(starts)}], {n}, reverse={bool(reverse)})")

    def blocks_of(self, body):
        todo = [body]
        for block in todo:
            yield block
            todo += [s.attrs["body"] for s in block.steps if s.name == "loop"]

    def do_lstm_sequence(self, step, x, h0, c0, w, u, b, *more, reverse=False, keep=True):
        self.sequence(step, "LSTM", x, [h0, c0], w, u, b, more, reverse, (0, 1, 2, 3))

    def do_gru_sequence(self, step, x, h0, w, u, b, *more, reset_after=True, reverse=False, keep=True):
        self.sequence(step, "GRU" if reset_after else "gru_step", x, [h0], w, u, b, more, reverse, (1, 0, 2))     # z r g -> r z n

    def do_simple_rnn_sequence(self, step, x, h0, w, u, b, *more, act="tanh", reverse=False):
        extra = ', nonlinearity="relu"' if act == "relu" else ""
        self.sequence(step, "RNN" if act else "rnn_step", x, [h0], w, u, b, more, reverse, (0,), extra)

    def sequence(self, step, kind, x, states, w, u, b, more, reverse, order, extra=""):
        if any(v.dtype != "bool" for v in more):
            raise step.refuse("it drops parts of its state, which only training does. Fix: export the model as it predicts, "
                              "training=False.")
        source, mask = self.get(x), self.get(more[0]) if more else None
        start = [None if s in self.zeros and not (mask or kind.endswith("_step")) else self.get(s) for s in states]
        outs = [step.outs[0], *step.outs[1:1 + len(states)]]
        if kind.endswith("_step"):
            self.helpers |= {kind, "steps"}
            weights = ", ".join(self.get(v) for v in (w, u, b))
            cell = f"lambda x, h: {kind}(x, h, {weights})"
        else:
            if not all(v.known for v in (w, u, b)):
                raise step.refuse("its weights are computed by other layers, which PyTorch's recurrent modules do not take.")
            bias, second = (b.array[0], b.array[1]) if b.ndim == 2 else (b.array, np.zeros_like(b.array))
            values = dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (
                gates(w.array, order).T, gates(u.array, order).T, gates(bias, order), gates(second, order))))
            tail = "" if mask else "_l0"
            order_of_axes = "" if mask else ", batch_first=True"
            name = self.module(f"{kind}Cell" if mask else kind, (w, u, b), f"{w.shape[0]}, {u.shape[0]}{order_of_axes}{extra}",
                               lambda: {f"{k}{tail}": a for k, a in values.items()})
            cell = f"lambda x, h, c: {name}(x, (h, c))" if kind == "LSTM" else f"lambda x, h: ({name}(x, h),)"
        self.comment()
        if mask or kind.endswith("_step"):
            self.helpers.add("steps")
            names = [self.local(v, h) for v, h in zip(outs, ("sequence", "h", "c"))]
            self.lines.append(f"{', '.join(names)} = steps({cell}, {source}, [{', '.join(start)}], mask={mask}, reverse={bool(reverse)})")
            self.last.update(zip(outs, names))
            return
        source = f"{source}.flip(1)" if reverse else source                       # outputs stay in the order of the steps
        if start[0] is not None:
            first = [f"{s}[None]" for s in (self.get(v) for v in states)]
            source += f", ({', '.join(first)})" if kind == "LSTM" else f", {first[0]}"
        names = [self.local(v, h) for v, h in zip(outs, ("sequence", "h", "c"))]
        self.last.update(zip(outs, names))
        ends = f"({names[1]}, {names[2]})" if kind == "LSTM" else names[1]
        self.lines.append(f"{names[0]}, {ends} = {name}({source})")
        self.lines += [f"{n} = {n}[0]" for n, v in zip(names[1:], outs[1:]) if v in self.users or v in self.graph.ends()]
