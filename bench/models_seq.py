"""Training steps of sequence networks in fastdl, PyTorch and Keras (TensorFlow, JAX) side by side, with peak memory.

A step is forward, gradient and RMSprop on one batch that stays the same; each framework runs in a fresh process, rounds are
interleaved. --python peers=PATH or FASTDL_PEERS_PYTHON=PATH says where the peers live.
"""
import argparse
import json
import os
import statistics
import sys
import time

from _common import HERE, Worker, clock, each, machine, run_rounds, serve, table

TEXT, WEATHER = dict(batch=128, time=500, words=10000), dict(batch=128, time=240, features=14)
# name -> input, layers, loss. A layer: (kind, units, options).
WORKLOADS = {
    "lstm": dict(TEXT, layers=[("lstm", 32, {})]),
    "simple_rnn": dict(TEXT, layers=[("simple", 32, {})]),
    "gru": dict(TEXT, layers=[("gru", 32, {})]),
    "bidirectional": dict(TEXT, layers=[("lstm", 32, dict(both=True))]),
    "weather": dict(WEATHER, layers=[("gru", 32, {})], loss="mae"),
    "weather_dropout": dict(WEATHER, layers=[("gru", 32, dict(dropout=0.2, recurrent_dropout=0.2)), ("gru", 64, dict(dropout=0.2, recurrent_dropout=0.2))],
                            loss="mae"),
    "lstm256": dict(batch=64, time=100, features=128, layers=[("lstm", 256, {}), ("lstm", 256, {})], loss=1000),
    "transformer": dict(batch=64, time=200, words=10000, width=64, heads=4, inner=256),
}


def make_data(work):
    import numpy as np
    rng, B, T = np.random.default_rng(0), work["batch"], work["time"]
    x = rng.integers(0, work["words"], (B, T)).astype("int32") if "words" in work else rng.standard_normal((B, T, work["features"])).astype("float32")
    loss = work.get("loss")
    if isinstance(loss, int):
        return x, rng.integers(0, loss, B).astype("int32")
    return x, (rng.standard_normal((B, 1)) if loss else rng.integers(0, 2, (B, 1))).astype("float32")


class Steps:
    """What both kinds of runner answer: first step, median step, memory."""

    def load(self):
        self.x, self.y = make_data(self.work)

    def first(self):
        start = clock()
        self.step()
        return dict(first_s=clock() - start)

    def round(self):
        cpu = []

        def step():
            start = time.process_time()
            self.step()
            cpu.append(time.process_time() - start)
        return dict(step_ms=1e3 * each(step, 1.0, 3), cpu_ms=1e3 * statistics.median(cpu))


