"""Honest scores: splits, folds, statistics of the training rows alone, rows that are in two parts; series and word vectors."""
import collections
import doctest
import gzip
import importlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import fastdl as keras
from fastdl import validation
from fastdl.preprocessing import Standardizer, image, sequence, text


@pytest.mark.parametrize("name", ["validation"] + ["preprocessing." + n for n in ("standardizer", "text", "sequence", "crops")])
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module("fastdl." + name), extraglobs={"np": np})
    assert result.attempted and not result.failed


def test_a_split_keeps_every_row_once_and_the_shares_of_labels():
    y = np.repeat([0, 1], [80, 20])
    parts = validation.split(np.arange(100), y, fractions=(0.6, 0.2, 0.2), stratify=y)
    assert sorted(np.concatenate([p[0] for p in parts])) == list(range(100))
    assert [(len(p[1]), p[1].sum()) for p in parts] == [(60, 12), (20, 4), (20, 4)]
    with pytest.raises(ValueError, match="add up to 1"):
        validation.split(y, fractions=(0.5, 0.2))


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 40), st.integers(2, 4), st.integers(1, 3), st.booleans())
def test_every_row_is_tested_once_a_repeat(n, k, repeats, stratified):
    labels = np.arange(n) % 2 if stratified else None
    pairs = list(validation.folds(n, k, repeats, seed=1, stratify=labels))
    assert len(pairs) == k * repeats
    tested = collections.Counter(np.concatenate([t for _, t in pairs]).tolist())
    assert set(tested) == set(range(n)) and set(tested.values()) == {repeats}
    for train, test in pairs:
        assert sorted([*train, *test]) == list(range(n)) and abs(len(test) - n / k) < 1
        if stratified:
            assert abs(labels[test].sum() - len(test) / 2) <= 1


def build():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


def test_each_fold_has_a_fresh_model_and_its_own_statistics():
    rng = np.random.default_rng(0)
    x = rng.normal(5, [1, 10, 100], (40, 3))
    y = x @ [1, 0.1, 0.01] + 2
    fitted = []

    class Watched(Standardizer):
        def fit(self, rows):
            fitted.append(len(rows))
            return super().fit(rows)

    result = validation.cross_validate(build, x, y, k=4, repeats=2, preprocess=Watched, epochs=20, batch_size=8, verbose=0)
    assert fitted == [30] * 8 and result.scores.shape == (8, 2) and result.metrics_names == ["loss", "mae"]
    np.testing.assert_allclose(result.average["val_mae"], np.mean([h["val_mae"] for h in result.histories], 0))
    np.testing.assert_allclose(result.mean["mae"], result.average["val_mae"][-1], rtol=1e-5)
    assert result.mean["mae"] < 0.3 * result.average["val_mae"][0] and "8 folds" in repr(result)
    first = [h["loss"][0] for h in result.histories]
    assert min(first) > 3 * max(h["loss"][-1] for h in result.histories)        # no fold starts where another ended
    model = build()
    with pytest.raises(ValueError, match="same model twice"):
        validation.cross_validate(lambda: model, x, y, epochs=1, verbose=0)
    with pytest.raises(ValueError, match="rows in both"):
        validation.cross_validate(build, x, y, splits=[([0, 1], [1, 2])], epochs=1, verbose=0)


def test_curves_of_different_lengths():
    assert validation.Result([{"loss": [4, 2]}, {"loss": [2]}], [[1.0], [3.0]], ["loss"]).average == {"loss": [3, 2]}


def test_statistics_come_from_training_rows_alone():
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype("float32")
    x[:, 3] = 7
    scaler = Standardizer().hold_out(x[40:])
    with pytest.raises(ValueError, match="10 rows that are held out.*row 40"):
        scaler.fit(x)
    y = scaler.fit(x[:40]).transform(x[:40])
    assert y.dtype == "float32" and np.allclose(y.mean(0), 0, atol=1e-5) and np.allclose(y.std(0), [1, 1, 1, 0], atol=1e-5)
    np.testing.assert_allclose(scaler.inverse_transform(y), x[:40], rtol=1e-5)
    with pytest.raises(ValueError, match="twice"):
        scaler.fit_transform(x[40:])
    with pytest.raises(ValueError, match="not fitted"):
        Standardizer().transform(x)


def test_a_row_in_two_parts_is_found():
    x = np.random.default_rng(0).integers(0, 255, (30, 4, 4, 1))
    validation.check_leak(train=x[:20], validation=x[20:25], test=x[25:])
    with pytest.raises(ValueError, match="1 of 6 rows of test are in validation too .row 0 equals row 4"):
        validation.check_leak(train=x[:20], validation=x[20:25], test=x[24:])
    assert validation.duplicate_rows([["a"], ["b"]], [["b"], ["b"]]) == [(1, 0), (1, 1)]


