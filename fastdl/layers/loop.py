"""rnn: one step function applied along time, the general path of every recurrent layer; and what any cell is asked.

While traced, the loop is unrolled into the plan; while only shapes are asked for, one step stands for all.
"""
import inspect

from fastdl import ops
from fastdl.core import state
from fastdl.core.tensor import convert_to_tensor
from fastdl.ops import symbolic
from fastdl.ops.symbolic import flatten, map_structure, pack_like


def steps_of(x, count=None):
    """[x[:, 0], x[:, 1], ...], the first `count` of them.

    Cut in halves again and again, so that the gradient adds log(steps) arrays of full size, not one for every step.
    """
    x = ops.transpose(x, (1, 0, *range(2, x.ndim)))
    n = x.shape[0] if count is None else min(count, x.shape[0])

    def cut(part, n):
        if n == 1:
            return [ops.reshape(part, part.shape[1:])]
        half, rest = (n + 1) // 2, part.shape[1:]
        return cut(ops.slice(part, (0,) * part.ndim, (half, *rest)), half) + \
            cut(ops.slice(part, (half,) + (0,) * len(rest), (n - half, *rest)), n - half)

    if not n:
        return []
    return cut(x if n == x.shape[0] else ops.slice(x, (0,) * x.ndim, (n, *x.shape[1:])), n)


def _choose(keep, new, old):
    """new where keep (batch,), else old"""
    return ops.where(ops.reshape(keep, (keep.shape[0],) + (1,) * (new.ndim - 1)), new, old)


def rnn(step, inputs, states, mask=None, go_backwards=False, zero_output_for_mask=False, return_all_outputs=True):
    """y_t, s_t = step(x_t, s_t-1), t = 0 ... T-1 (backwards from T-1); gives (last y, all y or None, last s)

    inputs: (batch, time, ...), or nested. mask (batch, time): where it is False the states are carried on and the output is
    the one before (zeros before the first), or always zeros with zero_output_for_mask. All y come in the order of the steps.
    """
    shape = flatten(inputs)[0].shape
    batch, time = shape[0], shape[1]
    if not time:
        raise ValueError(f"A recurrent layer received a sequence of shape {tuple(shape)}, without steps: it needs at least one along "
                         "axis 1 (batch, time, features).")
    if mask is not None:
        mask = convert_to_tensor(mask, "bool")
        if mask.ndim == 3 and mask.shape[2] == 1:
            mask = ops.reshape(mask, mask.shape[:2])
        if tuple(mask.shape) != (batch, time):
            raise ValueError(f"A recurrent layer received a mask of shape {tuple(mask.shape)} for a sequence of shape {tuple(shape)}; it "
                             f"wants one truth value a step: shape {(batch, time)}.")
    written = getattr(state.current().mode, "loop", None)
    if written is not None:                    # a trace that keeps the loop as it is
        return written(step, inputs, states, mask, go_backwards, zero_output_for_mask)
    once = symbolic.inferring()
    columns = [steps_of(x, 1 if once else None) for x in flatten(inputs)]
    rows = [pack_like(inputs, list(row)) for row in zip(*columns)]
    keeps = [None] * len(rows) if mask is None else steps_of(mask, len(rows))
    outputs, last = [], None
    for x, keep in reversed(list(zip(rows, keeps))) if go_backwards else zip(rows, keeps):
        y, new = step(x, states)
        new = pack_like(states, flatten(new))
        if keep is not None:
            hidden = map_structure(ops.zeros_like, y) if last is None or zero_output_for_mask else last
            y = pack_like(y, [_choose(keep, a, b) for a, b in zip(flatten(y), flatten(hidden))])
            new = pack_like(states, [_choose(keep, a, b) for a, b in zip(flatten(new), flatten(states))])
        states, last = new, y
        outputs.append(y)
    if not return_all_outputs:
        return last, None, states

    def joined(*column):
        column = [ops.reshape(y, (y.shape[0], 1, *y.shape[1:])) for y in column]
        if once:
            return ops.broadcast_to(column[0], (batch, time, *column[0].shape[2:]))
        return ops.concatenate(column, axis=1) if len(column) > 1 else column[0]

    leaves = [joined(*column) for column in zip(*[flatten(y) for y in outputs])]
    return last, pack_like(last, leaves), states


# ---------------------------------------------------------------- cells, ours or the user's
def check_cell(cell, where):
    if not callable(getattr(cell, "call", None)) or not hasattr(cell, "state_size"):
        raise ValueError(f"{where} received {cell!r:.200}; it wants a cell: a Layer with call(inputs, states) -> (output, new states) "
                         "and the attribute state_size, e.g. LSTMCell(32).")


def build_cell(cell, input_shape):
    if hasattr(cell, "build") and not getattr(cell, "built", False):
        cell.build(tuple(input_shape))
        cell.built = True


def states_of(cell):
    """The sizes of a cell's states, as a list."""
    sizes = cell.state_size
    return list(sizes) if isinstance(sizes, (list, tuple)) else [sizes]


def output_size_of(cell):
    size = getattr(cell, "output_size", None)
    return states_of(cell)[0] if size is None else size


def zeros(size, batch_size, dtype):
    return ops.zeros((batch_size, *(size if isinstance(size, (list, tuple)) else (size,))), dtype=dtype)


def initial_states(cell, batch_size, dtype):
    """Zeros, or what the cell's own get_initial_state says, as a list."""
    if hasattr(cell, "get_initial_state"):
        made = cell.get_initial_state(batch_size=batch_size)
        return list(made) if isinstance(made, (list, tuple)) else [made]
    return [zeros(size, batch_size, dtype) for size in states_of(cell)]


def step_of(cell, training):
    """f(x, states) -> (output, new states)"""
    kwargs = dict(training=training) if "training" in inspect.signature(cell.call).parameters else {}
    ours = type(cell).__module__.startswith("fastdl.layers.")              # without the checks of __call__ at every step
    run = cell if callable(cell) and not ours else cell.call
    return lambda x, states: run(x, states, **kwargs)


def reset_masks(cell):
    """The next sequence draws new dropout masks."""
    for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
        getattr(cell, name, lambda: None)()
    for inner in getattr(cell, "cells", ()):
        reset_masks(inner)
