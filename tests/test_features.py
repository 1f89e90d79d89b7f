"""Features on disk are read when they are of these weights and data, and never otherwise; blocks that learn."""
import numpy as np
import pytest

import fastdl as keras
from fastdl import layers
from fastdl.utils import cached_features, unfreeze


@pytest.fixture
def base():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="block1_conv"), layers.BatchNormalization(name="block1_bn"),
                             layers.Conv2D(4, 3, name="block10_conv"), layers.GlobalAveragePooling2D(name="pool")])


def test_computed_once(base, tmp_path, monkeypatch):
    x = np.random.default_rng(0).random((7, 8, 8, 3), "float32")
    path, calls, predict = tmp_path / "f.bin", [], base.predict
    monkeypatch.setattr(type(base), "predict", lambda self, *a, **k: calls.append(1) or predict(*a, **k))
    y = cached_features(base, x, path, batch_size=3)
    assert isinstance(y, np.memmap) and len(calls) == 3
    np.testing.assert_allclose(y, base.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    calls.clear()
    again = cached_features(base, x, path)
    assert not calls and np.array_equal(again, y) and not again.flags.writeable
    x[6, 0, 0, 0] += 1                                      # other data
    assert cached_features(base, x, path).shape == (7, 4) and len(calls) == 1
    base.layers[0].kernel.assign(base.layers[0].kernel * 2)                          # other weights
    cached_features(base, x, path)
    assert len(calls) == 2
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])                            # cut short
    cached_features(base, x, path)
    assert len(calls) == 3 and path.read_bytes() == whole and [p.name for p in tmp_path.iterdir()] == ["f.bin"]
    for k in (2, 3):                                        # two functions of one name
        cached_features(base, x, path, preprocess=lambda batch: batch * k)
    assert len(calls) == 5
    with pytest.raises(TypeError, match="collect the batches"):
        cached_features(base, iter([x]), path)


def test_a_failure_leaves_no_file(base, tmp_path):
    def broken(x):
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        cached_features(base, np.zeros((2, 8, 8, 3), "float32"), tmp_path / "f.bin", preprocess=broken)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="no images"):
        cached_features(base, np.zeros((0, 8, 8, 3)), tmp_path / "f.bin")


def test_blocks_that_learn(base):
    assert unfreeze(base) == [] and not base.trainable_weights
    assert unfreeze(base, "block1") == ["block1_conv", "block10_conv"]
    assert unfreeze(base, "block1", norms=True) == ["block1_conv", "block1_bn", "block10_conv"]
    assert unfreeze(base, "block10") == ["block10_conv"] and len(base.trainable_weights) == 2
    with pytest.raises(ValueError, match="block1_conv"):
        unfreeze(base, "block1_cnov")
