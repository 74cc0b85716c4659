#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Teaches a camera its own labels while it runs: type a label when it shows what the label is for.

    pipelines/teach.py [FILE]

Lines of the input, once a frame was classified: "teach LABEL" (the newest frame is an example of it), "train"
(with three examples or more of two labels or more), "rollback", "forget LABEL", "quit". What is taught is kept in
FILE (taught.examples); start again, and the camera knows it. EFFNET_SOURCE replaces the camera, for example
EFFNET_SOURCE='videotestsrc is-live=true'.
"""
import os
import signal
import sys

import setup_path
import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

Gst.init(None)
setup_path.check(Gst)
pipeline = Gst.parse_launch((os.environ.get("EFFNET_SOURCE") or "v4l2src ! image/jpeg") +
                            " ! effnetclassify name=classify ! fakesink sync=true")
classify = pipeline.get_by_name("classify")
classify.set_property("teach-file", sys.argv[1] if len(sys.argv) > 1 else "taught.examples")
classify.set_property("smoothing", "vote")
loop = GLib.MainLoop()
error = None
listening = False


def obey(line):
    """One line of the input."""
    words = line.split(maxsplit=1)
    command = words[0] if words else "quit"
    if command in ("teach", "forget") and len(words) == 2:
        if classify.emit(command, words[1].strip()):
            print(f"{command}: {words[1].strip()}", flush=True)
    elif command == "rollback":
        if classify.emit(command):
            print("rolled back", flush=True)
    elif command == "train":
        classify.emit(command)
    else:
        loop.quit()


def listen(_channel, _condition, rest):
    """What came on the input, whole lines of it; its end is the end."""
    data = os.read(sys.stdin.fileno(), 4096)
    rest += data
    while b"\n" in rest:
        end = rest.index(b"\n")
        obey(rest[:end].decode(errors="replace"))
        del rest[:end + 1]
    if not data:
        loop.quit()
    return bool(data)


def hear(_bus, message):
    """Labels, trainings, and what went wrong."""
    global error, listening
    if message.type == Gst.MessageType.ERROR:
        error = message.parse_error()[0].message
    if message.type in (Gst.MessageType.ERROR, Gst.MessageType.EOS):
        loop.quit()
    elif message.type == Gst.MessageType.WARNING:
        print(f"teach: {message.parse_warning()[0].message}", file=sys.stderr, flush=True)
    elif message.type == Gst.MessageType.ELEMENT:
        result = message.get_structure()
        if result.get_name() == "effnetclassify-trained":
            print(f"trained: version {result.get_value('version')}, "
                  f"{100 * result.get_value('accuracy'):.0f} % right by leave-one-out", flush=True)
        elif result.get_name() == "effnetclassify":
            print(result.get_value("stable-label"), flush=True)
            if not listening:
                GLib.io_add_watch(GLib.IOChannel.unix_new(sys.stdin.fileno()), GLib.PRIORITY_DEFAULT,
                                  GLib.IO_IN | GLib.IO_HUP, listen, bytearray())
                listening = True


bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message", hear)
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT, loop.quit)
pipeline.set_state(Gst.State.PLAYING)
loop.run()
pipeline.set_state(Gst.State.NULL)
if error is not None:
    sys.exit(f"teach: {error}")
