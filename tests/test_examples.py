"""The examples run, in their quick sizes, and find what they say; `python -m fastdl` is in test_training.py."""
import importlib.util
import pathlib

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "examples"


@pytest.fixture
def example(monkeypatch, tmp_path):
    """name -> the example as a module; its pictures go to a folder that is thrown away."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.chdir(tmp_path)

    def load(name):
        path, = FOLDER.glob(name + "*.py")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    return load


def test_gradients(example, capsys):
    example("02")
    assert "slope 12.0 curvature 12.0" in capsys.readouterr().out


def test_lenet5(example):
    found = example("04").main(quick=True)
    assert found["1998"] > 0.85 and found["today"] > 0.9


def test_augmentation(example):
    found = example("05").main(quick=True)
    assert all(test > 0.65 for _, test in found.values())


def test_what_a_convnet_sees(example, capsys):
    activations, gains, rows = example("06").main(quick=True)
    assert [a.shape for a in activations] == [(1, 28, 28, 16), (1, 14, 14, 32), (1, 14, 14, 64)]
    assert np.mean(gains) > 0.5 and all(row[1].min() >= 0 for row in rows) and max(row[1].max() for row in rows) > 0
    assert "icture" in capsys.readouterr().out                          # where it is, or how to get one


def test_edges(example):
    answer, rows = example("07").main()
    np.testing.assert_array_equal(answer[..., 0], np.tile([0, -4, -4, 0], (4, 1)))
    np.testing.assert_array_equal(answer[..., 1], 0)
    assert len(rows) == 4 and rows[0][1].shape == (126, 190)


def test_residual_and_inception(example):
    module = example("08")
    found = module.main(quick=True)
    assert min(found.values()) > 0.6
    assert [module.network(block).count_params() for block in ("residual", "inception")] == [20074, 6730]


def test_sliding_windows(example):
    (cut, at_once), read, written = example("09").main(quick=True)
    np.testing.assert_allclose(at_once, cut, atol=1e-5)
    assert (read == written).mean() >= 0.7


def test_sentiment_on_the_bundled_text(example):
    found = example("10").main(["--quick"])
    assert min(accuracy for name, accuracy in found.items() if name != "majority") > 0.85 > 0.7 > found["majority"]


@pytest.mark.shared_data
@pytest.mark.parametrize("name, bound", [("movie_snippets_rated", 0.6), ("zh_reviews", 0.68)])
def test_sentiment_of_reviews(example, shared_data, name, bound):
    arguments = ["--csv", str(shared_data / "text" / f"{name}.csv.gz"), "--quick"]
    found = example("10").main(arguments + ["--characters"] * name.startswith("zh"))
    assert max(found.values()) > bound > found["majority"]


def test_weather_beats_tomorrow_as_today(example):
    found = example("11").main(quick=True)
    assert found["dense"] < 0.95 * found["naive"] and found["GRU"] < 0.92 * found["naive"]


def test_text_generation(example):
    alone, loss, samples = example("12").main(quick=True)
    assert loss < 0.87 * alone
    assert {len(text) for text in samples.values()} == {60} and len(set(samples[0.3])) < len(set(samples[1.2]))
    sample = example("12").sample
    rng = np.random.default_rng(0)
    p = np.array([0.2, 0.5, 0.3], "float32")
    assert all(sample(p, 0.01, rng) == 1 for _ in range(50))
    counts = np.bincount([sample(p, 1.0, rng) for _ in range(4000)]) / 4000
    np.testing.assert_allclose(counts, p, atol=0.03)


def test_conv1d_before_gru(example):
    found = example("13").main(quick=True)
    assert max(found["GRU"], found["conv_and_GRU"]) < 0.96 * found["naive"]


def test_transformer(example):
    accuracy, majority = example("14").main(quick=True)
    assert accuracy > 0.8 > 0.7 > majority


def test_small_data(example, capsys):
    found = example("15").main(quick=True)
    assert list(found) == ["from scratch", "augmented", "frozen features", "fine-tuned"] and min(found.values()) > 0.65
    assert capsys.readouterr().out.count("Found 200 images belonging to 2 classes.") == 4
