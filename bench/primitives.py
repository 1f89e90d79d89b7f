"""Every primitive that has a kernel, at a small and a large size, beside the roofline of this machine.

A figure is the time of one call inside a plan (many calls in one run, memory placed beforehand), no Python in it.
Rates are those of the best run; a median far above it says that something else used the machine.
"""
import argparse
import importlib
import json
import math
import os
import statistics
import subprocess
import sys

import numpy as np

from _common import HERE, clock, machine, table

try:
    import fastdl  # noqa: F401
except ModuleNotFoundError:
    sys.path.append(os.path.dirname(HERE))
from fastdl.core import modes, native, primitive
from fastdl.core.primitive import REGISTRY, Scratch, reals
from fastdl.core.tensor import Tensor

PRIMITIVES = os.path.join(os.path.dirname(primitive.__file__), "..", "primitives")
for _file in sorted(os.listdir(PRIMITIVES)):
    if _file.endswith(".py") and _file != "__init__.py":
        importlib.import_module("fastdl.primitives." + _file[:-3])

SMALL, LARGE = 4096, 1 << 24                       # floats: within L1, far beyond L2
labels = lambda rows, n: (lambda rng: rng.integers(0, n, rows).astype("int32"))
key = lambda rng: rng.integers(0, 1 << 32, 2, dtype="uint64").astype("uint32")
matrices = lambda *shapes: [(list(shape), attrs) for shape, attrs in shapes]
LOSS = [(128, 10), (4096, 1000)]

# Own sizes of the irregular primitives: name -> [(input specs, attrs)]. A spec is a shape or a callable rng -> array.
SIZES = {
    "matmul": matrices((((128, 784), (784, 512)), {}), (((128, 784), (128, 512)), dict(ta=True)), (((128, 512), (784, 512)), dict(tb=True)),
                       (((512, 10000), (10000, 16)), {}), (((32, 3072), (3072, 512)), {}), (((1, 784), (784, 512)), {}), (((512, 512), (512, 512)), {}),
                       (((1024, 1024), (1024, 1024)), {})),
    "dense": matrices((((128, 784), (784, 512), (512,)), dict(act="relu")), (((1, 784), (784, 512), (512,)), dict(act="relu")),
                      (((128, 512), (512, 10), (10,)), dict(act=None))),
    "cast": [([(n,)], dict(dtype="int32")) for n in (SMALL, LARGE)],
    "clip": [([(n,)], dict(lo=-0.5, hi=0.5)) for n in (SMALL, LARGE)],
    "leaky_relu": [([(n,)], dict(slope=0.3)) for n in (SMALL, LARGE)],
    "elu": [([(n,)], dict(alpha=1.0)) for n in (SMALL, LARGE)],
    "add": [([(n,), (n,)], {}) for n in (SMALL, LARGE)] + [([(4096, 512), (512,)], {})],
    "scale_add": [([(n,), (n,)], dict(a=0.3)) for n in (SMALL, LARGE)],
    "dropout": [([(n,), key], dict(rate=0.5)) for n in (SMALL, LARGE)],
    "sum_squares": [([(64, 64)], {}), ([(4096, 4096)], {})],
    "copy": [([(n,)], {}) for n in (SMALL, LARGE)],
    "take": [([(12800, 784), labels(128, 12800)], dict(axis=0)), ([(10000, 64), labels((128, 500), 10000)], dict(axis=0))],
    "take_grad": [([(128, 500, 64), labels((128, 500), 10000)], dict(shape=(10000, 64), axis=0))],
    **{f"random_{_kind}": [([key], dict(shape=(n,))) for n in (SMALL, LARGE)] for _kind in ("bits", "uniform", "normal", "truncated_normal")},
    "argmax": [([s], dict(axis=-1)) for s in LOSS],
    "sum_to": [([(128, 512)], dict(shape=(512,))), ([(16384, 1024)], dict(shape=(1024,)))],
    "sparse_softmax_xent": [([s, labels(*s)], {}) for s in LOSS],
    "sparse_xent_grad": [([(s[0],), s, labels(*s)], {}) for s in LOSS],
}
IMAGES = [((128, 32, 32, 16), 3, 16, 1, 1), ((20, 36, 36, 64), 3, 128, 1, 0), ((20, 37, 37, 128), 3, 128, 1, 1), ((64, 28, 28, 1), 3, 32, 1, 0),
          ((20, 150, 150, 3), 3, 32, 1, 0), ((128, 32, 32, 16), 3, 32, 2, 1), ((20, 14, 14, 1024), 1, 256, 1, 0), ((64, 60, 60, 32), 1, 64, 1, 0),
          ((64, 62, 62, 32), 3, 0, 1, 0), ((32, 24, 24, 144), 3, 0, 1, 1)]      # input, kernel, filters (0: one for each channel), stride, padding
