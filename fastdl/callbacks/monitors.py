"""Callbacks that speak to other programs or keep averages: RemoteMonitor, TensorBoard, SwapEMAWeights."""
import json
import os
import time
import urllib.request
import warnings

import numpy as np

from fastdl.callbacks.callback import Callback
from fastdl.errors import missing_extra


class RemoteMonitor(Callback):
    """Posts {"epoch": n, **logs} to root + path after every epoch; a server that does not answer is only warned about."""

    def __init__(self, root="http://localhost:9000", path="/publish/epoch/end/", field="data", headers=None, send_as_json=False):
        super().__init__()
        self.root, self.path, self.field, self.headers, self.send_as_json = root, path, field, headers, send_as_json

    def on_epoch_end(self, epoch, logs=None):
        text = json.dumps({"epoch": epoch, **{k: np.asarray(v).tolist() for k, v in (logs or {}).items()}})
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            from urllib.parse import urlencode
            body, kind = urlencode({self.field: text}).encode(), "application/x-www-form-urlencoded"
        request = urllib.request.Request(self.root + self.path, data=body, headers={"Content-Type": kind, **(self.headers or {})})
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except OSError as error:
            warnings.warn(f"RemoteMonitor could not reach {self.root}: {error}", stacklevel=2)


class SwapEMAWeights(Callback):
    """Evaluates with the optimizer's averages of the weights; needs an optimizer made with use_ema=True

    swap_on_epoch=True also swaps at each epoch's end, so that checkpoints hold the averages.
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch, self.swapped = swap_on_epoch, False

    def _swap(self):
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError("SwapEMAWeights needs averages: make the optimizer with use_ema=True")
        if not optimizer.built:
            return
        for variable, average in zip(optimizer._trainable_variables, optimizer._averages):
            kept = np.array(variable.numpy())
            variable.assign(average)
            average.assign(kept)
        self.swapped = not self.swapped

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch and self.swapped:
            self._swap()

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch and not self.swapped:
            self._swap()
            if self.swapped and (epoch == self.params["epochs"] - 1 or self.model.stop_training):
                for variable, average in zip(self.model.optimizer._trainable_variables, self.model.optimizer._averages):
                    average.assign(variable)             # fit() ends by putting the averages into the model

    def on_train_end(self, logs=None):
        self.swapped = False

    def on_test_begin(self, logs=None):
        if not self.swapped:
            self._swap()

    def on_test_end(self, logs=None):
        if self.swapped:
            self._swap()

    on_predict_begin, on_predict_end = on_test_begin, on_test_end


class TensorBoard(Callback):
    """Scalars of every epoch (or of every `update_freq` batches), histograms of the weights, images of convolution kernels

    Written by the tensorboard package's own event writer into log_dir/train and log_dir/validation.
    """

    def __init__(self, log_dir="logs", histogram_freq=0, write_graph=True, write_images=False, write_steps_per_second=False,
                 update_freq="epoch", profile_batch=0, embeddings_freq=0, embeddings_metadata=None, **legacy):
        super().__init__()
        self.log_dir, self.histogram_freq, self.write_images = str(log_dir), histogram_freq, write_images
        self.write_graph, self.write_steps_per_second = write_graph, write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers, self._step = {}, 0

    def _writer(self, kind):
        if kind not in self._writers:
            try:
                from tensorboard.summary.writer.event_file_writer import EventFileWriter
            except ImportError:
                raise missing_extra("tensorboard", "tensorboard", "callbacks.TensorBoard") from None
            self._writers[kind] = EventFileWriter(os.path.join(self.log_dir, kind))
        return self._writers[kind]

    def _write(self, kind, values, step):
        from tensorboard.compat.proto import event_pb2, summary_pb2
        summary = summary_pb2.Summary(value=values)
        self._writer(kind).add_event(event_pb2.Event(wall_time=time.time(), step=step, summary=summary))

    def _scalars(self, kind, logs, step):
        from tensorboard.compat.proto import summary_pb2
        values = [summary_pb2.Summary.Value(tag=k, simple_value=float(v)) for k, v in logs.items() if np.ndim(v) == 0]
        if values:
            self._write(kind, values, step)

    def on_train_begin(self, logs=None):
        self._writer("train")
        self._step, self._start = 0, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        if self.update_freq != "epoch" and self._step % self.update_freq == 0:
            self._scalars("train", {f"batch_{k}": v for k, v in (logs or {}).items()}, self._step)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = (time.perf_counter(), self._step)

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        train = {f"epoch_{k}": v for k, v in logs.items() if not k.startswith("val_")}
        rate = self.model.optimizer.learning_rate if self.model.optimizer is not None else None
        if rate is not None:
            train["epoch_learning_rate"] = float(rate)
        if self.write_steps_per_second:
            start, step = self._epoch_start
            train["epoch_steps_per_second"] = (self._step - step) / max(1e-9, time.perf_counter() - start)
        self._scalars("train", train, epoch)
        validation = {f"epoch_{k[4:]}": v for k, v in logs.items() if k.startswith("val_")}
        if validation:
            self._scalars("validation", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._histograms(epoch)

    def _histograms(self, epoch):
        from tensorboard.compat.proto import summary_pb2
        values = []
        for weight in self.model.weights:
            a = np.asarray(weight.numpy(), "float64").ravel()
            counts, edges = np.histogram(a, bins=30)
            made = summary_pb2.HistogramProto(min=a.min(), max=a.max(), num=a.size, sum=a.sum(), sum_squares=(a * a).sum(),
                                              bucket_limit=edges[1:].tolist(), bucket=counts.tolist())
            values.append(summary_pb2.Summary.Value(tag=weight.path, histo=made))
            if self.write_images and len(weight.shape) in (2, 4):
                values.append(self._image(weight))
        self._write("train", values, epoch)

    def _image(self, weight):
        import io

        from tensorboard.compat.proto import summary_pb2
        from fastdl.utils.image_utils import array_to_img
        a = np.asarray(weight.numpy())
        a = a.reshape(a.shape[0] * (a.shape[1] if a.ndim == 4 else 1), -1, 1)
        buffer = io.BytesIO()
        array_to_img(a).save(buffer, "png")
        image = summary_pb2.Summary.Image(height=a.shape[0], width=a.shape[1], colorspace=1, encoded_image_string=buffer.getvalue())
        return summary_pb2.Summary.Value(tag=weight.path + "/image", image=image)

    def on_train_end(self, logs=None):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