class KerasSteps(Steps):
    def __init__(self, keras, work):
        self.work, L = work, keras.layers
        x = inputs = keras.Input((work["time"],), dtype="int32") if "words" in work else keras.Input((work["time"], work["features"]))
        if "words" in work:
            x = L.Embedding(work["words"], work.get("width", 32))(x)
        kinds = dict(lstm=L.LSTM, simple=L.SimpleRNN, gru=L.GRU)
        for k, (kind, units, options) in enumerate(work.get("layers", ())):
            options = dict(options)
            both = options.pop("both", False)
            layer = kinds[kind](units, return_sequences=k + 1 < len(work["layers"]), **options)
            x = (L.Bidirectional(layer) if both else layer)(x)
        if "heads" in work:
            a = L.MultiHeadAttention(work["heads"], work["width"] // work["heads"])(x, x)
            x = L.LayerNormalization()(L.Add()([x, a]))
            a = L.Dense(work["width"])(L.Dense(work["inner"], activation="relu")(x))
            x = L.GlobalAveragePooling1D()(L.LayerNormalization()(L.Add()([x, a])))
        loss = work.get("loss")
        last = L.Dense(loss, activation="softmax") if isinstance(loss, int) else L.Dense(1, activation=None if loss else "sigmoid")
        self.model = keras.Model(inputs, last(x))
        self.model.compile("rmsprop", "sparse_categorical_crossentropy" if isinstance(loss, int) else loss or "binary_crossentropy")

    def step(self):
        self.model.train_on_batch(self.x, self.y)


class TorchSteps(Steps):
    def __init__(self, work, compiled, threads):
        import torch
        from torch import nn
        torch.set_num_threads(threads)
        self.torch, self.work = torch, work
        loss = work.get("loss")

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                width = work.get("features", work.get("width", 32))
                self.words = nn.Embedding(work["words"], width) if "words" in work else None
                self.rnns, self.drops = nn.ModuleList(), []
                for kind, units, options in work.get("layers", ()):
                    both = options.get("both", False)
                    self.rnns.append(dict(lstm=nn.LSTM, simple=nn.RNN, gru=nn.GRU)[kind](width, units, batch_first=True, bidirectional=both))
                    self.drops.append(options.get("dropout", 0.0))      # PyTorch has no recurrent dropout: it is spared that work
                    width = units * (1 + both)
                if "heads" in work:
                    self.block = nn.TransformerEncoderLayer(width, work["heads"], work["inner"], 0.0, batch_first=True)
                self.last = nn.Linear(width, loss if isinstance(loss, int) else 1)

            def forward(self, x):
                x = x if self.words is None else self.words(x)
                for rnn, drop in zip(self.rnns, self.drops):
                    x = rnn(nn.functional.dropout(x, drop) if drop else x)[0]
                if "heads" in work:
                    return self.last(self.block(x).mean(1))
                if self.rnns[-1].bidirectional:
                    half = x.shape[-1] // 2
                    return self.last(torch.cat([x[:, -1, :half], x[:, 0, half:]], -1))
                return self.last(x[:, -1])

        self.net = Net()
        self.loss = nn.CrossEntropyLoss() if isinstance(loss, int) else nn.L1Loss() if loss else nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.RMSprop(self.net.parameters(), 0.001, alpha=0.9, eps=1e-7, foreach=True)
        self.run = torch.compile(self.net) if compiled else self.net

    def load(self):
        x, y = make_data(self.work)
        self.x, self.y = self.torch.from_numpy(x), self.torch.from_numpy(y)
        self.x, self.y = (t.long() if t.dtype == self.torch.int32 else t for t in (self.x, self.y))

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        value = self.loss(self.run(self.x), self.y)
        value.backward()
        self.optimizer.step()
        float(value.detach())


def make(framework, workload, threads):
    work = WORKLOADS[workload]
    if framework.startswith("torch"):
        return TorchSteps(work, framework == "torch-compile", threads)
    if framework == "fastdl":
        try:
            import fastdl as keras
        except ModuleNotFoundError:
            sys.path.append(os.path.dirname(HERE))
            import fastdl as keras
        keras.config.set_threads(threads)
    else:
        os.environ.update(KERAS_BACKEND=dict(tf="tensorflow", jax="jax")[framework[6:]], TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu")
        if framework == "keras-tf":
            import tensorflow as tf
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        import keras
    return KerasSteps(keras, work)


FRAMEWORKS = ("fastdl", "torch", "torch-compile", "keras-tf", "keras-jax")
COLUMNS = dict(step_ms=".1f", ratio=".2f", cpu_ms=".1f", first_s=".2f", peak_mb=".0f")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads: " + ", ".join(WORKLOADS))
    parser.add_argument("--frameworks", default="fastdl", help="of " + ", ".join(FRAMEWORKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="interpreter of the peers")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    if args.worker:
        return serve(lambda: make(*args.worker, args.threads), args.threads)
    named = dict(item.split("=", 1) for item in args.python)
    peers = named.get("peers", os.environ.get("FASTDL_PEERS_PYTHON", sys.executable))
    print(machine(args.threads))
    kept = {}
    for workload in args.only.split(","):
        workers, rows = [], {}
        for name in args.frameworks.split(","):
            worker = Worker(name, os.path.abspath(__file__), workload, named.get(name, sys.executable if name == "fastdl" else peers), args.threads)
            rows[name] = worker.ask("first")
            workers.append(worker)
        for name, row in run_rounds(workers, args.rounds, ("round",)).items():
            rows[name].update(row)
        for worker in workers:
            rows[worker.name].update(worker.ask("memory"))
            if worker.error:
                print(f"{worker.name}: absent: {worker.error}")
            worker.close()
        own = rows.get("fastdl", {}).get("step_ms")
        for row in rows.values():
            if own and "step_ms" in row:
                row["ratio"] = row["step_ms"] / own
        table(workload, rows, COLUMNS)
        kept[workload] = rows
        if args.json:
            with open(args.json, "w") as f:
                json.dump(dict(machine=machine(args.threads), workloads=kept), f, indent=1)


if __name__ == "__main__":
    sys.exit(main())
