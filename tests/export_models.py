"""Architectures that tests export: each a function that makes a model whose weights are drawn, none of them zero."""
import numpy as np

import fastdl as keras
from fastdl import layers, ops


def drawn(model, seed=1):
    """Weights of every kind at random, so that no bias and no moving average is one or zero."""
    rng = np.random.default_rng(seed)
    for v in model.weights:
        if not v.dtype.startswith("float"):
            continue
        a = rng.standard_normal(v.shape) * (0.5 / np.sqrt(max(1, v.shape[0] if len(v.shape) == 2 else 4)))
        v.assign(np.abs(a) + 0.5 if "variance" in v.path else a)
    return model


def sequential(*parts):
    return drawn(keras.Sequential(list(parts)))


def mlp():
    return sequential(layers.Input((8,)), layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5),
                      layers.Dense(12, use_bias=False), layers.LeakyReLU(0.3), layers.Dense(4, activation="softmax"))


def lenet():
    return sequential(layers.Input((14, 12, 3)), layers.Conv2D(8, 3, activation="relu", padding="same"), layers.MaxPooling2D(),
                      layers.Conv2D(12, (3, 2), strides=(2, 1), padding="same"), layers.BatchNormalization(), layers.ReLU(),
                      layers.AveragePooling2D(3, 2, padding="same"), layers.Flatten(), layers.Dense(5))


def separable():
    return sequential(layers.Input((13, 13, 4)), layers.SeparableConv2D(8, 3, depth_multiplier=2, padding="same", activation="silu"),
                      layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same"),
                      layers.Conv2D(8, 3, dilation_rate=2, padding="same"),
                      layers.Conv2D(8, 3, groups=4, activation="gelu"), layers.GlobalAveragePooling2D(),
                      layers.Dense(3, activation="sigmoid"))


def resnet():
    x = start = layers.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(layers.ZeroPadding2D(1)(x))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.Conv2D(8, 3, padding="same")(x)
    y = layers.BatchNormalization(scale=False)(y)
    scale = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    x = layers.ReLU()(layers.add([x, layers.multiply([y, scale])]))
    x = layers.concatenate([x, layers.Cropping2D(1)(layers.ZeroPadding2D(1)(y))])
    return drawn(keras.Model(start, layers.Dense(4)(layers.GlobalMaxPooling2D()(x))))


def unet():
    start = layers.Input((None, None, 2))
    a = layers.Conv2D(6, 3, padding="same", activation="relu")(start)
    b = layers.Conv2D(8, 3, padding="same", activation="elu")(layers.MaxPooling2D()(a))
    c = layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(b)
    d = layers.UpSampling2D(2)(b)
    return drawn(keras.Model(start, layers.Conv2D(1, 1, activation="sigmoid")(layers.Concatenate()([a, c, d]))))


def anysize():
    """Padding that depends on the image: odd and even sizes are padded differently."""
    return sequential(layers.Input((None, None, 3)), layers.Conv2D(4, 3, strides=2, padding="same"),
                      layers.MaxPooling2D(3, 2, padding="same"),
                      layers.AveragePooling2D(3, 2, padding="same"), layers.DepthwiseConv2D(3, padding="same"),
                      layers.GlobalAveragePooling2D())


def padded_pools():
    """Zeros around an image that count in its pools, as padding='same' does not."""
    return sequential(layers.Input((9, 8, 2)), layers.Conv2D(3, 3), layers.ZeroPadding2D(1), layers.MaxPooling2D(2), layers.Conv2D(3, 1),
                      layers.ZeroPadding2D(3), layers.AveragePooling2D(2, 1), layers.ZeroPadding2D(1), layers.MaxPooling2D(1, 2))


def transposed():
    return sequential(layers.Input((5, 4, 3)), layers.Conv2DTranspose(6, 4, strides=3),
                      layers.Conv2DTranspose(4, 2, strides=3, padding="same"),
                      layers.UpSampling2D((2, 1), interpolation="bilinear"), layers.Conv2DTranspose(3, 3, padding="valid", use_bias=False))


