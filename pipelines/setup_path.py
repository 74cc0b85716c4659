# SPDX-License-Identifier: LGPL-2.1-or-later
"""For the Python examples: the plugin of the build folder, where there is one (see common.sh)."""
import os
import pathlib
import sys

_here = pathlib.Path(__file__).resolve().parent
_plugin = pathlib.Path(os.environ.get("EFFNET_BUILD_ROOT") or _here.parent / "build") / "gst-plugin"
if (_plugin / "libgsteffnet.so").exists():
    os.environ["GST_PLUGIN_PATH"] = f"{_plugin}:{os.environ.get('GST_PLUGIN_PATH', '')}"
MEDIA = _here / "media"


def check(gst):
    """Ends the program with a sentence where the element is missing."""
    if gst.ElementFactory.find("effnetclassify") is None:
        sys.exit("effnetclassify is not there; build it first: meson setup build && meson compile -C build")
