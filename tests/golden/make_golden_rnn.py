"""Write golden_rnn.npz: what Keras 3 answers to the cases of cases_rnn.py. Run it where Keras and TensorFlow are installed:

    python tests/golden/make_golden_rnn.py
"""
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import cases_rnn as cases  # noqa: E402


def results():
    for group in ("recurrent", "wrappers", "attention", "conv_lstm"):
        for name, value in getattr(cases, group)().items():
            yield f"{group}/{name}", value(keras)
    for name, make in cases.networks().items():
        yield f"train/{name}", cases.train(keras, make)


if __name__ == "__main__":
    made = {key: np.asarray(value, "float32") for key, value in results()}
    path = pathlib.Path(__file__).with_name("golden_rnn.npz")
    names = list(made)                                 # one array for all: an archive member costs more than a small result
    np.savez_compressed(path, versions=np.array([f"keras {keras.__version__}", keras.backend.backend()]), names=np.array(names),
                        sizes=np.array([made[n].size for n in names]), values=np.concatenate([made[n] for n in names]))
    print(f"{path.name}: {len(made)} results, {path.stat().st_size:,} bytes, keras {keras.__version__}")
