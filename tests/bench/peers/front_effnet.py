# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our front end through libeffnet, to normalised floats. Ways: the interpolation the model's card asks for,
and whether all rows of the frame count (`bilinear, sparse rows`: not)."""

import json
import pathlib
import tempfile

import numpy as np

import libeffnet

from . import Engine

WIDTH, HEIGHT = 1920, 1080
STRIDES = {"NV12": [WIDTH, WIDTH], "YUY2": [WIDTH * 2], "BGRx": [WIDTH * 4]}


def prepare(job):
    job.ours = libeffnet.Library(job.effnet)
    return {"effnet": job.ours.version()}


def card(model, interpolation):
    """A model's folder with another interpolation in its card."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="effnet-bench-"))
    facts = json.loads((pathlib.Path(model) / "config.json").read_text())
    facts["pretrained_cfg"]["interpolation"] = interpolation
    (folder / "config.json").write_text(json.dumps(facts))
    (folder / "model.safetensors").symlink_to(pathlib.Path(model).resolve() / "model.safetensors")
    return folder, facts["pretrained_cfg"]


def frame(job, data):
    if job.variant == "JPEG":
        return libeffnet.jpeg(data.tobytes())
    image = libeffnet.Image(format=libeffnet.FORMATS[job.variant.upper()], width=WIDTH, height=HEIGHT)
    for i, stride in enumerate(STRIDES[job.variant]):
        image.data[i] = data.ctypes.data + i * WIDTH * HEIGHT
        image.stride[i] = stride
    return image


def open(job, data):
    interpolation, _, rows = job.precision.partition(", ")
    folder, facts = card(job.model, interpolation)
    try:
        model = job.ours.open(str(folder))
        session = job.ours.session(model, 1, libeffnet.STRETCH, rows == "sparse rows")
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    out = np.empty((224, 224, 3), np.float32)
    data = np.ascontiguousarray(data)
    image = frame(job, data)

    def pixels():
        return (out * np.float32(facts["std"]) + np.float32(facts["mean"])).ravel() * 255

    return Engine([lambda: job.ours.preprocess(session, image, out.ctypes.data)], pixels,
                  f"normalised floats, {job.precision}, antialiased", keep=(data, image))
