"""Chapter 8.3 as of 2017: K.placeholder joined with constants as a model's input, Gram matrices, K.gradients."""
import numpy as np

from keras import backend as K
from keras import layers, models

from book_data import fashion, photos

(x, y), _ = fashion.load_data()
x = np.repeat(x[..., None], 3, -1).astype('float32') / 64 - 1.7


def network(inputs):
    h = inputs
    for k, filters in enumerate((8, 16, 16), 1):
        h = layers.Conv2D(filters, 3, activation='relu', padding='same', name='block%d_conv1' % k)(h)
        h = layers.AveragePooling2D()(h)
    return models.Model(inputs, layers.Dense(10, activation='softmax')(layers.GlobalMaxPooling2D()(h)))


trained = network(layers.Input(shape=(None, None, 3)))
trained.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['acc'])
assert trained.fit(x, y, epochs=3, batch_size=32, verbose=0).history['acc'][-1] > 0.4

pictures = photos.load_data()
target, style = [pictures[name][:64, 64:128].astype('float32')[None] / 64 - 1.7 for name in ('cat', 'china')]
target_image = K.constant(target)
style_reference_image = K.constant(style)
combination_image = K.placeholder((1, 64, 64, 3))
input_tensor = K.concatenate([target_image, style_reference_image, combination_image], axis=0)
model = network(layers.Input(tensor=input_tensor))
model.set_weights(trained.get_weights())


def content_loss(base, combination):
    return K.sum(K.square(combination - base))


def gram_matrix(x):
    features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    return K.dot(features, K.transpose(features))


def style_loss(style, combination):
    channels, size = 16, 64 * 64
    return K.sum(K.square(gram_matrix(style) - gram_matrix(combination))) / (4. * (channels ** 2) * (size ** 2))


def total_variation_loss(x):
    a = K.square(x[:, :63, :63, :] - x[:, 1:, :63, :])
    b = K.square(x[:, :63, :63, :] - x[:, :63, 1:, :])
    return K.sum(K.pow(a + b, 1.25))


outputs_dict = dict([(layer.name, layer.output) for layer in model.layers])
loss = K.variable(0.)
features = outputs_dict['block3_conv1']
loss = loss + 1e-6 * content_loss(features[0, :, :, :], features[2, :, :, :])
for layer_name in ('block1_conv1', 'block2_conv1', 'block3_conv1'):
    features = outputs_dict[layer_name]
    loss = loss + style_loss(features[1, :, :, :], features[2, :, :, :]) / 3
loss = loss + 1e-7 * total_variation_loss(combination_image)
grads = K.gradients(loss, combination_image)[0]
fetch_loss_and_grads = K.function([combination_image], [loss, grads])

img, losses, memory = target.copy(), [], 0
for _ in range(40):
    loss_value, grad_values = fetch_loss_and_grads([img])
    losses.append(float(loss_value))
    memory = 0.9 * memory + grad_values / (np.abs(grad_values).mean() + 1e-12)
    img = img - 0.002 * memory
assert losses[-1] < 0.5 * losses[0], losses[::8]
assert 0 < np.abs(img - target).mean() < np.abs(style - target).mean()
