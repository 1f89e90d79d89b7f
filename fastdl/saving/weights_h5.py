"""The layout of Keras 3's *.weights.h5, and the choice of who reads HDF5: fastdl.saving.hdf5, or h5py for a trusted file.

Neither way follows a soft or external link, an object reference, virtual or external storage, or loads a filter
plugin; an array is read after the file has shown that it holds it. h5py is imported when a file is written.
"""
import contextlib
import io
import os
import re

import numpy as np

from fastdl.errors import FileError
from fastdl.saving import hdf5

TEXT_LIMIT = 64 << 20                                       # bytes of a config
INFLATION = 1100                                            # deflate shrinks at most by 1032
MANY = 100_000                                              # members of one group, strings of one attribute


def h5():
    try:
        import h5py
    except ImportError:
        from fastdl.errors import missing_extra
        raise missing_extra("h5py", "all", "Reading and writing HDF5 files (.h5, .keras)") from None
    return h5py


def make_group(parent, path):
    """The group parent[path], made where it is missing.

    Names are written as plain bytes: h5py marks those in other scripts, and HDF5 then makes groups of a form that not every
    reader knows.
    """
    for part in filter(None, path.split("/")):
        parent = parent[part] if part in parent else h5().Group(h5().h5g.create(parent.id, part.encode()))
    return parent


def make_array(parent, path, data):
    """parent[path] = data"""
    folder, _, name = path.rpartition("/")
    h5().h5o.link(parent.create_dataset(None, data=data).id, make_group(parent, folder).id, name.encode())


# ---------------------------------------------------------------- reading
@contextlib.contextmanager
def reading(source, what, trusted=False):
    """The root of an HDF5 file given as a path or as bytes. `what` names it in messages; trusted: h5py may read it."""
    if trusted:
        with _reading_with_h5py(source, what) as root:
            yield root
        return
    file = hdf5.File(source, what)
    yield hdf5.Node(file, file.root)


@contextlib.contextmanager
def _reading_with_h5py(source, what):
    h5py = h5()
    size = len(source) if isinstance(source, bytes) else os.path.getsize(source)
    try:
        with h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r") as f:
            yield Node(f, what, size)
    except FileError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError, SystemError) as error:
        raise FileError(f"{what} is no HDF5 file that can be read, or it is damaged: {str(error)[:200]}") from error


