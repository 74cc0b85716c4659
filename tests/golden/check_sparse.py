#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_sparse.py FRONTEND_DUMP EFFNET [--table]: what reading only every so many rows of a frame changes.

Photographs enlarged to 1920 x 1080 by bicubic interpolation, as raw RGB: of their 1080 rows sparse ones are a
third. The network's inputs are compared with those of all rows and with Pillow's resize, and the classes Lite0
gives. Without --table every tenth photograph. Needs numpy and Pillow.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import pictures

RGB, STRETCH = 1, 1  # EffnetPixelFormat, EffnetResizeMode
WIDTH, HEIGHT = 1920, 1080
ALL, SPARSE = 0, 2  # frontend-dump's HOW
CHUNK = 25
# Means of the difference from all rows, over all photographs and of the worst one (of 255); classes kept.
MEAN, WORST, SAME = 0.5, 3.0, 0.98
ALLOWANCE = 1  # photographs more in the subset, where each is 4 %


def compare(photos, card, programs, folder):
    """Of each photograph: mean difference of sparse rows from all, of both from Pillow; and the classes."""
    paths, pillow = [], []
    for i, (path, _) in enumerate(photos):
        image = Image.open(path).convert("RGB").resize((WIDTH, HEIGHT), Image.BICUBIC)
        pillow.append(np.asarray(image.resize((card.size, card.size), Image.BICUBIC), np.float32))
        paths.append(Path(folder) / f"{i}.rgb")
        paths[-1].write_bytes(image.tobytes())
    job = f"{RGB} {WIDTH} {HEIGHT} {card.size} {STRETCH} {pictures.BICUBIC} 1 0"
    made = [pictures.dump(programs[0], card, [f"{job} {how} {path}" for path in paths]) for how in (ALL, SPARSE)]
    classes = pictures.classify(programs[1], card, np.concatenate(made))
    other = np.stack(pillow)
    means = [np.abs(a - b).mean((1, 2, 3)) for a, b in (made, (made[0], other), (made[1], other))]
    return np.stack(means, 1), classes[:len(photos)] == classes[len(photos):]


def main():
    programs, table = sys.argv[1:3], "--table" in sys.argv
    photos = pictures.photographs(1 if table else 10)
    card = pictures.Card()
    means, same = [], []
    for first in range(0, len(photos), CHUNK):
        with tempfile.TemporaryDirectory() as folder:
            some = compare(photos[first:first + CHUNK], card, programs, folder)
        means.append(some[0])
        same.append(some[1])
    means, same = np.concatenate(means), np.concatenate(same)
    apart, every, sparse = means.mean(0)
    print(f"{len(photos)} photographs, {WIDTH} x {HEIGHT} to {card.size}, of 255: sparse rows from all {apart:.2f}, worst "
          f"{means[:, 0].max():.2f}; from Pillow all rows {every:.2f}, sparse {sparse:.2f}; the same class {same.mean():.1%}")
    good = apart <= MEAN and means[:, 0].max() <= WORST
    return 0 if good and (~same).sum() <= (1 - SAME) * len(photos) + (0 if table else ALLOWANCE) else 1


sys.exit(main())
