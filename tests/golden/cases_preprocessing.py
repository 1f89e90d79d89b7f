"""ops.image and preprocessing layers on fixed data, for Keras and for fastdl alike; random layers with factors that leave one outcome."""
import numpy as np

R = np.random.default_rng(0)
X = R.uniform(0, 1, (2, 9, 11, 3)).astype("float32")
XF = X.transpose(0, 3, 1, 2).copy()
U = (X * 255).astype("uint8")
P = (X * 255).round().astype("float32")
LAST, FIRST = dict(data_format="channels_last"), dict(data_format="channels_first")
EDGES = ("constant", "nearest", "wrap", "mirror", "reflect")
MATRICES = np.array([[1.003, 0.113, -2.07, 0.051, 0.907, 1.31, 0, 0], [0.71, -0.303, 4.03, 0.41, 1.203, -3.07, 0, 0]], "float32")
START = np.array([[0, 0], [10, 0], [0, 8], [10, 8]], "float32")
END = START + np.array([[1, 2], [-2.2, 1], [1.3, -1], [-1, -1.1]], "float32")
PLACES = R.uniform(-4, 14, (3, 30)).astype("float32")
PLACES[2] = R.uniform(-1, 3, 30)
BLOCKS = R.uniform(0, 1, (2, 12, 12)).astype("float32")
SOUND = R.normal(0, 1, (2, 400)).astype("float32")
WORDS = np.array(["the", "cat", "sat", "the", "dog", "cat", "the", "zoo", "dog", "Émile", "猫"])
TEXTS = ["The cat, the DOG!", "a dog  ran\tfar", "É a the cat-sat", "我 爱 你"]
MANY = np.sort(R.normal(0, 1, 700)).astype("float32")


