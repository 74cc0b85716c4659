# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clips with a display matrix: tool, element and GStreamer's videoflip show them alike, upright where the demuxer passes
the matrix on. Pillow turns the pictures, independently."""
import json
import os
import pathlib
import struct
import subprocess

from PIL import Image
from tool import MEDIA, effnet, main, test

os.environ["GST_PLUGIN_PATH"] = str(pathlib.Path(os.environ["EFFNET_BUILD_ROOT"]) / "gst-plugin")
T = Image.Transpose
# What shows the stored picture upright, what stored it, and the matrix (a, b, c, d): x' = a x + c y, y' = b x + d y.
TURNS = {
    "none": (None, None, (1, 0, 0, 1)),
    "right": (T.ROTATE_270, T.ROTATE_90, (0, 1, -1, 0)),
    "half": (T.ROTATE_180, T.ROTATE_180, (-1, 0, 0, -1)),
    "left": (T.ROTATE_90, T.ROTATE_270, (0, -1, 1, 0)),
    "mirror": (T.FLIP_LEFT_RIGHT, T.FLIP_LEFT_RIGHT, (-1, 0, 0, 1)),
    "flip": (T.FLIP_TOP_BOTTOM, T.FLIP_TOP_BOTTOM, (1, 0, 0, -1)),
    "transpose": (T.TRANSPOSE, T.TRANSPOSE, (0, 1, 1, 0)),
    "transverse": (T.TRANSVERSE, T.TRANSVERSE, (0, -1, -1, 0)),
}
NEAR = 0.02  # the resize runs along the stored lines, and the clip's colours are subsampled


def launch(*words):
    done = subprocess.run(["gst-launch-1.0", "-t", *words], capture_output=True, text=True, timeout=60, check=True)
    return "image orientation" in done.stdout


def top(lines):
    return [json.loads(line)["top"][0] for line in lines]


def make_clip(name, upright):
    """Pixels as they are, and the matrix of the track; its header stands behind the pixels."""
    show, store, (a, b, c, d) = TURNS[name]
    stored = upright.transpose(store) if store is not None else upright
    assert (stored.transpose(show) if show is not None else stored).tobytes() == upright.tobytes()
    stored.save("stored.png")
    launch(*"filesrc location=stored.png ! pngdec ! imagefreeze num-buffers=1 ! videoconvert !".split(),
           *f"video/x-raw,format=UYVY,framerate=1/1 ! qtmux ! filesink location={name}.mov".split())
    clip = bytearray(pathlib.Path(f"{name}.mov").read_bytes())
    at = clip.rindex(b"tkhd") + 4
    assert clip[at] == 0  # version 0: times of 32 bits
    at += 40
    assert clip[at:at + 36] == struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    width, height = stored.size
    x, y = width * (a < 0) + height * (c < 0), width * (b < 0) + height * (d < 0)
    clip[at:at + 36] = struct.pack(">9i", *(v * 65536 for v in (a, b)), 0, *(v * 65536 for v in (c, d)), 0,
                                   x << 16, y << 16, 1 << 30)
    pathlib.Path(f"{name}.mov").write_bytes(clip)


@test
def one_way_up():
    """tool, element and videoflip agree on each of the eight matrices, and on the upright picture"""
    upright = Image.open(MEDIA / "coffee.jpg").convert("RGB").resize((320, 224))
    upright.save("upright.png")
    known = set()
    for name in TURNS:
        make_clip(name, upright)
        if launch(*f"filesrc location={name}.mov ! qtdemux ! videoconvert ! videoflip video-direction=auto !".split(),
                  *f"pngenc ! filesink location={name}.png".split()):
            known.add(name)
    best, *tool = top(effnet("classify", "--json", "upright.png", *(f"{n}.mov" for n in TURNS)).out.splitlines())
    flipped = top(effnet("classify", "--json", *(f"{n}.png" for n in TURNS)).out.splitlines())
    assert best["score"] > 0.9, best
    for name, mine, theirs in zip(TURNS, tool, flipped):
        words = f"filesrc location={name}.mov ! decodebin ! effnetclassify ! fakesink".split()
        assert top(effnet("watch", "--json", *words).out.splitlines()) == [mine], name
        assert mine["id"] == theirs["id"] and abs(mine["score"] - theirs["score"]) < NEAR, (name, mine, theirs)
        if name in known or name == "none":
            assert mine["id"] == best["id"] and abs(mine["score"] - best["score"]) < NEAR, (name, mine, best)
    assert known >= {"right", "half", "left"}, known
    print(f"# qtdemux passes on: {' '.join(sorted(known))}")


main()
