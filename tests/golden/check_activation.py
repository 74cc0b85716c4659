#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_activation.py EFFNET: scores against PyTorch's sigmoid and softmax of its own model's logits, for heads
of one class and of several, as the card, the tool's option or neither asks for. Needs the environment of venv.sh.
TAP on standard output."""
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

import dialects
import synthetic
import tool

TOLERANCE = 1e-4
ARCHITECTURE, SIDE, SEED = "tf_efficientnet_lite0", 224, 11

# (classes, what the card says, the tool's option, what PyTorch does)
CASES = [
    (1, {}, None, "sigmoid"),
    (1, {"problem_type": "single_label_classification"}, None, "sigmoid"),
    (1, {}, "softmax", "softmax"),
    (1, {"effnet": {"activation": "none"}}, None, "none"),
    (4, {}, None, "softmax"),
    (4, {"problem_type": None}, None, "softmax"),
    (4, {"problem_type": "single_label_classification"}, None, "softmax"),
    (4, {"problem_type": "multi_label_classification"}, None, "sigmoid"),
    (4, {"problem_type": "regression"}, None, "none"),
    (4, {"problem_type": "multi_label_classification", "effnet": {"activation": "softmax"}}, None, "softmax"),
    (4, {"problem_type": "multi_label_classification", "effnet": {"activation": "auto"}}, None, "sigmoid"),
    (4, {"effnet": {"activation": "sigmoid"}}, None, "sigmoid"),
    (4, {"effnet": {"activation": "sigmoid"}}, "auto", "sigmoid"),
    (4, {"effnet": {"activation": "sigmoid"}}, "none", "none"),
]
ACTIVATIONS = {"sigmoid": torch.sigmoid, "softmax": lambda x: torch.softmax(x, 1), "none": lambda x: x}


def reference(classes):
    """A model of @classes, and its tensors."""
    model = timm.create_model(ARCHITECTURE, num_classes=classes).eval()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    tensors = {name: torch.from_numpy(array) for name, array in synthetic.tensors(shapes, SEED).items()}
    model.load_state_dict(tensors, strict=False)
    return model, tensors


def pictures(folder):
    rng = np.random.default_rng(SEED)
    for i in range(3):
        path = folder / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((300, 260)).save(path)
        yield path


def main():
    effnet = tool.Effnet(sys.argv[1])
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = list(pictures(folder))
        models = {}
        for number, (classes, said, option, activation) in enumerate(CASES, 1):
            if classes not in models:
                models[classes] = reference(classes)
            model, tensors = models[classes]
            place = folder / f"model{number}"
            dialects.write_folder(place, tensors, ARCHITECTURE, SIDE, classes, said)
            inputs = np.stack([effnet.preprocess(path, "--model", place) for path in files])
            with torch.no_grad():
                logits = model(torch.from_numpy(inputs.reshape(3, SIDE, SIDE, 3)).permute(0, 3, 1, 2))
            expected = ACTIVATIONS[activation](logits).numpy()
            options = ["--model", place, "-p", "fp32"] + (["--activation", option] if option else [])
            found = effnet.probabilities(files, classes, *options)
            off = np.abs(found - expected).max() / max(1, np.abs(expected).max())
            good = off <= TOLERANCE and (activation != "sigmoid" or 1e-3 < np.ptp(expected))
            failed += not good
            print(f"{'ok' if good else 'not ok'} {number} - {classes} classes, card {json.dumps(said)}, option {option}: "
                  f"{activation}, off by {off:.1e}", flush=True)
    print(f"1..{len(CASES)}")
    sys.exit(failed > 0)


main()
