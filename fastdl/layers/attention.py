"""Attention: of one sequence on another (Attention, AdditiveAttention), and with many heads; EinsumDense, which those are made of."""
import math

import numpy as np

from fastdl import activations, constraints, initializers, ops, regularizers
from fastdl.core.tensor import convert_to_tensor
from fastdl.layers.activation import Softmax
from fastdl.layers.layer import Layer
from fastdl.layers.regularization import Dropout

PARTS = dict(initializer=initializers, regularizer=regularizers, constraint=constraints)


def _triangle(queries, keys):
    """True where key <= query."""
    return ops.greater_equal(ops.expand_dims(ops.arange(queries), 1), ops.expand_dims(ops.arange(keys), 0))


# ---------------------------------------------------------------- one head, no projections
class Attention(Layer):
    """y = softmax(score(q, k)) v, score = scale q k^T, or w sum(tanh(scale (q + k))) with score_mode='concat'

    call([query, value]) or call([query, value, key]); the masks are a list in the same order.
    """

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"{type(self).__name__} received score_mode={score_mode!r}; it wants 'dot' or 'concat'.")
        self.use_scale, self.score_mode, self.dropout, self.seed = use_scale, score_mode, dropout, seed
        self.supports_masking, self.scale, self.concat_score_weight = True, None, None
        self._dropout_layer = Dropout(dropout, seed=seed) if dropout else None

    def _three(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) wants a list [query, value] or [query, value, key]; received "
                             f"{f'a list of {len(inputs)}' if isinstance(inputs, (list, tuple)) else type(inputs).__name__}.")
        return inputs[0], inputs[1], inputs[-1] if len(inputs) == 3 else inputs[1]

    def build(self, input_shape):
        self._three(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def _scores(self, query, key):
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        pairs = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        pairs = pairs if self.scale is None else ops.multiply(pairs, self.scale)
        return ops.multiply(ops.sum(ops.tanh(pairs), axis=-1), self.concat_score_weight)

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        query, value, key = self._three(inputs)
        masks = list(mask) if isinstance(mask, (list, tuple)) else [mask]
        if mask is not None and len(masks) < 2:
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) wants mask=[query mask, value mask], None for what has none.")
        q_mask, v_mask = (masks + [None, None])[:2]
        scores = self._scores(query, key)
        keep = None if v_mask is None else ops.expand_dims(convert_to_tensor(v_mask, "bool"), -2)
        if use_causal_mask:
            causal = ops.expand_dims(_triangle(scores.shape[-2], scores.shape[-1]), 0)
            keep = causal if keep is None else ops.logical_and(keep, causal)
        if keep is not None:
            low = 65504.0 if scores.dtype == "float16" else 1e9
            scores = ops.subtract(scores, ops.multiply(ops.cast(ops.logical_not(keep), scores.dtype), low))
        weights = ops.softmax(scores, axis=-1)
        if self._dropout_layer is not None and training:
            weights = self._dropout_layer(weights, training=True)
        y = ops.matmul(weights, value)
        if q_mask is not None:
            y = ops.multiply(y, ops.cast(ops.expand_dims(convert_to_tensor(q_mask, "bool"), -1), y.dtype))
        return (y, weights) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        return mask[0] if isinstance(mask, (list, tuple)) and mask and mask[0] is not None else None

    def compute_output_shape(self, input_shape):
        query, value, _ = self._three(input_shape)
        return (*query[:-1], value[-1])


class AdditiveAttention(Attention):
    """y = softmax(sum(scale tanh(q + k))) v, scale one weight for every feature (Bahdanau et al. 2015)"""

    def __init__(self, use_scale=True, dropout=0.0, seed=None, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)

    def build(self, input_shape):
        query, _, _ = self._three(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(query[-1],), initializer="glorot_uniform")

    def _scores(self, query, key):
        pairs = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        return ops.sum(pairs if self.scale is None else ops.multiply(pairs, self.scale), axis=-1)

    def get_config(self):
        config = super().get_config()
        config.pop("score_mode", None)
        return config


