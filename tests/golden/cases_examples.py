"""One short example for each public name, as its documentation would show it: {name: expression in k (Keras or fastdl) and np, or function of k}.

Examples of many names that read alike are one line here: `each("relu tanh", "{}([-1.0, 0.5])")`.
"""
import re

import numpy as np

EXAMPLES, HELPERS = {}, {"np": np}                        # HELPERS: what the expressions may name beside k


def each(names, expression, area="ops"):
    for name in names.split():
        EXAMPLES[f"{area}.{name}"] = expression.replace("{}", f"k.{area}.{name}")


UNIT, POSITIVE, TABLE = "([-0.7, 0.2, 0.6])", "([0.5, 1.0, 4.0])", "(np.arange(6.0).reshape(2, 3))"
each("abs absolute arcsin arccos arctan arcsinh arctanh ceil cos cosh deg2rad rad2deg erf erfc erfinv exp exp2 expm1 fabs floor negative relu relu6 "
     "reciprocal round sigmoid sign signbit silu sin sinc sinh softplus softsign square squareplus tan tanh tanh_shrink trunc celu elu gelu "
     "hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax selu soft_shrink softmax sparse_plus sparse_sigmoid cbrt "
     "isfinite isinf isnan isneginf isposinf isreal real imag conj conjugate angle i0 nan_to_num copy stop_gradient array "
     "convert_to_tensor convert_to_numpy ones_like zeros_like size ndim logical_not", "{}" + UNIT)
each("sqrt rsqrt log log10 log1p log2 arccosh", "{}([1.0, 2.0, 4.0])")
each("sum mean max min amax amin prod std var median ptp cumsum cumprod argmax argmin logsumexp all any count_nonzero nansum nanmean nanmax nanmin "
     "nanprod nanstd nanvar nanmedian nanargmax nanargmin average flip argsort sort nancumsum nancumprod", "{}(np.array([[3.0, 1.0], [2.0, 5.0]]), axis=1)")
each("add subtract multiply divide maximum minimum power arctan2 hypot logaddexp logaddexp2 floor_divide mod fmod fmax fmin true_divide "
     "divide_no_nan nextafter heaviside equal not_equal greater greater_equal less less_equal isclose allclose outer inner dot vdot", "{}([1.0, 2.0, 3.0], [3.0, 2.0, 0.5])")
