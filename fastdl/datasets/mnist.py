"""MNIST: handwritten digits (Yann LeCun and Corinna Cortes, CC BY-SA 3.0)."""
from fastdl.datasets.cache import npz


def load_data(path="mnist.npz"):
    """(x_train, y_train), (x_test, y_test): x uint8 (60000 or 10000, 28, 28), y uint8 in 0..9."""
    f = npz(path, "mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1")
    return (f["x_train"], f["y_train"]), (f["x_test"], f["y_test"])
