"""floatx, data format, threads, compat level; the only reader of environment variables."""
import functools
import inspect
import os

_winograd = True
_floatx, _epsilon, _data_format, _compat = "float32", 1e-7, "channels_last", os.environ.get("FASTDL_COMPAT", "keras3")


def env(name, default=None):
    """The environment's setting, or default."""
    return os.environ.get(name, default)


def floatx():
    """The dtype of numbers whose dtype nobody named: 'float32' unless set_floatx changed it."""
    return _floatx


def set_floatx(value):
    global _floatx
    if value not in ("float16", "bfloat16", "float32", "float64"):
        raise ValueError(f"floatx must be 'float32' or 'float64', got {value!r}")
    if value in ("float16", "bfloat16"):
        raise ValueError(f"floatx {value!r} has no kernels on a CPU here: use 'float32' (fast) or 'float64' (exact)")
    _floatx = value


def epsilon():
    """The small number that keeps logarithms and divisions finite: 1e-7."""
    return _epsilon


def set_epsilon(value):
    global _epsilon
    _epsilon = float(value)


def image_data_format():
    return _data_format


def set_image_data_format(data_format):
    global _data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data format must be 'channels_last' or 'channels_first', got {data_format!r}")
    _data_format = data_format


def backend():
    return "fastdl"


def compat():
    return _compat


def set_compat(era):
    """'keras2' chooses the formulas and defaults of Keras 2 where a name means two things; 'keras3' is the default."""
    global _compat
    if era not in ("keras2", "keras3"):
        raise ValueError(f"compat must be 'keras2' or 'keras3', got {era!r}")
    _compat = era


def keras2_defaults(**values):
    """For an __init__: arguments that are not given take these values while compat() is "keras2"."""
    def decorate(init):
        known = inspect.signature(init)

        @functools.wraps(init)
        def chosen(self, *args, **kwargs):
            if _compat == "keras2":
                given = known.bind_partial(self, *args, **kwargs).arguments
                legacy = given.get("kwargs", {})
                for name, value in values.items():
                    if name not in given and not (name == "learning_rate" and "lr" in legacy):
                        kwargs[name] = value
            init(self, *args, **kwargs)
        return chosen
    return decorate


_dtype_policy, _bars, _filtering, _flash = None, True, True, None
_most_epochs = _most_steps = None


def dtype_policy():
    """The policy of layers that get no dtype=."""
    from .dtype_policies import DTypePolicy
    return _dtype_policy or DTypePolicy(_floatx)


def set_dtype_policy(policy):
    global _dtype_policy
    from . import dtype_policies
    policy = dtype_policies.get(policy)
    set_floatx(policy.compute_dtype)
    _dtype_policy = policy


def set_backend(backend):
    """fastdl computes by its own kernels; there is nothing else to choose."""
    if backend != "fastdl":
        raise ValueError(f"fastdl has its own kernels and no backend {backend!r}. Keras itself runs on TensorFlow, JAX and PyTorch.")


def enable_interactive_logging():
    """Progress bars (the default)."""
    global _bars
    _bars = True


def disable_interactive_logging():
    """verbose="auto" means no bar."""
    global _bars
    _bars = False


def is_interactive_logging_enabled():
    return _bars


def enable_traceback_filtering():
    """Accepted; fastdl's tracebacks are short as they are."""
    global _filtering
    _filtering = True


def disable_traceback_filtering():
    global _filtering
    _filtering = False


def is_traceback_filtering_enabled():
    return _filtering


def enable_flash_attention():
    """Accepted, and means "as you like" as in Keras: attention has one kernel here."""
    global _flash
    _flash = None


def disable_flash_attention():
    global _flash
    _flash = False


def is_flash_attention_enabled():
    return _flash


def is_nnx_enabled():
    return False


def enable_unsafe_deserialization():
    """Refused: no file makes fastdl run code; pass what a file needs as custom_objects."""
    raise ValueError("fastdl runs no code from files, so this cannot be turned on. Fix: load_model(..., custom_objects={...}).")


def max_epochs():
    """The most epochs that any fit runs, or None."""
    return _most_epochs


def set_max_epochs(max_epochs):
    global _most_epochs
    _most_epochs = max_epochs


def max_steps_per_epoch():
    """The most steps that any epoch takes, or None."""
    return _most_steps


def set_max_steps_per_epoch(max_steps_per_epoch):
    global _most_steps
    _most_steps = max_steps_per_epoch


def winograd():
    """Whether 3x3 convolutions may use Winograd's algorithm: 2 to 3 times as fast, about twice the rounding error."""
    return _winograd


def set_winograd(on):
    """For plans made from now on."""
    global _winograd
    _winograd = bool(on)


def threads():
    """How many threads a plan uses."""
    from .core import native
    return native.get_threads()


def set_threads(n):
    from .core import native
    native.set_threads(n)


def _cgroup_quota():
    try:
        with open("/sys/fs/cgroup/cpu.max") as f:
            quota, period = f.read().split()
        return max(1, int(int(quota) / int(period))) if quota != "max" else None
    except (OSError, ValueError):
        return None


def start():
    """Read FASTDL_ISA, OMP_NUM_THREADS, the affinity mask and the cgroup quota, once, at import."""
    from .core import native
    isa, asked = env("FASTDL_ISA"), env("OMP_NUM_THREADS", "").split(",")[0]
    if isa:
        native.set_isa(isa)
    count = int(asked) if asked.isdigit() and int(asked) else min(native.cpu_count(), _cgroup_quota() or 256)
    native.set_threads(max(1, min(256, count)))


def __getattr__(name):
    from .errors import names_of
    return names_of(globals())(name)
