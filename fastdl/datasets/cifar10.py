"""CIFAR-10: 60,000 colour pictures in ten classes (Alex Krizhevsky)."""
import numpy as np

from fastdl.datasets import cifar


def load_data():
    """(x_train, y_train), (x_test, y_test): x uint8 (50000 or 10000, 32, 32, 3), y uint8 (n, 1) in 0..9."""
    parts = cifar.load("cifar-10-batches-py", "cifar-10-python.tar.gz",
                       "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                       [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"], "labels")
    parts = [(x, y.astype("uint8")) for x, y in parts]
    return tuple(np.concatenate(a) for a in zip(*parts[:5])), parts[5]
