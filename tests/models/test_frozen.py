#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/formats/frozen.py: TensorFlow graphs with their weights in them, written by hand as TensorFlow 1 froze them, and graphs
that are none. With TensorFlow itself: check_tensorflow.py."""

import itertools
import struct
import subprocess
import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from test_formats import BOUND, ROOT, TOOL, Case, default_model, field, tool
from folder import Failure
from formats import frozen, savedmodel
from formats.protobuf import Message

INPUT = frozen.INPUT
FLOAT, INT = field(6, 1), field(6, 3)  # attributes that name a type


def shape_proto(shape):
    return b"".join(field(2, field(1, n)) for n in shape)


def constant_proto(array):
    return field(1, {"float32": 1, "int32": 3}[str(array.dtype)]) + field(2, shape_proto(array.shape)) + field(4, array.tobytes())


def attribute(value):
    """An AttrValue."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.ndarray):
        return field(8, constant_proto(value))
    if isinstance(value, list):
        return field(1, b"".join(field(3, n) for n in value))
    return field({bool: 5, int: 3, float: 4, str: 2}[type(value)], int(value) if isinstance(value, bool) else value)


def node(name, kind, inputs=(), **attributes):
    text = field(1, name) + field(2, kind) + b"".join(field(3, one) for one in inputs)
    return field(1, text + b"".join(field(5, field(1, key) + field(2, attribute(value))) for key, value in attributes.items()))