def image_ops(keras):
    """name -> the function that computes it"""
    image, out = keras.ops.image, {}
    tensor = keras.ops.convert_to_tensor
    for how in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        for smooth in (False, True):
            for size in ((18, 7), (4, 25)):
                out[f"resize/{how}/{smooth}/{size}"] = lambda how=how, smooth=smooth, size=size: image.resize(X, size, how, antialias=smooth, **LAST)
        out[f"resize/crop/{how}"] = lambda how=how: image.resize(X, (6, 13), how, crop_to_aspect_ratio=True, **LAST)
        out[f"resize/pad/{how}"] = lambda how=how: image.resize(X, (6, 13), how, pad_to_aspect_ratio=True, fill_value=0.3, **LAST)
        out[f"resize/first/{how}"] = lambda how=how: image.resize(XF[0], (6, 13), how, **FIRST)
    out["resize/uint8"] = lambda: image.resize(U, (7, 5), "bilinear", **LAST)
    for edge in EDGES:
        out[f"affine/{edge}"] = lambda edge=edge: image.affine_transform(X, MATRICES, "bilinear", edge, 0.25, **LAST)
        out[f"affine/nearest/{edge}"] = lambda edge=edge: image.affine_transform(X, MATRICES, "nearest", edge, 0.25, **LAST)
        for order in (0, 1):
            out[f"map_coordinates/{order}/{edge}"] = lambda order=order, edge=edge: image.map_coordinates(X[0], PLACES, order, edge, 0.25)
        out[f"affine/first/{edge}"] = lambda edge=edge: image.affine_transform(XF[0], MATRICES[1], "bilinear", edge, **FIRST)
    for how in ("bilinear", "nearest"):
        out[f"perspective/{how}"] = lambda how=how: image.perspective_transform(X, np.stack([START] * 2), np.stack([END, END + 0.7]), how, 0.5, **LAST)
    out["perspective/one"] = lambda: image.perspective_transform(XF[0], tensor(START), tensor(END), "bilinear", 0.5, **FIRST)
    out["pad"] = lambda: image.pad_images(X, top_padding=1, left_padding=2, target_height=12, target_width=15, **LAST)
    out["crop"] = lambda: image.crop_images(XF, top_cropping=1, right_cropping=2, target_height=5, target_width=8, **FIRST)
    out["patches"] = lambda: image.extract_patches(X, (3, 4), **LAST)
    out["patches/same"] = lambda: image.extract_patches(X, 3, 2, 1, "same", **LAST)
    out["patches/first"] = lambda: image.extract_patches(XF, 3, 1, 2, "valid", **FIRST)
    out["patches/3d"] = lambda: image.extract_patches_3d(X[..., None], (2, 3, 3), **LAST)
    out["blur"] = lambda: image.gaussian_blur(X, (5, 3), (1.5, 0.7), **LAST)
    out["blur/first"] = lambda: image.gaussian_blur(XF[0], (5, 3), (1.5, 0.7), **FIRST)
    out["grey"] = lambda: image.rgb_to_grayscale(X, **LAST)
    out["grey/uint8"] = lambda: image.rgb_to_grayscale(U, **LAST)
    out["hsv"] = lambda: image.rgb_to_hsv(XF, **FIRST)
    out["rgb"] = lambda: image.hsv_to_rgb(X, **LAST)
    out["sobel"] = lambda: image.sobel_edges(X, **LAST)
    out["sobel/first"] = lambda: image.sobel_edges(XF, **FIRST)
    out["ssim"] = lambda: image.ssim(np.tile(X, (1, 2, 2, 1)), np.tile(X, (1, 2, 2, 1)) ** 2, **LAST)
    for method in ("linear", "cubic", "lanczos3", "lanczos5"):
        for smooth in (True, False):
            out[f"scale/{method}/{smooth}"] = lambda method=method, smooth=smooth: image.scale_and_translate(
                X, (2, 12, 9, 3), np.array([1.3, 0.6], "float32"), np.array([0.7, -1.2], "float32"), (1, 2), method, smooth)
    out["unfold"] = lambda: keras.ops.unfold(tensor(XF), (3, 2), (1, 2), (1, 0), (2, 1))
    out["fold"] = lambda: keras.ops.fold(tensor(BLOCKS), (5, 6), (2, 2), (1, 2), (1, 0), (2, 1))
    out["rearrange"] = lambda: keras.ops.rearrange(X, "b h w c -> b (c h) w")
    return out


def _vocabulary(layer, data):
    layer.adapt(data)
    return layer


