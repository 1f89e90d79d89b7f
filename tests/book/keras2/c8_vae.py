"""Chapter 8.4 as of 2017: Lambda with K.random_normal, a loss layer with add_loss, compile(loss=None), fit(y=None)."""
import numpy as np

import keras
from keras import backend as K
from keras import layers
from keras.models import Model

from book_data import digits

(x_train, _), (x_test, y_test) = digits.load_data()
x_train, x_test = [a.reshape(a.shape + (1,)).astype('float32') / 255. for a in (x_train[:2000], x_test)]
latent_dim = 2

input_img = keras.Input(shape=(28, 28, 1))
x = layers.Conv2D(16, 3, padding='same', activation='relu', strides=(2, 2))(input_img)
x = layers.Conv2D(16, 3, padding='same', activation='relu', strides=(2, 2))(x)
shape_before_flattening = K.int_shape(x)
x = layers.Flatten()(x)
x = layers.Dense(32, activation='relu')(x)
z_mean = layers.Dense(latent_dim)(x)
z_log_var = layers.Dense(latent_dim)(x)


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(K.shape(z_mean)[0], latent_dim), mean=0., stddev=1.)
    return z_mean + K.exp(0.5 * z_log_var) * epsilon


z = layers.Lambda(sampling)([z_mean, z_log_var])
decoder_input = layers.Input(K.int_shape(z)[1:])
x = layers.Dense(np.prod(shape_before_flattening[1:]), activation='relu')(decoder_input)
x = layers.Reshape(shape_before_flattening[1:])(x)
x = layers.Conv2DTranspose(16, 3, padding='same', activation='relu', strides=(2, 2))(x)
x = layers.Conv2DTranspose(16, 3, padding='same', activation='relu', strides=(2, 2))(x)
x = layers.Conv2D(1, 3, padding='same', activation='sigmoid')(x)
decoder = Model(decoder_input, x)
z_decoded = decoder(z)


class VariationalLoss(keras.layers.Layer):
    def vae_loss(self, x, z_decoded):
        x = K.flatten(x)
        z_decoded = K.flatten(z_decoded)
        xent_loss = keras.metrics.binary_crossentropy(x, z_decoded)
        kl_loss = -5e-4 * K.mean(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return K.mean(xent_loss + kl_loss)

    def call(self, inputs):
        loss = self.vae_loss(inputs[0], inputs[1])
        self.add_loss(loss, inputs=inputs)
        return inputs[0]


y = VariationalLoss()([input_img, z_decoded])
vae = Model(input_img, y)
vae.compile(optimizer='rmsprop', loss=None)
history = vae.fit(x=x_train, y=None, shuffle=True, epochs=8, batch_size=50, validation_data=(x_test, None), verbose=0)
assert history.history['val_loss'][-1] < 0.27 and history.history['loss'][-1] < 0.8 * history.history['loss'][0], history.history

codes = Model(input_img, z_mean).predict(x_test)
nearest = np.square(codes[:, None] - codes[None]).sum(-1)
np.fill_diagonal(nearest, np.inf)
assert (y_test[nearest.argmin(1)] == y_test).mean() > 0.25
drawn = decoder.predict(np.array([[0., 0.], [1., 1.]]), batch_size=2)
assert drawn.shape == (2, 28, 28, 1) and 0 <= drawn.min() and drawn.max() <= 1
