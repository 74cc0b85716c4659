#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tune_pytorch.py DUMP [--depth last-block|all] [--epochs N] [--pictures N] [--batch N] [--repeat N] [--check]:
deeper fine-tuning by `tune-dump` against the same by PyTorch: the same pictures in the same order, the same
start, rates, momentum and decay, batch norms with frozen statistics, and the frozen part computed once. Prints
the loss of each epoch by both, and the seconds of both, measured in turns. With --check the losses must agree.
Needs the environment of tests/golden/venv.sh."""
import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "golden"))
import dialects  # noqa: E402
import pictures  # noqa: E402

# Coarse classes by the numbers WordNet gives to the photographs' names.
TASK = [("birds", [(1510000, 1620000), (1790000, 1860000), (2000000, 2060000)]), ("dogs", [(2085000, 2114000)]),
        ("reptiles", [(1620000, 1760000)]), ("mammals", [(1870000, 1890000), (2070000, 2080000), (2114000, 2140000), (2340000, 2510000)]),
        ("insects", [(1770000, 1780000), (2160000, 2300000)])]
TOLERANCE = 2e-3  # of a loss, relative to the first
MASK = (1 << 64) - 1


class Random:
    """splitmix64"""

    def __init__(self, seed):
        self.state = seed

    def draw(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def shuffle(self, order):
        for i in range(len(order) - 1, 0, -1):
            j = self.draw() % (i + 1)
            order[i], order[j] = order[j], order[i]


def load_task(n):
    """Inputs [n][size][size][3] and classes; every fourth is held out and comes last. With n above the number of
    photographs they come again, mirrored and shifted."""
    card = pictures.Card()
    rows = []
    for path, _ in pictures.photographs(1):
        number = int(re.match(r"n(\d+)", path.name).group(1))
        for label, (_, ranges) in enumerate(TASK):
            if any(low <= number < high for low, high in ranges):
                rows.append((path, label))
    images = np.stack([card.pillow(pictures.Image.open(path)) for path, _ in rows])
    labels = np.array([label for _, label in rows], np.uint8)
    held = np.arange(len(rows)) % 4 == 3
    images = np.concatenate([images[~held], images[held]])
    labels = np.concatenate([labels[~held], labels[held]])
    train = int((~held).sum())
    if n:
        at = np.arange(n) % train
        turned = np.stack([np.roll(images[i][:, ::-1] if j // train % 2 else images[i], 5 * (j // train), 1)
                           for j, i in enumerate(at)])
        images, labels, train = np.concatenate([turned, images[train:]]), np.concatenate([labels[at], labels[train:]]), n
    return ((images / 255 - card.mean) / card.std).astype(np.float32), labels, train


def build(classes):
    facts = json.loads((pictures.MODEL / "config.json").read_text())
    model = timm.create_model(facts["architecture"]).eval()
    tensors = {name: value.float() for name, value in load_file(pictures.MODEL / "model.safetensors").items()}
    own = model.state_dict()
    names = {name for name in own if not name.endswith("num_batches_tracked")}
    if "conv_stem.weight" not in tensors:
        tensors = {name: tensors[dialects.to_lukemelas(name, names)] for name in names}
    model.load_state_dict(tensors, strict=False)
    model.reset_classifier(classes)
    return model.eval()


def linear_head(features, labels, classes):
    """Of L2-penalised logistic regression, l2 = 1e-2."""
    weight = torch.zeros(classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        solver.zero_grad()
        loss = torch.nn.functional.cross_entropy(features @ weight.T + bias, labels) + 0.005 * (weight**2).sum()
        loss.backward()
        return loss

    solver.step(closure)
    return weight.detach(), bias.detach()


def parts(model, depth):
    """What is frozen and what is trained."""
    if depth == "all":
        return torch.nn.Sequential(), torch.nn.Sequential(model.conv_stem, model.bn1, model.blocks, model.conv_head, model.bn2,
                                                          model.global_pool, model.classifier)
    frozen = torch.nn.Sequential(model.conv_stem, model.bn1, *model.blocks[:-1])
    return frozen, torch.nn.Sequential(model.blocks[-1], model.conv_head, model.bn2, model.global_pool, model.classifier)


def train(model, depth, images, labels, n, options):
    """([(train loss, held-out loss, accuracy)], seconds of the frozen part, of training)"""
    model.eval()
    start = time.perf_counter()
    frozen, tuned = parts(model, depth)
    with torch.no_grad():
        cached = torch.cat([frozen(part) for part in images.split(25)])
    prepared = time.perf_counter()
    if depth == "all":
        for parameter in [*model.conv_stem.parameters(), *model.bn1.parameters()]:
            parameter.requires_grad_(False)
    decayed = [p for p in tuned.parameters() if p.requires_grad and p.dim() > 1]
    plain = [p for p in tuned.parameters() if p.requires_grad and p.dim() == 1]
    solver = torch.optim.SGD([{"params": decayed, "weight_decay": 1e-4}, {"params": plain}], lr=options.rate, momentum=0.9)
    steps = options.epochs * math.ceil(n / options.batch)
    warm, step = max(1, steps // 20), 0
    rng, order, rows = Random(1), list(range(n)), []
    for _ in range(options.epochs):
        rng.shuffle(order)
        total = 0.0
        for i in range(0, n, options.batch):
            which = order[i:i + options.batch]
            rate = options.rate * ((step + 1) / warm if step < warm
                                   else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))))
            for group in solver.param_groups:
                group["lr"] = rate
            solver.zero_grad()
            loss = torch.nn.functional.cross_entropy(tuned(cached[which]), labels[which])
            loss.backward()
            solver.step()
            total += float(loss) * len(which)
            step += 1
        with torch.no_grad():
            logits = tuned(cached[n:])
            rows.append((total / n, float(torch.nn.functional.cross_entropy(logits, labels[n:])),
                         float((logits.argmax(1) == labels[n:]).float().mean())))
    return rows, prepared - start, time.perf_counter() - prepared


def ours(dump, folder, n, options):
    done = subprocess.run([dump, pictures.MODEL, str(int(options.depth == "all")), folder / "input", folder / "labels", str(n),
                           folder / "classifier", str(len(TASK)), str(options.epochs), str(options.rate), "2", str(options.batch)],
                          check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [tuple(map(float, line.split()[2:])) for line in done[1:-1]]
    seconds = re.match(r"add ([\d.]+) s, run ([\d.]+) s", done[-1])
    print(done[-1])
    return rows, float(seconds.group(1)), float(seconds.group(2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dump")
    parser.add_argument("--depth", default="last-block")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--pictures", type=int, default=0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(2)
    images, labels, n = load_task(options.pictures)
    tensor, targets = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last), torch.from_numpy(labels).long()
    model = build(len(TASK))
    with torch.no_grad():
        features = torch.cat([model.forward_head(model.forward_features(part), pre_logits=True) for part in tensor[:n].split(25)])
    weight, bias = linear_head(features, targets[:n], len(TASK))
    print(f"{n} pictures to train on, {len(labels) - n} held out, {options.depth}")
    seconds = {"effnet": [], "PyTorch": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        images.tofile(folder / "input")
        labels.tofile(folder / "labels")
        np.concatenate([weight.numpy().ravel(), bias.numpy()]).tofile(folder / "classifier")
        for _ in range(options.repeat):
            model = build(len(TASK))
            with torch.no_grad():
                model.classifier.weight.copy_(weight)
                model.classifier.bias.copy_(bias)
            got = ours(options.dump, folder, n, options)
            expected = train(model, options.depth, tensor, targets, n, options)
            seconds["effnet"].append(got[1:])
            seconds["PyTorch"].append(expected[1:])
    for epoch, (mine, theirs) in enumerate(zip(got[0], expected[0]), 1):
        print(f"epoch {epoch}: train loss {mine[0]:.6f} PyTorch {theirs[0]:.6f}, held out {mine[1]:.6f} {theirs[1]:.6f}, "
              f"accuracy {mine[2]:.4f} {theirs[2]:.4f}")
    for part in range(2):
        mine, theirs = (np.median([row[part] for row in seconds[name]]) for name in ("effnet", "PyTorch"))
        print(f"{('the frozen part', 'training')[part]}: effnet {mine:.2f} s, PyTorch {theirs:.2f} s, ratio {theirs / mine:.2f}")
    worst = max(abs(mine[0] - theirs[0]) for mine, theirs in zip(got[0], expected[0])) / expected[0][0][0]
    print(f"train losses differ by at most {worst:.1e} of the first")
    if options.check and not (worst <= TOLERANCE and len(got[0]) == options.epochs):
        sys.exit(f"expected at most {TOLERANCE:.0e}")


if __name__ == "__main__":
    main()
