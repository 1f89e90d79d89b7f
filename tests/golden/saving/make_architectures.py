"""Writes architectures.zip with the real Keras 3: each model of architectures.py as .keras, and what it answers before and
after two more steps. `python make_architectures.py`, Keras installed.
"""
import pathlib
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
import keras_child
import numpy as np
from architectures import every


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder, answers = pathlib.Path(folder), {}
        keras_child.main("write", folder)
        with zipfile.ZipFile(HERE / "architectures.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
            for name in every():
                z.write(folder / f"{name}.keras", f"{name}.keras")
                answers.update({f"{name}.{k}": v for k, v in np.load(folder / f"{name}.npz").items()})
            np.savez(folder / "answers.npz", **answers)
            z.write(folder / "answers.npz", "answers.npz")


if __name__ == "__main__":
    main()
