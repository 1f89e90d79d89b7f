"""TensorBoard's files read back, RemoteMonitor's posts, SwapEMAWeights and LossScaleOptimizer by their numbers."""
import http.server
import json
import pathlib
import threading
import urllib.parse

import numpy as np
import pytest

import fastdl
from fastdl import callbacks, layers, optimizers

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = (X @ np.array([[1.0], [2.0], [-1.0]], "float32")).astype("float32")


def model(optimizer="sgd", **kwargs):
    fastdl.utils.set_random_seed(1)
    made = fastdl.Sequential([layers.Input((3,)), layers.Dense(4, name="hidden"), layers.Dense(1, name="out")])
    made.compile(optimizer, "mse", metrics=["mae"], **kwargs)
    return made


def read(folder):
    """{tag: [(step, value)]} of the event files in a folder."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray
    out = {}
    for path in pathlib.Path(folder).glob("events.out.tfevents.*"):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                out.setdefault(value.tag, []).append((event.step, make_ndarray(value.tensor)))
    return out


@pytest.mark.needs("tensorboard")
def test_tensorboard_scalars_and_histograms_are_read_back(tmp_path):
    made = model()
    log = callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq=2)
    history = made.fit(X, Y, epochs=3, batch_size=4, validation_data=(X, Y), verbose=0, callbacks=[log]).history
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    for name in ("loss", "mae"):
        assert [s for s, _ in train["epoch_" + name]] == [0, 1, 2]
        assert np.allclose([v for _, v in train["epoch_" + name]], history[name], rtol=1e-6)
        assert np.allclose([v for _, v in validation["epoch_" + name]], history["val_" + name], rtol=1e-6)
    assert np.allclose([v for _, v in train["epoch_learning_rate"]], 0.01)
    assert [s for s, _ in train["batch_loss"]] == [2, 4, 6, 8, 10, 12]
    histogram = train[made.layers[0].weights[0].path][-1][1]          # rows: left edge, right edge, count
    kernel = made.layers[0].weights[0].numpy()
    assert histogram[:, 2].sum() == kernel.size
    assert np.isclose(histogram[-1, 1], kernel.max(), rtol=1e-6)


@pytest.mark.needs("tensorboard", "PIL")
def test_tensorboard_draws_kernels(tmp_path):
    log = callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    made = model()
    made.fit(X, Y, verbose=0, callbacks=[log])
    image = read(tmp_path / "train")[made.layers[0].weights[0].path + "/image"][0][1]
    assert image[2].startswith(b"\x89PNG")


def test_remote_monitor_posts_every_epoch():
    seen = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((self.path, self.headers["Content-Type"], body, self.headers.get("X-Key")))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    try:
        history = model().fit(X, Y, epochs=2, verbose=0, callbacks=[
            callbacks.RemoteMonitor(root, send_as_json=True, headers={"X-Key": "k"}), callbacks.RemoteMonitor(root, path="/form/")]).history
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [s[0] for s in seen] == ["/publish/epoch/end/", "/form/"] * 2 and seen[0][3] == "k"
    for k in range(2):
        wanted = {"epoch": k, "loss": history["loss"][k], "mae": history["mae"][k]}
        assert seen[2 * k][1] == "application/json" and json.loads(seen[2 * k][2]) == wanted
        assert json.loads(urllib.parse.parse_qs(seen[2 * k + 1][2])["data"][0]) == wanted


def test_remote_monitor_without_a_server_only_warns():
    with pytest.warns(UserWarning, match="could not reach"):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor("http://127.0.0.1:9")])


def test_swapped_averages_are_evaluated_and_put_back():
    made = model(optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5))
    kept, at_end, after = [], [], []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append([w.numpy().copy() for w in made.weights])

        def on_test_batch_end(self, batch, logs=None):
            at_end.append([w.numpy().copy() for w in made.weights])

        def on_epoch_end(self, epoch, logs=None):
            after.extend(w.numpy().copy() for w in made.weights)

    swap = callbacks.SwapEMAWeights()
    made.fit(X, Y, batch_size=4, verbose=0, validation_data=(X, Y), validation_batch_size=16, callbacks=[swap, Watch()])
    average = kept[0]                                       # the first step starts the average
    for weights in kept[1:]:
        average = [0.5 * a + 0.5 * w for a, w in zip(average, weights)]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(average, at_end[0]))
    assert all(np.array_equal(w, k) for w, k in zip(after, kept[-1]))
    assert all(np.allclose(w.numpy(), a, atol=1e-6) for w, a in zip(made.weights, average))      # fit leaves the averages behind
    with pytest.raises(ValueError, match="use_ema=True"):
        model().fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[callbacks.SwapEMAWeights()])


@pytest.mark.parametrize("stop", [False, True])
def test_swapping_at_each_epoch_leaves_the_averages_behind(stop):
    made = []
    for swaps in ([], [callbacks.SwapEMAWeights(swap_on_epoch=True)]):
        made.append(model(optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5)))
        first = [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(made[-1], "stop_training", stop))]
        made[-1].fit(X, Y, epochs=3, shuffle=False, verbose=0, callbacks=first + swaps)
    assert all(np.array_equal(a, b) for a, b in zip(made[0].get_weights(), made[1].get_weights()))


def test_loss_scale_leaves_the_steps_as_they_are(tmp_path):
    plain, scaled = model(optimizers.Adam(0.01)), model(optimizers.LossScaleOptimizer(optimizers.Adam(0.01), initial_scale=1024.0))
    history = [m.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"] for m in (plain, scaled)]
    assert np.allclose(history[0], history[1], rtol=1e-6)
    assert all(np.allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6) for a, b in zip(plain.weights, scaled.weights))
    scaled.save(tmp_path / "m.keras")
    again = fastdl.models.load_model(tmp_path / "m.keras")
    assert again.optimizer.initial_scale == 1024.0 and type(again.optimizer.inner_optimizer) is optimizers.Adam
    assert int(again.optimizer.iterations.numpy()) == 12