each("bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm", "{}([6, 12, 5], [1, 2, 3])")
each("logical_and logical_or logical_xor", "{}([True, True, False], [True, False, False])")
each("bitwise_invert bitwise_not", "{}([0, 5, -3])")
each("transpose ravel fliplr flipud rot90 diag diagonal trace tril triu shape squeeze isin", "{}" + TABLE)
EXAMPLES["ops.isin"] = "k.ops.isin([1, 2, 5], [2, 5])"
each("bartlett blackman hamming hanning identity eye zeros ones arange", "{}(4)")
each("zeros ones", "{}((2, 3))")
each("kaiser", "{}(4, 2.0)")
each("linspace logspace geomspace", "{}(1.0, 3.0, 5)")
each("hstack vstack dstack stack concatenate", "{}([[[1, 2]], [[3, 4]]])")
each("split array_split", "{}(np.arange(6.0), 3)")
each("hsplit vsplit", "{}(np.arange(16.0).reshape(4, 4), 2)")
each("dsplit", "{}(np.arange(8.0).reshape(1, 2, 4), 2)")
each("det inv cholesky cholesky_inverse slogdet logdet pinv matrix_rank eigh", "{}(np.array([[4.0, 1.0], [1.0, 3.0]], 'float32'))")
EXAMPLES["ops.eigh"] = "k.ops.eigh(np.array([[4.0, 1.0], [1.0, 3.0]], 'float32'))[0]"
EXAMPLES["ops.svd"] = "k.ops.svd(np.array([[4.0, 1.0], [1.0, 3.0]], 'float32'))[1]"
EXAMPLES["ops.qr"] = "k.ops.abs(k.ops.qr(np.array([[4.0, 1.0], [1.0, 3.0]], 'float32'))[1])"
each("solve lstsq", "{}(np.array([[4.0, 1.0], [1.0, 3.0]], 'float32'), np.array([1.0, 2.0], 'float32'))")
each("matmul kron", "{}([[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]])")
each("percentile nanpercentile", "{}([1.0, 2.0, 4.0], 50)")
each("quantile nanquantile", "{}([1.0, 2.0, 4.0], 0.25)")
each("segment_sum segment_max segment_min segment_prod", "{}(np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1]), num_segments=2)")
for name, arguments in {
        "append": "[1, 2], [3]", "bincount": "[0, 1, 1, 3]", "broadcast_to": "[1, 2], (2, 2)", "cast": "[1.5, 2.5], 'int32'", "clip": "[-1.0, 5.0], 0.0, 2.0",
        "corrcoef": "np.array([[1.0, 2.0, 4.0], [3.0, 1.0, 0.0]])", "correlate": "[1.0, 2.0, 3.0], [0.0, 1.0, 0.5]", "cross": "[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]",
        "diagflat": "[1, 2]", "diff": "[1, 4, 9]", "digitize": "[0.5, 2.5], [1.0, 2.0]", "expand_dims": "[1, 2], 0", "full": "(2,), 7", "full_like": "[1, 2], 7",
        "glu": "[[1.0, 2.0, 0.0, 1.0]]", "histogram": "[1.0, 2.0, 2.5], bins=2", "in_top_k": "[1, 0], [[0.1, 0.9], [0.2, 0.8]], 1", "ldexp": "[1.0, 2.0], [2, 3]",
        "meshgrid": "[1, 2], [3, 4]", "moments": "np.array([[1.0, 2.0], [3.0, 5.0]]), axes=[0]", "moveaxis": "np.zeros((2, 3, 4)), 0, -1", "multi_hot": "[0, 2], 4",
        "nonzero": "[0, 3, 4]", "norm": "[3.0, 4.0]", "normalize": "[3.0, 4.0]", "one_hot": "[0, 2], 3", "pad": "[1, 2], [[1, 1]]", "repeat": "[1, 2], 2",
        "reshape": "[1, 2, 3, 4], (2, 2)", "roll": "[1, 2, 3], 1", "scatter": "[[0], [2]], [5, 6], (4,)", "scatter_update": "[1, 2, 3], [[1]], [9]",
        "searchsorted": "[1.0, 2.0, 3.0], [2.5]", "select": "[np.array([True, False])], [np.array([1, 2])], 0", "slice": "np.array([1, 2, 3]), [1], [2]",
        "slice_update": "np.array([1, 2, 3]), [1], np.array([9])", "swapaxes": "np.zeros((2, 3)), 0, 1", "take": "[5, 6, 7], [2, 0]",
        "take_along_axis": "[[5, 6, 7]], [[2, 0]], axis=1", "tensordot": "np.ones((2, 3)), np.ones((3, 2)), axes=1", "threshold": "[-1.0, 2.0], 0.5, 0.0",
        "tile": "[1, 2], 2", "top_k": "np.array([3.0, 1.0, 2.0]), 2", "tri": "3", "trapezoid": "[1.0, 2.0, 3.0]", "unravel_index": "[5], (2, 3)", "unstack": "np.array([[1, 2], [3, 4]])",
        "vander": "np.array([1, 2, 3])", "where": "np.array([True, False]), np.array([1, 2]), np.array([3, 4])", "saturate_cast": "np.array([300.0, -5.0]), 'uint8'", "polar": "[1.0], [0.0]", "get_item": "[1, 2, 3], 1",
        "cdist": "np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])", "psnr": "np.array([0.5, 1.0]), np.array([0.5, 0.5]), 1.0", "empty": "(0,)", "unique": "[3, 1, 3]",
        "argpartition": "np.array([1.0, 0.0]), 1", "binary_crossentropy": "[0.0, 1.0], [0.2, 0.9]", "categorical_crossentropy": "[[0.0, 1.0]], [[0.2, 0.8]]",
        "sparse_categorical_crossentropy": "[1], [[0.2, 0.8]]", "batch_normalization": "np.array([[1.0], [3.0]]), np.array([2.0]), np.array([1.0]), axis=-1",
        "layer_normalization": "np.array([[1.0, 3.0]])", "rms_normalization": "np.array([[1.0, 3.0]])",  "conv": "np.ones((1, 4, 1), 'float32'), np.ones((2, 1, 1), 'float32')",
        "conv_transpose": "np.ones((1, 2, 1), 'float32'), np.ones((2, 1, 1), 'float32'), 2",
        "depthwise_conv": "np.ones((1, 4, 2), 'float32'), np.ones((2, 2, 1), 'float32')",
        "separable_conv": "np.ones((1, 4, 4, 1), 'float32'), np.ones((2, 2, 1, 1), 'float32'), np.ones((1, 1, 1, 3), 'float32')",
        "dot_product_attention": "np.ones((1, 2, 1, 2), 'float32'), np.ones((1, 3, 1, 2), 'float32'), np.ones((1, 3, 1, 2), 'float32')",
        "cond": "True, lambda: 1, lambda: 2", "fori_loop": "0, 3, lambda i, x: x + i, 0", "while_loop": "lambda i: i < 3, lambda i: (i + 1,), (0,)",
        "map": "lambda x: x * 2, np.arange(3.0)", "scan": "lambda c, x: (c + x, c), np.array(0.0), np.arange(3.0)", "switch": "1, [lambda: 5, lambda: 6]",
        "vectorized_map": "lambda x: x + 1, np.arange(3.0)", "vectorize": "lambda x: x + 1", "is_tensor": "[1]", "dtype": "np.ones(2)", "rfft": "np.arange(4.0)",
        "irfft": "(np.array([6.0, -2.0, -2.0]), np.array([0.0, 2.0, 0.0]))", "fft": "(np.arange(4.0), np.zeros(4))", "extract_sequences": "np.arange(6.0), 3, 1",
        "depth_to_space": "np.arange(4.0).reshape(1, 1, 1, 4), 2", "space_to_depth": "np.arange(4.0).reshape(1, 2, 2, 1), 2",
        "unfold": "np.arange(9.0).reshape(1, 1, 3, 3), 2", "solve_triangular": "np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[2.0], [3.0]]), lower=True",
        "adaptive_average_pool": "np.arange(4.0).reshape(1, 4, 1), 2", "adaptive_max_pool": "np.arange(4.0).reshape(1, 4, 1), 2"}.items():
    EXAMPLES["ops." + name] = f"k.ops.{name}({arguments})"
