"""The examples that a line cannot hold, and the names that cases_examples.py leaves: {name: function of k (Keras or fastdl)}.

Where the numbers are drawn at random, the answer is a property of theirs: shape, law, range, or that nothing is lost.
"""
import contextlib
import io
import os
import pathlib
import tempfile

import numpy as np
from cases_examples import EXAMPLES, HELPERS, each

X = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, 1.0], [2.0, 0.5]], "float32")
Y = X @ np.array([[1.0], [2.0]], "float32") + 1
IMAGE = (np.arange(108.0, dtype="float32").reshape(1, 6, 6, 3) * 37) % 256
WAVE = np.sin(np.arange(16.0) / 3).astype("float32")


def example(*names):
    def keep(function):
        EXAMPLES.update(dict.fromkeys(names, function))
        return function
    return keep


def network(k, rate=0.1, **kwargs):
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1, kernel_initializer="ones", name="d")])
    model.compile(k.optimizers.SGD(rate), "mse", **kwargs)
    return model


def fitted(k, *callbacks, epochs=3, **kwargs):
    model = network(k)
    history = model.fit(X, Y, epochs=epochs, batch_size=2, shuffle=False, **{"verbose": 0, **kwargs}, callbacks=list(callbacks))
    return model, history.history


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as made:
        yield pathlib.Path(made)


# ---------------------------------------------------------------- other names of the same things
for area, pairs in {
        "layers": [(f"{short}{n}D", f"{long}{n}D") for n in "123" for short, long in
                   (("AvgPool", "AveragePooling"), ("MaxPool", "MaxPooling"), ("GlobalAvgPool", "GlobalAveragePooling"),
                    ("GlobalMaxPool", "GlobalMaxPooling"), ("Convolution", "Conv"))]
        + [("Convolution1DTranspose", "Conv1DTranspose"), ("Convolution2DTranspose", "Conv2DTranspose"),
           ("Convolution3DTranspose", "Conv3DTranspose"), ("SeparableConvolution1D", "SeparableConv1D"),
           ("SeparableConvolution2D", "SeparableConv2D")],
        "ops": [("swish", "silu"), ("hard_swish", "hard_silu")],
        "regularizers": [("l1", "L1"), ("l2", "L2"), ("orthogonal_regularizer", "OrthogonalRegularizer")],
        "constraints": [("max_norm", "MaxNorm"), ("min_max_norm", "MinMaxNorm"), ("non_neg", "NonNeg"), ("unit_norm", "UnitNorm")],
        "initializers": [("constant", "Constant"), ("zeros", "Zeros"), ("ones", "Ones"), ("identity", "Identity"),
                         ("IdentityInitializer", "Identity")]}.items():
    for name, of in pairs:
        EXAMPLES[f"{area}.{name}"] = EXAMPLES[f"{area}.{of}"].replace(f"{area}.{of}(", f"{area}.{name}(")

# ---------------------------------------------------------------- activations, operations
# One entry that leads by more than 1 takes all; elsewhere Keras's sparsemax does not sum to 1 (docs/names.md, test_ops.py).
EXAMPLES["activations.sparsemax"] = "k.activations.sparsemax(np.array([[3.0, 1.0, 0.1], [-1.0, 0.5, 4.0]], 'float32'))"
EXAMPLES.update({
    "ops.sparsemax": "k.ops.sparsemax(np.array([[3.0, 1.0], [1.0, -1.0], [0.1, 3.0]], 'float32'), axis=0)",
    "ops.associative_scan": "k.ops.associative_scan(lambda a, b: a + b, np.arange(5), reverse=True)",
    "ops.average_pool": "k.ops.average_pool(np.arange(6.0, dtype='float32').reshape(1, 6, 1), 2, strides=2)",
    "ops.max_pool": "k.ops.max_pool(np.arange(5.0, dtype='float32').reshape(1, 5, 1), 2, strides=2)",
    "ops.eig": "sorted(np.real(k.ops.convert_to_numpy(k.ops.eig(np.array([[2.0, 1.0], [1.0, 3.0]], 'float32'))[0])).tolist())",
    "ops.empty_like": "k.ops.empty_like(np.ones((2, 3), 'float32')).shape",
    "ops.fft2": "k.ops.fft2((np.arange(6.0).reshape(2, 3), np.zeros((2, 3))))",
    "ops.ifft2": "k.ops.ifft2((np.arange(6.0).reshape(2, 3), np.zeros((2, 3))))",
    "ops.fold": "k.ops.fold(np.ones((1, 4, 4), 'float32'), (3, 3), 2)",
    "ops.jvp": "k.ops.jvp(lambda x: x * x, (np.array([1.0, 3.0], 'float32'),), (np.array([1.0, 0.5], 'float32'),))",
    "ops.lu_factor": "k.ops.lu_factor(np.array([[4.0, 3.0], [6.0, 3.0]], 'float32'))",
    "ops.view": "k.ops.view(np.array([1.0, -2.0], 'float32'), 'int32')",
    "ops.view_as_complex": "k.ops.view_as_complex(np.array([[1.0, 2.0], [3.0, -4.0]], 'float32'))",
    "ops.view_as_real": "k.ops.view_as_real(np.array([1 + 2j, 3 - 4j], 'complex64'))"})


@example("ops.stft")
def short_time_fourier(k):
    return k.ops.stft(WAVE, sequence_length=6, sequence_stride=3, fft_length=8)


@example("ops.istft")
def and_back(k):
    return k.ops.istft(short_time_fourier(k), sequence_length=6, sequence_stride=3, fft_length=8, length=16)


