"""Edges by hand: a convolution whose weights we set ourselves, with Sobel's filters. A second.

    python examples/07_edges.py [--quick]

The first filters that a convnet learns look much like these.
"""
import sys

import numpy as np

import fastdl as keras
import pictures
from fastdl.datasets.mini import photos

SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], "float32")        # a vertical edge: left minus right


def edge_detector():
    """image (h, w, 1) -> (h - 2, w - 2, 2): the slope across columns and the slope across rows."""
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3, use_bias=False, name="sobel")])
    kernel = np.stack([SOBEL, SOBEL.T], axis=-1)[:, :, None, :]           # (height, width, channels in, channels out)
    model.get_layer("sobel").set_weights([kernel])                       # a list, one array a weight
    return model


def main(quick=False):
    detect = edge_detector()
    step = np.zeros((1, 6, 6, 1), "float32")
    step[:, :, 3:] = 1
    answer = np.array(detect(step))[0]
    print("a bright right half: slope across columns", answer[0, :, 0], "and across rows", answer[0, :, 1])

    rows = []
    for name, photo in photos.load_data().items():
        grey = photo.astype("float32") @ np.array([0.299, 0.587, 0.114], "float32") / 255
        across, down = np.moveaxis(detect.predict(grey[None, ..., None], verbose=0)[0], -1, 0)
        strength = np.sqrt(across ** 2 + down ** 2)
        rows.append([photo / 255, across, down, strength])
        print(f"{name:>7}: mean strength of its edges {strength.mean():.3f}, of the strongest tenth {np.quantile(strength, 0.9):.3f}")
    pictures.save("07_edges.png", rows, titles=["photo", "vertical edges", "horizontal edges", "strength"])
    return answer, rows


if __name__ == "__main__":
    main("--quick" in sys.argv)