EXAMPLES["ops.vectorize"] = "k.ops.vectorize(lambda x: x + 1)(np.arange(3.0))"

for name in ("bincount dstack full_like hstack in_top_k meshgrid nonzero ones_like outer roll scatter softmax tile vstack zeros_like").split():     # JAX takes arrays for these, not lists
    EXAMPLES["ops." + name] = re.sub(r"(?<![\w\])])\[(?:[^][]|\[(?:[^][]|\[[^][]*\])*\])*\]", r"np.array(\g<0>)", EXAMPLES["ops." + name])

each("celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid mish relu relu6 selu sigmoid silu "
     "soft_shrink softplus softsign sparse_plus sparse_sigmoid squareplus tanh tanh_shrink", "{}(np.array([-1.5, 0.0, 0.8], 'float32'))", "activations")
each("softmax log_softmax glu", "{}(np.array([[-1.5, 0.0, 0.8, 1.0]], 'float32'))", "activations")
EXAMPLES["activations.threshold"] = "k.activations.threshold(np.array([-1.0, 2.0], 'float32'), 0.5, 0.0)"
EXAMPLES["activations.serialize"], EXAMPLES["activations.deserialize"] = (
    "k.activations.serialize(k.activations.relu)", "k.activations.deserialize('relu')(np.array([-1.0, 2.0], 'float32'))")

PAIR = "(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], 'float32'), np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], 'float32'))"
for sample in ("", ", sample_weight=np.array([1.0, 3.0], 'float32')"):
    each("BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge "
         "CosineSimilarity Hinge Huber KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
         "SquaredHinge", "{}()" + PAIR[:-1] + sample + ")", "losses")
    if not sample:
        EXAMPLES.update({n + " ": e for n, e in EXAMPLES.items() if n.startswith("losses.")})
each("Dice Tversky", "{}()" + PAIR, "losses")
each("SparseCategoricalCrossentropy", "{}()(np.array([1, 0]), np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], 'float32'))", "losses")
each("Circle", "{}()(np.array([1, 1, 0]), np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], 'float32'))", "losses")
each("binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy "
     "categorical_hinge cosine_similarity dice hinge huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error "
     "mean_squared_logarithmic_error poisson squared_hinge tversky", "{}" + PAIR, "losses")
EXAMPLES["losses.deserialize"] = "k.losses.deserialize('MeanSquaredError')" + PAIR
EXAMPLES["losses.serialize"] = "k.losses.serialize(k.losses.mean_squared_error)"

