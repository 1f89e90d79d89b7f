"""Chapter 5.3 as of 2017: a frozen base, features from a generator, input_dim, fine-tuning from one layer on."""
import numpy as np

from keras import layers, models, optimizers
from keras.preprocessing.image import ImageDataGenerator

from book_data import fashion

(x, y), (x_test, y_test) = fashion.load_data()
x, x_test = x[..., None].astype('float32'), x_test[..., None].astype('float32')
old, new = (0, 1, 3, 5, 7, 8), (2, 9)


def only(x, y, classes):
    keep = np.isin(y, classes)
    return x[keep], np.searchsorted(classes, y[keep])


conv_base = models.Sequential()
conv_base.add(layers.Conv2D(16, (3, 3), activation='relu', input_shape=(28, 28, 1), name='block1_conv1'))
conv_base.add(layers.MaxPooling2D((2, 2)))
conv_base.add(layers.Conv2D(32, (3, 3), activation='relu', name='block2_conv1'))
conv_base.add(layers.MaxPooling2D((2, 2)))
conv_base.add(layers.Conv2D(32, (3, 3), activation='relu', name='block3_conv1'))
model = models.Sequential([conv_base, layers.Flatten(), layers.Dense(6, activation='softmax')])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['acc'])
old_x, old_y = only(x, y, old)
model.fit(old_x / 255, old_y, epochs=4, batch_size=64, verbose=0)

few_x, few_y = [a[:60] for a in only(x, y, new)]
new_x, new_y = only(x_test, y_test, new)
datagen = ImageDataGenerator(rescale=1./255)


def extract_features(x, y, batch_size=20):
    features, labels = np.zeros((len(x), 3, 3, 32)), np.zeros(len(x))
    i = 0
    for inputs_batch, labels_batch in datagen.flow(x, y, batch_size=batch_size):
        n = len(inputs_batch)
        features[i * batch_size:i * batch_size + n] = conv_base.predict(inputs_batch)
        labels[i * batch_size:i * batch_size + n] = labels_batch
        i += 1
        if i * batch_size >= len(x):
            break
    return features.reshape(len(x), 3 * 3 * 32), labels


train_features, train_labels = extract_features(few_x, few_y)
test_features, test_labels = extract_features(new_x, new_y)
top = models.Sequential()
top.add(layers.Dense(32, activation='relu', input_dim=3 * 3 * 32))
top.add(layers.Dropout(0.5))
top.add(layers.Dense(1, activation='sigmoid'))
top.compile(optimizer=optimizers.RMSprop(lr=2e-3), loss='binary_crossentropy', metrics=['acc'])
top.fit(train_features, train_labels, epochs=15, batch_size=20, validation_data=(test_features, test_labels), verbose=0)
assert top.evaluate(test_features, test_labels, verbose=0)[1] > 0.93

model = models.Sequential()
model.add(conv_base)
model.add(layers.Flatten())
model.add(layers.Dense(16, activation='relu'))
model.add(layers.Dense(1, activation='sigmoid'))
assert len(model.trainable_weights) == 10
conv_base.trainable = False
assert len(model.trainable_weights) == 4
before = conv_base.get_weights()
train_generator = datagen.flow(few_x, few_y, batch_size=20)
test_generator = datagen.flow(new_x, new_y, batch_size=50, shuffle=False)
model.compile(loss='binary_crossentropy', optimizer=optimizers.RMSprop(lr=2e-3), metrics=['acc'])
model.fit_generator(train_generator, steps_per_epoch=3, epochs=12, validation_data=test_generator, validation_steps=2, verbose=0)
assert all((a == b).all() for a, b in zip(before, conv_base.get_weights()))

conv_base.trainable = True
set_trainable = False
for layer in conv_base.layers:
    if layer.name == 'block3_conv1':
        set_trainable = True
    layer.trainable = set_trainable
model.compile(loss='binary_crossentropy', optimizer=optimizers.RMSprop(lr=3e-4), metrics=['acc'])
model.fit_generator(train_generator, steps_per_epoch=3, epochs=8, verbose=0)
assert [(a != b).any() for a, b in zip(before, conv_base.get_weights())] == [False] * 4 + [True] * 2
test_loss, test_acc = model.evaluate_generator(test_generator, steps=len(test_generator))
assert test_acc > 0.93, test_acc
