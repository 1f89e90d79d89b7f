"""Chapter 6.1, embeddings: learned with the task, or read from a file in GloVe's format and frozen."""
import gzip

import numpy as np

import keras
from keras import layers

from book_data import sentences, word_vectors

texts, labels = sentences()
texts, labels = texts[:3000], labels[:3000]
vectorize = layers.TextVectorization(max_tokens=2000, output_sequence_length=20)
vectorize.adapt(texts)
x = np.array(vectorize(texts))
x_train, y_train, x_test, y_test = x[:2200], labels[:2200], x[2200:], labels[2200:]


def network(dimension):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((20,)),
        layers.Embedding(2000, dimension),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ])
    return model


def learn(model, epochs):
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["acc"])
    history = model.fit(x_train, y_train, epochs=epochs, batch_size=32, validation_split=0.2, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and len(history["val_acc"]) == epochs
    return model.evaluate(x_test, y_test, verbose=0)[1]


assert (accuracy := learn(network(8), 6)) > 0.8, accuracy

vectors = {}
with gzip.open(word_vectors(), "rt", encoding="utf-8") as file:
    for line in file:
        word, *numbers = line.split()
        vectors[word] = np.asarray(numbers, "float32")
assert len(vectors) == 1000 and vectors["the"].shape == (50,)

matrix = np.zeros((2000, 50), "float32")
for k, word in enumerate(vectorize.get_vocabulary()):
    if word in vectors:
        matrix[k] = vectors[word]
assert (matrix.any(axis=1)).sum() > 600

model = network(50)
model.layers[0].set_weights([matrix])
model.layers[0].trainable = False
accuracy = learn(model, 8)
np.testing.assert_array_equal(model.layers[0].get_weights()[0], matrix)
assert accuracy > 0.66, accuracy
