#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/formats: what `effnet convert` makes of checkpoints that others wrote, and of files that are none, cut or
hostile. Nothing here needs the frameworks: the files are written by hand. With them: check_frameworks.py."""

import contextlib
import io
import itertools
import json
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import zipfile
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
TOOL = str(Path(os.environ.get("EFFNET_BUILD_ROOT", ROOT / "build")) / "src" / "cli" / "effnet")
os.environ.setdefault("EFFNET_TOOL", TOOL)
sys.path[:0] = [str(ROOT / "models"), str(ROOT / "tests" / "golden")]
import card
import prove
import tool
from folder import Failure
from formats import graph, keras, onnx, pickles, pytorch, safetensors, savedmodel, source

convert = tool.module(ROOT / "models" / "convert")
MEMORY = 350 << 20  # bytes that a run may take, whatever the file's size
BOUND = 2e-5


class Global:
    """Pickles as a name of a module this test does not have."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Tensor:
    """Pickles as PyTorch's tensors do; @key names the storage of @count floats."""

    def __init__(self, key, count, shape, strides=None, offset=0):
        if strides is None:
            strides = tuple(int(np.prod(shape[i + 1:])) for i in range(len(shape)))
        self.args = (self, offset, shape, strides, False, {})
        self.key, self.count, self.written = key, count, False


class Pickler(pickle._Pickler):
    dispatch = dict(pickle._Pickler.dispatch)

    def save_named(self, item):
        self.write(b"c" + item.module.encode() + b"\n" + item.name.encode() + b"\n")

    def save_tensor(self, item):
        self.save_named(Global("torch._utils", "_rebuild_tensor_v2"))
        self.save((Storage(item), *item.args[1:]))
        self.write(b"R")

    dispatch[Global] = save_named
    dispatch[Tensor] = save_tensor

    def persistent_id(self, item):
        if isinstance(item, Storage):
            return ("storage", Global("torch", "FloatStorage"), item.tensor.key, "cpu", item.tensor.count, None)
        return None


class Storage:
    def __init__(self, tensor):
        self.tensor = tensor


def pickled(value):
    stream = io.BytesIO()
    Pickler(stream, 2).dump(value)
    return stream.getvalue()


def legacy(state, storages):
    """A file as PyTorch wrote it before 1.6; @state: bytes of a pickle."""
    head = b"".join(pickle.dumps(item, 2) for item in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    body = b"".join(len(data).to_bytes(8, "little") + data.tobytes() for data in storages.values())
    return head + state + pickle.dumps(list(storages), 2) + body


def zipped(state, storages, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("archive/data.pkl", state)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data.tobytes())
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


def default_model():
    """{name: float32 array} of the model that comes with the sources."""
    path = ROOT / "models" / "lite0" / "model.safetensors"
    return {name: tensor.array().astype("<f4") for name, tensor in safetensors.tensors_of(source.File(path)).items()}


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, data, name="x.pth"):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def read(self, data, name="x.pth"):
        """{name: array} of a PyTorch checkpoint."""
        found = pytorch.read(source.File(self.file(data, name)), lambda states, _: states[0])
        return {key: tensor.array() for key, tensor in found.tensors.items()}

    def convert(self, *words):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            convert.convert_checkpoint(convert.parse([*map(str, words), "--output", str(self.folder / "out")]))
        return said.getvalue()


