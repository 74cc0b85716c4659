# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet explain: the map is the classifier at each pixel of the last feature map, the picture shows it where the
network looked."""
import json
import os
import pathlib

import numpy as np
from PIL import Image
from tool import MEDIA, MODEL, effnet, failure, main, tensor, test

OPTIONS = ("--model", MODEL, "--precision", "fp32")
FRAME = "frame.png"


def picture(name=FRAME, size=(400, 300), **options):
    """Coloured squares."""
    random = np.random.default_rng(1)
    pixels = np.kron(random.integers(0, 256, (6, 8, 3), np.uint8), np.ones((50, 50, 1), np.uint8))
    Image.fromarray(pixels).resize(size).save(name, **options)
    return name


def explain(name, *arguments):
    """(class, score, label, map)"""
    line = effnet("explain", *OPTIONS, name, "--npy", "map.npy", *arguments).out
    number, score, label = line.rstrip("\n").split("  ", 2)
    return int(number), float(score), label, np.load("map.npy")


@test
def the_map():
    """map = classifier x last feature map; its mean and the bias are the logit; of any class, by number or name"""
    name = picture()
    best, score, label, found = explain(name)
    top = json.loads(effnet("classify", *OPTIONS, "--json", "--top-k", 1, name).out)["top"][0]
    assert (best, label) == (top["id"], top["label"]) and abs(score - top["score"]) < 6e-4
    effnet("preprocess", "--model", MODEL, name, "--output", "x.npy")
    effnet("run", *OPTIONS, "--input", "x.npy", "--output", "y.npy", "--stages", "8")
    head, logits = np.load("y-stage8.npy")[0].astype(float), np.load("y.npy")[0]
    weight, bias = tensor("_fc.weight"), tensor("_fc.bias")
    assert found.shape == head.shape[:2] == (7, 7)
    assert np.abs(found - head @ weight[best]).max() < 1e-4 * np.abs(found).max()
    for k, asked in ((1, "1"), (1, "GoldFish"), (999, "999"), (6, "stingray")):
        number, _, label, other = explain(name, "--class", asked)
        assert number == k and np.abs(other - head @ weight[k]).max() < 1e-4 * np.abs(other).max()
        assert abs(other.astype(float).mean() + bias[k] - logits[k]) < 1e-4
    assert label == "stingray"


@test
def the_picture():
    """hot where the map is, as it was where the map is cold, darker outside of what the network saw"""
    name = picture()
    _, _, _, found = explain(name, "--output", "heat.png")
    before = np.asarray(Image.open(name).convert("RGB")).astype(float)
    after = np.asarray(Image.open("heat.png")).astype(float)
    assert after.shape == before.shape == (300, 400, 3)
    side = 300 * 0.875  # centre crop: the shorter side to size / 0.875, then the middle
    left, top = (400 - side) / 2, (300 - side) / 2
    assert np.abs(after[:, :int(left) - 2] - 0.4 * before[:, :int(left) - 2]).max() <= 1
    assert np.abs(after[:int(top) - 2] - 0.4 * before[:int(top) - 2]).max() <= 1
    centres = (np.arange(7) + 0.5) * side / 7
    for y in range(7):
        for x in range(7):
            at = (int(top + centres[y]), int(left + centres[x]))
            changed = np.abs(after[at] - before[at]).max()
            heat = found[y, x] / found.max()
            assert changed <= 2 if heat <= 0 else True, (y, x, heat, changed)
            assert heat < 0.95 or after[at][0] > 0.4 * before[at][0] + 0.55 * 128, (y, x, after[at])
    effnet("explain", *OPTIONS, name, "--output", "clear.png", "--alpha", "0")
    clear = np.asarray(Image.open("clear.png")).astype(float)
    inside = (slice(int(top) + 2, int(top + side) - 2), slice(int(left) + 2, int(left + side) - 2))
    assert np.abs(clear[inside] - before[inside]).max() <= 1
    assert np.abs(after[inside] - before[inside]).max() > 50


@test
def upright():
    """a JPEG that is stored turned is explained as it is seen; .jpg as output; a clip's first frame"""
    straight = Image.open(picture())
    straight.save("straight.jpg", quality=100, subsampling=0)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    straight.rotate(90, expand=True).save("turned.jpg", quality=100, subsampling=0, exif=exif)
    pictures, maps = [], []
    for name in ("straight", "turned"):
        maps.append(explain(f"{name}.jpg", "--class", "1", "--output", f"{name}-heat.png")[3])
        pictures.append(np.asarray(Image.open(f"{name}-heat.png")).astype(float))
    assert pictures[0].shape == pictures[1].shape == (300, 400, 3)
    assert np.abs(maps[0] - maps[1]).max() < 0.05 * np.abs(maps[0]).max()
    assert np.abs(pictures[0] - pictures[1]).mean() < 2
    effnet("explain", *OPTIONS, MEDIA / "pan.webm", "--output", "clip.jpg")
    assert Image.open("clip.jpg").format == "JPEG" and Image.open("heat.png").format == "PNG"


@test
def letterbox():
    """another resize mode is another part of the picture: with a letterbox all of it"""
    name = picture("wide.png", (600, 100))
    effnet("explain", *OPTIONS, name, "--resize-mode", "letterbox", "--alpha", "0", "--output", "all.png")
    assert np.abs(np.asarray(Image.open("all.png")).astype(float) - np.asarray(Image.open(name))).max() <= 1


@test
def failures():
    """wrong words are named; nothing is left of a file that was not written"""
    name = picture()
    failure("explain", *OPTIONS, name, "--output", "f.png", "--class", "unicorns", says=["unicorns", "0..999"])
    failure("explain", *OPTIONS, name, "--output", "f.png", "--class", "1000", says=["1000", "0..999"])
    failure("explain", *OPTIONS, "missing.png", "--output", "f.png", says=["missing.png", "no such file"])
    failure("explain", *OPTIONS, name, "--output", "nowhere/f.png", says=["nowhere/f.png"])
    failure("explain", *OPTIONS, name, "--output", "/dev/full", code=2)
    os.symlink("/dev/full", "full.png")
    failure("explain", *OPTIONS, name, "--output", "full.png", says=["full.png", "No space"])
    assert not pathlib.Path("f.png").exists()
    for arguments, says in (((), "0 inputs"), ((name, name), "2 inputs"), ((name,), "--output is missing"),
                            ((name, "-o", "x.gif"), ".png nor in .jpg"), ((name, "-o", "x.png", "-a", "2"), "--alpha 2")):
        failure("explain", *arguments, says=[says], code=2)


main()