for kind in ("", " "):                                      # without and with sample weights
    weight = ", sample_weight=np.array([1.0, 3.0], 'float32')" if kind else ""
    for name in ("Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy CategoricalHinge CosineSimilarity Hinge KLDivergence "
                 "LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson R2Score "
                 "RootMeanSquaredError SquaredHinge TopKCategoricalAccuracy F1Score").split():
        made = f"k.metrics.{name}({'k=1' if name.startswith('TopK') else ''})"
        EXAMPLES[f"metrics.{name}{kind}"] = f"(lambda m: (m.update_state{PAIR[:-1]}{weight}), m.result())[1])({made})"
    for name in ("AUC Precision Recall TruePositives TrueNegatives FalsePositives FalseNegatives PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity "
                 "SpecificityAtSensitivity").split():
        made = f"k.metrics.{name}({0.5 if 'At' in name else ''})"
        EXAMPLES[f"metrics.{name}{kind}"] = f"(lambda m: (m.update_state([0, 1, 1], [0.2, 0.4, 0.9]{', sample_weight=[1, 2, 3]' if kind else ''}), m.result())[1])({made})"
    for name in ("ConcordanceCorrelation", "PearsonCorrelation"):
        EXAMPLES[f"metrics.{name}{kind}"] = (f"(lambda m: (m.update_state([[0.0, 1.0, 1.5], [1.0, 2.0, 0.0]], [[0.2, 0.4, 0.9], [1.0, 3.0, 0.0]]{weight}), "
                                             f"m.result())[1])(k.metrics.{name}())")
    for made in ("BinaryIoU()", "IoU(num_classes=2, target_class_ids=[1])", "MeanIoU(num_classes=2)"):
        EXAMPLES[f"metrics.{made.split('(')[0]}{kind}"] = (f"(lambda m: (m.update_state([0, 1, 1], [0, 1, 0]{', sample_weight=[1, 2, 3]' if kind else ''}), "
                                                           f"m.result())[1])(k.metrics.{made})")
    for made in ("OneHotIoU(num_classes=3, target_class_ids=[0, 1])", "OneHotMeanIoU(num_classes=3)", "FBetaScore(beta=2.0)"):
        EXAMPLES[f"metrics.{made.split('(')[0]}{kind}"] = f"(lambda m: (m.update_state{PAIR[:-1]}{weight}), m.result())[1])(k.metrics.{made})"
    for name in ("Mean", "Sum"):
        EXAMPLES[f"metrics.{name}{kind}"] = f"(lambda m: (m.update_state([1.0, 2.0]{', sample_weight=[1, 3]' if kind else ''}), m.result())[1])(k.metrics.{name}())"
    for name in ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy"):
        EXAMPLES[f"metrics.{name}{kind}"] = (f"(lambda m: (m.update_state(np.array([1, 0]), np.array([[0.1, 0.7, 0.2], [0.2, 0.5, 0.3]]){', sample_weight=[1, 3]' if kind else ''}), "
                                             f"m.result())[1])(k.metrics.{name}())")
each("binary_accuracy categorical_accuracy top_k_categorical_accuracy", "{}" + PAIR, "metrics")
each("sparse_top_k_categorical_accuracy sparse_categorical_accuracy", "{}(np.array([1, 0]), np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], 'float32'))", "metrics")

SQUARE = "(np.array([[3.0, -1.0], [4.0, 0.5]], 'float32'))"
each("MaxNorm MinMaxNorm NonNeg UnitNorm", "{}()" + SQUARE, "constraints")
each("L1 L2 L1L2 l1_l2", "{}(0.1)" + SQUARE, "regularizers")
EXAMPLES["regularizers.OrthogonalRegularizer"] = "k.regularizers.OrthogonalRegularizer(0.1)" + SQUARE
each("Zeros Ones Identity", "{}()((2, 2))", "initializers")
EXAMPLES["initializers.Constant"] = "k.initializers.Constant(3.0)((2,))"
for area, made in (("constraints", "NonNeg()"), ("regularizers", "L2(0.5)"), ("initializers", "Zeros()"), ("optimizers", "SGD(0.5)"), ("layers", "ReLU(name='r')")):
    EXAMPLES[f"{area}.serialize"] = f"k.{area}.serialize(k.{area}.{made})['class_name']"
    EXAMPLES[f"{area}.deserialize"] = f"type(k.{area}.deserialize(k.{area}.serialize(k.{area}.{made}))).__name__"
