#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A clip as a network camera: clip-camera.py CLIP. Prints the camera's address and serves H.264 until it is ended; each
client sees the clip from its beginning, once, in real time. For trying things out where there is no camera.

evening.sh watches it."""
import sys

import setup_path  # noqa: F401
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

if len(sys.argv) != 2:
    sys.exit("Usage: clip-camera.py CLIP")
Gst.init(None)
server = GstRtspServer.RTSPServer(address="127.0.0.1", service="0")
factory = GstRtspServer.RTSPMediaFactory()
# a keyframe each third of a second: of H.264 the classifier decodes these alone
factory.set_launch(f'( filesrc location="{sys.argv[1]}" ! decodebin ! videoconvert ! videorate '
                   "! video/x-raw,format=I420,framerate=15/1 ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=5 "
                   "! rtph264pay name=pay0 pt=96 config-interval=-1 )")
server.get_mount_points().add_factory("/door", factory)
if not server.attach(None):
    sys.exit("clip-camera: no port can be had on 127.0.0.1")
print(f"rtsp://127.0.0.1:{server.get_bound_port()}/door", flush=True)
GLib.MainLoop().run()
