#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""timm_folder.py EFFNET: timm opens what effnet train writes, by file and as a local folder, and its logits are
ours; the safetensors package reads every file of both kinds of folder."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import safetensors.numpy
import timm
import torch
from PIL import Image

TOLERANCE = 1e-5  # of the largest logit
ROOT = pathlib.Path(__file__).resolve().parents[2]
COLOURS = {"blue": (20, 60, 220), "red": (220, 40, 20), "ocker 門": (200, 160, 20)}


def effnet(tool, *arguments):
    subprocess.run([tool, *map(str, arguments)], check=True)


def make_pictures(folder):
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for i in range(4):
            rng = np.random.default_rng([i, *colour])
            pixels = np.clip(rng.normal(0, 40, (180, 240, 3)) + colour, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")


def tuned(tool, *model):
    """A folder of which every block was trained: from a head of hardly any strength, which that surely beats."""
    done = subprocess.run([tool, "train", "pictures", "--output", "deep", "--tune", "all", "--epochs", "4", "--l2", "1e5",
                           "--input-size", "96", "--json", *map(str, model)], check=True, capture_output=True)
    if not json.loads(done.stdout)["tune"]["is_better"]:
        sys.exit(f"four epochs did not beat a head without strength: {done.stdout}")
    before, after = (safetensors.numpy.load_file(f"{name}/model.safetensors") for name in ("gate", "deep"))
    if (before["blocks.0.0.conv_dw.weight"] == after["blocks.0.0.conv_dw.weight"]).all():
        sys.exit("the first block was not trained")
    pixels, logits = ours(tool, "pictures/red/0.png", "--model", "deep")
    compare("tuned", timm.create_model("local-dir:deep", pretrained=True), pixels, logits)


def ours(tool, picture, *model):
    effnet(tool, "preprocess", picture, "--output", "x.npy", *model)
    effnet(tool, "run", "--input", "x.npy", "--output", "y.npy", "--precision", "fp32", *model)
    return np.load("x.npy"), np.load("y.npy")


def compare(name, net, pixels, logits):
    with torch.no_grad():
        theirs = net.eval()(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())).numpy()
    error = np.abs(theirs - logits).max() / np.abs(theirs).max()
    print(f"{name}: logits within {error:.1e} of the largest")
    if not error <= TOLERANCE:
        sys.exit(f"{name}: more than {TOLERANCE}")


def main():
    tool = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        make_pictures(pathlib.Path("pictures"))
        model = ("--model", ROOT / "models" / "lite0")
        effnet(tool, "train", "pictures", "--output", "gate", *model)
        effnet(tool, "train", "pictures", "--output", "alone", "--head-only", *model)
        pixels, logits = ours(tool, "pictures/red/0.png", "--model", "gate")
        alone = ours(tool, "pictures/red/0.png", "--model", "alone")[1]
        if not np.array_equal(alone, logits):
            sys.exit("the head alone gives other logits than the whole")
        net = timm.create_model("tf_efficientnet_lite0", num_classes=3, checkpoint_path="gate/model.safetensors")
        compare("by file", net, pixels, logits)
        net = timm.create_model("local-dir:gate", pretrained=True)
        compare("as a folder", net, pixels, logits)
        if net.pretrained_cfg["label_names"] != sorted(COLOURS) or net.pretrained_cfg["crop_pct"] != 0.875:
            sys.exit(f"the card came as {net.pretrained_cfg}")
        tuned(tool, *model)
        head = safetensors.numpy.load_file("alone/head.safetensors")
        whole = safetensors.numpy.load_file("gate/model.safetensors")
        if sorted(head) != ["classifier.bias", "classifier.weight"] or any(
                not np.array_equal(head[name], whole[name]) for name in head):
            sys.exit("the classifiers differ")
        unknown = safetensors.numpy.load_file("gate/unknown.safetensors")
        card = json.loads(pathlib.Path("gate/config.json").read_text())
        if unknown["means"].shape[1] != card["num_features"]:
            sys.exit("the means are of another size than the features")


main()
