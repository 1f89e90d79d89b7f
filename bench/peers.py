"""The workloads of _common.py in fastdl, PyTorch, Keras (TensorFlow, JAX) and onnxruntime, side by side.

Each framework runs in a fresh process of its own; rounds are interleaved (A B C, A B C, ...) and medians reported.
The peers may live in another interpreter: --python peers=PATH, --python torch=PATH, or FASTDL_PEERS_PYTHON=PATH.
"""
import argparse
import atexit
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

from convnets import onnx_model, torch_model
from _common import WORKLOADS, HERE, KerasRunner, Worker, clock, each, machine, make_data, run_rounds, serve, table, timed_rows


class TorchRunner:
    """A hand-written loop as fast as idioms allow: batches gathered by a shuffled index, the loss read once an epoch.

    The variant (foreach or fused optimizer; channels first or last; what is compiled) is chosen by timing at the first round.
    """

    def __init__(self, work, compiled, threads):
        import torch
        torch.set_num_threads(threads)
        self.torch, self.work, self.compiled, self.step = torch, work, compiled, None
        nn, width, parts = torch.nn, work["inputs"], []
        self.last_axis = False
        if "net" in work:
            self.model, self.last = torch_model(work), work["units"]
            self.loss = nn.BCEWithLogitsLoss() if self.last == 1 else nn.CrossEntropyLoss()
            return
        for layer in work["layers"]:
            if isinstance(layer, float):
                parts.append(nn.Dropout(layer))
                continue
            parts += [nn.Linear(width, layer[0])] + ([nn.ReLU()] if layer[1] == "relu" else [])
            width = layer[0]
        self.model, self.last = nn.Sequential(*parts), width
        self.loss = nn.BCEWithLogitsLoss() if width == 1 else nn.CrossEntropyLoss()

    def variants(self):
        kinds = [dict(foreach=True), {}] if self.work["optimizer"] == "rmsprop" else [dict(fused=True), dict(foreach=True)]
        if "net" in self.work:
            if self.work["optimizer"] == "adam":
                kinds = [dict(fused=True)]
            layouts = (True, False) if len(self.work["inputs"]) == 3 else (False,)
            return [(dict(kinds[0], last_axis=last), "loss" if self.compiled else "nothing") for last in layouts]
        return [(kind, what) for what in (("loss", "loss+update", "step") if self.compiled else ("nothing",)) for kind in kinds]

    def lay_out(self, last_axis):
        """Model and data, channels first or last."""
        if "net" in self.work and len(self.work["inputs"]) == 3 and last_axis != self.last_axis:
            form = self.torch.channels_last if last_axis else self.torch.contiguous_format
            self.model, self.x, self.last_axis = self.model.to(memory_format=form), self.x.contiguous(memory_format=form), last_axis

    def make_step(self, kind, what):
        torch, work, model, loss = self.torch, self.work, self.model, self.loss
        kind = dict(kind)
        self.lay_out(kind.pop("last_axis", False))
        if "net" in work:
            groups = [p for p in model.parameters() if p.requires_grad]
        else:
            groups = self.groups(model)
        if work["optimizer"] == "rmsprop":
            optimizer = torch.optim.RMSprop(groups, work["rate"], alpha=0.9, eps=1e-7, **kind)
        elif work["optimizer"] == "adam":
            optimizer = torch.optim.Adam(groups, work["rate"], eps=1e-7, **kind)
        else:
            optimizer = torch.optim.SGD(groups, work["rate"], **kind)
        forward = lambda x, y: loss(model(x), y)
        forward = torch.compile(forward) if what.startswith("loss") else forward
        update = torch.compile(optimizer.step) if what == "loss+update" else optimizer.step

        def step(x, y):
            optimizer.zero_grad(set_to_none=True)
            value = forward(x, y)
            value.backward()
            update()
            return value.detach()
        return torch.compile(step) if what == "step" else step

    def groups(self, model):
        torch, work = self.torch, self.work
        hidden = [m.weight for m in model if isinstance(m, torch.nn.Linear)][:-1]
        rest = [p for p in model.parameters() if not any(p is h for h in hidden)]
        return [dict(params=hidden, weight_decay=2 * work["l2"]), dict(params=rest)] if work["l2"] else list(model.parameters())

    def load(self):
        x, y = make_data(self.work)
        self.x = self.torch.from_numpy(x)
        if self.x.ndim == 4:
            self.x = self.x.permute(0, 3, 1, 2).contiguous()
        if y is not None:
            self.y = self.torch.from_numpy(y) if self.last == 1 else self.torch.from_numpy(y).long()

    def first(self):
        if self.work.get("predict_only"):
            start = clock()
            self.forward()(self.x[:self.work["batch"]]).numpy()
            return dict(first_s=clock() - start)
        b, start = self.work["batch"], clock()
        float(self.make_step(*self.variants()[0])(self.x[:b], self.y[:b]))
        return dict(first_s=clock() - start)

    def choose(self):
        best, b = None, self.work["batch"]
        for kind, what in self.variants():
            try:
                if self.compiled:
                    self.torch.compiler.reset()
                step = self.make_step(kind, what)
                cost = each(lambda: step(self.x[:b], self.y[:b]), 0.4, self.work.get("least", 15))
            except Exception as e:                     # a variant that this version cannot compile
                print(kind, what, e)
                continue
            print(kind, what, f"{1e3 * cost:.3f} ms")
            if best is None or cost < best[0]:
                best = cost, kind, what
        if self.compiled:
            self.torch.compiler.reset()
        self.step = self.make_step(*best[1:])
        for _ in range(5):
            self.step(self.x[:b], self.y[:b])

    def round(self):
        if self.work.get("predict_only"):
            return {}
        if self.step is None:
            self.choose()
        torch, work, step, epochs = self.torch, self.work, self.step, []
        b = work["batch"]
        self.model.train()
        cpu = time.process_time()
        for _ in range(work["epochs"]):
            start, total = clock(), torch.zeros(())
            order = torch.randperm(len(self.x))
            for k in range(work["steps"]):
                idx = order[k * b:(k + 1) * b]
                total += step(self.x.index_select(0, idx), self.y.index_select(0, idx))
            float(total)
            epochs.append(clock() - start)
        cpu = time.process_time() - cpu
        xb, yb = self.x[:b], self.y[:b]
        return dict(step_ms=1e3 * statistics.median(epochs) / work["steps"], fit_ms=1e3 * sum(epochs) / (work["steps"] * len(epochs)),
                    cpu_ms=1e3 * cpu / (work["steps"] * len(epochs)),
                    batch_ms=1e3 * each(lambda: float(step(xb, yb)), 0.3, work.get("least", 20)))

    def forward(self):
        if not hasattr(self, "run"):
            torch, model, one = self.torch, self.model, self.last == 1
            head = lambda x: torch.sigmoid(model(x)) if one else torch.softmax(model(x), -1) if self.last else model(x)
            run = torch.compile(head, dynamic=False) if self.compiled else head
            self.run = torch.inference_mode()(run)
            self.model.eval()
            if self.work.get("predict_only") and self.x.ndim == 4:
                cost = {}
                for last in (False, True):
                    self.lay_out(last)
                    cost[last] = each(lambda: self.run(self.x[:self.work["batch"]]), 0.3, 3)
                self.lay_out(cost[True] < cost[False])
        self.model.eval()
        return self.run

    def predict(self):
        b = self.work["batch"]
        rows, run = min(len(self.x), 100 * b), self.forward()
        whole = lambda: self.torch.cat([run(self.x[k:k + b]) for k in range(0, rows, b)]).numpy()
        return timed_rows(whole, rows)

    def latency(self):
        run, one = self.forward(), self.x[:1].clone()
        return dict(call_us=1e6 * each(lambda: run(one).numpy(), 0.5, self.work.get("least", 20)))