for name, arguments in {
        "affine_transform": "I, np.array([[1.0, 0.2, -1.0, 0.1, 0.9, 0.5, 0.0, 0.0]], 'float32')", "crop_images": "I, top_cropping=1, left_cropping=2, target_height=3, target_width=2",
        "extract_patches": "I, 3", "extract_patches_3d": "I.reshape(1, 3, 6, 6, 1), 2", "gaussian_blur": "I, (3, 3), (0.8, 1.2), data_format='channels_last'", "hsv_to_rgb": "I / 256",
        "map_coordinates": "I[0, :, :, 0], np.array([[0.5, 2.0], [1.25, 3.5]], 'float32'), 1", "pad_images": "I, 1, 0, 0, 2",
        "perspective_transform": "I, np.array([[[0.0, 0.0], [0.0, 5.0], [5.0, 0.0], [5.0, 5.0]]], 'float32'), np.array([[[0.0, 1.0], [0.0, 5.0], [5.0, 0.0], [4.0, 5.0]]], 'float32')",
        "resize": "I, (4, 9)", "rgb_to_grayscale": "I", "rgb_to_hsv": "I / 256",
        "scale_and_translate": "I[0, :, :, :1], (8, 8, 1), np.array([1.5, 1.2], 'float32'), np.array([0.5, 0.0], 'float32'), (0, 1), 'linear'",
        "sobel_edges": "I", "ssim": "np.tile(I, (1, 3, 3, 1)) / 256, np.tile(I, (1, 3, 3, 1)) / 300"}.items():
    EXAMPLES["ops.image." + name] = f"(lambda I: k.ops.image.{name}({arguments}))(IMAGE)"


@example("ops.image.elastic_transform")
def bent_image(k):
    y = np.asarray(k.ops.image.elastic_transform(IMAGE, alpha=2.0, seed=1))
    unmoved = np.asarray(k.ops.image.elastic_transform(IMAGE, alpha=0.0, seed=1))
    return [list(y.shape), bool(np.any(y != IMAGE)), bool(y.min() >= IMAGE.min() and y.max() <= IMAGE.max()), bool(np.allclose(unmoved, IMAGE, atol=1e-3))]


# ---------------------------------------------------------------- initializers that draw: the law of their numbers
def law(draw, mean, deviation, limit):
    x = np.asarray(draw((240, 160)), "float64")
    return [list(x.shape), bool(abs(x.mean() - mean) < 0.03 * deviation), bool(abs(x.std() / deviation - 1) < 0.02),
            bool(np.abs(x - mean).max() <= limit), bool(len(np.unique(x)) > 1000)]


for names, made, mean, deviation, limit in (
        ("RandomNormal random_normal", "mean=1.0, stddev=0.5", 1.0, 0.5, 3.0), ("RandomUniform random_uniform", "-1.0, 3.0", 1.0, 4 / 12 ** 0.5, 2.0),
        ("TruncatedNormal truncated_normal", "mean=1.0, stddev=0.5", 1.0, 0.5 * 0.87962566, 1.0),
        ("VarianceScaling variance_scaling", "2.0, 'fan_avg', 'untruncated_normal'", 0.0, 0.1, 0.6),
        ("GlorotNormal glorot_normal", "", 0.0, (2 / 400) ** 0.5, 2.28 * (2 / 400) ** 0.5), ("GlorotUniform glorot_uniform", "", 0.0, (2 / 400) ** 0.5, (6 / 400) ** 0.5),
        ("HeNormal he_normal", "", 0.0, (2 / 240) ** 0.5, 2.28 * (2 / 240) ** 0.5), ("HeUniform he_uniform", "", 0.0, (2 / 240) ** 0.5, (6 / 240) ** 0.5),
        ("LecunNormal lecun_normal", "", 0.0, (1 / 240) ** 0.5, 2.28 * (1 / 240) ** 0.5), ("LecunUniform lecun_uniform", "", 0.0, (1 / 240) ** 0.5, (3 / 240) ** 0.5)):
    for name in names.split():
        EXAMPLES["initializers." + name] = f"law(k.initializers.{name}({made}{', ' * bool(made)}seed=3), {mean}, {deviation}, {limit})"
for name in ("Orthogonal", "OrthogonalInitializer", "orthogonal"):
    EXAMPLES["initializers." + name] = f"(lambda q: np.round(q.T @ q, 3) + 0.0)(np.asarray(k.initializers.{name}(gain=2.0, seed=1)((5, 3))))"


# ---------------------------------------------------------------- what users derive from
@example("initializers.Initializer")
def own_initializer(k):
    class Steps(k.initializers.Initializer):
        def __init__(self, step):
            self.step = step

        def __call__(self, shape, dtype=None):
            return k.ops.reshape(k.ops.arange(int(np.prod(shape)), dtype="float32") * self.step, shape)

        def get_config(self):
            return {"step": self.step}
    layer = k.layers.Dense(2, kernel_initializer=Steps(0.5), use_bias=False)
    return [layer(X), Steps.from_config(Steps(0.25).get_config())((3,))]


@example("constraints.Constraint")
def own_constraint(k):
    class Halved(k.constraints.Constraint):
        def __call__(self, w):
            return w / 2
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1, kernel_initializer="ones", kernel_constraint=Halved())])
    model.compile(k.optimizers.SGD(0.0), "mse")
    model.train_on_batch(X, Y)
    return [model.get_weights()[0], k.constraints.Constraint()(np.ones(2)), Halved().get_config()]


@example("regularizers.Regularizer")
def own_regularizer(k):
    class Fourth(k.regularizers.Regularizer):
        def __init__(self, strength):
            self.strength = strength

        def __call__(self, w):
            return self.strength * k.ops.sum(w ** 4)

        def get_config(self):
            return {"strength": self.strength}
    layer = k.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=Fourth(0.5))
    layer(X)
    return [layer.losses, Fourth.from_config({"strength": 2.0})(k.ops.array([1.0, 2.0]))]


