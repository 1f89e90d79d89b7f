"""Kills, full disks and two trainings in one folder: no file is lost, and a resumed run ends byte-equal to an undisturbed one.

`python test_crash_safety.py 200` kills so many times, at random moments.
"""
import builtins
import errno
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import pytest

import fastdl as keras
from fastdl import layers as L
from fastdl import models
from fastdl.callbacks import BackupAndRestore, Callback, ModelCheckpoint, TerminateOnNaN
from fastdl.errors import FileError
from fastdl.saving import checkpoint

CHILD = pathlib.Path(__file__).parent / "crash_child.py"
KINDS = ("arrays", "steps", "sequence", "generator")
posix = pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
X, Y = np.random.default_rng(0).random((40, 4)).astype("float32"), np.random.default_rng(1).random((40, 3)).astype("float32")
FILES = ("history.txt", "log.csv", "best.weights.h5")


def start(folder, kind, freq, kill_at=0):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, str(CHILD), str(folder), kind, str(freq), str(kill_at)], stdout=subprocess.PIPE,
                            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


def finished(folder, kind, freq, kill_at=0):
    process = start(folder, kind, freq, kill_at)
    process.communicate()
    return process.returncode


def outcome(folder):
    """Every byte that a training leaves."""
    with np.load(folder / "end.npz") as end:
        arrays = {k: end[k].tobytes() for k in end.files}
    last = models.load_model(folder / "last.keras")                     # its archive holds the time of saving
    assert not list((folder / "backup").iterdir()) and not [p.name for p in folder.iterdir() if ".tmp-" in p.name]
    return {**arrays, **{f: (folder / f).read_bytes() for f in FILES}, "last": [w.tobytes() for w in last.get_weights()]}


def intact(folder):
    """What a kill left: each file is whole, or not there yet."""
    for name in ("best.weights.h5", "last.keras"):
        if (folder / name).exists():
            model = keras.Sequential([L.Input((4,)), L.Dense(16), L.BatchNormalization(), L.Dropout(0.4), L.GaussianNoise(0.1), L.Dense(3)])
            model.load_weights(folder / name)
    if (folder / "backup").exists():
        checkpoint.newest_snapshot(str(folder / "backup" / "training.snapshot"))


def killed_at_random(folder, kind, freq, draw, longest, most):
    """Kill the training at random moments after fit began until it ends before its kill, or `most` times; the number of kills."""
    for kills in range(most):
        process = start(folder, kind, freq)
        process.stdout.readline()
        time.sleep(draw.random() * longest)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            return kills
        intact(folder)
    assert finished(folder, kind, freq) == 0
    return most


# ---------------------------------------------------------------- kill -9
@posix
@pytest.mark.parametrize("kind, freq, kills", [("arrays", "epoch", (7,)), ("arrays", 3, (5, 8)), ("steps", 3, (10, 4)), ("sequence", 3, (13,)),
                                               ("generator", 3, (9,))])
def test_killed_training_ends_byte_equal(kind, freq, kills, tmp_path):
    assert finished(tmp_path / "plain", kind, freq) == 0
    for k in kills:
        assert finished(tmp_path / "killed", kind, freq, k) == -signal.SIGKILL
        intact(tmp_path / "killed")
    assert finished(tmp_path / "killed", kind, freq) == 0
    plain, killed = outcome(tmp_path / "plain"), outcome(tmp_path / "killed")
    assert [k for k in plain if plain[k] != killed[k]] == []


@posix
def test_random_kills(tmp_path):
    assert finished(tmp_path / "plain", "arrays", 2) == 0
    killed_at_random(tmp_path / "killed", "arrays", 2, random.Random(1), 0.25, 4)
    plain, killed = outcome(tmp_path / "plain"), outcome(tmp_path / "killed")
    assert [k for k in plain if plain[k] != killed[k]] == []


