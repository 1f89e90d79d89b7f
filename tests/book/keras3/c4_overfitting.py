"""Chapter 4.4, against overfitting: a smaller network, weight penalties, dropout."""
import numpy as np

import keras
from keras import layers, regularizers

from book_data import sequences

(train_data, y_train), (test_data, y_test) = sequences(count=1000, num_words=2000)
x_train, x_test = [np.stack([np.bincount(row, minlength=2000) > 0 for row in rows]).astype("float32")
                   for rows in (train_data, test_data)]


def losses(width=16, penalty=None, dropout=0.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((2000,)),
        layers.Dense(width, kernel_regularizer=penalty, activation="relu"),
        layers.Dropout(dropout),
        layers.Dense(width, kernel_regularizer=penalty, activation="relu"),
        layers.Dropout(dropout),
        layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["acc"])
    history = model.fit(x_train, y_train, epochs=25, batch_size=100, validation_data=(x_test, y_test), verbose=0).history
    assert history["val_acc"][-1] > 0.8
    return history, model


plain, _ = losses()
small, _ = losses(width=4)
large, _ = losses(width=128)
dropped, _ = losses(dropout=0.5)
penalized, model = losses(penalty=regularizers.l2(0.002))
both, _ = losses(penalty=regularizers.l1_l2(l1=0.0001, l2=0.0001))

assert large["loss"][4] < plain["loss"][4] < small["loss"][4]           # capacity learns the training set faster
gap = [h["val_loss"][-1] - h["loss"][-1] for h in (large, plain, small)]
assert gap[0] > gap[1] > gap[2]                                          # and has more that it cannot use elsewhere
assert dropped["val_loss"][-1] < plain["val_loss"][-1] and dropped["loss"][-1] > plain["loss"][-1]
assert penalized["loss"][-1] > plain["loss"][-1] and both["loss"][-1] > plain["loss"][-1]
weights = [np.square(w).sum() for w in model.get_weights() if w.ndim == 2][:2]
np.testing.assert_allclose(float(sum(model.losses)), 0.002 * sum(weights), rtol=1e-5)
