"""Loops over time, over a list, over the labels of a sequence (CTC)."""
from fastdl import ops
from fastdl.config import epsilon
from fastdl.ops.promotion import public


def rnn(step_function, inputs, initial_states, go_backwards=False, mask=None, constants=None, unroll=False, input_length=None,
        time_major=False, zero_output_for_mask=False, return_all_outputs=True):
    """(last output, outputs, states) of step_function(x_t, states) over axis 1, or over axis 0 where time_major"""
    if time_major:
        turn = lambda x: None if x is None else ops.swapaxes(x, 0, 1)
        last, all_, states = rnn(step_function, turn(inputs), initial_states, go_backwards, turn(mask), constants, unroll, input_length,
                                 False, zero_output_for_mask, return_all_outputs)
        return last, turn(all_), states
    from fastdl.layers import loop
    extra = list(constants or ())
    return loop.rnn(lambda x, s: step_function(x, list(s) + extra), inputs, list(initial_states), mask=mask, go_backwards=go_backwards,
                    zero_output_for_mask=zero_output_for_mask, return_all_outputs=return_all_outputs)


def map_fn(fn, elems, name=None, dtype=None):
    return ops.stack([fn(elems[k]) for k in range(elems.shape[0])])


def foldl(fn, elems, initializer=None, name=None):
    value, first = (elems[0], 1) if initializer is None else (initializer, 0)
    for k in range(first, elems.shape[0]):
        value = fn(value, elems[k])
    return value


def foldr(fn, elems, initializer=None, name=None):
    return foldl(fn, ops.flip(elems, axis=0), initializer)


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """(batch, 1): the CTC loss of each sample; y_pred (batch, time, classes) after softmax, the last class is the blank"""
    blank = y_pred.shape[-1] - 1
    log_p = ops.log(y_pred + epsilon())
    loss = ops.ctc_loss(ops.cast(y_true, "int32"), log_p, ops.cast(ops.reshape(label_length, (-1,)), "int32"),
                        ops.cast(ops.reshape(input_length, (-1,)), "int32"), mask_index=blank)
    return ops.expand_dims(loss, 1)


def ctc_decode(y_pred, input_length, greedy=True, beam_width=100, top_paths=1):
    """([labels of each path, -1 where it ended], scores); the last class is the blank"""
    decoded, scores = ops.ctc_decode(ops.log(y_pred + epsilon()), input_length, strategy="greedy" if greedy else "beam_search",
                                     beam_width=beam_width, top_paths=top_paths, mask_index=y_pred.shape[-1] - 1)
    return [decoded[k] for k in range(decoded.shape[0])], scores


__all__ = public(globals())
