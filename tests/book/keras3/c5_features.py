"""Chapter 5.3, a pretrained network: features computed once, the base frozen under a new head, its last block fine-tuned."""
import numpy as np

import keras
from keras import layers

from book_data import fashion

keras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = fashion.load_data()
x, x_test = [a[..., None].astype("float32") / 255 for a in (x, x_test)]
old, new = (0, 1, 3, 5, 7, 8), (2, 9)                                       # six classes known before; pullovers and boots are new


def only(x, y, classes):
    keep = np.isin(y, classes)
    return x[keep], np.searchsorted(classes, y[keep])


base = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(16, 3, activation="relu", name="block1"), layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu", name="block2"), layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu", name="block3"),
], name="base")
pretrained = keras.Sequential([base, layers.Flatten(), layers.Dense(6, activation="softmax")])
pretrained.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
pretrained.fit(*only(x, y, old), epochs=4, batch_size=64, verbose=0)

few_x, few_y = [a[:60] for a in only(x, y, new)]
new_x, new_y = only(x_test, y_test, new)

# Features computed once: a dense classifier on what the base says.
features, new_features = base.predict(few_x, verbose=0), base.predict(new_x, verbose=0)
assert features.shape == (60, 3, 3, 32)
classifier = keras.Sequential([keras.Input((3 * 3 * 32,)), layers.Dropout(0.5), layers.Dense(1, activation="sigmoid")])
classifier.compile(keras.optimizers.RMSprop(0.002), "binary_crossentropy", metrics=["accuracy"])
classifier.fit(features.reshape(60, -1), few_y, epochs=20, batch_size=20, verbose=0)
accuracy = classifier.evaluate(new_features.reshape(len(new_x), -1), new_y, verbose=0)[1]
assert accuracy > 0.93, accuracy

# The base inside the new network, frozen.
model = keras.Sequential([base, layers.Flatten(), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
assert len(model.trainable_weights) == 10
base.trainable = False
assert len(model.trainable_weights) == 4
before = [w.copy() for w in base.get_weights()]
model.compile(keras.optimizers.RMSprop(0.002), "binary_crossentropy", metrics=["accuracy"])
model.fit(few_x, few_y, epochs=15, batch_size=20, verbose=0)
for a, b in zip(before, base.get_weights()):
    np.testing.assert_array_equal(a, b)
frozen = model.evaluate(new_x, new_y, verbose=0)

# The last block thaws, with a small learning rate.
base.trainable = True
for layer in base.layers:
    layer.trainable = layer.name == "block3"
assert len(model.trainable_weights) == 6
model.compile(keras.optimizers.RMSprop(0.0003), "binary_crossentropy", metrics=["accuracy"])
model.fit(few_x, few_y, epochs=10, batch_size=20, verbose=0)
tuned = model.evaluate(new_x, new_y, verbose=0)
changed = [bool((a != b).any()) for a, b in zip(before, base.get_weights())]
assert changed == [False] * 4 + [True] * 2, changed
assert min(frozen[1], tuned[1]) > 0.93, (frozen, tuned)