def conv1d():
    return sequential(layers.Input((20, 5)), layers.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="tanh"),
                      layers.MaxPooling1D(3, 2, padding="same"), layers.SeparableConv1D(7, 3), layers.LayerNormalization(),
                      layers.UpSampling1D(2), layers.Conv1DTranspose(4, 3, strides=2),
                      layers.AveragePooling1D(2), layers.GlobalMaxPooling1D(), layers.Dense(2))


def conv3d():
    return sequential(layers.Input((6, 7, 8, 2)), layers.Conv3D(4, 3, padding="same", activation="relu"), layers.MaxPooling3D(2),
                      layers.Conv3DTranspose(3, 2, strides=2), layers.AveragePooling3D(2, padding="same"), layers.Flatten(),
                      layers.Dense(3))


def norms():
    return sequential(layers.Input((6, 6, 8)), layers.Conv2D(8, 3), layers.GroupNormalization(4), layers.LayerNormalization(axis=[1, 2, 3]),
                      layers.PReLU(shared_axes=[1, 2]), layers.UnitNormalization(), layers.BatchNormalization(axis=1),
                      layers.Permute((3, 1, 2)),
                      layers.Reshape((-1, 4)), layers.RMSNormalization())


def lstm():
    return sequential(layers.Input((None, 6)), layers.LSTM(8, return_sequences=True),
                      layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
                      layers.LSTM(4, go_backwards=True), layers.Dense(3))


def gru():
    return sequential(layers.Input((9, 6)), layers.GRU(8, return_sequences=True),
                      layers.GRU(5, reset_after=False, return_sequences=True, go_backwards=True),
                      layers.Bidirectional(layers.GRU(4), merge_mode="sum"), layers.Dense(3))


def simple_rnn():
    return sequential(layers.Input((7, 4)), layers.SimpleRNN(6, return_sequences=True),
                      layers.SimpleRNN(5, activation="relu", return_sequences=True),
                      layers.SimpleRNN(5, activation=None, return_sequences=True),
                      layers.TimeDistributed(layers.Dense(3, activation="tanh")),
                      layers.SimpleRNN(3, activation="hard_sigmoid"))


class Counting(layers.Layer):
    """A cell of the user's own, with states of two kinds."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.state_size, self.output_size = units, [units, units], 2
        self.inner, self.out = layers.Dense(units, activation="tanh"), layers.Dense(2)

    def build(self, shape):
        self.inner.build((None, shape[-1] + self.units))
        self.out.build((None, self.units))
        self.built = True

    def call(self, x, states):
        h = self.inner(ops.concatenate([x, states[0]], -1))
        return self.out(h), [h, states[1] * 0.5 + h]


def cells():
    """Loops of any length: stacked cells, one of them shared with another place, states given out."""
    start, shared = layers.Input((None, 3)), layers.RNN(Counting(3), return_sequences=True)
    x = layers.Dense(3)(shared(layers.Dense(3)(start)))
    return drawn(keras.Model(start, layers.RNN([layers.GRUCell(4),
                      layers.LSTMCell(2)], return_sequences=True, return_state=True)(shared(x))))


def keras2_words():
    """The recurrent layers of Keras 2's files: hard_sigmoid, masks, any length."""
    start = layers.Input((None,), dtype="int32")
    x = layers.Embedding(5, 3, mask_zero=True)(start)
    y, h, c = layers.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True, return_state=True)(x)
    z = layers.Bidirectional(layers.GRU(3, recurrent_activation="hard_sigmoid", reset_after=False))(y)
    return drawn(keras.Model(start, layers.Dense(4)(layers.concatenate([z, h, c]))))


def masked():
    start = layers.Input((None,), dtype="int32")
    x = layers.Embedding(5, 6, mask_zero=True)(start)
    a = layers.LSTM(5, return_sequences=True)(x)
    b = layers.Bidirectional(layers.GRU(4))(a)
    c = layers.GRU(4, reset_after=False)(a)
    d = layers.SimpleRNN(3)(a)
    return drawn(keras.Model(start, layers.concatenate([b, c, d, layers.GlobalAveragePooling1D()(x)])))


