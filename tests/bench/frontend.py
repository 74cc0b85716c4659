# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera's 1080p frame to a 224 x 224 input: ours and what users take instead, on one core."""

import io
import os
import pathlib
import sys

import numpy as np

import driver

FORMATS = ("NV12", "YUY2", "BGRx", "JPEG")
WIDTH, HEIGHT = 1920, 1080
# (module of peers/, title, python, way, formats)
ENGINES = [
    ("front_effnet", "effnet", "own", "bilinear", FORMATS),
    ("front_effnet", "effnet", "own", "bicubic", FORMATS),
    ("front_effnet", "effnet", "own", "bilinear, sparse rows", ("NV12", "YUY2", "BGRx")),
    ("front_gstreamer", "GStreamer", "system", "defaults", FORMATS),
    ("front_gstreamer", "GStreamer", "system", "bilinear2", FORMATS),
    ("front_opencv", "OpenCV", "venv", "full", FORMATS),
    ("front_opencv", "OpenCV", "venv", "reduced", ("JPEG",)),
    ("front_pillow", "Pillow", "venv", "full", FORMATS),
    ("front_pillow", "Pillow", "venv", "draft", ("JPEG",)),
    ("front_read", "reading once", "own", "memchr", FORMATS),
]
WHAT = ("1920 x 1080 -> 224 x 224, the whole frame stretched, one core, in turns. Ours ends in normalised floats, the "
        "others in 8-bit RGB: one step less. JPEG: 4:2:2, baseline, quality 85. Mean difference: from Pillow's "
        "antialiased bilinear resize of the RGB picture the frame was made from, so other filters differ by nature.")


def halved(plane, axis):
    """Every other sample, low-passed with 1 2 1 around it: chroma that sits on the even luma sample."""
    first = np.take(plane, [0], axis)
    before = np.concatenate([first, np.delete(plane, -1, axis)], axis)
    after = np.concatenate([np.delete(plane, 0, axis), np.take(plane, [-1], axis)], axis)
    return np.take((before + 2 * plane + after) / 4, np.arange(0, plane.shape[axis], 2), axis)


def frames(root):
    """{format: bytes} and the picture they show."""
    from PIL import Image

    picture = Image.open(root / "pipelines/media/coffee.jpg").convert("RGB").resize((WIDTH, HEIGHT),
                                                                                    Image.Resampling.BICUBIC)
    rgb = np.asarray(picture).astype(np.float64)
    out = {"BGRx": np.dstack([rgb[:, :, ::-1], np.full(rgb.shape[:2], 254)]).clip(1, 254).astype(np.uint8)}
    luma = rgb @ [0.2126, 0.7152, 0.0722]  # BT.709
    y = np.rint(16 + luma * 219 / 255).clip(16, 235)
    u, v = [128 + (rgb[:, :, i] - luma) * 224 / 255 / scale for i, scale in ((2, 1.8556), (0, 1.5748))]
    wide = [np.rint(halved(plane, 1)).clip(16, 240) for plane in (u, v)]
    out["YUY2"] = np.dstack([y[:, 0::2], wide[0], y[:, 1::2], wide[1]]).astype(np.uint8)
    # 4:2:0 sits between two lines.
    low = [np.rint((halved(p, 1)[0::2] + halved(p, 1)[1::2]) / 2).clip(16, 240) for p in (u, v)]
    out["NV12"] = np.concatenate([y.ravel(), np.dstack(low).ravel()]).astype(np.uint8)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85, subsampling=1)
    out["JPEG"] = np.frombuffer(file.getvalue(), np.uint8)
    small = np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR))
    return {name: data.ravel() for name, data in out.items()}, small


def open_all(entrants, values, small):
    for entrant, python in entrants:
        try:
            if python is None:
                raise driver.NotRun("there is no Python for it: tests/bench/venv.sh")
            entrant.open(python, values)
            entrant.facts.update(relative_l2=None, top1_same=None)
            entrant.difference = (float(np.abs(entrant.logits - small.ravel()).mean()) if len(entrant.logits)
                                  else None)
            entrant.process.stop()
        except driver.NotRun as why:
            entrant.drop(why)
        print(f"  {entrant.title} {entrant.precision}: "
              + (f"NOT RUN, {entrant.reason}" if entrant.reason else entrant.facts["what"]),
              file=sys.stderr, flush=True)


def run(args, library, pythons, folder, root):
    folder.mkdir(parents=True, exist_ok=True)
    made, small = frames(pathlib.Path(root))
    for name, data in made.items():
        np.save(folder / f"{name}.npy", data)
    core = sorted(os.sched_getaffinity(0))[-1:]
    groups = []
    for form in FORMATS:
        print(f"front end, {form}", file=sys.stderr, flush=True)
        pairs = [(driver.Entrant(module, title, way, 1), pythons[python])
                 for module, title, python, way, forms in ENGINES if form in forms]
        entrants = [entrant for entrant, _ in pairs]
        try:
            open_all(pairs, {"folder": str(folder), "variant": form, "cores": core, "libeffnet": library,
                             "model": str(root / "models/lite0")}, small)
            driver.race(entrants, args.rounds, args.seconds / 4, core)
        finally:
            driver.close_all(entrants)
        rows = []
        for entrant in entrants:
            rows.append(driver.result(entrant, entrants[0]))
            rows[-1].update(peer=rows[-1]["peer"].removeprefix("front_"),
                            difference=getattr(entrant, "difference", None))
        groups.append({"format": form, "bytes": int(made[form].size), "entrants": rows})
    return {"what": WHAT, "groups": groups}
