# SPDX-License-Identifier: LGPL-2.1-or-later
"""ONNX models, of whatever exporter: constants folded, layers in the order of the graph. Needs no package.

Invariant: the file is mapped; of its weights only those that are folded are in memory. Elsewhere: what
becomes of the operations, graph.py.
"""

import ast
import math

import numpy as np

from folder import Failure, printable

from .graph import Chain, channel_vector
from .protobuf import Message
from .pytorch import names_of
from .source import ELEMENTS_MAX, File, Source, parsed

NUMBERS = {1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8", 16: "<u2"}
BFLOAT16 = 16
DAMAGE = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError, ZeroDivisionError)
PASSING = {"Identity", "Transpose", "Cast", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Slice",
           "GlobalAveragePool", "ReduceMean", "AveragePool", "QuantizeLinear", "DequantizeLinear"}
NODES_MAX = 200_000
# Elements that are computed of constants: so many for each byte of the files, and some for small ones.
COMPUTED_OF_BYTE, COMPUTED_FREE = 16, 1 << 20
BINARY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power}


class Graph:
    """@constants: {name: array or lazily read}. Values that depend on the input have no entry."""

    def __init__(self, file, model):
        self.file = file
        self.left = COMPUTED_FREE + COMPUTED_OF_BYTE * file.size
        graph = Message(model.one(7, b""))
        self.constants = {}
        self.nodes = [Node(message) for message in graph.messages(1)]
        if len(self.nodes) > NODES_MAX:
            raise ValueError("too many nodes")
        for message in graph.messages(5):
            self.constants[message.text(8)] = self.tensor(message)
        self.inputs = [Message(value) for value in graph.all(11)]
        self.inputs = [value for value in self.inputs if value.text(1) not in self.constants]

    def tensor(self, message):
        """A TensorProto as a function that gives an array."""
        dims, kind = message.integers(1), message.integer(2)
        count = int(np.prod(dims, dtype=object)) if dims else 1
        where = f"{self.file.what}: tensor {printable(message.text(8))}"
        if kind not in NUMBERS or min(dims, default=0) < 0 or count > ELEMENTS_MAX:
            return lambda: self.refuse(where, kind, dims)

        def read():
            if message.integer(14) == 1:
                array = self.external(message, where)
            elif message.all(9):
                array = np.frombuffer(message.one(9), NUMBERS[kind])
            elif kind == 1:
                array = np.array(message.floats(4), "<f4")
            elif kind == 7:
                array = np.array(message.integers(7), "<i8")
            elif kind == 11:
                array = np.frombuffer(b"".join(message.all(10)), "<f8")
            elif kind in (10, BFLOAT16):
                array = np.array(message.integers(5)).astype("<u2").view(NUMBERS[kind])
            else:
                array = np.array(message.integers(5)).astype(NUMBERS[kind])
            if array.size != count:
                raise Failure(f"{where} has {array.size} elements, which is not its shape {dims}")
            array = array.reshape(dims)
            return (array.astype("<u4") << 16).view("<f4") if kind == BFLOAT16 else array
        return read

    def external(self, message, where):
        """The part of a file beside this one."""
        entries = {entry.text(1): entry.text(2) for entry in message.messages(13)}
        name = entries.get("location", "")
        if not name or "/" in name or name.startswith("."):
            raise Failure(f"{where} lies in {printable(name)}; expected a file beside the model")
        path = self.file.path.parent / name
        if not path.exists():
            raise Failure(f"{where} lies in {printable(name)}, which is not beside the model")
        other = File(path)
        kind = NUMBERS[message.integer(2)]
        size = int(np.prod(message.integers(1), dtype=object)) * np.dtype(kind).itemsize
        part = other.part(int(entries.get("offset", "0")), size, where)
        self.left += COMPUTED_OF_BYTE * size
        return np.frombuffer(part, kind)

    def spend(self, node, count):
        """Before @count elements are computed: a small file asks for no gigabytes."""
        self.left -= count
        if self.left < 0:
            raise Failure(f"{self.file.what}: node {printable(node.name)} computes more constants than the file's size explains")

    @staticmethod
    def refuse(where, kind, dims):
        raise Failure(f"{where} has the shape {dims} and numbers of kind {kind}; expected floats of a network's size")

    def get(self, name):
        """The constant @name as an array; None when it depends on the input or there is none."""
        value = self.constants.get(name)
        if callable(value):
            value = self.constants[name] = value()
        return value


class Node:
    def __init__(self, message):
        self.inputs, self.outputs = message.texts(1), message.texts(2)
        self.name, self.kind = message.text(3) or (self.outputs or [""])[0], message.text(4)
        self.attributes = {attribute.text(1): attribute for attribute in message.messages(5)}

    def integer(self, name, otherwise):
        return self.attributes[name].integer(3) if name in self.attributes else otherwise

    def integers(self, name):
        return self.attributes[name].integers(8) if name in self.attributes else []

    def number(self, name, otherwise):
        values = self.attributes[name].floats(2) if name in self.attributes else []
        return values[-1] if values else otherwise

    def text(self, name):
        return self.attributes[name].text(4) if name in self.attributes else ""

    def input(self, at):
        return self.inputs[at] if at < len(self.inputs) else ""