def layers(keras):
    """name -> the function that computes it"""
    L, out = keras.layers, {}
    on = lambda make, x=P, **kwargs: lambda: make()(x, **kwargs)
    train = dict(training=True)
    out["rescaling"] = on(lambda: L.Rescaling([0.5, 0.25, 2.0], [1.0, 0.0, -1.0]))
    out["normalization"] = on(lambda: _vocabulary(L.Normalization(), P))
    out["normalization/axes"] = on(lambda: _vocabulary(L.Normalization(axis=(1, -1), invert=True), P))
    out["normalization/none"] = on(lambda: _vocabulary(L.Normalization(axis=None), [P[:1], P[1:] * 2]))
    out["normalization/given"] = on(lambda: L.Normalization(axis=-1, mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 0.0]))
    for mode in ("int", "one_hot", "multi_hot", "count"):
        out[f"discretization/{mode}"] = on(lambda mode=mode: L.Discretization([-0.5, 0.0, 0.7], output_mode=mode), MANY[::70].reshape(5, 2))
    out["discretization/adapt"] = on(lambda: _vocabulary(L.Discretization(num_bins=5), MANY), MANY[::7])
    out["discretization/fine"] = on(lambda: _vocabulary(L.Discretization(num_bins=7, epsilon=0.003), MANY[:90]), MANY[::7])
    for mode in ("multi_hot", "one_hot", "count"):
        x = np.array([[0, 3, 3], [1, 2, 0]]) if mode != "one_hot" else np.array([[1], [3]])
        out[f"category/{mode}"] = on(lambda mode=mode: L.CategoryEncoding(4, mode), x)
    out["category/weights"] = on(lambda: L.CategoryEncoding(4, "count"), np.array([[0, 3, 3], [1, 2, 0]]), count_weights=np.array([[1, 2, 0.5], [1, 1, 3]]))

    out["resizing"] = on(lambda: L.Resizing(5, 6, **LAST))
    out["resizing/uint8"] = on(lambda: L.Resizing(5, 6, "bicubic", antialias=True, **LAST), U)
    out["resizing/crop"] = on(lambda: L.Resizing(5, 3, crop_to_aspect_ratio=True, **FIRST), XF)
    out["center_crop"] = on(lambda: L.CenterCrop(4, 6, **LAST))
    out["center_crop/small"] = on(lambda: L.CenterCrop(12, 6, **LAST))
    for edge in ("constant", "nearest", "wrap", "reflect"):
        out[f"rotation/{edge}"] = on(lambda edge=edge: L.RandomRotation((0.0912, 0.0912), edge, fill_value=7.0, **LAST), **train)
        out[f"zoom/{edge}"] = on(lambda edge=edge: L.RandomZoom((0.31, 0.31), (-0.213, -0.213), edge, fill_value=7.0, **LAST), **train)
        out[f"translation/{edge}"] = on(lambda edge=edge: L.RandomTranslation((0.213, 0.213), (-0.31, -0.31), edge, fill_value=7.0, **LAST), **train)
    out["rotation/one"] = on(lambda: L.RandomRotation((0.0912, 0.0912), **FIRST), XF[0], **train)
    out["zoom/same"] = on(lambda: L.RandomZoom((0.31, 0.31), **LAST), **train)
    out["shear/0"] = on(lambda: L.RandomShear(0.0, 0.0, **LAST), **train)
    out["brightness"] = on(lambda: L.RandomBrightness((0.2, 0.2)), **train)
    out["brightness/range"] = on(lambda: L.RandomBrightness((-0.3, -0.3), value_range=(0, 1)), X, **train)
    out["degeneration"] = on(lambda: L.RandomColorDegeneration((0.3, 0.3)), **train)
    out["saturation"] = on(lambda: L.RandomSaturation((0.7, 0.7), value_range=(0, 1)), X, **train)
    out["sharpness"] = on(lambda: L.RandomSharpness((0.8, 0.8)), **train)
    out["posterization"] = on(lambda: L.RandomPosterization((3, 3)), **train)
    out["posterization/range"] = on(lambda: L.RandomPosterization((2, 2), value_range=(0, 1)), X, **train)
    out["grayscale"] = on(lambda: L.RandomGrayscale(1.0), **train)
    out["gaussian_blur"] = on(lambda: L.RandomGaussianBlur((1.0, 1.0), (5, 3), (0.8, 0.8)), **train)
    out["invert"] = on(lambda: L.RandomInvert((1.0, 1.0), value_range=(0, 255)), **train)
    out["hue/0"] = on(lambda: L.RandomHue((0.0, 0.0), value_range=(0, 1)), X, **train)
    out["auto_contrast"] = on(lambda: L.AutoContrast())
    out["auto_contrast/range"] = on(lambda: L.AutoContrast(value_range=(0, 1)), X * 0.5 + 0.2)
    out["equalization"] = on(lambda: L.Equalization(), **train)
    out["equalization/bins"] = on(lambda: L.Equalization(value_range=(0, 1), bins=64), X, **train)
    out["clahe"] = on(lambda: L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 4)))
    out["clahe/free"] = on(lambda: L.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=0, tile_grid_size=(3, 3), value_range=(0, 1)), X)
    out["stft"] = on(lambda: L.STFTSpectrogram(mode="magnitude", frame_length=64, frame_step=20), SOUND[..., None])
    out["stft/log"] = on(lambda: L.STFTSpectrogram(mode="log", frame_length=60, expand_dims=True, padding="same"), SOUND.reshape(2, 200, 2))
    out["stft/psd"] = on(lambda: L.STFTSpectrogram(mode="psd", frame_length=64, scaling="spectrum", periodic=True, **FIRST), SOUND[:, None])
    out["stft/parts"] = on(lambda: L.STFTSpectrogram(mode="stft", frame_length=16, window="hamming"), SOUND[..., None])
    out["mel"] = on(lambda: L.MelSpectrogram(fft_length=128, sequence_stride=50, num_mel_bins=12), SOUND)
    out["mel/power"] = on(lambda: L.MelSpectrogram(fft_length=128, sequence_length=100, sequence_stride=50, num_mel_bins=9, power_to_db=False), SOUND[0])
    return out