class OnnxRunner:
    """Prediction only: the graph is built by hand, with random weights."""

    def __init__(self, work, threads):
        import onnxruntime as ort
        self.work = work
        model = onnx_model(work) if "net" in work else self.dense(work)

        def session(n):
            options = ort.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = n, 3
            return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.wide, self.narrow = session(threads), session(1)

    def dense(self, work):
        import numpy as np
        from onnx import TensorProto, helper, numpy_helper
        width, nodes, weights, at, rng = work["inputs"], [], [], "x", np.random.default_rng(0)
        for k, layer in enumerate(l for l in work["layers"] if not isinstance(l, float)):
            for name, value in (("w", rng.standard_normal((width, layer[0])) / width ** 0.5), ("b", np.zeros(layer[0]))):
                weights.append(numpy_helper.from_array(value.astype("float32"), f"{name}{k}"))
            nodes.append(helper.make_node("Gemm", [at, f"w{k}", f"b{k}"], [f"h{k}"]))
            nodes.append(helper.make_node({"relu": "Relu", "softmax": "Softmax", "sigmoid": "Sigmoid"}[layer[1]], [f"h{k}"], [f"y{k}"]))
            at, width = f"y{k}", layer[0]
        info = helper.make_tensor_value_info
        graph = helper.make_graph(nodes, "net", [info("x", TensorProto.FLOAT, ["n", work["inputs"]])], [info(at, TensorProto.FLOAT, ["n", width])], weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()

    def load(self):
        self.x = make_data(self.work)[0]
        if self.x.ndim == 4:
            self.x = self.x.transpose(0, 3, 1, 2).copy()

    def first(self):
        return {}

    def round(self):
        return {}

    def predict(self):
        import numpy as np
        b = self.work["batch"]
        rows = min(len(self.x), 100 * b)
        whole = lambda: np.concatenate([self.wide.run(None, {"x": self.x[k:k + b]})[0] for k in range(0, rows, b)])
        return timed_rows(whole, rows)

    def latency(self):
        """The better of one thread and all."""
        feed = {"x": self.x[:1].copy()}
        return dict(call_us=1e6 * min(each(lambda: s.run(None, feed), 0.3, self.work.get("least", 20)) for s in (self.narrow, self.wide)))


def make_fastdl(work, threads):
    try:
        import fastdl
    except ModuleNotFoundError:
        sys.path.append(os.path.dirname(HERE))
        import fastdl
    fastdl.config.set_threads(threads)
    return KerasRunner(fastdl, work)


def make_torch(compiled):
    def make(work, threads):
        if compiled:                                   # compiled from nothing, as in a new environment
            cache = tempfile.mkdtemp()
            atexit.register(shutil.rmtree, cache, ignore_errors=True)
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        return TorchRunner(work, compiled, threads)
    return make


def make_keras(backend, jit_compile=None):
    def make(work, threads):
        os.environ.update(KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="")
        if backend == "tensorflow":
            import tensorflow as tf
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        import keras
        return KerasRunner(keras, work, jit_compile)
    return make


FRAMEWORKS = {
    "fastdl": make_fastdl, "torch": make_torch(False), "torch-compile": make_torch(True), "keras-tf": make_keras("tensorflow"),
    "keras-tf-nojit": make_keras("tensorflow", False), "keras-jax": make_keras("jax"), "onnxruntime": OnnxRunner,
}
COLUMNS = dict(best_ms=".3f", ratio=".2f", fit_ms=".3f", cpu_ms=".3f", batch_ms=".3f", first_s=".2f", import_s=".2f", rows_s=",.0f", row_cpu_us=".1f", call_us=".1f",
               predict_us=".0f", peak_mb=".0f")
LEAST = dict(best_ms="training step", cpu_ms="CPU time of a step", row_cpu_us="CPU time of a predicted row", first_s="first step", call_us="one row", peak_mb="peak memory", rows_s="prediction")


def interpreters(given):
    """{framework: python}: fastdl runs here, peers where they were said to live."""
    named = dict(item.split("=", 1) for item in given)
    everyone = named.get("peers", os.environ.get("FASTDL_PEERS_PYTHON", sys.executable))
    return {name: named.get(name, named.get(name.split("-")[0], sys.executable if name == "fastdl" else everyone)) for name in FRAMEWORKS}


def compare(workload, names, pythons, rounds, fresh, threads):
    """One workload in every framework: ({framework: row}, [what is absent and why])."""
    workers, absent, firsts = [], [], {}
    script = os.path.abspath(__file__)
    for name in names:
        for extra in range(fresh):                     # first-step time: one sample a process; the last process stays
            worker = Worker(name, script, workload, pythons[name], threads)
            first = worker.ask("first")
            if worker.error:
                absent.append(f"{name}: absent: {worker.error}")
                if "not installed" not in worker.error and worker.process:
                    sys.stderr.write(worker.tail())
                worker.close()
                break
            for column, value in {**worker.started, **first}.items():
                firsts.setdefault(name, {}).setdefault(column, []).append(value)
            if extra + 1 < fresh:
                worker.close()
            else:
                workers.append(worker)
    rows = run_rounds(workers, rounds)
    for worker in workers:
        row = rows[worker.name]
        row.update({c: statistics.median(v) for c, v in firsts[worker.name].items()})
        row.update(worker.ask("memory"))
        if "step_ms" in row:
            row["best_ms"] = min(row["step_ms"], row["fit_ms"])
        problems = {**worker.notes, **({"training": worker.error} if worker.error else {})}
        absent += [f"{worker.name}: no {order}: {why}" for order, why in problems.items()]
        worker.close()
    base = rows.get("fastdl", {}).get("best_ms")
    for row in rows.values():
        if base and "best_ms" in row:
            row["ratio"] = row["best_ms"] / base
    return rows, absent


def verdicts(rows):
    """fastdl beside the best peer, a line a column: above 1, fastdl is better."""
    own = rows.get("fastdl", {})
    for column, what in LEAST.items():
        trained = column == "peak_mb" and "best_ms" in own           # then a peer that only predicts is no peer
        peers = {name: row[column] for name, row in rows.items() if name != "fastdl" and column in row and (not trained or "best_ms" in row)}
        if column in own and peers:
            more = column == "rows_s"
            best = (max if more else min)(peers, key=peers.get)
            gain = own[column] / peers[best] if more else peers[best] / own[column]
            yield f"{what}: {gain:.2f}x the best peer ({best})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=2, metavar=("FRAMEWORK", "WORKLOAD"), help=argparse.SUPPRESS)
    parser.add_argument("--frameworks", default=",".join(n for n in FRAMEWORKS if n != "keras-tf-nojit"), help="of " + ", ".join(FRAMEWORKS))
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fresh", type=int, default=1, help="processes to take the first-step time from")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="the interpreter of a framework; NAME `peers` means all but fastdl")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    if args.worker:
        name, workload = args.worker
        return serve(lambda: FRAMEWORKS[name](WORKLOADS[workload], args.threads), args.threads)
    for given, known, what in ((args.frameworks, FRAMEWORKS, "framework"), (args.workloads, WORKLOADS, "workload")):
        for name in given.split(","):
            if name not in known:
                parser.error(f"there is no {what} {name!r}: choose from {', '.join(known)}")
    print(machine(args.threads))
    results = {}
    for workload in args.workloads.split(","):
        rows, absent = compare(workload, args.frameworks.split(","), interpreters(args.python), args.rounds, max(1, args.fresh), args.threads)
        results[workload] = rows
        table(workload, rows, COLUMNS)
        print("".join(line + "\n" for line in [*absent, *verdicts(rows)]), flush=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(dict(machine=machine(args.threads), rounds=args.rounds, workloads=results), f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
