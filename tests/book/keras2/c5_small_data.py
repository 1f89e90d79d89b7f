"""Chapter 5.2 as of 2017: folders, ImageDataGenerator with every kind of move, fit_generator, a model in HDF5."""
import os
import tempfile

import numpy as np

from keras import layers, models, optimizers
from keras.preprocessing import image
from keras.preprocessing.image import ImageDataGenerator

from book_data import two_classes

base_dir = tempfile.mkdtemp()
(x, y), (x_test, y_test) = two_classes(5, 7)                                 # sandals and sneakers
for part, images, labels in (('train', x[:200], y[:200]), ('validation', x_test[:100], y_test[:100])):
    for k, (pixels, label) in enumerate(zip(images, labels)):
        folder = os.path.join(base_dir, part, ('sandals', 'sneakers')[label])
        os.makedirs(folder, exist_ok=True)
        image.array_to_img(pixels).save(os.path.join(folder, 'shoe.%d.png' % k))

model = models.Sequential()
model.add(layers.Conv2D(16, (3, 3), activation='relu', input_shape=(40, 40, 3)))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(32, (3, 3), activation='relu'))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(32, (3, 3), activation='relu'))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Flatten())
model.add(layers.Dropout(0.3))
model.add(layers.Dense(32, activation='relu'))
model.add(layers.Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=optimizers.RMSprop(lr=2e-3), metrics=['acc'])

train_datagen = ImageDataGenerator(rescale=1./255, rotation_range=10, width_shift_range=0.05, height_shift_range=0.05,
                                   shear_range=0.05, zoom_range=0.05, horizontal_flip=True, fill_mode='nearest')
test_datagen = ImageDataGenerator(rescale=1./255)
train_generator = train_datagen.flow_from_directory(os.path.join(base_dir, 'train'), target_size=(40, 40), batch_size=20,
                                                    class_mode='binary')
validation_generator = test_datagen.flow_from_directory(os.path.join(base_dir, 'validation'), target_size=(40, 40),
                                                        batch_size=20, class_mode='binary')
for data_batch, labels_batch in train_generator:
    assert data_batch.shape == (20, 40, 40, 3) and labels_batch.shape == (20,) and data_batch.max() <= 1
    break
history = model.fit_generator(train_generator, steps_per_epoch=10, epochs=15, validation_data=validation_generator,
                              validation_steps=5, verbose=0)
assert len(history.history['val_acc']) == 15
loss, acc = model.evaluate_generator(validation_generator, steps=5)
assert acc > 0.8, acc

path = os.path.join(base_dir, 'shoes.h5')
model.save(path)
again = models.load_model(path)
picture = os.path.join(base_dir, 'validation', 'sneakers', sorted(os.listdir(os.path.join(base_dir, 'validation', 'sneakers')))[0])
pixels = image.img_to_array(image.load_img(picture, target_size=(40, 40)))
pixels = pixels.reshape((1,) + pixels.shape)
np.testing.assert_array_equal(again.predict(pixels / 255), model.predict(pixels / 255))
moved = []
for batch in train_datagen.flow(pixels, batch_size=1):
    moved.append(image.array_to_img(batch[0]).size)
    if len(moved) == 4:
        break
assert moved == [(40, 40)] * 4