# ---------------------------------------------------------------- a failing disk
class Failing:
    """The n-th write, flush, rename or opening for writing fails as on a full disk; counts them where n is 0."""

    def __init__(self, monkeypatch, n, code=errno.ENOSPC):
        self.seen, self.n, self.code = 0, n, code
        real_open, real_fsync, real_replace = builtins.open, os.fsync, os.replace

        def guarded_open(path, mode="r", *args, **kwargs):
            if "w" in mode and ".tmp-" in str(path):
                self.tick()
                return Writing(real_open(path, mode, *args, **kwargs), self)
            return real_open(path, mode, *args, **kwargs)

        monkeypatch.setattr(builtins, "open", guarded_open)
        monkeypatch.setattr(os, "fsync", lambda fd: (self.tick(), real_fsync(fd)))
        monkeypatch.setattr(os, "replace", lambda a, b: (self.tick(), real_replace(a, b)))

    def tick(self):
        self.seen += 1
        if self.seen == self.n:
            raise OSError(self.code, os.strerror(self.code))


class Writing:
    """A file whose writes count; half of what fails is on the disk."""

    def __init__(self, file, failing):
        self.file, self.failing = file, failing

    def write(self, data):
        try:
            self.failing.tick()
        except OSError:
            self.file.write(bytes(data)[:len(data) // 2])
            raise
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def small():
    model = keras.Sequential([L.Input((4,)), L.Dense(6), L.Dense(3)])
    model.compile("adam", "mse")
    return model


SAVES = {"m.keras": lambda m, p: m.save(p), "m.h5": lambda m, p: m.save(p), "m.weights.h5": lambda m, p: m.save_weights(p), "w.h5": lambda m, p: m.save_weights(p),
         "folder.keras": lambda m, p: m.save(p, zipped=False), "snapshot": lambda m, p: checkpoint.write_snapshot(p, {"w": m.get_weights()})}


def kept(path):
    if path.is_dir():
        return {p.name: p.read_bytes() for p in path.iterdir()}
    return checkpoint.newest_snapshot(str(path)) if path.name == "snapshot" else path.read_bytes()


@pytest.mark.parametrize("name", SAVES)
def test_each_failing_write_keeps_the_old_file(name, tmp_path, monkeypatch):
    save, path, model = SAVES[name], tmp_path / name, small()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    save(model, path)
    other = small()
    with monkeypatch.context() as patch:
        count = Failing(patch, 0)
        save(other, tmp_path / f"count_{name}" if name != "snapshot" else path)
    if name == "snapshot":
        checkpoint.remove_snapshots(str(path))
        save(model, path)
    assert count.seen >= 3
    for n in range(1, count.seen + 1):
        before = kept(path)
        with monkeypatch.context() as patch:
            Failing(patch, n)
            try:
                save(other, path)
                failed = False
            except OSError as error:
                failed = error.errno == errno.ENOSPC
        now = kept(path)
        if name == "snapshot":                              # the new one may be whole already under its first name
            assert all(np.array_equal(a, b) for a, b in zip(now["w"], other.get_weights() if np.array_equal(now["w"][0], other.get_weights()[0]) else before["w"]))
        elif failed:
            assert now == before, n
        assert not [p for p in os.listdir(tmp_path) if ".tmp-" in p], n
        save(model, path)


def test_training_goes_on_with_a_full_disk_and_is_the_same(tmp_path, monkeypatch):
    """Each write of the second epoch's checkpoints fails once: a warning, the same weights, and the file before it."""
    def train(folder, n=0):
        keras.utils.set_random_seed(1)
        model = small()
        with monkeypatch.context() as patch:
            failing = Failing(patch, n)
            model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[BackupAndRestore(folder, delete_checkpoint=False), ModelCheckpoint(folder / "m.keras")])
        return failing.seen, [w.tobytes() for w in model.get_weights()]

    total, weights = train(tmp_path / "plain")
    assert total > 12
    for n in range(total // 2 + 1, total + 1):
        folder = tmp_path / str(n)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert train(folder, n)[1] == weights
        assert len(said) <= 1 and all("was not written" in str(w.message) for w in said)
        assert checkpoint.newest_snapshot(str(folder / "training.snapshot"))["epoch"] in (1, 2)
        models.load_model(folder / "m.keras")
        assert not [p for p in os.listdir(folder) if ".tmp-" in p]


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True).stdout.strip()
    left = tmp_path / os.path.basename(checkpoint._temporary(str(tmp_path / "m.keras"))).replace(f"-{os.getpid()}-", f"-{dead}-")
    left.write_bytes(b"half")
    mine = tmp_path / os.path.basename(checkpoint._temporary(str(tmp_path / "m.keras")))
    mine.write_bytes(b"being written")
    small().save(tmp_path / "m.keras")
    assert sorted(os.listdir(tmp_path)) == sorted(["m.keras", mine.name])


# ---------------------------------------------------------------- the backup folder
class Interrupt(Callback):
    def __init__(self, at):
        super().__init__()
        self.at = at

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


def interrupted(folder, at=1, **arguments):
    keras.utils.set_random_seed(1)
    model = small()
    try:
        model.fit(X, Y, epochs=4, verbose=0, callbacks=[BackupAndRestore(folder), Interrupt(at)], **arguments)
    except KeyboardInterrupt:
        pass
    return model


def test_two_trainings_do_not_share_a_folder(tmp_path):
    interrupted(tmp_path)                                   # its lock is this thread's own: a new fit here may go on
    interrupted(tmp_path, at=2)
    code = f"from fastdl.saving import checkpoint; checkpoint.lock({str(tmp_path / 'training.lock')!r})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert other.returncode == 1 and "Another training uses the folder" in other.stderr
    import threading
    errors = []

    def second():
        try:
            checkpoint.lock(str(tmp_path / "training.lock"))
        except FileError as error:
            errors.append(str(error))

    thread = threading.Thread(target=second)
    thread.start()
    thread.join()
    assert len(errors) == 1 and "backup_dir of its own" in errors[0]
    interrupted(tmp_path, at=99)
    assert os.listdir(tmp_path) == []


def test_other_data_are_noticed(tmp_path):
    interrupted(tmp_path, batch_size=8)
    with pytest.raises(FileError, match="other data.*'batch_size': 8.*'batch_size': 16"):
        interrupted(tmp_path, batch_size=16)
    interrupted(tmp_path, at=99, batch_size=8)


def test_a_stopped_training_stays_stopped(tmp_path):
    """Killed between the last snapshot and the end: the next fit() trains no further."""
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    class Raise(Callback):
        def on_train_end(self, logs=None):
            raise KeyboardInterrupt

    keras.utils.set_random_seed(1)
    model = small()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=4, verbose=0, callbacks=[Raise(), BackupAndRestore(tmp_path), Stop()])
    again = small()
    history = again.fit(X, Y, epochs=4, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights()))
    assert history.epoch == [0, 1] and os.listdir(tmp_path) == []


