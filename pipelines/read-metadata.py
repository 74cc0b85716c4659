#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the classification that travels on every buffer, after the frame was scaled and converted.

    pipelines/read-metadata.py [CLIP]

EFFNET_SOURCE replaces the clip, for example EFFNET_SOURCE='v4l2src num-buffers=100'.
"""
import os
import sys
import warnings

import setup_path
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402,F401

# PyGObject has no other way to the elements of a list, and calls this one old.
warnings.filterwarnings("ignore", message=".*ValueArray")
Gst.init(None)
setup_path.check(Gst)
clip = sys.argv[1] if len(sys.argv) > 1 else setup_path.MEDIA / "pan.webm"
source = os.environ.get("EFFNET_SOURCE") or f'filesrc location="{clip}"'
pipeline = Gst.parse_launch(f"{source} ! decodebin ! effnetclassify inference-interval=5 top-k=3 ! queue "
                            "! videoconvertscale ! video/x-raw,format=RGB,width=160,height=120 "
                            "! appsink name=sink sync=false max-buffers=4")
sink = pipeline.get_by_name("sink")
pipeline.set_state(Gst.State.PLAYING)


def values(structure, name):
    """A list field; PyGObject hands it out as a GValueArray."""
    _, array = structure.get_list(name)
    return [array.get_nth(i) for i in range(array.n_values)]


frames = 0
bus = pipeline.get_bus()
error = None
while error is None and not sink.is_eos():
    sample = sink.try_pull_sample(Gst.SECOND // 5)
    if sample is None:
        error = bus.pop_filtered(Gst.MessageType.ERROR)
        continue
    meta = sample.get_buffer().get_custom_meta("EffnetClassificationMeta")
    frames += 1
    if meta is None:
        continue
    result = meta.get_structure()
    if result.get_value("fresh"):  # the frames between repeat it, with its age
        top = ", ".join(f"{label} {100 * score:.1f} %"
                        for label, score in zip(values(result, "labels"), values(result, "scores")))
        print(f"{sample.get_buffer().pts / 1e9:7.3f} s  {top}", flush=True)
pipeline.set_state(Gst.State.NULL)
if error is not None:
    sys.exit(f"read-metadata: {error.parse_error()[0].message}")
print(f"{frames} frames")
