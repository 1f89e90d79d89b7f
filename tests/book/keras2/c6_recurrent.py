"""Chapter 6.2 as of 2017: Sequential that starts with Embedding, SimpleRNN, LSTM, validation_split."""
from keras.layers import Dense, Embedding, LSTM, SimpleRNN
from keras.models import Sequential
from keras.preprocessing import sequence

from book_data import sequences

model = Sequential()
model.add(Embedding(10000, 32))
model.add(SimpleRNN(32, return_sequences=True))
model.add(SimpleRNN(32))
lines = []
model.summary(print_fn=lines.append)
assert '324160' in '\n'.join(lines).replace(',', '') and model.output_shape == (None, 32)       # known before any data

max_features, maxlen = 2000, 30
(input_train, y_train), (input_test, y_test) = sequences(num_words=max_features)
input_train = sequence.pad_sequences(input_train, maxlen=maxlen)
input_test = sequence.pad_sequences(input_test, maxlen=maxlen)
for recurrent, bound in ((SimpleRNN, 0.78), (LSTM, 0.85)):
    model = Sequential()
    model.add(Embedding(max_features, 32))
    model.add(recurrent(32))
    model.add(Dense(1, activation='sigmoid'))
    model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['acc'])
    history = model.fit(input_train, y_train, epochs=5, batch_size=64, validation_split=0.2, verbose=0)
    assert history.history['acc'][-1] > history.history['acc'][0]
    acc = model.evaluate(input_test, y_test, verbose=0)[1]
    assert acc > bound, (recurrent, acc)
