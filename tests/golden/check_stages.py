#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_stages.py EFFNET [--table] [VARIANT...]: the feature maps of `effnet run --stages` against timm's: those of
features_only=True by their place in its list, every other stage by the output of timm's module. fp32 at both
paddings; bf16 may be off twice what timm's model is whose convolutions get weights and inputs rounded to bf16.
Without --table b0, lite0 and V2-B0. Needs the environment of venv.sh."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch

import check_bf16
import synthetic
import tool

TOLERANCE = 2e-5  # relative L2
BF16_RATIO = 2.0  # ours also round what a gate has scaled
SEED = 5
IMAGES = 2


def model_of(variant, padding, **options):
    """timm's: the one with TensorFlow's padding is there for every variant, and takes the other."""
    name = f"tf_efficientnet{variant.replace('-', '_')}" if variant.startswith("v2") else f"tf_efficientnet_{variant}"
    flavour = ("same", 1e-3) if padding == "same" else ("", 1e-5)
    return timm.create_model(name, pad_type=flavour[0], bn_eps=flavour[1], **options).eval()


def weights(variant, padding):
    """timm's model, and the synthetic tensors in it."""
    model = model_of(variant, padding)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()
              if not key.endswith("num_batches_tracked")}
    tensors = {key: torch.from_numpy(array) for key, array in synthetic.tensors(shapes, SEED).items()}
    model.load_state_dict(tensors, strict=False)
    return model, tensors


def round_to_bf16(model):
    """Squeeze-excites compute in float, as ours do."""
    for key, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d) and ".se." not in key:
            module.weight.data = module.weight.data.bfloat16().float()
            module.register_forward_pre_hook(lambda _, inputs: (inputs[0].bfloat16().float(),))


def nhwc(tensor):
    return tensor.detach().permute(0, 2, 3, 1).numpy()


def expected_maps(variant, padding, images):
    """({stage: map}, those of bf16, [stage of each of features_only's maps], its reductions)"""
    model, tensors = weights(variant, padding)
    x = torch.from_numpy(images).permute(0, 3, 1, 2)
    maps, made = {}, {}

    def keep(stage):
        return lambda module, inputs, output: made.__setitem__(stage, nhwc(output))

    model.bn1.register_forward_hook(keep(0))
    for i, stage in enumerate(model.blocks):
        stage.register_forward_hook(keep(i + 1))
    with torch.no_grad():
        made[len(model.blocks) + 1] = nhwc(model.forward_features(x))
        maps.update(made)
        round_to_bf16(model)
        made[len(model.blocks) + 1] = nhwc(model.forward_features(x))
    features = model_of(variant, padding, features_only=True)
    lost = features.load_state_dict(tensors, strict=False)
    if any(not key.endswith("num_batches_tracked") for key in lost.missing_keys):
        sys.exit(f"{variant}: features_only lacks {lost.missing_keys[:3]}")
    with torch.no_grad():
        taken = [nhwc(one) for one in features(x)]
    stages = [info["stage"] for info in features.feature_info.get_dicts(keys=["stage"])]
    for stage, one in zip(stages, taken):
        maps[stage] = one
    return maps, made, stages, features.feature_info.reduction()


def run(effnet, images, stages, *options):
    """{stage: map}, logits"""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "x.npy", Path(folder) / "y.npy"
        np.save(source, images)
        effnet("run", "--input", source, "--output", target, "--stages", ",".join(map(str, stages)), *options)
        found = {stage: np.load(f"{folder}/y-stage{stage}.npy") for stage in stages}
        return found, np.load(target)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def check(effnet, variant, padding):
    info = json.loads(effnet("info", variant, "--json"))
    size, listed = info["resolution"], info["feature_maps"]
    images = np.ascontiguousarray(synthetic.image(SEED, size, size, IMAGES), np.float32)
    expected, rounded, stages, reductions = expected_maps(variant, padding, images)
    taps = [(m["out_index"], m["stage"], m["reduction"]) for m in listed if m["out_index"] is not None]
    if taps != [(i, stage, reduction) for i, (stage, reduction) in enumerate(zip(stages, reductions))]:
        sys.exit(f"{variant}: info says {taps}, timm {stages} {reductions}")
    options = ("--variant", variant, "--synthetic", SEED, "--padding", padding, "--bn-eps",
               0.001 if padding == "same" else 1e-5)
    found, logits = run(effnet, images, sorted(expected), *options)
    if (effnet.run(images, *options) != logits).all():
        sys.exit(f"{variant}: the logits change when feature maps are asked for")
    for one in listed:
        if (IMAGES, one["height"], one["width"], one["channels"]) != found[one["stage"]].shape:
            sys.exit(f"{variant}: stage {one['stage']} has shape {found[one['stage']].shape}, info says {one}")
    errors = {stage: relative(found[stage], expected[stage]) for stage in expected}
    half, _ = run(effnet, images, sorted(expected), *options, "--precision", "bf16")
    ratios = {stage: relative(half[stage], expected[stage]) / relative(rounded[stage], expected[stage])
              for stage in expected}
    print(f"| {variant} | {padding} | {size} | {max(errors.values()):.1e} | {min(ratios.values()):.2f} to "
          f"{max(ratios.values()):.2f} |", flush=True)
    return max(errors.values()) <= TOLERANCE and min(ratios.values()) > 0 and max(ratios.values()) <= BF16_RATIO


def main():
    arguments = sys.argv[2:]
    variants = [v for v in arguments if v != "--table"] or (
        [v for v in check_bf16.WHOLE if v != "b0-compact"] if "--table" in arguments else ["b0", "lite0", "v2-b0"])
    effnet = tool.Effnet(sys.argv[1])
    print("| variant | padding | input | fp32: largest relative L2 of a stage | bf16: error by timm's |")
    results = [check(effnet, variant, padding) for variant in variants for padding in ("symmetric", "same")]
    if not all(results):
        sys.exit(f"{results.count(False)} of {len(results)} cases differ")


if __name__ == "__main__":
    main()
