"""Writes golden_images.npz: what Keras's ImageDataGenerator makes of 200 random settings and seeds, and of one picture in
other sizes. Run it where Keras and TensorFlow are installed:

    KERAS_BACKEND=tensorflow python tests/golden/make_golden_images.py
"""
import pathlib
import tempfile

import numpy as np


def pick(r, *choices):
    return choices[r.randint(len(choices))]


def augmented(generator_class, n):
    """The first two batches of setting n, and their labels."""
    r = np.random.RandomState(1000 + n)
    form, channels, (h, w) = pick(r, "channels_last", "channels_last", "channels_first"), pick(r, 1, 3, 3), r.randint(5, 11, 2)
    split = pick(r, 0.0, 0.3)
    generator = generator_class(
        rotation_range=pick(r, 0, 40, 90, 180), width_shift_range=pick(r, 0.0, 0.2, 3, 1.5, [-2, 0, 4]),
        height_shift_range=pick(r, 0.0, 0.3, 2, [-0.1, 0.2]), shear_range=pick(r, 0.0, 20.0), zoom_range=pick(r, 0.0, 0.3, [0.5, 1.5]),
        channel_shift_range=pick(r, 0.0, 30.0), fill_mode=pick(r, "nearest", "constant", "reflect", "wrap"), cval=pick(r, 0.0, 17.0),
        brightness_range=pick(r, None, (0.5, 1.5)) if channels == 3 and form == "channels_last" else None,
        horizontal_flip=pick(r, True, False), vertical_flip=pick(r, True, False), rescale=pick(r, None, 0.5), data_format=form,
        samplewise_center=pick(r, False, False, True), interpolation_order=pick(r, 1, 1, 0), validation_split=split)
    x = r.randint(0, 256, (5, h, w, channels) if form == "channels_last" else (5, channels, h, w)).astype("float32")
    flow = generator.flow(x, np.arange(5), batch_size=2, seed=int(r.randint(1000)), shuffle=pick(r, True, False),
                          subset=pick(r, "training", "validation") if split else None, ignore_class_split=True)
    return [a for _ in range(2) for a in next(flow)]


RESIZED = [(how, size, fit) for how in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
           for size in ((5, 6), (16, 32), (9, 20)) for fit in ("", "crop", "pad")
           if fit != "crop" or how not in ("gaussian", "mitchellcubic")]       # Keras cuts with fewer ways to resize


def resized(image_dataset_from_directory):
    """For each of RESIZED the one picture of a folder."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(np.random.RandomState(3).randint(0, 256, (9, 20, 3)).astype("uint8")).save(pathlib.Path(folder) / "one.png")
        for how, size, fit in RESIZED:
            settings = {f"{fit}_to_aspect_ratio": True} if fit else {}
            for batch in image_dataset_from_directory(folder, labels=None, image_size=size, interpolation=how, verbose=False, **settings):
                yield np.asarray(batch)[0]


if __name__ == "__main__":
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    made = [a for n in range(200) for a in augmented(ImageDataGenerator, n)]
    sizes = list(resized(keras.utils.image_dataset_from_directory))
    np.savez_compressed(pathlib.Path(__file__).with_name("golden_images.npz"), sizes=[a.size for a in made],
                        values=np.concatenate([np.ravel(a) for a in made]).astype("float16"),
                        resized=np.concatenate([np.ravel(a) for a in sizes]).astype("float16"))
