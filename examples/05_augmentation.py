"""A small convnet on 2,000 photographs of clothes, without and with augmentation. About forty seconds.

    python examples/05_augmentation.py [--quick]

2,000 images are few: the plain network learns them by heart. Moved, turned and mirrored copies keep it from that.
"""
import sys

import fastdl as keras
import pictures
from fastdl.datasets.mini import fashion
from fastdl.preprocessing.image import ImageDataGenerator

layers = keras.layers


def convnet(dropout):
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu", padding="same"), layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu", padding="same"), layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu", padding="same"),
        layers.Flatten(), layers.Dropout(dropout), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax"),
    ])


def main(quick=False):
    (x_train, y_train), (x_test, y_test) = fashion.load_data()
    x_train, x_test = [x[..., None].astype("float32") / 255 for x in (x_train, x_test)]
    plain = ImageDataGenerator()
    moved = ImageDataGenerator(rotation_range=5, width_shift_range=0.07, height_shift_range=0.07, zoom_range=0.07,
                               horizontal_flip=True, fill_mode="constant")
    rows = [[moved.flow(x_train[k:k + 1], batch_size=1, seed=s)[0][0, ..., 0] for s in range(8)] for k in range(3)]
    pictures.save("05_augmentation.png", rows, row_names=[fashion.CLASSES[y] for y in y_train[:3]])

    found = {}
    for name, generator, dropout in (("plain", plain, 0.0), ("augmented", moved, 0.3)):
        keras.utils.set_random_seed(3)
        model = convnet(dropout)
        model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(generator.flow(x_train, y_train, batch_size=64, seed=3), epochs=2 if quick else 16, verbose=0)
        train, test = [model.evaluate(x, y, verbose=0)[1] for x, y in ((x_train, y_train), (x_test, y_test))]
        found[name] = train, test
        print(f"{name:>9}: accuracy {train:.3f} on the training images as they are, {test:.3f} on new ones")
    return found


if __name__ == "__main__":
    main("--quick" in sys.argv)
