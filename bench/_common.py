"""What the benchmarks share: the workloads, their data, a runner in Keras's words, and workers in fresh processes.

A worker is told what to do line by line, so that rounds of several frameworks can be interleaved. Nothing here
imports a framework at module level: other interpreters load this file too.
"""
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback

from convnets import NETWORKS, keras_model

clock = time.perf_counter
HERE = os.path.dirname(os.path.abspath(__file__))

# layers: (units, activation), a float for Dropout. steps: batches an epoch.
WORKLOADS = {
    "mlp": dict(inputs=784, layers=[(512, "relu"), (10, "softmax")], l2=0.0, batch=128, steps=200, epochs=3,
                optimizer="rmsprop", rate=0.001, loss="sparse_categorical_crossentropy"),
    "cifar_mlp": dict(inputs=3072, layers=[(512, "relu"), 0.5, (256, "relu"), 0.5, (10, "softmax")], l2=1e-4, batch=32, steps=200, epochs=3,
                      optimizer="sgd", rate=0.01, loss="sparse_categorical_crossentropy"),
    "imdb_mlp": dict(inputs=10000, layers=[(16, "relu"), (16, "relu"), (1, "sigmoid")], l2=0.0, batch=512, steps=30, epochs=4,
                     optimizer="rmsprop", rate=0.001, loss="binary_crossentropy"),
    **NETWORKS,
}


def make_data(work):
    """Random rows of the right shape: the time of these networks does not depend on the values."""
    import numpy as np
    rng, rows = np.random.default_rng(0), work["batch"] * work["steps"]
    shape = (rows, *work["inputs"]) if "net" in work else (rows, work["inputs"])
    x = rng.integers(0, work["below"], shape).astype("int32") if "below" in work else rng.random(shape, dtype=np.float32)
    if work["loss"].startswith("binary"):
        return x, rng.integers(0, 2, (rows, 1)).astype("float32")
    return x, rng.integers(0, work.get("units") or work["layers"][-1][0], rows).astype("int32") if not work.get("predict_only") else None


def peak_mb():
    """Peak resident memory of this process alone (getrusage may count the parent's)."""
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def each(fn, seconds=0.5, least=20, most=5000):
    """Seconds a call: the median over calls timed one by one."""
    for _ in range(3):
        fn()
    spent, end = [], clock() + seconds
    while len(spent) < most and (len(spent) < least or clock() < end):
        start = clock()
        fn()
        spent.append(clock() - start)
    return statistics.median(spent)


def timed_rows(predict, rows):
    """Rows a second of the second call, and the CPU time of a row (of all threads)."""
    predict()
    start, cpu = clock(), time.process_time()
    predict()
    return dict(rows_s=rows / (clock() - start), row_cpu_us=1e6 * (time.process_time() - cpu) / rows)


