"""Chapter 3.6 as of 2017: K-fold validation, the key val_mean_absolute_error, K.clear_session."""
import numpy as np

from keras import backend as K
from keras import layers, models

from book_data import cars

(train_data, train_targets), (test_data, test_targets) = cars()
mean, std = train_data.mean(axis=0), train_data.std(axis=0)
train_data, test_data = (train_data - mean) / std, (test_data - mean) / std


def build_model():
    model = models.Sequential()
    model.add(layers.Dense(64, activation='relu', input_shape=(train_data.shape[1],)))
    model.add(layers.Dense(64, activation='relu'))
    model.add(layers.Dense(1))
    model.compile(optimizer='rmsprop', loss='mse', metrics=['mae'])
    return model


k, num_epochs, all_mae_histories = 4, 20, []
num_val_samples = len(train_data) // k
K.clear_session()
for i in range(k):
    first, last = i * num_val_samples, (i + 1) * num_val_samples
    partial_data = np.concatenate([train_data[:first], train_data[last:]], axis=0)
    partial_targets = np.concatenate([train_targets[:first], train_targets[last:]], axis=0)
    history = build_model().fit(partial_data, partial_targets, validation_data=(train_data[first:last], train_targets[first:last]),
                                epochs=num_epochs, batch_size=8, verbose=0)
    all_mae_histories.append(history.history['val_mean_absolute_error'])
average = [np.mean([x[i] for x in all_mae_histories]) for i in range(num_epochs)]
assert np.mean(average[-5:]) < 3.2 < average[0], average

model = build_model()
model.fit(train_data, train_targets, epochs=30, batch_size=8, verbose=0)
test_mse_score, test_mae_score = model.evaluate(test_data, test_targets, verbose=0)
assert test_mae_score < 3, test_mae_score