class Node:
    """A group of a trusted file, read by h5py and still through checks; hdf5.Node has the same methods without libhdf5."""

    def __init__(self, group, what, size, path=""):
        self.group, self.what, self.size, self.path = group, what, size, path

    def error(self, reason, name=""):
        return FileError(f"{self.what}: {self.path}{'/' if self.path and name else ''}{name!s:.200} {reason}")

    def _member(self, name):
        """The object behind a hard link, or None when the group has no such member."""
        h5py, links = h5(), self.group.id.links
        try:
            raw = name.encode("utf-8")
        except UnicodeEncodeError:
            raise self.error("is no text") from None
        if b"\0" in raw or name in ("", ".", "..") or not links.exists(raw):
            return None
        if links.get_info(raw).type != h5py.h5l.TYPE_HARD:
            raise self.error("is a link to elsewhere, which fastdl does not follow", name)
        found = self.group[name]
        if not isinstance(found, (h5py.Group, h5py.Dataset)):
            raise self.error("is neither a group nor an array", name)
        return found

    def child(self, path):
        """The group at `path`, or None."""
        node, name = hdf5.last_group(self, path)
        if node is None or name is None:
            return node
        found = node._member(name)
        if found is None or isinstance(found, h5().Dataset):
            return None
        return Node(found, self.what, self.size, f"{node.path}/{name}".lstrip("/"))

    def names(self):
        if self.group.id.get_num_objs() > MANY:
            raise self.error(f"has more than {MANY} members")
        return list(self.group)

    def shape(self, name):
        return tuple(self._member(name).shape or ())

    def arrays(self):
        """The names that are arrays, not groups."""
        return [n for n in self.names() if isinstance(self._member(n), h5().Dataset)]

    def array(self, path, shape=None):
        """The array at `path`, of shape `shape` where that is known beforehand."""
        node, name = hdf5.last_group(self, path)
        data = None if node is None or name is None else node._member(name)
        if not isinstance(data, h5().Dataset):
            raise self.error("is not there", path)
        if shape is not None and tuple(data.shape or ()) != tuple(shape):
            raise self.error(f"has shape {data.shape}; the model wants {tuple(shape)}", path)
        self._prove(data, path)
        return np.asarray(data[()])

    def _prove(self, data, path):
        """Raise unless the file holds every byte that this array claims, in a way that reading it touches nothing else."""
        h5py, plist = h5(), data.id.get_create_plist()
        kind = data.id.get_type()
        numbers = kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT) or data.dtype == np.bool_
        if not numbers or kind.get_size() > 8 or data.shape is None:
            raise self.error(f"holds no plain numbers ({data.dtype})", path)
        if plist.get_layout() not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED):
            raise self.error("is assembled from elsewhere (a virtual dataset), which fastdl does not follow", path)
        if plist.get_layout() == h5py.h5d.CONTIGUOUS and plist.get_external_count():
            raise self.error("keeps its data in another file, which fastdl does not open", path)
        nbytes = kind.get_size()
        for s in data.shape:
            nbytes *= int(s)
        stored = data.id.get_storage_size()
        if stored > self.size:
            raise self.error(f"claims {stored} bytes of a file of {self.size}", path)
        if plist.get_layout() == h5py.h5d.CHUNKED:
            known = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
            filters = [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]
            if any(f not in known for f in filters):
                raise self.error("is packed by a filter that fastdl does not load; known: gzip, shuffle, fletcher32", path)
            factor = INFLATION if h5py.h5z.FILTER_DEFLATE in filters else 1
            chunk = kind.get_size() * int(np.prod([int(c) for c in plist.get_chunk()], dtype=object))
            if chunk > 2 * nbytes + (1 << 20) or nbytes > factor * stored:
                raise self.error(f"claims {nbytes} bytes but stores only {stored}", path)
        elif stored != nbytes:
            raise self.error(f"claims {nbytes} bytes but stores {stored}", path)

    # ---- attributes
    def has(self, name):
        return self.group.attrs.__contains__(name)

    def texts(self, name):
        """An attribute that is an array of strings, also where Keras had to cut it into name0, name1, ..."""
        if self.has(name):
            return self._texts(name)
        made, k = [], 0
        while self.has(f"{name}{k}"):
            made, k = made + self._texts(f"{name}{k}"), k + 1
        return made

    def _texts(self, name):
        h5py = h5()
        attribute = self.group.attrs.get_id(name)
        kind, shape = attribute.get_type(), attribute.shape or ()
        count = int(np.prod([int(s) for s in shape], dtype=object))
        if count == 0:
            return []
        if kind.get_class() != h5py.h5t.STRING or len(shape) > 1 or count > MANY:
            raise self.error("must be a list of names", f"attribute {name}")
        if not kind.is_variable_str() and kind.get_size() * count > min(self.size, TEXT_LIMIT):
            raise self.error("claims more text than the file holds", f"attribute {name}")
        values = np.asarray(self.group.attrs[name]).reshape(-1)
        return [self._decoded(v, name) for v in values]

    def text(self, name):
        """An attribute that is one string, or None when there is none."""
        found = self._texts(name) if self.has(name) else []
        return found[0] if found else None

    def _decoded(self, value, name):
        try:
            value = value.decode("utf-8") if isinstance(value, bytes) else str(value)
            value.encode("utf-8")
        except UnicodeError:
            raise self.error("is no UTF-8 text", f"attribute {name}") from None
        if len(value) > TEXT_LIMIT:
            raise self.error("is longer than 64 MiB", f"attribute {name}")
        return value