# ---------------------------------------------------------------- products over named axes
def _terms(equation):
    """(letters of x, of the weights, of y), each with "..." possibly at one end."""
    sides = equation.replace(" ", "").split("->")
    parts = sides[0].split(",") if len(sides) == 2 else []
    if len(parts) != 2 or not all(p.replace("...", "").isalpha() or p == "..." for p in (*parts, sides[1])):
        raise ValueError(f"EinsumDense received equation={equation!r}; it wants 'inputs,weights->outputs', e.g. 'abc,cd->abd'.")
    return parts[0], parts[1], sides[1]


class EinsumDense(Layer):
    """y = activation(einsum(equation, x, kernel) + bias)

    output_shape: the sizes of y after the batch (None: as in x); bias_axes: the letters of y that the bias has.
    """

    def __init__(self, equation, output_shape, activation=None, bias_axes=None, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, kernel_constraint=None, bias_constraint=None,
                 **kwargs):
        super().__init__(**kwargs)
        self.equation, self.bias_axes = equation, bias_axes
        self.partial_output_shape = tuple(output_shape) if isinstance(output_shape, (list, tuple)) else (output_shape,)
        self.activation, self._parts = activations.get(activation), _terms(equation)
        self.kernel_initializer, self.bias_initializer = initializers.get(kernel_initializer), initializers.get(bias_initializer)
        self.kernel_regularizer, self.bias_regularizer = regularizers.get(kernel_regularizer), regularizers.get(bias_regularizer)
        self.kernel_constraint, self.bias_constraint = constraints.get(kernel_constraint), constraints.get(bias_constraint)

    def _sizes(self, input_shape):
        """{letter: size} and the shape of y."""
        x, w, y = self._parts
        sizes, shape = {}, tuple(input_shape)
        dots = len(shape) - len(x.replace("...", "")) if "..." in x else 0
        letters = list(x.replace("...", "")) if "..." not in x else \
            list(x.split("...")[0]) + [None] * dots + list(x.split("...")[1])
        if len(letters) != len(shape):
            raise ValueError(f"Layer '{self.name}' (EinsumDense) received input of shape {shape}; the equation {self.equation!r} wants "
                             f"{len(letters)} dimensions.")
        sizes.update((c, s) for c, s in zip(letters, shape) if c)
        spread = [s for c, s in zip(letters, shape) if c is None]
        out = list(y) if "..." not in y else list(y.split("...")[0]) + [None] * dots + list(y.split("...")[1])
        wanted = list(self.partial_output_shape)
        given = [sizes.get(out[0], shape[0]) if out[0] else spread[0]] if len(wanted) < len(out) else []
        if len(wanted) + len(given) < len(out):                         # y's first axes come from "..."
            given = [None] * (len(out) - len(wanted))
        full, it = [], iter(spread)
        for c, s in zip(out, given + wanted):
            known = next(it) if c is None else sizes.get(c)
            full.append(s if s is not None else known)
            if c is not None:
                if known is not None and s is not None and known != s:
                    raise ValueError(f"Layer '{self.name}' (EinsumDense): output_shape={self.partial_output_shape} says that {c!r} in "
                                     f"{self.equation!r} is {s}, but in the input of shape {shape} it is {known}.")
                sizes[c] = full[-1]
        return sizes, tuple(full)

    def build(self, input_shape):
        sizes, shape = self._sizes(input_shape)
        w, y = self._parts[1:]
        if any(c not in sizes for c in w):
            raise ValueError(f"Layer '{self.name}' (EinsumDense): the weights {w!r} of {self.equation!r} use letters that neither "
                             "inputs nor outputs have.")
        self.kernel = self.add_weight(name="kernel", shape=tuple(sizes[c] for c in w), initializer=self.kernel_initializer,
                                      regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)
        self.bias = None
        if self.bias_axes is not None:
            if any(c not in y for c in self.bias_axes):
                raise ValueError(f"Layer '{self.name}' (EinsumDense): bias_axes={self.bias_axes!r} must be letters of the outputs {y!r}.")
            first = min(y.replace("...", "").index(c) for c in self.bias_axes)
            bias = tuple(sizes[c] if c in self.bias_axes else 1 for c in y.replace("...", "")[first:])
            self.bias = self.add_weight(name="bias", shape=bias, initializer=self.bias_initializer, regularizer=self.bias_regularizer,
                                        constraint=self.bias_constraint)

    def call(self, inputs, training=None):
        y = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape):
        return self._sizes(input_shape)[1]


