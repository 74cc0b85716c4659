#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_family.py EFFNET [--table] [CARD...]: folders with the cards that timm publishes, seeded weights in them: opened as they
are, padding and side as the card says, fp32 logits within 2e-5 of PyTorch's at that side. --table: the largest members, too.
Needs the environment of venv.sh."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch

import dialects
import synthetic
import tool

TOLERANCE = 2e-5  # relative L2
SEED = 3
CHOICE = ["tinynet_c.in1k", "mnasnet_small.lamb_in1k", "spnasnet_100.rmsp_in1k", "mobilenetv2_050.lamb_in1k"]
LARGE = ["tinynet_a.in1k", "fbnetc_100.rmsp_in1k", "semnasnet_100.rmsp_in1k", "mobilenetv2_120d.ra_in1k", "tf_efficientnetv2_s.in1k",
         "tf_efficientnet_b6.aa_in1k", "tf_efficientnet_b7.ra_in1k", "tf_efficientnet_b8.ap_in1k", "tf_efficientnet_l2.ns_jft_in1k_475",
         "tf_efficientnet_l2.ns_jft_in1k"]


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def check(effnet, card, folder):
    model = timm.create_model(card).eval()
    cfg = {key: value for key, value in model.pretrained_cfg.items() if value is not None}
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    tensors = {name: torch.from_numpy(array) for name, array in synthetic.tensors(shapes, SEED).items()}
    model.load_state_dict(tensors, strict=False)
    side, padding = cfg["input_size"][1], "same" if card.startswith("tf_") else "symmetric"
    image = synthetic.image(SEED, side, side)
    with torch.no_grad():
        expected = model(torch.from_numpy(image).permute(0, 3, 1, 2))[0].numpy()
    dialects.write_folder(folder, tensors, card.split(".")[0], side, 1000, {"pretrained_cfg": cfg})
    del model, tensors
    info = json.loads(effnet("info", folder, "--json"))["model"]
    if (info["input_width"], info["padding"]) != (side, padding) or info.get("notice"):
        sys.exit(f"{card}: opened as {info}")
    error = relative(effnet.run(image, "--model", folder, "--precision", "fp32")[0], expected)
    print(f"| {card} | {info['variant']} | {side} | {padding} | {error:.1e} |", flush=True)
    return error <= TOLERANCE


def main():
    effnet = tool.Effnet(sys.argv[1])
    cards = [word for word in sys.argv[2:] if word != "--table"] or CHOICE + (LARGE if "--table" in sys.argv else [])
    print("| card | member | side | padding | fp32, relative L2 |\n|" + " --- |" * 5)
    wrong = []
    for card in cards:
        with tempfile.TemporaryDirectory() as folder:
            if not check(effnet, card, Path(folder)):
                wrong.append(card)
    if wrong:
        sys.exit(f"further from PyTorch than they may be: {wrong}")


if __name__ == "__main__":
    main()
