"""CTC cases, run by Keras and PyTorch (make_golden_ctc.py) and by fastdl (test_ctc.py)."""
import numpy as np


def case(seed, batch, time, classes, labels, blank=0, scale=2.0, repeats=False):
    """x, label, label_length, length; every label is feasible"""
    rng = np.random.RandomState(seed)
    x = (scale * rng.standard_normal((batch, time, classes))).astype("float32")
    label = (rng.randint(0, 2 if repeats else classes - 1, (batch, labels)) + blank + 1) % classes
    length = rng.randint(2 * labels, time + 1, batch)
    count = rng.randint(1, labels + 1, batch)
    length[0], count[0] = time, labels
    return dict(x=x, label=label.astype("int32"), count=count.astype("int32"), length=length.astype("int32"), blank=blank)


LOSSES = {
    "small": case(0, 4, 12, 5, 4), "last blank": case(1, 3, 20, 6, 7, blank=5), "repeats": case(2, 4, 30, 4, 10, repeats=True),
    "sharp": case(3, 3, 25, 8, 6, scale=20.0), "middle blank": case(4, 2, 40, 9, 17, blank=4), "long": case(5, 2, 300, 11, 60, scale=1.0),
}
DECODES = {
    "greedy": dict(), "greedy kept": dict(merge_repeated=False), "greedy last": dict(mask_index=None),
    "beam": dict(strategy="beam_search", top_paths=3), "beam narrow": dict(strategy="beam_search", beam_width=3, top_paths=2, mask_index=4),
    "beam last": dict(strategy="beam_search", beam_width=30, mask_index=None),
}
DECODED = case(6, 4, 15, 5, 4, scale=3.0)
