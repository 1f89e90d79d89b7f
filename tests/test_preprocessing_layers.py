"""Preprocessing layers: what their randomness may and must do, masks and boxes, strings in models, files."""
import doctest
import importlib
import json
import warnings
import zipfile

import numpy as np
import pytest

import fastdl
from fastdl import layers, ops
from fastdl.core import modes
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor
from fastdl.errors import FileError
from fastdl.layers.preprocessing import boxes
from fastdl.ops import image

R = np.random.default_rng(0)
X = R.uniform(0, 255, (4, 12, 10, 3)).astype("float32")
RANDOM = {
    layers.RandomCrop: dict(height=5, width=6), layers.RandomFlip: {}, layers.RandomRotation: dict(factor=0.2),
    layers.RandomZoom: dict(height_factor=0.3),
    layers.RandomTranslation: dict(height_factor=0.2, width_factor=0.3), layers.RandomShear: dict(x_factor=0.3, y_factor=0.2),
    layers.RandomPerspective: dict(factor=(1.0, 1.0), scale=0.4), layers.RandomElasticTransform: dict(factor=(1.0, 1.0)),
    layers.RandomBrightness: dict(factor=0.3), layers.RandomContrast: dict(factor=0.4), layers.RandomColorDegeneration: dict(factor=0.5),
    layers.RandomSaturation: dict(factor=(0.2, 0.8)), layers.RandomHue: dict(factor=0.4), layers.RandomSharpness: dict(factor=0.5),
    layers.RandomInvert: {}, layers.RandomPosterization: dict(factor=(2, 6)), layers.RandomGrayscale: {},
    layers.RandomGaussianBlur: dict(factor=(1.0, 1.0), sigma=(0.3, 1.0)), layers.RandomErasing: dict(factor=(1.0, 1.0), scale=(0.1, 0.3)),
    layers.RandomColorJitter: dict(brightness_factor=0.2, contrast_factor=0.2, saturation_factor=0.3, hue_factor=0.1),
    layers.Solarization: dict(addition_factor=0.3, threshold_factor=0.6), layers.MixUp: dict(alpha=1.0), layers.CutMix: {},
    layers.RandAugment: {}, layers.AugMix: {}}


@pytest.mark.parametrize("cls", RANDOM, ids=lambda c: c.__name__)
def test_random_layer(cls):
    """The seed decides; every call draws anew; nothing happens outside of training; a plan draws what eager code draws; config round trip."""
    make = lambda: cls(seed=7, **RANDOM[cls])
    one, two = make(), make()
    first, second = one(X, training=True).numpy(), one(X, training=True).numpy()
    np.testing.assert_array_equal(first, two(X, training=True).numpy())
    assert not np.array_equal(first, second)
    assert first.dtype == np.float32 and np.isfinite(first).all() and first.shape == tuple(one.compute_output_shape(X.shape))
    assert make()(X[0], training=True).shape == first.shape[1:]
    if cls is not layers.RandomCrop:
        np.testing.assert_array_equal(one(X, training=False).numpy(), X)
    again = cls.from_config(json.loads(json.dumps(one.get_config())))
    assert again.get_config() == one.get_config()

    traced = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")                     # falling back to eager would warn
        model = fastdl.Sequential([layers.Input(X.shape[1:]), traced])
        run = fastdl.core.function.function(lambda x: model(x, training=True))
        np.testing.assert_allclose(run(X).numpy(), first, atol=2e-3)
        assert not np.array_equal(run(X).numpy(), first)


