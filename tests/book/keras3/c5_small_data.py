"""Chapter 5.2, few images: folders of files, a convnet from scratch, random moves inside the network, the model as a file."""
import os
import tempfile

import numpy as np

import keras
from keras import layers

from book_data import two_classes

keras.utils.set_random_seed(0)
folder = tempfile.mkdtemp()
(x, y), (x_test, y_test) = two_classes(5, 7)                               # sandals and sneakers
for part, images, labels in (("train", x[:200], y[:200]), ("test", x_test, y_test)):
    for k, (image, label) in enumerate(zip(images, labels)):
        path = os.path.join(folder, part, ("sandal", "sneaker")[label])
        os.makedirs(path, exist_ok=True)
        keras.utils.save_img(os.path.join(path, f"{k}.png"), image)

train, test = [keras.utils.image_dataset_from_directory(os.path.join(folder, part), label_mode="binary", image_size=(40, 40),
                                                        batch_size=20, shuffle=part == "train", seed=0, verbose=False)
               for part in ("train", "test")]
assert train.class_names == ["sandal", "sneaker"]

model = keras.Sequential([
    keras.Input((40, 40, 3)),
    layers.RandomFlip("horizontal", seed=1),
    layers.RandomRotation(0.03, seed=2),
    layers.RandomZoom(0.1, seed=3),
    layers.Rescaling(1 / 255),
    layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Flatten(), layers.Dropout(0.3),
    layers.Dense(32, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(learning_rate=1e-3), metrics=["accuracy"])
history = model.fit(train, epochs=10, validation_data=test, verbose=0)
loss, accuracy = model.evaluate(test, verbose=0)
assert accuracy > 0.8, accuracy
assert np.isclose(accuracy, history.history["val_accuracy"][-1])

path = os.path.join(folder, "model.keras")
model.save(path)
again = keras.models.load_model(path)
np.testing.assert_allclose(again.evaluate(test, verbose=0), [loss, accuracy], rtol=1e-6)
image = keras.utils.img_to_array(keras.utils.load_img(os.path.join(folder, "test", "sneaker", os.listdir(
    os.path.join(folder, "test", "sneaker"))[0]), target_size=(40, 40)))
assert again.predict(image[None], verbose=0).shape == (1, 1)
