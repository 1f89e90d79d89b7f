"""What compile() was given (strings, objects, functions, lists, dicts) becomes losses and metrics per output."""
import numpy as np

from fastdl import config
from fastdl.errors import bad_argument
from fastdl.utils import tree


def _names(y_pred, output_names):
    """One name an output, in the order of tree.flatten."""
    if isinstance(y_pred, dict):
        return sorted(y_pred, key=str)
    leaves = tree.flatten(y_pred)
    if output_names and len(output_names) == len(leaves):
        return list(output_names)
    return [f"output_{k}" for k in range(len(leaves))]


def _per_output(argument, given, names):
    """`given` (one thing, a list or a dict by output name) as a list with one entry an output."""
    if given is None:
        return [None] * len(names)
    if isinstance(given, dict):
        unknown = set(given) - set(names)
        if unknown:
            from fastdl.errors import did_you_mean

            first = sorted(map(str, unknown))[0]
            raise bad_argument(
                argument, f'the output name "{first}"', f"names among {names}",
                f"use the names of the output layers.{did_you_mean(first, names)}",
            )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise bad_argument(
                argument, f"{len(given)} entries", f"{len(names)}, one for each output {names}",
                "give one entry an output (None for none), or a dict by output name",
            )
        return list(given)
    return [given] * len(names)


def _weight_leaves(sample_weight, y_leaves_count, y_structure):
    if sample_weight is None:
        return [None] * y_leaves_count
    if isinstance(sample_weight, dict) and isinstance(y_structure, dict):
        return [sample_weight.get(key) for key in sorted(y_structure, key=str)]
    leaves = tree.flatten(sample_weight)
    return leaves * y_leaves_count if len(leaves) == 1 else leaves


def align(y_true, y_pred, names, losses=None):
    """The leaves of y_true in the order of y_pred's leaves; None where an output without a loss has no target."""
    judged = [True] * len(names) if losses is None or len(losses) != len(names) else [l is not None for l in losses]
    if isinstance(y_true, dict) and (not isinstance(y_pred, dict) or not set(names) <= set(y_true)):
        missing = [n for n, needs in zip(names, judged) if n not in y_true and needs]
        if missing:
            raise bad_argument("y", f"a dict with keys {sorted(y_true, key=str)}", f"the output names {names}",
                               "name the keys as the output layers")
        return [y_true.get(n) for n in names]
    leaves = tree.flatten(y_true)
    count = len(tree.flatten(y_pred))
    if len(leaves) < count and len(leaves) == sum(judged):
        rest = iter(leaves)
        return [next(rest) if needs else None for needs in judged]
    if len(leaves) != count:
        raise bad_argument("y", f"{len(leaves)} arrays", f"{count}, one for each output {names}",
                           "pass one target an output, as a list or a dict")
    return leaves


def accuracy_kind(y_true, y_pred):
    """'binary', 'sparse_categorical' or 'categorical', read off the shapes of targets and predictions."""
    true_shape, pred_shape = tuple(y_true.shape), tuple(y_pred.shape)
    if not pred_shape or pred_shape[-1] == 1 or len(pred_shape) == 1:
        return "binary"
    if len(true_shape) < len(pred_shape) or true_shape[-1] == 1:
        return "sparse_categorical"
    return "categorical"


def resolve_metric(spec, y_true, y_pred, loss=None):
    """A metric object for one entry of `metrics`; 'accuracy' and 'crossentropy' look at the shapes."""
    from fastdl import losses, metrics

    if hasattr(spec, "update_state"):
        return spec
    if isinstance(spec, type):
        return spec()
    lowered = spec.lower() if isinstance(spec, str) else None
    if lowered in ("accuracy", "acc"):
        kind = accuracy_kind(y_true, y_pred)
        if isinstance(loss, losses.BinaryCrossentropy):
            kind = "binary"
        name = "acc" if config.compat() == "keras2" else spec
        made = {"binary": metrics.BinaryAccuracy, "sparse_categorical": metrics.SparseCategoricalAccuracy,
                "categorical": metrics.CategoricalAccuracy}[kind]
        return made(name=name)
    if lowered in ("crossentropy", "ce"):
        kind = accuracy_kind(y_true, y_pred)
        made = {"binary": metrics.BinaryCrossentropy, "sparse_categorical": metrics.SparseCategoricalCrossentropy,
                "categorical": metrics.CategoricalCrossentropy}[kind]
        return made(name=spec)
    if isinstance(spec, str):
        found = metrics.get(spec)
        if not hasattr(found, "update_state"):
            found = metrics.MeanMetricWrapper(found, name=_history_name(spec, found))
        elif config.compat() != "keras2":
            # The log carries the word that the user wrote: metrics=["mae"] gives history["mae"].
            found = _named(found, spec)
        return found
    if callable(spec):
        return metrics.MeanMetricWrapper(spec, name=getattr(spec, "__name__", type(spec).__name__))
    raise bad_argument("metrics", repr(spec), "a name, a Metric, a function (y_true, y_pred) or None",
                       'for example metrics=["accuracy"]', TypeError)


