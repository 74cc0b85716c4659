#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# metrics.sh BUILD [SECONDS]: what 1000 requests a second for /metrics cost: of a core, in the thread that answers, and
# the stream: frames classified a second and latency, with and without requests, in turns. The client has the lowest
# priority, since it is not what is measured.
set -eu
build=${1:?usage: metrics.sh BUILD [SECONDS]}
export GST_PLUGIN_PATH=$build/gst-plugin
exec "${PYTHON:-/usr/bin/python3}" - "${2:-10}" 1000 <<'END'
import mmap
import os
import pathlib
import struct
import subprocess
import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

CLIENT = """
import mmap, os, socket, struct, sys, time
os.nice(19)
count = mmap.mmap(int(sys.argv[4]), 8)
port, rate = int(sys.argv[1]), float(sys.argv[2])
asked, due = 0, time.monotonic()
while os.getppid() == int(sys.argv[3]):
    due = max(due + 1 / rate, time.monotonic() - 0.1)
    time.sleep(max(0, due - time.monotonic()))
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        answer = b""
        while part := s.recv(1 << 16):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\\n")
    asked += 1
    count[:8] = struct.pack("q", asked)
"""


def answering_seconds():
    """Of CPU, of the thread that answers."""
    for task in pathlib.Path("/proc/self/task").iterdir():
        if (task / "comm").read_text() == "effnet-metrics\n":
            return int((task / "schedstat").read_text().split()[0]) / 1e9
    return 0


def measure(source, seconds, rate):
    """(classified a second, latency-p95 in ms, requests a second, CPU of the thread that answers, us a request)"""
    pipeline = Gst.parse_launch(f"{source} ! effnetclassify name=e metrics-port=0 ! fakesink sync=false")
    element = pipeline.get_by_name("e")
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_state(Gst.CLOCK_TIME_NONE)
    port = element.get_property("metrics-url").split(":")[2].split("/")[0]
    shared = os.memfd_create("asked")
    os.ftruncate(shared, 8)
    count = mmap.mmap(shared, 8)
    client = None
    if rate:
        client = subprocess.Popen([sys.executable, "-c", CLIENT, port, str(rate), str(os.getpid()), str(shared)],
                                  pass_fds=[shared])
    time.sleep(1)
    stats, begun, spent = element.get_property("stats"), time.monotonic(), answering_seconds()
    asked = struct.unpack("q", count)[0]
    time.sleep(seconds)
    after, passed, spent = element.get_property("stats"), time.monotonic() - begun, answering_seconds() - spent
    asked = struct.unpack("q", count)[0] - asked
    if client:
        client.kill()
        client.wait()
    os.close(shared)
    pipeline.set_state(Gst.State.NULL)
    classified = (after.get_value("inferences") - stats.get_value("inferences")) / passed
    return classified, after.get_value("latency-p95") / 1e6, asked / passed, spent / asked * 1e6 if asked else 0


seconds, rate = float(sys.argv[1]), int(sys.argv[2])
Gst.init(None)
live = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=480,framerate=30/1"
full = "videotestsrc pattern=ball ! video/x-raw,width=640,height=480"
for _ in range(5):
    for name, source in (("live, 30 a second", live), ("as fast as it goes", full)):
        a, b = measure(source, seconds, 0), measure(source, seconds, rate)
        print(f"{name}: {a[0]:.1f} a second, p95 {a[1]:.1f} ms; with {b[2]:.0f} requests a second {b[0]:.1f} "
              f"({b[0] / a[0]:.3f} times), p95 {b[1]:.1f} ms; {b[3]:.0f} us of CPU a request, {b[2] * b[3] / 1e4:.1f} % "
              "of a core", flush=True)
END
