"""The ten things in which Keras 3 fails the programs of 2017, by name: each works here, in both eras."""
import numpy as np
import pytest

import fastdl as keras
import fastdl.backend as K
from fastdl import layers, models

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")


def network(metrics=("accuracy",), optimizer="rmsprop", loss="binary_crossentropy"):
    model = models.Sequential()
    model.add(layers.Dense(8, activation="relu", input_shape=(4,)))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    return model


def lr_and_decay(tmp_path):
    """rate = lr / (1 + decay * updates)"""
    w, made = K.variable([1.0]), keras.optimizers.SGD(lr=0.5, decay=1.0)
    for _ in range(2):
        made.apply_gradients([(K.constant([1.0]), w)])
    assert np.allclose(K.get_value(w), 1 - 0.5 - 0.5 / 2)
    rmsprop = keras.optimizers.RMSprop(lr=0.0008, clipvalue=1.0, decay=1e-8)
    assert np.isclose(float(rmsprop.lr), 0.0008) and rmsprop.clipvalue == 1.0


def history_keys(tmp_path):
    for metrics in (["accuracy"], ["acc"]):
        history = network(metrics).fit(X, Y, epochs=2, validation_split=0.25, verbose=0).history
        assert history["acc"] == history["accuracy"] and history["val_acc"] == history["val_accuracy"] and len(history["acc"]) == 2
    history = network(["mae"], loss="mse").fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0).history
    assert history["val_mean_absolute_error"] == history["val_mae"] and len(history["mean_absolute_error"]) == 2


def generators_without_end(tmp_path):
    def batches():
        while True:
            for i in range(0, 24, 8):
                yield X[i:i + 8], Y[i:i + 8]
    model = network(optimizer=keras.optimizers.RMSprop(lr=0.02))
    history = model.fit_generator(batches(), steps_per_epoch=3, epochs=8, validation_data=batches(), validation_steps=3, verbose=0).history
    assert len(history["val_acc"]) == 8 and history["loss"][-1] < history["loss"][0]
    loss, accuracy = model.evaluate_generator(batches(), steps=3)
    assert np.isclose(loss, history["val_loss"][-1], atol=1e-5) and np.isclose(accuracy, history["val_acc"][-1])
    assert model.predict_generator(batches(), steps=3).shape == (24, 1)


def pictures(tmp_path):
    from fastdl.preprocessing import image
    from fastdl.preprocessing.image import ImageDataGenerator
    photo = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype("float32")
    for label in ("cats", "dogs"):
        (tmp_path / label).mkdir()
        for i in range(3):
            image.array_to_img(photo, scale=False).save(str(tmp_path / label / f"{i}.png"))
    back = image.img_to_array(image.load_img(str(tmp_path / "cats" / "0.png"), target_size=(12, 12)))
    assert np.array_equal(back, photo)
    flow = ImageDataGenerator(rescale=1.0 / 255, rotation_range=40, width_shift_range=0.2, height_shift_range=0.2, shear_range=0.2,
                              zoom_range=0.2, horizontal_flip=True, fill_mode="nearest").flow_from_directory(
        str(tmp_path), target_size=(10, 10), batch_size=4, class_mode="binary")
    x, y = next(flow)
    assert x.shape == (4, 10, 10, 3) and 0 <= x.min() and x.max() <= 1 and set(y) <= {0.0, 1.0} and len(set(map(bytes, x))) == 4
    assert next(ImageDataGenerator().flow(photo[None], batch_size=1)).shape == (1, 12, 12, 3)


def words_and_np_utils(tmp_path):
    from fastdl.preprocessing import sequence
    from fastdl.preprocessing.text import Tokenizer
    from fastdl.utils.np_utils import to_categorical
    tokenizer = Tokenizer(num_words=4)
    tokenizer.fit_on_texts(["The cat sat on the mat.", "The cat ate."])
    assert tokenizer.word_index["the"] == 1 and tokenizer.word_index["cat"] == 2
    assert tokenizer.texts_to_sequences(["the cat ate"]) == [[1, 2]]
    assert tokenizer.texts_to_matrix(["the cat ate"], mode="binary").tolist() == [[0, 1, 1, 0]]
    assert sequence.pad_sequences([[1, 2, 3], [4]], maxlen=2).tolist() == [[2, 3], [0, 4]]
    assert to_categorical([1, 0, 2]).tolist() == np.eye(3)[[1, 0, 2]].tolist()


def embedding_first(tmp_path):
    lines = []
    model = models.Sequential([layers.Embedding(100, 8, input_length=20)])
    assert model.output_shape == (None, 20, 8) and model.count_params() == 800
    model.summary(print_fn=lines.append)
    assert "800" in "\n".join(lines)
    model = models.Sequential([layers.Embedding(100, 8)])                  # in Keras 3 it waits for data
    assert model.built == (keras.config.compat() == "keras2") and (not model.built or model.output_shape == (None, None, 8))
    model = network()
    model.save(str(tmp_path / "m.h5"))
    again = models.load_model(str(tmp_path / "m.h5"))
    assert again.input.shape == (None, 4) and again.output.shape == (None, 1)
    assert np.array_equal(models.Model(again.input, again.output).predict(X, verbose=0), model.predict(X, verbose=0))


