#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Classifies boxes of a picture, as a detector would hand them over: one region of interest each.

    pipelines/classify-boxes.py PICTURE X,Y,WIDTH,HEIGHT...

Without arguments: the cat's head, and a corner. The picture is decoded once.
"""
import sys
import warnings

import setup_path
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstApp, GstVideo  # noqa: E402,F401

# PyGObject has no other way to the elements of a list, and calls this one old.
warnings.filterwarnings("ignore", message=".*ValueArray")
Gst.init(None)
setup_path.check(Gst)
picture = sys.argv[1] if len(sys.argv) > 1 else setup_path.MEDIA / "cat.jpg"
try:
    boxes = [tuple(map(int, box.split(","))) for box in sys.argv[2:] or ["100,20,280,270", "0,0,90,90"]]
    if any(len(box) != 4 or min(box) < 0 or max(box) >= 2**31 for box in boxes):
        raise ValueError
    data = open(picture, "rb").read()
except ValueError:
    sys.exit(f"classify-boxes: a box is X,Y,WIDTH,HEIGHT in pixels, not {' '.join(sys.argv[2:])}")
except OSError as error:
    sys.exit(f"classify-boxes: {error}")

pipeline = Gst.parse_launch("appsrc name=source format=time caps=image/jpeg,framerate=0/1 "
                            "! effnetclassify inference-region=roi-list post-messages=all ! fakesink")
frame = Gst.Buffer.new_wrapped(data)
frame.pts = 0
for number, box in enumerate(boxes):
    GstVideo.buffer_add_video_region_of_interest_meta(frame, "box", *box).id = number
source = pipeline.get_by_name("source")
pipeline.set_state(Gst.State.PLAYING)
source.push_buffer(frame)
source.end_of_stream()

failed = False
wanted = Gst.MessageType.ELEMENT | Gst.MessageType.WARNING | Gst.MessageType.ERROR | Gst.MessageType.EOS
while (message := pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, wanted)) is not None:
    if message.type == Gst.MessageType.ELEMENT:
        _, results = message.get_structure().get_list("results")
        for i in range(results.n_values):
            result = results.get_nth(i)
            place = "{},{},{},{}".format(*map(result.get_value, ("x", "y", "width", "height")))
            print(f"{place:20} {result.get_value('label')}  {result.get_value('confidence'):.3f}")
    elif message.type == Gst.MessageType.EOS:
        break
    else:
        parse = message.parse_error if message.type == Gst.MessageType.ERROR else message.parse_warning
        print(f"classify-boxes: {parse()[0].message}", file=sys.stderr)
        failed = True
        if message.type == Gst.MessageType.ERROR:
            break
pipeline.set_state(Gst.State.NULL)
sys.exit(failed)
