"""A reader for the HDF5 that Keras writes, in Python alone: no byte of a file can reach code that is not checked here.

It knows the format's first version (superblock 0 and 1, groups as symbol tables, arrays in one piece, attributes of
numbers and strings) and refuses the rest: links to elsewhere, virtual and external data, filters, references.
"""
import numpy as np

from fastdl.errors import FileError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
TEXT_LIMIT = 64 << 20                                       # bytes of one string
NOWHERE = 2 ** 64 - 1
STEPS = 2_000_000                                           # records that a file may have looked at: endless loops end here
OTHERWISE = "Fix: if you trust the file, pass trusted=True, and h5py reads it; or save it again with Keras 3."
# IEEE's floats by their bytes: exponent at, its size, mantissa at, its size, bias.
FLOATS = {2: (10, 5, 0, 10, 15), 4: (23, 8, 0, 23, 127), 8: (52, 11, 0, 52, 1023)}


class File:
    """The bytes, and what is found in them by address."""

    def __init__(self, source, what):
        self.what, self.steps, self.headers, self.groups = what, 0, {}, {}
        if not isinstance(source, bytes):                   # read, not mapped: a file cut short meanwhile would kill the process
            with open(source, "rb") as f:
                source = f.read()
        self.data = source
        self.size = len(self.data)
        if self.bytes(0, 8) != SIGNATURE:
            raise FileError(f"{what} is no HDF5 file")
        version = self.number(8, 1)
        if version > 1:
            raise FileError(f"{what} uses a newer form of HDF5 (superblock {version}) than Keras writes. {OTHERWISE}")
        if (self.number(13, 1), self.number(14, 1)) != (8, 8):
            raise self.broken("sizes of addresses")
        at = 24 if version == 0 else 28
        if self.number(at, 8) != 0:
            raise self.broken("base address")
        self.root = self.number(at + 40, 8)

    def broken(self, where):
        return FileError(f"{self.what} is damaged: {where}")

    def bytes(self, at, n):
        self.steps += 1
        if self.steps > STEPS:
            raise self.broken("it leads in circles, or holds far too much")
        if not 0 <= at <= at + n <= self.size:
            raise self.broken(f"it points to bytes {at} to {at + n} of {self.size}")
        return self.data[at:at + n]

    def number(self, at, n):
        return int.from_bytes(self.bytes(at, n), "little")

    # ---- object headers
    def messages(self, address):
        """[(type, flags, address of the data, size)] of one object."""
        if address not in self.headers:
            if self.number(address, 1) != 1:
                raise FileError(f"{self.what} has an object header of a form that Keras does not write, or is damaged. {OTHERWISE}")
            blocks, found, done = [(address + 16, self.number(address + 8, 4))], [], set()
            while blocks:
                at, n = blocks.pop(0)
                if at in done:
                    raise self.broken("an object header continues in itself")
                done.add(at)
                self.bytes(at, n)
                end = at + n
                while at + 8 <= end:
                    kind, size, flags = self.number(at, 2), self.number(at + 2, 2), self.number(at + 4, 1)
                    if at + 8 + size > end:
                        raise self.broken("a message is longer than its header")
                    if kind == 0x10:
                        blocks.append((self.number(at + 8, 8), self.number(at + 16, 8)))
                    elif kind:
                        found.append((kind, flags, at + 8, size))
                    at += 8 + size
            self.headers[address] = found
        return self.headers[address]

    def message(self, address, kind):
        for k, flags, at, _ in self.messages(address):
            if k == kind:
                if flags & 2:
                    raise FileError(f"{self.what} shares parts between objects in a way that Keras does not. {OTHERWISE}")
                return at
        return None

    # ---- groups
    def members(self, address):
        """{name: (address of the object, is a link)} of a group, None where it is none. Read once: a model asks for each layer."""
        if address not in self.groups:
            self.groups[address] = self._members(address)
        return self.groups[address]

    def _linked(self, address):
        """The members of a group whose names are in other scripts: up to eight, one message each."""
        found = {}
        for kind, _, at, size in self.messages(address):
            if kind == 0x02:
                flags = self.number(at + 1, 1)
                if self.number(at + 2 + 8 * (flags & 1), 8) != NOWHERE:
                    raise FileError(f"{self.what} has a group of more than 8 names of which some are not in English letters. {OTHERWISE}")
            if kind != 0x06:
                continue
            end, flags = at + size, self.number(at + 1, 1)
            to = bool(flags & 8) and self.number(at + 2, 1) != 0
            at += 2 + bool(flags & 8) + 8 * bool(flags & 4) + bool(flags & 16)
            width = 1 << (flags & 3)
            length, at = self.number(at, width), at + width
            if at + length + (0 if to else 8) > end:
                raise self.broken("a name is longer than its message")
            try:
                name = self.bytes(at, length).decode("utf-8")
            except UnicodeDecodeError:
                raise self.broken("a name is no text") from None
            if name in found:
                raise self.broken(f"the name {name!a:.80} comes twice")
            found[name] = (NOWHERE, True) if to else (self.number(at + length, 8), False)
        return found

    def _members(self, address):
        at = self.message(address, 0x11)
        if at is None:
            return self._linked(address) if any(k in (0x02, 0x06) for k, *_ in self.messages(address)) else None
        tree, heap = self.number(at, 8), self.number(at + 8, 8)
        if self.bytes(heap, 4) != b"HEAP":
            raise self.broken("a group has no names")
        names, size = self.number(heap + 24, 8), self.number(heap + 8, 8)
        self.bytes(names, size)
        found, todo, done = {}, [tree], set()
        while todo:
            node = todo.pop()
            if node in done:
                raise self.broken("a group's tree leads in a circle")
            done.add(node)
            sign = self.bytes(node, 4)
            if sign == b"TREE" and self.number(node + 4, 1) == 0:
                todo += [self.number(node + 32 + 16 * k, 8) for k in range(self.number(node + 6, 2))]
            elif sign == b"SNOD":
                for k in range(self.number(node + 6, 2)):
                    entry = node + 8 + 40 * k
                    offset = self.number(entry, 8)
                    if offset >= size:
                        raise self.broken("a name lies outside its group")
                    raw = self.bytes(names + offset, min(size - offset, 4096))
                    name = raw.split(b"\0", 1)[0]
                    try:
                        name = name.decode("utf-8")
                    except UnicodeDecodeError:
                        raise self.broken("a name is no text") from None
                    if name in found:
                        raise self.broken(f"the name {name!a:.80} comes twice")
                    found[name] = self.number(entry + 8, 8), self.number(entry + 16, 4) == 2
            else:
                raise self.broken("a group's tree")
        return found

    # ---- types and shapes
    def space(self, at):
        """The shape, or None for nothing at all."""
        version, rank = self.number(at, 1), self.number(at + 1, 1)
        if version not in (1, 2) or rank > 32:
            raise self.broken("a shape")
        if version == 2 and self.number(at + 3, 1) == 2:
            return None
        start = at + (8 if version == 1 else 4)
        return tuple(self.number(start + 8 * k, 8) for k in range(rank))

    def kind(self, at):
        """("number", NumPy dtype), ("text", bytes of one) or ("words", 16): strings of any length, kept elsewhere."""
        head, bits, size = self.number(at, 1), self.number(at + 1, 3), self.number(at + 4, 4)
        order = ">" if bits & 1 else "<"
        if head & 15 == 0 and size in (1, 2, 4, 8) and self.number(at + 8, 2) == 0 and self.number(at + 10, 2) == 8 * size:
            return "number", np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}")
        if head & 15 == 1 and size in FLOATS and not bits & 64:
            layout = (*(self.number(at + k, 1) for k in (12, 13, 14, 15)), self.number(at + 16, 4))
            if layout == FLOATS[size] and self.number(at + 8, 2) == 0:
                return "number", np.dtype(f"{order}f{size}")
        if head & 15 == 3 and size:
            return "text", size
        if head & 15 == 9 and bits & 15 == 1 and size == 16:
            return "words", 16
        if head & 15 == 8 and size == 1:                    # how h5py writes bool
            return "number", np.dtype("bool")
        return "other", None

    def word(self, at):
        """One string of any length, from the heap that its 16 bytes point to."""
        length, heap, index = self.number(at, 4), self.number(at + 4, 8), self.number(at + 12, 4)
        if length == 0:
            return b""
        if self.bytes(heap, 4) != b"GCOL":
            raise self.broken("a text is not where it should be")
        place, end = heap + 16, heap + self.number(heap + 8, 8)
        while place + 16 <= end:
            number, size = self.number(place, 2), self.number(place + 8, 8)
            if number == index and index:
                if length > size or length > TEXT_LIMIT:
                    raise self.broken("a text is longer than its place")
                return self.bytes(place + 16, length)
            if number == 0:
                break
            place += 16 + (size + 7) // 8 * 8
        raise self.broken("a text is missing")

    def attributes(self, address):
        """{name: (kind, size or dtype, shape, address of the data)} of one object."""
        found = {}
        for k, flags, at, size in self.messages(address):
            if k == 0x15 and self.number(at + 2 + (2 if self.number(at + 1, 1) & 1 else 0), 8) != NOWHERE:
                raise FileError(f"{self.what} keeps attributes in a newer form than Keras writes. {OTHERWISE}")
            if k != 0x0C:
                continue
            version = self.number(at, 1)
            if version not in (1, 2, 3) or flags & 2 or version > 1 and self.number(at + 1, 1):
                raise self.broken("an attribute")
            sizes = [self.number(at + 2 + 2 * j, 2) for j in range(3)]
            start, parts = at + (9 if version == 3 else 8), []
            for n in sizes:
                parts.append(start)
                start += (n + 7) // 8 * 8 if version == 1 else n
            if start > at + size:
                raise self.broken("an attribute is longer than its place")
            try:
                name = self.bytes(parts[0], sizes[0]).split(b"\0", 1)[0].decode("utf-8")
            except UnicodeDecodeError:
                raise self.broken("an attribute's name is no text") from None
            found[name] = (*self.kind(parts[1]), self.space(parts[2]), start)
            shape = found[name][2]
            count = 1
            for s in shape or ():
                count *= s
            each = found[name][1] if found[name][0] in ("text", "words") else getattr(found[name][1], "itemsize", 0)
            if shape is not None and start + count * each > at + size:
                raise self.broken(f"the attribute {name!a:.80} is longer than its place")
        return found


