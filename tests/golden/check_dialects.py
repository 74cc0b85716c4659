#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_dialects.py EFFNET: model folders and bare files as timm, torchvision, lukemelas' package and Transformers write
them, in F32, F16 and BF16, opened with nothing said that the file or card does not say: padding, epsilon,
classes and names must be found out. Needs the environment of venv.sh."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file

import dialects
import synthetic
import tool

TOLERANCE = 2e-5  # relative L2
SEED = 3

# (dialect, the card's architecture or "bare VARIANT", builder of the reference, side, classes, dtype)
CASES = [
    ("timm", "efficientnet_b0", "efficientnet_b0", 224, 1000, torch.float32),
    ("timm", "tf_efficientnet_b0", "tf_efficientnet_b0", 224, 11, torch.float32),
    ("timm", "efficientnet_b2", "efficientnet_b2", 256, 1000, torch.float16),
    ("timm", "tf_efficientnet_lite0", "tf_efficientnet_lite0", 224, 1000, torch.bfloat16),
    ("timm", "efficientnet_lite1", "efficientnet_lite1", 240, 3, torch.float32),
    ("timm", "bare b1", "efficientnet_b1", 240, 1000, torch.float32),
    ("torchvision", "efficientnet_b0", "torchvision b0", 224, 1000, torch.float32),
    ("torchvision", "efficientnet_b3", "torchvision b3", 300, 5, torch.float16),
    ("torchvision", "efficientnet_b5", "torchvision b5", 456, 1000, torch.float32),
    ("torchvision", "bare b0", "torchvision b0", 224, 1000, torch.float32),
    ("lukemelas", "efficientnet-b0", "tf_efficientnet_b0", 224, 1000, torch.float32),
    ("lukemelas", "efficientnet-b3", "tf_efficientnet_b3", 300, 2, torch.float32),
    ("lukemelas", "efficientnet-lite2", "tf_efficientnet_lite2", 260, 1000, torch.float16),
    ("transformers", "bare b0", "tf_efficientnet_b0", 224, 5, torch.float32),
    ("timm", "tf_efficientnetv2_b0", "tf_efficientnetv2_b0", 192, 1000, torch.float32),
    ("timm", "efficientnetv2_rw_t", "efficientnetv2_rw_t", 128, 7, torch.float16),
    ("timm", "efficientnet_es", "efficientnet_es", 224, 1000, torch.float32),
    ("torchvision", "efficientnet_v2_s", "torchvision v2_s", 128, 1000, torch.float32),
    ("lukemelas", "bare b1", "tf_efficientnet_b1", 240, 1000, torch.float32),
]


def build(name, classes):
    if name.startswith("torchvision"):
        return getattr(torchvision.models, f"efficientnet_{name.split()[1]}")(num_classes=classes).eval()
    return timm.create_model(name, num_classes=classes).eval()


def timm_names(builder, classes):
    """{name: shape} of timm's model of the same variant."""
    variant = builder.split()[-1]
    if builder.startswith("torchvision"):
        variant = "efficientnet" + (variant if variant.startswith("v2") else f"_{variant}")
    model = timm.create_model(variant, num_classes=classes)
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def write(folder, dialect, architecture, tensors, size, classes):
    """Arguments that open what was written."""
    named = dialects.renamed(tensors, dialect)
    if architecture.startswith("bare "):
        counters = {name.replace("running_mean", "num_batches_tracked"): torch.tensor(1000)
                    for name in named if name.endswith("running_mean")}
        save_file({**named, **counters}, folder / "weights.safetensors")
        return ["--model", folder / "weights.safetensors", "--variant", architecture.split()[1]]
    dialects.write_folder(folder, named, architecture, size, classes)
    return ["--model", folder]


def check(effnet, dialect, architecture, builder, size, classes, dtype):
    tensors = synthetic.tensors(timm_names(builder, classes), SEED)
    tensors = {name: torch.from_numpy(array).to(dtype) for name, array in tensors.items()}
    model = build(builder, classes)
    own = {name: value.float() for name, value in tensors.items()}
    if builder.startswith("torchvision"):
        own = dialects.renamed(own, "torchvision")
    lost = model.load_state_dict(own, strict=False)
    if lost.unexpected_keys or any(not name.endswith("num_batches_tracked") for name in lost.missing_keys):
        sys.exit(f"{builder}: {lost}")
    images = synthetic.image(SEED, size, size, images=2)
    with torch.no_grad():
        expected = model(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    with tempfile.TemporaryDirectory() as folder:
        found = effnet.run(images, *write(Path(folder), dialect, architecture, tensors, size, classes))
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    top = min(5, classes)
    same = (np.argsort(-found)[:, :top] == np.argsort(-expected)[:, :top]).all()
    print(f"{dialect:11} {architecture:22} {size} pixels, {classes:4} classes, {str(dtype)[6:]:8}: "
          f"relative L2 {error:.1e}, top-{top} {'same' if same else 'DIFFERENT'}", flush=True)
    return error <= TOLERANCE and same


def main():
    effnet = tool.Effnet(sys.argv[1])
    results = [check(effnet, *case) for case in CASES]
    if not all(results):
        sys.exit(f"{results.count(False)} of {len(results)} cases differ")


main()
