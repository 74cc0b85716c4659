# SPDX-License-Identifier: LGPL-2.1-or-later
"""TensorFlow's checkpoints and SavedModels, TF-Hub's among them, read without TensorFlow.

Lives here: TensorFlow's table of tensors (an index in the format of LevelDB's tables, and files of data)
and the graph of objects that says what Keras calls a variable. Elsewhere: what Keras' names mean, keras.py;
protocol buffers, protobuf.py. What the fields are: TensorFlow's tensor_bundle.proto and
trackable_object_graph.proto.
"""

import json
import re

from folder import Failure, printable

from . import frozen, keras
from .protobuf import Message, varint
from .source import File, Source, stored

MAGIC = bytes.fromhex("57fb808b247547db")
FOOTER = 48
INDEX_MAX = 64 << 20  # bytes
DTYPES = {1: "F32", 2: "F64", 3: "I32", 5: "I16", 6: "I8", 9: "I64", 14: "BF16", 19: "F16"}
OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
DAMAGE = (ValueError, LookupError, OverflowError, TypeError, UnicodeDecodeError)
AVERAGE = "/ExponentialMovingAverage"


def block(view, offset, size):
    """[(key, value)] of a block of the table."""
    if offset + size + 5 > len(view):
        raise ValueError("a block reaches past the end")
    if view[offset + size] != 0:
        raise Failure("the checkpoint's index is compressed; save it again with TensorFlow 1.2 or later")
    data = view[offset:offset + size]
    restarts = int.from_bytes(data[-4:], "little")
    end, at, key, found = len(data) - 4 - 4 * restarts, 0, b"", []
    while at < end:
        shared, at = varint(data, at)
        own, at = varint(data, at)
        length, at = varint(data, at)
        key = key[:shared] + bytes(data[at:at + own])
        found.append((key, data[at + own:at + own + length]))
        at += own + length
    return found


def table(file):
    """{key: value} of an index file."""
    if file.size > INDEX_MAX:
        raise Failure(f"{file.what} has {file.size} bytes; expected the index of a checkpoint")
    view = memoryview(file.data)
    if file.size < FOOTER or bytes(view[-8:]) != MAGIC:
        raise Failure(f"{file.what} is no index of a TensorFlow checkpoint, or it is cut")
    footer = view[-FOOTER:]
    _, at = varint(footer, 0)
    _, at = varint(footer, at)
    offset, at = varint(footer, at)
    size, at = varint(footer, at)
    found = {}
    for _, handle in block(view, offset, size):
        begin, at = varint(handle, 0)
        length, _ = varint(handle, at)
        found.update((key.decode("utf-8", "replace"), value) for key, value in block(view, begin, length))
    return found


class Bundle:
    """@index: the path of NAME.index; its data are in NAME.data-00000-of-00001 and so on."""

    def __init__(self, index):
        self.file = File(index)
        self.entries = {key: Message(value) for key, value in table(self.file).items()}
        header = self.entries.pop("", None)
        if header is not None and header.integer(2) != 0:
            raise Failure(f"{self.file.what} is big-endian")
        self.shards = header.integer(1) if header is not None else 1
        self.opened = {}

    def bytes_of(self, key):
        entry = self.entries[key]
        shard = entry.integer(3)
        if shard not in self.opened:
            path = self.file.path.with_name(f"{self.file.path.stem}.data-{shard:05d}-of-{self.shards:05d}")
            if not path.exists():
                raise Failure(f"{path} is missing, which holds the numbers of {self.file.what}")
            self.opened[shard] = File(path)
        return self.opened[shard].part(entry.integer(4), entry.integer(5), printable(key))

    def tensor(self, key):
        """None for what is no number."""
        entry = self.entries[key]
        kind = DTYPES.get(entry.integer(1))
        if kind is None or entry.all(7):
            return None
        shape = [dim.integer(1) for dim in Message(entry.one(2, b"")).messages(2)]
        return stored(self.bytes_of(key), shape, kind, f"{self.file.what}: {printable(key)}")

    def names(self):
        """{name: key}: as the code that made them called the variables, where the objects' graph says it."""
        if OBJECTS not in self.entries:
            return {key: key for key in self.entries}
        data = self.bytes_of(OBJECTS)
        length, at = varint(data, 0)
        graph, found = Message(data[at + 4:at + 4 + length]), {}
        for node in graph.messages(1):
            for attribute in node.messages(2):
                key, name = attribute.text(3), attribute.text(2)
                if key in self.entries:
                    found[name if "/" in name else key.removesuffix(SUFFIX)] = key
        return found


# ---- names -----------------------------------------------------------------------------------------

