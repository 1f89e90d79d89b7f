"""Images: Keras's pictures from Keras's seeds, and files of every kind that people have."""
import importlib.util
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from fastdl.errors import FileError
from fastdl.preprocessing import iterators
from fastdl.preprocessing.image import ImageDataGenerator, image_dataset_from_directory, img_to_array, load_img

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_images", FOLDER / "make_golden_images.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)


def test_a_seed_gives_keras_pictures():
    """200 random settings: the same labels, and no pixel more than one grey level away."""
    stored = np.load(FOLDER / "golden_images.npz")
    want = iter(np.split(stored["values"].astype("float64"), np.cumsum(stored["sizes"])[:-1]))
    for n in range(200):
        for a in cases.augmented(ImageDataGenerator, n):
            assert np.abs(np.ravel(a) - next(want)).max() <= 1, n


def test_pictures_of_other_sizes_are_keras_own():
    """TensorFlow's bicubic weights come from a table of 1024 steps; the stored numbers have 11 bits."""
    want = iter(np.load(FOLDER / "golden_images.npz")["resized"].astype("float32"))
    for (how, size, fit), came in zip(cases.RESIZED, cases.resized(image_dataset_from_directory)):
        assert came.shape == (*size, 3) and came.dtype == np.float32
        expected = np.array([next(want) for _ in range(came.size)]).reshape(came.shape)
        assert np.abs(came - expected).max() <= (0.4 if how == "bicubic" else 0.14), (how, size, fit)
    assert next(want, None) is None


def test_augmenting_leaves_the_data_alone():
    x = np.random.RandomState(0).randint(0, 256, (4, 6, 6, 3)).astype("float32")
    before = x.copy()
    for settings in ({}, dict(rescale=0.5), dict(horizontal_flip=True, rescale=0.5, samplewise_center=True), dict(rotation_range=30)):
        next(ImageDataGenerator(**settings).flow(x, batch_size=4, seed=0))
        assert np.array_equal(x, before)


class Own(ImageDataGenerator):
    """Draws, transforms and standardizes as its parent does, but image by image."""

    def standardize(self, x):
        return super().standardize(x)


@pytest.mark.parametrize("settings", [dict(rotation_range=40, zoom_range=0.3, shear_range=20.0, horizontal_flip=True, rescale=0.5),
                                      dict(width_shift_range=[-2, 0, 3], vertical_flip=True, samplewise_center=True,
                                           samplewise_std_normalization=True),
                                      dict(featurewise_center=True, zca_whitening=True, rotation_range=5), dict(rescale=0.1)])
def test_a_batch_at_once_is_image_by_image(settings):
    x = np.random.RandomState(0).randint(0, 256, (7, 12, 9, 3)).astype("float32")
    rows, made = np.array([3, 0, 6, 3]), []
    for kind in (ImageDataGenerator, Own):
        generator = kind(**settings)
        generator.fit(x)
        np.random.seed(5)
        made.append(generator.augment(x, rows))
    np.testing.assert_allclose(*made, rtol=1e-5, atol=1e-4)


@pytest.fixture
def pixels():
    return np.random.RandomState(1).randint(0, 256, (6, 8, 3)).astype("uint8")


def test_files_as_pillow_reads_them(tmp_path, pixels):
    rgb = Image.fromarray(pixels)
    kinds = {"palette.png": rgb.quantize(16), "cmyk.jpg": rgb.convert("CMYK"), "grey.png": rgb.convert("L"),
             "alpha.png": rgb.convert("RGBA")}
    for name, img in kinds.items():
        img.save(tmp_path / name)
        assert np.array_equal(img_to_array(load_img(tmp_path / name)), np.array(Image.open(tmp_path / name).convert("RGB")))
    frames = [rgb.quantize(8), Image.fromarray(255 - pixels).quantize(8)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert np.array_equal(img_to_array(load_img(tmp_path / "moving.gif")), np.array(frames[0].convert("RGB")))         # the first frame
    deep = (np.arange(48).reshape(6, 8) * 1300).astype("uint16")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(img_to_array(load_img(tmp_path / "deep.png", "grayscale"))[:, :, 0], deep)                   # not cut to 255
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(img_to_array(load_img(tmp_path / "turned.png")), pixels)                                     # as stored


def test_damaged_files_are_named(tmp_path, pixels):
    Image.fromarray(np.tile(pixels, (20, 20, 1))).save(tmp_path / "whole.jpg")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    with pytest.raises(FileError, match="cut.jpg is no whole image"):
        next(ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8)))
    (tmp_path / "text.png").write_text("no picture")
    for kind in (FileError, OSError):
        with pytest.raises(kind, match="text.png is no whole image .Pillow knows no such format"):
            load_img(tmp_path / "text.png")


def test_files_are_decoded_once_while_they_fit(tmp_path, pixels, monkeypatch):
    (tmp_path / "a").mkdir()
    for k in range(5):
        Image.fromarray(pixels + k).save(tmp_path / "a" / f"{k}.png")
    decoded, load = [], iterators.load_img
    monkeypatch.setattr(iterators, "load_img", lambda path, *args: decoded.append(path) or load(path, *args))
    passes = lambda flow: [np.sort(np.concatenate([next(flow) for _ in range(3)]), 0) for _ in range(2)]
    flow = ImageDataGenerator().flow_from_directory(tmp_path, (6, 8), class_mode=None, batch_size=2, seed=1)
    first, second = passes(flow)
    assert np.array_equal(first, second) and len(decoded) == 5
    Image.fromarray(255 - pixels).save(tmp_path / "a" / "3.png")
    os.utime(tmp_path / "a" / "3.png", ns=(1, 1))
    changed = passes(flow)[0]
    assert len(decoded) == 6 and not np.array_equal(first, changed)
    flow.cache_bytes = 5 * pixels.size - 1
    assert np.array_equal(passes(flow)[0], changed) and len(decoded) == 16
    deep = np.full((6, 8), 40000, "uint16")
    Image.fromarray(deep).save(tmp_path / "a" / "0.png")
    flow = ImageDataGenerator().flow_from_directory(tmp_path, (6, 8), "grayscale", class_mode=None, shuffle=False)
    assert next(flow)[0].max() == next(flow)[0].max() == 40000                                                         # more than a byte
