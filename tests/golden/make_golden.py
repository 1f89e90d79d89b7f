"""Write golden.npz: what Keras 3 answers to the cases of cases.py. Run it where Keras and TensorFlow are installed:

    python tests/golden/make_golden.py
"""
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import cases  # noqa: E402


def results():
    for name, (make, x) in cases.layers().items():
        yield f"layer/{name}", cases.run_layer(keras, make, x)
    for name, value in cases.losses().items():
        yield f"loss/{name}", np.asarray(value(keras))
    for name, values in cases.schedule_values(keras).items():
        yield f"schedule/{name}", values
    for name, values in cases.history(keras, run_eagerly=True).items():
        yield f"history/{name}", values
    for name, make in cases.optimizers().items():
        for loss in cases.LOSSES:
            yield f"train/{name}/{loss}", cases.train(keras, make, loss, run_eagerly=True)


if __name__ == "__main__":
    made = {key: np.asarray(value, "float32") for key, value in results()}
    path = pathlib.Path(__file__).with_name("golden.npz")
    np.savez_compressed(path, versions=np.array([f"keras {keras.__version__}", keras.backend.backend()]), **made)
    print(f"{path.name}: {len(made)} results, {path.stat().st_size:,} bytes, keras {keras.__version__}")
