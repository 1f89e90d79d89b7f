"""keras.optimizers.legacy: today's optimizers, which take Keras 2's arguments lr= and decay= too."""
from fastdl.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop  # noqa: F401
from fastdl.optimizers.descent import SGD  # noqa: F401
from fastdl.optimizers.moments import Adam, Adamax, Nadam  # noqa: F401
from fastdl.optimizers.optimizer import Optimizer  # noqa: F401
