"""plot_model and model_to_dot: a model's graph as DOT text or as an SVG drawn here, without graphviz."""
from html import escape

from fastdl.utils.summary import _shape, width


def _graph(model):
    """([layer], [(from, to)]): the layers of the model and which feeds which."""
    model = getattr(model, "_functional", None) or model
    layers = list(model.layers)
    known = {id(l): k for k, l in enumerate(layers)}
    edges = []
    for node in getattr(model, "_run_nodes", ()):
        for t in node.input_tensors:
            edge = (known.get(id(t._keras_history[0])), known.get(id(node.operation)))
            if None not in edge and edge not in edges:
                edges.append(edge)
    return layers, edges or ([] if hasattr(model, "_run_nodes") else [(k, k + 1) for k in range(len(layers) - 1)])


def _lines(layer, show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable):
    lines = [f"{layer.name} ({type(layer).__name__})" if show_layer_names else type(layer).__name__]
    if show_layer_activations and getattr(layer, "activation", None) is not None:
        lines.append(f"activation: {getattr(layer.activation, '__name__', layer.activation)}")
    if show_shapes:
        lines.append(f"output shape: {_shape(layer)}")
    if show_dtype:
        lines.append(f"dtype: {layer.dtype}")
    if show_trainable:
        lines.append("trainable" if layer.trainable else "frozen")
    return lines


class Dot(str):
    """DOT text; to_string() returns it, write(path) writes it."""

    def to_string(self):
        return str(self)

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(self)


def model_to_dot(model, show_shapes=False, show_dtype=False, show_layer_names=True, rankdir="TB", expand_nested=False, dpi=200,
                 subgraph=False, show_layer_activations=False, show_trainable=False, **kwargs):
    """The graph in graphviz's language, as text."""
    layers, edges = _graph(model)
    quote = lambda text: text.replace("\\", "\\\\").replace('"', '\\"')
    out = ["digraph G {", f"  rankdir={rankdir};", "  node [shape=box];"]
    for k, layer in enumerate(layers):
        label = "\\n".join(map(quote, _lines(layer, show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)))
        out.append(f'  n{k} [label="{label}"];')
    return Dot("\n".join(out + [f"  n{a} -> n{b};" for a, b in edges] + ["}"]) + "\n")


def plot_model(model, to_file="model.svg", show_shapes=False, show_dtype=False, show_layer_names=True, rankdir="TB", expand_nested=False,
               dpi=200, show_layer_activations=False, show_trainable=False, **kwargs):
    """Draws the layers as boxes, inputs on top, and writes SVG (or DOT for a name that ends in .dot); returns the text."""
    if str(to_file).endswith(".dot"):
        text = model_to_dot(model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, False, show_layer_activations,
                            show_trainable)
    else:
        if not str(to_file).endswith(".svg"):
            raise ValueError(f"plot_model writes .svg and .dot files, not {to_file!r}. Fix: to_file='model.svg'.")
        text = _svg(model, (show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable))
    with open(to_file, "w", encoding="utf-8") as file:
        file.write(text)
    return text


def _svg(model, shows):
    layers, edges = _graph(model)
    boxes = [_lines(layer, *shows) for layer in layers]
    row = [0] * len(layers)
    for _ in layers:                                     # as deep as the longest way from an input
        for a, b in edges:
            row[b] = max(row[b], row[a] + 1)
    wide = 20 + 8 * max([width(line) for box in boxes for line in box] or [1])
    high = 16 + 16 * max(map(len, boxes), default=1)
    column, taken = [], {}
    for r in row:
        column.append(taken.get(r, 0))
        taken[r] = column[-1] + 1
    x = [20 + c * (wide + 30) for c in column]
    y = [20 + r * (high + 34) for r in row]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(x, default=0) + wide + 20}" height="{max(y, default=0) + high + 20}" '
           'font-family="monospace" font-size="13">']
    out += [f'<line x1="{x[a] + wide // 2}" y1="{y[a] + high}" x2="{x[b] + wide // 2}" y2="{y[b]}" stroke="#555"/>' for a, b in edges]
    for k, box in enumerate(boxes):
        out.append(f'<rect x="{x[k]}" y="{y[k]}" width="{wide}" height="{high}" rx="4" fill="#f4f6fa" stroke="#555"/>')
        out += [f'<text x="{x[k] + wide // 2}" y="{y[k] + 20 + 16 * j}" text-anchor="middle">{escape(line)}</text>'
                for j, line in enumerate(box)]
    return "\n".join(out + ["</svg>"]) + "\n"


def get_source_inputs(tensor):
    """The Input tensors that a symbolic tensor is made of."""
    seen, found, todo = set(), [], [tensor]
    while todo:
        t = todo.pop(0)
        if id(t) in seen:
            continue
        seen.add(id(t))
        history = t._keras_history
        parents = history[0]._inbound_nodes[history[1]].input_tensors if history else []
        todo += parents
        if not parents:
            found.append(t)
    return found
