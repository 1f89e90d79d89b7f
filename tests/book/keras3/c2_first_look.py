"""Chapter 2, a first look: a dense network reads digits."""
import keras
from keras import layers
from keras.utils import to_categorical

from book_data import digits

keras.utils.set_random_seed(0)
(train_images, train_labels), (test_images, test_labels) = digits.load_data()
x_train = train_images.reshape((4000, 28 * 28)).astype("float32") / 255
x_test = test_images.reshape((1000, 28 * 28)).astype("float32") / 255
y_train, y_test = to_categorical(train_labels), to_categorical(test_labels)

network = keras.Sequential([
    keras.Input(shape=(28 * 28,)),
    layers.Dense(512, activation="relu"),
    layers.Dense(10, activation="softmax"),
])
network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
network.fit(x_train, y_train, epochs=5, batch_size=128, verbose=0)
test_loss, test_accuracy = network.evaluate(x_test, y_test, verbose=0)
assert test_accuracy > 0.9 and test_loss < 0.35, (test_loss, test_accuracy)
assert (network.predict(x_test, verbose=0).argmax(1) == test_labels).mean() == round(test_accuracy, 3)