def last_group(node, path):
    """(the last group but one of a path, the last name): paths are walked one name at a time, from any kind of node."""
    parts = [p for p in path.split("/") if p]
    for part in parts[:-1]:
        node = node.child(part)
        if node is None:
            return None, None
    return node, parts[-1] if parts else None


class Node:
    """A group of the file."""

    def __init__(self, file, address, path=""):
        self.file, self.address, self.path, self.what = file, address, path, file.what
        self._members = file.members(address)
        self._attributes = None

    def error(self, reason, name=""):
        return FileError(f"{self.what}: {self.path}{'/' if self.path and name else ''}{name!s:.200} {reason}")

    def _address(self, name):
        if self._members is None or name not in self._members:
            return None
        address, link = self._members[name]
        if link:
            raise self.error("is a link to elsewhere, which fastdl does not follow", name)
        return address

    def child(self, path):
        """The group at `path`, or None."""
        node, name = last_group(self, path)
        if node is None or name is None:
            return node
        address = node._address(name)
        if address is None or node._is_array(address):
            return None
        found = Node(self.file, address, f"{node.path}/{name}".lstrip("/"))
        return found if found._members is not None else None

    def _is_array(self, address):
        return any(k == 0x08 for k, *_ in self.file.messages(address))

    def names(self):
        return list(self._members or ())

    def arrays(self):
        """The names that are arrays, not groups."""
        return [n for n in self.names() if self._is_array(self._address(n))]

    def shape(self, name):
        address = self._address(name)
        at = None if address is None else self.file.message(address, 0x01)
        return None if at is None else self.file.space(at)

    def array(self, path, shape=None):
        """The array at `path`, of shape `shape` where that is known beforehand: memory is taken when the file holds every byte."""
        node, name = last_group(self, path)
        address = None if node is None or name is None else node._address(name)
        if address is None or not node._is_array(address):
            raise self.error("is no array of this file", path)
        file, found = self.file, node.shape(name)
        if found is None:
            raise self.error("is empty", path)
        if shape is not None and found != tuple(shape):
            raise self.error(f"has shape {found}; the model wants {tuple(shape)}", path)
        if file.message(address, 0x07) is not None:
            raise self.error("keeps its data in another file, which fastdl does not open", path)
        at = file.message(address, 0x03)
        kind, dtype = file.kind(at) if at is not None else ("other", None)
        if kind != "number":
            raise self.error("holds no plain numbers", path)
        count = 1
        for s in found:
            count *= s
        nbytes, layout = count * dtype.itemsize, file.message(address, 0x08)
        version, form = file.number(layout, 1), file.number(layout + 1, 1)
        if version != 3 or form not in (0, 1):
            raise self.error(f"is stored in pieces (or virtually), as Keras does not. {OTHERWISE}", path)
        start, stored = (layout + 4, file.number(layout + 2, 2)) if form == 0 else (file.number(layout + 2, 8), file.number(layout + 10, 8))
        if not count:
            return np.zeros(found, dtype.newbyteorder("="))
        if start == NOWHERE or stored < nbytes:
            raise self.error(f"claims {nbytes} bytes but stores {0 if start == NOWHERE else stored}", path)
        made = np.frombuffer(file.bytes(start, nbytes), dtype).reshape(found)
        if dtype == bool:
            made = np.frombuffer(file.bytes(start, nbytes), "u1").reshape(found) != 0
        return made.astype(made.dtype.newbyteorder("="))    # a copy, in this machine's byte order

    # ---- attributes
    def _attribute(self, name):
        if self._attributes is None:
            self._attributes = self.file.attributes(self.address)
        return self._attributes.get(name)

    def has(self, name):
        return self._attribute(name) is not None

    def texts(self, name):
        """An attribute that is an array of strings, also where Keras had to cut it into name0, name1, ..."""
        if self.has(name):
            return self._texts(name)
        made, k = [], 0
        while self.has(f"{name}{k}"):
            made, k = made + self._texts(f"{name}{k}"), k + 1
        return made

    def _texts(self, name):
        kind, size, shape, at = self._attribute(name)
        count = 1
        for s in shape if shape is not None else (0,):
            count *= s
        if not count:
            return []
        if kind not in ("text", "words") or len(shape) > 1:
            raise self.error("must be a list of names", f"attribute {name}")
        made, total = [], 0
        for k in range(count):
            raw = self.file.word(at + 16 * k) if kind == "words" else self.file.bytes(at + size * k, size).split(b"\0", 1)[0]
            total += len(raw)
            if total > TEXT_LIMIT:
                raise self.error("holds more than 64 MiB", f"attribute {name}")
            try:
                made.append(raw.decode("utf-8"))
            except UnicodeDecodeError:
                raise self.error("is no UTF-8 text", f"attribute {name}") from None
        return made

    def text(self, name):
        """An attribute that is one string, or None when there is none."""
        found = self._texts(name) if self.has(name) else []
        return found[0] if found else None
