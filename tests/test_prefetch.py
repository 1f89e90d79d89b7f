"""Reading ahead: the same batches in the same order, errors with their traceback, no thread left behind."""
import threading
import time
import traceback

import numpy as np
import pytest

import fastdl as keras
from fastdl.training import data
from fastdl.training.prefetch import End, ahead


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    m = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    m.compile("sgd", "mse")
    return m


def batches(n, seen=None, pause=1e-3, where=None, fault=None):
    rng = np.random.default_rng(0)
    for k in range(n):
        time.sleep(pause)
        if seen is not None:
            seen.append((k, threading.current_thread().name))
        if k == where:
            raise fault
        yield rng.standard_normal((8, 4)).astype("float32"), rng.standard_normal((8, 3)).astype("float32")


def readers():
    return [t for t in threading.enumerate() if t.name.startswith("fastdl-reader")]


def test_slow_generator_is_read_by_a_thread_and_changes_nothing(model):
    start, seen = model.get_weights(), []
    model.fit(batches(20, seen), epochs=1, verbose=0)
    assert [k for k, _ in seen] == list(range(20)) and any(name.startswith("fastdl-reader") for _, name in seen)
    threaded = model.get_weights()
    model.set_weights(start)
    for x, y in batches(20, pause=0):
        model.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(threaded, model.get_weights())) and not readers()


def test_no_batch_is_read_beyond_the_steps(model):
    seen = []
    source = batches(50, seen)
    model.fit(source, steps_per_epoch=7, epochs=3, verbose=0)
    assert len(seen) == 21 and not readers()
    assert next(source)[0].shape == (8, 4)


def test_error_of_a_generator_keeps_its_type_and_traceback(model):
    with pytest.raises(KeyError) as caught:
        model.fit(batches(20, where=9, fault=KeyError("no such picture")), epochs=1, verbose=0)
    assert "in batches" in "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    assert not readers()


def test_error_in_a_callback_ends_the_threads(model):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 5:
                raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough") as kept:
        model.fit(batches(50), epochs=1, verbose=0, callbacks=[Stop()])
    assert kept.tb is not None and not readers()


def test_generator_that_ends_early_is_told(model):
    with pytest.warns(UserWarning, match="ran out in epoch 2 after 2 steps"):
        history = model.fit(batches(12), steps_per_epoch=10, epochs=3, verbose=0)
    assert len(history.epoch) == 2


def test_endless_generator_without_steps_is_told(model, monkeypatch):
    monkeypatch.setattr(data, "ENDLESS", 12)
    with pytest.warns(UserWarning, match="steps_per_epoch"):
        model.fit(batches(15, pause=0), verbose=0)


def test_batch_of_another_shape_is_told(model):
    def odd():
        yield np.zeros((8, 4), "float32"), np.zeros((8, 3), "float32")
        yield np.zeros((8, 5), "float32"), np.zeros((8, 3), "float32")

    with pytest.raises(ValueError, match="5"):
        model.fit(odd(), verbose=0)


class Slow(keras.utils.PyDataset):
    def __init__(self, **options):
        super().__init__(**options)
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __len__(self):
        return 16

    def __getitem__(self, k):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.002 * (1 + k % 3))
        with self.lock:
            self.now -= 1
        return np.full((2, 4), k, "float32"), np.full((2, 3), k, "float32")


@pytest.mark.parametrize("workers", [1, 3])
def test_dataset_is_read_in_order_by_as_many_workers_as_it_says(model, workers):
    dataset, kept = Slow(workers=workers), []
    model.evaluate(dataset, verbose=0)
    assert 1 < dataset.most <= 3 if workers == 3 else dataset.most == 1
    out = model.predict(dataset, verbose=0)
    kept = model.predict(np.repeat(np.arange(16, dtype="float32"), 2)[:, None] * np.ones((1, 4), "float32"), verbose=0)
    assert np.array_equal(out, kept) and not readers()


def test_fetch_is_bounded():
    asked = []

    def fetch(k):
        asked.append(k)
        time.sleep(2e-4)
        if k == 30:
            raise End
        return k

    got = ahead(fetch, range(100), depth=4)
    assert [next(got) for _ in range(6)] == list(range(6))
    time.sleep(0.02)
    assert len(asked) <= 6 + 4
    assert list(got) == list(range(6, 30))