@example("losses.Loss")
def own_loss(k):
    class Cubed(k.losses.Loss):
        def call(self, y_true, y_pred):
            return k.ops.mean(k.ops.abs(y_true - y_pred) ** 3, axis=-1)
    return [Cubed()(X, X * 2), Cubed(reduction="sum")(X, X * 2, sample_weight=np.arange(4.0)), Cubed(reduction=None, name="cube")(X, X * 2),
            sorted(Cubed(name="cube").get_config().items())[:1]]


@example("metrics.Metric")
def own_metric(k):
    class Largest(k.metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.seen = self.add_variable(shape=(), initializer="zeros", name="seen")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen.assign(k.ops.maximum(self.seen, k.ops.max(k.ops.abs(y_true - y_pred))))

        def result(self):
            return self.seen + 0.0
    m = Largest()
    m.update_state(X, X + 1)
    first = k.ops.convert_to_numpy(m.result())
    model = network(k, metrics=[Largest()])
    scores = model.evaluate(X, Y, verbose=0, return_dict=True)
    second = m(X, X - 3)
    m.reset_state()
    return [float(first), second, m.result(), scores, m.name, [v.name for v in m.variables]]


@example("metrics.MeanMetricWrapper")
def mean_metric(k):
    m = k.metrics.MeanMetricWrapper(lambda y, p: k.ops.sum(k.ops.abs(y - p), axis=-1), name="total")
    m.update_state(X, X + 1, sample_weight=np.array([1.0, 0.0, 2.0, 1.0], "float32"))
    return [m.result(), m.name]


@example("layers.Layer")
def own_layer(k):
    class Linear(k.layers.Layer):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", trainable=True, name="kernel")
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

        def call(self, inputs):
            self.calls.assign_add(1.0)
            self.add_loss(k.ops.mean(inputs))
            return k.ops.matmul(inputs, self.kernel)

        def get_config(self):
            return {**super().get_config(), "units": self.units}
    layer = Linear(3, name="mine")
    return [layer(X), layer.losses, layer.calls, [w.path for w in layer.weights], layer.count_params(), len(layer.trainable_weights),
            sorted(layer.get_config()), Linear.from_config(layer.get_config()).units]


@example("layers.Wrapper")
def own_wrapper(k):
    class Twice(k.layers.Wrapper):
        def call(self, x):
            return 2 * self.layer(x)
    layer = Twice(k.layers.Dense(1, kernel_initializer="ones", name="inner"))
    return [layer(X), layer.layer.name, len(layer.trainable_weights), layer.get_config()["layer"]["class_name"]]


@example("optimizers.Optimizer")
def own_optimizer(k):
    class Signs(k.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * k.ops.sign(gradient))
    v = k.Variable(np.array([1.0, -2.0, 0.5], "float32"))
    made = Signs(learning_rate=0.25, name="signs")
    for _ in range(2):
        made.apply_gradients([(k.ops.array([3.0, -0.1, 0.0]), v)])
    return [v, made.iterations, made.learning_rate, made.name]


@example("callbacks.Callback")
def own_callback(k):
    class Notes(k.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([epoch, logs["loss"], self.model.get_weights()[0].tolist()])

        def on_train_end(self, logs=None):
            seen.append([self.params["epochs"], self.params["steps"]])
    seen = []
    fitted(k, Notes())
    return seen


# ---------------------------------------------------------------- callbacks
@example("callbacks.CallbackList")
def list_of_callbacks(k):
    class Stop(k.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([epoch, sorted(logs)])
    seen = []
    made = k.callbacks.CallbackList([Stop()], add_history=True, model=network(k), epochs=2, verbose=0, steps=1)
    made.on_train_begin()
    made.on_epoch_begin(0)
    made.on_epoch_end(0, {"loss": 1.0})
    made.on_train_end()
    return [seen, len(made.callbacks)]


@example("callbacks.History")
def history(k):
    seen = k.callbacks.History()
    model, returned = fitted(k, seen, epochs=2)
    return [returned, model.history.history, model.history.epoch]


@example("callbacks.CSVLogger")
def log_of_commas(k):
    with folder() as f:
        fitted(k, k.callbacks.CSVLogger(str(f / "log.csv"), separator=";"), validation_data=(X[:2], Y[:2]))
        head, *rows = (f / "log.csv").read_text().split()
    return [head, [[float(v) for v in r.split(";")] for r in rows]]


@example("callbacks.BackupAndRestore")
def carried_on(k):
    class Break(k.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("the light went out")
    with folder() as f:
        backup = lambda: k.callbacks.BackupAndRestore(str(f / "backup"))
        try:
            fitted(k, backup(), Break(), epochs=4)
        except RuntimeError as error:
            said = str(error)
        model, seen = fitted(k, backup(), epochs=4)
    return [said, model.get_weights(), seen["loss"][-1]]


@example("callbacks.LambdaCallback")
def hooks_by_functions(k):
    seen = []
    fitted(k, k.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch), on_train_end=lambda logs: seen.append(sorted(logs)),
                                         on_train_batch_end=lambda batch, logs: seen.append([batch, logs["loss"]])))
    return seen


@example("callbacks.LearningRateScheduler")
def rates_by_epoch(k):
    model, seen = fitted(k, k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * (0.5 if epoch else 1.0)))
    return [seen["learning_rate"], model.get_weights()[0]]


@example("callbacks.ProgbarLogger")
def progress(k):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        fitted(k, k.callbacks.ProgbarLogger(), epochs=2, verbose=2)
    return [[line.startswith("Epoch"), "2/2" in line, "loss: " in line] for line in out.getvalue().splitlines()]


@example("callbacks.TerminateOnNaN")
def stops_at_nan(k):
    model = network(k, rate=1e25)
    seen = []
    note = k.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(X, Y, epochs=3, batch_size=1, shuffle=False, verbose=0, callbacks=[k.callbacks.TerminateOnNaN(), note])
    return [len(seen) < 12, model.stop_training]


@example("callbacks.RemoteMonitor")
def told_elsewhere(k):
    """Where nobody listens it warns once an epoch, and training goes on."""
    import warnings
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _, seen = fitted(k, k.callbacks.RemoteMonitor(root="http://127.0.0.1:9"), epochs=2)
    return [sum("127.0.0.1" in str(w.message) for w in said) > 0, len(seen["loss"])]


@example("callbacks.SwapEMAWeights")
def averaged_weights(k):
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1, kernel_initializer="ones")])
    model.compile(k.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    scores = model.fit(X, Y, epochs=2, batch_size=2, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=[k.callbacks.SwapEMAWeights(swap_on_epoch=True)]).history
    return [scores["val_loss"], model.get_weights()[0]]


# ---------------------------------------------------------------- config
EXAMPLES["config.is_flash_attention_enabled"] = "k.config.is_flash_attention_enabled()"
EXAMPLES.update({f"config.{name}": f"k.config.{name}()" for name in (
    "epsilon floatx image_data_format is_interactive_logging_enabled is_traceback_filtering_enabled max_epochs max_steps_per_epoch is_nnx_enabled").split()})
EXAMPLES.update({"config.dtype_policy": "k.config.dtype_policy().name", "config.backend": "isinstance(k.config.backend(), str)"})
for name, read, new in (("set_epsilon", "epsilon", 1e-3), ("set_floatx", "floatx", "float64"), ("set_image_data_format", "image_data_format", "channels_first"),
                        ("set_max_epochs", "max_epochs", 2), ("set_max_steps_per_epoch", "max_steps_per_epoch", 1)):
    EXAMPLES["config." + name] = f"set_and_back(k.config.{name}, k.config.{read}, {new!r})"
for name, on in (("interactive_logging", "is_interactive_logging_enabled"), ("traceback_filtering", "is_traceback_filtering_enabled")):
    for area in ("config", "utils") if name[0] == "i" else ("config",):
        for word in ("enable", "disable"):
            EXAMPLES[f"{area}.{word}_{name}"] = f"(k.{area}.{word}_{name}(), k.{area}.{on}(), k.{area}.enable_{name}())[1]"
EXAMPLES["utils.is_interactive_logging_enabled"] = "k.utils.is_interactive_logging_enabled()"
for word in ("enable", "disable"):
    EXAMPLES[f"config.{word}_flash_attention"] = f"[k.config.{word}_flash_attention(), k.config.is_flash_attention_enabled(), k.config.enable_flash_attention()]"


def set_and_back(setter, getter, new):
    old = getter()
    try:
        setter(new)
        return [getter(), old]
    finally:
        setter(old)


@example("config.set_max_epochs ", "config.set_max_steps_per_epoch ")
def a_short_fit(k):
    k.config.set_max_epochs(2)
    k.config.set_max_steps_per_epoch(1)
    try:
        model, seen = fitted(k, epochs=5)
    finally:
        k.config.set_max_epochs(None)
        k.config.set_max_steps_per_epoch(None)
    return [seen["loss"], model.get_weights()]


@example("config.set_dtype_policy")
def policy(k):
    k.config.set_dtype_policy("float64")
    try:
        layer = k.layers.Dense(1)
        return [layer.dtype_policy.name, layer.compute_dtype, k.config.dtype_policy().variable_dtype]
    finally:
        k.config.set_dtype_policy("float32")


# ---------------------------------------------------------------- layers
def fixed(k, name, **kwargs):
    return np.asarray(k.ops.convert_to_numpy(getattr(k.layers, name)(**kwargs)(IMAGE, training=True)))


for name, kwargs in {
        "AutoContrast": "", "Equalization": "", "ContrastLimitedAdaptiveHistogramEqualization": "tile_grid_size=(2, 2)", "RandomBrightness": "factor=(0.2, 0.2)",
        "RandomColorDegeneration": "factor=(0.4, 0.4)", "RandomColorJitter": "brightness_factor=(0.1, 0.1)", "RandomElasticTransform": "factor=0.0",
        "RandomErasing": "factor=0.0", "RandomGaussianBlur": "factor=0.0", "RandomGrayscale": "factor=1.0",
        "RandomInvert": "factor=(1.0, 1.0)", "RandomPerspective": "factor=0.0", "RandomPosterization": "factor=(3, 3)", "RandomSaturation": "factor=(0.8, 0.8)",
        "RandomSharpness": "factor=(0.8, 0.8)", "RandomShear": "", "Solarization": ""}.items():
    EXAMPLES["layers." + name] = f"np.round(fixed(k, '{name}', {kwargs}), 2)"
for name, kwargs in {"AugMix": "", "RandAugment": "", "RandomErasing": "scale=(0.2, 0.3)", "RandomElasticTransform": "factor=(1.0, 1.0)", "RandomPerspective": "scale=0.4"}.items():
    EXAMPLES[f"layers.{name} "] = f"(lambda y: [list(y.shape), str(y.dtype), bool(y.min() >= 0 and y.max() <= 255), bool(np.any(y != IMAGE))])(fixed(k, '{name}', seed=3, {kwargs}))"


@example("layers.RandomHue")
def hue(k):
    """The sign of the turn is drawn: the brightest and the darkest of a pixel's three stay, and turning there and back is among the answers."""
    y = fixed(k, "RandomHue", factor=(0.3, 0.3), seed=1)
    return [bool(np.allclose(y.max(-1), IMAGE.max(-1), atol=1e-3)), bool(np.allclose(y.min(-1), IMAGE.min(-1), atol=1e-3)), bool(np.any(np.abs(y - IMAGE) > 20)),
            bool(np.allclose(fixed(k, "RandomHue", factor=(0.0, 0.0)), IMAGE, atol=1e-3))]


@example("layers.RandomShear ")
def shear(k):
    y = fixed(k, "RandomShear", x_factor=(0.3, 0.3), fill_mode="constant", seed=1)
    return [bool(np.allclose(y[:, 0], IMAGE[:, 0])), bool(np.allclose(y[:, 5], IMAGE[:, 5])), list(y.shape), bool(y.min() >= 0 and y.max() <= 255)]


@example("layers.MixUp", "layers.CutMix")
def mixtures(k):
    images, labels = np.stack([np.zeros((4, 4, 3)), np.ones((4, 4, 3))] * 2).astype("float32"), np.eye(2, dtype="float32")[[0, 1, 0, 1]]
    seen = []
    for layer in (k.layers.MixUp(alpha=0.5, seed=1), k.layers.CutMix(factor=0.6, seed=1)):
        y = layer({"images": images, "labels": labels}, training=True)
        pixels, shares = (np.asarray(k.ops.convert_to_numpy(y[n])) for n in ("images", "labels"))
        # The share of ones in a picture is the share of the second class in its label.
        seen.append([list(pixels.shape), np.round(shares.sum(1), 4), bool(np.allclose(pixels.mean((1, 2, 3)), shares[:, 1], atol=1e-4))])
    return seen


@example("layers.MaxNumBoundingBoxes")
def boxes(k):
    given = {"images": IMAGE, "bounding_boxes": {"boxes": np.array([[[0, 0, 1, 1], [1, 1, 2, 2]]], "float32"), "labels": np.array([[1, 2]])}}
    return [k.layers.MaxNumBoundingBoxes(n, bounding_box_format="xyxy")(given)["bounding_boxes"] for n in (1, 3)]


@example("layers.GroupQueryAttention")
def groups_of_heads(k):
    x = np.arange(24.0, dtype="float32").reshape(1, 4, 6) / 24
    layer = k.layers.GroupQueryAttention(2, 4, 2, kernel_initializer=k.initializers.Constant(0.3))
    y, scores = layer(x, x, return_attention_scores=True)
    return [y, scores, [list(w.shape) for w in layer.weights]]


@example("layers.SpectralNormalization")
def largest_singular_value_one(k):
    layer = k.layers.SpectralNormalization(k.layers.Dense(2, kernel_initializer=k.initializers.Constant(2.0)), power_iterations=8)
    y = layer(X, training=True)
    return [np.round(k.ops.convert_to_numpy(y), 4), np.round(np.linalg.svd(np.asarray(k.ops.convert_to_numpy(layer.layer.kernel)))[1], 4)]


@example("layers.StackedRNNCells")
def cells_in_a_stack(k):
    cells = [k.layers.LSTMCell(2, kernel_initializer="ones", recurrent_initializer="zeros"), k.layers.GRUCell(3, kernel_initializer="ones", recurrent_initializer="ones")]
    layer = k.layers.RNN(k.layers.StackedRNNCells(cells), return_state=True)
    y, *states = layer(np.arange(8.0, dtype="float32").reshape(1, 4, 2) / 8)
    return [y, states, layer.cell.output_size, layer.cell.state_size]


# ---------------------------------------------------------------- losses and metrics
PROBABILITIES = "(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], 'float32'), np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], 'float32'))"
each("categorical_generalized_cross_entropy", "{}(np.array([1, 0]), np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], 'float32'), q=0.3)", "losses")
each("CategoricalGeneralizedCrossEntropy", "{}(q=0.3)(np.array([1, 0]), np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], 'float32'))", "losses")
each("circle", "{}(np.array([1, 1, 0]), np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], 'float32'))", "losses")
each("ctc", "{}(np.array([[1, 2, 0]]), np.sin(np.arange(15.0, dtype='float32')).reshape(1, 5, 3))", "losses")
each("CTC", "{}()(np.array([[1, 2, 0]]), np.sin(np.arange(15.0, dtype='float32')).reshape(1, 5, 3))", "losses")
each("binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy categorical_hinge hinge huber kl_divergence log_cosh "
     "mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson squared_hinge binary_crossentropy",
     "{}" + PROBABILITIES, "metrics")
each("sparse_categorical_crossentropy", "{}(np.array([1, 0]), np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], 'float32'))", "metrics")
each("concordance_correlation pearson_correlation", "{}(np.array([[0.0, 1.0, 1.5]], 'float32'), np.array([[0.2, 0.4, 0.9]], 'float32'))", "metrics")
EXAMPLES["metrics.serialize"] = "sorted(k.metrics.serialize(k.metrics.AUC(name='a', num_thresholds=7))['config'].items())[:4]"
EXAMPLES["metrics.deserialize"] = "k.metrics.deserialize(k.metrics.serialize(k.metrics.TopKCategoricalAccuracy(k=3, name='three'))).get_config()['k']"


# ---------------------------------------------------------------- models and files
@example("models.Model", "Model")
def a_model(k):
    class Twins(k.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = k.layers.Dense(1, kernel_initializer="ones", name="one"), k.layers.Dense(1, kernel_initializer="zeros", name="two")

        def call(self, x, training=False):
            return self.one(x) + self.two(x)
    model = Twins()
    model.compile(k.optimizers.SGD(0.1), "mse")
    seen = model.fit(X, Y, epochs=2, batch_size=2, shuffle=False, verbose=0).history["loss"]
    i = k.Input((2,), name="x")
    graph = k.Model(i, k.layers.Dense(3, name="out")(k.layers.ReLU(name="r")(i)), name="graph")
    return [seen, model.predict(X, verbose=0), [l.name for l in graph.layers], graph.output_shape, graph.count_params(), graph.name]


@example("models.clone_model")
def cloned(k):
    model = network(k)
    model.fit(X, Y, epochs=1, verbose=0)
    twin = k.models.clone_model(model)
    wide = k.models.clone_model(model, clone_function=lambda l: k.layers.Dense(1, kernel_initializer="zeros") if isinstance(l, k.layers.Dense) else l)
    i = k.Input((2,))
    graph = k.Model(i, k.layers.Dense(1, name="last")(network(k)(i)))
    doubled = k.models.clone_model(graph, call_function=lambda layer, *args, **kwargs: 2 * layer(*args, **kwargs) if layer.name == "last" else layer(*args, **kwargs),
                                   clone_function=lambda layer: layer if layer.name == "last" else type(layer).from_config(layer.get_config()))
    deep = k.models.clone_model(graph, recursive=True, clone_function=lambda layer: k.layers.Dense(1, kernel_initializer="zeros", name=layer.name))
    return [twin.get_weights(), wide.get_weights(), twin is model, np.asarray(doubled(X)) / np.asarray(graph(X)), deep.get_weights(), len(deep.layers)]


@example("Sequential")
def state_tree(k):
    model = network(k)
    model.build((None, 2))
    tree = model.get_state_tree(value_format="numpy_array")
    inner = next(iter(tree["trainable_variables"].values()))
    model.set_state_tree({"trainable_variables": {model.name: {"d": {"bias": np.array([5.0], "float32")}}}})
    return [sorted(tree), {n: v for n, v in inner["d"].items()}, model.get_weights()]


@example("models.save_model", "models.load_model", "saving.save_model", "saving.load_model")
def to_a_file_and_back(k):
    with folder() as f:
        model, _ = fitted(k)
        answers = []
        for name in ("m.keras", "m.h5"):
            k.models.save_model(model, str(f / name))
            again = k.models.load_model(str(f / name), compile=name == "m.keras")
            answers += [again.predict(X, verbose=0), type(getattr(again, 'optimizer', None)).__name__, again.layers[-1].name]
        k.saving.save_model(model, str(f / "two.keras"))
        return answers + [k.saving.load_model(str(f / "two.keras")).get_weights()]


@example("saving.save_weights", "saving.load_weights")
def weights_to_a_file(k):
    with folder() as f:
        model, _ = fitted(k)
        k.saving.save_weights(model, str(f / "m.weights.h5"))
        other = network(k)
        k.saving.load_weights(other, str(f / "m.weights.h5"))
    return other.get_weights()


@example("models.model_from_json")
def by_words(k):
    model = k.models.model_from_json(network(k).to_json())
    return [model.get_weights(), model.layers[-1].name]


# ---------------------------------------------------------------- optimizers and schedules
@example("optimizers.Muon")
def orthogonal_steps(k):
    v, bias = k.Variable(np.array([[1.0, 2.0], [0.5, -1.0]], "float32"), name="w"), k.Variable(np.array([1.0, 2.0], "float32"), name="b")
    made = k.optimizers.Muon(0.1)
    for _ in range(2):
        made.apply([k.ops.array([[0.3, -0.1], [0.2, 0.4]]), k.ops.array([0.5, -0.5])], [v, bias])
    return [np.round(np.asarray(k.ops.convert_to_numpy(v)), 3), bias]


@example("optimizers.LossScaleOptimizer")
def scaled(k):
    answers = []
    for made in (k.optimizers.SGD(0.1), k.optimizers.LossScaleOptimizer(k.optimizers.SGD(0.1), initial_scale=8.0)):
        model = network(k)
        model.compile(made, "mse")
        answers.append([model.fit(X, Y, epochs=2, batch_size=2, shuffle=False, verbose=0).history["loss"], model.get_weights()])
    return answers


for made in ("CosineDecay(0.1, 10, alpha=0.1)", "CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=5)", "CosineDecayRestarts(0.1, 4, t_mul=2.0, m_mul=0.5)", "ExponentialDecay(0.1, 4, 0.5)",
             "ExponentialDecay(0.1, 4, 0.5, staircase=True)", "InverseTimeDecay(0.1, 4, 0.5)", "PiecewiseConstantDecay([2, 5], [0.3, 0.2, 0.1])", "PolynomialDecay(0.1, 8, 0.01, power=2.0)",
             "PolynomialDecay(0.1, 5, 0.01, cycle=True)"):
    name = "optimizers.schedules." + made.split("(")[0]
    EXAMPLES[name + " " * (name in EXAMPLES)] = f"[k.optimizers.schedules.{made}(step) for step in (0, 1, 3, 5, 9, 20)]"
EXAMPLES["optimizers.schedules.serialize"] = "k.optimizers.schedules.serialize(k.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5))['config']"
EXAMPLES["optimizers.schedules.deserialize"] = "k.optimizers.schedules.deserialize(k.optimizers.schedules.serialize(k.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)))(4)"


@example("optimizers.schedules.LearningRateSchedule")
def own_schedule(k):
    class Ramp(k.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 / (k.ops.cast(step, "float32") + 1)
    v, made = k.Variable(np.zeros(2, "float32")), k.optimizers.SGD(Ramp())
    for _ in range(3):
        made.apply([k.ops.ones(2)], [v])
    return [v, made.learning_rate]


# ---------------------------------------------------------------- pictures, folders, words
def picture(k, area):
    f = lambda name: getattr(k.preprocessing.image if area == "preprocessing.image" else k.utils, name)
    with folder() as d:
        path = str(d / "a.png")
        f("save_img")(path, IMAGE[0], scale=False)
        image = f("load_img")(path, target_size=(3, 4), color_mode="rgb")
        whole = f("img_to_array")(f("load_img")(path))
        grey = f("img_to_array")(f("load_img")(path, color_mode="grayscale"), dtype="float64")
    back = f("array_to_img")(IMAGE[0] / 2, scale=True)
    return [list(image.size), np.asarray(whole), list(grey.shape), str(grey.dtype), f("img_to_array")(image), np.asarray(back)]


for area in ("preprocessing.image", "utils"):
    for name in ("array_to_img", "img_to_array", "load_img", "save_img"):
        EXAMPLES[f"{area}.{name}"] = f"picture(k, '{area}')"


@example("utils.image_dataset_from_directory")
def pictures_of_a_folder(k):
    with folder() as f:
        for label in ("cat", "dog"):
            (f / label).mkdir()
            for i in range(3):
                k.utils.save_img(str(f / label / f"{i}.png"), (IMAGE[0] + i) % 256, scale=False)
        data = k.utils.image_dataset_from_directory(str(f), image_size=(6, 6), batch_size=4, shuffle=False, label_mode="categorical", verbose=False)
        batches = [[np.asarray(x).shape, np.asarray(y).tolist(), float(np.asarray(x).mean())] for x, y in data]
    return [batches, data.class_names]


@example("utils.text_dataset_from_directory")
def texts_of_a_folder(k):
    with folder() as f:
        for label in ("bad", "good"):
            (f / label).mkdir()
            for i in range(2):
                (f / label / f"{i}.txt").write_text(f"{label} film {i}")
        data = k.utils.text_dataset_from_directory(str(f), batch_size=3, shuffle=False, verbose=False)
        words = lambda x: [t.decode() if isinstance(t, bytes) else str(t) for t in (x.numpy() if hasattr(x, "numpy") else np.asarray(x)).tolist()]
        batches = [[words(x), np.asarray(y).tolist()] for x, y in data]
    return [batches, data.class_names]


@example("utils.get_file")
def a_file_kept(k):
    with folder() as f:
        (f / "here.txt").write_text("words")
        path = k.utils.get_file("kept.txt", origin=(f / "here.txt").as_uri(), cache_dir=str(f / "cache"))
        return [pathlib.Path(path).read_text(), os.path.basename(path), pathlib.Path(path).parent.name]


# ---------------------------------------------------------------- trees
def refuses(call):
    try:
        call()
    except (ValueError, TypeError) as error:
        return type(error).__name__
    return "accepts"


EXAMPLES.update({
    "tree.assert_same_structure": "[refuses(lambda: k.tree.assert_same_structure(*p)) for p in (([1, (2,)], [3, (4,)]), ([1, 2], [1, [2]]), ({'a': 1}, {'b': 1}))]",
    "tree.assert_same_paths": "[refuses(lambda: k.tree.assert_same_paths(*p)) for p in (([1, {'a': 2}], (3, {'a': 4})), ([1, 2], [1, [2]]))]",
    "tree.map_shape_structure": "k.tree.map_shape_structure(lambda s: s[0], {'a': (2, 3), 'b': [(None, 1)]})",
    "tree.map_structure_up_to": "k.tree.map_structure_up_to([0, (0,)], lambda x: str(x), [{'a': 1}, ([2, 3],)])",
    "tree.traverse": "k.tree.traverse(lambda x: x * 2 if isinstance(x, int) else None, [1, (2, {'a': 3})], top_down=False)",
    "tree.MAP_TO_NONE": "k.tree.traverse(lambda x: k.tree.MAP_TO_NONE if x == 2 else None, [1, (2, 3)])"})


# ---------------------------------------------------------------- utils and registry
@example("utils.CustomObjectScope", "utils.custom_object_scope")
def names_in_a_scope(k):
    class Own(k.layers.Layer):
        pass
    config = k.layers.serialize(Own(name="mine"))
    config["registered_name"] = "Own"
    config["module"] = None
    answers = []
    for scope in (k.utils.CustomObjectScope, k.utils.custom_object_scope):
        with scope({"Own": Own}):
            answers.append([type(k.layers.deserialize(config)).__name__, k.utils.get_registered_object("Own") is Own])
    return answers + [k.utils.get_registered_object("Own")]


@example("utils.get_custom_objects", "utils.get_registered_name", "utils.get_registered_object", "utils.deserialize_keras_object")
def registered(k):
    @k.utils.register_keras_serializable("Tests")
    class OwnOfTests(k.layers.Layer):
        pass
    name = k.utils.get_registered_name(OwnOfTests)
    made = k.utils.deserialize_keras_object(k.utils.serialize_keras_object(OwnOfTests(name="mine")))
    answers = [name, k.utils.get_registered_object(name) is OwnOfTests, made.name, type(made).__name__, k.utils.get_registered_name(int)]
    k.utils.get_custom_objects().pop(name, None)
    return answers


class Pairs:
    """Three batches of two rows; every epoch is counted."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.ends = 0

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return X[2 * i:2 * i + 2], Y[2 * i:2 * i + 2]

    def on_epoch_end(self):
        self.ends += 1


@example("utils.PyDataset", "utils.Sequence")
def batches_by_number(k):
    seen = []
    for base in (k.utils.PyDataset, k.utils.Sequence):
        data = type("Rows", (Pairs, base), {})()
        model = network(k)
        seen.append([model.fit(data, epochs=2, shuffle=False, verbose=0).history["loss"], data.ends >= 2, data.num_batches])
    return seen


EXAMPLES.update({
    "utils.pack_x_y_sample_weight": "[k.utils.pack_x_y_sample_weight([1]), k.utils.pack_x_y_sample_weight(np.ones(1), np.zeros(1)), len(k.utils.pack_x_y_sample_weight(1, 2, 3))]",
    "utils.unpack_x_y_sample_weight": "[k.utils.unpack_x_y_sample_weight((1,)), k.utils.unpack_x_y_sample_weight((1, 2)), k.utils.unpack_x_y_sample_weight((1, 2, 3)), k.utils.unpack_x_y_sample_weight(1)]",
    "utils.is_keras_tensor": "[k.utils.is_keras_tensor(k.Input((2,))), k.utils.is_keras_tensor(k.ops.ones(2))]",
    "utils.get_source_inputs": "[t.name for t in k.utils.get_source_inputs(k.layers.Add()([k.Input((2,), name='a'), k.layers.ReLU()(k.Input((2,), name='b'))]))]",
    "utils.clear_session": "[k.utils.clear_session(), k.layers.Dense(1).name, k.layers.Dense(1).name, k.utils.clear_session(), k.layers.Dense(1).name]"})


# ---------------------------------------------------------------- names of the package itself
EXAMPLES.update({
    "Variable": "(lambda v: [v.assign_add([1.0, 1.0]) is None, v, v.shape, v.dtype, v.trainable, v.name, v + 1, v[0]])(k.Variable([1.0, 2.0], name='v', trainable=False))",
    "KerasTensor": "(lambda t: [t.shape, t.dtype, t.name, (t + 1).shape, k.ops.sum(t, axis=-1).shape, t.ndim])(k.KerasTensor((None, 3), name='t'))",
    "DTypePolicy": "[[p.name, p.compute_dtype, p.variable_dtype] for p in map(k.DTypePolicy, ('float32', 'float64'))]",
    "dtype_policies.get": "[k.dtype_policies.get(p).name for p in ('float64', None)]",
    "dtype_policies.serialize": "k.dtype_policies.serialize(k.DTypePolicy('float64'))['config']",
    "dtype_policies.deserialize": "k.dtype_policies.deserialize(k.dtype_policies.serialize(k.DTypePolicy('float64'))).name",
    "dtype_policies.DTypePolicyMap": "(lambda m: [m['a/b'].name, m['c'].name, len(m)])(k.dtype_policies.DTypePolicyMap(default_policy='float32', policy_map={'a/b': k.DTypePolicy('float64')}))",
    "backend.is_float_dtype": "[k.backend.is_float_dtype(d) for d in ('float32', 'int32', 'bfloat16')]",
    "backend.is_int_dtype": "[k.backend.is_int_dtype(d) for d in ('float32', 'int32', 'uint8')]",
    "backend.is_keras_tensor": "[k.backend.is_keras_tensor(k.Input((2,))), k.backend.is_keras_tensor(np.ones(2))]",
    "backend.result_type": "[k.backend.result_type(*d) for d in (('int32', 'float32'), ('int8', 'int16'), ('bool', 'uint8'), ('float32', float))]",
    "backend.get_uid": "[k.backend.clear_session(), k.backend.get_uid('dense'), k.backend.get_uid('dense'), k.backend.get_uid('conv')]",
    "version": "k.version().count('.') >= 1"})


@example("Function")
def a_function(k):
    a, b = k.Input((2,)), k.Input((2,))
    f = k.Function([a, b], [a * b + 1, k.ops.sum(a)])
    return [f([X, 2 * X]), [t.shape for t in f.outputs], len(f.inputs)]


@example("Operation")
def an_operation(k):
    class Scale(k.Operation):
        def __init__(self, by, name=None):
            super().__init__(name=name)
            self.by = by

        def call(self, x):
            return x * self.by

        def compute_output_spec(self, x):
            return k.KerasTensor(x.shape, x.dtype)
    made = Scale(3.0, name="scale")
    i = k.Input((2,))
    return [made(X), made.name, made.symbolic_call(i).shape, k.Model(i, made(i))(X)]


@example("StatelessScope")
def no_state_changes(k):
    v = k.Variable(np.ones(2, "float32"))
    with k.StatelessScope(state_mapping=[(v, k.ops.array([5.0, 6.0]))]) as scope:
        inside = k.ops.convert_to_numpy(v + 0.0)
        v.assign(k.ops.array([7.0, 8.0]))
        new = k.ops.convert_to_numpy(scope.get_current_value(v))
    return [inside, new, v]


@example("SymbolicScope", "name_scope", "device")
def scopes(k):
    with k.SymbolicScope():
        shape = k.Input((2,)).shape
    layer = k.layers.Dense(1, name="dense")
    with k.name_scope("outer"):
        layer(X)
    with k.device("cpu:0"):
        total = k.ops.sum(k.ops.ones(3))
    return [shape, layer.kernel.path, total]


@example("RematScope", "remat")
def less_memory(k):
    with k.RematScope(mode="full"):
        inside = k.layers.Dense(1, kernel_initializer="ones")(X)
    return [inside, k.remat(lambda x: k.ops.square(x))(k.ops.array([2.0, 3.0]))]


for name in ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"):
    EXAMPLES["wrappers." + name] = f"by_scikit_learn(k, '{name}')"


def by_scikit_learn(k, name):
    def make(X, y, loss="mse"):
        model = k.Sequential([k.layers.Input(X.shape[1:]), k.layers.Dense(1 if name != "SKLearnClassifier" else 2, kernel_initializer="ones",
                                                                         activation="softmax" if name == "SKLearnClassifier" else None)])
        model.compile(k.optimizers.SGD(0.1), "categorical_crossentropy" if name == "SKLearnClassifier" else loss)
        return model
    made = getattr(k.wrappers, name)(make, fit_kwargs=dict(epochs=2, batch_size=4, verbose=0, shuffle=False))
    y = np.array([0, 1, 1, 0]) if name == "SKLearnClassifier" else Y[:, 0]
    made.fit(X, y)
    return [made.transform(X) if name == "SKLearnTransformer" else made.predict(X), list(made.history_.history)]


EXAMPLES["datasets.reuters.get_label_names"] = "k.datasets.reuters.get_label_names()"

# ---------------------------------------------------------------- applications: what goes in (the networks: test_applications.py)
for family in "convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3 mobilenet mobilenet_v2 mobilenet_v3 nasnet resnet resnet50 resnet_v2 vgg16 vgg19 xception".split():
    EXAMPLES[f"applications.{family}.preprocess_input"] = f"k.applications.{family}.preprocess_input(np.array([[[[255.0, 0.0, 127.5]]]], 'float32'))"

HELPERS.update({f.__name__: f for f in (law, fixed, set_and_back, picture, refuses, by_scikit_learn)}, IMAGE=IMAGE)
