"""Text, series and images to arrays, against small results worked out by hand."""
import numpy as np
import pytest

import fastdl
from fastdl.preprocessing import sequence, text
from fastdl.preprocessing.affine import apply_affine_transform, warp
from fastdl.preprocessing.image import ImageDataGenerator
from fastdl.utils.dataset import Dataset


def test_pad_sequences():
    rows = [[1], [2, 3], [4, 5, 6]]
    assert sequence.pad_sequences(rows, 2).tolist() == [[0, 1], [2, 3], [5, 6]]
    assert sequence.pad_sequences(rows, 2, padding="post", truncating="post", value=9).tolist() == [[1, 9], [2, 3], [4, 5]]
    assert sequence.pad_sequences([[], [[1, 2]]]).shape == (2, 1, 2)
    assert sequence.pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)
    with pytest.raises(ValueError, match="list of sequences"):
        sequence.pad_sequences([1, 2])


def test_tokenizer_modes_and_json():
    t = text.Tokenizer(num_words=4, oov_token="?")
    t.fit_on_texts(["the cat sat", "the dog", "The, the!"])
    assert t.word_index == {"?": 1, "the": 2, "cat": 3, "sat": 4, "dog": 5}
    assert t.texts_to_sequences(["the cat sat zebra"]) == [[2, 3, 1, 1]]
    assert t.sequences_to_texts([[2, 3, 5]]) == ["the cat ?"]
    assert t.texts_to_matrix(["the the cat"], "count").tolist() == [[0, 0, 2, 1]]
    assert np.allclose(t.texts_to_matrix(["the the cat"], "freq"), [[0, 0, 2 / 3, 1 / 3]])
    assert np.allclose(t.texts_to_matrix(["the the"], "tfidf")[0, 2], (1 + np.log(2)) * np.log(1 + 3 / 4))
    again = text.tokenizer_from_json(t.to_json())
    assert again.get_config() == t.get_config() and again.texts_to_sequences(["dog the"]) == t.texts_to_sequences(["dog the"])
    with pytest.raises(ValueError, match="Tokenizer"):
        text.tokenizer_from_json("{}")


def test_chinese_by_character_and_by_callable():
    t = text.Tokenizer(char_level=True)
    t.fit_on_texts(["我爱北京", "我爱"])
    assert t.texts_to_sequences(["爱我"]) == [[2, 1]]
    t = text.Tokenizer(split=lambda s: [s[:1], s[1:2], s[2:]])
    t.fit_on_texts(["我爱北京"])
    assert t.word_index == {"我": 1, "爱": 2, "北京": 3}
    with pytest.raises(ValueError, match="function"):
        t.to_json()


def test_hashing_is_the_same_on_every_run():
    assert text.hashing_trick("a b a", 10) == text.one_hot("a b a", 10) == text.hashing_trick("a b a", 10, "md5")
    assert all(0 < i < 10 for i in text.one_hot("some more words", 10))


