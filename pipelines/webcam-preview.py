#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera on the screen with its label on it: the element's messages set textoverlay's text. For a camera
that sends MJPEG only see webcam-mjpeg.sh.

    pipelines/webcam-preview.py [DEVICE]

A camera that is unplugged is waited for; DEVICE is best its link in /dev/v4l/by-id, since its number may change.
EFFNET_SOURCE and EFFNET_SINK replace the camera and the window, for example
EFFNET_SOURCE='videotestsrc num-buffers=60' EFFNET_SINK='pngenc snapshot=true ! filesink location=a.png'.
"""
import os
import sys
import time

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
shown = False  # a label, since the camera was opened


def on_message(_bus, message, *_):
    """In the stream's own thread, so that the text is set before the frame is drawn."""
    global shown
    result = message.get_structure() if message.type == Gst.MessageType.ELEMENT else None
    if result is None or result.get_name() != "effnetclassify":
        return Gst.BusSyncReply.PASS
    label, (_, confidence) = result.get_string("label"), result.get_double("confidence")
    text.set_property("text", f"{label}  {100 * confidence:.0f} %" if label else "")
    shown = True
    return Gst.BusSyncReply.DROP


def say(sentence):
    print(f"webcam-preview: {sentence}", file=sys.stderr, flush=True)


bus = pipeline.get_bus()
bus.set_sync_handler(on_message)
pipeline.set_state(Gst.State.PLAYING)
end, lost = None, False
try:
    while end is None:
        message = bus.timed_pop_filtered(Gst.SECOND // 5, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        if lost and shown:
            lost = False
            say(f"{device} is back")
        if message is None:
            continue
        is_source = isinstance(message.src, Gst.Element) and message.src.numsinkpads == 0
        if message.type == Gst.MessageType.EOS or not (is_source and (shown or lost)):
            end = message
            continue
        if not lost:  # a camera that was unplugged
            say(f"{device}: {message.parse_error()[0].message}; from now on it is opened anew every second")
        lost = True
        pipeline.set_state(Gst.State.NULL)
        shown = False
        time.sleep(1)
        pipeline.set_state(Gst.State.PLAYING)
except KeyboardInterrupt:
    pass
pipeline.set_state(Gst.State.NULL)
if end is not None and end.type == Gst.MessageType.ERROR:
    sys.exit(f"webcam-preview: {end.parse_error()[0].message}")