def translate():
    """Encoder and decoder: states handed on, two inputs, attention between them."""
    source, target = layers.Input((None,), dtype="int32", name="source"), layers.Input((None,), dtype="int32", name="target")
    encoded, h, c = layers.LSTM(6, return_sequences=True, return_state=True)(layers.Embedding(11, 5)(source))
    decoded = layers.LSTM(6, return_sequences=True)(layers.Embedding(9, 4)(target), initial_state=[h, c])
    seen = layers.Attention()([decoded, encoded])
    return drawn(keras.Model([source, target], layers.Dense(9, activation="softmax")(layers.Concatenate()([decoded, seen]))))


def transformer():
    start = layers.Input((10,), dtype="int32")
    x = layers.Embedding(12, 8)(start)
    y = layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.add([x, y]))
    y = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    x = layers.LayerNormalization()(layers.add([x, y]))
    return drawn(keras.Model(start, layers.Dense(3, activation="log_softmax")(layers.GlobalAveragePooling1D()(x))))


def attention():
    a, b = layers.Input((None, 6), name="query"), layers.Input((None, 6), name="value")
    y = layers.AdditiveAttention()([a, b])
    z = layers.MultiHeadAttention(3, 2, value_dim=3)(a, b)
    return drawn(keras.Model([a, b], [layers.Dense(2)(y), layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d")(z)]))


def siamese():
    """A nested model used twice, two inputs, two outputs, operators between tensors."""
    inner = keras.Sequential([layers.Input((6,)), layers.Dense(5, activation="tanh"), layers.Dense(4)], name="inner")
    a, b = layers.Input((6,), name="left"), layers.Input((6,), name="right")
    x, y = inner(a), inner(b)
    far = ops.sqrt(ops.sum(ops.square(x - y), axis=-1, keepdims=True) + 1e-6)
    near = layers.Dot(axes=1, normalize=True)([x, y])
    return drawn(keras.Model([a, b], {"far": far * 2.0 - 1.0, "near": near}))


class Wide(keras.Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(6, activation="selu"), [layers.Dense(6, activation="softplus") for _ in range(2)]

    def call(self, x, training=False):
        x = self.a(x)
        for layer in self.b:
            x = x + layer(x) / 2
        return ops.where(x > 0.5, x, ops.exp(-x))


def subclassed():
    model = Wide()
    model(np.zeros((2, 5), "float32"))
    return drawn(model)


def merging():
    a, b = layers.Input((4, 3)), layers.Input((4, 3))
    parts = [layers.Add()([a, b]), layers.Subtract()([a, b]), layers.Multiply()([a, b]), layers.Average()([a, b]), layers.Maximum()([a, b]),
             layers.Minimum()([a, b])]
    x = layers.RepeatVector(2)(layers.Flatten()(layers.concatenate(parts, axis=1)))
    return drawn(keras.Model([a, b], layers.Dense(3)(layers.Permute((2, 1))(x))))


def activations():
    names = ["relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign", "tanh", "sigmoid",
       "hard_sigmoid", "hard_silu",
             "leaky_relu", "exponential", "softmax", "log_softmax", "log_sigmoid", "tanh_shrink", "soft_shrink", "hard_shrink",
       "squareplus",
             "glu", "sparse_plus", "hard_tanh"]
    start = layers.Input((6,))
    known = [n for n in names if n in dir(keras.activations)]
    assert len(known) > 15
    return keras.Model(start, layers.concatenate([layers.Activation(n)(start) for n in known]))


ALL = [mlp, lenet, separable, resnet, unet, anysize, padded_pools, transposed, conv1d, conv3d, norms, lstm, gru, simple_rnn, cells,
       keras2_words, masked, translate,
       transformer, attention, siamese, subclassed, merging, activations]
