#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""teach_timing.py [--examples N] [--seconds S] [--rounds R] [--rate FPS]: whether a stream suffers while a head is trained
from it. A live 720p test source, each frame waits for its result, N examples of five labels. In turns, S seconds without
and S seconds with one training behind the other; printed are p50, p95 and p99 of the intervals between frames behind
the element and of the time that a frame is in it, of all rounds, and how many trainings there were. Needs a build in
EFFNET_BUILD_ROOT (build).
Lives here: what training does to a stream. Elsewhere: what heads, teaching and saving cost without one (learning.py)."""
import argparse
import os
import pathlib
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EFFNET_BUILD_ROOT") or ROOT / "build")
os.environ["GST_PLUGIN_PATH"] = str(BUILD / "gst-plugin")

import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402


def percentiles(values):
    values = sorted(values)
    return [values[min(int(len(values) * p), len(values) - 1)] / 1e6 for p in (0.5, 0.95, 0.99)] if values else [0] * 3


class Stream:
    def __init__(self, folder, rate):
        self.pipeline = Gst.parse_launch(
            f"videotestsrc name=source is-live=true pattern=ball ! video/x-raw,format=NV12,width=1280,height=720,framerate={rate}/1 "
            f"! effnetclassify name=it model-file={ROOT}/models/lite0 inference-mode=sync post-messages=none "
            f"teach-file={folder}/taught ! fakesink name=sink sync=false")
        self.it, self.bus = self.pipeline.get_by_name("it"), self.pipeline.get_bus()
        self.intervals, self.inferences, self.last, self.trained, self.came = [], [], None, 0, 0
        self.it.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.come)
        self.pipeline.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.frame)
        self.pipeline.set_state(Gst.State.PLAYING)

    def come(self, *_):
        self.came = time.monotonic_ns()
        return Gst.PadProbeReturn.OK

    def frame(self, *_):
        now = time.monotonic_ns()
        self.inferences.append(now - self.came)
        if self.last is not None:
            self.intervals.append(now - self.last)
        self.last = now
        return Gst.PadProbeReturn.OK

    def follow(self, seconds, train):
        """Intervals and inferences of so long."""
        self.intervals, self.inferences, self.last = [], [], None
        end = time.monotonic() + seconds
        if train:
            self.it.emit("train")
        while time.monotonic() < end:
            message = self.bus.timed_pop(100 * Gst.MSECOND)
            if message is None or message.type == Gst.MessageType.WARNING:
                continue
            if message.type == Gst.MessageType.ERROR:
                raise SystemExit(message.parse_error()[0].message)
            structure = message.get_structure()
            if structure and structure.get_name() == "effnetclassify-trained":
                self.trained += 1
                if train:
                    self.it.emit("train")
        return self.intervals, self.inferences


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=30)
    options = parser.parse_args()
    Gst.init(None)
    with tempfile.TemporaryDirectory() as folder:
        stream = Stream(folder, options.rate)
        source = stream.pipeline.get_by_name("source")
        stream.follow(1, False)
        for i in range(options.examples):
            source.set_property("pattern", (18, 0, 11, 13, 7)[i % 5])
            stream.follow(0.15, False)
            stream.it.emit("teach", "abcde"[i % 5])
        source.set_property("pattern", 18)
        rows = {False: ([], []), True: ([], [])}
        for _ in range(options.rounds):
            for train in (False, True):
                before = stream.trained
                for kept, new in zip(rows[train], stream.follow(options.seconds, train)):
                    kept.extend(new)
                while train and stream.trained == before:  # at least one, whole
                    for kept, new in zip(rows[train], stream.follow(1, False)):
                        kept.extend(new)
                stream.follow(2, False)
        stream.pipeline.set_state(Gst.State.NULL)
    print(f"{options.examples} examples, {options.rate} frames a second, {stream.trained} trainings; ms: p50 p95 p99")
    for train, name in ((False, "without"), (True, "while it trains")):
        for what, values in zip(("between frames", "in the element"), rows[train]):
            print(f"{name:16} {what:15} {len(values):6} " + "".join(f"{v:9.2f}" for v in percentiles(values)))


main()