def test_a_training_that_diverges_keeps_the_last_good_snapshot(tmp_path):
    class Poison(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].kernel.assign(np.full((4, 6), np.nan, "float32"))

    model = small()
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[BackupAndRestore(tmp_path), TerminateOnNaN(), Poison()])
    state = checkpoint.newest_snapshot(str(tmp_path / "training.snapshot"))
    assert state["epoch"] == 2 and not (tmp_path / "training.lock").exists()


def main(kills):
    """Many random kills over all kinds of data and both ways of saving."""
    draw, done, runs, began = random.Random(0), 0, 0, time.time()
    folder = pathlib.Path(tempfile.mkdtemp())
    expected = {}
    while done < kills:
        kind, freq = draw.choice(KINDS), draw.choice(("epoch", 1, 3))
        if (kind, freq) not in expected:
            assert finished(folder / f"plain_{kind}_{freq}", kind, freq) == 0
            expected[kind, freq] = outcome(folder / f"plain_{kind}_{freq}")
        at = folder / f"killed_{runs}"
        done += killed_at_random(at, kind, freq, draw, 0.5, 12)
        wrong = [k for k, v in outcome(at).items() if v != expected[kind, freq][k]]
        runs += 1
        print(f"{done} kills, {runs} trainings, {kind}, save_freq={freq}: {'byte-equal' if not wrong else f'DIFFERS in {wrong}'}", flush=True)
        shutil.rmtree(at)
    print(f"{done} kills in {time.time() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]))
