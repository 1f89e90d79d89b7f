"""Connectionist temporal classification: the loss of label sequences that are shorter than the predictions, and its decoders.

Decoding is a search, done in NumPy.
"""
import numpy as np

from ..core import native
from ..core.primitive import Scratch, primitive
from ..core.tensor import Tensor
from . import twice
from .elementwise import add, mul
from .movement import reshape

EDGE = 16                                            # as in the kernel: impossible states on both sides of the real ones


def _case(B, T, C, L, blank, lengths, counts):
    labels = lambda rng: (rng.integers(0, C - 1, (B, L)) + blank + 1).astype("int32") % C
    given = lambda values: lambda rng: np.resize(np.array(values, "int32"), B)
    return [(B, T, C), labels, given(counts), given(lengths)], dict(blank=blank)


CASES = [_case(3, 9, 5, 3, 0, [9, 7, 6], [3, 2, 0]), _case(2, 4, 3, 1, 2, [4], [1]), _case(5, 40, 7, 11, 3, [40, 31, 25], [11, 3]),
         _case(1, 1, 4, 1, 0, [1], [1]), _case(4, 25, 33, 9, 32, [25, 20], [9, 1, 0]), _case(3, 12, 6, 5, 0, [12, 0, 7], [5, 0, 2])]


def _check(x, label, label_length, length, blank):
    if x.ndim != 3 or label.ndim != 2 or label.shape[0] != x.shape[0] or label_length.shape != x.shape[:1] or length.shape != x.shape[:1]:
        raise ValueError(f"ctc: predictions of shape {x.shape}, labels {label.shape}, label lengths {label_length.shape} and prediction lengths "
                         f"{length.shape} do not fit: wanted (batch, time, classes), (batch, labels), (batch,) and (batch,)")
    if not 0 <= blank < x.shape[2]:
        raise ValueError(f"ctc: the blank is class {blank}, but the predictions have {x.shape[2]} classes: it must be one of 0 ... {x.shape[2] - 1}")


def _check_values(x, label, label_length, length):
    (_, T, C), L = x.shape, label.shape[1]
    for what, given, top in (("label_length", label_length, L), ("the predictions' length", length, T)):
        bad = (given < 0) | (given > top)
        if np.any(bad):
            raise IndexError(f"ctc: {what} {int(given[bad][0])} is out of range: it must be from 0 to {top}, what there is room for")
    inside = np.arange(L) < label_length[:, None]
    bad = inside & ((label < 0) | (label >= C))
    if np.any(bad):
        raise IndexError(f"ctc: label {int(label[bad][0])} is out of range: the predictions have {C} classes, so labels go from 0 to {C - 1}; "
                         "was the padding counted in label_length?")


def _log_softmax(x):
    z = x - np.max(x, -1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), -1, keepdims=True))


def _forward(log_p, jump):
    """a[t, s]: the log-probability of every way to be in state s after step t; log_p[t, s] is that of the state's symbol."""
    a = np.full(log_p.shape, -np.inf)
    a[0, :2] = log_p[0, :2]
    for t in range(1, len(a)):
        a[t] = a[t - 1]
        a[t, 1:] = np.logaddexp(a[t, 1:], a[t - 1, :-1])
        a[t, 2:] = np.logaddexp(a[t, 2:], np.where(jump[2:], a[t - 1, :-2], -np.inf))
        a[t] += log_p[t]
    return a


