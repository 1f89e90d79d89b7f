"""Whole numbers as one-hot, multi-hot or counts, and categories hashed into bins."""
import numpy as np

from fastdl import config
from fastdl.core.tensor import convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.layers.layer import Layer
from fastdl.layers.preprocessing import hashes
from fastdl.layers.preprocessing.host import HostLayer, as_text, checked_mode, encoded


class CategoryEncoding(Layer):
    """Whole numbers from 0 to num_tokens - 1 as "multi_hot", "one_hot" or "count" rows

    >>> CategoryEncoding(4)(np.array([[0, 1], [3, 3]])).numpy().tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(num_tokens, bool) or not isinstance(num_tokens, (int, np.integer)) or num_tokens < 1:
            raise bad_argument("num_tokens of CategoryEncoding", repr(num_tokens), "how many categories there are, "
                                                                                   "at least 1",
                               "pass num_tokens=..., or use IntegerLookup, which learns it")
        self.output_mode, self.sparse = checked_mode(self, output_mode, sparse, ("multi_hot", "one_hot", "count"))
        self.num_tokens = int(num_tokens)

    def call(self, inputs, count_weights=None):
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"CategoryEncoding uses count_weights only with output_mode='count', not "
                             f"{self.output_mode!r}.")
        x = convert_to_tensor(inputs)
        if x._a is not None and x.size and (x.numpy().min() < 0 or x.numpy().max() >= self.num_tokens):
            raise ValueError(f"CategoryEncoding received values from {x.numpy().min()} to {x.numpy().max()}; with "
                             f"num_tokens={self.num_tokens} "
                             f"they must lie in 0 ... {self.num_tokens - 1}. Fix: a larger num_tokens.")
        return encoded(x, self.num_tokens, self.output_mode, self.compute_dtype, count_weights)

    def get_config(self):
        made = super().get_config()
        made.pop("sparse")
        return made


class Hashing(HostLayer):
    """y = hash(x) mod num_bins, the same bins as Keras: FarmHash's Fingerprint64, or SipHash where a salt is given

    mask_value goes to bin 0, everything else to the other bins. x: strings or whole numbers.

    >>> Hashing(3)(np.array([["A"], ["B"], ["C"]])).numpy().tolist()
    [[1], [0], [1]]
    """

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode in ("int", None) else config.floatx()
        super().__init__(**kwargs)
        if isinstance(num_bins, bool) or not isinstance(num_bins, (int, np.integer)) or num_bins <= 0:
            raise bad_argument("num_bins of Hashing", repr(num_bins), "a positive int", "pass for example num_bins=100")
        self.output_mode, self.sparse = checked_mode(self, output_mode, sparse, ("int", "one_hot", "multi_hot", "count"))
        if output_mode == "int" and self.compute_dtype not in ("int32", "int64"):
            raise bad_argument("dtype of Hashing", self.compute_dtype, "int32 or int64 where output_mode='int'", "leave dtype out")
        self.num_bins, self.mask_value, self.salt = int(num_bins), mask_value, hashes.salt_pair(salt)

    def _host(self, inputs):
        x = np.asarray(inputs)
        words = as_text(inputs)
        bins = self.num_bins - (self.mask_value is not None and self.num_bins > 1)
        y = hashes.buckets(words, bins, self.salt)
        if bins != self.num_bins:
            masked = words == self.mask_value if x.dtype.kind in "OUS" else x == self.mask_value
            y = np.where(masked, 0, y + 1)
        y = y.astype(self.compute_dtype) if self.output_mode == "int" else y
        return encoded(y, self.num_bins, self.output_mode, self.compute_dtype)

    def _result(self, shape):
        return self._encoded_shape(shape, self.num_bins, self.output_mode), self.compute_dtype


class HashedCrossing(HostLayer):
    """y = hash(x_1, x_2, ...) mod num_bins: one bin for each combination; inputs of shape (), (batch,) or (batch, 1)

    >>> HashedCrossing(5)([np.array(["A", "B"]), np.array([101, 102])]).numpy().tolist()
    [1, 1]
    """
    takes_several = True

    def __init__(self, num_bins, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        self.output_mode, self.sparse = checked_mode(self, output_mode, sparse, ("int", "one_hot"))
        self.num_bins = int(num_bins)

    def _host(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError("HashedCrossing wants a list of at least two inputs: layer([a, b]).")
        xs = [np.asarray(x) for x in inputs]
        shape = xs[0].shape
        if any(x.shape != shape for x in xs) or len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(f"HashedCrossing received inputs of shapes {[x.shape for x in xs]}; wanted equal ones: "
                             f"(), (batch,) or (batch, 1).")
        if any(x.dtype.kind not in "iuOUSb" for x in xs):
            raise TypeError(f"HashedCrossing wants strings or whole numbers, got dtypes {[str(x.dtype) for x in xs]}.")
        y = hashes.crossed(xs, self.num_bins).reshape(shape)
        y = y.astype(self.compute_dtype) if self.output_mode == "int" else y
        return encoded(y, self.num_bins, self.output_mode, self.compute_dtype)

    def _result(self, shape):
        return self._encoded_shape(shape, self.num_bins, self.output_mode), self.compute_dtype