# ---- constants -------------------------------------------------------------------------------------

def reshaped(array, shape):
    shape = [array.shape[i] if n == 0 else int(n) for i, n in enumerate(shape)]
    return array.reshape(shape)


def dequantized(node, values):
    array, scale = values[0].astype("<f4"), values[1]
    zero = values[2].astype("<f4") if len(values) > 2 and values[2] is not None else np.zeros_like(scale)
    axis = node.integer("axis", 1) if scale.size > 1 else 0
    shape = [-1 if i == axis % max(array.ndim, 1) else 1 for i in range(array.ndim)] if scale.size > 1 else []
    return (array - zero.reshape(shape)) * scale.reshape(shape)


def computed(node, values):
    """How many elements evaluate () makes at most; views of others are counted, too."""
    if node.kind in BINARY:
        return math.prod(np.broadcast_shapes(*map(np.shape, values[:2])))
    return sum(map(np.size, values))


def evaluate(node, values):
    """The result of an operation on constants; None for one that is not known."""
    kind = node.kind
    unary = {"Sqrt": np.sqrt, "Neg": np.negative, "Reciprocal": np.reciprocal, "Identity": lambda x: x}
    if kind in BINARY:
        return BINARY[kind](*values[:2])
    if kind in unary:
        return unary[kind](values[0])
    if kind == "Cast":
        return values[0].astype(NUMBERS.get(node.integer("to", 1), "<f4"))
    if kind == "Transpose":
        return values[0].transpose(node.integers("perm") or None)
    if kind == "Reshape":
        return reshaped(values[0], values[1].reshape(-1))
    if kind in ("Squeeze", "Unsqueeze"):
        axes = [int(axis) for axis in values[1]] if len(values) > 1 else node.integers("axes")
        return np.squeeze(values[0], tuple(axes) or None) if kind == "Squeeze" else np.expand_dims(values[0], tuple(axes))
    if kind == "Flatten":
        return values[0].reshape(int(np.prod(values[0].shape[:node.integer("axis", 1)])), -1)
    if kind == "Concat":
        return np.concatenate(values, node.integer("axis", 0))
    if kind == "DequantizeLinear":
        return dequantized(node, values)
    return None


def fold_constant(graph, node):
    """TRUE when @node depends on no input; its result is a constant then, where it is known."""
    if node.kind == "Constant":
        if "value" in node.attributes:
            graph.constants[node.outputs[0]] = graph.tensor(Message(node.attributes["value"].one(5, b"")))
        if "value_float" in node.attributes:
            graph.constants[node.outputs[0]] = np.float32(node.number("value_float", 0))
        if "value_ints" in node.attributes:
            graph.constants[node.outputs[0]] = np.array(node.integers("value_ints"))
        return True
    if not node.inputs or not all(not name or name in graph.constants for name in node.inputs):
        return False
    values = [graph.get(name) for name in node.inputs]
    if any(name and value is None for name, value in zip(node.inputs, values)):
        return False
    graph.spend(node, computed(node, values))
    result = evaluate(node, values)
    if result is not None:
        graph.constants[node.outputs[0]] = result
    return result is not None


# ---- operations on the input -----------------------------------------------------------------------

