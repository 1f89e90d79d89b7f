"""Chapter 8.2 as of 2017: K.variable summed up in place, K.gradients of the model's input, K.function, octaves."""
import numpy as np

from keras import backend as K
from keras import layers, models

from book_data import fashion, photos

(x, y), (x_test, y_test) = fashion.load_data()
x, x_test = [np.repeat(a[..., None], 3, -1).astype('float32') / 127.5 - 1 for a in (x, x_test)]
inputs = layers.Input(shape=(None, None, 3))
h = layers.Conv2D(16, 3, activation='relu', padding='same', name='mixed0')(inputs)
h = layers.Conv2D(16, 3, strides=2, activation='relu', padding='same', name='mixed1')(h)
h = layers.Conv2D(32, 3, strides=2, activation='relu', padding='same', name='mixed2')(h)
model = models.Model(inputs, layers.Dense(10, activation='softmax')(layers.GlobalMaxPooling2D()(h)))
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['acc'])
model.fit(x, y, epochs=2, batch_size=32, verbose=0)
assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.4

K.set_learning_phase(0)
layer_contributions = {'mixed1': 1., 'mixed2': 2.}
layer_dict = dict([(layer.name, layer) for layer in model.layers])
loss = K.variable(0.)
for layer_name in layer_contributions:
    coeff = layer_contributions[layer_name]
    activation = layer_dict[layer_name].output
    scaling = K.prod(K.cast(K.shape(activation), 'float32'))
    loss = loss + coeff * K.sum(K.square(activation[:, 2: -2, 2: -2, :])) / scaling

dream = model.input
grads = K.gradients(loss, dream)[0]
grads /= K.maximum(K.mean(K.abs(grads)), 1e-7)
fetch_loss_and_grads = K.function([dream], [loss, grads])


def gradient_ascent(x, iterations, step, max_loss=None):
    losses = []
    for i in range(iterations):
        loss_value, grad_values = fetch_loss_and_grads([x])
        losses.append(float(loss_value))
        if max_loss is not None and losses[-1] > max_loss:
            break
        x = x + step * grad_values
    return x, losses


original = photos.load_data()['china'][:64, :64].astype('float32')[None] / 127.5 - 1


def shrunk(img, factor):
    n, h, w, c = img.shape
    return img.reshape(n, h // factor, factor, w // factor, factor, c).mean((2, 4))


img = shrunk(original, 2)
img, losses = gradient_ascent(img, 8, 0.01)
assert losses[-1] > 1.1 * losses[0] > 0, losses
img = img.repeat(2, 1).repeat(2, 2) + original - shrunk(original, 2).repeat(2, 1).repeat(2, 2)
img, losses = gradient_ascent(img, 8, 0.01)
assert img.shape == (1, 64, 64, 3) and losses[-1] > 1.1 * losses[0], losses
assert len(gradient_ascent(original, 60, 0.05, max_loss=1.5 * losses[0])[1]) < 60
