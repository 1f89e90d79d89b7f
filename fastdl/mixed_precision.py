"""keras.mixed_precision: the policies' older name. Here all layers compute in float32 or float64."""
from fastdl.config import dtype_policy, set_dtype_policy
from fastdl.dtype_policies import DTypePolicy, Policy  # noqa: F401
from fastdl.optimizers import LossScaleOptimizer  # noqa: F401

global_policy, set_global_policy = dtype_policy, set_dtype_policy