# ---------------------------------------------------------------- many heads
class _Heads(Layer):
    """What both layers of many heads share: arguments, masks, scores."""

    def _set(self, dropout, use_bias, sliding_window, use_gate, seed, **parts):
        if sliding_window is not None and (isinstance(sliding_window, bool) or not isinstance(sliding_window, int) or sliding_window < 1):
            raise ValueError(f"{type(self).__name__} received sliding_window={sliding_window!r}; it wants None or a positive int.")
        self.dropout, self.use_bias, self.use_gate, self.seed = float(dropout), use_bias, use_gate, seed
        self.sliding_window, self.supports_masking = sliding_window, True
        for name, value in parts.items():
            setattr(self, name, PARTS[name.rsplit("_", 1)[1]].get(value))
        self._softmax = None
        self._dropout_layer = Dropout(self.dropout, seed=seed, dtype=self.dtype) if self.dropout else None

    def _dense(self, name, equation, shape, bias_axes, activation=None):
        parts = [f"{w}_{p}" for w in ("kernel", "bias") for p in PARTS]
        return EinsumDense(equation, output_shape=shape, bias_axes=bias_axes if self.use_bias else None, name=name, dtype=self.dtype,
                           activation=activation, **{part: self._fresh(getattr(self, part)) for part in parts})

    def _fresh(self, part):
        """An initializer of its own for every projection, where it can be copied."""
        return type(part).from_config(part.get_config()) if part is not None and hasattr(type(part), "from_config") else part

    def _look(self, query, value, masks, attention_mask, use_causal_mask):
        """Which (query, key) pairs count, of shape (batch or 1, queries, keys), or None for all."""
        q, v, k = (None if m is None else convert_to_tensor(m, "bool") for m in masks)
        found = [] if q is None else [ops.expand_dims(q, -1)]
        found += [ops.expand_dims(m, -2) for m in (v, k) if m is not None]
        nq, nk = query.shape[1], value.shape[1]
        if use_causal_mask:
            found.append(ops.expand_dims(_triangle(nq, nk), 0))
        if self.sliding_window is not None:
            far = ops.subtract(ops.expand_dims(ops.arange(nq), 1), ops.expand_dims(ops.arange(nk), 0))
            found.append(ops.expand_dims(ops.less(ops.abs(far), self.sliding_window), 0))
        if attention_mask is not None:
            found.insert(0, convert_to_tensor(attention_mask, "bool"))
        keep = None
        for m in found:
            keep = m if keep is None else ops.logical_and(keep, m)
        return keep

    def _at_once(self, q, k, v, keep, causal, scale, training, plain):
        """The attention of (batch, time, heads, depth) tile by tile, or None where somebody must see or thin the weights."""
        if (self.dropout and training) or not (plain or keep is None) or q.dtype not in ("float32", "float64"):
            return None
        if keep is not None and keep.ndim == 3:
            keep = ops.expand_dims(keep, 1)
        return ops.dot_product_attention(q, k, v, mask=keep, scale=scale, is_causal=causal)

    def _weights(self, scores, keep, training, plain):
        """softmax(scores) where keep; a query that may look nowhere gets 0 everywhere, or the mean when `plain` (as in Keras)."""
        if plain and keep is not None:
            return ops.softmax(ops.where(keep, scores, convert_to_tensor(-0.7 * float(np.finfo(scores.dtype).max), scores.dtype)))
        weights = self._softmax(scores, mask=keep)
        return self._dropout_layer(weights, training=True) if self._dropout_layer is not None and training else weights

    def get_build_config(self):
        shapes = self.__dict__.get("_shapes")
        return None if shapes is None else {"shapes_dict": {k: list(s) for k, s in shapes.items() if s is not None}}

    def get_config(self):
        config = super().get_config()
        config.pop("flash_attention", None)
        return config