def test_flip_rotation_and_translation_move_pixels_where_they_should():
    ramp = np.arange(12.0, dtype="float32").reshape(1, 3, 4, 1)
    flip = layers.RandomFlip("horizontal")
    np.testing.assert_array_equal(flip.transform_images(ramp, {"flips": np.array([[[[True]]]])}).numpy(), ramp[:, :, ::-1])
    quarter = layers.RandomRotation((0.25, 0.25), fill_mode="nearest")(ramp[:, :, :3], training=True).numpy()
    np.testing.assert_allclose(quarter[0, :, :, 0], np.rot90(ramp[0, :, :3, 0]), atol=1e-4)
    down = layers.RandomTranslation((1 / 3, 1 / 3), (0, 0), fill_mode="constant", fill_value=-1.0)(ramp, training=True).numpy()
    np.testing.assert_allclose(down[0, :, :, 0], np.vstack([np.full((1, 4), -1.0), ramp[0, :2, :, 0]]), atol=1e-4)


def test_flips_are_even_and_factors_are_uniform():
    x = np.tile(np.array([0.0, 1.0], "float32").reshape(1, 1, 2, 1), (4000, 1, 1, 1))
    flipped = layers.RandomFlip("horizontal", seed=1)(x, training=True).numpy()[:, 0, 0, 0]
    assert abs(flipped.mean() - 0.5) < 0.03
    delta = layers.RandomBrightness((0.1, 0.5), value_range=(0, 1), seed=1)(x * 0, training=True).numpy()[:, 0, 0, 0]
    assert 0.1 <= delta.min() < 0.102 and 0.498 < delta.max() <= 0.5 and abs(delta.mean() - 0.3) < 0.01


