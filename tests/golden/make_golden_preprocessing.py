"""Write golden_preprocessing.npz: what Keras 3 answers to the cases of cases_preprocessing.py. Run it where Keras, JAX and TensorFlow are installed:

    python tests/golden/make_golden_preprocessing.py
"""
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import keras  # noqa: E402
import numpy as np  # noqa: E402

import cases_preprocessing as cases  # noqa: E402

if __name__ == "__main__":
    numbers, words = {}, {}
    for family in (cases.image_ops, cases.layers, cases.lookups):
        for name, value in family(keras).items():
            y, name = value(), f"{family.__name__}/{name}"
            if isinstance(y, str):
                words[name] = y
            else:
                numbers[name] = np.asarray(keras.ops.convert_to_numpy(y), "float32")
    names = list(numbers)                              # one array for all: an archive member costs more than a small result
    np.savez_compressed(pathlib.Path(__file__).with_name("golden_preprocessing.npz"), names=np.array(names),
                        shapes=np.array([str(numbers[n].shape) for n in names]), values=np.concatenate([numbers[n].ravel() for n in names]),
                        words=np.array([list(words), list(words.values())]))
