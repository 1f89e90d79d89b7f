"""Chapter 8.4, a variational autoencoder: an encoder with noise, a decoder, and a train_step of its own."""
import numpy as np

import keras
from keras import layers, ops

from book_data import digits
from fastdl import GradientTape                                              # Keras 3 takes the tape of its backend

keras.utils.set_random_seed(0)
(x, _), (x_test, y_test) = digits.load_data()
x, x_test = [a[..., None].astype("float32") / 255 for a in (x[:2000], x_test)]
latent = 2


class Sampling(layers.Layer):
    """z = mean + exp(log_var / 2) * noise"""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


image = keras.Input((28, 28, 1))
h = layers.Conv2D(16, 3, activation="relu", strides=2, padding="same")(image)
h = layers.Conv2D(16, 3, activation="relu", strides=2, padding="same")(h)
h = layers.Dense(32, activation="relu")(layers.Flatten()(h))
mean, log_var = layers.Dense(latent, name="mean")(h), layers.Dense(latent, name="log_var")(h)
encoder = keras.Model(image, [mean, log_var, Sampling()([mean, log_var])], name="encoder")

code = keras.Input((latent,))
h = layers.Dense(7 * 7 * 16, activation="relu")(code)
h = layers.Reshape((7, 7, 16))(h)
h = layers.Conv2DTranspose(16, 3, activation="relu", strides=2, padding="same")(h)
h = layers.Conv2DTranspose(16, 3, activation="relu", strides=2, padding="same")(h)
decoder = keras.Model(code, layers.Conv2D(1, 3, activation="sigmoid", padding="same")(h), name="decoder")


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("loss", "reconstruction", "kl")}

    @property
    def metrics(self):
        return list(self.trackers.values())

    def call(self, x):
        return self.decoder(self.encoder(x)[2])

    def losses_of(self, x):
        mean, log_var, z = self.encoder(x)
        reconstruction = ops.mean(ops.sum(keras.losses.binary_crossentropy(x, self.decoder(z)), axis=(1, 2)))
        kl = ops.mean(ops.sum(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)), axis=1))
        return reconstruction + kl, reconstruction, kl

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        with GradientTape() as tape:
            values = self.losses_of(x)
        variables = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(values[0], variables), variables))
        for tracker, value in zip(self.metrics, values):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.metrics}


vae = VAE(encoder, decoder)
vae.compile(optimizer=keras.optimizers.Adam(0.004))
history = vae.fit(x, epochs=8, batch_size=50, verbose=0).history
assert history["loss"][-1] < 0.85 * history["loss"][0] and history["kl"][-1] > 1
np.testing.assert_allclose(history["loss"], np.add(history["reconstruction"], history["kl"]), rtol=1e-4)

codes = encoder.predict(x_test, verbose=0)[0]
nearest = np.square(codes[:, None] - codes[None]).sum(-1)
np.fill_diagonal(nearest, np.inf)
assert (y_test[nearest.argmin(1)] == y_test).mean() > 0.3                    # 0.1 by chance: the codes know the digit
grid = np.stack(np.meshgrid(np.linspace(-1.5, 1.5, 5), np.linspace(-1.5, 1.5, 5)), -1).reshape(-1, 2).astype("float32")
drawn = decoder.predict(grid, verbose=0)
assert drawn.shape == (25, 28, 28, 1) and 0 <= drawn.min() and drawn.max() <= 1 and drawn.std(0).max() > 0.15