def test_the_books_generator():
    data = np.random.default_rng(0).random((50, 3))

    def books(lookback, delay, low, high, batch_size, step):
        for start in range(low + lookback, high, batch_size):
            rows = range(start, min(start + batch_size, high))
            yield [data[list(range(r - lookback, r, step))] for r in rows], [data[r + delay][1] for r in rows]

    flow = sequence.LookbackGenerator(data, 12, 5, 3, 40, batch_size=8, step=4, target=1)
    want = list(books(12, 5, 3, 40, 8, 4))
    assert len(flow) == len(want) == 4
    for _ in range(2):
        for x, y in want:
            came = next(flow)
            assert np.array_equal(came[0], x) and np.array_equal(came[1], y)
    assert sum(len(y) for _, y in sequence.LookbackGenerator(data, 12, 5)) == 50 - 5 - 12
    x, y = sequence.LookbackGenerator(data, 12, 5, shuffle=True, batch_size=100, target=[0, 2], seed=1)[0]
    assert x.shape == (100, 12, 3) and y.shape == (100, 2) and np.isin(y, data[17:]).all()
    with pytest.raises(ValueError, match="data has 50 rows"):
        sequence.LookbackGenerator(data, 12, 5, max_index=46)


numbers = st.lists(st.integers(-9, 9), max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=5), st.none() | st.integers(1, 7), st.sampled_from(["pre", "post"]),
       st.sampled_from(["pre", "post"]), st.integers(-3, 3))
def test_padding_said_in_other_words(rows, maxlen, padding, truncating, value):
    n = max(map(len, rows)) if maxlen is None else maxlen
    want = []
    for row in rows:
        row = row if len(row) <= n else row[len(row) - n:] if truncating == "pre" else row[:n]
        want.append([value] * (n - len(row)) + row if padding == "pre" else row + [value] * (n - len(row)))
    assert sequence.pad_sequences(rows, maxlen, padding=padding, truncating=truncating, value=value).tolist() == want


def test_word_vectors_to_a_matrix(tmp_path):
    glove = tmp_path / "glove.txt"
    glove.write_text("the 1 2\n. . . 3 4\ncat\u2028s 5 6\n猫 7 8\n", encoding="utf-8")
    assert text.embedding_matrix(glove, {"the": 1, "猫": 3, "dog": 2}).tolist() == [[0, 0], [1, 2], [0, 0], [7, 8]]
    assert text.embedding_matrix(glove, ["", "猫", "the"], num_words=2).tolist() == [[0, 0], [7, 8]]
    assert [w for w, _ in text.read_word_vectors(glove)] == ["the", ". . .", "cat\u2028s", "猫"]
    with gzip.open(tmp_path / "w2v.txt.gz", "wt") as f:
        f.write("2 3\nthe 1 2 3 \ncat 4 5 6 \n")
    assert text.embedding_matrix(tmp_path / "w2v.txt.gz", {"cat": 0}).tolist() == [[4, 5, 6]]
    for bad in ("the 1 2\ncat 1\n", "the 1 2\ncat 1 x\n"):
        glove.write_text(bad)
        with pytest.raises(ValueError, match="glove.txt, line 2: wanted a word and 2 numbers"):
            text.embedding_matrix(glove, {"the": 1, "cat": 2})
    glove.write_text("the 1 2\n")
    with pytest.raises(ValueError, match="none of which"):
        text.embedding_matrix(glove, {"zebra": 1})


def test_bags_of_ngrams():
    assert set(text.ngrams("我爱北京", 2, split=list)) == {"我", "爱", "北", "京", "我爱", "爱北", "北京"}
    assert text.ngrams(["a", "b", "c"], 3)[-1] == "a b c"
    t = text.Tokenizer(analyzer=text.ngrams)
    t.fit_on_texts(["the cat", "the dog"])
    assert t.texts_to_matrix(["the cat sat"])[0, [t.word_index[w] for w in ("the", "cat", "the cat", "the dog")]].tolist() == [1, 1, 1, 0]


def test_crops_and_colours():
    x = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype("uint8")
    rng = np.random.RandomState(0)
    windows = [x[r:r + 6, c:c + 5] for r in range(4) for c in range(4)]
    drawn = {image.random_crop(x, 6, 5, rng).tobytes() for _ in range(200)}
    assert drawn == {w.tobytes() for w in windows}
    ten = image.ten_crops(x, 6, 5)
    assert np.array_equal(ten[3], x[3:, 3:]) and np.array_equal(ten[4], x[1:7, 1:6]) and np.array_equal(ten[5:], ten[:5, :, ::-1])
    shift = image.random_color_shift(np.full((2, 2, 3), 100.0), [10, 0, 20], rng=rng) - 100
    assert np.ptp(shift, (0, 1)).max() == 0 and 0 < abs(shift[0, 0, 0]) <= 10 and shift[0, 0, 1] == 0
    with pytest.raises(ValueError, match=r"\(9, 8, 3\)"):
        image.random_crop(x, 10, 5)


def test_pca_colour_moves_along_the_pixels_own_directions():
    rng = np.random.RandomState(0)
    pixels = rng.normal(0, [30, 10, 1], (5000, 3)) @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + 128
    color = image.PCAColor(std=0.1, low=None, rng=rng).fit(pixels.reshape(50, 10, 10, 3))
    moved = color(np.zeros((4000, 1, 1, 3))).reshape(-1, 3)
    np.testing.assert_allclose(np.cov(moved.T), 0.01 * np.cov(pixels.T), atol=0.6)
    batch = image.PCAColor(std=5.0).fit(pixels.reshape(50, 10, 10, 3))(np.full((2, 4, 4, 3), 128, "uint8"))
    assert batch.dtype == "uint8" and batch.max() <= 255 and np.ptp(batch[0], (0, 1)).max() == 0 and (batch[0] != batch[1]).any()