class PickleTest(Case):
    def test_nothing_is_called(self):
        marker = self.folder / "ran"
        words = f"touch {marker}".encode()
        calls = {
            "REDUCE": b"cos\nsystem\n(S'" + words + b"'\ntR.",
            "INST": b"(S'" + words + b"'\nios\nsystem\n.",
            "OBJ": b"(cposix\nsystem\nS'" + words + b"'\no.",
            "NEWOBJ": b"\x80\2csubprocess\nPopen\n(S'" + words + b"'\nt\x81.",
            "STACK_GLOBAL": b"\x80\4\x8c\2os\x8c\6system\x93(S'" + words + b"'\ntR.",
            "builtins": b"cbuiltins\neval\n(S'open(\"" + str(marker).encode() + b"\", \"w\")'\ntR.",
            "getattr": b"cbuiltins\ngetattr\n(cbuiltins\ndict\nS'fromkeys'\ntR(S'a'\ntR.",
            "nested": b"}S'weights'\ncos\nsystem\n(S'" + words + b"'\ntRs.",
            "an unknown class": b"csome.module\nThing\n(S'" + words + b"'\ntR}S'x'\nI1\nsb.",
            "state": b"ccollections\nOrderedDict\n)R}S'__class__'\ncsome.module\nThing\nsb."}
        for name, code in calls.items():
            for data in (legacy(code, {}), zipped(code, {})):
                with self.subTest(name), self.assertRaises(Failure):
                    self.read(data)
        self.assertFalse(marker.exists())

    def test_the_test_would_see_a_call(self):
        marker = self.folder / "ran"
        pickle.loads(b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
        self.assertTrue(marker.exists())

    def test_bombs(self):
        deep = b"(" * 200_000 + b"t" * 200_000
        pairs = b"(I1\nt" + b"2\x86" * 40  # written out it would have a million million parts
        modules = b"\x80\2cm\nA\n)Rq\0" + b"".join(
            b"cm\nA\n)R}(" + b"".join(b"X\1\0\0\0%ch%c" % (97 + j, i) for j in range(10)) + b"ub" + b"q%c" % (i + 1)
            for i in range(13))
        for code in (b"\x80\2}r\xff\xff\xff\x7f.", b"\x80\5\x96\xff\xff\xff\xff\xff\xff\xff\x7f.", deep + b".",
                     b"}" + deep + b"I1\ns.", b"I" + b"9" * 10**6 + b"\n.", b"\x80\2\x8b\xff\xff\xff\x7f.",
                     b"]" + b"]q\0h\0h\0a0" * 10 + b".", b"\x80\4" + pairs + b"\x8c\1a\x93.", modules + b".",
                     b"ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n" + pairs
                     + b"X\3\0\0\0cpuK\6tQK\0K\6\x85K\1\x85tR."):
            start = time.monotonic()
            with self.subTest(code[:20]), contextlib.suppress(Failure):
                self.read(legacy(code, {}))
            self.assertLess(time.monotonic() - start, 20)

    def test_memory_of_many_parts(self):
        with self.assertRaisesRegex(Failure, "more parts"):
            pickles.OPERATIONS_MAX, kept = 1000, pickles.OPERATIONS_MAX
            try:
                self.read(legacy(b"N0" * 10**4 + b".", {}))
            finally:
                pickles.OPERATIONS_MAX = kept


class CheckpointTest(Case):
    def test_strides_and_bounds(self):
        numbers = np.arange(6, dtype="<f4")
        for wrap in (legacy, zipped, lambda *a: zipped(*a, zipfile.ZIP_DEFLATED)):
            found = self.read(wrap(pickled({"w": Tensor("0", 6, (3, 2), (1, 3))}), {"0": numbers}))
            np.testing.assert_array_equal(found["w"], numbers.reshape(2, 3).T)
        for offset, shape, strides in ((0, 6, (1,)), (0, (6,), 1), (1, (3, 2), (2, 1)), (0, (7,), (1,)), (-1, (2,), (1,)), (0, (2,), (-1,)),
                                       (0, (1 << 40,), (0,)), (0, ("a",), (1,))):
            with self.assertRaises(Failure):
                self.read(legacy(pickled({"w": Tensor("0", 6, shape, strides, offset)}), {"0": numbers}))

    def test_deflated_zeros(self):
        data = zipped(pickled({"w": Tensor("0", 1 << 22, (1 << 22,), (1,))}), {"0": np.zeros(1 << 22, "<f4")}, zipfile.ZIP_DEFLATED)
        self.assertLess(len(data), 1 << 17)
        with self.assertRaisesRegex(Failure, "unpack to more than 4 times"):
            self.read(data)

    def test_names_of_classes(self):
        for value, names in ((["cat", "dog"], ["cat", "dog"]), ({"dog": 1, "cat": 0}, ["cat", "dog"]), ({0: "cat"}, ["cat"]),
                             ({float("inf"): "cat"}, None), ({1: "cat"}, None), ([0, 1], None)):
            self.assertEqual(pytorch.names_of(value), names)

    def test_cut(self):
        """At each byte, what is read is whole or there is a sentence."""
        state, storages = pickled({"w": Tensor("0", 6, (6,))}), {"0": np.arange(6, dtype="<f4")}
        for whole in (legacy(state, storages), zipped(state, storages)):
            for n in range(1, len(whole)):
                with self.assertRaises(Failure):
                    self.read(whole[:n])

    def test_flipped(self):
        state, storages = pickled({"w": Tensor("0", 6, (6,))}), {"0": np.arange(6, dtype="<f4")}
        random = np.random.default_rng(1)
        for whole in (legacy(state, storages), zipped(state, storages)):
            for _ in range(300):
                data = bytearray(whole)
                for at in random.integers(0, len(data), 3):
                    data[at] = random.integers(0, 256)
                with contextlib.suppress(Failure):
                    self.read(bytes(data))

    def test_not_finite(self):
        with self.assertRaisesRegex(Failure, "not finite"):
            self.read(legacy(pickled({"w": Tensor("0", 2, (2,))}), {"0": np.array([1, np.nan], "<f4")}))

    def test_what_is_no_checkpoint(self):
        for name, data, word in (("a.pth", b"", "empty"), ("a.bin", b"hello world", "no checkpoint that is known"),
                                 ("a.zip", zipped(b"N.", {}).replace(b"data.pkl", b"data.txt"), "0 files data.pkl"),
                                 ("a.pt", pickle.dumps(1), "not of PyTorch"), ("a.onnx", b"\x08\x07\x12\x02ab", "without an input"),
                                 ("a.tflite", b"\x1c\0\0\0TFL3" + b"\0" * 9, "damaged"), ("a.index", b"x" * 90, "no index"),
                                 ("a.safetensors", b"\xff" * 99, "header"), ("a.index.json", b"{}", "no weight_map")):
            with self.subTest(name), self.assertRaisesRegex(Failure, word):
                self.convert(self.file(data, name))
        with self.assertRaisesRegex(Failure, "not there"):
            self.convert(self.folder / "nothing")
        self.assertFalse((self.folder / "out").exists())

    def test_folder_of_two(self):
        for name in ("a.pth", "b.pth"):
            (self.folder / "in").mkdir(exist_ok=True)
            self.file(legacy(pickled({}), {}), f"in/{name}")
        with self.assertRaisesRegex(Failure, r"2 checkpoints \(a.pth, b.pth\)"):
            self.convert(self.folder / "in")
        (self.folder / "in" / "model.safetensors.index.json").write_text('{"weight_map": {"w": "../a.pth"}}')
        with self.assertRaisesRegex(Failure, "not beside it"):
            self.convert(self.folder / "in")
        (self.folder / "in" / "model.safetensors.index.json").write_text('{"weight_map": {"w": "model.safetensors.index.json"}}')
        with self.assertRaisesRegex(Failure, "or an index"):
            self.convert(self.folder / "in")

    def test_numbers_of_the_card(self):
        card_ = json.loads((ROOT / "models" / "lite0" / "config.json").read_text())
        folder = self.folder / "in"
        folder.mkdir()
        (folder / "model.safetensors").symlink_to(ROOT / "models" / "lite0" / "model.safetensors")
        for place, change in (("effnet", {"bn_epsilon": "0.001"}), ("pretrained_cfg", {"mean": 0.5}),
                              ("pretrained_cfg", {"std": ["a"] * 3}), ("pretrained_cfg", {"mean": []})):
            (folder / "config.json").write_text(json.dumps({**card_, place: {**card_[place], **change}}))
            with self.subTest(change), self.assertRaisesRegex(Failure, "the card's .* expected"):
                self.convert(folder)
        self.assertFalse((self.folder / "out").exists())

    def test_large_files(self):
        """Four gigabytes, most of them holes: what is converted is read, the rest is not."""
        tensors = default_model()
        keys = {name: str(i) for i, name in enumerate(tensors)}
        big = 1 << 30
        state = pickled({"model": {name: Tensor(keys[name], array.size, array.shape) for name, array in tensors.items()},
                         "teacher": {"large": Tensor("big", big, (big,))}})
        path = self.file(legacy(state, {}).removesuffix(pickle.dumps([], 2)) + pickle.dumps([*keys.values(), "big"], 2))
        with path.open("ab") as stream:
            for array in tensors.values():
                stream.write(array.size.to_bytes(8, "little") + array.tobytes())
            stream.write(big.to_bytes(8, "little"))
            stream.truncate(stream.tell() + 4 * big)
        hollow = self.folder / "hollow.safetensors"
        header = json.dumps({"conv_stem.weight": {"dtype": "F32", "shape": [big], "data_offsets": [0, 4 * big]}}).encode()
        hollow.write_bytes(len(header).to_bytes(8, "little") + header)
        os.truncate(hollow, 8 + len(header) + 4 * big)
        other = self.file(b"\x80\2" + b"\n", "other.pth")
        os.truncate(other, 4 << 30)
        for source_path, code in ((path, 0), (hollow, 1), (other, 1)):
            done = subprocess.run([sys.executable, ROOT / "models" / "convert", source_path, "--no-proof", "--output",
                                   self.folder / "out"], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, "Traceback" in done.stderr), (code, False), done.stderr)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10, MEMORY)


