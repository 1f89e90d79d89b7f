"""Writes keras2.npz: keras.backend's ctc_batch_cost and ctc_decode. Run: KERAS_BACKEND=tensorflow python make_golden_keras2.py"""
import pathlib

import numpy as np
from keras.src.legacy import backend as K

rng = np.random.default_rng(0)
p = rng.dirichlet(np.ones(5), size=(3, 7)).astype("float32")
labels = np.array([[0, 1, 1], [2, 3, 0], [3, 0, 0]], "int32")
steps, length = np.array([[7], [6], [5]], "int32"), np.array([[3], [2], [1]], "int32")
out = dict(p=p, labels=labels, steps=steps, length=length, cost=K.ctc_batch_cost(labels, p, steps, length))
for greedy in (True, False):
    decoded, score = K.ctc_decode(p, steps[:, 0], greedy=greedy, beam_width=20, top_paths=2)
    name = "greedy" if greedy else "beam"
    out.update({f"{name}_{i}": d for i, d in enumerate(decoded)}, **{f"{name}_score": score})
np.savez_compressed(pathlib.Path(__file__).with_name("keras2.npz"), **{k: np.asarray(v) for k, v in out.items()})
