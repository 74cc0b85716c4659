#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares our nets with timm's: check_timm.py DESCRIBE [later]

DESCRIBE is the program tests/arch/describe.c. Every block's convolutions, squeeze-excite, strides,
output sizes and skips, the ends, parameters and multiply-adds must be equal, in both paddings and at
timm's own input size, at ours and at an odd one; `later` means V2, EdgeTPU and what was before. The
models are built without memory for weights.
Run through tests/golden/reference.sh, in the environment that has timm.
"""
import json
import subprocess
import sys

import timm
import torch

SCALED = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2"]
OTHERS = ["tinynet-c", "mnasnet-small", "semnasnet-075", "spnasnet-100", "fbnetc-100", "mobilenetv2-140",
          "mobilenetv2-110d"]
LITE = ["lite0", "lite1", "lite2", "lite3", "lite4"]
EDGETPU = ["es", "em", "el"]
# timm has these of V2 in one padding only; the shapes of the other are the same.
V2_SAME = ["b0", "b1", "b2", "b3", "s", "m", "l", "xl"]
V2_SYMMETRIC = ["s", "m", "l", "xl", "rw-t", "rw-s", "rw-m"]

empty = torch.empty
torch.empty = lambda *size, **options: empty(*size, **{**options, "device": "meta"})


def describe(program, variant, size, padding):
    out = subprocess.run([program, variant, str(size), "1000", padding], check=True,
                         capture_output=True, text=True)
    return json.loads(out.stdout)


def observe(model, size):
    """{module: (height, width) of its output}, and the multiply-adds of convolutions and classifier."""
    sizes, total = {}, 0

    def hook(module, inputs, output):
        nonlocal total
        shape = tuple(output.shape)
        sizes[module] = shape[2:]
        positions = 1
        for side in shape[2:]:
            positions *= side
        total += module.weight.numel() * positions

    handles = [m.register_forward_hook(hook) for m in model.modules()
               if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    with torch.no_grad():
        model(torch.empty(1, 3, size, size))
    for handle in handles:
        handle.remove()
    return sizes, total


def theirs(model, sizes):
    """timm's modules in the words of our JSON."""
    blocks = []
    for s, stage in enumerate(model.blocks):
        for i, block in enumerate(stage):
            window = getattr(block, "conv_dw", getattr(block, "conv_exp", getattr(block, "conv", None)))
            convolutions = [m for m in block.children() if isinstance(m, torch.nn.Conv2d)]
            first, last = convolutions[0], convolutions[-1]
            has_se = hasattr(getattr(block, "se", None), "conv_reduce")
            assert window.groups == (window.in_channels if hasattr(block, "conv_dw") else 1)
            blocks.append({
                "stage": s,
                "index": i,
                "kernel": window.kernel_size[0],
                "stride": window.stride[0],
                "in_channels": first.in_channels,
                "expand": first is not window,
                "project": last is not window,
                "expand_channels": window.out_channels,
                "out_channels": last.out_channels,
                "se_channels": block.se.conv_reduce.out_channels if has_se else 0,
                "skip": block.has_skip,
                "out_height": sizes[last][0],
                "out_width": sizes[last][1],
            })
    return blocks


def differences(ours, model, size):
    sizes, multiply_adds = observe(model, size)
    blocks = theirs(model, sizes)
    activation = model.bn1.act.__class__.__name__.lower()
    pairs = [
        ("parameters", ours["parameters"], sum(p.numel() for p in model.parameters())),
        ("multiply_adds", ours["multiply_adds"], multiply_adds),
        ("blocks", len(ours["blocks"]), len(blocks)),
        ("stages", len(ours["stages"]), len(model.blocks)),
        ("stem", ours["stem"]["out_channels"], model.conv_stem.out_channels),
        ("stem size", ours["stem"]["out_resolution"], sizes[model.conv_stem][0]),
        ("head", ours["head"]["out_channels"], model.conv_head.out_channels),
        ("head size", ours["head"]["out_resolution"], sizes[model.conv_head][0]),
        ("features", ours["n_features"], model.classifier.in_features),
        ("activation", ours["activation"], {"silu": "swish"}.get(activation, activation)),
    ]
    for mine, their in zip(ours["blocks"], blocks):
        for key, value in their.items():
            pairs.append((f"blocks.{their['stage']}.{their['index']} {key}", mine[key], value))
    for index, stage in enumerate(ours["stages"]):
        pairs.append((f"stages.{index} blocks", stage["blocks"], len(model.blocks[index])))
    return len(pairs), [f"{what}: ours {a}, timm's {b}" for what, a, b in pairs if a != b]


def check(program, variant, name, padding):
    model = timm.create_model(name).to("meta").eval()
    own = model.default_cfg["input_size"][1]
    for size in sorted({own, describe(program, variant, 0, padding)["resolution"], 97}):
        ours = describe(program, variant, size, padding)
        n, wrong = differences(ours, model, size)
        print(f"{'not ok' if wrong else 'ok'}: {variant} as {name} at {size}: {n} facts")
        for line in wrong:
            print(f"  {line}")
        if wrong:
            return False
    return True


def main():
    ok, later = True, sys.argv[2:] == ["later"]
    for variant in EDGETPU if later else SCALED + LITE:
        ok &= check(sys.argv[1], variant, f"tf_efficientnet_{variant}", "same")
        ok &= check(sys.argv[1], variant, f"efficientnet_{variant}", "symmetric")
    for variant in V2_SAME if later else []:
        ok &= check(sys.argv[1], "v2-" + variant, f"tf_efficientnetv2_{variant}", "same")
    for variant in V2_SYMMETRIC if later else []:
        name = "efficientnetv2_" + variant.replace("-", "_")
        ok &= check(sys.argv[1], "v2-" + variant, name, "symmetric")
    for variant in OTHERS if later else []:
        ok &= check(sys.argv[1], variant, variant.replace("-", "_"), "symmetric")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