# ---- an ONNX model of some other exporter ----------------------------------------------------------

def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor_proto(array, name=""):
    array = np.asarray(array)
    kind = {"float32": 1, "int64": 7}[str(array.dtype)]
    return b"".join(field(1, n) for n in array.shape) + field(2, kind) + field(8, name) + field(9, array.tobytes())


def node(kind, inputs, output, **attributes):
    text = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind)
    for name, value in attributes.items():
        if isinstance(value, np.ndarray):
            inner = field(5, tensor_proto(value)) + field(20, 4)
        elif isinstance(value, list):
            inner = b"".join(field(8, n) for n in value) + field(20, 7)
        else:
            inner = field({int: 3, float: 2, str: 4}[type(value)], value) + field(20, {int: 2, float: 1, str: 3}[type(value)])
        text += field(5, field(1, name) + inner)
    return field(1, text)


class OnnxWriter:
    """Lite0 as a graph: pixels in 0..255, constants as nodes, batch norm folded into the convolutions but for the
    stem's, which is a multiplication and an addition after it, the classifier a transposed Gemm, probabilities."""

    def __init__(self, tensors):
        self.tensors, self.nodes, self.last, self.count = tensors, bytearray(), "pixels", 0

    def constant(self, array):
        name = f"c{self.count}"
        self.count += 1
        self.nodes += node("Constant", [], name, value=np.ascontiguousarray(array))
        return name

    def add(self, kind, *more, **attributes):
        name = f"v{self.count}"
        self.count += 1
        self.nodes += node(kind, [self.last, *more], name, **attributes)
        self.last = name

    def layer(self, conv, norm, stride=1, clip=True, loose=False):
        weight = self.tensors[f"{conv}.weight"]
        gamma, beta, mean, variance = (self.tensors[f"{norm}.{part}"] for part in
                                       ("weight", "bias", "running_mean", "running_var"))
        scale = (gamma / np.sqrt(variance + 1e-3)).astype("<f4")
        shift = (beta - mean * scale).astype("<f4")
        options = {"strides": [stride] * 2, "auto_pad": "SAME_UPPER", "group": 1 if weight.shape[1] > 1 else len(weight)}
        if len(weight) > 1 and weight.shape[1] == 1 and weight.shape[2] == 1:
            options["group"] = 1
        if loose:
            self.add("Conv", self.constant(weight), **options)
            self.add("Mul", self.constant(scale.reshape(1, -1, 1, 1)))
            self.add("Add", self.constant(shift.reshape(1, -1, 1, 1)))
        else:
            self.add("Conv", self.constant(weight * scale.reshape(-1, 1, 1, 1)), self.constant(shift), **options)
        if clip:
            self.add("Clip", self.constant(np.float32(0)), self.constant(np.float32(6)))

    def write(self):
        self.add("Sub", self.constant(np.full((1, 3, 1, 1), 127, "<f4")))
        self.add("Div", self.constant(np.full((1, 3, 1, 1), 128, "<f4")))
        self.layer("_conv_stem", "_bn0", 2, loose=True)
        widths = []
        for index in itertools.count():
            start = f"_blocks.{index}."
            if f"{start}_depthwise_conv.weight" not in self.tensors:
                break
            skip = self.last
            if f"{start}_expand_conv.weight" in self.tensors:
                self.layer(start + "_expand_conv", start + "_bn0")
            self.layer(start + "_depthwise_conv", start + "_bn1", 2 if index in (1, 3, 5, 11) else 1)
            self.layer(start + "_project_conv", start + "_bn2", clip=False)
            widths.append(len(self.tensors[f"{start}_project_conv.weight"]))
            if index not in (1, 3, 5, 11) and len(widths) > 1 and widths[-1] == widths[-2]:
                self.add("Add", skip)
        self.layer("_conv_head", "_bn1")
        self.add("ReduceMean", axes=[2, 3], keepdims=0)
        matrix = self.constant(self.tensors["_fc.weight"])
        self.nodes += node("Transpose", [matrix], "turned", perm=[1, 0])
        self.add("Gemm", "turned", self.constant(self.tensors["_fc.bias"]))
        self.add("Softmax")
        shape = b"".join(field(1, field(1, n)) for n in (1, 3, 224, 224))
        given, answer = (field(1, name) + field(2, field(1, field(1, 1) + more))
                         for name, more in (("pixels", field(2, shape)), (self.last, b"")))
        made = bytes(self.nodes) + field(2, "other") + field(11, given) + field(12, answer)
        return field(1, 8) + field(2, "another exporter") + field(7, made) + field(8, field(2, 13))


