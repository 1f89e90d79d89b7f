"""Photographs of clothes: 3,000 images of Fashion-MNIST (the first 2,000 to train, the first 1,000 to test).

Source: Zalando SE (H. Xiao, K. Rasul, R. Vollgraf), Fashion-MNIST. Licence: MIT.
"""
from pathlib import Path

import numpy as np

CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


def load_data():
    """(x_train, y_train), (x_test, y_test): x uint8 (n, 28, 28) in 0..255, y uint8 (n,), a number into CLASSES.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, CLASSES[y_test[0]]
    ((2000, 28, 28), 'boot')
    """
    with np.load(Path(__file__).with_name("fashion.npz"), allow_pickle=False) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
