"""Images: Keras's pictures from Keras's seeds, and files of every kind that people have."""
import importlib.util
import pathlib

import numpy as np
import pytest
from PIL import Image

from fastdl.errors import FileError
from fastdl.preprocessing.image import ImageDataGenerator, img_to_array, load_img

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


def test_augmenting_leaves_the_data_alone():
    x = np.random.RandomState(0).randint(0, 256, (4, 6, 6, 3)).astype("float32")
    before = x.copy()
    for settings in ({}, dict(rescale=0.5), dict(horizontal_flip=True, rescale=0.5, samplewise_center=True), dict(rotation_range=30)):
        next(ImageDataGenerator(**settings).flow(x, batch_size=4, seed=0))
        assert np.array_equal(x, before)


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
    with pytest.raises(FileError, match="text.png is no whole image"):
        load_img(tmp_path / "text.png")