class OnnxTest(Case):
    def test_another_exporter(self):
        effnet = tool.Effnet(TOOL)
        data = OnnxWriter(default_model()).write()
        said = self.convert(self.file(data, "other.onnx"))
        for words in ("variant   lite0", "classes   1000", "same  (certain: the graph)", "multiplied into the weights",
                      "mean 0.498,0.498,0.498 std 0.502,0.502,0.502  (certain"):
            self.assertIn(words, said)
        image = np.random.default_rng(3).normal(size=(1, 224, 224, 3))
        ours, expected = (effnet.run(image, "--model", model) for model in (self.folder / "out", ROOT / "models" / "lite0"))
        self.assertLess(np.linalg.norm(ours - expected) / np.linalg.norm(expected), BOUND)
        for at in np.random.default_rng(2).integers(1, len(data), 12):
            with self.assertRaises(Failure):
                self.convert(self.file(data[:at], "cut.onnx"), "--no-proof")

    def test_other_graphs(self):
        small = np.ones((4, 3, 3, 3), "<f4")
        for nodes, word in ((node("Relu", ["x"], "y"), "no convolutions"),
                            (node("Conv", ["x", "w"], "y", pads=[1] * 4), "not of the family"),
                            (node("Conv", ["x", "x"], "y"), "no constant weights"),
                            (node("Conv", ["x", "w"], "y", group=2, pads=[1] * 4), "2 groups"),
                            (node("Conv", ["x", "w"], "y"), "no padding"),
                            (node("Neg", ["x"], "z") + node("Conv", ["z", "w"], "y", pads=[1] * 4), "does not see its input")):
            model = nodes + field(5, tensor_proto(small, "w")) + field(11, field(1, "x"))
            with self.subTest(word), self.assertRaisesRegex(Failure, word):
                self.convert(self.file(field(1, 8) + field(2, "test") + field(7, model), "o.onnx"))

    def test_constants_that_grow(self):
        """Four million elements of four thousand, and 2^30 times as many by doubling."""
        row, column = np.ones((1, 2000), "<f4"), np.ones((2000, 1), "<f4")
        doubling = b"".join(node("Concat", [f"d{i}"] * 2, f"d{i + 1}", axis=0) for i in range(30))
        for nodes in (node("Add", ["row", "column"], "sum"), doubling):
            tensors = b"".join(field(5, tensor_proto(array, name)) for name, array in (("row", row), ("column", column), ("d0", column)))
            with self.subTest(nodes[:20]), self.assertRaisesRegex(Failure, "more constants than the file's size explains"):
                onnx.read(source.File(self.file(field(1, 8) + field(2, "t") + field(7, nodes + tensors + field(11, field(1, "x"))), "g.onnx")))

    def test_what_pixels_a_graph_expects(self):
        """By arithmetic on its input, else by the size of the stem's weights; sides even, so that SAME shows."""
        for factor, offset, weight, expected in ((1 / 64, -2, 1, (0.50196, 0.25098)), (2, -1, 1, (0.5, 0.5)),
                                                 (1, -127, 0.01, (0.49804, 1 / 255)), (1, 0, 0.001, (0, 1 / 255)), (1, 0, 1, None)):
            chain, found = graph.Chain("x"), source.Source("a graph", [])
            chain.scale("x", "y", factor, offset)
            chain.linear("y", "z", np.full((4, 3, 3, 3), weight, "<f4"), None, "stem", 2, (0, 1))
            chain.give(found)
            self.assertEqual(found.padding, "same")
            if expected is None:
                self.assertIsNone(found.mean)
            else:
                np.testing.assert_allclose((found.mean[0], found.std[0]), expected, atol=1e-5)

    def test_names_in_metadata(self):
        for value, names in (("cat,dog", ["cat", "dog"]), ("['cat', 'dog']", ["cat", "dog"]), ("{1: 'dog', 0: 'cat'}", ["cat", "dog"]),
                             ("{'dog': 1, 'cat': 0}", ["cat", "dog"]), ("{[]: 1}", ["{[]: 1}"]), ("{'cat': 'a'}", None)):
            model = field(14, field(1, "names") + field(2, value))
            found = source.Source("a graph", [])
            onnx.find_words(onnx.Message(model), found)
            self.assertEqual(found.labels, names)

    def test_external_data_stays_beside(self):
        proto = field(1, 4) + field(2, 1) + field(8, "w") + field(14, 1) + field(13, field(1, "location") + field(2, "../../etc/passwd"))
        model = node("Conv", ["x", "w"], "y") + field(5, proto) + field(11, field(1, "x"))
        with self.assertRaisesRegex(Failure, "beside the model"):
            onnx.read(source.File(self.file(field(1, 8) + field(2, "t") + field(7, model), "e.onnx")))