def symbolic_backend(tmp_path):
    model = network()
    hidden = model.layers[0].output
    grads = K.gradients(K.mean(K.square(hidden)), model.input)[0]
    grads /= K.sqrt(K.mean(K.square(grads))) + 1e-5
    loss = K.variable(0.0)
    loss += K.sum(K.abs(hidden)) / K.prod(K.cast(K.shape(hidden), "float32"))
    run = K.function([model.input], [loss, grads, K.batch_flatten(hidden), K.permute_dimensions(hidden, (1, 0))])
    value, slope, flat, turned = run([X])
    h = np.maximum(X @ model.get_weights()[0] + model.get_weights()[1], 0)
    assert isinstance(value, np.ndarray) and np.isclose(value, h.mean(), rtol=1e-5) and np.allclose(turned, flat.T)
    by_hand = 2 * h / h.size @ model.get_weights()[0].T
    assert np.allclose(slope, by_hand / (np.sqrt(np.mean(by_hand ** 2)) + 1e-5), rtol=1e-3, atol=1e-5)
    p = K.placeholder((1, 3))
    made = K.function([p], [K.dot(p, K.transpose(p)), K.pow(p, 3), K.maximum(p, 0.0), K.concatenate([p, K.constant([[5.0]])], axis=1)[:, 1:]])
    dot, cube, top, joined = made([np.array([[1.0, -2.0, 3.0]])])
    assert dot == 14 and cube.tolist() == [[1, -8, 27]] and top.tolist() == [[1, 0, 3]] and joined.tolist() == [[-2, 3, 5]]
    assert K.int_shape(hidden) == (None, 8) and K.image_data_format() == "channels_last" and K.flatten(p).shape == (3,)
    drawn = K.eval(K.exp(K.random_normal(shape=(500,), mean=0.0, stddev=0.5)))
    assert 0.9 < np.median(drawn) < 1.1
    K.set_learning_phase(0)
    K.clear_session()


def constants_in_the_input(tmp_path):
    target, image = K.constant(np.ones((1, 32, 32, 3))), K.placeholder((1, 32, 32, 3))
    model = keras.applications.vgg19.VGG19(input_tensor=K.concatenate([target, image], axis=0), weights=None, include_top=False)
    features = {l.name: l.output for l in model.layers}["block1_conv1"]
    loss = K.sum(K.square(features[0] - features[1]))
    value, slope = K.function([image], [loss, K.gradients(loss, image)[0]])([np.ones((1, 32, 32, 3))])
    assert value == 0 and not slope.any()
    value, slope = K.function([image], [loss, K.gradients(loss, image)[0]])([np.full((1, 32, 32, 3), 0.5)])
    assert value > 0 and slope.shape == (1, 32, 32, 3) and slope.any()


def losses_of_layers(tmp_path):
    image = layers.Input((4,))
    mean, log_var = layers.Dense(2)(image), layers.Dense(2)(image)
    made = layers.Dense(4, activation="sigmoid")(layers.concatenate([mean, log_var]))

    class Loss(layers.Layer):
        def call(self, inputs):
            x, y = inputs
            kl = K.mean(K.square(mean) + K.exp(log_var) - log_var - 1.0, axis=-1)
            self.add_loss(K.mean(keras.metrics.binary_crossentropy(x, y) + kl), inputs=inputs)
            return x
    model = models.Model(image, Loss()([image, made]))
    model.compile(optimizer="rmsprop", loss=None)
    x = 1 / (1 + np.exp(-X))
    history = model.fit(x=x, y=None, epochs=10, validation_data=(x, None), verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and history["val_loss"][-1] < history["val_loss"][0]
    m = models.Model(image, [mean, log_var, made]).predict(x, verbose=0)
    y = np.clip(m[2], 1e-7, 1 - 1e-7)
    by_hand = -(x * np.log(y) + (1 - x) * np.log(1 - y)).mean() + (m[0] ** 2 + np.exp(m[1]) - m[1] - 1).mean()
    assert np.isclose(history["val_loss"][-1], by_hand, rtol=1e-4)


def frozen_after_compile(tmp_path):
    """The compiled discriminator goes on training; the gan that is made and compiled afterwards leaves it as it is."""
    discriminator = network(optimizer=keras.optimizers.RMSprop(lr=0.01, clipvalue=1.0, decay=1e-8))
    generator = models.Sequential([layers.Dense(4, input_shape=(3,))])
    discriminator.trainable = False
    gan_input = layers.Input((3,))
    gan = models.Model(gan_input, discriminator(generator(gan_input)))
    gan.compile(optimizer=keras.optimizers.RMSprop(lr=0.01), loss="binary_crossentropy")
    noise = np.random.default_rng(1).normal(size=(24, 3))
    for _ in range(2):
        before = discriminator.get_weights(), generator.get_weights()
        discriminator.train_on_batch(X, Y)
        middle = discriminator.get_weights()
        assert all(np.any(a != b) for a, b in zip(before[0], middle))
        assert all(np.array_equal(a, b) for a, b in zip(before[1], generator.get_weights()))
        gan.train_on_batch(noise, np.zeros((24, 1)))
        assert all(np.array_equal(a, b) for a, b in zip(middle, discriminator.get_weights()))
        assert all(np.any(a != b) for a, b in zip(before[1], generator.get_weights()))


TEN = [lr_and_decay, history_keys, generators_without_end, pictures, words_and_np_utils, embedding_first, symbolic_backend,
       constants_in_the_input, losses_of_layers, frozen_after_compile]


@pytest.mark.parametrize("era", ["keras2", "keras3"])
@pytest.mark.parametrize("thing", TEN, ids=lambda f: f.__name__)
def test_what_keras_3_no_longer_runs(thing, era, tmp_path):
    assert len(TEN) == 10
    keras.config.set_compat(era)
    try:
        thing(tmp_path)
    finally:
        keras.config.set_compat("keras3")
