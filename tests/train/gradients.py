#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradients.py DUMP [--table]: gradients of the training graph against PyTorch's, of timm's models with batch
norms whose statistics are frozen: every weight, gamma, beta and bias of what is trained, relative to the
largest of its tensor. Needs the environment of tests/golden/venv.sh."""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "golden"))
import dialects  # noqa: E402
import synthetic  # noqa: E402

TOLERANCE = 1e-4
IMAGES, CLASSES = 4, 5
# (timm's model, side, first block that is trained)
CASES = [("tf_efficientnet_b0", 64, 15), ("efficientnet_b0", 64, 0), ("tf_efficientnet_lite0", 64, 0)]
TABLE = [("tf_efficientnet_b0", 224, 0), ("efficientnet_lite0", 224, 0), ("tf_efficientnet_b0", 75, 0),
         ("efficientnet_b0", 75, 9), ("tf_efficientnet_b4", 96, 0), ("efficientnet_lite2", 90, 3)]
# parts of timm's names by the kind of layer, in blocks with and without an expand layer
NAMES = {1: ("conv_pw", "bn1"), 2: ("conv_dw", "bn2"), 3: ("se.conv_reduce", None),
         4: ("se.conv_expand", None), 5: ("conv_pwl", "bn3"), 6: ("conv_head", "bn2"), 7: ("classifier", None)}
PLAIN = {2: ("conv_dw", "bn1"), 5: ("conv_pw", "bn2")}


def names(kind, stage, index, model):
    if stage < 0:
        conv, norm = NAMES[kind]
        return conv, norm
    plain = not hasattr(model.blocks[stage][index], "conv_pwl")
    conv, norm = (PLAIN if plain and kind in PLAIN else NAMES)[kind]
    before = f"blocks.{stage}.{index}."
    return before + conv, norm and before + norm


def check(dump, name, side, first):
    model = timm.create_model(name, num_classes=CLASSES).eval()
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    tensors = {key: torch.from_numpy(array) for key, array in synthetic.tensors(shapes, 3).items()}
    model.load_state_dict(tensors, strict=False)
    images = synthetic.image(3, side, side, images=IMAGES)
    dlogits = np.random.default_rng(1).standard_normal((IMAGES, CLASSES)).astype(np.float32)
    logits = model(torch.from_numpy(images).permute(0, 3, 1, 2))
    logits.backward(torch.from_numpy(dlogits))
    gradients = {key: value.grad.numpy() for key, value in model.named_parameters()}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        dialects.write_folder(folder, tensors, name, side, CLASSES)
        images.tofile(folder / "input")
        dlogits.tofile(folder / "dlogits")
        np.concatenate([tensors["classifier.weight"].numpy().ravel(), tensors["classifier.bias"].numpy()]).tofile(
            folder / "classifier")
        lines = subprocess.run([dump, folder, str(first), folder / "input", str(IMAGES), folder / "dlogits",
                                folder / "classifier", folder / "out"], check=True, capture_output=True,
                               text=True).stdout.splitlines()
        got = np.fromfile(folder / "out", np.float32)
    rows = [("logits", got[:IMAGES * CLASSES], logits.detach().numpy())]
    at = IMAGES * CLASSES
    for line in lines:
        kind, stage, index, size, out, has_norm = map(int, line.split())
        conv, norm = names(kind, stage, index, model)
        parts = [(conv + ".weight", size)]
        parts += [(norm + ".weight", out), (norm + ".bias", out)] if has_norm else [(conv + ".bias", out)]
        for key, n in parts:
            rows.append((key, got[at:at + n], gradients[key]))
            at += n
    assert at == len(got), (at, len(got))
    worst = max(rows, key=lambda row: error(*row[1:]))
    print(f"{name} at {side}, from block {first}: {len(rows)} tensors, the worst {worst[0]}: {error(*worst[1:]):.1e}")
    return error(*worst[1:])


def error(got, expected):
    return float(np.abs(got - expected.ravel()).max() / np.abs(expected).max())


def main():
    dump, table = sys.argv[1], "--table" in sys.argv
    torch.manual_seed(0)
    worst = max(check(dump, *case) for case in (TABLE if table else CASES))
    if not worst <= TOLERANCE:
        sys.exit(f"gradients differ by {worst:.1e} of the largest of their tensor; at most {TOLERANCE:.0e} was expected")


main()
