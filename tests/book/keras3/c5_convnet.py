"""Chapter 5.1, the convolutional network for digits."""
import keras
from keras import layers, models
from keras.utils import to_categorical

from book_data import digits

keras.utils.set_random_seed(0)
model = models.Sequential()
model.add(keras.Input((28, 28, 1)))
model.add(layers.Conv2D(32, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(64, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(64, (3, 3), activation="relu"))
model.add(layers.Flatten())
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(10, activation="softmax"))
lines = []
model.summary(print_fn=lambda line, **kwargs: lines.append(line))
assert "93,322" in "\n".join(lines) and model.count_params() == 93322

(x_train, y_train), (x_test, y_test) = digits.load_data()
x_train, x_test = [x.reshape((len(x), 28, 28, 1)).astype("float32") / 255 for x in (x_train, x_test)]
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train[:2500], to_categorical(y_train[:2500]), epochs=4, batch_size=64, verbose=0)
loss, accuracy = model.evaluate(x_test, to_categorical(y_test), verbose=0)
assert accuracy > 0.93, accuracy