class Store:
    """What load_own_variables() gets: names to arrays, each read when it is asked for."""

    def __init__(self, node):
        self.node, self._names = node, [] if node is None else node.arrays()

    def keys(self):
        return list(self._names)

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)

    def __contains__(self, name):
        return name in self._names

    def __getitem__(self, name):
        if name not in self._names:
            what, path = (self.node.what, self.node.path) if self.node else ("the file", "")
            raise FileError(f"{what}: {path} holds no array {name!r:.80}")
        return self.node.array(name)

    def shape(self, name):
        return self.node.shape(name)


# ---------------------------------------------------------------- the walk, as Keras 3 takes it
def snake_case(name):
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _own_names(obj):
    """Attributes in the order of Keras: public names first, each group sorted; what every layer has is left out."""
    from fastdl.layers.layer import Layer
    from fastdl.metrics import Metric
    from fastdl.models import Functional, Model, Sequential
    from fastdl.optimizers import Optimizer
    base = Functional if isinstance(obj, Model) else next((b for b in (Layer, Metric, Optimizer) if isinstance(obj, b)), object)
    skip = set(dir(base)) | set(dir(Sequential) if isinstance(obj, Model) else ()) | set(getattr(obj, "_untracked", ())) | SKIPPED
    names = [n for n in dir(obj) if n not in skip and not n.startswith(("__", "_compile"))]
    return sorted(names, key=_private_last)


def _private_last(name):
    return "~" + name if name.startswith("_") else name


SKIPPED = {"_own", "_sequence", "_graph_layers", "_added_metrics", "_trainable_variables", "_variables", "optimizer"}


def children(obj):
    """(attribute, value) pairs that may hold weights."""
    from fastdl.models import Functional, Model, Sequential
    names = _own_names(obj)
    if isinstance(obj, Model):
        first = isinstance(obj, (Functional, Sequential))   # a subclassed model has its list of layers among its attributes
        names = ["layers", "optimizer", *names] if first else sorted(["layers", "optimizer", *names], key=_private_last)
    for name in names:
        try:
            value = getattr(obj, name)
        except Exception:                                   # a property that cannot be asked for now
            continue
        yield name, value


def is_saveable(x):
    from fastdl.layers.layer import Layer
    from fastdl.metrics import Metric
    from fastdl.optimizers import Optimizer
    return isinstance(x, (Layer, Metric, Optimizer)) or type(x).__name__ == "SeedGenerator" and hasattr(x, "state")


def walk(obj, path="", seen=None):
    """(path, object) of everything that has variables, depth first; an object is met once, where it is met first."""
    seen = {} if seen is None else seen
    if id(obj) in seen:
        return
    seen[id(obj)] = obj                                     # kept alive: an id must not be used twice
    yield path, obj
    if type(obj).__name__ == "SeedGenerator":
        return
    for name, value in children(obj):
        inner = f"{path}/{name}" if path else name
        if is_saveable(value):
            yield from walk(value, inner, seen)
        elif isinstance(value, (list, tuple, dict)):
            yield from _walk_container(value, inner, seen, set())


def _walk_container(container, path, seen, containers):
    if id(container) in containers:
        return
    containers.add(id(container))
    used = {}
    for value in list(container.values()) if isinstance(container, dict) else list(container):
        saveable = is_saveable(value)
        if not saveable and not isinstance(value, (list, tuple, dict)):
            continue
        name = snake_case(type(value).__name__) if saveable else "container"
        used[name] = used.get(name, -1) + 1
        name = f"{name}_{used[name]}" if used[name] else name
        inner = f"{path}/{name}"
        yield from walk(value, inner, seen) if saveable else _walk_container(value, inner, seen, containers)


# ---------------------------------------------------------------- Keras 3's layout
def own_variables(obj):
    """{"0": array, ...} of this object alone."""
    if hasattr(obj, "save_own_variables"):
        store = {}
        obj.save_own_variables(store)
        return store
    if type(obj).__name__ == "SeedGenerator":
        return {"0": obj.state.numpy()}
    return {str(k): v.numpy() for k, v in enumerate(obj.variables)}


