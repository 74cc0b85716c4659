# SPDX-License-Identifier: LGPL-2.1-or-later
"""GStreamer's elements: [jpegdec !] videoconvertscale, from appsrc to appsink; by its defaults (two
pixels a direction) or by the method that looks at every pixel, bilinear2. A batch of frames is pushed and
pulled, so that handing a frame over between threads is not counted."""

import time

import numpy as np

from . import Engine

RAW = "video/x-raw,format={},width=1920,height=1080,framerate=30/1,colorimetry=bt709,interlace-mode=progressive"
JPEG = "image/jpeg,width=1920,height=1080,framerate=30/1"


def prepare(job):
    global Gst
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401  (GstApp gives appsrc and appsink their methods)

    Gst.init(None)
    return {"gstreamer": ".".join(map(str, Gst.version()[:3]))}


def open(job, data):
    method = "" if job.precision == "defaults" else f" method={job.precision}"
    caps = JPEG if job.variant == "JPEG" else RAW.format(job.variant)
    line = (f"appsrc name=src caps={caps} format=time max-bytes=0 ! "
            f"{'jpegdec ! ' if job.variant == 'JPEG' else ''}videoconvertscale add-borders=false n-threads=1{method} ! "
            "video/x-raw,format=RGB,width=224,height=224,pixel-aspect-ratio=1/1 ! appsink name=sink sync=false")
    pipeline = Gst.parse_launch(line)
    source, sink = pipeline.get_by_name("src"), pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    raw, count, found = data.tobytes(), [0], [None]
    whole = Gst.Buffer.new_wrapped(raw)

    def batch(n):
        start = time.perf_counter_ns()
        for _ in range(n):
            buffer = whole.copy()  # the description; the pixels are shared
            buffer.pts, buffer.duration = count[0] * 33333333, 33333333
            count[0] += 1
            source.push_buffer(buffer)
        for _ in range(n):
            sample = sink.try_pull_sample(20 * Gst.SECOND)
            if sample is None:
                message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
                raise RuntimeError(message.parse_error()[0].message if message else "no frame in 20 s")
            found[0] = sample
        return [(time.perf_counter_ns() - start) // n] * n

    def pixels():
        buffer = found[0].get_buffer()
        rows = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).reshape(224, -1)
        return rows[:, :224 * 3].ravel()

    return Engine([lambda: batch(1)], pixels, f"8-bit RGB, videoconvertscale{method}", keep=pipeline, batch=batch)
