"""Boston housing: 506 house prices of the 1970s. One column encodes race: a lesson in what data may carry."""
from fastdl.datasets.cache import npz, split_rows


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """(x_train, y_train), (x_test, y_test): x float64 (n, 13), y prices in thousands of dollars."""
    f = npz(path, "boston_housing.npz", "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5")
    return split_rows(f["x"], f["y"], test_split, seed)
