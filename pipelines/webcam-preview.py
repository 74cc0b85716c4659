#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera on the screen with its label on it: the element's messages set textoverlay's text. For a camera
that sends MJPEG only see webcam-mjpeg.sh.

    pipelines/webcam-preview.py [DEVICE]

EFFNET_SOURCE and EFFNET_SINK replace the camera and the window, for example
EFFNET_SOURCE='videotestsrc num-buffers=60' EFFNET_SINK='pngenc snapshot=true ! filesink location=a.png'.
"""
import os
import sys

import setup_path  # finds the element in the build folder
import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

Gst.init(None)
device = sys.argv[1] if len(sys.argv) > 1 else "/dev/video0"
source = os.environ.get("EFFNET_SOURCE") or f"v4l2src device={device}"
sink = os.environ.get("EFFNET_SINK") or "autovideosink"
setup_path.check(Gst)
pipeline = Gst.parse_launch(
    f"{source} ! queue leaky=downstream max-size-buffers=2 ! effnetclassify post-messages=all "
    "! videoconvert ! textoverlay name=text valignment=bottom halignment=left shaded-background=true "
    f"font-desc='Sans 20' ! videoconvert ! {sink}")
text = pipeline.get_by_name("text")


def on_message(_bus, message, *_):
    """In the stream's own thread, so that the text is set before the frame is drawn."""
    result = message.get_structure() if message.type == Gst.MessageType.ELEMENT else None
    if result is None or result.get_name() != "effnetclassify":
        return Gst.BusSyncReply.PASS
    label, (_, confidence) = result.get_string("label"), result.get_double("confidence")
    text.set_property("text", f"{label}  {100 * confidence:.0f} %" if label else "")
    return Gst.BusSyncReply.DROP


bus = pipeline.get_bus()
bus.set_sync_handler(on_message)
pipeline.set_state(Gst.State.PLAYING)
end = None
try:
    while end is None:
        end = bus.timed_pop_filtered(Gst.SECOND // 5, Gst.MessageType.EOS | Gst.MessageType.ERROR)
except KeyboardInterrupt:
    pass
pipeline.set_state(Gst.State.NULL)
if end is not None and end.type == Gst.MessageType.ERROR:
    sys.exit(f"webcam-preview: {end.parse_error()[0].message}")