# ---- TensorFlow's checkpoints ----------------------------------------------------------------------

def table_file(entries):
    """An index of {key: value} in LevelDB's format, one block, without compression."""
    def packed(pairs):
        data = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in pairs)
        return data + bytes(4) + (1).to_bytes(4, "little")
    data = packed(sorted(entries.items()))
    out = data + b"\0" + bytes(4)
    index = packed([(b"\xff", varint(0) + varint(len(data)))])
    at = len(out)
    out += index + b"\0" + bytes(4)
    footer = varint(at) + varint(0) + varint(at) + varint(len(index))
    return out + footer.ljust(40, b"\0") + savedmodel.MAGIC


class TensorflowTest(Case):
    def test_tpu_checkpoint(self):
        """Lite0 under the names of the TPU code, averages beside the values of the last step."""
        tensors, entries, data = default_model(), {}, bytearray()
        named = {}
        norms = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
        for name, array in tensors.items():
            place, layer, part = ("", *name.split(".")) if not name.startswith("_blocks") else name.rsplit(".", 2)
            index = place.partition(".")[2]
            expands = f"{place}._expand_conv.weight" in tensors
            under = {"_conv_stem": "stem/conv2d", "_conv_head": "head/conv2d", "_fc": "head/dense",
                     "_bn0": "stem/tpu_batch_normalization", "_bn1": "head/tpu_batch_normalization"}.get(layer)
            if index:
                count = {"_bn0": 0, "_bn1": int(expands), "_bn2": 1 + int(expands)}.get(layer)
                under = f"blocks_{index}/" + (f"tpu_batch_normalization{f'_{count}' if count else ''}" if count is not None else
                                              {"_expand_conv": "conv2d", "_depthwise_conv": "depthwise_conv2d",
                                               "_project_conv": "conv2d_1" if expands else "conv2d"}[layer])
            if "batch_norm" in under:
                part = norms[part]
            elif part == "weight":
                depthwise = layer == "_depthwise_conv"
                array = array.T if array.ndim == 2 else array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
                part = "depthwise_kernel" if depthwise else "kernel"
            named[f"efficientnet-lite0/{under}/{part}"] = np.zeros_like(array) if part == "kernel" else array
            named[f"efficientnet-lite0/{under}/{part}/ExponentialMovingAverage"] = array
        for name, array in named.items():
            shape = b"".join(field(2, field(1, n)) for n in array.shape)
            entries[name.encode()] = field(1, 1) + field(2, shape) + field(4, len(data)) + field(5, array.nbytes)
            data += np.ascontiguousarray(array).tobytes()
        entries[b""] = field(1, 1)
        path = self.file(table_file(entries), "model.ckpt.index")
        self.file(data, "model.ckpt.data-00000-of-00001")
        said = self.convert(path, "--no-proof")
        self.assertIn("running average", said)
        effnet, image = tool.Effnet(TOOL), np.random.default_rng(3).normal(size=(1, 64, 64, 3))
        ours, expected = (effnet.run(image, "--model", model) for model in (self.folder / "out", ROOT / "models" / "lite0"))
        self.assertLess(np.linalg.norm(ours - expected) / np.linalg.norm(expected), BOUND)
        os.truncate(self.folder / "model.ckpt.data-00000-of-00001", 1000)
        with self.assertRaisesRegex(Failure, "is cut"):
            self.convert(path)

    def test_keras_without_h5py(self):
        with unittest.mock.patch.dict(sys.modules, {"h5py": None}), self.assertRaisesRegex(Failure, "python3-h5py"):
            keras.read(source.File(self.file(b"\x89HDF\r\n\x1a\n" + bytes(99), "k.h5")))


    def test_code_in_a_configuration(self):
        """It is seen wherever it stands, and the model that has it is not loaded for the proof."""
        for layer, code in (({"class_name": "Conv2D", "module": "keras.layers", "config": {"name": "stem_conv"}}, False),
                            ({"class_name": "Lambda", "config": {"function": ["4wEA", None, None]}}, True),
                            ({"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Lambda"}}}, True),
                            ({"class_name": "run", "module": "subprocess", "config": {}}, True)):
            data = json.dumps({"class_name": "Functional", "config": {"layers": [layer]}})
            self.assertEqual(keras.parse_config(data, "k.h5")[1], code)
        found = source.Source("a Keras model in HDF5", ["k.h5"])
        found.has_code = True
        with self.assertRaisesRegex(prove.Absent, "has code"):
            prove.run_keras(found, None)

    def test_a_library_that_crashes(self):
        file = source.File(self.file(b"\x89HDF\r\n\x1a\n" + bytes(99), "k.h5"))
        with unittest.mock.patch.object(keras, "read_one", lambda _: os.kill(os.getpid(), signal.SIGSEGV)), \
                self.assertRaisesRegex(Failure, r"k\.h5 is damaged: the HDF5 library cannot read it"):
            keras.rehearse(file)


