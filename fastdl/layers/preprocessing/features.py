"""FeatureSpace: a table's columns, each with its own preparation, and crosses of them, as one row of numbers."""
import numpy as np

from fastdl import ops
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument, did_you_mean
from fastdl.layers.core import Identity, Input
from fastdl.layers.layer import Layer
from fastdl.layers.merging import Concatenate
from fastdl.layers.preprocessing.categories import CategoryEncoding, HashedCrossing, Hashing
from fastdl.layers.preprocessing.lookup import IntegerLookup, StringLookup
from fastdl.layers.preprocessing.numbers import Discretization, Normalization, Rescaling
from fastdl.ops.symbolic import auto_name

_MODULE = "keras.src.layers.preprocessing.feature_space"


class _Part:
    """Something that a FeatureSpace's config holds."""

    def _written(self):
        return {"module": _MODULE, "class_name": type(self).__name__.lstrip("_"), "config": self.get_config(), "registered_name": None}


class _Cross(_Part):
    """Columns that are hashed together."""

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        if output_mode not in ("int", "one_hot"):
            raise bad_argument("output_mode of a cross", repr(output_mode), '"int" or "one_hot"', 'use "one_hot"')
        self.feature_names, self.crossing_dim, self.output_mode = tuple(feature_names), crossing_dim, output_mode

    name = property(lambda self: "_X_".join(self.feature_names))

    def get_config(self):
        return {"feature_names": list(self.feature_names), "crossing_dim": self.crossing_dim, "output_mode": self.output_mode}


class _Feature(_Part):
    """A column: its dtype, the layer that prepares it, and how it comes out."""

    def __init__(self, dtype, preprocessor, output_mode):
        if output_mode not in ("int", "one_hot", "float"):
            raise bad_argument("output_mode of a feature", repr(output_mode), '"int", "one_hot" or "float"', 'use "one_hot" for categories')
        if isinstance(preprocessor, dict):
            from fastdl.saving import serialization
            if preprocessor.get("class_name") == "TFDIdentity":                 # Keras's name for it
                preprocessor = Identity(name=preprocessor["config"].get("name"))
            else:
                preprocessor = serialization.deserialize_keras_object(preprocessor)
        self.dtype, self.preprocessor, self.output_mode = dtype, preprocessor, output_mode

    def get_config(self):
        from fastdl.saving import serialization
        written = serialization.serialize_keras_object(self.preprocessor)
        if type(self.preprocessor) is Identity:
            written = dict(written, module=_MODULE, class_name="TFDIdentity")
        return {"dtype": self.dtype, "preprocessor": written, "output_mode": self.output_mode}


