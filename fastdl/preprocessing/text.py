"""Words or characters to whole numbers and matrices."""
import collections
import gzip
import hashlib
import json
import os

import numpy as np

from fastdl.errors import FileError, bad_argument
from fastdl.utils.dataset_utils import dataset_from_directory

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

__all__ = ["Tokenizer", "embedding_matrix", "hashing_trick", "ngrams", "one_hot", "read_word_vectors", "text_dataset_from_directory",
           "text_to_word_sequence", "tokenizer_from_json"]


def text_to_word_sequence(input_text, filters=FILTERS, lower=True, split=" "):
    """words = text, lower-cased, with every character of `filters` replaced by `split`, cut at `split`

    `split` may be a function from a text to its words (jieba.lcut for Chinese): it gets the text with blanks
    for the filtered characters.

    >>> text_to_word_sequence("The cat, the mat.")
    ['the', 'cat', 'the', 'mat']
    """
    text = input_text.lower() if lower else input_text
    if callable(split):
        words = split(text.translate(dict.fromkeys(map(ord, filters), " ")))
        return [w for w in words if w and not w.isspace()]
    return [w for w in text.translate(dict.fromkeys(map(ord, filters), split)).split(split) if w]


def ngrams(text, n=2, filters=FILTERS, lower=True, split=" "):
    """All runs of 1 to n words, each joined by blanks; set() of them is a bag of n-grams, Counter() one with counts

    text: a string, cut as text_to_word_sequence cuts it (split=list: characters, joined by nothing), or a list of words.
    As a Tokenizer's analyzer it gives matrices: Tokenizer(analyzer=ngrams).

    >>> ngrams("The cat sat.")
    ['the', 'cat', 'sat', 'the cat', 'cat sat']
    """
    words = text_to_word_sequence(text, filters, lower, split) if isinstance(text, str) else list(text)
    glue = "" if split is list else " "
    return [glue.join(words[k:k + length]) for length in range(1, n + 1) for k in range(len(words) - length + 1)]


def read_word_vectors(path, dim=None, words=None):
    """(word, vector) for each line "word v1 ... v_dim" of a GloVe or word2vec text file (.gz too), vectors float32

    A first line of two whole numbers, as word2vec writes, tells how many numbers a line has; otherwise the first line
    itself does, or dim. words: leave out all but these. Raises ValueError naming the line that is malformed.
    """
    name = os.fspath(path)
    with (gzip.open if name.endswith(".gz") else open)(path, "rt", encoding="utf-8", errors="replace", newline="\n") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip()
            if number == 1:
                head = line.split(" ")
                if len(head) == 2 and all(h.isdigit() for h in head):
                    dim = dim or int(head[1])
                    continue
                dim = dim or len(head) - 1
            parts = line.rsplit(" ", dim)              # from the right: some words have blanks
            if words is not None and len(parts) == dim + 1 and parts[0] not in words:
                continue
            try:
                if len(parts) != dim + 1 or not dim:
                    raise ValueError(f"it has {len(parts) - 1} numbers")
                vector = np.array(parts[1:], "float32")
            except ValueError as error:
                raise FileError(f"{name}, line {number}: wanted a word and {dim} numbers, but {error}: {line[:60]!r}. "
                                "Fix: download the file again or mend the line; pass dim=... if its first line is at fault.") from None
            yield parts[0], vector


def embedding_matrix(path, word_index, num_words=None, dim=None):
    """m[i] = the vector of word i in a GloVe or word2vec text file; zeros where it has none: shape (num_words, dim)

    word_index: {word: i} (Tokenizer.word_index), or the list of words (TextVectorization.get_vocabulary()).
    num_words=None takes the largest i + 1. For Embedding(*m.shape, weights=[m], trainable=False).
    """
    if not isinstance(word_index, dict):
        word_index = {w: i for i, w in enumerate(word_index)}
    num_words = num_words or max(word_index.values(), default=-1) + 1
    wanted = {w: i for w, i in word_index.items() if i < num_words}
    m = None
    for word, vector in read_word_vectors(path, dim, wanted):
        if m is None:
            m = np.zeros((num_words, len(vector)), "float32")
        m[wanted[word]] = vector
    if m is None:
        raise bad_argument("word_index", f"{len(wanted)} words, none of which is in {os.fspath(path)}", "words of the file",
                           "check the language, capitals and how the text was cut")
    return m


