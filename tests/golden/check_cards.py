#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_cards.py EFFNET: the input a card asks for, against timm's create_transform on Pillow.

The product of interpolation, crop mode and crop ratio, with mean, std, input size and picture going round;
every value within one step of a byte, before mean and std, of what timm gives. TAP on standard output.
"""
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from timm.data import create_transform, resolve_data_config

ROOT = Path(os.environ["EFFNET_SOURCE_ROOT"])
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
MODES = ("center", "squash", "border", None)
RATIOS = (0.4, 0.875, 0.95, 1, 1.3, 2.5, None)
NORMS = (([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), ([0.5] * 3, [0.5] * 3), ([0, 0, 0], [1, 1, 1]),
         ([0.3], [0.25]), (None, None))
SIDES = (224, 65, 112)
SIZES = ((320, 213), (97, 301), (40, 31), (224, 224), (23, 500))


def picture(size, seed):
    """Edges and noise, where filters and rounding differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size[1], :size[0]]
    board = (((x // 7 + y // 5) % 2) * 200)[..., None] + rng.integers(0, 56, (size[1], size[0], 3))
    return Image.fromarray(board.astype(np.uint8))


def cards():
    """(name, pretrained_cfg, picture's size)"""
    for i, (how, mode, ratio) in enumerate(itertools.product(INTERPOLATIONS, MODES, RATIOS)):
        mean, std = NORMS[i % len(NORMS)]
        if mode == "border" and mean == [0.3]:  # torchvision fails on it
            mean, std = mean * 3, std * 3
        side, size = SIDES[i % len(SIDES)], SIZES[i // 2 % len(SIZES)]
        cfg = {"input_size": [3, side, side], "interpolation": how, "crop_mode": mode, "crop_pct": ratio,
               "mean": mean, "std": std, "test_input_size": [3, 288, 288], "test_crop_pct": 0.5,
               "fixed_input_size": True, "pool_size": [7, 7], "first_conv": "conv_stem", "classifier": "classifier"}
        yield f"{how} {mode} {ratio} {size[0]}x{size[1]} to {side}", cfg, size


def expected(cfg, image):
    config = resolve_data_config({}, pretrained_cfg=cfg)
    values = create_transform(**config)(image).numpy()
    return values.transpose(1, 2, 0), 1 / (255 * np.float32(config["std"]))


def found(tool, folder, cfg, path):
    # The network is not run: b0's own input would be 224, and 288 is no part of timm's defaults.
    (folder / "config.json").write_text(json.dumps({"architecture": "tf_efficientnet_lite0", "pretrained_cfg": cfg}))
    done = subprocess.run([tool, "preprocess", path, "--model", folder, "--output", folder / "x.npy"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    if done.returncode:
        return None, done.stderr.strip()
    return np.load(folder / "x.npy").reshape(cfg["input_size"][1], cfg["input_size"][2], 3), None


def main(tool):
    worst, n, failed = 0, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "model.safetensors").symlink_to(ROOT / "models/lite0/model.safetensors")
        for n, (name, cfg, size) in enumerate(cards(), 1):
            image = picture(size, n)
            image.save(folder / "picture.png")
            got, error = found(tool, folder, cfg, folder / "picture.png")
            if error is None:
                want, step = expected(cfg, image)
                off = (np.abs(got - want) / step).max()
                error = None if off <= 1.002 else f"{off:.3f} of 255 off"
                worst = max(worst, 0 if math.isnan(off) else off)
            failed += error is not None
            print(f"{'not ok' if error else 'ok'} {n} - {name}")
            if error:
                print(f"# {error}")
    print(f"# worst {worst:.3f} of 255\n1..{n}", flush=True)
    return 1 if failed or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
