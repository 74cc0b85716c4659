#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_flowers.py EFFNET: a classifier trained by somebody else (a Lite0 with five classes, exported from
TensorFlow Lite in int8) gives the published logits of its weights, through the converted file. Needs numpy and
Pillow only."""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import tool

TOLERANCE = 1e-3  # of a logit
FOLDER = tool.DATA / "lite0-flowers"


def main():
    effnet = tool.Effnet(sys.argv[1])
    if not FOLDER.exists():
        tool.skip(f"no {FOLDER}")
    goldens = json.loads((FOLDER / "golden.json").read_text())
    cases = list(goldens["cases"].values())
    pictures = [FOLDER / Path(one["input"]).name for one in cases]
    expected = np.array([one["logits_float"] for one in cases])
    images = np.stack([np.asarray(Image.open(path).convert("RGB"), np.float32) - 127 for path in pictures])
    with tempfile.TemporaryDirectory() as model:
        os.environ["EFFNET_TOOL"] = os.path.abspath(sys.argv[1])
        convert = tool.module(tool.ROOT / "models" / "convert")
        convert.convert_checkpoint(convert.parse([str(FOLDER / "FlowerModel.tflite"), "--output", model]))
        names = json.loads((Path(model) / "config.json").read_text())["label_names"]
        if names != goldens["labels"]:
            sys.exit(f"labels {names}")
        logits = effnet.run(images, "--model", model)
        seen = np.concatenate([effnet.preprocess(path, "--model", model) for path in pictures])
        scores = effnet.probabilities(pictures, len(goldens["labels"]), "--model", model, "--precision",
                                      "fp32")
    error = np.abs(logits - expected).max()
    pixels = np.abs(seen - images).max()
    exponentials = np.exp(expected - expected.max(1, keepdims=True))
    score = np.abs(scores - exponentials / exponentials.sum(1, keepdims=True)).max()
    print(f"{len(cases)} pictures: logits within {error:.1e}, pixels within {pixels:.1e}, probabilities of "
          f"classify within {score:.1e}")
    if error > TOLERANCE or pixels > TOLERANCE or score > TOLERANCE:
        sys.exit(f"more than {TOLERANCE}")


main()
