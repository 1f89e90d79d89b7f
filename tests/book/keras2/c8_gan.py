"""Chapter 8.5 as of 2017: RMSprop with lr, clipvalue and decay; `trainable = False` after compile concerns only the GAN."""
import numpy as np

import keras
from keras import layers

from book_data import fashion

np.random.seed(0)
(x, y), _ = fashion.load_data()
x_train = x[y == 7].reshape((-1, 28, 28, 1)).astype('float32') / 127.5 - 1.
latent_dim = 16

generator_input = keras.Input(shape=(latent_dim,))
h = layers.Dense(8 * 14 * 14)(generator_input)
h = layers.LeakyReLU()(h)
h = layers.Reshape((14, 14, 8))(h)
h = layers.Conv2D(16, 5, padding='same')(h)
h = layers.LeakyReLU()(h)
h = layers.Conv2DTranspose(16, 4, strides=2, padding='same')(h)
h = layers.LeakyReLU()(h)
h = layers.Conv2D(1, 5, activation='tanh', padding='same')(h)
generator = keras.models.Model(generator_input, h)

discriminator_input = layers.Input(shape=(28, 28, 1))
h = layers.Conv2D(16, 3)(discriminator_input)
h = layers.LeakyReLU()(h)
h = layers.Conv2D(16, 4, strides=2)(h)
h = layers.LeakyReLU()(h)
h = layers.Flatten()(h)
h = layers.Dropout(0.4)(h)
h = layers.Dense(1, activation='sigmoid')(h)
discriminator = keras.models.Model(discriminator_input, h)
discriminator.compile(optimizer=keras.optimizers.RMSprop(lr=0.0008, clipvalue=1.0, decay=1e-8), loss='binary_crossentropy')

discriminator.trainable = False
gan_input = keras.Input(shape=(latent_dim,))
gan = keras.models.Model(gan_input, discriminator(generator(gan_input)))
gan.compile(optimizer=keras.optimizers.RMSprop(lr=0.002, clipvalue=1.0, decay=1e-8), loss='binary_crossentropy')

untrained = generator.predict(np.random.normal(size=(50, latent_dim)))
batch_size, start = 20, 0
for step in range(80):
    generated = generator.predict(np.random.normal(size=(batch_size, latent_dim)), verbose=0)
    combined = np.concatenate([generated, x_train[start:start + batch_size]])
    labels = np.concatenate([np.ones((batch_size, 1)), np.zeros((batch_size, 1))])
    labels += 0.05 * np.random.random(labels.shape)
    critic = discriminator.get_weights()
    d_loss = discriminator.train_on_batch(combined, labels)
    learned = discriminator.get_weights()
    assert any((a != b).any() for a, b in zip(critic, learned))               # compiled before it was frozen
    a_loss = gan.train_on_batch(np.random.normal(size=(batch_size, latent_dim)), np.zeros((batch_size, 1)))
    assert all((a == b).all() for a, b in zip(learned, discriminator.get_weights()))
    start = (start + batch_size) % (len(x_train) - batch_size)
assert np.isfinite([d_loss, a_loss]).all()
made = generator.predict(np.random.normal(size=(50, latent_dim)))
distance = [np.abs(images.mean(0) - x_train.mean(0)).mean() for images in (untrained, made)]
assert distance[1] < 0.4 * distance[0], distance