class KerasRunner:
    """One workload in Keras's words; `keras` is any module that speaks them."""

    def __init__(self, keras, work, jit_compile=None):
        self.keras, self.work = keras, work
        self.model = keras_model(keras, work) if "net" in work else self._dense()
        if work.get("predict_only"):
            return
        optimizer = {"rmsprop": keras.optimizers.RMSprop, "sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[work["optimizer"]]
        how = {} if jit_compile is None else dict(jit_compile=jit_compile)
        self.model.compile(optimizer=optimizer(learning_rate=work["rate"]), loss=work["loss"], **how)

    def _dense(self):
        keras, work, L = self.keras, self.work, self.keras.layers
        model = keras.Sequential([keras.Input((work["inputs"],))])
        hidden = dict(kernel_regularizer=keras.regularizers.L2(work["l2"])) if work["l2"] else {}
        for k, layer in enumerate(work["layers"]):
            last = k == len(work["layers"]) - 1
            model.add(L.Dropout(layer) if isinstance(layer, float) else L.Dense(layer[0], activation=layer[1], **({} if last else hidden)))
        return model

    def load(self):
        self.x, self.y = make_data(self.work)

    def first(self):
        """From calling fit (predict, where nothing is trained) to the end of its first batch."""
        if self.work.get("predict_only"):
            start = clock()
            self.model.predict(self.x[:self.work["batch"]], batch_size=self.work["batch"], verbose=0)
            return dict(first_s=clock() - start)
        ends = []

        class Once(self.keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                ends.append(clock())

        rows = 2 * self.work["batch"]
        start = clock()
        self.model.fit(self.x[:rows], self.y[:rows], batch_size=self.work["batch"], epochs=1, verbose=0, callbacks=[Once()])
        return dict(first_s=ends[0] - start)

    def round(self):
        """fit: the whole call over its steps; step: the median epoch over its steps; batch: the median train_on_batch."""
        marks, work = [], self.work
        if work.get("predict_only"):
            return {}

        class Epochs(self.keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                marks.append(clock())

        start, cpu = clock(), time.process_time()
        self.model.fit(self.x, self.y, batch_size=work["batch"], epochs=work["epochs"], verbose=0, callbacks=[Epochs()])
        whole, cpu = clock() - start, time.process_time() - cpu
        epochs = [b - a for a, b in zip([start] + marks, marks)]
        xb, yb = self.x[:work["batch"]], self.y[:work["batch"]]
        batch = each(lambda: self.model.train_on_batch(xb, yb), 0.3, work.get("least", 20))
        return dict(step_ms=1e3 * statistics.median(epochs) / work["steps"], fit_ms=1e3 * whole / (work["steps"] * work["epochs"]),
                    batch_ms=1e3 * batch, cpu_ms=1e3 * cpu / (work["steps"] * work["epochs"]))

    def predict(self):
        rows = min(len(self.x), 100 * self.work["batch"])
        x = self.x[:rows]
        return timed_rows(lambda: self.model.predict(x, batch_size=self.work["batch"], verbose=0), rows)

    def latency(self):
        """One row: call is the better of model(x) and predict_on_batch(x)."""
        import numpy as np
        one, least = self.x[:1].copy(), self.work.get("least", 20)
        calls = [each(lambda: np.asarray(self.model(one)), 0.3, least), each(lambda: self.model.predict_on_batch(one), 0.3, least)]
        return dict(call_us=1e6 * min(calls), model_us=1e6 * calls[0],
                    predict_us=1e6 * each(lambda: self.model.predict(one, verbose=0), 0.5, least))


def limit_threads(n):
    """The first n of the CPUs that this process may use; a worker calls it before it imports a framework."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ[name] = str(n)


def serve(make, threads):
    """The worker's side: `make()` gives a runner; then one JSON answer a line read. Chatter goes to stderr."""
    limit_threads(threads)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(fn):
        try:
            got = dict(fn() or {}, ok=True)
        except BaseException as e:
            traceback.print_exc()
            got = dict(ok=False, error=f"{type(e).__name__}: {str(e).strip().splitlines()[0] if str(e).strip() else ''}",
                       missing=isinstance(e, ImportError))
        answers.write(json.dumps(got) + "\n")
        return got["ok"]

    runner = None

    def start():
        nonlocal runner
        begin = clock()
        runner = make()
        made = clock() - begin
        runner.load()
        return dict(import_s=made, base_mb=peak_mb())

    if not answer(start):
        return 1
    for line in sys.stdin:
        order = line.strip()
        if order == "quit":
            break
        answer(lambda: dict(peak_mb=peak_mb()) if order == "memory" else getattr(runner, order)())
    return 0


class Worker:
    """The parent's side of a fresh process that runs one workload in one framework."""

    def __init__(self, name, script, workload, python, threads, env=None):
        self.name, self.error, self.notes, self.log = name, None, {}, tempfile.TemporaryFile("w+")
        command = [python, script, "--worker", name, workload, "--threads", str(threads)]
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                            env={**os.environ, **(env or {})})
        except OSError as e:
            self.process, self.error = None, str(e)
            return
        self.started = self._answer()

    def ask(self, order):
        """The answer of the worker, or {} where it failed; a failure outside training costs its columns only."""
        if self.error:
            return {}
        with contextlib.suppress(OSError):
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
        got = self._answer()
        if self.error and order not in ("first", "round") and self.process.poll() is None:
            self.notes[order], self.error = self.error, None
        return got

    def _answer(self):
        line = self.process.stdout.readline()
        got = json.loads(line) if line.startswith("{") else dict(ok=False, error="the process ended", missing=False)
        if not got.pop("ok"):
            self.error = "not installed here (" + got["error"] + ")" if got["missing"] else got["error"]
            return {}
        return got

    def tail(self):
        self.log.seek(0)
        return "".join(self.log.readlines()[-15:])

    def close(self):
        if self.process:
            with contextlib.suppress(OSError):
                self.process.stdin.write("quit\n")
                self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


def run_rounds(workers, rounds, orders=("round", "predict", "latency")):
    """Rounds A B C, A B C, ...; medians over the rounds: {worker: {column: value}}."""
    rows = {w.name: {} for w in workers}
    for k in range(rounds):
        for w in workers:
            for order in orders:
                if not w.error and order not in w.notes:
                    for column, value in w.ask(order).items():
                        rows[w.name].setdefault(column, []).append(value)
            time.sleep(0.05)                       # idle pools stop spinning before the next framework starts
    return {name: {column: statistics.median(v) for column, v in row.items()} for name, row in rows.items()}


def table(title, rows, columns):
    """Print rows {name: {column: value}} under the given columns {column: format}; a gap is a dash."""
    cells = [[title, *columns]] + [[name, *[format(row[c], f) if c in row else "-" for c, f in columns.items()]] for name, row in rows.items()]
    width = [max(len(line[k]) for line in cells) for k in range(len(cells[0]))]
    for line in cells:
        print("  ".join([line[0].ljust(width[0])] + [c.rjust(w) for c, w in zip(line[1:], width[1:])]), flush=True)
    print()


def machine(threads):
    """One line: what the figures were taken on."""
    import platform
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as f:
        name = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), name)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {threads} threads of {os.cpu_count()} CPUs, Python {platform.python_version()}{load}"