for (_n, _h, _w, _c), _k, _co, _s, _p in IMAGES:
    _groups, _co = (1, _co) if _co else (_c, _c)
    _x, _kernel, _g = (_n, _h, _w, _c), (_k, _k, _c // _groups, _co), (_n, (_h + 2 * _p - _k) // _s + 1, (_w + 2 * _p - _k) // _s + 1, _co)
    _how = dict(strides=(_s, _s), pads=((_p, _p), (_p, _p)), dilation=(1, 1), groups=_groups)
    SIZES.setdefault("conv", []).append(([_x, _kernel], _how))
    SIZES.setdefault("conv_input_grad", []).append(([_g, _kernel], dict(_how, shape=_x)))
    SIZES.setdefault("conv_weight_grad", []).append(([_x, _g], dict(_how, kernel=(_k, _k))))
_how = dict(size=(2, 2), strides=(2, 2), pads=((0, 0), (0, 0)))
for _x, _g in (((64, 26, 26, 32), (64, 13, 13, 32)), ((20, 148, 148, 32), (20, 74, 74, 32))):
    for _name, _specs, _more in (("max_pool", [_x], {}), ("average_pool", [_x], {}), ("max_pool_grad", [_g, _x, _g], {}), ("average_pool_grad", [_g], dict(shape=_x))):
        SIZES.setdefault(_name, []).append((_specs, dict(_how, **_more)))
for _x in ((64, 32, 32, 16), (32, 48, 48, 96)):
    _c = _x[-1:]
    for _name, _specs in (("norm_apply", [_x] + [_c] * 4), ("batch_norm", [_x, _c, _c]), ("batch_norm_grad", [_x, _x] + [_c] * 3)):
        SIZES.setdefault(_name, []).append((_specs, {}))
for _x in ((64, 64), (6400, 256)):
    for _name, _more in (("layer_norm", 2), ("layer_norm_grad", 2), ("rms_norm", 1), ("rms_norm_grad", 2)):
        SIZES.setdefault(_name, []).append(([_x] * (1 + _name.endswith("grad")) + [_x[-1:]] * (_more - _name.endswith("grad")), {}))
for _name in ("softmax", "log_softmax"):
    SIZES[_name] = [([s], {}) for s in LOSS]
for _name in ("softmax_grad", "softmax_xent"):
    SIZES[_name] = [([s, s], {}) for s in LOSS]
for _name in ("sum", "mean", "max", "min"):
    SIZES[_name] = [([(64, 64)], dict(axis=None))] + [([(4096, 4096)], dict(axis=a)) for a in (None, (0,), (1,))]
ATTRS = dict(momentum_update=dict(momentum=0.9, nesterov=False), rmsprop_update=dict(rho=0.9, epsilon=1e-7),
             adam_update=dict(beta_1=0.9, beta_2=0.999, epsilon=1e-7))


def users_own():
    """silu as a user would write it for fastdl.elementwise, and Huber's loss of each element; nothing without Numba."""
    from fastdl.core.jit import elementwise
    try:
        made = [elementwise(lambda x: x / (1 + math.exp(-x))), elementwise(lambda t, p: 0.5 * (p - t) ** 2 if abs(p - t) <= 1 else abs(p - t) - 0.5)]
    except ImportError:
        return
    for name, own in zip(("user_silu", "user_huber"), made):
        own.forward.name, REGISTRY[name] = name, own.forward
        SIZES[name] = [([(n,)] * own.inputs, {}) for n in (SMALL, LARGE)]


def cases(p, rng):
    """(arrays, attrs) of a primitive, small first; the registry's own sample where nothing better is known."""
    names = list(p.domain)
    draw = lambda k, s: s(rng) if callable(s) else p.domain.get(names[k] if k < len(names) else "", reals)(rng, s)
    given = SIZES.get(p.name)
    if given is None and p.updates is not None and "plain" in p.extra:
        vectors = p.extra["plain"] - (p.extra["decay"] is not None)
        given = [([(n,)] * vectors + [lambda rng: np.float32(1e-3)] * (p.extra["decay"] is not None), ATTRS.get(p.name, {})) for n in (SMALL, LARGE)]
    if given is None and p.dims and all(tokens == ("*",) for _, tokens in p.inputs):
        given = [([(n,)] * len(p.inputs), {}) for n in (SMALL, LARGE)]
    if given is None and p.samples and "x" in p.domain and "y" in p.domain or p.name.endswith("_grad") and given is None and p.samples:
        given = [([(n,), (n,)], p.samples[0][1]) for n in (SMALL, LARGE)] if len(p.samples[0][0]) == 2 and not p.samples[0][1] else None
    if given is None:
        if p.samples or p.dims:                        # otherwise: no way to draw an input
            yield p.sample(rng, 512)
        return
    for specs, attrs in given:
        yield [np.asarray(draw(k, s)) for k, s in enumerate(specs)], attrs


def prepare(p, arrays, attrs):
    """(rows of calls, (bytes moved, bytes held), flops, what to keep alive) or None where no kernel serves the case."""
    ins = [Tensor(np.ascontiguousarray(a.astype("float32") if a.dtype.kind == "f" else a)) for a in arrays]
    specs = p.infer(ins, attrs)
    if p.alias is not None or not p.native(ins, specs, attrs):
        return None
    outs = [ins[k] for k in p.updates] if p.updates is not None else [Tensor(np.zeros(shape, dtype)) for shape, dtype in specs]
    rows, flops, scratch = [], 0, {}
    for row in p.calls(*outs, *ins, **attrs):
        name, ints = row[0], row[3]
        for x in [*row[1], *row[2]]:
            if isinstance(x, Scratch):                 # one call's scratch may be the next one's input
                scratch.setdefault(id(x), (np.zeros(x.size, "float32"), x))
        memory = [scratch[id(x)][0] if id(x) in scratch else x._a for x in [*row[1], *row[2]]]
        if name.startswith("gemm"):
            flops += 2 * ints[0] * ints[1] * ints[2] * (ints[5] if len(ints) > 5 else 1)
        rows.append((native.KERNELS[name], tuple(map(native.address, memory)), tuple(ints), tuple(row[4]) if len(row) > 4 else (),
                     modes.share(name, row[1], row[2], ints), 1, []))
    if p.name.startswith("conv") and attrs["groups"] == 1:        # direct flops, whatever the kernel does; one filter a channel: bytes
        flops = 2 * {"conv": outs, "conv_input_grad": ins, "conv_weight_grad": ins[1:]}[p.name][0].size * \
            (math.prod(attrs["kernel"]) * ins[0].shape[-1] // attrs["groups"] if p.name == "conv_weight_grad" else math.prod(ins[1].shape[:-1]))
    held = sum(x._a.nbytes for x in (ins[1:] + outs if p.name == "take" else ins)) + sum(x._a.nbytes for x in outs if p.updates is None)
    moved = held + sum(x._a.nbytes for x in outs if p.updates is not None and p.name != "assign")   # updates read what they write
    return rows, (moved, held), flops, (ins, outs, scratch)


def per_call(rows, seconds):
    """(best, median) seconds a primitive, over runs of a program that repeats it to about a millisecond."""
    nt, repeat = max(row[4] for row in rows), 1

    def timed(program):
        start = clock()
        program.run()
        return clock() - start

    while True:
        program = native.Program(rows * repeat, nt, 0)
        program.bind([])
        spent = min(timed(program) for _ in range(4))      # the least: another process may hold a core for whole ticks
        if spent > 5e-4 or repeat >= 4096:
            break
        repeat = min(4096, max(2 * repeat, int(repeat * 1e-3 / max(spent, 1e-7))))
    times, end = [], clock() + seconds
    while len(times) < 5 or (clock() < end and len(times) < 1000):
        times.append(timed(program))
    return min(times) / repeat, statistics.median(times) / repeat


def copy_speed(nbytes, seconds, known={}):
    """GB/s of our copy whose source and target together are nbytes (rounded up to a power of two): the roof at that footprint."""
    n = max(256, 1 << (max(1, nbytes // 8) - 1).bit_length())
    at = (n, native.get_threads(), native.isa())
    if at not in known:
        p = REGISTRY["assign"]
        rows, (size, _), _, keep = prepare(p, [np.ones(n, "float32"), np.ones(n, "float32")], {})
        known[at] = size / per_call(rows, max(seconds, 0.2))[0] / 1e9
    return known[at]


def fma_peak(seconds):
    """GFLOP/s of our own gemm, the best over a few sizes whose tiles stay in cache: a floor of the machine's peak."""
    best = 0
    for m, n, k in ((96, 64, 64), (256, 64, 128), (512, 256, 256), (512, 512, 512), (1024, 512, 256)):
        rows, _, flops, keep = prepare(REGISTRY["matmul"], [np.ones((m, k)), np.ones((k, n))], {})
        best = max(best, flops / per_call(rows, seconds)[0] / 1e9)
    return best


def blas_peak(threads):
    """GFLOP/s of the BLAS inside NumPy, in a process of its own: its threads and ours do not mix. 0 where it cannot be had."""
    code = ("import numpy, time\na = numpy.ones((768, 768), 'float32'); b = a.copy(); best = 9\nfor _ in range(40):\n"
            "    s = time.perf_counter(); a @ b; best = min(best, time.perf_counter() - s)\nprint(2 * 768 ** 3 / best / 1e9)")
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **dict.fromkeys(names, str(threads))}, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=native.get_threads())
    parser.add_argument("--isa", default=native.isa(), help="of " + ", ".join(native.isa_levels()) + "; several with commas")
    parser.add_argument("--only", help="primitives whose names begin so; several with commas")
    parser.add_argument("--peak", type=float, help="GFLOP/s of the machine, where it is known better than our gemm shows it")
    parser.add_argument("--seconds", type=float, default=0.1, help="time spent on each figure")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    native.set_threads(args.threads)
    users_own()
    print(machine(args.threads))
    results, skipped, blas = {}, [], blas_peak(args.threads)
    for isa in args.isa.split(","):
        native.set_isa(isa)
        own = fma_peak(args.seconds)
        peak = args.peak or max(own, blas)
        stream = copy_speed(8 * LARGE, 5 * args.seconds)
        print(f"{isa}: own gemm up to {own:.0f}, NumPy's BLAS {blas:.0f}, roof {peak:.0f} GFLOP/s; stream copy {stream:.1f} GB/s\n", flush=True)
        rows = {}
        for name, p in REGISTRY.items():
            if p.calls is None or p.alias is not None or (args.only and not any(name.startswith(w) for w in args.only.split(","))):
                continue
            for arrays, attrs in cases(p, np.random.default_rng(0)):
                try:
                    ready = prepare(p, arrays, attrs)
                except (TypeError, ValueError) as e:   # the sizes above know other attributes
                    ready, name = None, f"{name} ({e})"
                if ready is None:
                    skipped.append(name)
                    continue
                calls, (moved, held), flops, keep = ready
                best, median = per_call(calls, args.seconds)
                if flops:
                    rate, roof, unit = flops / best / 1e9, peak, "GFLOP/s"
                else:
                    rate, roof, unit = moved / best / 1e9, copy_speed(held, args.seconds), "GB/s"
                shapes = " ".join("x".join(map(str, a.shape)) or "1" for a in arrays)
                extra = "".join(f" {k}={v}".replace(", ", ",") for k, v in attrs.items()
                                if k not in ("pads", "dilation", "groups", "kernel") and (k != "shape" or name.startswith("random")))
                rows[f"{name} {shapes}{extra}"] = dict(best_us=1e6 * best, median_us=1e6 * median, rate=rate, unit=unit, roof=roof, share=rate / roof, threads=max(c[4] for c in calls))
        best = max([peak] + [row["rate"] for name, row in rows.items() if row["unit"] == "GFLOP/s" and not args.peak and not name.startswith("conv")])
        for row in rows.values():                      # a rate that was reached is a better roof than one measured in worse seconds;
                                                       # Winograd, counted in direct flops, may pass it
            if row["unit"] == "GFLOP/s":
                row["roof"], row["share"] = best, row["rate"] / best
        table(f"primitive ({isa})", rows, dict(best_us=",.2f", median_us=",.2f", rate=",.1f", unit="", roof=",.1f", share=".0%", threads="d"))
        results[isa] = dict(peak_gflops=peak, own_gflops=own, blas_gflops=blas, stream_gb_s=stream, rows=rows)
    if skipped:
        print("no kernel serves the case tried:", ", ".join(sorted(set(skipped))))
    if args.json:
        with open(args.json, "w") as f:
            json.dump(dict(machine=machine(args.threads), threads=args.threads, levels=results), f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
