#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_jpeg.py FRONTEND_DUMP EFFNET [--table]: what decoding JPEG at a smaller DCT scale changes.

Every photograph as it is and encoded again (quality 90; each subsampling, grey, progressive), at its own size
and enlarged by bicubic interpolation, since most are too small for a reduced scale to suffice. Compared are the
network's inputs of the scaled decode with those of the full decode and the same resize, and with Pillow's
full decode, resize and crop, a second opinion; and the classes Lite0 gives. Without --table every tenth
photograph. Needs numpy and Pillow; cjpeg (libjpeg-turbo-progs) makes 4:1:1.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import pictures

QUALITY = 90
CHUNK = 25  # photographs at a time: about 400 MB
JPEG, CENTER_CROP = 26, 2  # EffnetPixelFormat, EffnetResizeMode
STEPS = 100  # of the histogram, to 1/255

# (title, mode, Pillow's subsampling, progressive); None: the file as it is.
ENCODINGS = [("4:4:4", "RGB", 0, False), ("4:2:2", "RGB", 1, False), ("4:2:0", "RGB", 2, False),
             ("4:2:0 progressive", "RGB", 2, True), ("grey", "L", None, False), ("4:1:1", "RGB", "4x1", False)]

# A picture decoded smaller went through the DCT's low-pass instead of the resize's bicubic filter: they differ on
# what is near the network's resolution, the more the less is left to resize. By how much a picture is enlarged:
# mean and 99th percentile (of 255), share of the photographs that keep their class.
LIMITS = {1: (0.5, 4.0, 0.98), 2: (1.8, 18.0, 0.98), 3: (2.2, 22.0, 0.96)}
ALLOWANCE = 2  # photographs more in the subset, where each is 4 %


def encode(image, path, encoding):
    title, mode, subsampling, progressive = encoding
    image = image.convert(mode)
    if isinstance(subsampling, str):
        subprocess.run(["cjpeg", "-quality", str(QUALITY), "-sample", subsampling, "-outfile", path],
                       input=b"P6 %d %d 255\n" % image.size + image.tobytes(), check=True)
    else:
        more = {} if subsampling is None else {"subsampling": subsampling}
        image.save(path, "JPEG", quality=QUALITY, progressive=progressive, **more)


def inputs(program, card, paths, full):
    """[N][size][size][3], 0..255."""
    return pictures.dump(program, card, [f"{JPEG} 0 0 {card.size} {CENTER_CROP} {pictures.BICUBIC} {card.pct} 0 {full:d} "
                                         f"{path}" for path in paths])


class Row:
    """One encoding at one size, over all photographs."""

    def __init__(self):
        self.pictures = self.reduced = self.agree = self.right_full = self.right = 0
        self.own, self.pillow = np.zeros(256 * STEPS, np.int64), np.zeros(256 * STEPS, np.int64)

    def add(self, scaled, full, pillow, classes, truth):
        n = len(scaled)
        self.pictures += n
        for histogram, other in ((self.own, full), (self.pillow, pillow)):
            steps = (np.abs(scaled - other) * STEPS).astype(np.int64).ravel()
            histogram += np.bincount(np.minimum(steps, len(histogram) - 1), minlength=len(histogram))
        self.agree += int((classes[:n] == classes[n:]).sum())
        self.right += int((classes[:n] == truth).sum())
        self.right_full += int((classes[n:] == truth).sum())

    @staticmethod
    def difference(histogram):
        """Mean and 99th percentile, of 255."""
        values = (np.arange(len(histogram)) + 0.5) / STEPS
        at = np.searchsorted(np.cumsum(histogram), 0.99 * histogram.sum())
        return (histogram * values).sum() / histogram.sum(), values[at]

    def cells(self):
        own, pillow = self.difference(self.own), self.difference(self.pillow)
        n = self.pictures
        return [f"{self.reduced} of {n}", f"{own[0]:.2f}", f"{own[1]:.1f}", f"{pillow[0]:.2f}", f"{pillow[1]:.1f}",
                f"{self.agree / n:.1%}", f"{self.right_full / n:.1%}", f"{self.right / n:.1%}"]

    def good(self, factor, allowance):
        mean, p99 = self.difference(self.own)
        limits = LIMITS[factor]
        return bool(mean <= limits[0] and p99 <= limits[1] and self.agree + allowance >= limits[2] * self.pictures)


def chunk(rows, encodings, card, factor, photos, programs):
    """Adds some photographs to the rows."""
    truth = np.array([index for _, index in photos])
    with tempfile.TemporaryDirectory() as folder:
        files = {title: [] for title in rows}
        for i, (path, _) in enumerate(photos):
            image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            if factor == 1:
                files["as they are"].append(path)
            else:
                image = image.resize((image.width * factor, image.height * factor), Image.BICUBIC)
            for number, encoding in enumerate(encodings):
                files[encoding[0]].append(Path(folder) / f"{i}-{number}.jpg")
                encode(image, files[encoding[0]][-1], encoding)
        made = {}
        for title, paths in files.items():
            images = [ImageOps.exif_transpose(Image.open(path)) for path in paths]
            rows[title].reduced += sum(card.eighths(image) < 8 for image in images)
            made[title] = (inputs(programs[0], card, paths, False), inputs(programs[0], card, paths, True),
                           np.stack([card.pillow(image) for image in images]))
    classes = pictures.classify(programs[1], card, np.concatenate([part for three in made.values() for part in three[:2]]))
    for i, (title, three) in enumerate(made.items()):
        at = 2 * len(photos) * i
        rows[title].add(*three, classes[at:at + 2 * len(photos)], truth)


def main():
    programs, whole = sys.argv[1:3], "--table" in sys.argv
    photos = pictures.photographs(1 if whole else 10)
    encodings = [e for e in ENCODINGS if not isinstance(e[2], str) or shutil.which("cjpeg")]
    card, good = pictures.Card(), True
    print(f"{len(photos)} photographs, quality {QUALITY}, to {card.size} x {card.size}; differences in 1/255\n")
    print("| size | encoding | decoded smaller | mean | p99 | mean, Pillow | p99, Pillow | the same class | "
          "top-1 full | top-1 scaled |\n|" + " --- |" * 10)
    for factor in LIMITS if whole else (1, 2):
        rows = {title: Row() for title in ["as they are"] * (factor == 1) + [e[0] for e in encodings]}
        for start in range(0, len(photos), CHUNK):
            chunk(rows, encodings, card, factor, photos[start:start + CHUNK], programs)
        for title, row in rows.items():
            print(f"| {factor} x | {title} | " + " | ".join(row.cells()) + " |", flush=True)
            good &= row.good(factor, 0 if whole else ALLOWANCE)
    if len(encodings) < len(ENCODINGS):
        print("\n4:1:1 NOT RUN: there is no cjpeg (libjpeg-turbo-progs)")
    if not good:
        sys.exit(f"not within {LIMITS}")


main()
