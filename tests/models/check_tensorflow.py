#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_tensorflow.py EFFNET: tf.keras.applications' B0 with random weights, saved in each way that TensorFlow, Keras and the
converters to ONNX have, is converted, and TensorFlow's own answer to a picture is that of the converted model, as is the proof's. Needs
tensorflow; tf2onnx, onnxslim, onnx and onnxruntime for ONNX; tf-keras for Keras 2. Without tensorflow it is skipped."""

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(ROOT / "tests" / "golden"), str(ROOT / "models")]
os.environ.update(EFFNET_TOOL=os.path.abspath(sys.argv[1]), TF_CPP_MIN_LOG_LEVEL="3")
import tool

BOUND = 2e-5  # relative L2
CLASSES = 7
SIDE = 224
convert = tool.module(ROOT / "models" / "convert")
effnet = tool.Effnet(os.path.abspath(sys.argv[1]))


def build(keras):
    """B0 for CLASSES whose batch norms have statistics; its layers before the stem divide by 255."""
    random = np.random.default_rng(5)
    keras.utils.set_random_seed(5)
    network = keras.applications.EfficientNetB0(weights=None, classes=CLASSES)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.get_weights()[0].size
            layer.set_weights([random.uniform(0.7, 1.3, n), *random.normal(0, 0.3, (2, n)), random.uniform(0.5, 1.5, n)])
    return network


def freeze(tensorflow, network, path):
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    function = tensorflow.function(lambda pixels: network(pixels, training=False)).get_concrete_function(
        tensorflow.TensorSpec([1, SIDE, SIDE, 3], tensorflow.float32, name="pixels"))
    frozen = convert_variables_to_constants_v2(function)
    Path(path).write_bytes(frozen.graph.as_graph_def().SerializeToString())


def to_onnx(saved, path):
    subprocess.run([sys.executable, "-m", "tf2onnx.convert", "--saved-model", saved, "--output", path], check=True, capture_output=True)


def slim(path, out):
    subprocess.run([sys.executable, "-c", "import onnxslim, sys; onnxslim.slim(sys.argv[1], sys.argv[2])", path, out], check=True,
                   capture_output=True)


def optimize(path, out):
    """What ONNX Runtime saves: constants folded, batch norm fused."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = out
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check(what, path, picture, expected):
    said, folder = io.StringIO(), f"out-{what.replace(' ', '-')}"
    with contextlib.redirect_stdout(said):
        convert.convert_checkpoint(convert.parse([path, "--output", folder]))
    proof = next((line for line in said.getvalue().splitlines() if line.startswith("proof")), "")
    logits = effnet.run(picture / 255, "--model", folder)[0]
    found = np.exp(logits - logits.max())
    apart = np.linalg.norm(found / found.sum() - expected) / np.linalg.norm(expected)
    print(f"{what}: {apart:.1e} apart; {proof}", flush=True)
    return apart <= BOUND and "on the same input" in proof


def cases(tensorflow, keras, network):
    """(what, function that makes the file or folder of that name, the name)"""
    installed = importlib.util.find_spec
    if keras.__name__ == "tf_keras":
        yield "SavedModel of Keras 2", network.save, "keras2"
        return
    yield "SavedModel that Keras 3 exports", lambda path: network.export(path, verbose=False), "keras3"
    yield "SavedModel of TensorFlow", lambda path: tensorflow.saved_model.save(network, path), "tensorflow"
    yield "frozen graph", lambda path: freeze(tensorflow, network, path), "frozen.pb"
    yield "Keras 3", network.save, "b0.keras"
    if installed("h5py"):
        yield "HDF5 of Keras 3", network.save, "b0.h5"
    if installed("tf2onnx") and installed("onnxruntime"):
        yield "ONNX by tf2onnx", lambda path: to_onnx("keras3", path), "b0.onnx"
        yield "ONNX by Keras", lambda path: network.export(path, format="onnx", verbose=False), "keras.onnx"
        yield "ONNX by ONNX Runtime", lambda path: optimize("b0.onnx", path), "optimized.onnx"
        if installed("onnxslim"):
            yield "ONNX by onnxslim", lambda path: slim("b0.onnx", path), "slim.onnx"


def main():
    if importlib.util.find_spec("tensorflow") is None:
        tool.skip("no tensorflow in this environment")
    import keras
    import tensorflow
    picture = np.random.default_rng(9).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)
    wrong = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        both = [keras] + ([importlib.import_module("tf_keras")] if importlib.util.find_spec("tf_keras") else [])
        for package in both:
            network = build(package)
            expected = np.asarray(network(picture))[0]
            for what, make, path in cases(tensorflow, package, network):
                make(path)
                if not check(what, path, picture, expected):
                    wrong.append(what)
    if wrong:
        sys.exit(f"another answer than TensorFlow's, or no proof: {wrong}")


main()
