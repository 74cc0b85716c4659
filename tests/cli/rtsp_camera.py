# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtsp_camera.py PORT: GStreamer's RTSP server with a live picture at /camera; says "ready" when it listens.

PORT 0: a free one, which it says as well. Exit code 77: there is no such server here.
"""
import sys

try:
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError):
    sys.exit(77)

Gst.init(None)
if not all(map(Gst.ElementFactory.find, ("rtpjpegpay", "jpegenc", "rtspsrc"))):
    sys.exit(77)
server = GstRtspServer.RTSPServer()
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=10/1 ! jpegenc ! "
                   "rtpjpegpay name=pay0 pt=26 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/camera", factory)
if not server.attach(None):
    sys.exit(f"port {sys.argv[1]} is taken")
print("ready", server.get_bound_port(), flush=True)
GLib.MainLoop().run()
