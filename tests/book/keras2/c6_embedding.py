"""Chapter 6.1 as of 2017: Embedding with input_length, preprocessing.sequence, vectors in GloVe's format, save_weights."""
import gzip
import os
import tempfile

import numpy as np

from keras import preprocessing
from keras.layers import Dense, Embedding, Flatten
from keras.models import Sequential
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing.text import Tokenizer

from book_data import sentences, word_vectors

texts, labels = sentences()
texts, labels, maxlen, max_words, embedding_dim = texts[:2500], labels[:2500], 20, 2000, 50
tokenizer = Tokenizer(num_words=max_words)
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
word_index = tokenizer.word_index
data = pad_sequences(sequences, maxlen=maxlen)
assert (data == preprocessing.sequence.pad_sequences(sequences, maxlen=maxlen)).all()

model = Sequential()
model.add(Embedding(max_words, 8, input_length=maxlen))
model.add(Flatten())
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['acc'])
assert model.count_params() == 2000 * 8 + 8 * 20 + 1                           # built at once, as input_length is known
history = model.fit(data, labels, epochs=8, batch_size=32, validation_split=0.2, verbose=0)
assert history.history['val_acc'][-1] > 0.78, history.history

embeddings_index = {}
with gzip.open(word_vectors(), 'rt', encoding='utf-8') as f:
    for line in f:
        values = line.split()
        embeddings_index[values[0]] = np.asarray(values[1:], dtype='float32')
embedding_matrix = np.zeros((max_words, embedding_dim))
for word, i in word_index.items():
    embedding_vector = embeddings_index.get(word)
    if i < max_words and embedding_vector is not None:
        embedding_matrix[i] = embedding_vector


def build():
    model = Sequential()
    model.add(Embedding(max_words, embedding_dim, input_length=maxlen))
    model.add(Flatten())
    model.add(Dense(32, activation='relu'))
    model.add(Dense(1, activation='sigmoid'))
    model.layers[0].set_weights([embedding_matrix])
    model.layers[0].trainable = False
    model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['acc'])
    return model


model = build()
history = model.fit(data[:2000], labels[:2000], epochs=8, batch_size=32, validation_data=(data[2000:], labels[2000:]), verbose=0)
assert history.history['acc'][-1] > 0.8 and history.history['val_acc'][-1] > 0.62, history.history
path = os.path.join(tempfile.mkdtemp(), 'pre_trained_model.h5')
model.save_weights(path)
again = build()
again.load_weights(path)
assert abs(again.evaluate(data[2000:], labels[2000:], verbose=0)[1] - history.history['val_acc'][-1]) < 1e-6

given = Sequential()                                                          # the matrix in the constructor
given.add(Embedding(max_words, embedding_dim, weights=[embedding_matrix], input_length=maxlen, trainable=False))
np.testing.assert_allclose(given.predict(data[:2])[0, -1], embedding_matrix[data[0, -1]], rtol=1e-6)
