# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pillow: BGRx and JPEG. Ways: "full", or "draft" (JPEG's own scaled decoding)."""

import io

import numpy as np

from . import Engine


def prepare(job):
    global PIL
    import PIL.Image

    if job.variant not in ("BGRx", "JPEG"):
        raise RuntimeError(f"Pillow reads no {job.variant}")
    return {"pillow": PIL.__version__}


def open(job, data):
    found, raw = [None], data.tobytes()

    def image():
        if job.variant == "BGRx":
            return PIL.Image.frombuffer("RGB", (1920, 1080), raw, "raw", "BGRX", 0, 1)
        made = PIL.Image.open(io.BytesIO(raw))
        if job.precision == "draft":
            made.draft("RGB", (224, 224))
        return made

    def run():
        found[0] = image().resize((224, 224), PIL.Image.Resampling.BILINEAR)

    return Engine([run], lambda: np.asarray(found[0]).ravel(), f"8-bit RGB, {job.precision}, bilinear, antialiased")
