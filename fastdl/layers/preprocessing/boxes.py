"""Bounding boxes: their formats, and what becomes of them when the image moves. Boxes that are all -1 are padding and stay."""
import numpy as np

from fastdl import ops
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import did_you_mean

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def dense(bounding_boxes, single):
    """Ragged lists of boxes and labels as arrays, filled up with -1."""
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError("bounding_boxes must be a dict with 'boxes' and 'labels', got "
                         f"{sorted(bounding_boxes) if isinstance(bounding_boxes, dict) else type(bounding_boxes).__name__}")
    out = {}
    for key, value in bounding_boxes.items():
        if isinstance(value, (list, tuple)) and not single:
            rows = [np.asarray(v, "float32") for v in value]
            most = max([len(r) for r in rows] or [0])
            tail = (4,) if key == "boxes" else ()
            value = np.stack([np.concatenate([r.reshape((len(r),) + tail), np.full((most - len(r),) + tail, -1, "float32")]) for r in rows])
        out[key] = value if isinstance(value, Tensor) else np.asarray(value)
    return out


def _corners(boxes, form, height, width):
    a, b, c, d = (boxes[..., k] for k in range(4))
    if form.startswith("rel_"):
        form = form[4:]
        a, b, c, d = (b * width, a * height, d * width, c * height) if form == "yxyx" else (a * width, b * height, c * width, d * height)
        form = "xyxy" if form == "yxyx" else form
    if form == "xyxy":
        return a, b, c, d
    if form == "yxyx":
        return b, a, d, c
    if form == "center_yxhw":
        a, b, c, d = b, a, d, c
    if form == "xywh":
        return a, b, a + c, b + d
    return a - c / 2, b - d / 2, a + c / 2, b + d / 2


def convert_format(boxes, source, target, height=None, width=None, dtype="float32"):
    """boxes (..., 4) in another format; relative formats need the image's height and width

    >>> convert_format([[10.0, 20.0, 30.0, 60.0]], "xyxy", "xywh").numpy().tolist()
    [[10.0, 20.0, 20.0, 40.0]]
    """
    if isinstance(boxes, dict):
        return dict(boxes, boxes=convert_format(boxes["boxes"], source, target, height, width, dtype))
    for form in (source, target):
        if form not in FORMATS:
            raise ValueError(f"bounding box format {form!r} is not known.{did_you_mean(str(form), FORMATS)} It is "
                             f"one of {', '.join(FORMATS)}.")
    if height is None and "rel_" in source + target and source != target:
        raise ValueError(f"from {source} to {target}: relative boxes need height= and width= of their image")
    boxes = convert_to_tensor(boxes, dtype)
    x1, y1, x2, y2 = _corners(boxes, source, height, width)
    form = target
    if form.startswith("rel_"):
        form, x1, y1, x2, y2 = form[4:], x1 / width, y1 / height, x2 / width, y2 / height
    w, h = x2 - x1, y2 - y1
    rows = {"xyxy": (x1, y1, x2, y2), "yxyx": (y1, x1, y2, x2), "xywh": (x1, y1, w, h), "center_xywh": (x1 + w / 2, y1 + h / 2, w, h),
            "center_yxhw": (y1 + h / 2, x1 + w / 2, h, w)}[form]
    return ops.stack(list(rows), axis=-1)


def moved(bounding_boxes, form, move, before, after):
    """The boxes after `move` (from lists of corner x and y to new ones): the upright box around them, cut at the new image's edge.

    before, after: (height, width) of the image.
    """
    given = convert_to_tensor(bounding_boxes["boxes"], "float32")
    x1, y1, x2, y2 = _corners(given, form, *before)
    xs, ys = move(ops.stack([x1, x2, x1, x2], axis=-1), ops.stack([y1, y1, y2, y2], axis=-1))
    cut = lambda v, top: ops.clip(v, 0.0, float(top))
    high, wide = after
    made = ops.stack([cut(ops.min(xs, -1), wide), cut(ops.min(ys, -1), high), cut(ops.max(xs, -1), wide), cut(ops.max(ys, -1), high)],
                     axis=-1)
    made = convert_format(made, "xyxy", form, *after)
    padding = ops.all(ops.equal(given, -1.0), axis=-1, keepdims=True)
    return dict(bounding_boxes, boxes=ops.where(padding, given, made))
