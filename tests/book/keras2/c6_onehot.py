"""Chapter 6.1, words as numbers: one-hot by hand, by Tokenizer, by hashing."""
import string

import numpy as np

from keras.preprocessing.text import Tokenizer, one_hot

samples = ["The cat sat on the mat.", "The dog ate my homework."]

index = {}
for sample in samples:
    for word in sample.split():
        index.setdefault(word, len(index) + 1)
results = np.zeros((len(samples), 10, max(index.values()) + 1))
for i, sample in enumerate(samples):
    for j, word in enumerate(sample.split()[:10]):
        results[i, j, index[word]] = 1.0
assert results.sum() == 11 and results[0, 0, index["The"]] == results[1, 0, index["The"]] == 1

characters = {c: k + 1 for k, c in enumerate(string.printable)}
results = np.zeros((len(samples), 50, len(characters) + 1))
for i, sample in enumerate(samples):
    for j, character in enumerate(sample[:50]):
        results[i, j, characters[character]] = 1.0
assert results.sum() == sum(map(len, samples))

tokenizer = Tokenizer(num_words=1000)
tokenizer.fit_on_texts(samples)
assert tokenizer.texts_to_sequences(samples) == [[1, 2, 3, 4, 1, 5], [1, 6, 7, 8, 9]]
matrix = tokenizer.texts_to_matrix(samples, mode="binary")
assert matrix.shape == (2, 1000) and matrix.sum() == 10 and len(tokenizer.word_index) == 9
counts = tokenizer.texts_to_matrix(samples, mode="count")
assert counts[0, 1] == 2

numbers = [one_hot(sample, 1000) for sample in samples]
assert numbers[0][0] == numbers[0][4] == numbers[1][0] and all(1 <= n < 1000 for row in numbers for n in row)
