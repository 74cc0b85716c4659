#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_int8.py EFFNET: int8 against PyTorch's own arithmetic with the same rounding, of Lite0 and, where its data is, a
trained B0: weights by output, digits by pixel, in float64 with integers that are integers. The portable kernels are
asked for, whose other layers are float32.

A digit on the edge of two may fall the other way by the last bit of a float, and what follows it moves: so of the first
block in int8 half of the outputs must be equal but for float32's rounding, and the pooled features be far nearer to
PyTorch's int8 than that is to fp32. Needs the environment of venv.sh."""

import os
import sys

import numpy as np
import timm
import torch
from safetensors.torch import load_file

import check_correction
import check_stages
import dialects
import tool

IMAGES = 2
EQUAL = 1e-6  # median of the differences, of the map's root mean square
SHARE = 0.5  # of the distance from fp32
EARLY, LOW = check_correction.EARLY, check_correction.LOW
SILU = torch.nn.functional.silu


def signed(x):
    step = x.abs().amax(1, keepdim=True).clamp(min=1e-9) / 127
    return torch.round(x / step).clamp(-127, 127) * step


def above(x):
    step = (x.amax(1, keepdim=True) - LOW).clamp(min=1e-9) / 255
    return torch.round((x - LOW) / step).clamp(0, 255) * step + LOW


def six(x):
    return torch.round(x * 255 / 6).clamp(0, 255) * 6 / 255


def replace(conv, norm, weight, bias, digits):
    """The convolution with weights and bias of its own, and digits before it; its norm stays only to activate."""
    conv.weight.data = weight[:, :, None, None]
    conv.bias = torch.nn.Parameter(bias)
    norm.weight.data[:], norm.bias.data[:], norm.running_mean[:], norm.running_var[:] = 1, 0, 0, 1 - norm.eps
    conv.register_forward_pre_hook(lambda _, inputs: (digits(inputs[0]),))


def quantise(model, act):
    """In place: the recipe of int8, biases corrected by check_correction's means."""
    trunk = check_correction.mean_after(model.bn1, act)
    rounded = check_correction.rounded_int8

    def layer(conv, norm, mean, digits):
        weight, bias = check_correction.folded(conv, norm)
        replace(conv, norm, rounded(weight), check_correction.corrected(weight, bias, mean, rounded), digits)

    for index, block in enumerate(block for stage in model.blocks for block in stage):
        wide = hasattr(block, "conv_pwl")
        norm, last, last_norm = ((block.bn2, block.conv_pwl, block.bn3) if wide
                                 else (block.bn1, block.conv_pw, block.bn2))
        inside, beta = check_correction.mean_after(norm, act), last_norm.bias.clone()
        if hasattr(block.se, "conv_reduce"):
            reduce, expand = block.se.conv_reduce, block.se.conv_expand
            squeezed = act(reduce.weight.flatten(1) @ inside + reduce.bias)
            inside = inside * torch.sigmoid(expand.weight.flatten(1) @ squeezed + expand.bias)
        if index >= EARLY:
            layer(block.conv_pw, block.bn1, trunk, signed)
            if act is not SILU:  # what the depthwise convolution reads
                block.bn1.register_forward_hook(lambda module, inputs, output: six(output))
            layer(last, last_norm, inside, above if act is SILU else six)
        trunk = beta + (trunk if block.has_skip else 0)
    layer(model.conv_head, model.bn2, trunk, signed)


def check(effnet, folder, name, dialect, classes, act):
    model = timm.create_model(name, num_classes=classes).eval().double()
    names = {key for key in model.state_dict() if not key.endswith("num_batches_tracked")}
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({key: tensors[dialects.RENAME[dialect](key, names)].double() for key in names}, strict=False)
    photos = sorted((tool.ROOT / "pipelines/media").glob("*.jpg"))[:IMAGES]
    images = np.concatenate([np.reshape(effnet.preprocess(photo, "--model", folder), (1, 224, 224, 3))
                             for photo in photos])
    x = torch.from_numpy(images).double().permute(0, 3, 1, 2)
    maps = []
    with torch.no_grad():
        plain = model.forward_features(x).mean((2, 3)).numpy()
        quantise(model, act)
        model.blocks[1].register_forward_hook(lambda module, inputs, output: maps.append(output))
        features = model.forward_features(x).mean((2, 3)).numpy()
    stage = maps[0].permute(0, 2, 3, 1).numpy()
    options = ("--model", folder, "--precision", "int8")
    ours = effnet.run(images, *options, "--features")
    found = check_stages.run(effnet, images, [2], *options)[0][2]
    median = np.median(np.abs(found - stage)) / np.sqrt((stage**2).mean())
    off, far = check_stages.relative(ours, features), check_stages.relative(features, plain)
    print(f"{name}: first block's outputs off by {median:.1e} (median); features {off:.1e} from PyTorch's int8, "
          f"which is {far:.1e} from fp32")
    return median <= EQUAL and off <= SHARE * far


def main():
    os.environ["EFFNET_ISA"] = "generic"
    effnet = tool.Effnet(sys.argv[1])
    results = [check(effnet, tool.ROOT / "models/lite0", "tf_efficientnet_lite0", "lukemelas", 1000,
                     torch.nn.functional.relu6)]
    if (tool.DATA / "b0-one-logit").exists():
        results.append(check(effnet, tool.DATA / "b0-one-logit", "efficientnet_b0", "torchvision", 1, SILU))
    if not all(results):
        sys.exit("not what PyTorch's int8 comes to")


if __name__ == "__main__":
    main()
