"""Fashion-MNIST: pictures of clothes in ten classes (Zalando SE, MIT licence)."""
import gzip
import os

import numpy as np

from fastdl.datasets.cache import STORE
from fastdl.errors import FileError
from fastdl.utils.file_utils import get_file


def _read(name, offset):
    path = get_file(name, origin=STORE + name, cache_subdir=os.path.join("datasets", "fashion-mnist"))
    try:
        with gzip.open(path, "rb") as f:
            return np.frombuffer(f.read(), np.uint8, offset=offset).copy()
    except (OSError, EOFError, ValueError) as error:
        raise FileError(f"{path} is no whole gzip file ({error}). Fix: delete it and download it again.") from error


def load_data():
    """(x_train, y_train), (x_test, y_test): x uint8 (60000 or 10000, 28, 28), y uint8 in 0..9."""
    return tuple((_read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28), _read(f"{part}-labels-idx1-ubyte.gz", 8))
                 for part in ("train", "t10k"))
