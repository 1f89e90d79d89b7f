"""Whole-sequence recurrent primitives: what a mask means, and gradients that do not depend on how they are asked for."""
import numpy as np
import pytest

import fastdl as keras
from fastdl import layers, ops
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor
from fastdl.primitives.recurrent import gru_sequence, lstm_sequence, simple_rnn_sequence

KINDS = {"lstm": (lstm_sequence, 4, 2), "gru": (gru_sequence, 3, 1), "simple": (simple_rnn_sequence, 1, 1)}


def inputs(kind, B=34, T=15, F=6, H=9):
    rng, (_, G, states) = np.random.default_rng(0), KINDS[kind]
    draw = lambda *s: Tensor((0.5 * rng.standard_normal(s)).astype("float32"))
    bias = (2, G * H) if kind == "gru" else (G * H,)
    return [draw(B, T, F), *[draw(B, H) for _ in range(states)], draw(F, G * H), draw(H, G * H), draw(*bias)]


@pytest.mark.parametrize("kind", KINDS)
def test_masked_steps_carry_the_state_and_repeat_the_output(kind):
    run, ins = KINDS[kind][0], inputs(kind)
    mask = np.ones((34, 15), bool)
    mask[1, 4:7] = mask[2, :3] = mask[3] = False
    hs, h = [t.numpy() for t in run(*ins, Tensor(mask))[:2]]
    plain = run(*ins)[0].numpy()
    assert (hs[1, 4:7] == hs[1, 3]).all() and (hs[1, :4] == plain[1, :4]).all() and (hs[1, 7] != plain[1, 7]).any()
    assert (hs[2, :3] == 0).all() and (hs[2, 3] != 0).all()
    assert (hs[3] == 0).all() and (h[3] == ins[1].numpy()[3]).all()
    assert (hs[4:] == plain[4:]).all() and (h[4:] == plain[4:, -1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_reverse_runs_through_time_backwards_in_the_order_of_its_steps(kind):
    run, ins = KINDS[kind][0], inputs(kind)
    turned = [Tensor(np.ascontiguousarray(ins[0].numpy()[:, ::-1])), *ins[1:]]
    for a, b in zip(run(*ins, reverse=True), run(*turned)):
        assert a.numpy().tobytes() == b.numpy().tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_same_however_it_is_asked_for(kind):
    """With what the forward pass kept or made again, with dx or without, with a zero gradient or none."""
    run, ins = KINDS[kind][0], inputs(kind)
    found = []
    for keep in (True, False):
        for sources in (ins, ins[1:]):
            for zero in (False, True):
                with GradientTape() as tape:
                    for t in sources:
                        tape.watch(t)
                    ys = run(*ins, **({} if kind == "simple" else dict(keep=keep)))
                seeds = [Tensor(np.ones(ys[0].shape, "float32"))] + [Tensor(np.zeros(ys[1].shape, "float32"))] * zero
                back = tape.gradient(list(ys[:1 + zero]), list(sources), seeds)
                found.append([g.numpy().tobytes() for g in back[-len(ins) + 1:]])
    assert all(f == found[0] for f in found)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_that_do_not_fit_are_refused(kind):
    run, ins = KINDS[kind][0], inputs(kind)
    with pytest.raises(ValueError, match="do not fit"):
        run(ins[0], *[Tensor(np.zeros((3, 9), "float32"))] * KINDS[kind][2], *ins[-3:])
    with pytest.raises(ValueError, match="bias"):
        run(*ins[:-1], Tensor(np.zeros(5, "float32")))


@pytest.mark.parametrize("rank", (1, 2, 3))
def test_conv_lstm_with_the_channels_first(rank):
    x = np.random.default_rng(0).standard_normal((2, 3, *(5, 4, 6)[:rank], 2)).astype("float32")
    front = (0, 1, rank + 2, *range(2, rank + 2))
    kind = getattr(layers, f"ConvLSTM{rank}D")
    last, first = (kind(3, 2, padding="same", return_sequences=True, data_format=f"channels_{where}") for where in ("last", "first"))
    y = last(x).numpy()
    first.build(x.transpose(front).shape)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(first(x.transpose(front)).numpy(), y.transpose(front), rtol=1e-5, atol=1e-6)
    assert first.compute_output_shape(x.transpose(front).shape) == y.transpose(front).shape


def test_conv_lstm_dropout_lasts_a_sequence_and_ends_with_it():
    layer = layers.ConvLSTM1D(2, 1, dropout=0.5, recurrent_dropout=0.5, recurrent_initializer="zeros", return_sequences=True, seed=3)
    x = np.ones((1, 4, 30, 1), "float32")
    plain, a, b = (layer(x, training=t).numpy() for t in (False, True, True))
    assert np.ptp(plain[0, 0], axis=0).max() < 1e-6 and np.ptp(a[0, 0], axis=0).max() > 1e-3      # some gates' inputs are dropped
    assert np.abs(a - b).max() > 1e-3                                                            # others in the next sequence


@pytest.mark.parametrize("layer", [lambda: layers.LSTM(5), lambda: layers.GRU(4, return_sequences=True), lambda: layers.Bidirectional(layers.SimpleRNN(3)),
                                   lambda: layers.GRU(4, recurrent_dropout=0.2, seed=1), lambda: layers.MultiHeadAttention(2, 3, seed=1)])
def test_a_gradient_penalty_trains_eagerly_and_compiled(layer):
    """A gradient of a gradient through the fused primitives: equal in both ways of running, and it goes down."""
    class Penalized(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = layer(), layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(2))

        def call(self, x):
            return self.last(self.first(x, x) if isinstance(self.first, layers.MultiHeadAttention) else self.first(x))

        def train_step(self, data):
            x = ops.convert_to_tensor(data[0])
            with keras.GradientTape() as tape:
                with keras.GradientTape() as inner:
                    inner.watch(x)
                    y = ops.sum(self(x, training=True))
                penalty = ops.sum(ops.square(inner.gradient(y, x)))
            found = zip(tape.gradient(penalty, self.trainable_variables), self.trainable_variables)
            self.optimizer.apply_gradients([(g, v) for g, v in found if g is not None])
            return {"penalty": penalty}

    x, curves = np.random.default_rng(0).standard_normal((4, 7, 3)).astype("float32"), []
    for eagerly in (True, False):
        keras.utils.set_random_seed(3)
        model = Penalized()
        model.compile(keras.optimizers.Adam(0.01), run_eagerly=eagerly)
        curves.append(model.fit(x, np.zeros((4, 1)), batch_size=4, epochs=4, verbose=0).history["penalty"])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-5)
    assert curves[0][-1] < curves[0][0]


@pytest.mark.parametrize("layer", [layers.LSTM(3, stateful=True), layers.Bidirectional(layers.GRU(3, stateful=True)), layers.ConvLSTM1D(2, 1, stateful=True)])
def test_a_stateful_layer_refuses_another_number_of_rows(layer):
    x = np.ones((6, 4, 3, 2)[:4 if isinstance(layer, layers.ConvLSTM1D) else 3], "float32")
    layer(x[:4])
    with pytest.raises(ValueError, match="carries on from a batch of 4 rows, but received 2"):
        layer(x[4:])