def hashing_trick(text, n, hash_function=None, filters=FILTERS, lower=True, split=" ", analyzer=None):
    """i = hash(word) mod (n - 1) + 1

    hash_function: None or "md5" (the same numbers on every run), or a function from a word to a whole number.
    """
    if hash_function in (None, "md5"):
        def hash_function(w):
            return int(hashlib.md5(w.encode()).hexdigest(), 16)
    words = analyzer(text) if analyzer else text_to_word_sequence(text, filters, lower, split)
    return [hash_function(w) % (n - 1) + 1 for w in words]


def one_hot(input_text, n, filters=FILTERS, lower=True, split=" ", analyzer=None):
    """Word numbers in 1 .. n - 1 by hashing_trick; two words may share a number. Despite its name, no vectors."""
    return hashing_trick(input_text, n, None, filters, lower, split, analyzer)


class Tokenizer:
    """word_index[w] = rank of w by frequency, from 1; 0 is kept for padding

    num_words keeps the num_words - 1 most frequent words; oov_token stands for the others (and has number 1).
    char_level=True counts characters; `split` may be a function from a text to its words, such as jieba.lcut.

    >>> t = Tokenizer()
    >>> t.fit_on_texts(["the cat", "the dog"])
    >>> t.texts_to_sequences(["the dog sat"])
    [[1, 3]]
    """

    def __init__(self, num_words=None, filters=FILTERS, lower=True, split=" ", char_level=False, oov_token=None,
                 analyzer=None, **kwargs):
        if "nb_words" in kwargs:
            num_words = kwargs.pop("nb_words")
        document_count = kwargs.pop("document_count", 0)
        if kwargs:
            raise bad_argument(sorted(kwargs)[0], "an unknown argument", "num_words, filters, lower, split, char_level, oov_token "
                               "or analyzer", "correct the name", TypeError)
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer, self.document_count = char_level, oov_token, analyzer, document_count
        self.word_counts = collections.OrderedDict()
        self.word_docs, self.index_docs = collections.defaultdict(int), collections.defaultdict(int)
        self.word_index, self.index_word = {}, {}

    def _words(self, text):
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [w.lower() for w in text] if isinstance(text, list) else text.lower()
        return self.analyzer(text) if self.analyzer else text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts):
        """Count the words of `texts` (strings, or lists of words) and number them by frequency."""
        if isinstance(texts, str):
            raise bad_argument("texts", "one string", "a list of texts", "wrap it: fit_on_texts([text])")
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for w in words:
                self.word_counts[w] = self.word_counts.get(w, 0) + 1
            for w in set(words):
                self.word_docs[w] += 1
        ranked = sorted(self.word_counts.items(), key=lambda entry: -entry[1])
        names = ([] if self.oov_token is None else [self.oov_token]) + [w for w, _ in ranked]
        self.word_index = dict(zip(names, range(1, len(names) + 1)))
        self.index_word = {i: w for w, i in self.word_index.items()}
        for w, count in self.word_docs.items():
            self.index_docs[self.word_index[w]] = count

    def fit_on_sequences(self, sequences):
        """Count in how many sequences each number occurs: needed before sequences_to_matrix(mode="tfidf")."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for i in set(sequence):
                self.index_docs[i] += 1

    def texts_to_sequences(self, texts):
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """For each text the list of its words' numbers; words without one become oov_token, or are left out."""
        oov = self.word_index.get(self.oov_token)
        for text in texts:
            numbers = []
            for w in self._words(text):
                i = self.word_index.get(w)
                if i is None or (self.num_words and i >= self.num_words):
                    i = oov
                if i is not None:
                    numbers.append(i)
            yield numbers

    def sequences_to_texts(self, sequences):
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """For each sequence its words, joined by blanks."""
        oov = self.word_index.get(self.oov_token)
        for sequence in sequences:
            words = []
            for i in sequence:
                word = self.index_word.get(i)
                if word is None or (self.num_words and i >= self.num_words):
                    word = None if oov is None else self.index_word[oov]
                if word is not None:
                    words.append(word)
            yield " ".join(words)

    def texts_to_matrix(self, texts, mode="binary"):
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """m[k, i] for number i with count c in sequence k of length L; d documents, d_i of them with i

        binary: 1 · count: c · freq: c / L · tfidf: (1 + ln c) ln(1 + d / (1 + d_i))
        """
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise bad_argument("mode", repr(mode), '"binary", "count", "freq" or "tfidf"', "choose one of them")
        if not self.num_words and not self.word_index:
            raise bad_argument("num_words", "None before any text was seen", "a size of the vocabulary",
                               "pass num_words=..., or call fit_on_texts first")
        if mode == "tfidf" and not self.document_count:
            raise bad_argument("mode", '"tfidf"', "documents counted before", "call fit_on_texts or fit_on_sequences first")
        width = self.num_words or len(self.word_index) + 1
        m = np.zeros((len(sequences), width))
        for k, sequence in enumerate(sequences):
            for i, c in collections.Counter(sequence).items():
                if i >= width:
                    continue
                if mode == "count":
                    m[k, i] = c
                elif mode == "freq":
                    m[k, i] = c / len(sequence)
                elif mode == "binary":
                    m[k, i] = 1
                else:
                    m[k, i] = (1 + np.log(c)) * np.log(1 + self.document_count / (1 + self.index_docs.get(i, 0)))
        return m

    def get_config(self):
        if callable(self.split) or self.analyzer:
            raise bad_argument("split" if callable(self.split) else "analyzer", "a function", "settings that JSON can hold",
                               "save word_index with json, and give the function again when loading")
        return {"num_words": self.num_words, "filters": self.filters, "lower": self.lower, "split": self.split,
                "char_level": self.char_level, "oov_token": self.oov_token, "document_count": self.document_count,
                **{name: json.dumps(getattr(self, name)) for name in
                   ("word_counts", "word_docs", "index_docs", "index_word", "word_index")}}

    def to_json(self, **kwargs):
        """The settings and counts as JSON: tokenizer_from_json reads it, and Keras's does."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string):
    """The Tokenizer that to_json (ours or Keras's) wrote."""
    try:
        config = dict(json.loads(json_string)["config"])
        tables = {name: json.loads(config.pop(name)) for name in
                  ("word_counts", "word_docs", "index_docs", "index_word", "word_index")}
    except (KeyError, TypeError, ValueError) as error:
        raise bad_argument("json_string", f"text that no Tokenizer wrote ({error!r})", "the text of Tokenizer.to_json()",
                           "pass the whole text of the file") from None
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = collections.OrderedDict(tables["word_counts"])
    tokenizer.word_docs = collections.defaultdict(int, tables["word_docs"])
    tokenizer.index_docs = collections.defaultdict(int, {int(i): c for i, c in tables["index_docs"].items()})
    tokenizer.word_index = tables["word_index"]
    tokenizer.index_word = {int(i): w for i, w in tables["index_word"].items()}
    return tokenizer


def text_dataset_from_directory(directory, labels="inferred", label_mode="int", class_names=None, batch_size=32, max_length=None,
                                shuffle=True, seed=None, validation_split=None, subset=None, follow_links=False, format=None,
                                verbose=True):
    """Batches (texts, labels) of the .txt files under `directory`, one folder a class

    Texts are arrays of str objects; max_length keeps the first characters. The dataset has .class_names and .file_paths.
    """
    def make_load(paths):
        def read(path):
            with open(path, encoding="utf-8", errors="replace", newline="") as f:
                return f.read() if max_length is None else f.read(max_length)

        return lambda rows: np.array([read(paths[r]) for r in rows], dtype=object)

    return dataset_from_directory(directory, labels, label_mode, class_names, (".txt",), make_load, batch_size, shuffle, seed,
                                  validation_split, subset, follow_links, verbose)
