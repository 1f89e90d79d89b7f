"""What a program means by an argument such as loss="mse": the rule that losses, metrics, initializers and their like share."""
from fastdl.errors import bad_argument


def meant_by(identifier, deserialize, kind, wanted, example, error=ValueError):
    """None, or what a name, a config, a class, an object or a function stands for; anything else is an error with an example."""
    if isinstance(identifier, (str, dict)):
        identifier = deserialize(identifier)
    if isinstance(identifier, type):
        return identifier()
    if identifier is None or callable(identifier):
        return identifier
    raise bad_argument(kind, repr(identifier), wanted, example, error)
