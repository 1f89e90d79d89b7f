"""Chapter 3.5 as of 2017: np_utils, categorical and sparse labels."""
import numpy as np

from keras import layers, models
from keras.utils.np_utils import to_categorical

from book_data import artworks

rows, labels = artworks(num_words=1500)
x = np.zeros((len(rows), 1500))
for i, row in enumerate(rows):
    x[i, row] = 1.
x_train, x_test, y_train, y_test = x[:2200], x[2200:], labels[:2200], labels[2200:]
accuracies = []
for loss, y, y_new in (('categorical_crossentropy', to_categorical(y_train), to_categorical(y_test)),
                       ('sparse_categorical_crossentropy', y_train, y_test)):
    model = models.Sequential()
    model.add(layers.Dense(64, activation='relu', input_shape=(1500,)))
    model.add(layers.Dense(64, activation='relu'))
    model.add(layers.Dense(8, activation='softmax'))
    model.compile(optimizer='rmsprop', loss=loss, metrics=['accuracy'])
    history = model.fit(x_train, y, epochs=10, batch_size=128, validation_data=(x_test, y_new), verbose=0)
    assert len(history.history['val_acc']) == 10
    accuracies.append(model.evaluate(x_test, y_new, verbose=0)[1])
assert min(accuracies) > np.bincount(y_test).max() / len(y_test) + 0.3, accuracies
