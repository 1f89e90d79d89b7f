"""Write golden_ctc.npz: the losses and gradients of Keras 3 (TensorFlow) and PyTorch for cases_ctc.py, and Keras's decodings.

    python tests/golden/make_golden_ctc.py
"""
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import torch  # noqa: E402

import cases_ctc as cases  # noqa: E402


def by_keras(x, label, count, length, blank):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = keras.ops.ctc_loss(label, x, count, length, mask_index=blank)
    return loss.numpy(), tape.gradient(loss, x).numpy()


def by_torch(x, label, count, length, blank):
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(torch.log_softmax(x, -1).transpose(0, 1), torch.tensor(label.astype("int64")),
                                        torch.tensor(length.astype("int64")), torch.tensor(count.astype("int64")), blank, reduction="none")
    loss.sum().backward()
    return loss.detach().numpy(), x.grad.numpy()


if __name__ == "__main__":
    made = {}
    for name, given in cases.LOSSES.items():
        for peer, run in (("keras", by_keras), ("torch", by_torch)):
            loss, dx = run(**given)
            made[f"{peer}/{name}/loss"], made[f"{peer}/{name}/dx"] = loss.astype("float32"), dx.astype("float32")
    for name, how in cases.DECODES.items():
        paths, scores = keras.ops.ctc_decode(cases.DECODED["x"], cases.DECODED["length"], **how)
        made[f"decode/{name}/paths"], made[f"decode/{name}/scores"] = np.asarray(paths).astype("int8"), np.asarray(scores)
    path = pathlib.Path(__file__).with_name("golden_ctc.npz")
    np.savez_compressed(path, versions=np.array([f"keras {keras.__version__}", f"torch {torch.__version__}"]), **made)
    print(f"{path.name}: {len(made)} results, {path.stat().st_size:,} bytes, keras {keras.__version__}")
