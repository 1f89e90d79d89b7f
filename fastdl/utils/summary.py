"""model.summary(): the table of layers, with columns that stay straight beside CJK names."""
import unicodedata


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text, n, right=False):
    """`text` in exactly n terminal cells."""
    if width(text) > n:
        out = ""
        for c in text:
            if width(out + c) > n - 1:
                break
            out += c
        text = out + "…"
    pad = " " * (n - width(text))
    return pad + text if right else text + pad


def human_size(n):
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1024 or unit == "GB":
            return f"{n:.2f} {unit}"
        n /= 1024


def _shape(layer):
    try:
        s = getattr(layer, "batch_shape", None) or layer.output_shape
    except AttributeError:                    # never on a graph: what its first call on data gave
        s = layer.__dict__.get("_seen_output_shape", "?")
    if isinstance(s, str):
        return s
    if isinstance(s, dict):
        return ", ".join(f"{k}: {v}" for k, v in s.items())
    if isinstance(s, list):
        return ", ".join(str(v) for v in s)
    return str(tuple(s))


def _count(weights):
    return sum(int(w.size) for w in weights), sum(int(w.size) * max(1, int(w._a.itemsize) if getattr(w, "_a", None) is not None else 4)
                                                  for w in weights)


def print_summary(model, line_length=None, positions=None, print_fn=None, expand_nested=False, show_trainable=False,
                  layer_range=None):
    from fastdl.models.functional import Functional
    from fastdl.models.model import Model
    from fastdl.models.sequential import Sequential
    print_fn = print_fn or print
    connected = isinstance(model, Functional) and not isinstance(model, Sequential) and any(
        len(n.input_tensors) > 1 or len(n.operation._outbound_nodes) > 1 for n in model._run_nodes)
    heads = ["Layer (type)", "Output Shape", "Param #"] + (["Connected to"] if connected else []) \
        + (["Trainable"] if show_trainable else [])

    def rows(m, prefix=""):
        out = []
        for layer in m.layers:
            name = f"{prefix}{layer.name} ({type(layer).__name__})"
            params = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
            row = [name, _shape(layer), params]
            if connected:
                froms = []
                for n in layer._inbound_nodes:
                    if m is model and n in getattr(model, "_run_nodes", ()):
                        froms += [f"{t._keras_history[0].name}[{t._keras_history[1]}][{t._keras_history[2]}]"
                                  for t in n.input_tensors]
                row.append(", ".join(froms) or "-")
            if show_trainable:
                row.append("Y" if layer.trainable and layer.trainable_weights else "N" if layer.weights else "-")
            out.append(row)
            if expand_nested and isinstance(layer, Model):
                out += rows(layer, prefix + "  └ ")
        return out

    table = rows(model)
    if layer_range:
        names = [l.name for l in model.layers]
        table = table[names.index(layer_range[0]): names.index(layer_range[1]) + 1]
    total = line_length or (98 if connected else 80)
    inner = total - 3 * len(heads) - 1
    shares = {3: (0.42, 0.36, 0.22), 4: (0.31, 0.26, 0.16, 0.27), 5: (0.28, 0.24, 0.14, 0.22, 0.12)}[len(heads)]
    sizes = [int(inner * s) for s in shares]
    sizes[-1] += inner - sum(sizes)
    if line_length is None:
        sizes = [max(n, *(width(r[i]) for r in table), 0) if table and i < 3 else n for i, n in enumerate(sizes)]

    def line(left, mid, right, fill):
        return left + mid.join(fill * (n + 2) for n in sizes) + right

    def row(cells, bar):
        return bar + bar.join(f" {fit(c, n, right=i == 2)} " for i, (c, n) in enumerate(zip(cells, sizes))) + bar

    out = [f'Model: "{model.name}"', line("┏", "┳", "┓", "━"), row(heads, "┃"), line("┡", "╇", "┩", "━")]
    for i, cells in enumerate(table):
        out.append(row(cells, "│"))
        out.append(line("├", "┼", "┤", "─") if i + 1 < len(table) else line("└", "┴", "┘", "─"))
    if not table:
        out[-1] = line("┗", "┻", "┛", "━")
    weights, trainable = model.weights, model.trainable_weights
    ids = {id(v) for v in trainable}
    frozen = [w for w in weights if id(w) not in ids]
    opt = getattr(model, "optimizer", None)
    states = [v for v in getattr(opt, "variables", ()) or () if opt is not None and hasattr(v, "size")] \
        if opt is not None and getattr(opt, "built", False) else []
    for text, vs in ((" Total params", list(weights) + states), (" Trainable params", trainable),
                     (" Non-trainable params", frozen)) + (((" Optimizer params", states),) if states else ()):
        n, size = _count(vs)
        out.append(f"{text}: {n:,} ({human_size(size)})")
    for text in out:
        print_fn(text)
