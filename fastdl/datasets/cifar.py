"""What CIFAR-10 and CIFAR-100 share: batches read straight from the archive, without extracting it."""
import tarfile

import numpy as np

from fastdl import config
from fastdl.datasets.cache import read_pickle
from fastdl.errors import FileError
from fastdl.utils.file_utils import get_file


def load(folder, archive, file_hash, members, label_key):
    """(images, labels) of each member: uint8 images in the configured data format, labels (n, 1)."""
    # Keras keeps the archive under this name, so a cache of Keras's is found.
    path = get_file(f"{folder}-target_archive", origin=f"https://www.cs.toronto.edu/~kriz/{archive}", file_hash=file_hash)
    parts = []
    try:
        with tarfile.open(path) as tar:
            for member in members:
                batch = read_pickle(tar.extractfile(f"{folder}/{member}").read(), f"{path} ({member})")
                x = np.asarray(batch[b"data"], "uint8").reshape(-1, 3, 32, 32)
                y = np.asarray(batch[label_key.encode()])
                x = x.transpose(0, 2, 3, 1) if config.image_data_format() == "channels_last" else x
                parts.append((x.copy(), y.reshape(-1, 1)))              # the pickle's bytes can only be read
    except (tarfile.TarError, KeyError, AttributeError, EOFError) as error:
        raise FileError(f"{path} is not the archive {archive} ({error!r}). Fix: delete it and download it again.") from error
    return parts
