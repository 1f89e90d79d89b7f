"""Chapter 5.1 as of 2017."""
from keras import layers, models
from keras.utils import to_categorical

from book_data import digits

model = models.Sequential()
model.add(layers.Conv2D(32, (3, 3), activation='relu', input_shape=(28, 28, 1)))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(64, (3, 3), activation='relu'))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(64, (3, 3), activation='relu'))
model.add(layers.Flatten())
model.add(layers.Dense(64, activation='relu'))
model.add(layers.Dense(10, activation='softmax'))
lines = []
model.summary(print_fn=lines.append)
assert '93322' in '\n'.join(lines).replace(',', '')
(train_images, train_labels), (test_images, test_labels) = digits.load_data()
train_images = train_images.reshape((4000, 28, 28, 1)).astype('float32') / 255
test_images = test_images.reshape((1000, 28, 28, 1)).astype('float32') / 255
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
model.fit(train_images[:2500], to_categorical(train_labels[:2500]), epochs=4, batch_size=50, verbose=0)
test_loss, test_acc = model.evaluate(test_images, to_categorical(test_labels), verbose=0)
assert test_acc > 0.9, test_acc