def write(model, file):
    """The weights of a model, and its optimizer's state, as an HDF5 file in Keras 3's layout."""
    with h5().File(file, "w") as f:
        for path, obj in walk(model):
            group = make_group(f, f"{path}/vars")
            if isinstance(getattr(obj, "name", None), str):
                group.attrs["name"] = obj.name
            for key, array in own_variables(obj).items():
                make_array(group, key, np.asarray(array))


def load(model, root, skip_mismatch=False, optimizer=True):
    """Read the layout of write() into a built model."""
    met, missing = set(), []
    for path, obj in walk(model):
        if not optimizer and path.startswith("optimizer"):
            continue
        at = f"{path}/vars" if path else "vars"
        node = root.child(at)
        if node is None and path.startswith("layers"):      # how the first files of this format called it
            node = root.child("_layer_checkpoint_dependencies" + at[6:])
        met.add("/".join(path.split("/")[:2]))
        try:
            missing += [path] if not _load_one(obj, Store(node), path, root) else []
        except FileError as error:
            if not skip_mismatch:
                raise
            import warnings
            warnings.warn(f"skip_mismatch: {error}", stacklevel=4)
    if missing and not skip_mismatch:
        raise root.error(f"holds no weights for {missing[:5]}. Is it of another model? load_weights(..., skip_mismatch=True) loads "
                         "what fits.")
    layers = root.child("layers") or root.child("_layer_checkpoint_dependencies")
    extra = []
    if layers is not None and any(m.startswith("layers/") for m in met):
        extra = [n for n in layers.names() if f"layers/{n}" not in met and _holds_arrays(layers.child(n))]
    if extra and not skip_mismatch:
        raise root.error(f"holds weights that the model has no layers for: {extra[:5]}. Is it of another model? "
                         "load_weights(..., skip_mismatch=True) loads what fits.")


def _holds_arrays(node):
    own = node.child("vars") if node is not None else None
    return own is not None and bool(own.arrays())


def _load_one(obj, store, path, root):
    """Whether the file holds what this object needs; FileError where it holds something else."""
    from fastdl.layers.layer import Layer
    from fastdl.metrics import Metric
    if type(obj).__name__ == "SeedGenerator":
        if "0" in store and store.shape("0") == tuple(obj.state.shape):
            obj.state.numpy()[...] = store["0"]
        return True
    if isinstance(obj, Metric) and not hasattr(obj, "load_own_variables"):
        if len(store) == len(obj.variables):
            for k, v in enumerate(obj.variables):
                v.assign(store.node.array(str(k), v.shape))
        return True
    if isinstance(obj, Layer) and type(obj).load_own_variables is Layer.load_own_variables:
        own = obj._own_weights
        if not own and not len(store):
            return True
        if not len(store):
            return False
        if not own and not obj.built:
            raise root.error(f"holds weights of '{obj.name}', which has none yet: the model is not built. Call it on data, or "
                             "model.build(input_shape), before load_weights()", path)
        if len(own) != len(store):
            raise root.error(f"holds {len(store)} arrays; the layer '{obj.name}' ({type(obj).__name__}) has {len(own)} weights: "
                             f"{[(w.name, tuple(w.shape)) for w in own][:6]}", path)
        for k, v in enumerate(own):
            if str(k) not in store or store.shape(str(k)) != tuple(v.shape):
                raise root.error(f"has shape {store.shape(str(k)) if str(k) in store else None} for the weight {v.name!r} of layer "
                                 f"'{obj.name}'; the model wants {tuple(v.shape)}", f"{path}/vars/{k}")
        for k, v in enumerate(own):
            v.assign(np.asarray(store.node.array(str(k), v.shape), dtype=v.dtype))
        return True
    if len(store) or isinstance(obj, Layer):
        obj.load_own_variables(store)
    return True
