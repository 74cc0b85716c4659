#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_tflite.py EFFNET: TensorFlow Lite files of floats and of half precision, of a network with ReLU6 and one with swish and gates,
are converted; LiteRT's own answer is that of the converted model, as is the proof's. Needs ai-edge-litert and onnx, which
tests/bench/venv.sh installs; without them it is skipped."""

import contextlib
import importlib.util
import io
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("golden", "bench")] + [str(ROOT / "models")]
os.environ["EFFNET_TOOL"] = os.path.abspath(sys.argv[1])
import tool

if importlib.util.find_spec("ai_edge_litert") is None:
    tool.skip("no ai-edge-litert in this environment")
import network
import tflite_file
from ai_edge_litert.interpreter import Interpreter

BOUND = 2e-5  # relative L2
convert = tool.module(ROOT / "models" / "convert")
effnet = tool.Effnet(os.path.abspath(sys.argv[1]))


class Half(tflite_file.File):
    """Weights in half precision, each before a DEQUANTIZE, as TensorFlow's converter writes them."""

    def constant(self, array, name):
        if array.dtype == np.int32:
            return super().constant(array, name)
        half = self.tensor(array.shape, f"{name}.half", tflite_file.schema.TensorType.FLOAT16,
                           self.buffer(np.ascontiguousarray(array.astype(np.float16)).tobytes()))
        return self.operator(tflite_file.OP.DEQUANTIZE, [half], self.tensor(array.shape, name))


def answer(path, picture):
    run = Interpreter(model_path=path)
    run.allocate_tensors()
    run.set_tensor(run.get_input_details()[0]["index"], picture)
    run.invoke()
    return run.get_tensor(run.get_output_details()[0]["index"])[0]


def check(variant, kind, path):
    net = network.build(effnet.program, variant)
    tflite_file.write(net, Path(path), kind)
    said, folder = io.StringIO(), f"out-{path}"
    with contextlib.redirect_stdout(said):
        convert.convert_checkpoint(convert.parse([path, "--variant", variant, "--output", folder]))
    proof = next((line for line in said.getvalue().splitlines() if line.startswith("proof")), "")
    picture = np.ascontiguousarray(net.image().reshape(1, net.size, net.size, 3), dtype=np.float32)
    expected, found = answer(path, picture), effnet.run(picture, "--model", folder)[0]
    apart = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    print(f"{variant}, {kind.__name__}: {apart:.1e} apart; {proof}", flush=True)
    return apart <= BOUND and "on the same input" in proof


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for variant in ("lite0", "b0"):
            for kind in (tflite_file.File, Half):
                if not check(variant, kind, f"{variant}-{kind.__name__}.tflite"):
                    wrong.append((variant, kind.__name__))
    if wrong:
        sys.exit(f"another answer than LiteRT's, or no proof: {wrong}")


main()