def test_random_crop_shows_a_part_and_the_middle_outside_of_training():
    x = np.arange(16 * 20, dtype="float32").reshape(1, 16, 20, 1)
    layer = layers.RandomCrop(4, 5, seed=3)
    corners = {float(layer(x, training=True).numpy()[0, 0, 0, 0]) for _ in range(40)}
    assert len(corners) > 20 and all(int(c) % 20 <= 15 and int(c) // 20 <= 12 for c in corners)
    assert layer(x, training=False).shape == (1, 4, 5, 1)
    np.testing.assert_allclose(layer(x, training=False).numpy().mean(), x.mean())


GEOMETRIC = [(layers.RandomFlip, {}), (layers.RandomRotation, dict(factor=0.1)), (layers.RandomZoom, dict(height_factor=(-0.3, -0.1))),
             (layers.RandomTranslation, dict(height_factor=0.2, width_factor=0.2)), (layers.RandomShear, dict(x_factor=0.2)),
             (layers.RandomPerspective, dict(factor=(1.0, 1.0), scale=0.2)), (layers.RandomCrop, dict(height=30, width=28)),
             (layers.Resizing, dict(height=20, width=64)), (layers.Resizing, dict(height=50, width=50, pad_to_aspect_ratio=True)),
             (layers.Resizing, dict(height=24, width=50, crop_to_aspect_ratio=True)), (layers.CenterCrop, dict(height=30, width=30))]


@pytest.mark.parametrize("form", ["xyxy", "rel_center_xywh"])
@pytest.mark.parametrize("cls, args", GEOMETRIC, ids=lambda v: v.__name__ if isinstance(v, type) else "")
def test_boxes_follow_the_image(cls, args, form):
    """The box of a bright rectangle, moved by the layer, is the box of the bright pixels of the moved image."""
    h, w = 40, 48
    x, mask = np.zeros((3, h, w, 1), "float32"), np.zeros((3, h, w, 1), "int32")
    x[:, 14:26, 15:31] = 1.0
    mask[:, 14:26, 15:31] = 2
    more = dict(fill_mode="constant") if "fill_mode" in cls.__init__.__code__.co_varnames and not issubclass(cls, layers.Resizing) else {}
    layer = cls(bounding_box_format=form, **({} if cls in (layers.Resizing, layers.CenterCrop) else dict(seed=5)), **more, **args)
    given = boxes.convert_format(np.array([[[15.0, 14.0, 31.0, 26.0]]] * 3), "xyxy", form, h, w).numpy()
    given = np.concatenate([given, np.full((3, 1, 4), -1.0)], axis=1).astype("float32")
    out = layer({"images": x, "labels": np.arange(3.0), "segmentation_masks": mask, "bounding_boxes": {"boxes": given, "labels": np.ones((3, 2))}},
                training=True)
    y = out["images"].numpy()
    moved = boxes.convert_format(out["bounding_boxes"]["boxes"], form, "xyxy", *y.shape[1:3]).numpy()
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"].numpy()[:, 1], -1)
    np.testing.assert_array_equal(out["labels"].numpy(), np.arange(3.0))
    assert set(np.unique(out["segmentation_masks"].numpy())) <= {0, 2}
    for k in range(3):
        rows, columns = np.where(y[k, :, :, 0] > 0.5)
        np.testing.assert_allclose(moved[k, 0], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1.8)


def test_box_formats():
    box = np.array([[10.0, 20.0, 30.0, 60.0]])
    for form, wanted in dict(yxyx=[20, 10, 60, 30], xywh=[10, 20, 20, 40], center_xywh=[20, 40, 20, 40], center_yxhw=[40, 20, 40, 20],
                             rel_xyxy=[0.1, 0.1, 0.3, 0.3], rel_yxyx=[0.1, 0.1, 0.3, 0.3], rel_xywh=[0.1, 0.1, 0.2, 0.2],
                             rel_center_xywh=[0.2, 0.2, 0.2, 0.2]).items():
        made = boxes.convert_format(box, "xyxy", form, 200, 100)
        np.testing.assert_allclose(made.numpy(), [wanted], rtol=1e-6)
        np.testing.assert_allclose(boxes.convert_format(made, form, "xyxy", 200, 100).numpy(), box, rtol=1e-5)
    data = {"images": X, "bounding_boxes": {"boxes": [np.ones((1, 4))] * 4, "labels": [[1]] * 4}}
    with pytest.raises(ValueError, match="bounding_box_format"):
        layers.RandomFlip()(data)
    many = layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(data)["bounding_boxes"]
    assert many["boxes"].shape == (4, 3, 4) and many["labels"].numpy()[0].tolist() == [1, -1, -1]


def test_mixup_and_cutmix_mix_labels_as_they_mix_images():
    flat = np.tile(np.arange(4.0, dtype="float32").reshape(4, 1, 1, 1), (1, 8, 8, 1))
    for layer in (layers.MixUp(alpha=1.0, seed=2), layers.CutMix(seed=2)):
        out = layer({"images": flat, "labels": np.eye(4, dtype="float32")}, training=True)
        labels = out["labels"].numpy()
        np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
        np.testing.assert_allclose(labels @ np.arange(4), out["images"].numpy().mean((1, 2, 3)), atol=0.45 if "cut" in layer.name else 1e-5)


# ---------------------------------------------------------------- ops
@pytest.mark.parametrize("name, f, x", [
    ("resize", lambda x: image.resize(x, (7, 4), "bicubic", antialias=True), (2, 6, 9, 3)),
    ("nearest", lambda x: image.resize(x, (7, 4), "nearest"), (2, 6, 9, 3)),
    ("affine", lambda x: image.affine_transform(x, [0.9, 0.1, 1.3, -0.2, 1.1, 0.4, 0, 0], fill_mode="reflect"), (2, 6, 9, 3)),
    ("map", lambda x: image.map_coordinates(x, np.array([[0.3, 4.2, -1.7], [2.2, 7.9, 0.1]]), 1, "mirror"), (6, 9)),
    ("places", lambda at: image.map_coordinates(R.normal(size=(5, 5)) * 0 + np.arange(25.0).reshape(5, 5) ** 1.5, at, 1, "nearest"), (2, 7)),
    ("patches", lambda x: image.extract_patches(x, 3, 2, padding="same"), (2, 6, 9, 3)),
    ("blur", lambda x: image.gaussian_blur(x, (3, 5)), (2, 6, 9, 3)),
    ("ssim", lambda x: image.ssim(x, x * 0.5 + 0.1, filter_size=5), (2, 8, 9, 3)),
    ("grey", image.rgb_to_grayscale, (2, 6, 9, 3)), ("hsv", image.rgb_to_hsv, (2, 4, 3, 3)), ("rgb", image.hsv_to_rgb, (2, 4, 3, 3)),
    ("unfold", lambda x: ops.unfold(x, 3, 1, 1, 2), (2, 3, 6, 7)), ("fold", lambda x: ops.fold(x, (5, 6), 2), (2, 12, 20))])
def test_gradients_of_image_ops(name, f, x):
    """Reverse mode against central differences, in float64."""
    x = np.random.default_rng(3).uniform(0.15, 0.85, x) + (1 if name == "places" else 0)
    with modes.Reference():
        t = Tensor(x)
        with GradientTape() as tape:
            tape.watch(t)
            y = f(t)
        u, v = np.random.default_rng(1).normal(size=y.shape), np.random.default_rng(2).normal(size=x.shape)
        exact = float(np.sum(v * tape.gradient(y, t, Tensor(u)).numpy()))
        along = lambda e: float(np.sum(u * f(Tensor(x + e * v)).numpy()))
        assert exact == pytest.approx((along(1e-6) - along(-1e-6)) / 2e-6, rel=1e-5, abs=1e-6)


def test_resize_says_what_is_wrong():
    with pytest.raises(ValueError, match="bicubic"):
        image.resize(X, (4, 4), "bicubik")
    with pytest.raises(ValueError, match="channel axis"):
        image.resize(X[0, :, :, 0], (4, 4))
    with pytest.raises(ValueError, match="exclude each other"):
        image.resize(X, (4, 4), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
    with pytest.raises(ValueError, match="exactly two"):
        image.pad_images(X, 1, 1, 1, 1, 20, 20)


def test_image_ops_in_a_functional_model_survive_its_file(tmp_path):
    inputs = layers.Input((None, None, 3))
    outputs = layers.GlobalAveragePooling2D()(image.rgb_to_grayscale(image.resize(inputs, (6, 5), antialias=True)))
    model = fastdl.Model(inputs, outputs)
    model.save(tmp_path / "m.keras")
    again = fastdl.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


# ---------------------------------------------------------------- numbers, words
def test_normalization_of_batches_equals_that_of_the_whole():
    data = R.normal(3, 2, (50, 4)).astype("float32")
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(data)
    parts.adapt([data[:7], data[7:20], data[20:]])
    np.testing.assert_allclose(parts(data).numpy(), whole(data).numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(whole(data).numpy().std(0), 1, rtol=1e-5)
    assert layers.Normalization().mean is None and whole.mean.shape == whole.variance.shape == (1, 4)      # as in Keras: broadcasts
    with pytest.raises(ValueError, match="built for"):
        whole.adapt(np.ones((3, 5)))
    with pytest.raises(ValueError, match="adapt"):
        layers.Discretization(num_bins=3)(data)


TEXTS = ["the cat sat", "a dog ran", "the dog sat down", "cats and dogs"] * 4


def text_model():
    words = layers.TextVectorization(output_sequence_length=5)
    words.adapt(TEXTS)
    model = fastdl.Sequential([layers.Input((1,), dtype="string"), words, layers.Embedding(20, 4), layers.GlobalAveragePooling1D(),
                               layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model


def test_a_model_reads_strings_trains_and_survives_its_file(tmp_path):
    model, x, y = text_model(), np.array(TEXTS, object)[:, None], np.array([0, 1, 1, 0] * 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
        before = model.predict(x, verbose=0)
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as z:
        assert z.read("assets/layers/text_vectorization/vocabulary.txt").decode().split("\n")[:3] == ["", "[UNK]", "the"]
    again = fastdl.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), before)
    assert again.layers[0].get_vocabulary() == model.layers[0].get_vocabulary()
    with pytest.raises(TypeError, match="turned into indices"):
        fastdl.Sequential([layers.Dense(2)]).predict(np.array([["a"]]))


def test_a_config_cannot_name_a_file_to_read(tmp_path):
    (tmp_path / "secret.txt").write_text("a\nb")
    path = str(tmp_path / "secret.txt")
    assert layers.StringLookup(vocabulary=path).get_vocabulary() == ["[UNK]", "a", "b"]
    for cls in (layers.StringLookup, layers.TextVectorization):
        config = dict(cls(vocabulary=["a"]).get_config(), vocabulary=path)
        with pytest.raises(FileError, match="opens no path"):
            layers.deserialize({"module": "keras.layers", "class_name": cls.__name__, "config": config, "registered_name": None})


def test_the_empty_string_is_a_word_that_a_file_keeps(tmp_path):
    lookup = layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(np.array([["a", "b"], ["b", ""]]))
    words = layers.Input((2,), dtype="string")
    model = fastdl.Model(words, lookup(words))
    model.save(tmp_path / "m.keras")
    again = fastdl.saving.load_model(tmp_path / "m.keras")
    assert again.layers[-1].get_vocabulary() == lookup.get_vocabulary() == ["[UNK]", "b", "a", ""]
    np.testing.assert_array_equal(again.predict(np.array([["", "zz"]]), verbose=0), [[1, 0, 0, 1]])


def test_lookups_invert_and_say_what_is_wrong():
    there, back = layers.StringLookup(vocabulary=["a", "b"]), layers.StringLookup(vocabulary=["a", "b"], invert=True)
    assert back(there(["a", "z", "b"])).tolist() == ["a", "[UNK]", "b"]
    assert layers.IntegerLookup(vocabulary=[5, 9], invert=True)(np.array([1, 0, 2])).numpy().tolist() == [5, -1, 9]
    with pytest.raises(ValueError, match="twice"):
        layers.StringLookup(vocabulary=["a", "a"])
    with pytest.raises(ValueError, match="num_oov_indices=1"):
        layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"])
    with pytest.raises(ValueError, match="no vocabulary"):
        layers.StringLookup()(["b"])


def test_text_of_functions_and_a_generator():
    layer = layers.TextVectorization(standardize=lambda x: np.char.upper(x), split=lambda x: [t.split("-") for t in x])
    layer.adapt(np.array(batch) for batch in (["a-b", "b-c"], ["b"]))
    assert layer.get_vocabulary()[:3] == ["", "[UNK]", "B"]
    assert layer(np.array(["b-b-q"])).numpy().tolist() == [[2, 2, 1]]


def test_feature_space_in_a_model(tmp_path):
    kind = fastdl.utils.FeatureSpace
    space = kind({"age": "float_normalized", "city": "string_categorical", "k": kind.integer_hashed(4)}, crosses=[("city", "k")], crossing_dim=6)
    data = {"age": np.array([20.0, 40.0, 33.0]), "city": np.array(["Rome", "Oslo", "Rome"]), "k": np.array([4, 5, 4])}
    with pytest.raises(ValueError, match="adapt"):
        space(data)
    space.adapt(data)
    rows = space(data)
    assert rows.shape == (3, 1 + 3 + 4 + 6) and space({k: v[0] for k, v in data.items()}).shape == (14,)
    np.testing.assert_array_equal(rows.numpy()[:, 1:4].argmax(1), [1, 2, 1])
    space.save(tmp_path / "space.keras")
    np.testing.assert_array_equal(fastdl.models.load_model(tmp_path / "space.keras")(data).numpy(), rows.numpy())
    model = fastdl.Model(space.get_inputs(), layers.Dense(1)(space.get_encoded_features()))
    model.compile("sgd", "mse")
    model.fit({k: v[:, None] for k, v in data.items()}, np.zeros(3), verbose=0)
    assert model.predict({k: v[:, None] for k, v in data.items()}, verbose=0).shape == (3, 1)


@pytest.mark.parametrize("name", ["ops.image", "ops.patches"] + ["layers.preprocessing." + n for n in (
    "boxes numbers categories lookup text geometry mixing sound features").split()])
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module("fastdl." + name))
    assert result.attempted and not result.failed
