#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_correction.py BIAS_DUMP: the biases that take back what rounding the weights does on average, of Lite0 and,
where its data is, of a trained B0, against PyTorch: batch norm's statistics integrated over +-8 deviations, gates from
PyTorch's own squeeze-excites, trunks summed along timm's modules. Needs the environment of venv.sh."""

import subprocess
import sys

import numpy as np
import timm
import torch
from safetensors.torch import load_file

import dialects
import tool

TOLERANCE = 1e-6  # of 1 + |bias|
torch.set_default_dtype(torch.float64)
Z = torch.linspace(-8, 8, 16001)
DENSITY = torch.exp(-Z * Z / 2) / torch.exp(-Z * Z / 2).sum()


def mean_after(norm, act):
    """E[act (N (beta, gamma^2))] of each channel."""
    return torch.stack([(act(beta + gamma * Z) * DENSITY).sum()
                        for beta, gamma in zip(norm.bias, norm.weight)])


def folded(conv, norm):
    """[out][in] as float32 holds them, and the bias."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = (conv.weight * scale[:, None, None, None]).float().double()
    return weight.flatten(1), norm.bias - norm.running_mean * scale


def rounded_bf16(weight):
    return weight.float().bfloat16().double()


def corrected(weight, bias, mean, rounded):
    return bias - (rounded(weight) - weight) @ mean


def block_biases(block, trunk, act, rounded):
    """The biases of a block's layers, and the means of its output."""
    wide = hasattr(block, "conv_pwl")
    inside, found = trunk, []
    if wide:
        found.append(corrected(*folded(block.conv_pw, block.bn1), trunk, rounded))
    norm, last, last_norm = ((block.bn2, block.conv_pwl, block.bn3) if wide
                             else (block.bn1, block.conv_pw, block.bn2))
    found.append(folded(block.conv_dw, norm)[1])
    inside = mean_after(norm, act)
    if isinstance(block.se, timm.layers.SqueezeExcite) or hasattr(block.se, "conv_reduce"):
        reduce, expand = block.se.conv_reduce, block.se.conv_expand
        squeezed = act(reduce.weight.flatten(1) @ inside + reduce.bias)
        found.append(corrected(reduce.weight.flatten(1), reduce.bias, inside, rounded))
        found.append(corrected(expand.weight.flatten(1), expand.bias, squeezed, rounded))
        inside = inside * torch.sigmoid(expand.weight.flatten(1) @ squeezed + expand.bias)
    found.append(corrected(*folded(last, last_norm), inside, rounded))
    return found, last_norm.bias + (trunk if block.has_skip else 0)


def expected(model, act, rounded):
    with torch.no_grad():
        found = [folded(model.conv_stem, model.bn1)[1]]
        trunk = mean_after(model.bn1, act)
        for block in (block for stage in model.blocks for block in stage):
            more, trunk = block_biases(block, trunk, act, rounded)
            found += more
        found.append(corrected(*folded(model.conv_head, model.bn2), trunk, rounded))
        found.append(corrected(model.classifier.weight, model.classifier.bias, mean_after(model.bn2, act), rounded))
    return torch.cat(found).numpy()


def check(program, file, name, variant, dialect, classes, act):
    model = timm.create_model(name, num_classes=classes).eval().double()
    tensors = load_file(file)
    names = {key for key in model.state_dict() if not key.endswith("num_batches_tracked")}
    model.load_state_dict({key: tensors[dialects.RENAME[dialect](key, names)].double() for key in names}, strict=False)
    plain, want = (expected(model, act, rounded) for rounded in (lambda weight: weight, rounded_bf16))
    done = subprocess.run([program, file, variant, str(classes), str(model.bn1.eps), "bf16"], stdout=subprocess.PIPE, check=True)
    found = np.frombuffer(done.stdout, np.float32)
    worst = (np.abs(found - want) / (1 + np.abs(want))).max()
    print(f"{variant}: {len(want)} biases, moved by up to {np.abs(want - plain).max():.1e}; within {worst:.1e} of PyTorch's")
    return len(found) == len(want) and worst <= TOLERANCE and np.abs(want - plain).max() > 100 * TOLERANCE


def main():
    program = sys.argv[1]
    results = [check(program, tool.ROOT / "models/lite0/model.safetensors", "tf_efficientnet_lite0", "lite0",
                     "lukemelas", 1000, torch.nn.functional.relu6)]
    trained = tool.DATA / "b0-one-logit/model.safetensors"
    if trained.exists():
        results.append(check(program, trained, "efficientnet_b0", "b0", "torchvision", 1, torch.nn.functional.silu))
    if not all(results):
        sys.exit("not the biases that PyTorch comes to")


main()
