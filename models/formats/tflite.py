# SPDX-License-Identifier: LGPL-2.1-or-later
"""TensorFlow Lite models in floats, half precision and int8, read without TensorFlow.

Lives here: as much of FlatBuffers as such a file needs, the weights that integers stand for, and what the
input's quantisation, or the model's metadata, says of pixels. Elsewhere: what becomes of the operations,
graph.py. What the fields are: TensorFlow's schema.fbs and metadata_schema.fbs.
"""

import struct
import zipfile

import numpy as np

from folder import Failure, printable

from .graph import Chain, channel_vector
from .source import ELEMENTS_MAX, Source, parsed

NUMBERS = {0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8", 6: "?", 7: "<i2", 9: "i1"}
FLOAT32, INT8, UINT8 = 0, 9, 3
ADD, CONV, DEPTHWISE, DEQUANTIZE, DENSE, LOGISTIC, MUL, RELU, RELU6, SOFTMAX, PAD, SUB, DIV, QUANTIZE, HARD_SWISH = (
    0, 3, 4, 6, 9, 14, 18, 19, 21, 25, 34, 41, 42, 114, 117)
# reshape, mean, average pool, squeeze, transpose, cast
PASSING = {22, 40, 1, 43, 39, 53, DEQUANTIZE, QUANTIZE}
DAMAGE = (ValueError, TypeError, AttributeError, LookupError, OverflowError, struct.error, RecursionError, ZeroDivisionError)
LABELS_MAX = 1 << 20


class Table:
    """A table of a FlatBuffer. Fields count from 0 as in the schema."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.entries = at - struct.unpack_from("<i", data, at)[0]
        if at < 0 or self.entries < 0:
            raise ValueError("a table before the file's begin")
        self.size = struct.unpack_from("<H", data, self.entries)[0]

    def place(self, field):
        offset = 4 + 2 * field
        found = struct.unpack_from("<H", self.data, self.entries + offset)[0] if offset + 2 <= self.size else 0
        return self.at + found if found else None

    def number(self, field, kind, otherwise=0):
        at = self.place(field)
        return otherwise if at is None else struct.unpack_from("<" + kind, self.data, at)[0]

    def follow(self, at):
        return at + struct.unpack_from("<I", self.data, at)[0]

    def table(self, field):
        at = self.place(field)
        return None if at is None else Table(self.data, self.follow(at))

    def vector(self, field, kind):
        """Numbers of @kind as an array."""
        at = self.place(field)
        if at is None:
            return np.zeros(0, kind)
        at = self.follow(at)
        count = struct.unpack_from("<I", self.data, at)[0]
        return np.frombuffer(self.data, kind, count, at + 4)

    def tables(self, field):
        at = self.place(field)
        if at is None:
            return []
        at = self.follow(at)
        count = struct.unpack_from("<I", self.data, at)[0]
        if at + 4 + 4 * count > len(self.data):
            raise ValueError("a list reaches past the end")
        return [Table(self.data, self.follow(at + 4 + 4 * i)) for i in range(count)]

    def text(self, field):
        return self.vector(field, "u1").tobytes().decode("utf-8", "replace")


class Value:
    """A tensor of the graph."""

    def __init__(self, table, buffers):
        self.shape = [int(n) for n in table.vector(0, "<i4")]
        self.kind, self.name = table.number(1, "b"), table.text(3)
        buffer = table.number(2, "I")
        self.buffer = buffers[buffer] if buffer < len(buffers) else None
        quantization = table.table(4)
        self.scale = quantization.vector(2, "<f4").astype(float) if quantization else np.zeros(0)
        self.zero = quantization.vector(3, "<i8").astype(float) if quantization else np.zeros(0)
        self.axis = quantization.number(6, "i") if quantization else 0

    def array(self):
        """A constant as floats; None where it is computed."""
        data = self.buffer.vector(0, "u1") if self.buffer is not None else np.zeros(0, "u1")
        if data.size == 0:
            return None
        count = int(np.prod(self.shape, dtype=object)) if self.shape else 1
        if self.kind not in NUMBERS or count > ELEMENTS_MAX or data.size != count * np.dtype(NUMBERS[self.kind]).itemsize:
            raise Failure(f"tensor {printable(self.name)} has {data.size} bytes, which is not its shape {self.shape}")
        array = data.view(NUMBERS[self.kind]).reshape(self.shape).astype(float)
        if self.scale.size == 0:
            return array
        axis = [1] * array.ndim
        if self.scale.size > 1:
            axis[self.axis] = self.scale.size
        zero = self.zero if self.zero.size else np.zeros_like(self.scale)
        return (array - zero.reshape(axis)) * self.scale.reshape(axis)


# ---- operations ------------------------------------------------------------------------------------

class Walk:
    def __init__(self, values, source):
        self.values, self.source, self.chain = values, source, Chain(source)
        self.sigmoids, self.padded = {}, {}

    def step(self, kind, inputs, outputs, options):
        if kind in (CONV, DEPTHWISE):
            self.convolution(kind, inputs, outputs, options)
        elif kind == DENSE:
            weight, bias = self.constant(inputs, 1), self.constant(inputs, 2)
            if weight is not None:
                self.chain.linear(inputs[0], outputs[0], weight, bias, self.where(outputs))
        elif kind in (ADD, SUB, MUL, DIV):
            self.arithmetic(kind, inputs, outputs)
        elif kind == PAD:
            pads = self.constant(inputs, 1)
            self.padded[outputs[0]] = (int(pads[1][0]), int(pads[1][1])) if pads is not None and len(pads) == 4 else None
            self.chain.passes(inputs[0], outputs[0])
        elif kind == LOGISTIC:
            self.sigmoids[outputs[0]] = inputs[0]
        elif kind in (RELU, RELU6, HARD_SWISH):
            self.chain.activations.add({RELU: "relu", RELU6: "relu6"}.get(kind, "hardswish"))
        elif kind == SOFTMAX:
            self.chain.scores = "softmax"
        elif kind in PASSING:
            self.chain.passes(inputs[0], outputs[0])

    def where(self, outputs):
        return printable(self.values[outputs[0]].name)

    def constant(self, inputs, at):
        return self.values[inputs[at]].array() if at < len(inputs) and inputs[at] >= 0 else None

    def convolution(self, kind, inputs, outputs, options):
        weight, bias = self.constant(inputs, 1), self.constant(inputs, 2)
        if weight is None or weight.ndim != 4:
            raise Failure(f"the convolution {self.where(outputs)} has no constant weights of two dimensions")
        # [out][height][width][in]; depthwise [1][height][width][out]
        weight = weight.transpose(3, 0, 1, 2) if kind == DEPTHWISE else weight.transpose(0, 3, 1, 2)
        stride = options.number(2, "i", 1) if options else 1
        valid = options is not None and options.number(0, "b") == 1
        fused = options.number(4 if kind == DEPTHWISE else 3, "b") if options else 0
        pads = self.padded.get(inputs[0], (0, 0)) if valid else "same"
        if valid and weight.shape[2] > 1 and pads in ((0, 0), None):
            raise Failure(f"the convolution {self.where(outputs)} has no padding; those of the family keep the size")
        self.chain.activations.update({1: ["relu"], 3: ["relu6"]}.get(fused, []))
        self.chain.linear(inputs[0], outputs[0], weight, bias, self.where(outputs), stride, pads)

    def arithmetic(self, kind, inputs, outputs):
        for at in (0, 1):
            value, other = self.constant(inputs, at), inputs[1 - at]
            vector = channel_vector(value) if value is not None else None
            if vector is None or (kind in (SUB, DIV) and at == 0):
                continue
            factor = vector if kind == MUL else 1 / vector if kind == DIV else 1.0
            offset = vector if kind == ADD else -vector if kind == SUB else 0.0
            self.chain.scale(other, outputs[0], factor, offset)
            return
        if kind == MUL and any(self.sigmoids.get(a) == b for a, b in (inputs[:2], inputs[1::-1])):
            self.chain.activations.add("swish")


def codes_of(model):
    """The number of each kind of operation; old files have it in one byte."""
    return [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]


def is_computed_in_integers(value):
    return value.kind in (INT8, UINT8) and value.scale.size == 1


def find_pixels(model, values, inputs, walk, source):
    """What the graph gets of a pixel: by its own input's quantisation, or as the metadata says."""
    first = values[inputs[0]]
    if len(first.shape) == 4 and min(first.shape[1:3]) > 0:
        source.size = tuple(first.shape[1:3])
    if is_computed_in_integers(first):
        zero = first.zero[0] if first.zero.size else 0.0
        walk.chain.inputs[inputs[0]] = (np.full(3, first.scale[0]), np.full(3, -first.scale[0] * zero))
        walk.chain.given = (np.ones(3), np.full(3, -128.0 if first.kind == INT8 else 0.0))
        return
    found = normalization(model)
    if found is not None:
        mean, std = (np.resize(part, 3).astype(float) for part in found)
        walk.chain.given = (1 / std, -mean / std)


def normalization(model):
    """(mean, std) of pixels in 0..255 in TFLite's metadata: ProcessUnit of its NormalizationOptions."""
    for entry in model.tables(6):
        buffers = model.tables(4)
        index = entry.number(1, "I")
        if entry.text(0) != "TFLITE_METADATA" or index >= len(buffers):
            continue
        data = buffers[index].vector(0, "u1").tobytes()
        graphs = Table(data, struct.unpack_from("<I", data)[0]).tables(4)  # subgraph_metadata
        for tensor in graphs[0].tables(2)[:1] if graphs else []:  # input_tensor_metadata
            for unit in tensor.tables(4):  # process_units
                if unit.number(0, "B") == 1:  # NormalizationOptions
                    options = unit.table(1)
                    return options.vector(0, "<f4"), options.vector(1, "<f4")
    return None


def attached_labels(file):
    """The list of names that TFLite's metadata tools append as a zip archive."""
    try:
        with zipfile.ZipFile(file.path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".txt") and info.file_size < LABELS_MAX:
                    return archive.read(info).decode("utf-8", "replace").splitlines()
    except zipfile.BadZipFile:
        pass
    return None


def parse(file):
    data = file.data
    model = Table(data, struct.unpack_from("<I", data)[0])
    graphs, codes = model.tables(2), codes_of(model)
    if not graphs:
        raise Failure(f"{file.what} is a TensorFlow Lite model without a graph")
    buffers = model.tables(4)
    values = [Value(table, buffers) for table in graphs[0].tables(0)]
    inputs = [int(n) for n in graphs[0].vector(1, "<i4")]
    source = Source("a TensorFlow Lite model", [file.path])
    walk = Walk(values, inputs[0])
    find_pixels(model, values, inputs, walk, source)
    source.names += [graphs[0].text(4)]
    source.labels = attached_labels(file)
    for operator in graphs[0].tables(3):
        kind = codes[operator.number(0, "I")]
        ins, outs = ([int(n) for n in operator.vector(field, "<i4")] for field in (1, 2))
        if kind == DEQUANTIZE and (values[ins[0]].buffer is not None and values[ins[0]].array() is not None):
            values[outs[0]] = values[ins[0]]  # weights in half precision
            continue
        source.exact = source.exact and not (kind in (CONV, DEPTHWISE) and is_computed_in_integers(values[ins[0]]))
        walk.step(kind, ins, outs, operator.table(4))
    if walk.chain.scores is None and values and walk.sigmoids.get(int(graphs[0].vector(2, "<i4")[0])) is not None:
        walk.chain.scores = "sigmoid"
    walk.chain.give(source)
    return source


def read(file):
    return parsed(file, parse, DAMAGE)
