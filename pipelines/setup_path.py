# SPDX-License-Identifier: LGPL-2.1-or-later
"""For the Python examples: the plugin of the build folder, where there is one (see common.sh), and a sentence where
what they need is not installed."""
import importlib.util
import os
import pathlib
import sys

_here = pathlib.Path(__file__).resolve().parent
_plugin = pathlib.Path(os.environ.get("EFFNET_BUILD_ROOT") or _here.parent / "build") / "gst-plugin"
if (_plugin / "libgsteffnet.so").exists():
    os.environ["GST_PLUGIN_PATH"] = f"{_plugin}:{os.environ.get('GST_PLUGIN_PATH', '')}"
MEDIA = _here / "media"
if importlib.util.find_spec("gi") is None:
    sys.exit(f"{sys.executable} has no module gi, which is in the package python3-gi: apt-get install python3-gi "
             "gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0, and run this with /usr/bin/python3")


def check(gst):
    """Ends the program with a sentence where the element is missing."""
    if gst.ElementFactory.find("effnetclassify") is None:
        sys.exit("effnetclassify is not there; " + (
            "build it first: meson setup build && meson compile -C build" if (_here.parent / "meson.build").exists()
            else "install gstreamer1.0-effnet, or set GST_PLUGIN_PATH to where it is"))
