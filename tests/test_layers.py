"""One row a layer, one battery for all: config round trip, symbolic shape == eager shape, gradients reach every weight."""
import numpy as np
import pytest

import fastdl
from fastdl import layers, ops
from fastdl.ops import symbolic

X2, X3, X4, X5 = (4, 6), (4, 5, 6), (2, 4, 4, 3), (2, 3, 3, 3, 2)
X3C = (4, 7, 6)
ROWS = [                                   # layer class, arguments, input shape (a list: several inputs)
    (layers.Dense, dict(units=3, activation="relu"), X2),
    (layers.Dense, dict(units=3, activation="softmax", kernel_regularizer="l2"), X3),
    (layers.Dense, dict(units=3, use_bias=False), X2),
    (layers.Identity, {}, X2),
    (layers.Masking, {}, X3),
    (layers.Activation, dict(activation="tanh"), X2),
    (layers.ReLU, dict(max_value=6.0), X2),
    (layers.LeakyReLU, dict(negative_slope=0.2), X2),
    (layers.PReLU, dict(shared_axes=[1]), X3),
    (layers.ELU, {}, X2),
    (layers.ThresholdedReLU, {}, X2),
    (layers.Softmax, {}, X3),
    (layers.Flatten, {}, X4),
    (layers.Reshape, dict(target_shape=(3, -1)), X2),
    (layers.Permute, dict(dims=(2, 1)), X3),
    (layers.RepeatVector, dict(n=3), X2),
    (layers.Dropout, dict(rate=0.5), X2),
    (layers.SpatialDropout1D, dict(rate=0.5), X3),
    (layers.SpatialDropout2D, dict(rate=0.5), X4),
    (layers.SpatialDropout3D, dict(rate=0.5), X5),
    (layers.GaussianNoise, dict(stddev=0.5), X2),
    (layers.GaussianDropout, dict(rate=0.5), X2),
    (layers.AlphaDropout, dict(rate=0.5), X2),
    (layers.ActivityRegularization, dict(l2=0.1), X2),
    (layers.Add, {}, [X2, X2]),
    (layers.Subtract, {}, [X2, X2]),
    (layers.Multiply, {}, [X2, X2]),
    (layers.Average, {}, [X2, X2]),
    (layers.Maximum, {}, [X2, X2]),
    (layers.Minimum, {}, [X2, X2]),
    (layers.Concatenate, dict(axis=1), [X3, X3]),
    (layers.Dot, dict(axes=1), [X2, X2]),
    (layers.Dot, dict(axes=(2, 2), normalize=True), [X3, X3]),
    (layers.Conv1D, dict(filters=4, kernel_size=3, padding="causal", dilation_rate=2, activation="relu"), X3),
    (layers.Conv1D, dict(filters=4, kernel_size=2, strides=2, use_bias=False, kernel_regularizer="l2"), X3),
    (layers.Conv2D, dict(filters=4, kernel_size=3, padding="same", activation="relu", kernel_initializer="he_normal"), X4),
    (layers.Conv2D, dict(filters=6, kernel_size=(2, 1), groups=3, bias_constraint="non_neg"), X4),
    (layers.Conv2D, dict(filters=4, kernel_size=2, strides=(1, 2), data_format="channels_first", activation="tanh"), X4),
    (layers.Conv3D, dict(filters=3, kernel_size=2, padding="same", activity_regularizer="l2"), X5),
    (layers.Conv1DTranspose, dict(filters=3, kernel_size=3, strides=2, output_padding=1), X3),
    (layers.Conv2DTranspose, dict(filters=3, kernel_size=3, strides=2, padding="same", activation="relu"), X4),
    (layers.Conv2DTranspose, dict(filters=3, kernel_size=2, data_format="channels_first"), X4),
    (layers.Conv3DTranspose, dict(filters=2, kernel_size=2, strides=2), X5),
    (layers.DepthwiseConv1D, dict(kernel_size=2, depth_multiplier=2), X3),
    (layers.DepthwiseConv2D, dict(kernel_size=3, padding="same", strides=2), X4),
    (layers.SeparableConv1D, dict(filters=4, kernel_size=3), X3),
    (layers.SeparableConv2D, dict(filters=4, kernel_size=3, depth_multiplier=2, padding="same", activation="elu"), X4),
    (layers.MaxPooling1D, dict(padding="same"), X3),
    (layers.MaxPooling2D, dict(pool_size=(2, 3), strides=1), X4),
    (layers.MaxPooling3D, dict(data_format="channels_first"), X5),
    (layers.AveragePooling1D, dict(pool_size=2, strides=1), X3),
    (layers.AveragePooling2D, dict(pool_size=2, padding="same", data_format="channels_first"), X4),
    (layers.AveragePooling3D, dict(pool_size=2, padding="same"), X5),
    (layers.GlobalMaxPooling1D, {}, X3),
    (layers.GlobalMaxPooling2D, dict(keepdims=True), X4),
    (layers.GlobalMaxPooling3D, dict(data_format="channels_first"), X5),
    (layers.GlobalAveragePooling1D, dict(keepdims=True), X3),
    (layers.GlobalAveragePooling2D, dict(data_format="channels_first"), X4),
    (layers.GlobalAveragePooling3D, {}, X5),
    (layers.AdaptiveAveragePooling1D, dict(output_size=3), X3),
    (layers.AdaptiveAveragePooling2D, dict(output_size=(3, 2)), X4),
    (layers.AdaptiveAveragePooling3D, dict(output_size=2), X5),
    (layers.AdaptiveMaxPooling1D, dict(output_size=2), X3),
    (layers.AdaptiveMaxPooling2D, dict(output_size=3, data_format="channels_first"), X4),
    (layers.AdaptiveMaxPooling3D, dict(output_size=(1, 2, 3)), X5),
    (layers.BatchNormalization, {}, X2),
    (layers.BatchNormalization, dict(axis=1, momentum=0.9, gamma_regularizer="l1"), X4),
    (layers.BatchNormalization, dict(center=False, scale=False), X5),
    (layers.LayerNormalization, {}, X3),
    (layers.LayerNormalization, dict(axis=[1, -1], epsilon=1e-5), X4),
    (layers.LayerNormalization, dict(rms_scaling=True), X2),
    (layers.GroupNormalization, dict(groups=3), X3),
    (layers.GroupNormalization, dict(groups=2, axis=1, scale=False), X4),
    (layers.RMSNormalization, {}, X3),
    (layers.UnitNormalization, {}, X2),
    (layers.SpectralNormalization, dict(layer=layers.Conv2D(4, 2), power_iterations=2), X4),
    (layers.ZeroPadding1D, dict(padding=(1, 2)), X3),
    (layers.ZeroPadding2D, dict(padding=((1, 0), (2, 3)), data_format="channels_first"), X4),
    (layers.ZeroPadding3D, dict(padding=(1, 0, 2)), X5),
    (layers.Cropping1D, dict(cropping=1), X3),
    (layers.Cropping2D, dict(cropping=((1, 0), (0, 2))), X4),
    (layers.Cropping3D, {}, X5),
    (layers.UpSampling1D, dict(size=3), X3),
    (layers.UpSampling2D, dict(size=(2, 3), data_format="channels_first"), X4),
    (layers.UpSampling2D, dict(interpolation="bilinear"), X4),
    (layers.UpSampling3D, {}, X5),
    (layers.SimpleRNN, dict(units=3, activation="relu", kernel_regularizer="l2"), X3),
    (layers.SimpleRNN, dict(units=3, use_bias=False, return_sequences=True, go_backwards=True), X3),
    (layers.LSTM, dict(units=3, dropout=0.5, recurrent_dropout=0.3, seed=1), X3),
    (layers.LSTM, dict(units=3, return_sequences=True, recurrent_activation="hard_sigmoid", unit_forget_bias=False, unroll=True), X3),
    (layers.LSTM, dict(units=3, time_major=True, implementation=1, return_sequences=True), X3),
    (layers.GRU, dict(units=3, bias_constraint="non_neg", zero_output_for_mask=True), X3),
    (layers.GRU, dict(units=3, reset_after=False, return_sequences=True, recurrent_dropout=0.5), X3),
    (layers.RNN, dict(cell=layers.LSTMCell(3), return_sequences=True), X3),
    (layers.RNN, dict(cell=[layers.GRUCell(4), layers.SimpleRNNCell(3)]), X3),
    (layers.ConvLSTM1D, dict(filters=3, kernel_size=2, padding="same", return_sequences=True), X4),
    (layers.ConvLSTM2D, dict(filters=3, kernel_size=2, dropout=0.3, recurrent_dropout=0.3, seed=1), X5),
    (layers.ConvLSTM3D, dict(filters=2, kernel_size=1, strides=2), (2, 2, 3, 2, 3, 2)),
    (layers.Bidirectional, dict(layer=layers.LSTM(3), merge_mode="sum"), X3),
    (layers.Bidirectional, dict(layer=layers.GRU(3, return_sequences=True), backward_layer=layers.LSTM(2, return_sequences=True, go_backwards=True)),
     X3),
    (layers.TimeDistributed, dict(layer=layers.Dense(3)), X3),
    (layers.TimeDistributed, dict(layer=layers.Conv2D(2, 2)), X5),
    (layers.Attention, dict(use_scale=True), [X3, X3]),
    (layers.Attention, dict(score_mode="concat", dropout=0.3), [X3, X3, X3]),
    (layers.AdditiveAttention, {}, [X3, X3]),
    (layers.EinsumDense, dict(equation="abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", activation="relu"), X3),
    (layers.EinsumDense, dict(equation="...x,xy->...y", output_shape=3, bias_axes="y"), X4),
    (layers.Rescaling, dict(scale=2.0, offset=[1.0, 0.0, -1.0]), X4),
    (layers.Normalization, dict(mean=[1.0, 2.0, 3.0], variance=[1.0, 2.0, 4.0]), X4),
    (layers.Resizing, dict(height=3, width=5, interpolation="bicubic", antialias=True), X4),
    (layers.CenterCrop, dict(height=2, width=3), X4),
    (layers.AutoContrast, {}, X4),
    (layers.Discretization, dict(bin_boundaries=[-1.0, 0.0, 1.0], output_mode="one_hot"), X2),
    (layers.STFTSpectrogram, dict(mode="psd", frame_length=4, frame_step=2), X3C),
]
CALLS = [                                  # as above, for layers that are called with several arguments or give several tensors
    (layers.LSTM, dict(units=3, return_state=True, return_sequences=True), [X3], {}),
    (layers.GRU, dict(units=3, return_state=True), [X3, (4, 3)], {}),
    (layers.RNN, dict(cell=[layers.LSTMCell(3), layers.GRUCell(2)], return_state=True), [X3], {}),
    (layers.Bidirectional, dict(layer=layers.LSTM(3, return_sequences=True, return_state=True), merge_mode=None), [X3], {}),
    (layers.MultiHeadAttention, dict(num_heads=2, key_dim=3, dropout=0.2), [X3, X3], dict(return_attention_scores=True)),
    (layers.MultiHeadAttention, dict(num_heads=2, key_dim=3, value_dim=4, output_shape=5, use_bias=False), [X3, X3C, X3C],
     dict(use_causal_mask=True)),
    (layers.MultiHeadAttention, dict(num_heads=2, key_dim=2, attention_axes=2, use_gate=True), [X4, X4], {}),
    (layers.GroupQueryAttention, dict(head_dim=3, num_query_heads=4, num_key_value_heads=2), [X3, X3C], dict(return_attention_scores=True)),
]


