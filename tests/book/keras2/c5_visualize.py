"""Chapter 5.4 as of 2017: activations, filters and Grad-CAM with K.gradients and K.function."""
import numpy as np

from keras import backend as K
from keras import layers, models

from book_data import fashion

(x, y), (x_test, y_test) = fashion.load_data()
x, x_test = [a[..., None].astype('float32') / 255 for a in (x, x_test)]
model = models.Sequential()
model.add(layers.Conv2D(16, (3, 3), activation='relu', padding='same', input_shape=(28, 28, 1), name='block1_conv1'))
model.add(layers.MaxPooling2D((2, 2), name='block1_pool'))
model.add(layers.Conv2D(32, (3, 3), activation='relu', padding='same', name='block2_conv1'))
model.add(layers.Flatten())
model.add(layers.Dense(10, activation='softmax'))
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['acc'])
model.fit(x, y, epochs=3, batch_size=64, verbose=0)
assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.75

layer_outputs = [layer.output for layer in model.layers[:3]]
activations = models.Model(inputs=model.input, outputs=layer_outputs).predict(x_test[:1])
assert [a.shape for a in activations] == [(1, 28, 28, 16), (1, 14, 14, 16), (1, 14, 14, 32)]


def generate_pattern(layer_name, filter_index):
    layer_output = model.get_layer(layer_name).output
    loss = K.mean(layer_output[:, :, :, filter_index])
    grads = K.gradients(loss, model.input)[0]
    grads /= (K.sqrt(K.mean(K.square(grads))) + 1e-5)
    iterate = K.function([model.input], [loss, grads])
    pixels = np.random.default_rng(0).random((1, 28, 28, 1)) * 0.2 + 0.5
    values = []
    for _ in range(15):
        loss_value, grads_value = iterate([pixels])
        values.append(float(loss_value))
        pixels = pixels + grads_value * 0.1
    return pixels[0], values


filter_index = int(activations[2].mean((0, 1, 2)).argmax())
pattern, values = generate_pattern('block2_conv1', filter_index)
assert pattern.shape == (28, 28, 1) and values[-1] > 1.5 * values[0] > 0, values

# Where a boot is a boot: what is hidden there costs more than what is hidden elsewhere.
boots = x_test[y_test == 9][:20]
boot_output = model.output[:, 9]
last_conv_layer = model.get_layer('block2_conv1')
grads = K.gradients(boot_output, last_conv_layer.output)[0]
pooled_grads = K.mean(grads, axis=(0, 1, 2))
iterate = K.function([model.input], [pooled_grads, last_conv_layer.output[0]])
sure = []
for boot in boots:
    pooled_grads_value, conv_layer_output_value = iterate([boot[None]])
    assert pooled_grads_value.shape == (32,) and conv_layer_output_value.shape == (14, 14, 32)
    heatmap = np.maximum(np.mean(conv_layer_output_value * pooled_grads_value, axis=-1), 0)
    rank = heatmap.ravel().argsort(kind='stable').argsort().reshape(14, 14).repeat(2, 0).repeat(2, 1)[..., None]
    sure.append(model.predict(np.stack([boot, boot * (rank < 147), boot * (rank >= 49)]))[:, 9])
whole, without_hot, without_cold = np.mean(sure, axis=0)
assert without_hot < whole and without_hot < without_cold, (whole, without_hot, without_cold)
