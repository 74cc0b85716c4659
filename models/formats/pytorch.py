# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints of PyTorch: the zip archives of 1.6 and later, TorchScript among them, and the format before.

Lives here: where a tensor's numbers stand, and which of the dicts in a checkpoint are states of networks:
plain ones, those of training scripts, Lightning and whole pickled modules. Needs no PyTorch. Elsewhere:
the pickles themselves, pickles.py; what the names mean, ../family.py.
"""

import io
import itertools
import struct
import zipfile
import zlib

import numpy as np

from folder import Failure, open_regular, printable

from . import pickles
from .source import DTYPES, Source, Tensor, parsed

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"Float": "F32", "Half": "F16", "BFloat16": "BF16", "Double": "F64", "Long": "I64", "Int": "I32",
            "Short": "I16", "Char": "I8", "Byte": "U8", "Bool": "BOOL"}
SCALARS = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64", "int64": "I64", "int32": "I32",
           "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL"}
# What reading bytes that are no checkpoint raises.
DAMAGE = (ValueError, TypeError, AttributeError, LookupError, EOFError, OverflowError, RuntimeError, OSError,
          zipfile.BadZipFile, zlib.error, NotImplementedError, struct.error)
UNPACKED_OF_BYTE, UNPACKED_FREE = 4, 1 << 20  # weights hardly shrink: bytes of deflated members for each of the file
DEPTH_MAX = 12  # of dicts within dicts
PLACES_MAX = 1_000_000  # of modules, each counted wherever it stands
SPEAKING = ("arch", "model_name", "architecture", "backbone", "encoder", "model", "net", "variant")
OPTIONS = ("args", "hyper_parameters", "hparams", "config", "cfg", "opt", "params", "meta")
LABELS = ("class_names", "classes", "label_names", "labels", "class_to_idx", "idx_to_class", "id2label", "label2id",
          "categories")


class Storage:
    """A run of numbers that tensors are views of. @data: () -> its bytes, set once it is known where they
    stand."""

    def __init__(self, dtype, count):
        self.dtype, self.count, self.data = dtype, count, None


class View:
    """A tensor of a checkpoint."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def check(self):
        """Every element within the storage, and no more elements than it has."""
        is_list = isinstance(self.shape, (tuple, list)) and isinstance(self.strides, (tuple, list))
        numbers = (self.offset, *self.shape, *self.strides) if is_list else (-1,)
        if not all(type(n) is int and n >= 0 for n in numbers) or len(self.shape) != len(self.strides):
            raise Failure("a tensor of the checkpoint has no shape")
        count, last = 1, self.offset
        for n, stride in zip(self.shape, self.strides):
            count *= n
            last += (n - 1) * stride
        if count and (last >= self.storage.count or count > self.storage.count):
            raise Failure("a tensor of the checkpoint reaches past its storage")

    def tensor(self, where):
        self.check()

        def read():
            dtype = np.dtype(DTYPES[self.storage.dtype])
            data = np.frombuffer(self.storage.data(), dtype)
            if data.size != self.storage.count:
                raise Failure(f"{where}: its storage is cut")
            return np.lib.stride_tricks.as_strided(data[self.offset:], self.shape,
                                                   [dtype.itemsize * stride for stride in self.strides])
        return Tensor(self.shape, self.storage.dtype, read, where)


