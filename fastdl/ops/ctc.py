"""ops.ctc_loss and ops.ctc_decode: labels that are shorter than the predictions they are read from."""
from .. import config
from ..core import state
from ..core.tensor import convert_to_tensor
from ..errors import did_you_mean
from ..primitives import ctc, elementwise
from .promotion import promote
from .symbolic import op


def _ints(x):
    """x as int32"""
    x = convert_to_tensor(x)
    return x if x.dtype == "int32" else elementwise.cast(x, dtype="int32")


@op
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """l = -log P(target | softmax(output)), one value a sample

    A path stands for the label left when repeats are merged and blanks dropped; P sums over the target's paths.
    target (batch, labels), whole numbers; output (batch, time, classes), logits; the lengths (batch,) count what is no padding;
    mask_index is the blank. Infinite, with gradient zero, where a target needs more steps than there are (Graves et al. 2006).

    >>> import fastdl
    >>> float(fastdl.ops.ctc_loss([[1]], [[[0.0, 0.0]]], [1], [1])[0])      # one step, two equal classes: log 2
    0.6931471824645996
    """
    (x,) = promote(output, least=config.floatx())
    if len(x.shape) == 3 and mask_index < 0:
        mask_index += x.shape[2]
    keep = bool(state.current().tapes)
    made = ctc.ctc_loss(x, _ints(target), _ints(target_length), _ints(output_length), blank=int(mask_index), keep=keep)
    return made[0] if keep else made


@op
def ctc_decode(inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True, mask_index=0):
    """(decoded, scores) of logits (batch, time, classes): decoded (paths, batch, time), int32, -1 after the end

    "greedy": the largest class of each step; scores (batch, 1) are minus the sum of their logits. "beam_search": the
    top_paths likeliest labels; scores (batch, top_paths) are log-probabilities. mask_index is the blank, None the last class.

    >>> import fastdl
    >>> steps = fastdl.ops.one_hot([[1, 1, 0, 1, 2]], 3)
    >>> fastdl.ops.ctc_decode(steps, [5])[0].numpy().tolist()
    [[[1, 1, 2, -1, -1]]]
    """
    (x,) = promote(inputs, least=config.floatx())
    if x.ndim != 3:
        raise ValueError(f"ops.ctc_decode wants inputs of shape (batch, time, classes), got {x.shape}")
    lengths = _ints(sequence_lengths)
    if lengths.shape != x.shape[:1]:
        raise ValueError(f"ops.ctc_decode: {x.shape[0]} sequences came with lengths of shape {lengths.shape}: wanted one for each")
    if strategy == "greedy":
        return ctc.ctc_greedy(x, lengths, blank=mask_index, merge_repeated=bool(merge_repeated))
    if strategy != "beam_search":
        hint = did_you_mean(strategy, ["greedy", "beam_search"])
        raise ValueError(f"ops.ctc_decode: strategy={strategy!r} is neither 'greedy' nor 'beam_search'.{hint}")
    if not 1 <= top_paths <= beam_width:
        raise ValueError(f"ops.ctc_decode: top_paths={top_paths} with beam_width={beam_width}: wanted 1 <= top_paths <= beam_width")
    return ctc.ctc_beam_search(x, lengths, blank=mask_index, beam_width=int(beam_width), top_paths=int(top_paths))
