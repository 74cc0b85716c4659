# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frozen TensorFlow graphs (.pb): weights as constants among the operations, of TensorFlow 1 and 2; read without TensorFlow.

Lives here: what TensorFlow calls the operations, and how it lays out their weights and options. Invariant: layers
stand in the order of the computation, whatever the order of the nodes in the file. Elsewhere: arithmetic on
constants and on the input, onnx.py; SavedModels with variables, savedmodel.py. What the fields are: TensorFlow's
graph.proto, node_def.proto, attr_value.proto and tensor.proto.
"""

import math

import numpy as np

from folder import Failure, printable

from . import onnx
from .graph import Chain
from .protobuf import Message
from .source import ELEMENTS_MAX, Source, parsed

NUMBERS = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}
BFLOAT16 = 14
# Where a tensor without bytes has its numbers, by the type: a field.
LISTS = {1: 5, 2: 6, 3: 7, 4: 7, 5: 7, 6: 7, 9: 10, 10: 11, 19: 13, BFLOAT16: 13}
WHAT = "a frozen TensorFlow graph"
INPUT = "Place" "holder"
# Other names than those of ONNX for the same arithmetic.
SAME_AS = {"AddV2": "Add", "BiasAdd": "Add", "RealDiv": "Div", "ExpandDims": "Unsqueeze", "ConcatV2": "Concat", "StopGradient": "Identity",
           "Snapshot": "Identity", INPUT + "WithDefault": "Identity", "ReadVariableOp": "Identity", "Mean": "ReduceMean",
           "IdentityN": "Identity", "AvgPool": "AveragePool", "MirrorPad": "Pad", "PadV2": "Pad"}
UNARY = {"Rsqrt": lambda x: 1 / np.sqrt(x), "Square": np.square}


class Node:
    """As onnx.Node, of a NodeDef."""

    def __init__(self, message):
        self.name, self.type = message.text(1), message.text(2)
        self.kind = SAME_AS.get(self.type, self.type)
        self.inputs = [name.split(":")[0] for name in message.texts(3) if not name.startswith("^")]
        self.outputs = [self.name]
        self.attributes = {entry.text(1): Message(entry.one(2, b"")) for entry in message.messages(5)}

    def input(self, at):
        return self.inputs[at] if at < len(self.inputs) else ""

    def attribute(self, name):
        return self.attributes.get(name, Message(b""))

    def text(self, name):
        return self.attribute(name).text(2)

    def integer(self, name, otherwise):
        """A number, a truth or a type."""
        found = self.attribute(name)
        return next((found.integer(field) for field in (3, 5, 6) if found.all(field)), otherwise)

    def integers(self, name):
        return Message(self.attribute(name).one(1, b"")).integers(3)

    def number(self, name, otherwise):
        return (self.attribute(name).floats(4) or [otherwise])[-1]


class Graph(onnx.Graph):
    """@message: a GraphDef."""

    def __init__(self, file, message):
        self.file = file
        self.left = onnx.COMPUTED_FREE + onnx.COMPUTED_OF_BYTE * file.size
        self.constants = {}
        found = [Node(node) for node in message.messages(1)]
        if len(found) > onnx.NODES_MAX:
            raise ValueError("too many nodes")
        self.nodes = in_order(found, file)
        for one in found:
            if one.kind == "Const":
                self.constants[one.name] = self.tensor(Message(one.attribute("value").one(8, b"")), one.name)
        self.inputs = [one for one in self.nodes if one.type == INPUT]

    def tensor(self, message, name):
        """A TensorProto as a function that gives an array."""
        dims = [dim.integer(1) for dim in Message(message.one(2, b"")).messages(2)]
        kind, where = message.integer(1), f"{self.file.what}: constant {printable(name)}"
        count = math.prod(dims)
        if (kind not in NUMBERS and kind != BFLOAT16) or min(dims, default=0) < 0 or count > ELEMENTS_MAX:
            return lambda: self.refuse(where, kind, dims)

        def read():
            content, number = message.one(4), NUMBERS.get(kind, "<u2")
            if content is None and kind in (1, 2):
                array = np.frombuffer(b"".join(message.all(LISTS[kind])), number)
            elif content is None:
                array = np.array(message.integers(LISTS[kind]), "<i8")
                array = array.astype("<u2").view(number) if LISTS[kind] == 13 else array.astype(number)
            else:
                array = np.frombuffer(content, number)
            if kind == BFLOAT16:
                array = (array.astype("<u4") << 16).view("<f4")
            if content is None and array.size < count:  # the last number stands for all that follow, none for zeros
                self.left -= count
                if self.left < 0:
                    self.refuse(where, kind, dims)
                array = np.concatenate([array, np.full(count - array.size, array[-1] if array.size else 0, array.dtype)])
            if array.size != count:
                raise Failure(f"{where} has {array.size} elements, which is not its shape {dims}")
            return array.reshape(dims)
        return read


def in_order(nodes, file):
    """@nodes, each behind those that it reads."""
    named = {one.name: one for one in nodes}
    found, done = [], set()
    for first in nodes:
        waiting = [first] if first.name not in done else []
        path = set()
        while waiting:
            one = waiting[-1]
            before = [] if one.name in done else [named[name] for name in one.inputs if name in named and name not in done]
            if not before:
                waiting.pop()
                path.discard(one.name)
                found += [one] if one.name not in done else []
                done.add(one.name)
            elif one.name in path:
                raise Failure(f"{file.what} has a circle at its node {printable(one.name)}; expected a network without loops")
            else:
                path.add(one.name)
                waiting += before
    return found


def evaluate(node, values):
    """onnx.evaluate (), and what TensorFlow has beside it or gives as an input."""
    kind = node.kind
    if kind in UNARY:
        return UNARY[kind](values[0])
    if kind in ("Maximum", "Minimum"):
        return getattr(np, kind.lower())(*values[:2])
    if kind == "Cast":
        return values[0].astype(NUMBERS.get(node.integer("DstT", 1), "<f4"))
    if kind == "Transpose":
        return values[0].transpose([int(axis) for axis in values[1].reshape(-1)])
    if kind == "Unsqueeze":
        return np.expand_dims(values[0], int(values[1].reshape(-1)[0]))
    if kind == "Squeeze":
        return np.squeeze(values[0], tuple(node.integers("squeeze_dims")) or None)
    if kind == "Pack":
        return np.stack(values, node.integer("axis", 0))
    return onnx.evaluate(node, values) if kind not in ("Concat", "Flatten") else None


def fold_constant(graph, node):
    """As onnx.fold_constant ()."""
    if node.kind == "Const":
        return True
    if not node.inputs or not all(name in graph.constants for name in node.inputs):
        return False
    values = [graph.get(name) for name in node.inputs]
    graph.spend(node, max(onnx.computed(node, values), math.prod(np.broadcast_shapes(*map(np.shape, values[:2])))
                          if node.kind in ("Maximum", "Minimum") else 0))
    result = evaluate(node, values)
    if result is not None:
        graph.constants[node.name] = result
    return result is not None


class Walk(onnx.Walk):
    def __init__(self, graph, source):
        self.graph, self.source = graph, source
        self.chain = Chain(graph.inputs[0].name)
        self.padded, self.sigmoids = {}, {}

    def step(self, node):
        kind, target = node.kind, node.name
        if kind in ("Conv2D", "DepthwiseConv2dNative"):
            self.convolution(node)
        elif kind.startswith("FusedBatchNorm"):
            self.batch_norm(node)
        elif kind == "Pad":
            pads = self.constant(node, 1)
            height = 1 if pads is None or pads.shape != (4, 2) or pads[1].any() else 2
            self.padded[target] = "same" if pads is None or pads.shape != (4, 2) else tuple(map(int, pads[height]))
            self.chain.passes(node.input(0), target)
        elif kind == "Relu6":
            self.chain.activations.add("relu6")
        elif kind == "FusedConv2D" or kind.startswith("_Fused"):
            raise Failure(f"its node {printable(node.name)} ({printable(kind)}) is of a graph that was optimised for one machine; "
                          "freeze the original")
        else:
            super().step(node)

    def channels_first(self, node):
        return node.text("data_format") == "NCHW"

    def convolution(self, node):
        weight, name = self.constant(node, 1), printable(node.name)
        if weight is None or weight.ndim != 4:
            raise Failure(f"the convolution {name} has no constant weights of two dimensions")
        depthwise = node.kind != "Conv2D"
        if (depthwise and weight.shape[3] != 1) or any(n != 1 for n in node.integers("dilations")):
            raise Failure(f"the convolution {name} gives {weight.shape[3]} outputs a channel or is dilated; the family has "
                          "full and depthwise ones")
        strides = node.integers("strides") or [1] * 4
        self.chain.linear(node.input(0), node.name, weight.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)), None,
                          name, strides[2 if self.channels_first(node) else 1], self.pads(node, weight.shape[0]))

    def pads(self, node, kernel):
        padding, before = node.text("padding"), self.padded.get(node.input(0), (0, 0))
        if padding == "SAME" or before == "same":
            return "same"
        own = node.integers("explicit_paddings") if padding == "EXPLICIT" else []
        at = 4 if self.channels_first(node) else 2
        total = (before[0] + own[at], before[1] + own[at + 1]) if len(own) == 8 else before
        if kernel > 1 and sum(total) == 0:
            raise Failure(f"the convolution {printable(node.name)} has no padding; those of the family keep the size")
        return total

    def matrix(self, node):
        weight = self.constant(node, 1)
        if weight is None:
            return  # of two values that depend on the input
        if weight.ndim != 2 or node.integer("transpose_a", 0):
            raise Failure(f"the matrix {printable(node.name)} has shape {list(weight.shape)}; expected two dimensions")
        self.chain.linear(node.input(0), node.name, weight if node.integer("transpose_b", 0) else weight.T, None,
                          printable(node.name))

    def batch_norm(self, node):
        if node.integer("is_training", 1):
            raise Failure(f"the batch norm {printable(node.name)} computes its statistics of the picture, as in training; "
                          "freeze the graph of inference")
        super().batch_norm(node)


def input_size(node):
    """(height, width) of an input, where they are fixed."""
    dims = [dim.integer(1) for dim in Message(node.attribute("shape").one(7, b"")).messages(2)]
    if len(dims) != 4:
        return None
    sides = dims[1:3] if dims[3] in (1, 3) and dims[1] not in (1, 3) else dims[2:]
    return tuple(sides) if min(sides) > 0 else None


def scores_of(nodes):
    """What @nodes make of the classifier's numbers: "softmax", "sigmoid", or None."""
    named = {node.name: node for node in nodes}
    for node in nodes:
        if node.kind == "Softmax":
            return "softmax"
        before = named.get(node.input(0)) if node.kind == "Sigmoid" else None
        if before is not None and before.kind == "Add" and getattr(named.get(before.input(0)), "kind", "") == "MatMul":
            return "sigmoid"
    return None


