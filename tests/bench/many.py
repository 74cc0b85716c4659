#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""many.py EFFNET [--rows N] [--classes K] [--limit-mb M] [train's options]: memory and time of `effnet train` on many
pictures. Their features are drawn (each class around a direction of its own) and given to it as its own cache, in
the format that it writes, so that only the fit, the groups and the report are measured. --limit-mb bounds the
address space, and so shows what the fit needs. Prints a line and the summary as JSON. Needs numpy and Pillow."""
import argparse
import hashlib
import json
import os
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "lite0"
FEATURES = 1280
PRIME, START, MASK = 0x100000001b3, 0xcbf29ce484222325, (1 << 64) - 1


def sums(records):
    """FNV-1a of each row of bytes."""
    value = np.full(len(records), START, np.uint64)
    with np.errstate(over="ignore"):
        for column in records.T:
            value = (value ^ column.astype(np.uint64)) * np.uint64(PRIME)
    return value


def fill(place, rows, classes):
    """A folder of files that are in the cache, and that cache."""
    random = np.random.default_rng(1)
    cache = place / "cache"
    for k in range(2):  # the name of its file
        (place / "two" / str(k)).mkdir(parents=True)
        Image.fromarray(random.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(place / "two" / str(k) / "a.png")
    subprocess.run([sys.argv[1], "train", place / "two", "--output", place / "tried", "--model", MODEL, "--cache", cache],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file, = cache.iterdir()
    means = np.maximum(random.normal(0, 1, (classes, FEATURES)), 0).astype(np.float32)
    with open(file, "wb") as out:
        for first in range(0, rows, 1000):
            numbers = np.arange(first, min(first + 1000, rows))
            x = np.abs(0.15 * means[numbers % classes] + random.normal(0, 0.6, (len(numbers), FEATURES))).astype(np.float32)
            names = np.zeros((len(numbers), 32), np.uint8)
            for i, number in enumerate(numbers):
                folder = place / "pictures" / f"{number % classes:04}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{random.bytes(6).hex()}x.jpg").write_bytes(struct.pack("<Q", number))
                sum_ = hashlib.sha256(struct.pack("<Q", number)).hexdigest()
                names[i] = np.frombuffer(hashlib.sha256(f"{sum_}:0:0:0".encode()).digest(), np.uint8)
            record = np.hstack([names, x.view(np.uint8).reshape(len(numbers), -1)])
            out.write(np.hstack([record, sums(record).view(np.uint8).reshape(-1, 8)]).tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("effnet")
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--limit-mb", type=int, default=0)
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        fill(place, options.rows, options.classes)
        limit = (options.limit_mb << 20, options.limit_mb << 20)
        start = time.monotonic()
        process = subprocess.Popen(
            [options.effnet, "train", place / "pictures", "--output", place / "gate", "--model", MODEL, "--json", "--head-only",
             "--cache", place / "cache", *more], stdout=subprocess.PIPE,
            preexec_fn=lambda: options.limit_mb and resource.setrlimit(resource.RLIMIT_AS, limit))
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        print(f"{options.rows} rows, {options.classes} classes: {time.monotonic() - start:.1f} s, "
              f"{usage.ru_utime + usage.ru_stime:.1f} s of CPU, peak {usage.ru_maxrss / 1024:.0f} MB, exit {process.returncode}")
        if out:
            summary = json.loads(out)
            summary["classes"] = len(summary["classes"])
            print(json.dumps(summary))


main()