class Builder:
    """What the calls in a checkpoint's pickle make."""

    def __init__(self):
        self.storages = {}

    def storage(self, reference):
        """("storage", type, key, place, elements)"""
        words = reference.words if isinstance(reference, pickles.Reference) else None
        if not isinstance(words, tuple) or len(words) < 5 or words[0] != "storage" \
                or (len(words) > 5 and words[5] is not None):
            raise Failure("the checkpoint holds a storage of an unknown kind")
        _, kind, key, _place, count = words[:5]
        name = kind.name.removesuffix("Storage") if isinstance(kind, pickles.Name) else "Untyped"
        dtype = STORAGES.get(name, "U8" if name == "Untyped" else None)
        if dtype is None:
            raise Failure(f"the checkpoint holds numbers of the kind {printable(name)}; expected floats")
        if type(count) is not int or count < 0 or not isinstance(key, (str, int)):
            raise Failure("the checkpoint holds a storage without a size or a name")
        return self.storages.setdefault(str(key), Storage(dtype, count))

    def __call__(self, name, args):
        where = f"{name.module}.{name.name}"
        if where == "collections.OrderedDict":
            pairs = args[0] if args and isinstance(args[0], list) else []
            return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and isinstance(pair[0], pickles.KEYS)}
        if where in ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"):
            return View(self.storage(args[0]), args[1], args[2], args[3])
        if where == "torch._utils._rebuild_tensor_v3":
            return self.rebuild_v3(*args)
        if where in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"):
            return args[0]
        if where == "torch._tensor._rebuild_from_type_v2" and isinstance(args[0], pickles.Name):
            return self(args[0], args[2])
        if where == "torch.Size":
            return tuple(args[0])
        return None

    def rebuild_v3(self, reference, offset, shape, strides, _grad, _hooks, dtype, *_):
        """The storage is of bytes, the tensor says of what."""
        storage = self.storage(reference)
        kind = SCALARS.get(dtype.name) if isinstance(dtype, pickles.Name) else None
        if kind is None:
            raise Failure("the checkpoint holds numbers of an unknown kind; expected floats")
        size = np.dtype(DTYPES[kind]).itemsize
        if storage.dtype == "U8":
            storage.dtype, storage.count = kind, storage.count // size
        return View(storage, offset, shape, strides)


# ---- the two containers ----------------------------------------------------------------------------

def read_zip(file, archive):
    names = [info for info in archive.infolist() if info.filename.split("/")[-1] == "data.pkl"]
    if len(names) != 1:
        raise Failure(f"{file.what} is a zip archive with {len(names)} files data.pkl; expected a checkpoint of PyTorch, "
                      "which has one")
    root = names[0].filename[:-len("data.pkl")]
    members = {info.filename: info for info in archive.infolist()}
    if names[0].file_size > pickles.BYTES_MAX:
        raise Failure(f"{file.what}: its data.pkl has {names[0].file_size} bytes; expected a list of tensors")
    order = members.get(root + "byteorder")
    if order is not None and order.file_size < 10 and archive.read(order) != b"little":
        raise Failure(f"{file.what} is big-endian; load it with PyTorch where it was made, and save it on this machine")
    builder = Builder()
    top = pickles.load(pickles.Limited(io.BytesIO(archive.read(names[0]))), builder)
    left = UNPACKED_FREE + UNPACKED_OF_BYTE * file.size
    for key, storage in builder.storages.items():
        info = members.get(f"{root}data/{key}") or members.get(f"{root}tensors/{key}")
        size = storage.count * np.dtype(DTYPES[storage.dtype]).itemsize
        if info is None or info.file_size < size:
            raise Failure(f"{file.what} is cut: storage {printable(key)} should have {size} bytes, there are "
                          f"{info.file_size if info else 'none'}")
        left -= size if info.compress_type != zipfile.ZIP_STORED else 0
        if left < 0:
            raise Failure(f"{file.what} has {file.size} bytes, and its tensors unpack to more than {UNPACKED_OF_BYTE} times as much; "
                          "expected weights, which hardly shrink")
        storage.data = member_reader(file, info, size)
    return top


def member_reader(file, info, size):
    """() -> the first @size bytes of a member, without a copy where it is stored as it is."""
    def read():
        head = file.part(info.header_offset, 30, info.filename)
        if bytes(head[:4]) != b"PK\3\4":
            raise Failure(f"{file.what} is damaged: {printable(info.filename)} is not where the archive says")
        if info.compress_type == zipfile.ZIP_STORED:
            name, extra = struct.unpack("<HH", head[26:30])
            return file.part(info.header_offset + 30 + name + extra, size, info.filename)
        with zipfile.ZipFile(file.path) as archive, archive.open(info) as stream:
            return stream.read(size)
    return read


def read_legacy(file):
    """Magic, version, system, object, keys as pickles; then for each key the number of elements (int64) and
    the elements."""
    with open_regular(file.path) as opened:
        return parse_legacy(file, opened)