def test_skipgrams():
    couples, labels = sequence.skipgrams([1, 2, 0, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    assert couples == [[1, 2], [2, 1]] and labels == [1, 1]
    couples, labels = sequence.skipgrams([1, 2, 3], 4, seed=0)
    assert sum(labels) * 2 == len(couples) == len(labels)


def test_series():
    data = np.arange(10)
    g = sequence.TimeseriesGenerator(data, data, length=4, sampling_rate=2, batch_size=4)
    assert len(g) == 2 and g[0][0].tolist() == [[0, 2], [1, 3], [2, 4], [3, 5]] and g[0][1].tolist() == [4, 5, 6, 7]
    d = sequence.timeseries_dataset_from_array(data, data * 10, 3, sequence_stride=2, batch_size=2, start_index=1)
    assert [x.numpy().tolist() for x, _ in d] == [[[1, 2, 3], [3, 4, 5]], [[5, 6, 7], [7, 8, 9]]]
    assert d[1][1].tolist() == [50, 70]


def test_chains_of_elements():
    made = lambda d: [e.numpy().tolist() for e in d]
    ten = Dataset.range(10)
    evens = ten.filter(lambda v: v % 2 == 0).map(lambda v: v * 10)
    assert made(evens) == made(evens) == [0, 20, 40, 60, 80] and evens.cardinality() == -2
    assert made(ten.batch(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] and len(ten.batch(4, drop_remainder=True)) == 2
    assert made(ten.batch(4).unbatch()) == made(ten) and made(ten.take(2).repeat(2)) == [0, 1, 0, 1]
    assert made(ten.skip(8).concatenate(ten.take(1))) == [8, 9, 0] and len(ten.skip(8).concatenate(ten.take(1))) == 3
    mixed = ten.shuffle(4, seed=3)
    first, second = made(mixed), made(mixed)
    assert sorted(first) == made(ten) and first != second and all(v < k + 4 for k, v in enumerate(first))
    assert [(int(k), int(a), int(b)) for k, (a, b) in Dataset.zip((ten, ten.skip(7))).enumerate()] == [(0, 0, 7), (1, 1, 8), (2, 2, 9)]
    with pytest.raises(TypeError, match="infinite"):
        len(ten.repeat())
    read = []
    kept = Dataset.from_generator(lambda: (read.append(k) or k for k in range(3))).cache()
    assert made(kept) == made(kept) == [0, 1, 2] == read
    with pytest.raises(ValueError, match="rows"):
        Dataset.from_tensor_slices((np.ones(3), np.ones(4)))


def test_fit_reads_chains():
    x, y = np.random.default_rng(0).normal(size=(20, 3)).astype("float32"), np.arange(20.0, dtype="float32")
    def fitted(*data, **kwargs):
        fastdl.utils.set_random_seed(0)
        model = fastdl.Sequential([fastdl.Input((3,)), fastdl.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model.fit(*data, epochs=2, verbose=0, **kwargs).history["loss"]
    data = Dataset.from_tensor_slices((x, y))
    assert fitted(data.batch(8)) == fitted(x, y, batch_size=8, shuffle=False)
    assert len(fitted(data.repeat().batch(4), steps_per_epoch=3)) == 2


def test_text_folders(tmp_path):
    for name, words in (("b", "two"), ("a", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(words)
    d = text.text_dataset_from_directory(tmp_path, shuffle=False, verbose=False)
    assert d.class_names == ["a", "b"] and d[0][0].tolist() == ["one", "two"] and d[0][1].tolist() == [0, 1]
    with pytest.raises(FileNotFoundError, match="folder"):
        text.text_dataset_from_directory(tmp_path / "none")


@pytest.mark.parametrize("mode,edge", [("nearest", [0, 0, 1, 2]), ("constant", [9, 9, 1, 2]), ("reflect", [1, 0, 0, 1])])
def test_edges_of_a_shift(mode, edge):
    x = np.arange(4, dtype="float32").reshape(1, 4, 1)
    shift = 2 if mode == "reflect" else 1
    y = warp(x[None], [0], np.array([[[1, 0, 0], [0, 1, -shift]]]), [(False, False)], mode, 9.0)[0, 0, :, 0].tolist()
    expected = {"nearest": [0, 0, 1, 2], "constant": [9, 0, 1, 2], "reflect": [1, 0, 0, 1]}[mode]
    assert y == expected


def test_a_quarter_turn_and_a_half_shift():
    x = np.arange(9, dtype="float32").reshape(3, 3, 1)
    turned = apply_affine_transform(x, theta=180, row_axis=0, col_axis=1, channel_axis=2)
    assert np.allclose(turned[:, :, 0], x[::-1, ::-1, 0], atol=1e-5)
    y = warp(x[None], [0], np.array([[[1, 0, 0], [0, 1, 0.5]]]), [(False, False)])[0]
    assert np.allclose(y[0, :, 0], [0.5, 1.5, 2.0])


def test_generator_repeats_with_its_seed_and_splits():
    x = np.random.RandomState(0).rand(10, 8, 8, 3).astype("float32")
    g = ImageDataGenerator(rotation_range=30, horizontal_flip=True, zoom_range=0.2, width_shift_range=0.2, validation_split=0.3)
    a, b = (next(g.flow(x, np.arange(10), batch_size=4, seed=3)) for _ in range(2))
    assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])
    flow = ImageDataGenerator(validation_split=0.3).flow(x, batch_size=2, shuffle=False, subset="validation")
    assert len(flow) == 2 and np.array_equal(np.concatenate([flow[0], flow[1]]), x[:3])


def test_shifts_from_a_list_of_zeros_draw_too():
    np.random.seed(3)
    ImageDataGenerator(height_shift_range=[0]).get_random_transform((5, 5, 3))
    drawn = np.random.random()
    np.random.seed(3)
    np.random.choice([0]), np.random.choice([-1, 1]), np.random.random(2)          # as Keras: a value, its sign; the two flips
    assert np.random.random() == drawn


def test_standardize():
    x = np.random.RandomState(0).rand(6, 4, 4, 3)
    g = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    g.fit(x)
    y = next(g.flow(x, batch_size=6, shuffle=False))
    assert np.allclose(y.mean((0, 1, 2)), 0, atol=1e-5) and np.allclose(y.std((0, 1, 2)), 1, atol=1e-4)


def test_image_files(tmp_path):
    from fastdl.preprocessing import image

    x = np.random.RandomState(0).randint(0, 256, (6, 5, 3)).astype("float32")
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        image.save_img(tmp_path / name / "1.png", x, scale=False)
    assert np.array_equal(image.img_to_array(image.load_img(tmp_path / "cats" / "1.png")), x)
    flow = ImageDataGenerator().flow_from_directory(tmp_path, target_size=(6, 5), class_mode="binary", shuffle=False)
    assert flow.class_indices == {"cats": 0, "dogs": 1} and np.array_equal(flow[0][0][1], x) and flow[0][1].tolist() == [0, 1]
    d = image.image_dataset_from_directory(tmp_path, image_size=(6, 5), shuffle=False, verbose=False)
    assert np.array_equal(d[0][0][0], x)
    (tmp_path / "dogs" / "1.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="1.png"):
        flow[0]
