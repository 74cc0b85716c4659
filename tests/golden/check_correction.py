#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_correction.py BIAS_DUMP: the biases, in bf16 and int8, that take back what rounding the weights does on average,
of Lite0, of V2-B0 with synthetic weights and, where its data is, of a trained B0, against PyTorch: batch norm's statistics integrated over +-8
deviations, gates from PyTorch's own squeeze-excites, trunks summed along timm's modules. Needs the environment of venv.sh."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import timm
import torch
from safetensors.torch import load_file, save_file

import dialects
import synthetic
import tool

EARLY = 2  # blocks
LOW = -0.27846455  # the least that swish gives
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


def rounded_int8(weight):
    scale = (weight.float().abs().amax(1, keepdim=True) / 127).double()
    return torch.round(weight / scale.clamp(min=1e-30)).clamp(-127, 127) * scale  # a row may be all zero


def corrected(weight, bias, mean, rounded):
    return bias - (rounded(weight) - weight) @ mean


class Rounding:
    """How the weights of a layer are rounded: of int8 only those of pointwise convolutions, not of the first blocks, and of
    the classifier.
    What the digits of a project's input begin at, its bias takes over. All else is float32 beside int8 on the portable
    kernels, which are asked for."""

    def __init__(self, precision, low):
        self.int8, self.low = precision == "int8", low
        self.others = rounded_bf16 if precision == "bf16" else lambda weight: weight

    def pointwise(self, weight, bias, mean, block=EARLY, low=0.0):
        if not self.int8 or block < EARLY:
            return corrected(weight, bias, mean, self.others)
        return corrected(weight, bias, mean, rounded_int8) + low * rounded_int8(weight).sum(1)


def fused_biases(block, index, trunk, act, rounding):
    """Of a block with a full convolution, every tap of which reads the means of the trunk."""
    first = block.conv_exp if hasattr(block, "conv_exp") else block.conv
    means = trunk.repeat_interleave(first.weight[0, 0].numel())
    found = [corrected(*folded(first, block.bn1), means, rounding.others)]
    inside = mean_after(block.bn1, act)
    if hasattr(block, "conv_exp"):
        found.append(rounding.pointwise(*folded(block.conv_pwl, block.bn2), inside, index, rounding.low))
        inside = block.bn2.bias
    return found, inside + (trunk if block.has_skip else 0)


def block_biases(block, index, trunk, act, rounding):
    """The biases of a block's layers, and the means of its output."""
    if not hasattr(block, "conv_dw"):
        return fused_biases(block, index, trunk, act, rounding)
    wide = hasattr(block, "conv_pwl")
    inside, found = trunk, []
    if wide:
        found.append(rounding.pointwise(*folded(block.conv_pw, block.bn1), trunk, index))
    norm, last, last_norm = ((block.bn2, block.conv_pwl, block.bn3) if wide
                             else (block.bn1, block.conv_pw, block.bn2))
    found.append(folded(block.conv_dw, norm)[1])
    inside = mean_after(norm, act)
    if isinstance(block.se, timm.layers.SqueezeExcite) or hasattr(block.se, "conv_reduce"):
        reduce, expand = block.se.conv_reduce, block.se.conv_expand
        squeezed = act(reduce.weight.flatten(1) @ inside + reduce.bias)
        found.append(corrected(reduce.weight.flatten(1), reduce.bias, inside, rounding.others))
        found.append(corrected(expand.weight.flatten(1), expand.bias, squeezed, rounding.others))
        inside = inside * torch.sigmoid(expand.weight.flatten(1) @ squeezed + expand.bias)
    found.append(rounding.pointwise(*folded(last, last_norm), inside, index, rounding.low))
    return found, last_norm.bias + (trunk if block.has_skip else 0)


def expected(model, act, rounding):
    with torch.no_grad():
        found = [folded(model.conv_stem, model.bn1)[1]]
        trunk = mean_after(model.bn1, act)
        for index, block in enumerate(block for stage in model.blocks for block in stage):
            more, trunk = block_biases(block, index, trunk, act, rounding)
            found += more
        found.append(rounding.pointwise(*folded(model.conv_head, model.bn2), trunk))
        found.append(rounding.pointwise(model.classifier.weight, model.classifier.bias, mean_after(model.bn2, act)))
    return torch.cat(found).numpy()


def check(program, file, name, variant, dialect, classes, act):
    model = timm.create_model(name, num_classes=classes).eval().double()
    tensors = load_file(file)
    names = {key for key in model.state_dict() if not key.endswith("num_batches_tracked")}
    model.load_state_dict({key: tensors[dialects.RENAME[dialect](key, names)].double() for key in names}, strict=False)
    low = LOW if act is torch.nn.functional.silu else 0.0
    plain, results = expected(model, act, Rounding("fp32", 0.0)), []
    for precision in ("bf16", "int8"):
        want = expected(model, act, Rounding(precision, low))
        done = subprocess.run([program, file, variant, str(classes), str(model.bn1.eps), precision],
                              stdout=subprocess.PIPE, check=True, env=os.environ | {"EFFNET_ISA": "ref"})
        found = np.frombuffer(done.stdout, np.float32)
        worst = (np.abs(found - want) / (1 + np.abs(want))).max()
        moved = np.abs(want - plain).max()
        print(f"{variant} {precision}: {len(want)} biases, moved by up to {moved:.1e}; within {worst:.1e} of PyTorch's")
        results.append(len(found) == len(want) and worst <= TOLERANCE and moved > 100 * TOLERANCE)
    return all(results)


def main():
    program = sys.argv[1]
    results = [check(program, tool.ROOT / "models/lite0/model.safetensors", "tf_efficientnet_lite0", "lite0",
                     "lukemelas", 1000, torch.nn.functional.relu6)]
    with tempfile.TemporaryDirectory() as folder:
        state = timm.create_model("tf_efficientnetv2_b0", num_classes=5).state_dict()
        made = synthetic.tensors({key: tuple(value.shape) for key, value in state.items()}, 1)
        save_file({key: torch.from_numpy(array) for key, array in made.items()}, f"{folder}/x.safetensors")
        results.append(check(program, f"{folder}/x.safetensors", "tf_efficientnetv2_b0", "v2-b0", "timm", 5,
                             torch.nn.functional.silu))
    trained = tool.DATA / "b0-one-logit/model.safetensors"
    if trained.exists():
        results.append(check(program, trained, "efficientnet_b0", "b0", "torchvision", 1, torch.nn.functional.silu))
    if not all(results):
        sys.exit("not the biases that PyTorch comes to")


if __name__ == "__main__":
    main()
