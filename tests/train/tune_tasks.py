#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tune_tasks.py EFFNET [TASK...] [--folds N] [--augment N] [--depth last-block|all] [--ours]: coarse classes of the
photographs of ImageNet's classes, by cross-validation: right answers on pictures that took no part in training
or in the choice of the epoch, of the head alone, of `effnet train --tune`, of PyTorch's linear probe and of
fine-tuning the same blocks by PyTorch with the same schedule, all its pictures trained on. Needs the environment
of tests/golden/venv.sh."""
import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE)]
import pictures  # noqa: E402
import tune_pytorch as peer  # noqa: E402

THINGS = {
    "vehicles": "airship balloon forklift freight_car garbage_truck go-kart jeep lifeboat Model_T moped passenger_car pickup "
                "recreational_vehicle sports_car streetcar submarine dogsled",
    "instruments": "accordion cornet drum gong harmonica maraca upright violin",
    "clothes": "bathing_cap bikini bow_tie breastplate bulletproof_vest cloak hoopskirt lab_coat overskirt pajama sweatshirt "
               "trench_coat sunglasses diaper",
    "kitchen": "caldron can_opener coffeepot Crock_Pot milk_can pitcher plate_rack saltshaker soup_bowl spatula teapot wok "
               "beer_glass whiskey_jug pop_bottle",
    "buildings": "barn boathouse church dam beacon megalith steel_arch_bridge stone_wall thatch triumphal_arch",
}
FOOD = {"food": "consomme ice_lolly cheeseburger broccoli acorn_squash bell_pepper strawberry pineapple pomegranate dough "
                "burrito eggnog"}


def label_of(path, task):
    number, name = path.stem[1:].split("_", 1)
    if task != "things":
        for label, ranges in peer.TASK:
            if any(low <= int(number) < high for low, high in ranges):
                return label
    if task != "animals":
        for label, names in {**THINGS, **(FOOD if task == "all" else {})}.items():
            if name in names.split():
                return label
    return None


def link(folder, rows):
    for path, label in rows:
        (folder / label).mkdir(parents=True, exist_ok=True)
        os.symlink(path, folder / label / path.name)


def effnet(tool, *arguments):
    return subprocess.run([tool, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def ours(tool, folder, train, test, options, *more):
    """(right answers of the test, the summary)"""
    link(folder / "in", train)
    summary = json.loads(effnet(tool, "train", folder / "in", "--output", folder / "out", "--model", pictures.MODEL, "--augment",
                                options.augment, "--cache", options.cache, "--json", *more))
    lines = effnet(tool, "classify", "--model", folder / "out", "--json", *[path for path, _ in test]).splitlines()
    right = sum(json.loads(line)["top"][0]["label"] == label for line, (_, label) in zip(lines, test))
    return right, summary


def theirs(train, test, labels, options):
    """Right answers of the linear probe and of fine-tuning."""
    card = pictures.Card()
    read = lambda rows: ((np.stack([card.pillow(pictures.Image.open(path)) for path, _ in rows]) / 255 - card.mean)  # noqa: E731
                         / card.std).astype(np.float32)
    tensor = torch.from_numpy(np.concatenate([read(train), read(test)])).permute(0, 3, 1, 2)
    targets = torch.tensor([labels.index(label) for _, label in train + test])
    n = len(train)
    model = peer.build(len(labels))
    with torch.no_grad():
        features = torch.cat([model.forward_head(model.forward_features(part), pre_logits=True) for part in tensor.split(25)])
    weight, bias = peer.linear_head(features[:n], targets[:n], len(labels))
    probe = int(((features[n:] @ weight.T + bias).argmax(1) == targets[n:]).sum())
    with torch.no_grad():
        model.classifier.weight.copy_(weight)
        model.classifier.bias.copy_(bias)
    run = argparse.Namespace(epochs=20, batch=32, rate=0.01)
    rows, _, _ = peer.train(model, options.depth, tensor, targets, n, run)
    return probe, round(rows[-1][2] * len(test))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("tasks", nargs="*", default=["animals", "things", "all"])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--augment", type=int, default=2)
    parser.add_argument("--depth", default="last-block")
    parser.add_argument("--ours", action="store_true", help="without PyTorch")
    options = parser.parse_args()
    torch.set_num_threads(2)
    print(f"{'task':<10}{'classes':>8}{'pictures':>9}{'head':>8}{'tuned':>8}{'kept':>6}{'probe':>8}{'PyTorch':>9}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        options.cache = folder / "cache"
        for task in options.tasks:
            rows = [(path, label_of(path, task)) for path, _ in pictures.photographs(1)]
            rows = sorted((row for row in rows if row[1]), key=lambda row: (row[1], row[0]))
            labels = sorted({label for _, label in rows})
            right, kept = np.zeros(4, int), 0
            for fold in range(options.folds):
                test = [row for i, row in enumerate(rows) if i % options.folds == fold]
                train = [row for i, row in enumerate(rows) if i % options.folds != fold]
                place = folder / task / str(fold)
                right[0] += ours(options.tool, place / "head", train, test, options, "--validate", 0.2)[0]
                count, summary = ours(options.tool, place / "tuned", train, test, options, "--tune", options.depth)
                kept += not summary["tune"]["is_better"]
                right[1] += count
                if options.ours:
                    continue
                with contextlib.redirect_stdout(io.StringIO()):
                    right[2:] += theirs(train, test, labels, options)
            shares = 100 * right / len(rows)
            print(f"{task:<10}{len(labels):>8}{len(rows):>9}{shares[0]:>7.1f}%{shares[1]:>7.1f}%{kept:>6}{shares[2]:>7.1f}%{shares[3]:>8.1f}%",
                  flush=True)


main()