def graph_of(file):
    """The bytes of the GraphDef: the file's, or those of a SavedModel's graph."""
    if file.path.name != "saved_model.pb":
        return memoryview(file.data)
    view = Message(Message(memoryview(file.data)).one(2, b"")).one(2, b"")
    found = Message(view)
    if not any(Node(node).type == INPUT for node in found.messages(1)) or Message(found.one(2, b"")).all(1):
        raise Failure(f"{file.what} is a SavedModel whose numbers are neither in variables/ nor in its graph, but in functions; save "
                      "it as .keras, .h5, .tflite or .onnx")
    return view


def parse(file):
    view = graph_of(file)
    graph = Graph(file, Message(view))
    source = Source(WHAT, [file.path])
    if not graph.inputs:
        raise Failure(f"{file.what} is a TensorFlow graph without an input: expected a node that pictures are fed to")
    source.size = input_size(graph.inputs[0])
    source.graph = view
    read = {name for node in graph.nodes for name in node.inputs}
    source.ends = (graph.inputs[0].name, [node.name for node in graph.nodes if node.name not in read and node.kind != "NoOp"][-1])
    if any(node.type in ("Variable", "VariableV2", "VarHandleOp") for node in graph.nodes):
        raise Failure(f"{file.what} has variables, whose numbers are in a checkpoint: convert that (model.ckpt.index), or freeze "
                      "the graph")
    walk = Walk(graph, source)
    for node in graph.nodes:
        if not fold_constant(graph, node):
            walk.step(node)
    walk.chain.scores = scores_of(graph.nodes)
    walk.chain.give(source)
    return source


def read(file):
    return parsed(file, parse, onnx.DAMAGE)
