"""Chapter 4.4 as of 2017: smaller networks, L1 and L2, dropout."""
import numpy as np

from keras import layers, models, regularizers

from book_data import sequences

(train_data, y_train), (test_data, y_test) = sequences(count=1000, num_words=1000)


def vectorize_sequences(rows, dimension=1000):
    results = np.zeros((len(rows), dimension))
    for i, row in enumerate(rows):
        results[i, row] = 1.
    return results


x_train, x_test = vectorize_sequences(train_data), vectorize_sequences(test_data)


def losses(units, regularizer=None, dropout=None):
    model = models.Sequential()
    model.add(layers.Dense(units, kernel_regularizer=regularizer, activation='relu', input_shape=(1000,)))
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(units, kernel_regularizer=regularizer, activation='relu'))
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(1, activation='sigmoid'))
    model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['acc'])
    hist = model.fit(x_train, y_train, epochs=20, batch_size=100, validation_data=(x_test, y_test), verbose=0)
    assert max(hist.history['val_acc']) > 0.8
    return hist.history['loss'], hist.history['val_loss']


original, smaller, bigger = losses(16), losses(4), losses(128)
assert bigger[0][-1] < original[0][-1] < smaller[0][-1]
assert bigger[1][-1] > min(bigger[1]) + 0.05                                 # it overfits
dropped, penalized, both = losses(16, dropout=0.5), losses(16, regularizers.l2(0.001)), losses(16, regularizers.l1_l2(l1=0.0001, l2=0.0001))
assert dropped[0][-1] > original[0][-1] < penalized[0][-1] and both[0][-1] > original[0][-1]
