"""Handwritten digits, 8 by 8 points: 1,797 of them, small enough for experiments that take a second.

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, by way of
scikit-learn. Licence: CC BY 4.0.
"""
from pathlib import Path

import numpy as np


def load_data():
    """(x_train, y_train), (x_test, y_test): x uint8 (n, 8, 8) in 0..16, y uint8 (n,); in the order of the source.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_test.shape
    ((1437, 8, 8), (360, 8, 8))
    """
    with np.load(Path(__file__).with_name("digits8x8.npz"), allow_pickle=False) as data:
        x, y = data["images"].astype("uint8"), data["target"].astype("uint8")
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])