def parse_legacy(file, opened):
    stream, builder = pickles.Limited(opened), Builder()
    if pickles.load(stream, builder) != LEGACY_MAGIC:
        raise Failure(f"{file.what} is a Python pickle, but not of PyTorch's format before 1.6")
    if pickles.load(stream, builder) != 1001:
        raise Failure(f"{file.what} has an unknown protocol version")
    if not pickles.load(stream, builder).get("little_endian"):
        raise Failure(f"{file.what} is big-endian; save it again with PyTorch 1.6 or later")
    top, keys = pickles.load(stream, builder), pickles.load(stream, builder)
    if not all(isinstance(key, (str, int)) for key in keys) or {str(key) for key in keys} != set(builder.storages):
        raise Failure(f"{file.what} does not name the storages its tensors lie in")
    at = opened.tell()
    for key in keys:
        storage = builder.storages[str(key)]
        size = storage.count * np.dtype(DTYPES[storage.dtype]).itemsize
        count = int.from_bytes(file.part(at, 8, f"storage {key}"), "little")
        view = file.part(at + 8, size, f"storage {key}")
        if count != storage.count:
            raise Failure(f"{file.what} is cut: storage {key} should have {storage.count} elements")
        storage.data = lambda view=view: view
        at += 8 + size
    return top


# ---- what is in it ---------------------------------------------------------------------------------

def entries(value):
    """{name: value} of a dict or of an object's state."""
    if isinstance(value, pickles.Opaque):
        value = value.state if isinstance(value.state, dict) else {}
        if isinstance(value.get("_modules"), dict):
            value = {**value, **value["_modules"], **(value.get("_parameters") or {}), **(value.get("_buffers") or {})}
    return {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def flatten(value, prefix, into, places, depth=0):
    """The tensors of a state, or of a pickled module and those in it. @places: a counter of the modules seen."""
    if next(places) >= PLACES_MAX:
        raise Failure("the checkpoint holds modules within each other that are more than any network has")
    for key, item in entries(value).items():
        name = f"{prefix}{key}"
        if isinstance(item, View):
            into.setdefault(name, item)
        elif isinstance(item, pickles.Opaque) and depth < DEPTH_MAX:
            flatten(item, name + ".", into, places, depth + 1)


def find_states(value, path="", depth=0, seen=None, places=None):
    """[(path, {name: View})] of the dicts and modules that hold tensors."""
    seen, places = (set(), itertools.count()) if seen is None else (seen, places)
    found = {}
    if id(value) in seen or depth > DEPTH_MAX:
        return []
    seen.add(id(value))
    flatten(value, "", found, places)
    if any(isinstance(item, View) for item in entries(value).values()) or isinstance(value, pickles.Opaque):
        if found:
            return [(path, found)]
    states = []
    for key, item in entries(value).items():
        states += find_states(item, f"{path}.{key}" if path else key, depth + 1, seen, places)
    return states


def find_words(value, source, depth=0):
    """What the checkpoint calls its network, and the names of its classes."""
    for key, item in entries(value).items():
        if key in SPEAKING and isinstance(item, str):
            source.names.append(item)
        if key in LABELS and source.labels is None:
            source.labels = names_of(item)
        if key in OPTIONS and depth < 2:
            find_words(item, source, depth + 1)


def names_of(value):
    """["cat", "dog"], {"cat": 0} or {0: "cat"} as a list in order; None for anything else."""
    if isinstance(value, dict):
        pairs = list(value.items())
        if all(type(number) is int for _, number in pairs):
            pairs = [(number, name) for name, number in pairs]
        try:
            pairs = sorted((int(number), name) for number, name in pairs)
        except (ValueError, TypeError, OverflowError):
            return None
        if [number for number, _ in pairs] != list(range(len(pairs))):
            return None
        value = [name for _, name in pairs]
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(name, str) for name in value):
        return None
    return list(value)


def read_all(file):
    """(what it is, the object in the file with its tensors as View)"""
    if file.head(2) != b"PK":
        return "a PyTorch checkpoint as before 1.6", read_legacy(file)
    with zipfile.ZipFile(file.path) as archive:
        return "a PyTorch checkpoint", read_zip(file, archive)


def read(file, choose):
    """@choose (states, source): picks one of [(path, {name: View})]."""
    what, top = parsed(file, read_all, DAMAGE)
    source = Source(what, [file.path])
    find_words(top, source)
    states = find_states(top)
    if not states:
        raise Failure(f"{file.what} is {what} without tensors")
    _, views = choose(states, source)
    source.tensors = {name: view.tensor(f"{file.what}: tensor {printable(name)}") for name, view in views.items()}
    return source
