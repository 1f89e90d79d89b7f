"""Names of dtypes and tensors: what they are in one spelling, and which results they give together."""
FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")


def standardize_dtype(dtype):
    """The dtype's name: standardize_dtype(np.float32) == "float32"; None is floatx

    >>> standardize_dtype(int)
    'int64'
    """
    from fastdl import config
    from fastdl.errors import unknown_name
    if dtype is None:
        return config.floatx()
    if dtype is int:
        return "int64"
    if dtype is float:
        return "float32"
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None:
        text = str(dtype)
        name = text.split(".")[-1] if "torch" in text else getattr(dtype, "__name__", text)
    if name not in FLOATS + WHOLE + ("bool", "string", "complex64", "complex128"):
        raise unknown_name("dtype", name, FLOATS + WHOLE + ("bool",))
    return name


def is_float_dtype(dtype):
    return standardize_dtype(dtype) in FLOATS


def is_int_dtype(dtype):
    return standardize_dtype(dtype) in WHOLE


def result_type(*dtypes):
    """The dtype that tensors of these dtypes have together: result_type("int32", "float32") == "float32" """
    from fastdl.ops.promotion import result_type as promoted
    return promoted(*dtypes)


def is_keras_tensor(x):
    """Whether x is symbolic: what Input() and layers called on it return."""
    from fastdl.ops.symbolic import KerasTensor
    return isinstance(x, KerasTensor)