class FeatureSpace(Layer):
    """{"age": (batch,), "city": (batch,), ...} -> one row of numbers for each sample ("concat"), or a dict of them ("dict")

    features: name -> "float", "float_rescaled", "float_normalized", "float_discretized", "integer_categorical", "string_categorical",
    "integer_hashed", "string_hashed", or what the methods of these names give. crosses: tuples of names, hashed into crossing_dim bins.
    adapt() learns vocabularies, means and bins from a dict of arrays or an iterable of such dicts.

    >>> space = FeatureSpace({"age": "float_normalized", "city": "string_categorical"})
    >>> space.adapt({"age": [20.0, 40.0], "city": ["Rome", "Oslo"]})
    >>> space({"age": [30.0], "city": ["Rome"]}).numpy().tolist()
    [[0.0, 0.0, 1.0, 0.0]]
    """
    host_only, compiled, optimizer = True, False, None

    # ------------------------------------------------------------ kinds of columns
    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        return _Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        return _Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        return _Feature("float32", Identity(name=f"{name or auto_name('float')}_preprocessor"), "float")

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        return _Feature("float32", Rescaling(scale, offset, name=f"{name or auto_name('float_rescaled')}_preprocessor"), "float")

    @classmethod
    def float_normalized(cls, name=None):
        return _Feature("float32", Normalization(axis=-1, name=f"{name or auto_name('float_normalized')}_preprocessor"), "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        layer = Discretization(num_bins=num_bins, bin_boundaries=bin_boundaries,
                               name=f"{name or auto_name('float_discretized')}_preprocessor")
        return _Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        layer = IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices,
                              name=f"{name or auto_name('integer_categorical')}_preprocessor")
        return _Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        layer = StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices,
                             name=f"{name or auto_name('string_categorical')}_preprocessor")
        return _Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        return _Feature("int32", Hashing(num_bins, name=f"{name or auto_name('integer_hashed')}_preprocessor"), output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        return _Feature("string", Hashing(num_bins, name=f"{name or auto_name('string_hashed')}_preprocessor"), output_mode)

    # ------------------------------------------------------------ building
    def __init__(self, features, output_mode="concat", crosses=None, crossing_dim=32, hashing_dim=32,
                 num_discretization_bins=32, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        if not features:
            raise ValueError("FeatureSpace needs features: a dict such as {'age': 'float_normalized'}.")
        if output_mode not in ("concat", "dict"):
            raise bad_argument("output_mode", repr(output_mode), '"concat" or "dict"', 'use "concat"')
        self.output_mode, self.crossing_dim = output_mode, crossing_dim
        self.hashing_dim, self.num_discretization_bins = hashing_dim, num_discretization_bins
        self.features = {key: self._feature(key, kind) for key, kind in features.items()}
        self.crosses = [self._cross(c) for c in crosses or ()]
        self.preprocessors = {key: f.preprocessor for key, f in self.features.items()}
        self.crossers = {c.name: HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self.inputs = {key: Input(shape=(1,), dtype=f.dtype, name=key) for key, f in self.features.items()}
        self._encoded, self._is_adapted = None, not self._adaptable()

    def _feature(self, key, kind):
        if isinstance(kind, _Feature):
            return kind
        if isinstance(kind, dict):
            return _Feature(**kind["config"])
        sized = {"float_discretized": self.num_discretization_bins, "integer_hashed": self.hashing_dim, "string_hashed": self.hashing_dim}
        known = ("float", "float_rescaled", "float_normalized", "integer_categorical", "string_categorical", *sized)
        if kind not in known:
            raise ValueError(f"feature {key!r}: {kind!r} is no kind of column.{did_you_mean(str(kind), known)} It is "
                             f"one of {', '.join(known)}.")
        return getattr(self, kind)(sized[kind], name=key) if kind in sized else getattr(self, kind)(name=key)

    def _cross(self, cross):
        if isinstance(cross, dict):
            cross = _Cross(**cross["config"])
        elif not isinstance(cross, _Cross):
            cross = _Cross(cross, self.crossing_dim)
        missing = [n for n in cross.feature_names if n not in self.features]
        if missing:
            raise ValueError(f"crosses name {missing}, which are no features; known: {sorted(self.features)}.")
        return cross

    def _adaptable(self):
        def open_(layer):
            given = getattr(layer, "input_mean", None) is not None or getattr(layer, "_fixed", False) or (
                isinstance(layer, Discretization) and layer.num_bins is None)
            return hasattr(layer, "adapt") and not given
        return [key for key, layer in self.preprocessors.items() if open_(layer)]

    # ------------------------------------------------------------ learning
    def adapt(self, dataset):
        """Learns every column that has something to learn: from a dict of arrays, or an iterable of dicts (read once a column)."""
        rows = [dataset] if isinstance(dataset, dict) else dataset
        if not hasattr(rows, "__iter__") or iter(rows) is rows:
            rows = list(rows) if hasattr(rows, "__iter__") else None
        if rows is None:
            raise TypeError(f"FeatureSpace.adapt() received {type(dataset).__name__}; it wants a dict of arrays, or "
                            f"an iterable of dicts.")
        for key in self._adaptable():
            def values(key=key):
                for row in rows:
                    row = row[0] if isinstance(row, tuple) else row
                    yield self._column(key, row)
            self.preprocessors[key].adapt(values())
        self._is_adapted, self.built = True, True

    def _column(self, key, data):
        """(batch, 1) of one feature."""
        if key not in data:
            raise ValueError(f"FeatureSpace wants the feature {key!r}; the data has {sorted(data)}.")
        x = data[key]
        x = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
        return x.reshape(-1, 1) if x.ndim < 2 else x

    # ------------------------------------------------------------ use
    def __call__(self, data):
        if not isinstance(data, dict):
            raise ValueError(f"FeatureSpace is called with a dict of features, got {type(data).__name__}.")
        self._ready()
        single = all(np.ndim(v) == 0 for v in data.values())
        made = self._through({key: self._column(key, data) for key in self.features})
        first = lambda x: ops.squeeze(x, 0) if single and len(x.shape) == 2 and x.shape[0] == 1 else x
        return {k: first(v) for k, v in made.items()} if isinstance(made, dict) else first(made)

    def _ready(self):
        if not self._is_adapted:
            raise ValueError(f"FeatureSpace has columns that must learn first: call adapt(data). They are "
                             f"{self._adaptable()}.")

    def _through(self, data):
        done = {key: self.preprocessors[key](data[key]) for key in self.features}
        crossed = {c.name: self.crossers[c.name]([done[n] for n in c.feature_names]) for c in self.crosses}
        out = {}
        for key in sorted(done) + sorted(crossed):
            x, spec = (done[key], self.features[key]) if key in done else (crossed[key], next(c for c in self.crosses if c.name == key))
            if spec.output_mode == "one_hot":
                x = CategoryEncoding(self._cardinality(key), "multi_hot")(x)
            elif self.output_mode == "concat" and not x.dtype.startswith("float"):
                raise ValueError(f"feature {key!r} comes out as {x.dtype} and cannot stand in one row with floats. "
                                 f"Fix: its output_mode='one_hot', or "
                                 "FeatureSpace(..., output_mode='dict').")
            out[key] = x
        return out if self.output_mode == "dict" else Concatenate(axis=-1)(list(out.values())) if len(out) > 1 else next(iter(out.values()))

    def _cardinality(self, key):
        layer = self.preprocessors.get(key) or self.crossers[key]
        if hasattr(layer, "vocabulary_size"):
            return layer.vocabulary_size()
        if isinstance(layer, Discretization):
            return len(layer.bin_boundaries) + 1 if layer.num_bins is None else layer.num_bins
        return layer.num_tokens if isinstance(layer, CategoryEncoding) else layer.num_bins

    def get_inputs(self):
        """{name: Input}, for a model that reads raw columns."""
        self._ready()
        return self.inputs

    def get_encoded_features(self):
        """What comes out for get_inputs(), for a model that goes on from there."""
        self._ready()
        if self._encoded is None:
            self._encoded = self._through(self.inputs)
        return self._encoded

    _untracked = Layer._untracked | {"features", "crosses", "inputs", "_encoded"}

    # ------------------------------------------------------------ files
    def get_config(self):
        return {"features": {k: f._written() for k, f in self.features.items()}, "output_mode": self.output_mode,
                "crosses": [c._written() for c in self.crosses], "crossing_dim": self.crossing_dim, "hashing_dim": self.hashing_dim,
                "num_discretization_bins": self.num_discretization_bins}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_build_config(self):
        return {key: layer.get_build_config() for key, layer in self.preprocessors.items()}

    def build_from_config(self, config):
        for key, layer in self.preprocessors.items():
            if not layer.built and config.get(key):
                layer.build_from_config(config[key])
        self._is_adapted = self.built = True

    def save(self, filepath):
        from fastdl.saving import keras_file
        keras_file.save_model(self, filepath)
