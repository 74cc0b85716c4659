# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checks that drive the tool `effnet` share: finding data, calling it, loading references.

Elsewhere: what is right and how near is near enough; that is in each check.
"""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
DATA = Path(os.environ.get("EFFNET_TEST_DATA", ROOT / ".." / "shared" / "data"))
SKIPPED = 77


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def module(path):
    """A Python file without the suffix, as a module."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(path.name, str(path))
    made = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.name, loader))
    loader.exec_module(made)
    return made


class Effnet:
    """The tool at @program."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            sys.exit(f"effnet {' '.join(map(str, arguments[:8]))} ended with {done.returncode}:\n"
                     f"{done.stderr[-2000:]}")
        return done.stdout

    def run(self, images, *options):
        """Logits of float32 [N][H][W][3]."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "x.npy", Path(folder) / "y.npy"
            np.save(source, np.ascontiguousarray(images, np.float32))
            self("run", "--input", source, "--output", target, *options)
            return np.load(target)

    def preprocess(self, picture, *options):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "x.npy"
            self("preprocess", picture, "--output", target, *options)
            return np.load(target)

    def probabilities(self, pictures, classes, *options):
        """[N][classes] from the lines of `classify --json`."""
        out = np.zeros((len(pictures), classes))
        lines = self("classify", "--json", "--top-k", classes, *options, *pictures).splitlines()
        if len(lines) != len(pictures):
            sys.exit(f"{len(lines)} lines for {len(pictures)} pictures")
        for row, (line, picture) in enumerate(zip(lines, pictures)):
            result = json.loads(line)
            if result["source"] != str(picture):
                sys.exit(f"line {row} is of {result['source']}, expected {picture}")
            for entry in result["top"]:
                out[row, entry["id"]] = entry["score"]
        return out
