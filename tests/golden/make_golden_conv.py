"""Write golden_conv.npz: what Keras 3 answers to the cases of cases_conv.py. Run it where Keras and JAX are installed
(TensorFlow's CPU kernels refuse some transposed convolutions and adaptive pools):

    python tests/golden/make_golden_conv.py
"""
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import cases_conv as cases  # noqa: E402


def results():
    for name, (make, x) in cases.layers().items():
        yield f"layer/{name}", cases.run_layer(keras, make, x)
    for name, value in cases.moving().items():
        yield f"moving/{name}", value(keras)
    for name, (make, shape) in cases.networks().items():
        yield f"train/{name}", cases.train(keras, make, shape)


if __name__ == "__main__":
    made = {key: np.asarray(value, "float32") for key, value in results()}
    path = pathlib.Path(__file__).with_name("golden_conv.npz")
    names = list(made)                                 # one array for all: an archive member costs more than a small result
    np.savez_compressed(path, versions=np.array([f"keras {keras.__version__}", keras.backend.backend()]), names=np.array(names),
                        shapes=np.array([str(made[n].shape) for n in names]), values=np.concatenate([made[n].ravel() for n in names]))
    print(f"{path.name}: {len(made)} results, {path.stat().st_size:,} bytes, keras {keras.__version__}")