def data(shape):
    if isinstance(shape, list):
        return [data(s) for s in shape]
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def inputs(shape):
    return [inputs(s) for s in shape] if isinstance(shape, list) else layers.Input(shape[1:])


@pytest.mark.parametrize("cls, args, shape", ROWS, ids=[f"{r[0].__name__}-{i}" for i, r in enumerate(ROWS)])
def test_layer(cls, args, shape):
    layer, x = cls(**args), data(shape)
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()

    y = layer(x)
    spec = again(inputs(shape))
    assert tuple(spec.shape)[1:] == tuple(y.shape)[1:] and spec.shape[0] is None
    assert spec.dtype == y.dtype
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x).numpy(), y.numpy())
    trained = layer(x, training=True)
    assert tuple(trained.shape) == tuple(y.shape)

    if layer.weights:
        with fastdl.GradientTape() as tape:
            loss = ops.sum(ops.square(layer(x)))
        for w, g in zip(layer.trainable_weights, tape.gradient(loss, layer.trainable_weights)):
            assert g is not None and tuple(g.shape) == tuple(w.shape), w.path


@pytest.mark.parametrize("cls, args, shapes, kwargs", CALLS, ids=[f"{r[0].__name__}-{i}" for i, r in enumerate(CALLS)])
def test_call(cls, args, shapes, kwargs):
    layer, xs = cls(**args), [data(s) for s in shapes]
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    ys = symbolic.flatten(layer(*xs, **kwargs))
    specs = symbolic.flatten(again(*[inputs(s) for s in shapes], **kwargs))
    assert [(t.shape[1:], t.dtype) for t in specs] == [(t.shape[1:], t.dtype) for t in ys] and all(t.shape[0] is None for t in specs)
    again.set_weights(layer.get_weights())
    for a, b in zip(symbolic.flatten(again(*xs, **kwargs)), ys):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with fastdl.GradientTape() as tape:
        loss = sum(ops.sum(ops.square(y)) for y in symbolic.flatten(layer(*xs, **kwargs)))
    assert all(g is not None and g.shape == w.shape for w, g in zip(layer.trainable_weights, tape.gradient(loss, layer.trainable_weights)))