@primitive
class ctc_loss:
    """l = -log P(label | softmax(x)), summed over every path that is `label` once repeats are merged and blanks dropped

    x [batch, time, classes] are logits; lengths count what is no padding. keep: also dx = dl / dx. Where no path is long
    enough l is infinite and dx zero."""
    samples = [(arrays, dict(attrs, keep=keep)) for arrays, attrs in CASES for keep in (True, False)]
    takes_none, saved = True, (1,)

    def shape(x, label, label_length, length, blank=0, keep=True):
        _check(x, label, label_length, length, blank)
        return [(x.shape[:1], x.dtype)] + [(x.shape, x.dtype)] * keep

    def ref(x, label, label_length, length, blank=0, keep=True):
        _check_values(x, label, label_length, length)
        losses, dx = np.zeros(len(x), x.dtype), np.zeros_like(x)
        for b, (n, steps) in enumerate(zip(label_length, length)):
            symbol = np.full(2 * n + 1, blank)
            symbol[1::2] = label[b, :n]
            if not steps:
                losses[b] = np.inf if n else 0
                continue
            jump = np.zeros(len(symbol), bool)
            jump[3::2] = symbol[3::2] != symbol[1:-2:2]
            log_y = _log_softmax(x[b, :steps].astype("float64"))
            log_p = log_y[:, symbol]
            a = _forward(log_p, jump)
            losses[b] = -np.logaddexp.reduce(a[-1, -2:])
            if keep and losses[b] < np.inf:
                turned = _forward(log_p[::-1, ::-1], np.roll(jump, -2)[::-1])[::-1, ::-1] - log_p      # without the step itself
                chance = np.exp(a + turned + losses[b])
                dx[b, :steps] = np.exp(log_y)
                np.subtract.at(dx[b, :steps], (slice(None), symbol), chance)
            elif np.isnan(losses[b]):
                dx[b, :steps] = np.nan
        return (losses, dx) if keep else losses

    def calls(l, *rest, blank=0, keep=True):
        (B, T, C), L = rest[keep].shape, rest[keep + 1].shape[1]
        width = 2 * EDGE + -(-(2 * L + 1) // EDGE) * EDGE
        room = ((T if keep else 2) + 4) * width + EDGE + -(-T // EDGE) * EDGE
        yield "ctc", [l, *rest[:keep], Scratch(room * native.get_threads())], list(rest[keep:]), [B, T, C, L, blank, int(keep), width, room]

    def supports(ins, attrs):
        return ins[0].dtype == "float32" and all(t.dtype == "int32" for t in ins[1:])

    def vjp(g, y, x, label, label_length, length, need, blank=0, keep=True):
        g, bar = g if keep else (g, None)
        parts = []
        if g is not None:
            dx = y[1] if keep else ctc_loss(x, label, label_length, length, blank=blank, keep=True)[1]
            parts.append(mul(dx, reshape(g, shape=(x.shape[0], 1, 1))))
        if bar is not None:                            # dx itself is asked for its gradient
            plain = lambda x: [twice.ctc(x, label, label_length, length, blank)]
            parts += twice.gradients(plain, [x], [Tensor(np.ones(x.shape[:1], x.dtype))], [bar])[0]
        return (parts[0] if len(parts) == 1 else add(*parts)), None, None, None


# ---------------------------------------------------------------- decoding
def _blank(x, blank):
    return x.shape[-1] - 1 if blank is None else int(blank) % x.shape[-1]


@primitive
class ctc_greedy:
    """The largest class of each step, repeats merged, blanks dropped and -1 after the end; and minus the sum of their logits"""
    samples = [([(3, 9, 4), lambda rng: np.array([9, 5, 0], "int32")], dict(blank=b, merge_repeated=r)) for b in (0, None) for r in (True, False)]
    differentiable = False

    def shape(x, length, blank=0, merge_repeated=True):
        return [((1, *x.shape[:2]), "int32"), ((x.shape[0], 1), x.dtype)]

    def ref(x, length, blank=0, merge_repeated=True):
        B, T, _ = x.shape
        inside = np.arange(T) < length[:, None]
        best = np.where(inside, np.argmax(x, -1), _blank(x, blank))
        say = best != _blank(x, blank)
        if merge_repeated:
            say[:, 1:] &= best[:, 1:] != best[:, :-1]
        out = np.full((1, B, T), -1, "int32")
        for b in range(B):
            said = best[b, say[b]]
            out[0, b, :len(said)] = said
        return out, -np.sum(np.where(inside, np.max(x, -1), 0), 1, keepdims=True)


def _beams(log_y, blank, width):
    """[(label, log-probability)], the best first, of at most `width` prefixes kept after every step (Graves & Jaitly 2014)."""
    parent, last, children = [-1], [-1], {}                        # a prefix is a node of a tree: all but its last symbol, and that
    nodes, ended, open_ = np.array([0]), np.zeros(1), np.full(1, -np.inf)     # log-probabilities by whether a blank came last
    classes = log_y.shape[1]
    for y in log_y:
        total, tails = np.logaddexp(ended, open_), np.array([last[k] for k in nodes])
        grown = total[:, None] + y
        rows, real = np.arange(len(nodes)), tails >= 0
        grown[rows[real], tails[real]] = ended[real] + y[tails[real]]          # the same symbol again needs a blank between
        grown[:, blank] = -np.inf
        stays = np.where(real, open_ + y[tails], -np.inf)
        place = {k: j for j, k in enumerate(nodes)}
        for j, k in enumerate(nodes):                              # a prefix that is another one grown: both ways count
            up = place.get(parent[k])
            if up is not None:
                stays[j] = np.logaddexp(stays[j], grown[up, last[k]])
                grown[up, last[k]] = -np.inf
        ended = np.concatenate([total + y[blank], np.full(grown.size, -np.inf)])
        open_ = np.concatenate([stays, grown.ravel()])
        score = np.logaddexp(ended, open_)
        keep = np.argpartition(-score, width - 1)[:width] if len(score) > width else np.arange(len(score))
        keep = keep[score[keep] > -np.inf]
        made = []
        for k in keep:
            if k < len(nodes):
                made.append(int(nodes[k]))
                continue
            key = (int(nodes[(k - len(nodes)) // classes]), int((k - len(nodes)) % classes))
            if key not in children:
                children[key] = len(parent)
                parent.append(key[0])
                last.append(key[1])
            made.append(children[key])
        nodes, ended, open_ = np.array(made), ended[keep], open_[keep]
    found = []
    for node, score in zip(nodes, np.logaddexp(ended, open_)):
        label = []
        while node > 0:
            label.append(last[node])
            node = parent[node]
        found.append((label[::-1], score))
    return sorted(found, key=lambda pair: -pair[1])


@primitive
class ctc_beam_search:
    """The top_paths likeliest labels found with beam_width prefixes, -1 after the end, and their log-probabilities"""
    samples = [([(3, 9, 4), lambda rng: np.array([9, 5, 0], "int32")], dict(blank=b, beam_width=w, top_paths=k)) for b, w, k in [(0, 10, 3), (None, 2, 1)]]
    differentiable = False

    def shape(x, length, blank=0, beam_width=100, top_paths=1):
        return [((top_paths, *x.shape[:2]), "int32"), ((x.shape[0], top_paths), x.dtype)]

    def ref(x, length, blank=0, beam_width=100, top_paths=1):
        B, T, _ = x.shape
        out, scores = np.full((top_paths, B, T), -1, "int32"), np.full((B, top_paths), -np.inf, x.dtype)
        for b in range(B):
            found = _beams(_log_softmax(x[b, :length[b]].astype("float64")), _blank(x, blank), beam_width)
            for k, (label, score) in enumerate(found[:top_paths]):
                out[k, b, :len(label)], scores[b, k] = label, score
        return out, scores
