"""Chapter 7.1, the functional API: two inputs, several outputs, branches, short cuts, shared layers, models as layers."""
import numpy as np

import keras
from keras import layers
from keras.utils import pad_sequences

from book_data import digits, sequences

keras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = digits.load_data()
x, x_test = [a[..., None].astype("float32") / 255 for a in (x[:2000], x_test)]
y = y[:2000]
rng = np.random.default_rng(0)

# A Sequential model and its twin in the functional API.
image = keras.Input(shape=(64,))
h = layers.Dense(32, activation="relu")(image)
h = layers.Dense(32, activation="relu")(h)
twin = keras.Model(image, layers.Dense(10, activation="softmax")(h))
assert twin.count_params() == 3466

# Two inputs: an image and a hint in words, "small digit" (0 to 4) or "large digit".
def hints(labels):
    return pad_sequences([[2, 1] if label < 5 else [3, 1] for label in labels], maxlen=3)


text = keras.Input(shape=(3,), dtype="int32", name="hint")
encoded_text = layers.LSTM(16)(layers.Embedding(4, 8)(text))
picture = keras.Input(shape=(28, 28, 1), name="picture")
encoded = layers.Dense(64, activation="relu")(layers.Flatten()(picture))
joined = layers.concatenate([encoded_text, encoded], axis=-1)
model = keras.Model([text, picture], layers.Dense(10, activation="softmax")(joined))
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy", metrics=["acc"])
model.fit([hints(y), x], y, epochs=5, batch_size=64, verbose=0)
accuracy = model.evaluate({"hint": hints(y_test), "picture": x_test}, y_test, verbose=0)[1]
misled = model.evaluate({"hint": hints(9 - y_test), "picture": x_test}, y_test, verbose=0)[1]
assert accuracy > 0.9 and misled < accuracy - 0.05, (accuracy, misled)

# Three outputs of different kinds from one body, each with its loss and weight.
picture = keras.Input(shape=(28, 28, 1), name="picture")
h = layers.Conv2D(8, 5, 2, activation="relu")(picture)
h = layers.Dense(64, activation="relu")(layers.Flatten()(h))
outputs = [layers.Dense(1, name="ink")(h), layers.Dense(10, activation="softmax", name="digit")(h),
           layers.Dense(1, activation="sigmoid", name="odd")(h)]
model = keras.Model(picture, outputs)
model.compile(optimizer=keras.optimizers.Adam(0.003),
              loss={"ink": "mse", "digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
              loss_weights={"ink": 0.25, "digit": 1.0, "odd": 2.0}, metrics={"digit": ["acc"], "odd": ["acc"]})


def targets(x, y):
    return {"ink": x.mean((1, 2)) * 10, "digit": y, "odd": (y % 2).astype("float32")}


model.fit(x, targets(x, y), epochs=8, batch_size=64, verbose=0)
logs = model.evaluate(x_test, targets(x_test, y_test), verbose=0, return_dict=True)
assert set(logs) == {"loss", "ink_loss", "digit_loss", "odd_loss", "digit_acc", "odd_acc"}, logs
assert abs(logs["loss"] - 0.25 * logs["ink_loss"] - logs["digit_loss"] - 2 * logs["odd_loss"]) < 0.02 * logs["loss"]
assert logs["digit_acc"] > 0.88 and logs["odd_acc"] > 0.9 and logs["ink_loss"] < 0.1, logs

# An Inception block and a residual connection, one with a change of shape.
picture = keras.Input(shape=(28, 28, 1))
h = layers.Conv2D(16, 3, 2, activation="relu", padding="same")(picture)
a = layers.Conv2D(8, 1, activation="relu", strides=2)(h)
b = layers.Conv2D(8, 3, activation="relu", strides=2, padding="same")(layers.Conv2D(8, 1, activation="relu")(h))
c = layers.Conv2D(8, 3, activation="relu", padding="same")(layers.AveragePooling2D(3, strides=2, padding="same")(h))
d = layers.Conv2D(8, 3, strides=2, activation="relu", padding="same")(
    layers.Conv2D(8, 3, activation="relu", padding="same")(layers.Conv2D(8, 1, activation="relu")(h)))
inception = layers.concatenate([a, b, c, d], axis=-1)
assert inception.shape == (None, 7, 7, 32)
h = layers.Conv2D(32, 3, activation="relu", padding="same")(inception)
h = layers.add([h, inception])
residual = layers.Conv2D(16, 1, strides=2, padding="same")(h)
h = layers.MaxPooling2D(2, strides=2, padding="same")(layers.Conv2D(16, 3, activation="relu", padding="same")(h))
h = layers.add([h, residual])
model = keras.Model(picture, layers.Dense(10, activation="softmax")(layers.Flatten()(h)))
model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["acc"])
model.fit(x, y, epochs=4, batch_size=64, verbose=0)
accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
assert accuracy > 0.88, accuracy

# One LSTM reads both sentences of a pair (same kind or not): its weights are shared.
(train, labels), (test, test_labels) = sequences(num_words=1000)
train, test = pad_sequences(train, maxlen=15), pad_sequences(test, maxlen=15)
sentence = layers.Embedding(1000, 16)
lstm = layers.LSTM(16)
left, right = keras.Input((15,), dtype="int32"), keras.Input((15,), dtype="int32")
left_out, right_out = lstm(sentence(left)), lstm(sentence(right))
merged = layers.concatenate([left_out, right_out, layers.multiply([left_out, right_out])])
model = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(merged))
assert len(model.trainable_weights) == 6
model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["acc"])
for _ in range(5):
    other = rng.permutation(len(train))
    model.fit([train, train[other]], (labels == labels[other]).astype("float32"), batch_size=64, verbose=0)
other = rng.permutation(len(test))
accuracy = model.evaluate([test, test[other]], (test_labels == test_labels[other]).astype("float32"), verbose=0)[1]
assert accuracy > 0.65, accuracy

# One vision model for two cameras.
eye = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(4, 5, 4, activation="relu"), layers.Flatten()], name="eye")
cameras = [keras.Input((28, 28, 1)), keras.Input((28, 28, 1))]
both = keras.Model(cameras, layers.concatenate([eye(camera) for camera in cameras]))
assert both.count_params() == eye.count_params() and both.output_shape == (None, 288)
np.testing.assert_array_equal(*np.split(both.predict([x[:3], x[:3]], verbose=0), 2, axis=1))