def _history_name(spec, function):
    return getattr(function, "__name__", spec) if config.compat() == "keras2" else spec


def _named(metric, name):
    for attribute in ("name", "_name"):
        try:
            setattr(metric, attribute, name)
            break
        except AttributeError:
            continue
    return metric


class CompileMetrics:
    """The metrics of all outputs: `plain` take no sample weights, `weighted` do."""

    def __init__(self, metrics, weighted_metrics, output_names=None):
        self._given = (metrics, weighted_metrics)
        self._output_names = output_names
        self.built = False
        self._entries = []                   # (output index, metric, weighted, name in the logs)
        self.metrics = []

    def build(self, y_true, y_pred, losses=None):
        if self.built:
            return
        names = _names(y_pred, self._output_names)
        trues, preds = align(y_true, y_pred, names, losses), tree.flatten(y_pred)
        self._losses = losses
        for weighted, given in zip((False, True), self._given):
            argument = "weighted_metrics" if weighted else "metrics"
            for k, specs in enumerate(self._by_output(argument, given, names)):
                for spec in specs:
                    if spec is None or trues[k] is None:
                        continue
                    metric = resolve_metric(spec, trues[k], preds[k], (losses or [None] * len(names))[k])
                    name = metric.name if len(names) == 1 else f"{names[k]}_{metric.name}"
                    taken = {entry[3] for entry in self._entries}
                    base, number = ("weighted_" + name if weighted and name in taken else name), 1
                    name = base
                    while name in taken:
                        name, number = f"{base}_{number}", number + 1
                    self._entries.append((k, metric, weighted, name))
        self.metrics = []
        for _, metric, _, _ in self._entries:
            if not any(metric is m for m in self.metrics):
                self.metrics.append(metric)
        self.built = True

    @staticmethod
    def _by_output(argument, given, names):
        """A list of metric lists, one an output."""
        if given is None:
            return [[] for _ in names]
        if isinstance(given, dict) or (isinstance(given, (list, tuple)) and len(names) > 1):
            nested = isinstance(given, dict) or any(isinstance(g, (list, tuple)) or g is None for g in given)
            if nested or len(given) == len(names) and config.compat() != "keras2":
                per = _per_output(argument, given, names)
                return [list(p) if isinstance(p, (list, tuple)) else [] if p is None else [p] for p in per]
        flat = list(given) if isinstance(given, (list, tuple)) else [given]
        flat = [g for item in flat for g in (item if isinstance(item, (list, tuple)) else [item])]
        # As in Keras 2 each output is judged by all of them; a metric that keeps a state is made anew for each.
        again = lambda g: type(g).from_config(g.get_config()) if hasattr(g, "update_state") else g
        return [flat if k == 0 else [again(g) for g in flat] for k in range(len(names))]

    def update_state(self, y_true, y_pred, sample_weight=None):
        names = _names(y_pred, self._output_names)
        trues, preds = align(y_true, y_pred, names, self._losses), tree.flatten(y_pred)
        weights = _weight_leaves(sample_weight, len(preds), y_pred)
        for k, metric, weighted, _ in self._entries:
            if weighted:
                metric.update_state(trues[k], preds[k], sample_weight=weights[k])
            else:
                metric.update_state(trues[k], preds[k])

    def result(self):
        out = {}
        for _, metric, _, name in self._entries:
            value = metric.result()
            if isinstance(value, dict):
                out.update(value)
            else:
                out[name] = value
        return out