class LabelsTest(Case):
    def test_forms(self):
        for text in ("cat\ndog\n", "\ufeffcat\r\ndog\n\n", "1 dog\n0 cat\n", "0: cat\n1: dog", "dog,1\ncat,0\n", '["cat", "dog"]',
                     '{"0": "cat", "1": "dog"}', '{"dog": 1, "cat": 0}', "{0: 'cat', 1: 'dog'}", "['cat', 'dog',]", "cat 0\ndog 1",
                     "[1] dog\n[0] cat", "0 -> cat\n1 -> dog", '"1","dog"\n"0","cat"', "'cat'\n'dog'", "- cat\n- 'dog'\n",
                     "n01440764 cat\nn01443537 dog\n", "n01443537 0 cat\nn01440764 1 dog\n", "1 n01440764 dog\n0 n01443537 cat", "0. cat\n1. dog"):
            with self.subTest(text):
                self.assertEqual(card.read_labels(self.file(text.encode(), "labels")), ["cat", "dog"])
        for names in (["7 up", "fanta"], ["gate 0", "gate 1"], ["12,5 mm", "large"], ["0", "1"], ["boeing 737", "airbus 320"]):
            self.assertEqual(card.read_labels(self.file("\n".join(names).encode(), "labels")), names)
        for text, word in ((b"7 up\n3 musketeers\n", "do not count"), (b"1: cat\n2: dog", "do not count"), (b"0: cat\ndog", "in some lines"),
                           (b"cat,0\ndog,0", "do not count"), (b"names: [cat, dog]", "YAML"), (b"{0: 'cat'", "broken"),
                           (b"n01443537 cat\nn01440764 dog", "order"), (b"n01440764 1 cat\nn01443537 2 dog", "do not count"),
                           (b"cat\n\ndog", "line 2"), (b"", "line 1"), (b"\xff\xfe", "UTF-8"), (b'{"cat": 5}', "no list"),
                           (b"[" * 10**5, "broken|no list"), (b'["cat", 1]', "no list")):
            with self.subTest(text[:20]), self.assertRaisesRegex(Failure, word):
                card.read_labels(self.file(text, "labels"))

    def test_numbers_of_options(self):
        self.assertEqual(card.triple("0.5", "mean"), [0.5] * 3)
        self.assertEqual(card.triple("127/255,0,1", "mean"), [127 / 255, 0, 1])
        for text in ("", "a", "1,2", "1/0", "__import__('os')"):
            with self.assertRaisesRegex(Failure, "expected one number or three"):
                card.triple(text, "mean")
        with self.assertRaisesRegex(Failure, "expected one number or three"):
            card.triple("0", "std")


class ToolTest(Case):
    def test_info_names_them(self):
        for name, data, kind in (("a.pth", zipped(b"N.", {}), "PyTorch"), ("b.pth", legacy(b"N.", {}), "before 1.6"),
                                 ("c.h5", b"\x89HDF\r\n\x1a\n" + bytes(99), "Keras"), ("d.tflite", b"\x1c\0\0\0TFL3" + bytes(9), "Lite"),
                                 ("e.onnx", b"\x08\x07\x12\x07pytorch", "ONNX")):
            done = subprocess.run([TOOL, "info", self.file(data, name)], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(kind, done.stderr)
            self.assertIn("effnet convert", done.stderr)

    def test_through_the_tool(self):
        done = subprocess.run([TOOL, "convert", ROOT / "models" / "lite0", "--output", self.folder / "out"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("variant   lite0  (certain", done.stdout)
        effnet = tool.Effnet(TOOL)
        labels = [json.loads((path / "config.json").read_text())["label_names"]
                  for path in (self.folder / "out", ROOT / "models" / "lite0")]
        self.assertEqual(*labels)
        self.assertIn("lite0", effnet("info", self.folder / "out"))


if __name__ == "__main__":
    unittest.main()
