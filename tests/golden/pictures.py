# SPDX-License-Identifier: LGPL-2.1-or-later
"""Photographs through the front end and Lite0: what the checks of how frames become the network's input share."""

import json
import math
import subprocess

import numpy as np
from PIL import Image

import tool

PHOTOS = tool.DATA / "photos"
MODEL = tool.ROOT / "models/lite0"
BICUBIC = 1  # EffnetFilter: what the model's card asks for


class Card:
    """What the model's card asks of a picture."""

    def __init__(self):
        facts = json.loads((MODEL / "config.json").read_text())["pretrained_cfg"]
        self.size, self.pct = facts["input_size"][1], facts["crop_pct"]
        self.mean, self.std = np.float32(facts["mean"]), np.float32(facts["std"])
        assert facts["interpolation"] == "bicubic"

    def eighths(self, image):
        """The smallest scale in {1, 2, 4, 8} / 8 that leaves a decoded pixel for each resized one."""
        scale = min(image.size) / math.floor(self.size / self.pct)
        return next(n for n in (1, 2, 4, 8) if n == 8 or n * scale >= 8)

    def pillow(self, image):
        """[size][size][3], 0..255: shorter side to size / pct, then the middle."""
        short, (w, h) = math.floor(self.size / self.pct), image.size
        w, h = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
        left, top = round((w - self.size) / 2), round((h - self.size) / 2)
        resized = image.convert("RGB").resize((w, h), Image.BICUBIC)
        return np.asarray(resized.crop((left, top, left + self.size, top + self.size)), np.float32)


def photographs(step):
    """[(path, class)], every step-th."""
    if not (PHOTOS / "labels.tsv").exists():
        tool.skip(f"no {PHOTOS}")
    rows = [line.split("\t") for line in (PHOTOS / "labels.tsv").read_text().splitlines()[1:]]
    return [(PHOTOS / row[2], int(row[0])) for row in rows][::step]


def dump(program, card, jobs):
    """frontend-dump's: [len (jobs)][size][size][3], 0..255."""
    done = subprocess.run([program], input="".join(f"{job}\n" for job in jobs).encode(), stdout=subprocess.PIPE,
                          check=True)
    return np.frombuffer(done.stdout, np.float32).reshape(len(jobs), card.size, card.size, 3) * 255


def classify(program, card, inputs):
    """Of inputs [N][size][size][3], 0..255: [N], the most probable class."""
    tensors = (inputs / 255 - card.mean) / card.std
    return tool.Effnet(program).run(tensors, "--model", MODEL, "--precision", "fp32").argmax(1)