class CompileLoss:
    """total = sum of loss_weights[k] * losses[k](y_true[k], y_pred[k]) over the outputs"""

    def __init__(self, loss, loss_weights=None, output_names=None):
        self._given, self._given_weights = loss, loss_weights
        self._output_names = output_names
        self.built = False
        self.losses, self.metrics = [], []

    def build(self, y_true, y_pred):
        if self.built:
            return
        from fastdl import losses
        from fastdl import metrics as fd_metrics

        names = _names(y_pred, self._output_names)
        self.names = names
        self.losses = [as_loss(spec, losses) for spec in _per_output("loss", self._given, names)]
        weights = _per_output("loss_weights", self._given_weights, names)
        if self._given_weights is not None and not isinstance(self._given_weights, (list, tuple, dict)) and len(names) > 1:
            raise bad_argument("loss_weights", repr(self._given_weights), f"one number for each output {names}",
                               "give a list or a dict by output name")
        self.weights = [None if w is None else float(w) for w in weights]
        if sum(l is not None for l in self.losses) > 1:
            self._trackers = [fd_metrics.Mean(name=f"{n}_loss") if l is not None else None
                              for n, l in zip(names, self.losses)]
            self.metrics = [t for t in self._trackers if t is not None]
            if isinstance(y_pred, dict) and isinstance(self._given, dict):           # as in Keras: in the order of compile(loss={...})
                self.metrics.sort(key=lambda t: [*self._given].index(t.name[:-len("_loss")]))
        else:
            self._trackers = [None] * len(names)
        self.check(y_true, y_pred)
        self.built = True

    def check(self, y_true, y_pred):
        """Compare the shapes of targets and predictions before any arithmetic can broadcast them."""
        for k, (t, p) in enumerate(zip(align(y_true, y_pred, self.names, self.losses), tree.flatten(y_pred))):
            if t is not None and self.losses[k] is not None:
                check_target(self.losses[k], t, p, self.names[k] if len(self.names) > 1 else None)

    def __call__(self, y_true, y_pred, sample_weight=None):
        if not self.built:
            self.build(y_true, y_pred)
        trues, preds = align(y_true, y_pred, self.names, self.losses), tree.flatten(y_pred)
        weights = _weight_leaves(sample_weight, len(preds), y_pred)
        total = None
        for k, loss in enumerate(self.losses):
            if loss is None:
                continue
            if trues[k] is None:
                raise bad_argument("y", f"None for the output {self.names[k]!r}", "targets, since compile() gave it a loss",
                                   "pass its targets, or compile with loss None for that output")
            value = loss(trues[k], preds[k], sample_weight=weights[k])
            if self._trackers[k] is not None:
                self._trackers[k].update_state(value, sample_weight=float(preds[k].shape[0]))
            if self.weights[k] is not None:
                value = value * self.weights[k]
            total = value if total is None else total + value
        return total


def as_loss(spec, losses):
    """A loss object (y_true, y_pred, sample_weight) -> scalar, from a name, an object or a function."""
    if spec is None or isinstance(spec, losses.Loss):
        return spec
    if isinstance(spec, type):
        return spec()
    if isinstance(spec, (str, dict)):
        spec = losses.get(spec)
        if isinstance(spec, losses.Loss):
            return spec
    if not callable(spec):
        raise bad_argument("loss", repr(spec), "a name, a Loss or a function (y_true, y_pred)", 'for example loss="mse"', TypeError)
    return losses.LossFunctionWrapper(spec, name=getattr(spec, "__name__", type(spec).__name__))


def _loss_name(loss):
    """The snake-case name of a loss, from its function or its class."""
    fn = getattr(loss, "fn", None) or getattr(loss, "_fn", None)
    name = getattr(fn, "__name__", "")
    if name:
        return name
    from fastdl.ops.symbolic import snake_case

    return snake_case(type(loss).__name__)


def check_target(loss, y_true, y_pred, output=None):
    """Raise for a target that the loss cannot mean: whole-number labels for one-hot losses and the reverse."""
    name = _loss_name(loss)
    t, p = tuple(y_true.shape), tuple(y_pred.shape)
    where = f'y["{output}"]' if output else "y"
    if name.startswith("sparse_categorical"):
        if len(t) == len(p) and t[-1] == p[-1] and t[-1] > 1:
            raise bad_argument(where, f"one-hot targets of shape {t}", f"whole-number labels of shape {t[:-1]} for {name}",
                               'use loss="categorical_crossentropy", or y.argmax(-1)')
    elif name.startswith("categorical_crossentropy") or name.startswith("categorical_focal"):
        if len(p) > 1 and (len(t) == len(p) - 1 or (len(t) == len(p) and t[-1] == 1 and p[-1] > 1)):
            raise bad_argument(where, f"labels of shape {t}", f"one-hot targets of shape {p} for {name}",
                               'use loss="sparse_categorical_crossentropy", or fastdl.utils.to_categorical(y)')
        if len(t) == len(p) and t[-1] != p[-1]:
            raise bad_argument(where, f"targets of shape {t}", f"the shape of the predictions, {p}",
                               f"give the last layer {t[-1]} units, or encode y in {p[-1]} classes")
    elif name in ("mean_squared_error", "mean_absolute_error", "binary_crossentropy", "huber", "log_cosh", "poisson"):
        squeezed_t, squeezed_p = [d for d in t if d != 1], [d for d in p if d != 1]
        if squeezed_t[1:] != squeezed_p[1:] and np.prod(t[1:], dtype=int) != np.prod(p[1:], dtype=int):
            raise bad_argument(where, f"targets of shape {t}", f"the shape of the predictions, {p}, for {name}",
                               "make the last layer's units equal the last axis of y, or reshape y")


def label_limits(loss, y_pred):
    """The number of classes when the loss reads y as labels that index y_pred, else None."""
    if loss is not None and _loss_name(loss).startswith("sparse_categorical"):
        return int(y_pred.shape[-1])
    return None
