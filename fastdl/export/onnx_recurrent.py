"""Recurrent primitives in ONNX: the LSTM, GRU and RNN operators, and a Scan over the cell where steps are masked.

A mask may be false anywhere in a sequence, which sequence_lens of those operators cannot say; the Scan says it exactly.
"""
import numpy as np


def gates(a, order, axis=-1):
    """The blocks of an array along an axis, in another order."""
    parts = np.split(a, len(order), axis=axis)
    return np.concatenate([parts[k] for k in order], axis=axis)


class Recurrent:
    def do_lstm_sequence(self, step, x, h0, c0, w, u, b, *more, reverse=False, keep=True):
        self.sequence(step, "LSTM", x, [h0, c0], w, u, b, more, reverse, (0, 3, 1, 2))         # i f g o -> i o f g

    def do_gru_sequence(self, step, x, h0, w, u, b, *more, reset_after=True, reverse=False, keep=True):
        self.sequence(step, "GRU", x, [h0], w, u, b, more, reverse, (0, 1, 2), linear_before_reset=int(reset_after))

    def do_simple_rnn_sequence(self, step, x, h0, w, u, b, *more, act="tanh", reverse=False):
        self.sequence(step, "RNN", x, [h0], w, u, b, more, reverse, (0,),
                      activations=[{None: "Affine", "relu": "Relu", "tanh": "Tanh"}[act]], activation_alpha=[1.0] if act is None else None)

    def sequence(self, step, op, x, states, w, u, b, more, reverse, order, **attrs):
        if not all(v.known for v in (w, u, b)):
            raise step.refuse("its weights are computed by other layers, which the ONNX operators of recurrent layers do not take.")
        if any(v.dtype != "bool" for v in more):
            raise step.refuse("it drops parts of its state, which only training does. Fix: export the model as it predicts, "
                              "training=False.")
        units, both = u.shape[0], np.zeros_like(b.array)
        bias, second = (b.array[0], b.array[1]) if b.array.ndim == 2 else (b.array, both)
        biases = np.concatenate([gates(bias, order), gates(second, order)])[None]
        if more:
            self.masked(step, op, x, states, w, u, bias, second, more[0], reverse, attrs)
            return
        turned = self.add("Transpose", [self.get(x)], perm=[1, 0, 2])
        if reverse:                                             # the outputs come in the order of the steps
            turned = self.add("Slice", [turned, self.ints(-1), self.ints(-(2 ** 62)), self.ints(0), self.ints(-1)])
        starts = [self.add("Unsqueeze", [self.get(s), self.ints(0)]) for s in states]
        weights = [self.once(v, op, lambda v=v: gates(v.array, order).T[None]) for v in (w, u)]
        ins = [turned, *weights, self.array(biases, b.path or "bias"), "", *starts]
        hs, *last = self.add(op, ins, 1 + len(states), hidden_size=units, **attrs)
        if step.outs[0] in self.graph.ends() or step.outs[0] in self.users:
            self.last[step.outs[0]] = self.add("Transpose", [self.add("Squeeze", [hs, self.ints(1)])], perm=[1, 0, 2])
        for name, v in zip(last, step.outs[1:]):
            self.last[v] = self.add("Squeeze", [name, self.ints(0)])

    # ------------------------------------------------------------ loops
    def write_loop(self, step, xs, states, body, reverse):
        onnx, count = self.onnx, len(states)
        outer_ins = [self.get(v) for v in (*states, *xs)]
        inner_ins = [*body.ins[len(xs):], *body.ins[:len(xs)]]
        outer, self.nodes = self.nodes, []
        for v in inner_ins:
            self.last[v] = self.fresh("step")
        value = lambda name, v: onnx.helper.make_tensor_value_info(name, self.kind(v.dtype), [None] * v.ndim)
        before = [value(self.last[v], v) for v in inner_ins]
        self.run_steps(body.steps)
        self.step = step
        ys = body.outs[-(len(step.outs) - count):]
        after = [value(self.add("Identity", [self.get(v)]), v) for v in (*body.outs, *ys)]
        graph = onnx.helper.make_graph(self.nodes, "step", before, after)
        self.nodes = outer
        found = self.add("Scan", outer_ins, count + len(ys), body=graph, num_scan_inputs=len(xs), scan_input_axes=[1] * len(xs),
                         scan_output_axes=[1] * len(ys), scan_input_directions=[int(reverse)] * len(xs))
        self.last.update(zip(step.outs, [*found[count:], *found[:count]]))

    # ------------------------------------------------------------ masks
    def masked(self, step, op, x, states, w, u, bias, second, mask, reverse, attrs):
        """Scan: (states, last output) and (x_t W + b, mask_t) give new ones; a masked step carries both on."""
        onnx, H, T = self.onnx, u.shape[0], x.dtype
        product = self.add("Add", [self.add("MatMul", [self.get(x), self.get(w)]), self.array(bias, "bias")])
        wide = self.add("Unsqueeze", [self.get(mask), self.ints(2)])
        outer, self.nodes = self.nodes, []
        before = [self.fresh("state") for _ in states] + [self.fresh("output")]
        now, seen = self.fresh("now"), self.fresh("seen")
        new = getattr(self, f"_{op.lower()}_cell")(now, before[:-1], u, second, x, attrs)
        new = [self.add("Where", [seen, a, b], out=self.fresh("carried")) for a, b in zip([*new, new[0]], before)]
        shown = self.add("Identity", [new[-1]])
        value = lambda name, kind, n: onnx.helper.make_tensor_value_info(name, self.kind(kind), [None, n])
        gate = product, w.shape[1]
        body = onnx.helper.make_graph(
            self.nodes, "step", [*[value(n, T, H) for n in before], value(now, T, gate[1]), value(seen, "bool", 1)],
            [*[value(n, T, H) for n in new], value(shown, T, H)])
        self.nodes = outer
        nothing = self.add("Mul", [self.get(states[0]), self.scalar(0, x)])
        found = self.add("Scan", [*[self.get(s) for s in states], nothing, product, wide], len(states) + 2, body=body, num_scan_inputs=2,
                         scan_input_axes=[1, 1], scan_output_axes=[1], scan_input_directions=[int(reverse)] * 2)
        self.last[step.outs[0]] = found[-1]
        for name, v in zip(found, step.outs[1:1 + len(states)]):
            self.last[v] = name

    def _split(self, name, count):
        return self.add("Split", [name], count, axis=-1)

    def _lstm_cell(self, now, states, u, second, x, attrs):
        h, c = states
        z = self.add("Add", [now, self.add("MatMul", [h, self.get(u)])])
        i, f, g, o = self._split(z, 4)
        i, f, o = (self.add("Sigmoid", [v]) for v in (i, f, o))
        c = self.add("Add", [self.add("Mul", [f, c]), self.add("Mul", [i, self.add("Tanh", [g])])])
        return [self.add("Mul", [o, self.add("Tanh", [c])]), c]

    def _gru_cell(self, now, states, u, second, x, attrs):
        h, = states
        H = u.shape[0]
        xz, xr, xg = self._split(now, 3)
        u2, ug = self.once(u, "zr", lambda: u.array[:, :2 * H]), self.once(u, "g", lambda: u.array[:, 2 * H:])
        hz, hr = self._split(self.add("Add", [self.add("MatMul", [h, u2]), self.array(second[:2 * H], "bias")]), 2)
        z, r = self.add("Sigmoid", [self.add("Add", [xz, hz])]), self.add("Sigmoid", [self.add("Add", [xr, hr])])
        if attrs["linear_before_reset"]:
            p = self.add("Mul", [r, self.add("Add", [self.add("MatMul", [h, ug]), self.array(second[2 * H:], "bias")])])
        else:
            p = self.add("MatMul", [self.add("Mul", [r, h]), ug])
        g = self.add("Tanh", [self.add("Add", [xg, p])])
        return [self.add("Add", [self.add("Mul", [z, self.add("Sub", [h, g])]), g])]

    def _rnn_cell(self, now, states, u, second, x, attrs):
        z = self.add("Add", [now, self.add("MatMul", [states[0], self.get(u)])])
        act = attrs["activations"][0]
        return [z if act == "Affine" else self.add(act, [z])]
