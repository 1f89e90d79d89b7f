"""Chapter 7.1 as of 2017: Input and Model from their modules, two inputs, three outputs, shared layers."""
import numpy as np

from keras import Input, layers
from keras.models import Model
from keras.preprocessing.sequence import pad_sequences

from book_data import digits

(x, y), (x_test, y_test) = digits.load_data()
x, x_test = [a[..., None].astype('float32') / 255 for a in (x[:2000], x_test)]
y = y[:2000]


def hints(labels):
    return pad_sequences([[2, 1] if label < 5 else [3, 1] for label in labels], maxlen=3)


text_input = Input(shape=(None,), dtype='int32', name='hint')
encoded_text = layers.LSTM(16)(layers.Embedding(4, 8)(text_input))
image_input = Input(shape=(28, 28, 1), name='image')
encoded_image = layers.Dense(64, activation='relu')(layers.Flatten()(image_input))
concatenated = layers.concatenate([encoded_text, encoded_image], axis=-1)
answer = layers.Dense(10, activation='softmax')(concatenated)
model = Model([text_input, image_input], answer)
model.compile(optimizer='rmsprop', loss='sparse_categorical_crossentropy', metrics=['acc'])
model.fit({'hint': hints(y), 'image': x}, y, epochs=5, batch_size=64, verbose=0)
acc = model.evaluate([hints(y_test), x_test], y_test, verbose=0)[1]
misled = model.evaluate([hints(9 - y_test), x_test], y_test, verbose=0)[1]
assert acc > 0.88 and misled < acc, (acc, misled)

h = layers.Conv2D(8, 5, strides=2, activation='relu')(image_input)
h = layers.Dense(64, activation='relu')(layers.Flatten()(h))
ink = layers.Dense(1, name='ink')(h)
digit = layers.Dense(10, activation='softmax', name='digit')(h)
odd = layers.Dense(1, activation='sigmoid', name='odd')(h)
model = Model(image_input, [ink, digit, odd])
model.compile(optimizer='rmsprop', loss=['mse', 'sparse_categorical_crossentropy', 'binary_crossentropy'],
              loss_weights=[0.25, 1., 2.], metrics={'digit': 'acc', 'odd': 'acc'})


def targets(x, y):
    return [x.mean((1, 2)) * 10, y, (y % 2).astype('float32')]


history = model.fit(x, targets(x, y), epochs=8, batch_size=64, verbose=0)
assert {'loss', 'ink_loss', 'digit_loss', 'odd_loss', 'digit_acc', 'odd_acc'} <= set(history.history)
assert history.history['digit_acc'][-1] > 0.9 and history.history['odd_acc'][-1] > 0.9
guesses = model.predict(x_test)
assert [g.shape for g in guesses] == [(1000, 1), (1000, 10), (1000, 1)] and (guesses[1].argmax(1) == y_test).mean() > 0.87

x_in = Input(shape=(7, 7, 16))
branch_a = layers.Conv2D(8, 1, activation='relu', strides=2)(x_in)
branch_b = layers.Conv2D(8, 3, activation='relu', strides=2, padding='same')(layers.Conv2D(8, 1, activation='relu')(x_in))
branch_c = layers.Conv2D(8, 3, activation='relu', padding='same')(layers.AveragePooling2D(3, strides=2, padding='same')(x_in))
block = layers.concatenate([branch_a, branch_b, branch_c], axis=-1)
residual = layers.Conv2D(24, 1, strides=2, padding='same')(x_in)
model = Model(x_in, layers.add([block, residual]))
assert model.output_shape == (None, 4, 4, 24)

lstm = layers.LSTM(8)
left, right = Input(shape=(None, 4)), Input(shape=(None, 4))
merged = layers.concatenate([lstm(left), lstm(right)], axis=-1)
model = Model([left, right], layers.Dense(1, activation='sigmoid')(merged))
assert len(model.trainable_weights) == 5 and len(model.layers) == 5
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['acc'])
rng = np.random.default_rng(0)
a, b = rng.normal(size=(2, 600, 5, 4)).astype('float32')
which = (a.mean((1, 2)) > b.mean((1, 2))).astype('float32')
history = model.fit([a, b], which, epochs=15, batch_size=32, verbose=0)
assert history.history['acc'][-1] > 0.85, history.history['acc']