def test_embedding():
    layer = layers.Embedding(5, 3, mask_zero=True)
    y = layer(np.array([[1, 0], [4, 2]]))
    assert y.shape == (2, 2, 3)
    np.testing.assert_array_equal(y._keras_mask.numpy(), [[True, False], [True, True]])
    with pytest.raises(IndexError, match="index 5"):
        layer(np.array([[5]]))
    with pytest.raises(ValueError, match="pass a list"):
        layer.set_weights(np.zeros((5, 3)))


def test_functional_shared_nested_and_ops():
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    inner = fastdl.Sequential([layers.Input((3,)), layers.Dense(2)], name="inner")
    z = inner(layers.add([shared(a), shared(b)])) * 2.0
    model = fastdl.Model([a, b], {"z": z, "s": ops.sum(z, axis=-1)})
    x = [data((5, 4)), data((5, 4)) + 1]
    out = model(x)
    assert out["z"].shape == (5, 2) and out["s"].shape == (5,)
    assert len(model.weights) == 4
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(x)["z"].numpy(), out["z"].numpy())
    assert [l.name for l in again.layers] == [l.name for l in model.layers]


def test_sequential_deferred_and_pop():
    model = fastdl.Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built
    assert model(data((4, 6))).shape == (4, 2)
    model.pop()
    assert model.output_shape == (None, 3)
    with pytest.raises(ValueError, match="axis -1"):
        model.layers[0](data((4, 7)))