def tpu_block(place):
    """("efficientnet-b0/blocks_3", its layers): names of the TPU code's layers into Keras'. The convolutions
    and batch norms of a block are counted in the order in which they are made."""
    block_number, layers = place
    convolutions = sorted((name for name in layers if re.fullmatch(r"conv2d(_\d+)?", name)), key=keras.number)
    norms = sorted((name for name in layers if "batch_normalization" in name), key=keras.number)
    order = (["expand"] if len(convolutions) > 1 else []) + ["dw", "project"]
    named = dict(zip([role for role in order if role != "dw"], convolutions))
    if "depthwise_conv2d" in layers:
        named["dw"] = "depthwise_conv2d"
    start = f"block{block_number}a_"
    found = {start + ("dwconv" if role == "dw" else f"{role}_conv"): layers[name] for role, name in named.items()}
    found.update({start + ("bn" if role == "dw" else f"{role}_bn"): layers[name] for role, name in zip(order, norms)})
    gates = sorted((name for name in layers if name.startswith("se/conv2d")), key=keras.number)
    found.update(zip((start + "se_reduce", start + "se_expand"), (layers[name] for name in gates)))
    return found


def from_tpu(layers):
    """The layers of the TPU code (efficientnet-b0/blocks_0/depthwise_conv2d) under Keras' names."""
    found, blocks = {}, {}
    for name, parts in layers.items():
        match = re.search(r"(?:^|/)(stem|head|blocks_(\d+))/(.+)$", name)
        if match is None:
            continue
        place, index, layer = match.groups()
        if index is not None:
            blocks.setdefault(int(index), {})[layer] = parts
        elif "batch_normalization" in layer:
            found["stem_bn" if place == "stem" else "top_bn"] = parts
        elif layer.startswith("conv2d"):
            found["stem_conv" if place == "stem" else "top_conv"] = parts
        else:
            found[layer] = parts
    for place in blocks.items():
        found.update(tpu_block(place))
    return found


def layers_of(bundle, source):
    """{layer: {part: Tensor}}; averages take the place of what they are of."""
    names = bundle.names()
    averaged = [name for name in names if name.endswith(AVERAGE)]
    if averaged:
        source.notes.append("the running average of its weights is taken")
    found, long = {}, {}
    for name, key in names.items():
        if name.endswith(AVERAGE) or "optimizer" in name.lower() or ".OPTIMIZER_SLOT" in key:
            continue
        if re.search(r"/(Momentum|RMSProp(_\d)?|Adam(_\d)?|m|v)$", name):
            continue
        tensor = bundle.tensor(names.get(name + AVERAGE, key))
        if tensor is None:
            continue
        layer, part = keras.parts_of(name)
        found.setdefault(layer, {})[part] = tensor
        long.setdefault(name.rpartition("/")[0], {})[part] = tensor
    tpu = from_tpu(long)
    return tpu if "stem_conv" in tpu else found


def configuration(folder):
    """What Keras 2 leaves beside a SavedModel: JSON within a protocol buffer."""
    path = folder / "keras_metadata.pb"
    if not path.exists():
        return None
    for node in Message(memoryview(File(path).data)).messages(1):
        for values in node.fields.values():
            for value in values:
                if isinstance(value, int) or bytes(value[:1]) != b"{" or len(value) > keras.CONFIG_MAX:
                    continue
                try:
                    entry = json.loads(bytes(value))
                except ValueError:
                    continue
                if entry.get("class_name") in ("Functional", "Sequential", "Model"):
                    return entry.get("config")
    return None


def scores_of(path):
    """frozen.scores_of () of the graphs and functions in saved_model.pb."""
    for graph in (Message(meta.one(2, b"")) for meta in Message(memoryview(File(path).data)).messages(2)):
        functions = Message(graph.one(2, b"")).messages(1)
        for nodes in (graph.messages(1), *(function.messages(3) for function in functions)):
            found = frozen.scores_of([frozen.Node(node) for node in nodes])
            if found:
                return found
    return None


def read(index):
    """@index: the path of the index file: variables/variables.index, or model.ckpt.index."""
    what = printable(str(index))
    try:
        bundle = Bundle(index)
        source = Source("a TensorFlow checkpoint", [index])
        layers = layers_of(bundle, source)
        folder = index.parent.parent
        is_saved = (folder / "saved_model.pb").exists()
        if is_saved:
            source.what, source.paths, source.scores = "a TensorFlow SavedModel", [folder], scores_of(folder / "saved_model.pb")
        return keras.finish(bundle.file, source, layers, (configuration(folder) if is_saved else None) or {})
    except DAMAGE as error:
        raise Failure(f"{what} is damaged: {type(error).__name__}: {error}") from error
