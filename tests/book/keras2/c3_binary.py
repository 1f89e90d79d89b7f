"""Chapter 3.4 as of 2017: lr=, metrics=['acc'], the keys acc and val_acc."""
import numpy as np

from keras import layers, losses, metrics, models, optimizers

from book_data import sequences

(train_data, train_labels), (test_data, test_labels) = sequences(num_words=2000)


def vectorize_sequences(rows, dimension=2000):
    results = np.zeros((len(rows), dimension))
    for i, row in enumerate(rows):
        results[i, row] = 1.
    return results


x_train, x_test = vectorize_sequences(train_data), vectorize_sequences(test_data)
y_train, y_test = np.asarray(train_labels).astype('float32'), np.asarray(test_labels).astype('float32')


def build(optimizer, loss, metric):
    model = models.Sequential()
    model.add(layers.Dense(16, activation='relu', input_shape=(2000,)))
    model.add(layers.Dense(16, activation='relu'))
    model.add(layers.Dense(1, activation='sigmoid'))
    model.compile(optimizer=optimizer, loss=loss, metrics=[metric])
    return model


model = build(optimizers.RMSprop(lr=0.001), losses.binary_crossentropy, metrics.binary_accuracy)
model.fit(x_train, y_train, epochs=1, batch_size=128, verbose=0)
model = build('rmsprop', 'binary_crossentropy', 'acc')
history = model.fit(x_train[500:], y_train[500:], epochs=8, batch_size=128, verbose=0,
                    validation_data=(x_train[:500], y_train[:500]))
history_dict = history.history
assert set(history_dict.keys()) == {'val_loss', 'val_acc', 'loss', 'acc'}
assert history_dict['loss'][-1] < 0.5 * history_dict['loss'][0]
results = model.evaluate(x_test, y_test, verbose=0)
assert results[1] > 0.86, results
answers = model.predict(x_test)
assert answers.shape == (1000, 1) and ((answers[:, 0] > 0.5) == y_test).mean() > 0.86
