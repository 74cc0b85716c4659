#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradients.py DUMP [--table]: gradients of the training graph against PyTorch's, of timm's models with batch
norms whose statistics are frozen: every weight, gamma, beta and bias of what is trained, relative to the
largest of its tensor. Where ReLU6 bends a gradient jumps, and which side an activation falls on is a matter of
rounding: inputs are drawn until none that is trained on falls near. Needs the environment of
tests/golden/venv.sh."""
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
CLASSES = 5
# (timm's model, side, first block that is trained, images)
CASES = [("tf_efficientnet_b0", 64, 15, 4), ("efficientnet_b0", 64, 0, 4), ("tf_efficientnet_lite0", 32, 0, 1),
         ("tf_efficientnet_lite0", 96, 15, 2), ("tf_efficientnetv2_b0", 64, 18, 2)]
TABLE = [("tf_efficientnet_b0", 224, 0, 4), ("tf_efficientnet_b0", 75, 0, 4), ("efficientnet_b0", 75, 9, 4),
         ("tf_efficientnet_b4", 96, 0, 4), ("efficientnet_lite0", 33, 0, 1), ("efficientnet_lite2", 64, 10, 2)]
NEAR, DRAWS = 1e-5, 50
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


def draw(model, side, first, images):
    """Inputs [images][side][side][3]; see the head of the file."""
    near = []
    blocks = [block for stage in model.blocks for block in stage][first:]
    hooks = [module.register_forward_pre_hook(
        lambda _, x: near.append(int(((x[0].abs() < NEAR) | ((x[0] - 6).abs() < NEAR)).sum())))
        for part in [*blocks, model.bn2] for module in part.modules() if isinstance(module, torch.nn.ReLU6)]
    for seed in range(3, 3 + DRAWS):
        near.clear()
        drawn = synthetic.image(seed, side, side, images=images)
        with torch.no_grad():
            model(torch.from_numpy(drawn).permute(0, 3, 1, 2))
        if sum(near) == 0:
            break
    else:
        sys.exit(f"{model.default_cfg['architecture']}: every input drawn has an activation where ReLU6 bends")
    for hook in hooks:
        hook.remove()
    return drawn


def check(dump, name, side, first, n):
    model = timm.create_model(name, num_classes=CLASSES).eval()
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    tensors = {key: torch.from_numpy(array) for key, array in synthetic.tensors(shapes, 3).items()}
    model.load_state_dict(tensors, strict=False)
    images = draw(model, side, first, n)
    dlogits = np.random.default_rng(1).standard_normal((n, CLASSES)).astype(np.float32)
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
        lines = subprocess.run([dump, folder, str(first), folder / "input", str(n), folder / "dlogits",
                                folder / "classifier", folder / "out"], check=True, capture_output=True,
                               text=True).stdout.splitlines()
        got = np.fromfile(folder / "out", np.float32)
    rows = [("logits", got[:n * CLASSES], logits.detach().numpy())]
    at = n * CLASSES
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
