#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_transformers.py EFFNET: folders that Transformers itself has saved, against Transformers on the same picture:
its processor with each of its steps left out, with other sizes and filters, and its model's scores. Needs the
environment of `venv.sh --long`."""

import itertools
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import tool
from check_checkpoints import lively

try:
    from transformers import EfficientNetConfig, EfficientNetForImageClassification, EfficientNetImageProcessor
except ImportError:
    print("SKIPPED: no Transformers here; `tests/golden/venv.sh --long` installs it")
    sys.exit(77)

STEP = 0.6  # of 255: Pillow rounds the resized picture to 8 bits
SCORE = 3e-3


def processors():
    """(what, processor): all four switches, then what else a processor may say."""
    names = ("do_rescale", "do_normalize", "include_top", "rescale_offset")
    fixed = {"size": {"height": 224, "width": 224}, "resample": 3, "image_mean": [0.485, 0.456, 0.406],
             "image_std": [0.47853944, 0.4732864, 0.47434163]}
    for values in itertools.product((True, False), repeat=4):
        switches = dict(zip(names, values))
        factor = 1 / 127.5 if switches["rescale_offset"] else 1 / 255
        yield str([name for name in names if switches[name]]), {**fixed, **switches, "rescale_factor": factor}
    for resample in (0, 1, 2, 3, 4, 5):
        yield f"resample {resample}", {**fixed, "resample": resample, "include_top": False}
    yield "centre crop", {**fixed, "size": {"height": 256, "width": 256}, "do_center_crop": True,
                          "crop_size": {"height": 224, "width": 224}, "include_top": False}
    yield "the usual cut of 346", {**fixed, "size": {"height": 346, "width": 346}, "do_center_crop": True}
    yield "defaults", {"size": {"height": 224, "width": 224}}


def main():
    effnet = tool.Effnet(sys.argv[1])
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "b0"
        picture = Path(name) / "cat.png"
        Image.open(tool.ROOT / "pipelines/media/cat.jpg").convert("RGB").save(picture)
        config = EfficientNetConfig(width_coefficient=1.0, depth_coefficient=1.0, image_size=224, hidden_dim=1280,
                                    id2label={i: f"class {i}" for i in range(5)})
        model = lively(EfficientNetForImageClassification(config))
        model.save_pretrained(folder, safe_serialization=True)
        for what, options in processors():
            processor = EfficientNetImageProcessor(**options)
            processor.save_pretrained(folder)
            right = processor(Image.open(picture), return_tensors="pt")["pixel_values"]
            effnet("preprocess", "--model", folder, picture, "--output", Path(name) / "x.npy")
            found = np.load(Path(name) / "x.npy")[0].transpose(2, 0, 1)
            # one of 255 steps of a pixel, in units of the input
            by = options.get("image_std", [0.5] * 3) if options.get("do_normalize", True) else [1] * 3
            by = np.array(by) * (np.array(options.get("image_std", [0.5] * 3)) if options.get("include_top", True) else 1)
            step = (options.get("rescale_factor", 1 / 255) if options.get("do_rescale", True) else 1) / by
            error = (np.abs(found - right[0].numpy()) / step[:, None, None]).mean()
            failures += not error < STEP
            print(f"{what:70} input differs by {error:.2f} of 255", flush=True)
            if what == "['do_rescale', 'do_normalize', 'include_top']":
                with torch.no_grad():
                    scores = model(right).logits.softmax(-1)[0].numpy()
                top = json.loads(effnet("classify", "--json", "--precision", "fp32", "--model", folder, picture))["top"]
                error = max(abs(entry["score"] - scores[entry["id"]]) for entry in top)
                failures += not error < SCORE
                print(f"{'':70} scores differ by {error:.1e}", flush=True)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