each("normal uniform truncated_normal", "{}((2, 3), seed=1).shape", "random")
EXAMPLES.update({"random.randint": "k.random.randint((2, 3), 0, 9, seed=1).shape", "random.gamma": "k.random.gamma((2,), 1.0, seed=1).shape",
                 "random.beta": "k.random.beta((2,), 1.0, 2.0, seed=1).shape", "random.binomial": "k.random.binomial((2,), 3.0, 0.5, seed=1).shape",
                 "random.categorical": "k.random.categorical(np.array([[0.0, 1.0]]), 3, seed=1).shape",
                 "random.shuffle": "np.sort(np.asarray(k.random.shuffle(np.arange(4), seed=1)))",
                 "random.dropout": "k.random.dropout(np.ones(4, 'float32'), 0.0, seed=1)"})

X2, X3, X4 = "np.arange(6.0, dtype='float32').reshape(2, 3)", "np.arange(12.0, dtype='float32').reshape(2, 3, 2)", "np.arange(32.0, dtype='float32').reshape(1, 4, 4, 2)"
for x, makes in ((X2, "ReLU() LeakyReLU() ELU() Softmax() PReLU() Flatten() Identity() UnitNormalization() Activation('tanh') RepeatVector(2) Reshape((3,1)) "
                      "LayerNormalization() RMSNormalization() BatchNormalization() Dense(2,kernel_initializer='ones') Rescaling(0.5) GaussianNoise(0.5) "
                      "Dropout(0.5) AlphaDropout(0.5) GaussianDropout(0.5) ActivityRegularization(0.1) Masking() Lambda(lambda\tx:x*2) "
                      "Discretization([1.0,4.0]) GroupNormalization(3)"),
                 (X3, "Permute((2,1)) GlobalAveragePooling1D() GlobalMaxPooling1D() AveragePooling1D(2) MaxPooling1D() UpSampling1D() ZeroPadding1D() Cropping1D() "
                      "SpatialDropout1D(0.5) Conv1D(2,2,kernel_initializer='ones') Conv1DTranspose(2,2,kernel_initializer='ones') "
                      "DepthwiseConv1D(2,depthwise_initializer='ones') SimpleRNN(2,kernel_initializer='ones',recurrent_initializer='zeros') "
                      "LSTM(2,kernel_initializer='ones',recurrent_initializer='ones') GRU(2,kernel_initializer='ones',recurrent_initializer='ones') "
                      "SeparableConv1D(2,2,depthwise_initializer='ones',pointwise_initializer='ones') AdaptiveAveragePooling1D(2) AdaptiveMaxPooling1D(2) "
                      "EinsumDense('abc,cd->abd',output_shape=(None,2),kernel_initializer='ones')"),
                 (X4, "GlobalAveragePooling2D() GlobalMaxPooling2D() AveragePooling2D(2) MaxPooling2D() UpSampling2D() ZeroPadding2D() Cropping2D() SpatialDropout2D(0.5) "
                      "Conv2D(2,2,kernel_initializer='ones') Conv2DTranspose(2,2,kernel_initializer='ones') DepthwiseConv2D(2,depthwise_initializer='ones') "
                      "SeparableConv2D(2,2,depthwise_initializer='ones',pointwise_initializer='ones') CenterCrop(2,2) Resizing(2,2) AdaptiveAveragePooling2D(2) "
                      "AdaptiveMaxPooling2D(2)"),
                 ("np.arange(64.0,dtype='float32').reshape(1,4,4,4,1)", "GlobalAveragePooling3D() GlobalMaxPooling3D() AveragePooling3D(2) MaxPooling3D() UpSampling3D() "
                  "ZeroPadding3D() Cropping3D() SpatialDropout3D(0.5) Conv3D(1,2,kernel_initializer='ones') Conv3DTranspose(1,2,kernel_initializer='ones') "
                  "AdaptiveAveragePooling3D(2) AdaptiveMaxPooling3D(2)")):
    for made in makes.split(" "):
        EXAMPLES[f"layers.{made.split('(')[0]}"] = f"k.layers.{made}({x})"
for name in "Add Subtract Multiply Average Maximum Minimum Concatenate".split():
    EXAMPLES[f"layers.{name}"] = f"k.layers.{name}()([{X2}, 1 - {X2}])"
    EXAMPLES[f"layers.{name.lower()}"] = f"k.layers.{name.lower()}([{X2}, 1 - {X2}])"
