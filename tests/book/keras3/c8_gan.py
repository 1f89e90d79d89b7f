"""Chapter 8.5, a generative adversarial network: sneakers from noise, a critic that learns to tell, and a train_step for both."""
import numpy as np

import keras
from keras import layers, ops

from book_data import fashion
from fastdl import GradientTape                                              # Keras 3 takes the tape of its backend

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
(x, y), _ = fashion.load_data()
real = x[y == 7][..., None].astype("float32") / 127.5 - 1                     # sneakers, in -1 .. 1
latent, size, batch = 16, 28, 20

noise = keras.Input((latent,))
h = layers.LeakyReLU()(layers.Dense(8 * 14 * 14)(noise))
h = layers.Reshape((14, 14, 8))(h)
h = layers.LeakyReLU()(layers.Conv2D(16, 5, padding="same")(h))
h = layers.LeakyReLU()(layers.Conv2DTranspose(16, 4, strides=2, padding="same")(h))
generator = keras.Model(noise, layers.Conv2D(1, 5, activation="tanh", padding="same")(h), name="generator")

image = keras.Input((size, size, 1))
h = layers.LeakyReLU()(layers.Conv2D(16, 3)(image))
h = layers.LeakyReLU()(layers.Conv2D(16, 4, strides=2)(h))
h = layers.LeakyReLU()(layers.Conv2D(16, 4, strides=2)(h))
h = layers.Dropout(0.4)(layers.Flatten()(h))
discriminator = keras.Model(image, layers.Dense(1, activation="sigmoid")(h), name="discriminator")


class GAN(keras.Model):
    """One step: the critic on made and real pictures, then the generator through the critic; an optimizer each."""

    def __init__(self, generator, discriminator, **kwargs):
        super().__init__(**kwargs)
        self.generator, self.discriminator = generator, discriminator
        self.seed_generator = keras.random.SeedGenerator(1)
        self.d_loss, self.g_loss = keras.metrics.Mean(name="d_loss"), keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    @property
    def metrics(self):
        return [self.d_loss, self.g_loss]

    def noise(self, x):
        return keras.random.normal((ops.shape(x)[0], latent), seed=self.seed_generator)

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        pictures = ops.concatenate([self.generator(self.noise(x)), x], axis=0)
        ones, zeros = ops.ones((ops.shape(x)[0], 1)), ops.zeros((ops.shape(x)[0], 1))
        labels = ops.concatenate([ones, zeros], axis=0)
        labels = labels + 0.05 * keras.random.uniform(ops.shape(labels), seed=self.seed_generator)
        with GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(pictures, training=True))
        variables = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, variables), variables))
        with GradientTape() as tape:
            g_loss = self.loss_fn(zeros, self.discriminator(self.generator(self.noise(x))))
        variables = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, variables), variables))
        self.d_loss.update_state(d_loss)
        self.g_loss.update_state(g_loss)
        return {"d_loss": self.d_loss.result(), "g_loss": self.g_loss.result()}


def codes(n):
    return rng.normal(size=(n, latent)).astype("float32")


untrained = generator.predict(codes(50), verbose=0)
gan = GAN(generator, discriminator)
gan.compile(d_optimizer=keras.optimizers.Adam(0.001, beta_1=0.5), g_optimizer=keras.optimizers.Adam(0.002, beta_1=0.5),
            loss_fn=keras.losses.BinaryCrossentropy())
history = gan.fit(real[:200], epochs=9, batch_size=batch, verbose=0).history
assert sorted(history) == ["d_loss", "g_loss"] and np.isfinite([*history["d_loss"], *history["g_loss"]]).all()
made = generator.predict(codes(50), verbose=0)
mean = real.mean(0)
distance = [float(np.abs(images.mean(0) - mean).mean()) for images in (untrained, made)]
assert distance[1] < 0.4 * distance[0], distance                            # the mean picture has become a sneaker's
