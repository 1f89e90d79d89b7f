"""What the engine promises: no Python object inside Plan.run(), flat memory, every kernel reached, rewrites keep the bits."""
import gc
import importlib
import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

from fastdl import primitives
from fastdl.core import modes, native, primitive, rewrite
from fastdl.core.function import function
from fastdl.core.plan import Plan
from fastdl.core.tape import GradientTape
from fastdl.core.tensor import Tensor, Variable
from fastdl.primitives import elementwise as e
from fastdl.primitives import linalg, loss, reduce, update

for _module in pkgutil.iter_modules(primitives.__path__):
    importlib.import_module("fastdl.primitives." + _module.name)
RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((33, 50)).astype("float32"), RNG.integers(0, 10, 33).astype("int32")


def network(seed=0):
    rng = np.random.default_rng(seed)
    w = [Variable((rng.standard_normal(s) * 0.1).astype("float32")) for s in ((50, 40), (40,), (40, 10), (10,))]
    v = [Variable(np.zeros(x.shape, "float32")) for x in w]
    rate = Variable(np.float32(0.01))

    def step(x, y):
        with GradientTape() as tape:
            h = e.relu(e.add(linalg.matmul(x, w[0]), w[1]))
            value = reduce.mean(loss.sparse_softmax_xent(e.add(linalg.matmul(h, w[2]), w[3]), y))
            for kernel in (w[0], w[2]):
                value = e.add(value, e.mul(reduce.sum_squares(kernel), 0.01))
        for x, s, g in zip(w, v, tape.gradient(value, w)):
            update.rmsprop_update(x, s, g, rate, rho=0.9, epsilon=1e-7)
        return value
    return step, w


def plan_of(step, passes=None):
    trace = modes.Trace()
    x, y = Tensor(None, X.shape, "float32"), Tensor(None, Y.shape, "int32")
    with modes.reading(trace):
        out = step(x, y)
    return Plan(trace.nodes, [x, y], [out], passes=passes)


def test_no_python_object_is_made_inside_run():
    plan = plan_of(network()[0])
    assert len(plan.steps) == 1, plan.summary()
    plan.bind([X, Y])
    run = plan.run
    run()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        run()
    assert sys.getallocatedblocks() - before < 20


def test_memory_is_flat_over_ten_thousand_steps():
    import resource

    step = function(network()[0])
    for _ in range(500):
        step(X, Y)
    blocks, peak = sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10000):
        step(X, Y)
    assert sys.getallocatedblocks() - blocks < 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 2048            # kilobytes


@pytest.mark.parametrize("passes", [[rewrite.fold_epilogues], [rewrite.fold_decay], rewrite.PASSES])
def test_each_rewrite_shortens_the_plan_and_keeps_the_bits(passes):
    results = []
    for chosen in ([], passes):
        step, weights = network()
        plan = plan_of(step, chosen)
        for _ in range(3):
            plan.bind([X, Y])
            plan.run()
            value = plan.results()[0]
        results.append((len(plan.nodes), value.tobytes(), [w.numpy().tobytes() for w in weights]))
    assert results[1][0] < results[0][0]
    assert results[0][1:] == results[1][1:]


def test_every_kernel_is_reached_by_a_primitive():
    reached = set()
    for p in primitive.REGISTRY.values():
        if p.calls is None or p.updates is not None or p.alias is not None:
            continue
        for seed in range(60):
            arrays, attrs = p.sample(np.random.default_rng(seed))
            ins = [Tensor(a.astype("float32") if a.dtype.kind == "f" else a) for a in arrays]
            specs = p.infer(ins, attrs)
            if p.native(ins, specs, attrs):
                for row in p.calls(*[Tensor(np.empty(*s)) for s in specs], *ins, **attrs):
                    reached.add(row[0])
    updates = {n for n, p in primitive.REGISTRY.items() if p.updates is not None}
    reached |= {"user", "chain"}            # made by users: tests/test_jit.py; by a pass: tests/test_blocks.py
    assert set(native.KERNELS) <= reached | updates, sorted(set(native.KERNELS) - reached - updates)


def test_a_forked_child_computes():
    code = ("import numpy as np, os; from fastdl.primitives import linalg; from fastdl.core import native; native.set_threads(2)\n"
            "x = np.ones((300, 300), 'float32'); linalg.matmul(x, x)\n"
            "pid = os.fork()\n"
            "if pid == 0: os._exit(0 if linalg.matmul(x, x).numpy()[0, 0] == 300 else 1)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))")
    assert subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(__file__), capture_output=True, text=True, timeout=60).stdout.strip() == "0"


def test_a_label_out_of_range_stops_before_any_weight_changes():
    step, weights = network()
    run, before = function(step), [w.numpy().copy() for w in weights]
    bad = Y.copy()
    bad[7] = 10
    with pytest.raises(IndexError, match="10"):
        run(X, bad)
    for w, b in zip(weights, before):
        np.testing.assert_array_equal(w.numpy(), b)


def test_memory_is_flat_over_ten_thousand_predictions_and_batches():
    import resource

    import fastdl as keras

    model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(40, activation="relu"), keras.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.tile(X, (31, 1)), np.tile(Y, 31)
    for _ in range(3):
        model.fit(x, y, batch_size=1, verbose=0)
        for k in range(500):
            model.predict(X[:1 + k % 3], verbose=0)
    gc.collect()
    blocks, peak = sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        model.fit(x, y, batch_size=1, verbose=0)             # 1023 steps each
    for k in range(10000):
        model.predict(X[:1 + k % 3], verbose=0)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 500
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 2048