class MultiHeadAttention(_Heads):
    """y = concat_h(softmax(q_h k_h^T / sqrt(key_dim)) v_h) W_o + b_o, q_h = query W_q,h + b_q,h, likewise k and v

    call(query, value, key=value); attention_axes are the axes attended over (default: all but the first and the last).
    attention_mask (batch, queries, keys), True where to look, joins value_mask, key_mask and the masks that the
    tensors carry; an explicit query_mask changes nothing. All as in Keras 3.
    """

    def __init__(self, num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True, output_shape=None, attention_axes=None,
                 sliding_window=None, flash_attention=None, kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None,
                 use_gate=False, seed=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for name, n in (("num_heads", num_heads), ("key_dim", key_dim), ("value_dim", 1 if value_dim is None else value_dim)):
            if isinstance(n, bool) or int(n) != n or n < 1:
                raise ValueError(f"{type(self).__name__} received {name}={n!r}; it wants a positive int.")
        self._num_heads, self._key_dim, self._value_dim = int(num_heads), int(key_dim), int(value_dim or key_dim)
        self._set(dropout, use_bias, sliding_window, use_gate, seed, kernel_initializer=kernel_initializer,
                  bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                  kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)
        self._output_shape, self._attention_axes = (
            None if given is None else tuple(given) if isinstance(given, (list, tuple)) else (given,)
            for given in (output_shape, attention_axes))

    num_heads, key_dim = property(lambda self: self._num_heads), property(lambda self: self._key_dim)
    value_dim, attention_axes = property(lambda self: self._value_dim), property(lambda self: self._attention_axes)
    query_dense, key_dense = property(lambda self: self._query_dense), property(lambda self: self._key_dense)
    value_dense, output_dense = property(lambda self: self._value_dense), property(lambda self: self._output_dense)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        rank = len(query_shape)
        if len(value_shape) != rank or len(key_shape) != rank or value_shape[1:-1] != key_shape[1:-1]:
            raise ValueError(f"Layer '{self.name}' (MultiHeadAttention) received query, value and key of shapes {tuple(query_shape)}, "
                             f"{tuple(value_shape)} and {tuple(key_shape)}: they must have equal ranks, value and key equal lengths.")
        self._shapes = dict(query_shape=query_shape, value_shape=value_shape, key_shape=None if key_shape is value_shape else key_shape)
        axes = tuple(range(1, rank - 1)) if self._attention_axes is None else tuple(a % rank for a in self._attention_axes)
        if not axes or min(axes) < 1 or max(axes) > rank - 2:
            raise ValueError(f"Layer '{self.name}' (MultiHeadAttention) received attention_axes={self._attention_axes} for a query of "
                             f"shape {tuple(query_shape)}; they must lie between the batch and the last axis.")
        self._attention_axes = axes
        free = "abcdefgijklmnpqr"[:rank - 1]
        heads, dim = self._num_heads, self._key_dim
        into = lambda name, d, **more: self._dense(name, f"{free}s,sht->{free}ht", (*(None,) * (rank - 2), heads, d), "ht", **more)
        self._query_dense, self._key_dense = into("query", dim), into("key", dim)
        self._gate_dense = into("gate", self._value_dim, activation="sigmoid") if self.use_gate else None      # the order of the weights
        self._value_dense = into("value", self._value_dim)
        out = self._output_shape or (query_shape[-1],)
        ends = "uvwxyz"[:len(out)]
        self._output_dense = self._dense("attention_output", f"{free}ht,ht{ends}->{free}{ends}", (*(None,) * (rank - 2), *out), ends)
        jobs = [(self._query_dense, query_shape), (self._key_dense, key_shape), (self._value_dense, value_shape)]
        jobs += [(self._gate_dense, query_shape)] if self.use_gate else []
        jobs.append((self._output_dense, (*query_shape[:-1], heads, self._value_dim)))
        for layer, shape in jobs:
            layer.build(shape)
        self._softmax = Softmax(axis=tuple(range(-len(axes), 0)) if len(axes) > 1 else -1, dtype=self.dtype)
        # the axes in the order: batch axes, heads, attended, features
        self._batch = [a for a in range(rank - 1) if a not in axes]

    def _heads_first(self, x):
        """(batch axes ..., heads, product of the attended sizes, features)"""
        n = x.ndim
        x = ops.transpose(x, (*self._batch, n - 2, *self._attention_axes, n - 1))
        return ops.reshape(x, (*x.shape[:len(self._batch) + 1], math.prod(x.shape[len(self._batch) + 1:-1]), x.shape[-1]))

    def call(self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None, attention_mask=None,
             return_attention_scores=False, training=None, use_causal_mask=False):
        key = value if key is None else key
        query_mask = getattr(query, "_keras_mask", None)                 # as in Keras 3: what the tensor carries, which ends here
        for t in (query, value, key):
            if getattr(t, "_keras_mask", None) is not None:
                t._keras_mask = None
        b, rank = len(self._batch), query.ndim
        q, k, v = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        plain = rank == 3 and not self.dropout and not return_attention_scores
        others = (query_mask, value_mask, key_mask, attention_mask, self.sliding_window)
        alone = rank == 3 and use_causal_mask and not any(x is not None for x in others)
        keep = None if alone else self._look(query, value, (query_mask, value_mask, key_mask), attention_mask, use_causal_mask)
        y = None
        if rank == 3 and not return_attention_scores:
            y = self._at_once(q, k, v, keep, alone, 1.0 / math.sqrt(self._key_dim), training, plain)
        if y is not None:
            return self._output_dense(ops.multiply(y, self._gate_dense(query)) if self.use_gate else y)
        if alone:
            keep = self._look(query, value, (None, None, None), None, True)
        sizes_q, sizes_k = ([t.shape[a] for a in self._attention_axes] for t in (q, k))
        scores = ops.matmul(ops.multiply(self._heads_first(q), 1.0 / math.sqrt(self._key_dim)), ops.swapaxes(self._heads_first(k), -1, -2))
        full = (*scores.shape[:b + 1], *sizes_q, *sizes_k)
        scores = scores if scores.shape == full else ops.reshape(scores, full)
        if keep is not None and keep.ndim != scores.ndim:               # (batch, attended axes of q and k): heads, other axes between
            keep = ops.reshape(keep, (keep.shape[0],) + (1,) * (scores.ndim - keep.ndim) + keep.shape[1:])
        weights = self._weights(scores, keep, training, plain)
        w = ops.reshape(weights, (*full[:b + 1], math.prod(sizes_q), math.prod(sizes_k)))
        y = ops.matmul(w, self._heads_first(v))
        y = ops.reshape(y, (*full[:b + 1], *sizes_q, self._value_dim))
        order = [*self._batch, rank - 1, *self._attention_axes, rank]    # where each axis of y belongs
        y = ops.transpose(y, tuple(order.index(a) for a in range(rank + 1)))
        if self.use_gate:
            y = ops.multiply(y, self._gate_dense(query))
        y = self._output_dense(y)
        return (y, weights) if return_attention_scores else y

    def compute_output_shape(self, query_shape, value_shape=None, key_shape=None):
        return (*query_shape[:-1], *(self._output_shape or (query_shape[-1],)))

    def get_config(self):
        config = super().get_config()
        config.update(num_heads=self._num_heads, key_dim=self._key_dim, value_dim=self._value_dim, output_shape=self._output_shape,
                      attention_axes=self._attention_axes)
        return config


class GroupQueryAttention(_Heads):
    """MultiHeadAttention in which groups of query heads share one key and one value head (Ainslie et al. 2023)

    num_query_heads must be a multiple of num_key_value_heads; inputs are (batch, time, features).
    """

    def __init__(self, head_dim, num_query_heads, num_key_value_heads, dropout=0.0, use_bias=True, sliding_window=None,
                 flash_attention=None, kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, use_gate=False, seed=None,
                 **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if num_query_heads % num_key_value_heads:
            raise ValueError(f"GroupQueryAttention received num_query_heads={num_query_heads} and "
                             f"num_key_value_heads={num_key_value_heads}; the first must be a multiple of the second.")
        self.head_dim, self.num_query_heads, self.num_key_value_heads = head_dim, num_query_heads, num_key_value_heads
        self._set(dropout, use_bias, sliding_window, use_gate, seed, kernel_initializer=kernel_initializer,
                  bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                  kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._shapes = dict(query_shape=query_shape, value_shape=value_shape, key_shape=None if key_shape is value_shape else key_shape)
        into = lambda name, n, **more: self._dense(name, "bqm,muh->bquh", (None, n, self.head_dim), "uh", **more)
        self._query_dense, self._key_dense = into("query", self.num_query_heads), into("key", self.num_key_value_heads)
        self._gate_dense = into("gate", self.num_query_heads, activation="sigmoid") if self.use_gate else None
        self._value_dense = into("value", self.num_key_value_heads)
        self._output_dense = self._dense("attention_output", "bquh,uhm->bqm", (None, query_shape[-1]), "m")
        jobs = [(self._query_dense, query_shape), (self._key_dense, key_shape), (self._value_dense, value_shape)]
        jobs += [(self._gate_dense, query_shape)] if self.use_gate else []
        jobs.append((self._output_dense, (*query_shape[:-1], self.num_query_heads, self.head_dim)))
        for layer, shape in jobs:
            layer.build(shape)
        self._softmax = Softmax(axis=-1, dtype=self.dtype)

    def call(self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None, attention_mask=None,
             return_attention_scores=False, training=None, use_causal_mask=False):
        key = value if key is None else key
        keep = self._look(query, value, (query_mask, value_mask, key_mask), attention_mask, use_causal_mask)
        q, k, v = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        plain = not self.dropout and not return_attention_scores
        y = None if return_attention_scores else self._at_once(q, k, v, keep, False, 1.0 / math.sqrt(self.head_dim), training, plain)
        if y is not None:
            return self._output_dense(ops.multiply(y, self._gate_dense(query)) if self.use_gate else y)
        groups = self.num_query_heads // self.num_key_value_heads
        if groups > 1:
            k, v = (ops.repeat(t, groups, axis=2) for t in (k, v))
        q, k, v = (ops.transpose(t, (0, 2, 1, 3)) for t in (q, k, v))
        scores = ops.matmul(ops.multiply(q, 1.0 / math.sqrt(self.head_dim)), ops.swapaxes(k, -1, -2))
        if keep is not None and keep.ndim == 3:
            keep = ops.expand_dims(keep, 1)
        weights = self._weights(scores, keep, training, plain)
        y = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        if self.use_gate:
            y = ops.multiply(y, self._gate_dense(query))
        y = self._output_dense(y)
        return (y, weights) if return_attention_scores else y

    def compute_output_shape(self, query_shape, value_shape=None, key_shape=None):
        return tuple(query_shape)