def test_a_layer_twice_in_a_row_shares_its_weights():
    twice = layers.Dense(6)
    model = fastdl.Sequential([layers.Input((6,)), twice, twice])
    assert len(model.weights) == 2
    x = data(X2)
    same_twice = twice(twice(x))
    np.testing.assert_allclose(model(x).numpy(), same_twice.numpy(), rtol=1e-6)
    with pytest.raises(ValueError, match="another name"):
        fastdl.Sequential([layers.Input((6,)), layers.Dense(6, name="a"), layers.Dense(6, name="a")])


@pytest.mark.parametrize("f, message", [
    (lambda: layers.Input((-5,)), "whole number"), (lambda: layers.Input((5.0,)), "whole number"), (lambda: layers.Lambda(5), "function"),
    (lambda: layers.Dense(3)(None), "is None"), (lambda: layers.LSTM(3)("text"), "'text'"),
    (lambda: fastdl.Sequential([layers.Dense(2)]).output_shape, "no output_shape yet"),
    (lambda: fastdl.Sequential([layers.Dense(2)]).get_layer(), "name or an index"),
])
def test_slips_are_explained(f, message):
    with pytest.raises((TypeError, ValueError, AttributeError), match=message):
        f()


def test_an_optional_input_may_be_none():
    class Plus(layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y
    a, b = layers.Input((6,)), layers.Input((6,), optional=True)
    model, x = fastdl.Model([a, b], Plus()(a, b)), data(X2)
    np.testing.assert_array_equal(model([x, None]).numpy(), x)
    np.testing.assert_array_equal(model([x, x]).numpy(), x + x)
    with pytest.raises(TypeError, match="received None"):
        model([None, x])


def test_the_output_of_a_layer_not_yet_built():
    assert layers.Dense(3).compute_output_spec(fastdl.KerasTensor((2, 4))).shape == (2, 3)


def test_tables_and_old_keywords_go_into_layers():
    pandas = pytest.importorskip("pandas")
    x = data(X2)
    dense, lstm = layers.Dense(3), layers.LSTM(3)
    np.testing.assert_array_equal(dense(pandas.DataFrame(x)).numpy(), dense(x).numpy())
    np.testing.assert_array_equal(lstm(inputs=data(X3)).numpy(), lstm(data(X3)).numpy())


def test_trainable_is_recursive():
    model = fastdl.Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 2
    model.trainable = False
    assert not model.trainable_weights and len(model.weights) == 4


def test_input_of_a_symbolic_tensor_is_that_tensor():
    from fastdl.layers import Dense, Input
    inner = Dense(3)(Input((4,)))
    assert Input(tensor=inner) is inner


PLAIN = [r for r in ROWS if not {"layer", "cell"} & set(r[1])]              # an inner layer keeps the dtype that it was made with


@pytest.mark.parametrize("cls, args, shape", PLAIN, ids=[f"{r[0].__name__}-{i}" for i, r in enumerate(PLAIN)])
def test_float64(cls, args, shape):
    single, double = cls(**args), cls.from_config({**cls(**args).get_config(), "dtype": "float64"})
    x = data(shape)
    wide = [a.astype("float64") for a in x] if isinstance(shape, list) else x.astype("float64")
    y, z = single(x), double(wide)
    assert z.dtype == ("float64" if y.dtype == "float32" else y.dtype)
    assert double.compute_dtype == "float64" and all(w.dtype == "float64" for w in double.trainable_weights)
    double.set_weights(single.get_weights())
    np.testing.assert_allclose(double(wide).numpy(), single(x).numpy(), rtol=1e-4, atol=1e-5)
    if double.trainable_weights:
        with fastdl.GradientTape() as tape:
            loss = ops.sum(ops.square(double(wide)))
        assert all(g.dtype == "float64" for g in tape.gradient(loss, double.trainable_weights))
