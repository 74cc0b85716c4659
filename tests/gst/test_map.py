# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnetoverlay's activation map beside effnet explain's picture of the same frame."""
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from tool import MEDIA, effnet, main, test  # noqa: E402

ROUNDING = 12  # of 255: the map's picture is made of steps, the tool's is not; and both round


def overlaid(jpeg, properties):
    """The picture with nothing but the map on it, as far as a label at the top leaves it."""
    line = f"filesrc location={jpeg} ! jpegparse ! effnetclassify attach-activation-map=true ! jpegdec ! videoconvert " \
           f"! video/x-raw,format=RGB ! effnetoverlay position=top-left {properties} ! pngenc ! filesink location=o.png"
    subprocess.run(["gst-launch-1.0", "-q", *line.split()], check=True, timeout=120)
    return np.asarray(Image.open("o.png").convert("RGB")).astype(int)


@test
def as_explain():
    """the same colours at the same places, in what the network saw"""
    for name, alpha in (("cat.jpg", 0.6), ("coffee.jpg", 0.3)):
        effnet("explain", MEDIA / name, "--output", "e.png", "--alpha", alpha)
        expected = np.asarray(Image.open("e.png").convert("RGB")).astype(int)
        got = overlaid(MEDIA / name, f"show-activation-map=true activation-map-opacity={alpha}")
        plain = overlaid(MEDIA / name, "")
        seen = np.abs(got - plain).max(2) > 0  # the label is on both
        assert seen.mean() > 0.2, seen.mean()
        rows, columns = np.nonzero(seen)
        inner = np.zeros_like(seen)
        inner[rows.min() + 2:rows.max() - 1, columns.min() + 2:columns.max() - 1] = True
        inner[:40, :] = False
        off = np.abs(got - expected).max(2)[inner]
        assert np.percentile(off, 99) <= ROUNDING, (name, alpha, np.percentile(off, [50, 99, 100]))
        assert np.abs(plain - expected).max(2)[inner].mean() > 3 * ROUNDING * alpha


main()