EXAMPLES.update({"layers.Dot": f"k.layers.Dot(axes=1)([{X2}, {X2}])", "layers.dot": f"k.layers.dot([{X2}, {X2}], axes=1)",
                 "layers.Embedding": "k.layers.Embedding(3, 2, embeddings_initializer='ones')(np.array([[0, 2]]))",
                 "layers.Attention": f"k.layers.Attention()([{X3}, {X3}])", "layers.AdditiveAttention": f"k.layers.AdditiveAttention(use_scale=False)([{X3}, {X3}])",
                 "layers.MultiHeadAttention": f"k.layers.MultiHeadAttention(1, 2, kernel_initializer='ones')({X3}, {X3})",
                 "layers.TimeDistributed": f"k.layers.TimeDistributed(k.layers.Dense(1, kernel_initializer='ones'))({X3})",
                 "layers.Bidirectional": f"k.layers.Bidirectional(k.layers.SimpleRNN(1, kernel_initializer='ones', recurrent_initializer='ones'))({X3})",
                 "layers.RNN": f"k.layers.RNN(k.layers.SimpleRNNCell(1, kernel_initializer='ones', recurrent_initializer='ones'))({X3})",
                 "layers.SimpleRNNCell": f"k.layers.SimpleRNNCell(1, kernel_initializer='ones')({X2}, [np.zeros((2, 1), 'float32')])[0]",
                 "layers.LSTMCell": f"k.layers.LSTMCell(1, kernel_initializer='ones')({X2}, [np.zeros((2, 1), 'float32')] * 2)[0]",
                 "layers.GRUCell": f"k.layers.GRUCell(1, kernel_initializer='ones')({X2}, [np.zeros((2, 1), 'float32')])[0]",
                 "layers.Input": "k.layers.Input((3,)).shape", "layers.InputLayer": "k.layers.InputLayer((3,)).output.shape",
                 "layers.InputSpec": "k.layers.InputSpec(ndim=2).ndim"})
for name in ("Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion Nadam RMSprop SGD").split():
    EXAMPLES[f"optimizers.{name}"] = (f"(lambda v, o: (o.apply([k.ops.convert_to_tensor(np.array([1.0, -0.5], 'float32'))], [v]), k.ops.convert_to_numpy(v))[1])"
                                      f"(k.Variable(np.array([1.0, 2.0], 'float32')), k.optimizers.{name}())")
EXAMPLES.update({"tree.flatten": "k.tree.flatten({'b': [1, 2], 'a': 3})", "tree.is_nested": "k.tree.is_nested([1])",
                 "tree.map_structure": "k.tree.map_structure(lambda x: x + 1, [1, (2,)])", "tree.pack_sequence_as": "k.tree.pack_sequence_as([0, (0,)], [1, 2])",
                 "tree.lists_to_tuples": "k.tree.lists_to_tuples([1, [2]])"})
IMAGE = "np.arange(48.0, dtype='float32').reshape(1, 4, 4, 3)"
for made in ("RandomFlip()", "RandomRotation(0.1)", "RandomZoom(0.1)", "RandomTranslation(0.1, 0.1)", "RandomCrop(2, 2)", "RandomContrast(0.1)"):
    EXAMPLES[f"layers.{made.split('(')[0]}"] = f"k.layers.{made}({IMAGE}).shape"
EXAMPLES.update({"callbacks.EarlyStopping": "k.callbacks.EarlyStopping(patience=3).patience", "models.Sequential": "len(k.Sequential().layers)",
                 "callbacks.ReduceLROnPlateau": "k.callbacks.ReduceLROnPlateau(factor=0.2).factor",
                 "callbacks.ModelCheckpoint": "k.callbacks.ModelCheckpoint('a.keras', monitor='loss').monitor"})
for name, of in (("swish", "silu"), ("hard_swish", "hard_silu")):
    EXAMPLES[f"activations.{name}"] = EXAMPLES[f"activations.{of}"].replace(of, name)


def value(k, expression):
    """What an example gives: lists of numbers, words, or lists of those."""
    def plain(a):
        if isinstance(a, (str, bool, int, float, type(None))):
            return a
        if isinstance(a, dict):
            return {n: plain(v) for n, v in a.items()}
        if isinstance(a, (list, tuple)):
            return [plain(v) for v in a]
        a = np.asarray(k.ops.convert_to_numpy(a))
        return [plain(a.real), plain(a.imag)] if a.dtype.kind == "c" else a.tolist()
    return plain(expression(k) if callable(expression) else eval(expression, {"k": k, **HELPERS}))
