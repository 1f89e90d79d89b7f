"""Config: settings that are attributes and items at once."""
import json


class Config:
    """Config(a=1).a == Config(a=1)["a"]; freeze() ends changes

    >>> c = Config(rate=0.1); c.units = 3; c.as_dict()
    {'rate': 0.1, 'units': 3}
    """

    def __init__(self, **kwargs):
        self.__dict__["_values"], self.__dict__["_frozen"] = dict(kwargs), False

    def __setitem__(self, key, value):
        if self._frozen:
            raise ValueError(f"This Config is frozen, so {key!r} cannot be set. Fix: config = config.copy() if you need a changed one.")
        self._values[key] = value

    __setattr__ = __setitem__

    def __getitem__(self, key):
        return self._values[key]

    def __getattr__(self, key):
        try:
            return self.__dict__["_values"][key]
        except KeyError:
            from fastdl.errors import did_you_mean
            raise AttributeError(f"Config has no {key!r}.{did_you_mean(key, self.__dict__.get('_values', ()))}") from None

    def __contains__(self, key):
        return key in self._values

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return iter(sorted(self._values))

    def __delitem__(self, key):
        self.pop(key)

    __delattr__ = __delitem__

    def __eq__(self, other):
        return isinstance(other, Config) and self._values == other._values

    __hash__ = None

    def __repr__(self):
        return f"<Config {self._values}>"

    def keys(self):
        return self._values.keys()

    def values(self):
        return self._values.values()

    def items(self):
        return self._values.items()

    def get(self, key, default_value=None):
        return self._values.get(key, default_value)

    def pop(self, key, *default):
        if self._frozen:
            raise ValueError("This Config is frozen.")
        return self._values.pop(key, *default)

    def update(self, *args, **kwargs):
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key, default=None):
        if key not in self._values:
            self[key] = default
        return self._values[key]

    def copy(self):
        return Config(**self._values)

    def freeze(self):
        self.__dict__["_frozen"] = True

    def unfreeze(self):
        self.__dict__["_frozen"] = False

    @property
    def frozen(self):
        return self._frozen

    def as_dict(self):
        return dict(self._values)

    def to_json(self):
        return json.dumps(self._values)
