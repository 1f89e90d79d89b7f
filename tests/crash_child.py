"""A training that is killed and started again by test_crash_safety.py: `crash_child.py FOLDER DATA SAVE_FREQ [KILL_AT]`.

It says "begun" when fit starts, and writes end.npz and history.txt when it is over.
"""
import os
import signal
import sys
import time

import numpy as np

import fastdl as keras
from fastdl import layers as L
from fastdl.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, LearningRateScheduler, ModelCheckpoint, ReduceLROnPlateau

EPOCHS, STEPS = 8, 5


class Noise(Callback):
    """A user's callback that draws from NumPy and Python while the model trains, and keeps a state of its own."""

    state_names = ("sum",)
    sum = 0.0

    def on_train_batch_end(self, batch, logs=None):
        import random
        self.sum += float(np.random.rand()) + random.random()


class Kill(Callback):
    def __init__(self, at):
        super().__init__()
        self.at = at

    def on_train_batch_end(self, batch, logs=None):
        self.at -= 1
        if not self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class Shuffled:
    """A Sequence that shuffles itself after each epoch, slow enough to be read ahead."""

    def __init__(self, x, y):
        self.x, self.y, self.order = x, y, np.arange(len(x))

    def __len__(self):
        return STEPS

    def __getitem__(self, k):
        rows = self.order[k * 8:k * 8 + 8]
        time.sleep(0.0005)
        return self.x[rows] + np.random.default_rng([k, rows[0]]).normal(size=(len(rows), 4)).astype("float32") * 0.01, self.y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


def endless(x, y):
    draw = np.random.default_rng(9)
    while True:
        rows = draw.integers(0, len(x), 8)
        time.sleep(0.0005)
        yield x[rows], y[rows]


def run(folder, kind, freq, kill_at=0, model=None):
    """Train, and return what must be the same however often the training was killed."""
    at = lambda name: os.path.join(folder, name)
    keras.utils.set_random_seed(3)
    x, y = np.random.rand(40, 4).astype("float32"), np.random.rand(40, 3).astype("float32")
    model = keras.Sequential([L.Input((4,)), L.Dense(16, activation="relu"), L.BatchNormalization(), L.Dropout(0.4), L.GaussianNoise(0.1), L.Dense(3)])
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7) if kind == "steps" else keras.optimizers.Adam(0.01)
    model.compile(optimizer, "mse", metrics=["mae"])
    noise = Noise()
    callbacks = [CSVLogger(at("log.csv")), noise, LearningRateScheduler(lambda epoch, rate: rate * 0.95), BackupAndRestore(at("backup"), save_freq=freq),
                 ModelCheckpoint(at("best.weights.h5"), monitor="loss", save_best_only=True, save_weights_only=True),
                 ModelCheckpoint(at("last.keras"), save_freq=4), ReduceLROnPlateau(monitor="loss", patience=1, min_delta=0.02, cooldown=1),
                 EarlyStopping(monitor="loss", patience=6, restore_best_weights=True)]
    arguments = {"arrays": dict(x=x, y=y, batch_size=8, validation_split=0.25), "steps": dict(x=x, y=y, batch_size=7, steps_per_epoch=4),
                 "sequence": dict(x=Shuffled(x, y), shuffle=True), "generator": dict(x=endless(x, y), steps_per_epoch=STEPS)}[kind]
    print("begun", flush=True)
    history = model.fit(epochs=EPOCHS, verbose=0, callbacks=[*callbacks, Kill(kill_at)], **arguments)
    counters = [v.numpy() for layer in model.layers for v in layer.non_trainable_variables] if hasattr(model.layers[0], "non_trainable_variables") else []
    seeds = [layer.seed_generator.state.numpy() for layer in model.layers if hasattr(layer, "seed_generator")]
    early = callbacks[-1]
    return {"weights": model.get_weights(), "optimizer": model.optimizer.get_weights(), "counters": counters, "seeds": seeds, "numpy": [np.random.get_state()[1]],
            "noise": [np.float64(noise.sum)], "best": [np.float64(early.best), np.int64(early.best_epoch), np.int64(early.wait)]}, history.history


def main(folder, kind, freq, kill_at=0):
    arrays, history = run(folder, kind, freq if freq == "epoch" else int(freq), int(kill_at))
    np.savez(os.path.join(folder, "end.npz"), **{f"{k}{j}": a for k, v in arrays.items() for j, a in enumerate(v)})
    with open(os.path.join(folder, "history.txt"), "w") as f:
        f.write(repr(history))


if __name__ == "__main__":
    main(*sys.argv[1:])
