"""Chapter 2 as of 2017: models.Sequential and add, input_shape in the first layer, history["acc"]."""
from keras import layers, models
from keras.utils import to_categorical

from book_data import digits

(train_images, train_labels), (test_images, test_labels) = digits.load_data()
network = models.Sequential()
network.add(layers.Dense(512, activation='relu', input_shape=(28 * 28,)))
network.add(layers.Dense(10, activation='softmax'))
network.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])

train_images = train_images.reshape((4000, 28 * 28)).astype('float32') / 255
test_images = test_images.reshape((1000, 28 * 28)).astype('float32') / 255
history = network.fit(train_images, to_categorical(train_labels), epochs=5, batch_size=128, verbose=0)
test_loss, test_acc = network.evaluate(test_images, to_categorical(test_labels), verbose=0)
assert test_acc > 0.9 and history.history['acc'][-1] > history.history['acc'][0]
