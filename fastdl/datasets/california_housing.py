"""California housing: 20,640 districts of the 1990 census."""
from fastdl.datasets.cache import npz, split_rows
from fastdl.errors import bad_argument


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """(x_train, y_train), (x_test, y_test): x (n, 8), y prices in dollars; version="small" has 600 rows."""
    if version not in ("large", "small"):
        raise bad_argument("version", repr(version), '"large" or "small"', "choose one of them")
    f = npz(path, "california_housing.npz", "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f")
    rows = slice(600 if version == "small" else None)
    return split_rows(f["x"][rows], f["y"][rows], test_split, seed)
