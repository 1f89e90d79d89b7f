"""Endless batches of augmented images, from arrays, folders and tables."""
import os
import threading
import warnings

import numpy as np

from fastdl import config
from fastdl.errors import bad_argument
from fastdl.utils.dataset_utils import check_directory
from fastdl.utils.image_utils import CACHE_BYTES, ImageFiles, array_to_img, data_format_of, load_img, pixels_of
from fastdl.utils.py_dataset import PyDataset

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


class Iterator(PyDataset):
    """batch k of a pass = rows order[k batch_size : (k + 1) batch_size]; next() goes round for ever

    With a seed, NumPy is seeded with seed + the number of batches seen before each batch, as Keras does.
    """

    white_list_formats = FORMATS

    def __init__(self, n, batch_size, shuffle, seed, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise bad_argument("batch_size", repr(batch_size), "a whole number of at least 1", "batch_size=32 is usual")
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.index_array, self.lock = None, threading.Lock()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def __len__(self):
        return -(-self.n // self.batch_size)

    def _seed(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def __getitem__(self, idx):
        if not 0 <= idx < len(self):
            raise IndexError(f"batch {idx} of {len(self)}")
        self._seed()
        if self.index_array is None:
            self._set_index_array()
        return self._get_batches_of_transformed_samples(self.index_array[idx * self.batch_size:(idx + 1) * self.batch_size])

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            if not self.n:
                raise bad_argument("x", "no images", "at least one", "check the folder, the table and the subset")
            self._seed()
            if self.batch_index == 0:
                self._set_index_array()
            first = self.batch_index * self.batch_size
            self.batch_index = self.batch_index + 1 if first + self.batch_size < self.n else 0
            rows = self.index_array[first:first + self.batch_size]
        return self._get_batches_of_transformed_samples(rows)

    next = __next__

    def on_epoch_end(self):
        self._set_index_array()

    def reset(self):
        self.batch_index = 0

    def _augmented(self, x, rows):
        """The images x[rows], each changed by the generator; x stays as it is."""
        generator = self.image_data_generator
        if generator is None:
            return x[rows]
        if hasattr(generator, "augment"):
            return generator.augment(x, rows)
        drawn = ((x[row].copy(), generator.get_random_transform(x.shape[1:])) for row in rows)
        return np.stack([generator.standardize(generator.apply_transform(*each)) for each in drawn]).astype(x.dtype, copy=False)

    def _save(self, batch, rows, bound):
        if self.save_to_dir:
            for x, row in zip(batch, rows):
                name = f"{self.save_prefix}_{row}_{np.random.randint(bound)}.{self.save_format}"
                array_to_img(x, self.data_format).save(os.path.join(self.save_to_dir, name))


class NumpyArrayIterator(Iterator):
    """Batches of augmented images of an array (n, h, w, c)."""

    def __init__(self, x, y, image_data_generator, batch_size=32, shuffle=False, sample_weight=None, seed=None, data_format=None,
                 save_to_dir=None, save_prefix="", save_format="png", subset=None, ignore_class_split=False, dtype=None):
        extra = []
        if isinstance(x, (tuple, list)):
            extra = [np.asarray(a) for a in (x[1] if isinstance(x[1], list) else [x[1]])]
            x = x[0]
        for name, a in [("x", a) for a in extra] + [("y", y), ("sample_weight", sample_weight)]:
            if a is not None and len(a) != len(x):
                raise bad_argument(name, f"{len(a)} rows", f"{len(x)}, as many as there are images", "compare the lengths")
        if subset is not None:
            if subset not in ("training", "validation"):
                raise bad_argument("subset", repr(subset), '"training" or "validation"', "choose one of them")
            cut = int(len(x) * image_data_generator._validation_split)
            if y is not None and not ignore_class_split and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
                raise bad_argument("subset", f"{subset!r} of rows whose two parts have different classes", "the same classes in both",
                                   "shuffle the rows first; the first part is for validation")
            part = slice(None, cut) if subset == "validation" else slice(cut, None)
            x, extra, y = x[part], [a[part] for a in extra], None if y is None else y[part]
            sample_weight = None if sample_weight is None else sample_weight[part]
        self.dtype = dtype or config.floatx()
        self.x, self.x_misc = np.asarray(x, self.dtype), extra
        self.data_format = data_format_of(data_format)
        if self.x.ndim != 4:
            raise bad_argument("x", f"an array of shape {self.x.shape}", "images (n, h, w, c)", "add the channel axis: x[..., None]")
        channels = self.x.shape[3 if self.data_format == "channels_last" else 1]
        if channels not in (1, 3, 4):
            warnings.warn(f"Images of {channels} channels: usual are 1, 3 or 4. Is data_format={self.data_format!r} right?", stacklevel=3)
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array):
        batch = self._augmented(self.x, index_array)
        self._save(batch, index_array, 10**4)
        x = [batch] + [a[index_array] for a in self.x_misc] if self.x_misc else batch
        if self.y is None:
            return x
        batch = (x, self.y[index_array])
        return batch if self.sample_weight is None else (*batch, self.sample_weight[index_array])


class _FileIterator(Iterator):
    """Shared by folders and tables. `cache_bytes`: decoded pictures are kept where all of them fit; 0 decodes in every epoch."""
    cache_bytes, files = CACHE_BYTES, None

    def _settings(self, image_data_generator, target_size, color_mode, data_format, save_to_dir, save_prefix, save_format, subset,
                  interpolation, keep_aspect_ratio, dtype, class_mode, modes):
        if color_mode not in ("rgb", "rgba", "grayscale"):
            raise bad_argument("color_mode", repr(color_mode), '"rgb", "rgba" or "grayscale"', "choose one of them")
        if class_mode not in modes:
            raise bad_argument("class_mode", repr(class_mode), f"one of {modes}", "choose one of them")
        if subset not in (None, "training", "validation"):
            raise bad_argument("subset", repr(subset), '"training" or "validation"', "choose one of them")
        self.image_data_generator, self.target_size, self.color_mode = image_data_generator, tuple(target_size), color_mode
        self.data_format, self.interpolation, self.keep_aspect_ratio = data_format_of(data_format), interpolation, keep_aspect_ratio
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.dtype, self.class_mode, self.subset = dtype or config.floatx(), class_mode, subset
        channels = {"rgb": (3,), "rgba": (4,), "grayscale": (1,)}[color_mode]
        self.image_shape = self.target_size + channels if self.data_format == "channels_last" else channels + self.target_size
        held = image_data_generator._validation_split if subset and image_data_generator else 0
        self.split = {None: None, "validation": (0, held), "training": (held, 1)}[subset]

    def _get_batches_of_transformed_samples(self, index_array):
        if self.files is None:
            how = self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
            self.files = ImageFiles(self.filepaths, self.image_shape, self.dtype, "uint8",
                                    lambda path: pixels_of(load_img(path, *how), self.data_format))
        batch = self._augmented(self.files(index_array, self.cache_bytes), np.arange(len(index_array)))
        self._save(batch, index_array, 10**7)
        if self.class_mode is None:
            return batch
        if self.class_mode == "input":
            y = batch.copy()
        elif self.class_mode in ("binary", "sparse"):
            y = np.array([self.classes[row] for row in index_array], self.dtype)
        elif self.class_mode == "categorical":
            y = np.zeros((len(batch), len(self.class_indices)), self.dtype)
            for k, row in enumerate(index_array):
                y[k, self.classes[row]] = 1
        elif self.class_mode == "multi_output":
            y = [a[index_array] for a in self.labels]
        else:
            y = self.labels[index_array]
        return (batch, y) if self.sample_weight is None else (batch, y, self.sample_weight[index_array])

    @property
    def filepaths(self):
        """The path of each image."""
        return self._filepaths


class DirectoryIterator(_FileIterator):
    """Batches of augmented images of the files under a folder, one folder a class."""

    def __init__(self, directory, image_data_generator, target_size=(256, 256), color_mode="rgb", classes=None,
                 class_mode="categorical", batch_size=32, shuffle=True, seed=None, data_format=None, save_to_dir=None,
                 save_prefix="", save_format="png", follow_links=False, subset=None, interpolation="nearest",
                 keep_aspect_ratio=False, dtype=None):
        self._settings(image_data_generator, target_size, color_mode, data_format, save_to_dir, save_prefix, save_format, subset,
                       interpolation, keep_aspect_ratio, dtype, class_mode, ("categorical", "binary", "sparse", "input", None))
        check_directory(directory)
        self.directory, self.sample_weight = directory, None
        names = list(classes or sorted(d for d in os.listdir(directory) if os.path.isdir(os.path.join(directory, d))))
        self.num_classes, self.class_indices = len(names), {name: k for k, name in enumerate(names)}
        self.filenames, numbers = [], []
        for name in names:
            found = []
            for root, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=follow_links), key=lambda e: e[0]):
                found += [os.path.relpath(os.path.join(root, f), directory) for f in sorted(files) if f.lower().endswith(FORMATS)]
            if self.split:
                found = found[int(self.split[0] * len(found)):int(self.split[1] * len(found))]
            self.filenames += found
            numbers += [self.class_indices[name]] * len(found)
        self.samples, self.classes = len(self.filenames), np.array(numbers, "int32")
        self._filepaths = [os.path.join(directory, f) for f in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def labels(self):
        return self.classes


class DataFrameIterator(_FileIterator):
    """Batches of augmented images of the files that a pandas table lists."""

    def __init__(self, dataframe, directory=None, image_data_generator=None, x_col="filename", y_col="class", weight_col=None,
                 target_size=(256, 256), color_mode="rgb", classes=None, class_mode="categorical", batch_size=32, shuffle=True,
                 seed=None, data_format="channels_last", save_to_dir=None, save_prefix="", save_format="png", subset=None,
                 interpolation="nearest", keep_aspect_ratio=False, dtype="float32", validate_filenames=True):
        modes = ("categorical", "binary", "sparse", "input", "multi_output", "raw", None)
        self._settings(image_data_generator, target_size, color_mode, data_format, save_to_dir, save_prefix, save_format, subset,
                       interpolation, keep_aspect_ratio, dtype, class_mode, modes)
        if class_mode == "multi_output" and not isinstance(y_col, list):
            raise bad_argument("y_col", repr(y_col), 'a list of columns, since class_mode="multi_output"', "wrap it in a list", TypeError)
        self.directory = directory or ""
        files = list(dataframe[x_col])
        if not all(isinstance(f, str) for f in files):
            raise bad_argument("x_col", f"the column {x_col!r} with values other than text", "file names", "convert the column", TypeError)
        keep = list(range(len(files)))
        if validate_filenames:
            valid = [k for k in keep if files[k].lower().endswith(FORMATS) and os.path.isfile(os.path.join(self.directory, files[k]))]
            if len(valid) < len(keep):
                warnings.warn(f"{len(keep) - len(valid)} file names in column {x_col!r} name no image; they are left out.", stacklevel=3)
            keep = valid
        labelled = class_mode in ("categorical", "binary", "sparse")
        if labelled and isinstance(y_col, list):
            raise bad_argument("y_col", repr(y_col), f'one column of text, since class_mode="{class_mode}"',
                               'name the column, or use class_mode="raw" or "multi_output"', TypeError)
        if labelled:
            column = list(dataframe[y_col])
            kinds = (str, list, tuple) if class_mode == "categorical" else (str,)
            if not all(isinstance(v, kinds) for v in column):
                raise bad_argument("y_col", f"the column {y_col!r} with values other than text", f'text, since class_mode="{class_mode}"',
                                   f"dataframe[{y_col!r}].astype(str), or class_mode=\"raw\"", TypeError)
            column = {k: [column[k]] if isinstance(column[k], str) else list(column[k]) for k in keep}
            names = list(dict.fromkeys(classes)) if classes else sorted({c for k in keep for c in column[k]})
            if class_mode == "binary" and len(names) != 2:
                raise bad_argument("class_mode", f'"binary" with {len(names)} classes', "two classes", 'use class_mode="sparse"')
            self.class_indices = {name: k for k, name in enumerate(names)}
            numbers = {k: [self.class_indices[c] for c in column[k] if c in self.class_indices] for k in keep}
            keep = [k for k in keep if numbers[k]]
        if self.split:
            keep = keep[int(self.split[0] * len(keep)):int(self.split[1] * len(keep))]
        if labelled:
            single = all(isinstance(v, str) for v in dataframe[y_col])
            self.classes = [numbers[k][0] if single else numbers[k] for k in keep]
        elif class_mode == "multi_output":
            self.labels = [np.array([list(dataframe[c])[k] for k in keep]) for c in y_col]
        elif class_mode == "raw":
            self.labels = dataframe[y_col].to_numpy()[keep]
        if labelled:
            self.labels = self.classes
        self.filenames = [files[k] for k in keep]
        self.sample_weight = dataframe[weight_col].to_numpy()[keep] if weight_col else None
        self.samples = len(keep)
        self._filepaths = [os.path.join(self.directory, f) for f in self.filenames]
        print(f"Found {self.samples} {'validated' if validate_filenames else 'non-validated'} image filenames"
              + (f" belonging to {len(self.class_indices)} classes." if labelled else "."))
        super().__init__(self.samples, batch_size, shuffle, seed)
