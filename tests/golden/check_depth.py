#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_depth.py EFFNET [VARIANT...]: how the error of bf16 and of int8 grows with depth, on synthetic weights: relative
L2 of each stage's output and of the logits against fp32. Without variants b0. Needs numpy only.

Roundings are independent, so errors add up as the root of the sum of squares: a stage's may not be above the square root
of the blocks so far times STEP, the error that one block may add."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import synthetic
import tool

STEP = {"bf16": 0.006, "int8": 0.025}
IMAGES = 1


def run(effnet, images, stages, *options):
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "x.npy", Path(folder) / "y.npy"
        np.save(source, images)
        effnet("run", "--input", source, "--output", target, "--stages", ",".join(map(str, stages)), *options)
        return [np.load(f"{folder}/y-stage{stage}.npy") for stage in stages] + [np.load(target)]


def check(effnet, variant):
    info = json.loads(effnet("info", variant, "--json"))
    size, stages = info["resolution"], [one["stage"] for one in info["feature_maps"]]
    blocks = np.cumsum([1] + [stage["blocks"] for stage in info["stages"]] + [1, 1])
    images = np.ascontiguousarray(synthetic.image(1, size, size, IMAGES), np.float32)
    options = ("--variant", variant, "--synthetic", 1, "--padding", "same", "--bn-eps", 0.001)
    plain, good = run(effnet, images, stages, *options), True
    for precision, step in STEP.items():
        if precision == "bf16" and not has_bf16(effnet):
            continue
        found = run(effnet, images, stages, *options, "--precision", precision)
        errors = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(found, plain)]
        print(f"| {variant} ({blocks[-1] - 3} blocks) | {precision} | " + " | ".join(f"{1000 * e:.1f}" for e in errors) + " |",
              flush=True)
        good = good and all(0 <= e <= step * np.sqrt(n) for e, n in zip(errors, blocks)) and errors[-1] > 0
    return good


def has_bf16(effnet):
    return bool({"avx512bf16", "amx"} & set(json.loads(effnet("cpu", "--json"))["features"]))


def main():
    effnet, variants = tool.Effnet(sys.argv[1]), sys.argv[2:] or ["b0"]
    print("relative L2, 1e-3, after\n\n| | | stem | " + " | ".join(f"stage {i}" for i in range(1, 8)) + " | head | logits |\n"
          + "|" + " --- |" * 12)
    results = [check(effnet, variant) for variant in variants]
    if not all(results):
        sys.exit("further from fp32 than roundings explain")


main()
