"""Four colour photographs, 128 by 192: a temple, a flower, a cat, a rocket.

Sources: china, D. Buechele, and flower, vultilion (flickr, by way of scikit-learn), CC BY 2.0, made smaller here; cat,
S. van der Walt (by way of scikit-image), CC0; rocket, SpaceX, in the public domain.
"""
from pathlib import Path

import numpy as np

NAMES = ("china", "flower", "cat", "rocket")


def load_data():
    """name -> uint8 (128, 192, 3) in 0..255

    >>> load_data()["cat"].shape
    (128, 192, 3)
    """
    with np.load(Path(__file__).with_name("photos.npz"), allow_pickle=False) as data:
        return {name: data[name] for name in NAMES}