class Walk:
    def __init__(self, graph, source):
        self.graph, self.source = graph, source
        self.chain = Chain(graph.inputs[0].text(1))
        self.padded = {}  # value -> padding that stands before a convolution: (before, after) or "same"
        self.sigmoids = {}

    def constant(self, node, at):
        return self.graph.get(node.input(at)) if node.input(at) else None

    def step(self, node):
        kind, target = node.kind, node.outputs[0]
        if kind == "Conv":
            self.convolution(node)
        elif kind in ("Gemm", "MatMul"):
            self.matrix(node)
        elif kind == "BatchNormalization":
            self.batch_norm(node)
        elif kind in ("Add", "Sub", "Mul", "Div"):
            self.arithmetic(node)
        elif kind == "Pad":
            pads = self.constant(node, 1)
            pads = node.integers("pads") if pads is None else [int(n) for n in pads]
            self.padded[target] = (pads[2], pads[6]) if len(pads) == 8 else "same"
            self.chain.passes(node.input(0), target)
        elif kind == "Clip":
            top = self.constant(node, 2)
            top = node.number("max", 0) if top is None else float(top.reshape(-1)[0])
            self.chain.activations.update(["relu6"] if top == 6 else [])
        elif kind == "Sigmoid":
            self.sigmoids[target] = node.input(0)
        elif kind in ("Relu", "HardSwish"):
            self.chain.activations.add(kind.lower())
        elif kind == "Softmax":
            self.chain.scores = "softmax"
        elif kind in ("Swish", "Silu"):
            self.chain.activations.add("swish")
        elif kind in PASSING:
            self.chain.passes(node.input(0), target)
            if node.input(0) in self.padded:
                self.padded[target] = self.padded[node.input(0)]

    def pads(self, node, kernel):
        """What stands before and after the height, in the convolution and before it."""
        auto = node.text("auto_pad")
        if auto == "SAME_UPPER":
            return "same"
        if auto == "SAME_LOWER":
            raise Failure(f"the convolution {printable(node.name)} is padded SAME_LOWER; expected SAME_UPPER or numbers")
        own = node.integers("pads") or [0, 0, 0, 0]
        before = self.padded.get(node.input(0), (0, 0))
        if before == "same":
            return "same"
        total = (own[0] + before[0], own[2] + before[1])
        if kernel > 1 and sum(total) == 0:
            raise Failure(f"the convolution {printable(node.name)} has no padding; those of the family keep the size")
        return total

    def convolution(self, node):
        weight, bias = self.constant(node, 1), self.constant(node, 2)
        if weight is None or weight.ndim != 4:
            raise Failure(f"the convolution {printable(node.name)} has no constant weights of two dimensions")
        group = node.integer("group", 1)
        if group not in (1, weight.shape[0]) or any(n != 1 for n in node.integers("dilations")):
            raise Failure(f"the convolution {printable(node.name)} has {group} groups or is dilated; the family has full "
                          "and depthwise ones")
        stride = (node.integers("strides") or [1])[0]
        self.chain.linear(node.input(0), node.outputs[0], weight, bias, printable(node.name), stride,
                          self.pads(node, weight.shape[2]))

    def matrix(self, node):
        weight, bias = self.constant(node, 1), self.constant(node, 2) if node.kind == "Gemm" else None
        if weight is None:
            return  # of two values that depend on the input
        if weight.ndim != 2 or node.integer("transA", 0):
            raise Failure(f"the matrix {printable(node.name)} has shape {list(weight.shape)}; expected two dimensions")
        if node.kind == "MatMul" or not node.integer("transB", 0):
            weight = weight.T
        weight = weight * np.float32(node.number("alpha", 1))
        if bias is not None:
            bias = np.broadcast_to(bias.reshape(-1) * np.float32(node.number("beta", 1)), (weight.shape[0],))
        self.chain.linear(node.input(0), node.outputs[0], weight, bias, printable(node.name))

    def batch_norm(self, node):
        parts = [self.constant(node, at) for at in range(1, 5)]
        if any(part is None for part in parts):
            raise Failure(f"the batch norm {printable(node.name)} has no constant parts")
        self.chain.normalise(node.input(0), node.outputs[0], *parts, round(node.number("epsilon", 1e-5), 9))

    def arithmetic(self, node):
        target, kind = node.outputs[0], node.kind
        for at in (0, 1):
            value, other = self.constant(node, at), node.input(1 - at)
            if value is None:
                continue
            vector = channel_vector(value)
            if vector is None or (at == 0 and kind == "Div"):
                return
            factor = vector if kind == "Mul" else 1 / vector if kind == "Div" else -1.0 if kind == "Sub" and at == 0 else 1.0
            offset = vector if kind == "Add" or (kind == "Sub" and at == 0) else -vector if kind == "Sub" else 0.0
            self.chain.scale(other, target, factor, offset)
            return
        pair = [self.sigmoids.get(name) for name in node.inputs[:2]]
        if kind == "Mul" and (pair[0] == node.input(1) or pair[1] == node.input(0)):
            self.chain.activations.add("swish")


def input_size(value):
    """(height, width) of the graph's input, where it is fixed."""
    shape = Message(Message(Message(value.one(2, b"")).one(1, b"")).one(2, b""))
    dims = [Message(dim).integer(1) for dim in shape.all(1)]
    if len(dims) != 4:
        return None
    sides = dims[1:3] if dims[3] in (1, 3) and dims[1] not in (1, 3) else dims[2:]
    return tuple(sides) if min(sides) > 0 else None


def find_words(model, source):
    """Names of classes and of the network, where an exporter left them."""
    graph = Message(model.one(7, b""))
    source.names += [graph.text(2)]
    for entry in model.messages(14):
        key, value = entry.text(1), entry.text(2)
        if key in ("names", "labels", "classes", "class_names", "id2label") and len(value) < 1 << 20:
            try:
                found = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                found = value.split(",")
            source.labels = names_of([str(name) for name in found] if isinstance(found, (list, tuple)) else found)


def parse(file):
    model = Message(memoryview(file.data))
    graph = Graph(file, model)
    source = Source("an ONNX model", [file.path])
    if not graph.inputs:
        raise Failure(f"{file.what} is an ONNX model without an input")
    source.size = input_size(graph.inputs[0])
    find_words(model, source)
    walk = Walk(graph, source)
    for node in graph.nodes:
        if node.outputs and not fold_constant(graph, node):
            walk.step(node)
    last = graph.nodes[-1] if graph.nodes else None
    if last is not None and last.kind == "Sigmoid":
        walk.chain.scores = "sigmoid"
    walk.chain.give(source)
    return source


def read(file):
    return parsed(file, parse, DAMAGE)
