"""CIFAR-100: 60,000 colour pictures in 100 fine or 20 coarse classes (Alex Krizhevsky)."""
from fastdl.datasets import cifar
from fastdl.errors import bad_argument


def load_data(label_mode="fine"):
    """(x_train, y_train), (x_test, y_test): x uint8 (50000 or 10000, 32, 32, 3), y (n, 1) in 0..99 or 0..19."""
    if label_mode not in ("fine", "coarse"):
        raise bad_argument("label_mode", repr(label_mode), '"fine" (100 classes) or "coarse" (20)', "choose one of them")
    return tuple(cifar.load("cifar-100-python", "cifar-100-python.tar.gz",
                            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
                            ["train", "test"], f"{label_mode}_labels"))
