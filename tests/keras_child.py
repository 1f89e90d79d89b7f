"""Run by test_keras_round_trip.py with a Python that has Keras 3: `write FOLDER` makes files, `read FOLDER` opens those of
fastdl, `predict FOLDER` those that fastdl saved again."""
import json
import os
import pathlib
import sys
import traceback
import warnings

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent / "golden" / "saving"))
import architectures as A

warnings.simplefilter("ignore")
A.classes(keras)


def write(folder, name):
    """name.keras, name.weights.h5, name.h5 and name.npz: the model after three steps and what it says."""
    model, x, y = A.trained(name, keras)
    model.save(folder / f"{name}.keras")
    if name in A.ARCHITECTURES:
        model.save_weights(folder / f"{name}.weights.h5")
    if name in A.ARCHITECTURES and name != "subclassed":        # Keras cannot write these as .h5
        model.save(folder / f"{name}.h5")
    np.savez_compressed(folder / f"{name}.npz", **A.answers(model, x, y))


def read(folder, name):
    """name.out.npz: what Keras says and learns from the model in fastdl's files."""
    model = keras.models.load_model(folder / f"{name}.keras")
    x, y = A.data(name, model)
    made = A.answers(model, x, y)
    if name in A.ARCHITECTURES:
        other = A.make(name, keras)
        A.data(name, other)
        other.load_weights(folder / f"{name}.weights.h5")
        made["from_weights"] = np.asarray(A._list(other.predict(x, verbose=0))[0])
        if (folder / f"{name}.h5").exists():
            old = keras.models.load_model(folder / f"{name}.h5", custom_objects=A.classes(keras))
            made["from_h5"] = np.asarray(A._list(old.predict(x, verbose=0))[0])
    np.savez_compressed(folder / f"{name}.out.npz", **made)


@keras.saving.register_keras_serializable("fastdl", "hard_sigmoid_keras2")
def hard_sigmoid_keras2(x):
    """What a program must give Keras 3 for networks whose hard_sigmoid is that of Keras 2."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def predict(folder, name):
    """name.out.npz: what Keras says to name.x.npz, and that it trains on."""
    model = keras.models.load_model(folder / f"{name}.keras")
    with np.load(folder / f"{name}.x.npz") as f:
        x = [f[k] for k in sorted(f.files)]
    predicted = A._list(model.predict(x if len(x) > 1 else x[0], verbose=0))
    if model.compiled:
        model.train_on_batch(x if len(x) > 1 else x[0], predicted if len(predicted) > 1 else predicted[0])
    np.savez(folder / f"{name}.out.npz", *predicted)


def main(what, folder, *names):
    folder, errors = pathlib.Path(folder), {}
    for name in names or ([p.name[:-6] for p in folder.glob("*.x.npz")] if what == "predict" else A.every()):
        try:
            {"write": write, "read": read, "predict": predict}[what](folder, name)
        except Exception:
            errors[name] = traceback.format_exc()[-1500:]
    (folder / f"{what}_errors.json").write_text(json.dumps(errors))


if __name__ == "__main__":
    main(*sys.argv[1:])
