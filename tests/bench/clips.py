#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""clips.py EFFNET [--augment N]: what `effnet train` learns from the clips of the tests' data: which clip a frame is of,
and of each clip whether it is of the first half or the second. Each clip is cut in eight pieces of equal length, and in
four turns two pieces of each are held out, of a half one: no frame is tested beside one that is trained on. Printed are
the right answers of the head, and of the nearest trained frame. A few clips are a few scenes: the table says that the
way from clips to states works, and little about a gate. Needs numpy, and gst-launch-1.0 with decoders."""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / ".." / "shared" / "data" / "video"
MODEL = ROOT / "models" / "lite0"
PIECES, TURNS = 8, 4


def frames(clip, folder):
    """Its frames as JPEG, in order."""
    folder.mkdir(parents=True)
    subprocess.run(["gst-launch-1.0", "-q", "filesrc", f"location={clip}", "!", "decodebin", "!", "videoconvert", "!", "jpegenc",
                    "quality=92", "!", "multifilesink", f"location={folder}/%05d.jpg"], check=True)
    return sorted(folder.glob("*.jpg"))


def nearest(tool, trained, tested, place):
    """The class of the nearest frame, by cosine."""
    x, y = (np.load(embed(tool, files, place / name)) for name, files in (("a.npy", trained), ("b.npy", tested)))
    return (y @ x.T).argmax(1)


def embed(tool, files, output):
    subprocess.run([tool, "embed", "--l2", "--model", MODEL, "--output", output, *files], check=True)
    return output


def ask(options, place, shots, name):
    """(right by the head, right by the nearest) of each frame, of one task."""
    rows, halves = [], name in shots
    for turn in range(TURNS):
        parts = {True: [], False: []}
        for clip, files in shots.items():
            for i, file in enumerate(files[::options.every] if name in (clip, "all") else []):
                piece = i * PIECES * options.every // len(files)
                label = f"half {2 * piece // PIECES}" if halves else clip
                parts[piece % TURNS == turn].append((file, label, piece))
        folder = place / f"{name}{turn}"
        for file, label, piece in parts[False]:
            (folder / label).mkdir(parents=True, exist_ok=True)
            (folder / label / f"{file.parent.name}{piece}_{file.name}").symlink_to(file)
        subprocess.run([options.effnet, "train", folder, "--output", place / "gate", "--model", MODEL, "--augment", options.augment,
                        "--json"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        trained, tested = ([file for file, _, _ in parts[held]] for held in (False, True))
        lines = subprocess.run([options.effnet, "classify", "--model", place / "gate", "--json", *tested], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        for line, (_, label, _), near in zip(lines, parts[True], nearest(options.effnet, trained, tested, place)):
            rows.append((json.loads(line)["top"][0]["label"] == label, parts[False][near][1] == label))
    return np.array(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("effnet", type=pathlib.Path)
    parser.add_argument("--augment", default="0")
    parser.add_argument("--every", type=int, default=5, help="frames (default 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        shots = {clip.stem: frames(clip, place / "frames" / clip.stem) for clip in sorted(DATA.glob("*.mp4"))}
        print(f"{'task':40} {'frames':>7} {'head':>8} {'nearest':>8}")
        for name in ["all", *shots]:
            right = ask(options, place, shots, name)
            task = f"which of {len(shots)} clips" if name == "all" else f"{name}: first half or second"
            print(f"{task:40} {len(right):7} " + " ".join(f"{100 * share:6.1f} %" for share in right.mean(0)))


main()
