"""Chapter 8.5, a generative adversarial network: sneakers from noise, a critic that learns to tell, and the game by hand."""
import numpy as np

import keras
from keras import layers

from book_data import fashion

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
discriminator.compile(keras.optimizers.Adam(0.001, beta_1=0.5), "binary_crossentropy")

discriminator.trainable = False                                              # in the GAN only the generator learns
gan = keras.Model(noise, discriminator(generator(noise)))
gan.compile(keras.optimizers.Adam(0.002, beta_1=0.5), "binary_crossentropy")


def codes(n):
    return rng.normal(size=(n, latent)).astype("float32")


untrained = generator.predict(codes(50), verbose=0)
d_losses, a_losses, start = [], [], 0
for step in range(90):
    generated = generator.predict_on_batch(codes(batch))
    pictures = np.concatenate([generated, real[start:start + batch]])
    labels = np.concatenate([np.ones((batch, 1)), np.zeros((batch, 1))]) + 0.05 * rng.random((2 * batch, 1))
    before = [np.array(w) for w in generator.get_weights()]
    d_losses.append(float(discriminator.train_on_batch(pictures, labels)))
    for a, b in zip(before, generator.get_weights()):
        np.testing.assert_array_equal(a, b)
    critic = [np.array(w) for w in discriminator.get_weights()]
    a_losses.append(float(gan.train_on_batch(codes(batch), np.zeros((batch, 1)))))
    if step == 0:
        for a, b in zip(critic, discriminator.get_weights()):
            np.testing.assert_array_equal(a, b)
        assert any((a != b).any() for a, b in zip(before, generator.get_weights()))
    start = (start + batch) % (len(real) - batch)

assert np.isfinite(d_losses + a_losses).all() and d_losses[-1] != d_losses[0]
made = generator.predict(codes(50), verbose=0)
mean = real.mean(0)
distance = [float(np.abs(images.mean(0) - mean).mean()) for images in (untrained, made)]
assert distance[1] < 0.4 * distance[0], distance                            # the mean picture has become a sneaker's