class Writer:
    """Lite0 as a graph of TensorFlow 1: pixels in 0..255, batch norm beside its convolutions but for the stem's, which is
    arithmetic, as its older graphs have it."""

    def __init__(self, tensors):
        self.tensors, self.nodes, self.last, self.count = tensors, [], "pixels", 0
        self.nodes.append(node("pixels", INPUT, dtype=FLOAT, shape=field(7, shape_proto((-1, 224, 224, 3)))))

    def constant(self, array):
        self.count += 1
        name = f"c{self.count}"
        kind = INT if array.dtype == np.int32 else FLOAT
        self.nodes += [node(name, "Const", value=np.ascontiguousarray(array).reshape(array.shape), dtype=kind),
                       node(f"{name}/read", "Identity", [name], T=kind)]
        return f"{name}/read"

    def add(self, kind, *inputs, **attributes):
        self.count += 1
        self.last = f"n{self.count}"
        self.nodes.append(node(self.last, kind, inputs, T=FLOAT, **attributes))
        return self.last

    def layer(self, conv, norm, stride=1, clip=True, loose=False):
        weight, before = self.tensors[f"{conv}.weight"], self.last
        depthwise = weight.shape[1] == 1 and weight.shape[2] > 1
        kernel = self.constant(weight.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0)))
        self.add("DepthwiseConv2dNative" if depthwise else "Conv2D", before, kernel, strides=[1, stride, stride, 1],
                 padding="SAME", data_format="NHWC")
        parts = [self.tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
        convolved = self.last
        if loose:
            gamma, beta, mean, variance = (self.constant(part) for part in parts)
            root = self.add("Rsqrt", self.add("AddV2", variance, self.constant(np.float32(1e-3))))
            factor = self.add("Mul", root, gamma)
            shift = self.add("Sub", beta, self.add("Mul", mean, factor))
            self.add("AddV2", self.add("Mul", convolved, factor), shift)
        else:
            self.add("FusedBatchNormV3", convolved, *(self.constant(part) for part in parts), epsilon=1e-3, is_training=False,
                     U=FLOAT)
        if clip:
            self.add("Relu6", self.last)

    def write(self):
        self.add("Sub", "pixels", self.constant(np.float32([127] * 3)))
        self.add("RealDiv", self.last, self.constant(np.float32(128)))
        self.layer("_conv_stem", "_bn0", 2, loose=True)
        width = None
        for index in itertools.count():
            start = f"_blocks.{index}."
            if f"{start}_depthwise_conv.weight" not in self.tensors:
                break
            skip = self.last
            if f"{start}_expand_conv.weight" in self.tensors:
                self.layer(start + "_expand_conv", start + "_bn0")
            self.layer(start + "_depthwise_conv", start + "_bn1", 2 if index in (1, 3, 5, 11) else 1)
            self.layer(start + "_project_conv", start + "_bn2", clip=False)
            before, width = width, len(self.tensors[f"{start}_project_conv.weight"])
            if index not in (1, 3, 5, 11) and width == before:
                self.add("Add", self.last, skip)
        self.layer("_conv_head", "_bn1")
        self.add("Mean", self.last, self.constant(np.int32([1, 2])), Tidx=INT)
        self.add("MatMul", self.last, self.constant(self.tensors["_fc.weight"].T), transpose_b=False)
        self.add("BiasAdd", self.last, self.constant(self.tensors["_fc.bias"]))
        self.add("Softmax", self.last)
        return self.nodes


def meta(graph):
    """A SavedModel of @graph."""
    return field(1, 1) + field(2, field(2, graph))


class FrozenTest(Case):
    def test_as_tensorflow_1_froze_it(self):
        """In any order of its nodes, and as a SavedModel without variables."""
        nodes = Writer(default_model()).write()
        mixed = [nodes[i] for i in np.random.default_rng(4).permutation(len(nodes))]
        (self.folder / "saved").mkdir()
        effnet, image = tool.Effnet(TOOL), np.random.default_rng(3).normal(size=(1, 96, 96, 3))
        expected = effnet.run(image, "--model", ROOT / "models" / "lite0")
        for path in (self.file(b"".join(mixed), "any.pb"), self.file(meta(b"".join(nodes)), "saved/saved_model.pb").parent):
            said = self.convert(path)
            for words in ("a frozen TensorFlow graph", "variant   lite0", "same  (certain: the graph)", "input     224 x 224",
                          "mean 0.498,0.498,0.498 std 0.502,0.502,0.502  (certain", "classes   1000"):
                self.assertIn(words, said)
            ours = effnet.run(image, "--model", self.folder / "out")
            self.assertLess(np.linalg.norm(ours - expected) / np.linalg.norm(expected), BOUND)
        done = subprocess.run([TOOL, "info", self.folder / "any.pb"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "a TensorFlow graph.*effnet convert")
        whole = b"".join(nodes)
        for at in np.random.default_rng(2).integers(1, len(whole), 12):
            with self.assertRaises(Failure):
                self.convert(self.file(whole[:at], "cut.pb"), "--no-proof")

    def test_other_graphs(self):
        small = np.ones((3, 3, 3, 4), "<f4")
        given, weight = node("pixels", INPUT), node("w", "Const", value=small)
        conv = {"strides": [1, 2, 2, 1], "padding": "SAME"}
        for nodes, word in ((weight, "without an input"), (given + node("y", "Relu", ["pixels"]), "no convolutions"),
                            (given + weight + node("y", "Conv2D", ["pixels", "w"], **conv), "not of the family"),
                            (given + node("y", "Conv2D", ["pixels", "pixels"], **conv), "no constant weights"),
                            (given + weight + node("y", "Conv2D", ["pixels", "w"], padding="VALID"), "no padding"),
                            (given + node("v", "VarHandleOp"), "has variables"),
                            (given + node("a", "Relu", ["b"]) + node("b", "Relu", ["a"]), "a circle"),
                            (given + node("b", "FusedBatchNorm", ["pixels"] * 5, is_training=True), "as in training"),
                            (given + node("y", "_FusedConv2D", ["pixels"]), "optimised for one machine")):
            with self.subTest(word), self.assertRaisesRegex(Failure, word):
                self.convert(self.file(nodes, "o.pb"))
        (self.folder / "saved").mkdir()
        path = self.file(meta(given + field(2, field(1, b""))), "saved/saved_model.pb")
        with self.assertRaisesRegex(Failure, "but in functions"):
            self.convert(path.parent)

    def test_what_the_graph_makes_of_scores(self):
        """In the functions of a SavedModel as well; a swish is no classifier's end."""
        head = node("m", "MatMul", ["x", "w"]) + node("b", "BiasAdd", ["m:product:0", "c"])
        for more, scores in ((node("s", "Softmax", ["b:output:0"]), "softmax"), (node("s", "Sigmoid", ["b:output:0"]), "sigmoid"),
                             (node("s", "Sigmoid", ["x"]) + node("y", "Mul", ["x", "s"]), None)):
            function = b"".join(field(3, one) for one in Message(head + more).all(1))
            path = self.file(meta(field(2, field(1, function))), "saved_model.pb")
            self.assertEqual(savedmodel.scores_of(path), scores)

    def test_numbers_of_constants(self):
        """The last number stands for all that follow; none for zeros; a small file makes no gigabytes."""
        def graph(proto):
            file = frozen.onnx.File(self.file(node("c", "Const", value=field(8, proto)) + node("p", INPUT), "n.pb"))
            return frozen.Graph(file, Message(memoryview(file.data)))
        def kind(number, shape):
            return field(1, number) + field(2, shape_proto(shape))
        for proto, numbers in ((kind(1, (3,)) + field(5, struct.pack("<2f", 1, 2)), [1, 2, 2]), (kind(1, (2,)), [0, 0]),
                               (kind(3, (2,)) + field(7, -1), [-1, -1]), (kind(19, (1,)) + field(13, 0x3c00), [1]),
                               (kind(14, (1,)) + field(13, 0x3f80), [1]), (kind(2, ()) + field(6, struct.pack("<d", 3)), 3)):
            np.testing.assert_array_equal(graph(proto).get("c"), numbers)
        with self.assertRaisesRegex(Failure, "numbers of kind"):
            graph(kind(1, (1 << 27,))).get("c")
        with self.assertRaisesRegex(Failure, "has 3 elements"):
            graph(kind(1, (2,)) + field(4, bytes(12))).get("c")
        for damaged in (field(4, 1 << 40), field(4, bytes(5))):
            with self.assertRaises(frozen.onnx.DAMAGE):
                Message(damaged).floats(4)
        with self.assertRaises(frozen.onnx.DAMAGE):
            Message(field(3, 1 << 40)).texts(3)

    def test_nodes_that_read_another_many_times(self):
        many = 30_000
        nodes = b"".join(node(f"n{i}", "AddN", [f"n{i + 1}"] * many) for i in range(3))
        found = frozen.in_order([frozen.Node(one) for one in Message(nodes).messages(1)], None)
        self.assertEqual([one.name for one in found], ["n2", "n1", "n0"])


if __name__ == "__main__":
    unittest.main()