def lookups(keras):
    """name -> the function that gives numbers, or words as one string"""
    L, out = keras.layers, {}
    words = lambda layer: "\n".join(map(str, layer.get_vocabulary()))
    pairs = np.array([["cat", "moo"], ["the", "cat"], ["", "dog"]])
    for n, mode in ((1, "int"), (3, "int"), (1, "one_hot"), (2, "multi_hot"), (1, "count"), (1, "tf_idf")):
        make = lambda n=n, mode=mode: _vocabulary(L.StringLookup(num_oov_indices=n, output_mode=mode, mask_token=""), np.concatenate([WORDS, [""]]))
        out[f"string/{n}/{mode}"] = lambda make=make: make()(pairs)
        out[f"string/{n}/{mode}/words"] = lambda make=make: words(make())
    out["string/salt"] = lambda: L.StringLookup(num_oov_indices=5, salt=[3, 99], vocabulary=["cat"])(WORDS)
    out["string/max"] = lambda: words(_vocabulary(L.StringLookup(max_tokens=4), WORDS))
    out["integer"] = lambda: L.IntegerLookup(num_oov_indices=3, vocabulary=[12, 36])(np.array([[36, 7], [-5, 12]]))
    out["integer/hash"] = lambda: L.IntegerLookup(num_oov_indices=3, vocabulary=[12, 36], oov_method="farmhash")(np.array([[36, 7], [-5, 12]]))
    out["integer/mask"] = lambda: _vocabulary(L.IntegerLookup(mask_token=0, output_mode="count"), np.array([[5, 5, 0], [7, 8, 5]]))(np.array([[0, 5, 9], [5, 5, 8]]))
    out["hashing"] = lambda: L.Hashing(1000)(np.array([["A" * k] for k in range(140)]))
    out["hashing/salt"] = lambda: L.Hashing(1000, salt=[133, 137])(np.array([["bc" * k] for k in range(40)]))
    out["hashing/mask"] = lambda: L.Hashing(4, mask_value="the")(WORDS)
    out["hashing/numbers"] = lambda: L.Hashing(50)(np.arange(-20, 20))
    out["hashing/multi_hot"] = lambda: L.Hashing(7, output_mode="multi_hot")(pairs)
    out["crossing"] = lambda: L.HashedCrossing(1000)([WORDS, np.arange(11)])
    out["crossing/one_hot"] = lambda: L.HashedCrossing(5, "one_hot")([np.arange(4)[:, None], np.array([["a"], ["b"], ["c"], ["d"]])])
    for name, how in dict(plain={}, character=dict(split="character"), bigrams=dict(ngrams=2), only_bigrams=dict(ngrams=(2,)), raw=dict(standardize=None),
                          lower=dict(standardize="lower"), short=dict(output_sequence_length=2), long=dict(output_sequence_length=9),
                          count=dict(output_mode="count"), multi_hot=dict(output_mode="multi_hot", max_tokens=6, pad_to_max_tokens=True)).items():
        make = lambda how=how: _vocabulary(L.TextVectorization(**how), TEXTS)
        out[f"text/{name}"] = lambda make=make: make()(np.array(TEXTS + ["zebra the", ""]))
        out[f"text/{name}/words"] = lambda make=make: words(make())
    return out
