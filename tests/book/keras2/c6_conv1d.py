"""Chapter 6.4 as of 2017: convolutions over words, input_length and lr."""
from keras import layers
from keras.models import Sequential
from keras.optimizers import RMSprop
from keras.preprocessing import sequence

from book_data import sequences

max_features, max_len = 2000, 40
(x_train, y_train), (x_test, y_test) = sequences(num_words=max_features)
x_train = sequence.pad_sequences(x_train, maxlen=max_len)
x_test = sequence.pad_sequences(x_test, maxlen=max_len)
model = Sequential()
model.add(layers.Embedding(max_features, 32, input_length=max_len))
model.add(layers.Conv1D(32, 5, activation='relu'))
model.add(layers.MaxPooling1D(3))
model.add(layers.Conv1D(32, 5, activation='relu'))
model.add(layers.GlobalMaxPooling1D())
model.add(layers.Dense(1, activation='sigmoid'))
lines = []
model.summary(print_fn=lines.append)
assert '(None, 12, 32)' in '\n'.join(lines)
model.compile(optimizer=RMSprop(lr=3e-3), loss='binary_crossentropy', metrics=['acc'])
history = model.fit(x_train, y_train, epochs=6, batch_size=64, validation_split=0.2, verbose=0)
acc = model.evaluate(x_test, y_test, verbose=0)[1]
assert acc > 0.85, acc
