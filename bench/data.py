"""Images to batches beside Keras's ImageDataGenerator, and whether fit's kernels wait for a generator.

Augmentation is the book's (5.2) or rescaling alone, at 150x150; rounds of both frameworks are interleaved. `busy` is the share
of fit's time inside compiled steps. --python peers=PATH or FASTDL_PEERS_PYTHON=PATH says where Keras lives.
"""
import argparse
import os
import statistics
import sys
import tempfile

from _common import HERE, NETWORKS, Worker, clock, keras_model, machine, run_rounds, serve, table

BOOK = dict(rotation_range=40, width_shift_range=0.2, height_shift_range=0.2, shear_range=0.2, zoom_range=0.2,
            horizontal_flip=True, rescale=1 / 255)
SETTINGS = {"augmented": BOOK, "rescaled": dict(rescale=1 / 255)}
IMAGES, BATCH, SIZE = 256, 32, (150, 150)
COLUMNS = dict(arrays_s=",.0f", first_s=",.0f", files_s=",.0f", arrays_x=".1f", first_x=".1f", files_x=".1f")


def pictures(folder):
    """Two folders of JPEGs of the size and smoothness of photographs."""
    import numpy as np
    from PIL import Image
    rng = np.random.default_rng(0)
    for k in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (25, 33, 3), dtype=np.uint8)).resize((500, 375), Image.Resampling.BICUBIC)
        grain = rng.normal(0, 6, (375, 500, 1))
        place = os.path.join(folder, "ab"[k % 2])
        os.makedirs(place, exist_ok=True)
        Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype("uint8")).save(os.path.join(place, f"{k}.jpg"), quality=85)


class Flows:
    """Images a second from arrays, from files in the first pass (each is decoded), and from files in later passes."""

    def __init__(self, generator_class, setting, folder):
        self.generator, self.folder = generator_class(**SETTINGS[setting]), folder

    def load(self):
        import numpy as np
        self.x = np.random.default_rng(0).integers(0, 256, (IMAGES, *SIZE, 3)).astype("float32")

    def round(self):
        def rate(flow, batches=IMAGES // BATCH):
            start = clock()
            for _ in range(batches):
                next(flow)
            return batches * BATCH / (clock() - start)

        arrays = self.generator.flow(self.x, batch_size=BATCH, seed=1)
        rate(arrays, 1)
        files = self.generator.flow_from_directory(self.folder, SIZE, batch_size=BATCH, seed=1)
        return dict(arrays_s=rate(arrays), first_s=rate(files), files_s=rate(files))


def make(framework, setting, threads):
    setting, _, folder = setting.partition(":")
    if framework == "fastdl":
        own(threads)
        from fastdl.preprocessing.image import ImageDataGenerator
    else:
        os.environ.setdefault("KERAS_BACKEND", "torch")
        from keras.src.legacy.preprocessing.image import ImageDataGenerator
    return Flows(ImageDataGenerator, setting, folder)


def own(threads):
    try:
        import fastdl
    except ModuleNotFoundError:
        sys.path.append(os.path.dirname(HERE))
        import fastdl
    fastdl.config.set_threads(threads)
    return fastdl


def busy(folder, threads, batches=20):
    """fit of the cats-and-dogs network on each kind of data: milliseconds a step, the share of them inside compiled steps."""
    import numpy as np
    fastdl = own(threads)
    from fastdl.core.plan import Plan
    from fastdl.preprocessing.image import ImageDataGenerator
    work, inside, bind, results = NETWORKS["cats_and_dogs"], [], Plan.bind, Plan.results

    def before(plan, arrays):                  # a step is bind, run, results
        bind(plan, arrays)
        inside.append(-clock())

    def after(plan):
        inside[-1] += clock()
        return results(plan)

    size = work["batch"]
    x = np.random.default_rng(0).random((size * batches, *SIZE, 3), dtype=np.float32)
    y = np.arange(len(x)) % 2

    def endless():
        while True:
            for k in range(0, len(x), size):
                yield x[k:k + size] * 1.0, y[k:k + size]

    class Rows(fastdl.utils.PyDataset):
        def __len__(self):
            return batches

        def __getitem__(self, k):
            return x[k * size:(k + 1) * size] * 1.0, y[k * size:(k + 1) * size]

    augment = ImageDataGenerator(**BOOK)
    flow = augment.flow_from_directory(folder, SIZE, batch_size=size, class_mode="binary")
    feeds = {"arrays": dict(x=x, y=y, batch_size=size), "generator": dict(x=endless()), "PyDataset": dict(x=Rows()),
             "augmented arrays": dict(x=augment.flow(255 * x, y, batch_size=size)), "files, first pass": dict(x=flow),
             "files, later": dict(x=flow)}
    model = keras_model(fastdl, work)
    model.compile(fastdl.optimizers.RMSprop(1e-4), work["loss"])
    model.fit(x[:2 * size], y[:2 * size], batch_size=size, verbose=0)
    rows = {}
    try:
        Plan.bind, Plan.results = before, after
        for name, feed in feeds.items():
            inside.clear()
            start, steps = clock(), min(batches, IMAGES // size)
            model.fit(**feed, steps_per_epoch=steps, epochs=1, verbose=0)
            spent = clock() - start
            rows[name] = dict(step_ms=1e3 * spent / steps, busy=sum(inside) / spent, inside_ms=1e3 * statistics.median(inside))
    finally:
        Plan.bind, Plan.results = bind, results
    table("fit on", rows, dict(step_ms=".1f", inside_ms=".1f", busy=".1%"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--frameworks", default="fastdl,keras")
    parser.add_argument("--only", default="flow,busy", help="flow, busy")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="interpreter of the peers")
    args = parser.parse_args()
    if args.worker:
        return serve(lambda: make(*args.worker, args.threads), args.threads)
    peers = dict(item.split("=", 1) for item in args.python).get("peers", os.environ.get("FASTDL_PEERS_PYTHON", sys.executable))
    print(machine(args.threads))
    with tempfile.TemporaryDirectory() as folder:
        pictures(folder)
        for setting in SETTINGS if "flow" in args.only else ():
            workers = [Worker(name, os.path.abspath(__file__), f"{setting}:{folder}",
                              sys.executable if name == "fastdl" else peers, args.threads) for name in args.frameworks.split(",")]
            rows = run_rounds(workers, args.rounds, ("round",))
            for worker in workers:
                if worker.error:
                    print(f"{worker.name}: absent: {worker.error}")
                worker.close()
            for row in rows.values():
                for column in ("arrays", "first", "files") if rows.get("fastdl") and row else ():
                    row[column + "_x"] = rows["fastdl"][column + "_s"] / row[column + "_s"]
            table(setting, rows, COLUMNS)
        if "busy" in args.only:
            busy(folder, args.threads)


if __name__ == "__main__":
    sys.exit(main())
