"""More of few pictures without turning them: crops, colour shift, PCA colour; the colours also as preprocessing_function."""
import numpy as np

from fastdl.errors import bad_argument


def _fits(x, height, width):
    x = np.asarray(x)
    if x.ndim != 3 or not (0 < height <= x.shape[0] and 0 < width <= x.shape[1]):
        raise bad_argument("height, width", f"{height}, {width} for an image of shape {x.shape}", "at most the image's (h, w, c)",
                           "load the images larger: target_size of load_img or flow_from_directory")
    return x


def random_crop(x, height, width, rng=np.random):
    """y = x[r : r + height, c : c + width], r and c drawn evenly; x (h, w, channels)."""
    x = _fits(x, height, width)
    r, c = rng.randint(x.shape[0] - height + 1), rng.randint(x.shape[1] - width + 1)
    return x[r:r + height, c:c + width]


def ten_crops(x, height, width):
    """The four corners and the centre of x (h, w, channels), then the same mirrored: (10, height, width, channels)

    Average the answers to the ten for a steadier one: model.predict(ten_crops(x, 224, 224)).mean(0).

    >>> ten_crops(np.zeros((5, 6, 3)), 4, 4).shape
    (10, 4, 4, 3)
    """
    x = _fits(x, height, width)
    down, right = x.shape[0] - height, x.shape[1] - width
    five = [x[r:r + height, c:c + width] for r, c in ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))]
    return np.stack(five + [a[:, ::-1] for a in five])


def random_color_shift(x, ranges=20.0, low=0.0, high=255.0, rng=np.random):
    """y = clip(x + s), one s a channel drawn from -ranges .. ranges; ranges a number or one a channel."""
    x = np.asarray(x)
    ranges = np.broadcast_to(np.asarray(ranges, "float64"), x.shape[-1:])
    return np.clip(x + rng.uniform(-ranges, ranges), low, high).astype(x.dtype)


class PCAColor:
    """y = clip(x + sum_i a_i s_i p_i), a_i from N(0, std): light changes along the directions in which the pixels vary

    p_i and s_i: principal directions of the training pixels' channels and the standard deviation along each, so that the same
    std serves images of 0..255 and of 0..1 (Krizhevsky et al. 2012 write the variance s_i^2). low, high: None does not clip.
    Use as preprocessing_function of ImageDataGenerator, or on a batch (one draw an image).

    >>> color = PCAColor().fit(np.random.RandomState(0).rand(4, 5, 5, 3) * 255)
    >>> color(np.full((5, 5, 3), 100.0)).shape
    (5, 5, 3)
    """

    def __init__(self, std=0.1, low=0.0, high=255.0, rng=np.random):
        self.std, self.low, self.high, self.rng, self.axes = std, low, high, rng, None

    def fit(self, images):
        """Measure the directions on the training images (n, h, w, channels) alone."""
        pixels = np.asarray(images, "float64").reshape(-1, np.shape(images)[-1])
        values, directions = np.linalg.eigh(np.cov(pixels.T).reshape(pixels.shape[1], -1))
        self.axes = directions * np.sqrt(np.maximum(values, 0))            # column i is s_i p_i
        return self

    def __call__(self, x):
        if self.axes is None:
            raise ValueError("PCAColor was not fitted. Fix: call fit with the training images first.")
        x = np.asarray(x)
        if x.ndim not in (3, 4) or x.shape[-1] != len(self.axes):
            raise bad_argument("x", f"an array of shape {x.shape}", f"(h, w, {len(self.axes)}) or a batch of such images",
                               "channels come last, as in the images given to fit")
        a = self.rng.normal(0.0, self.std, x.shape[:-3] + (len(self.axes),))
        y = x + (a @ self.axes.T)[..., None, None, :]
        return (y if self.low is None else np.clip(y, self.low, self.high)).astype(x.dtype)
