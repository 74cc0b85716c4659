#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""stream_worker.py ENGINE: several 1080p streams at once, told what to do by lines of JSON.

  {"do": "open", "source": "NV12", "folder": ..., "model": ..., "precision": ..., "cores": [..], "plugin": ..,
   "streams": N, "first": N}      first: the number of its first stream, which says what picture it shows
  {"do": "start", "live": BOOL}   as fast as it goes, or RATE frames a second by the clock; answers after each
                                  stream's first result
  {"do": "measure", "seconds": S} -> {"seconds": S, "inferences": [of each stream], "cpu_seconds": S}
  {"do": "finish"}

ENGINE "effnet": N pipelines with an effnetclassify each in this process; "processes": a process of one thread for
each stream; "ov": N pipelines that end in an appsink, and OpenVINO's asynchronous queue in the program. Invariant:
between two turns nothing runs. Elsewhere: who runs when (streams.py), the pipelines' parts (pipeline.py).
"""

import concurrent.futures
import os
import sys
import threading
import time

import answers
import driver
import pipeline

RATE = 5  # of a live stream


def source(live):
    """The same buffer again and again, without a copy and without Python."""
    return f"imagefreeze is-live={'true' if live else 'false'} ! video/x-raw,framerate={RATE if live else 30}/1 ! "


class AsyncOpenVino:
    """Takes pixels as they are; the normalisation is part of the compiled model."""

    def __init__(self, ask):
        import numpy as np
        import openvino
        from openvino import preprocess

        self.np, self.version = np, {"openvino": openvino.__version__}
        steps = preprocess.PrePostProcessor(openvino.Core().read_model(ask["model"]))
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(127.5)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        compiled = pipeline.compile_openvino(ask, steps.build(), "THROUGHPUT", len(ask["cores"]))
        self.queue, self.lock = openvino.AsyncInferQueue(compiled), threading.Lock()
        self.queue.set_callback(self.done)

    def submit(self, stream, pixels):
        """Waits for a free request; the queue wants one caller at a time."""
        with self.lock:
            self.queue.start_async({0: pixels}, stream)

    @staticmethod
    def done(request, stream):
        stream.best = int(request.get_output_tensor().data[0].argmax())
        stream.done += 1


class TheirStream(pipeline.Theirs):
    """A thread takes the newest frame to the queue, so that a full queue never holds up a live source."""

    def __init__(self, ask, live, engine):
        self.best, self.puller = None, None
        super().__init__(ask, live, engine, source(live))
        if not live:
            self.sink.set_property("max-buffers", 2)  # the source waits
            threading.Thread(target=self.serve, daemon=True).start()

    def classify(self, sample):
        buffer = sample.get_buffer()
        found, info = buffer.map(pipeline.Gst.MapFlags.READ)
        if not found:
            raise RuntimeError("a frame cannot be mapped")
        self.engine.submit(self, self.engine.np.frombuffer(info.data, self.engine.np.uint8).reshape(1, 224, 224, 3))
        buffer.unmap(info)


class Worker:
    def __init__(self, kind):
        self.kind, self.engine, self.streams = kind, None, []

    def open(self, ask):
        os.sched_setaffinity(0, ask["cores"])
        import numpy as np

        self.ask_open, versions = ask, {}
        if self.kind == "ov":
            self.engine = AsyncOpenVino(ask)
            versions.update(self.engine.version)
        versions["gstreamer"] = pipeline.import_gst(ask["plugin"])
        data = np.load(os.path.join(ask["folder"], f"{ask['source']}.npz"))
        names = sorted(data.files)
        self.frames = [pipeline.Gst.Buffer.new_wrapped(data[names[i % len(names)]].tobytes())
                       for i in range(ask["first"], ask["first"] + ask["streams"])]
        return {"versions": versions}

    def make(self, live):
        if self.engine:
            return TheirStream(self.ask_open, live, self.engine)
        return pipeline.Ours(self.ask_open, live, source(live), self.ask_open.get("threads", 0))

    def start(self, ask):
        for frame in self.frames:
            stream = self.make(ask["live"])
            stream.push([frame], True)
            self.streams.append(stream)
        end = time.monotonic() + 60
        while not all(self.counts()):
            if time.monotonic() > end:
                raise next(s for s in self.streams if not s.classified()).failure()
            time.sleep(0.01)
        return {"what": self.streams[0].line.split(" ! ", 1)[1]}

    def counts(self):
        return [stream.classified() for stream in self.streams]

    def measure(self, ask):
        before, start, used = self.counts(), time.monotonic(), pipeline.cpu_seconds()
        time.sleep(ask["seconds"])
        after, seconds, used = self.counts(), time.monotonic() - start, pipeline.cpu_seconds() - used
        return {"seconds": seconds, "inferences": [b - a for a, b in zip(before, after)], "cpu_seconds": used}

    def finish(self, _):
        while self.streams:
            self.streams.pop().close()
        if self.engine:
            self.engine.queue.wait_all()
        return {}


class Processes:
    """A stream of ours to a process: each is asked at the same time."""

    def open(self, ask):
        self.children = [driver.Process(sys.executable, "stream_worker.py", "effnet", timeout=120)
                         for _ in range(ask["streams"])]
        self.pool = concurrent.futures.ThreadPoolExecutor(len(self.children))
        asks = [{**ask, "streams": 1, "first": i, "threads": 1} for i in range(len(self.children))]
        return self.all(asks)[0]

    def all(self, asks):
        return list(self.pool.map(lambda child, ask: child.ask(**ask), self.children, asks))

    def each(self, ask):
        return self.all([ask] * len(self.children))

    def start(self, ask):
        return self.each(ask)[0]

    def measure(self, ask):
        found = self.each(ask)
        return {"seconds": sum(a["seconds"] for a in found) / len(found),
                "inferences": sum((a["inferences"] for a in found), []),
                "cpu_seconds": sum(a["cpu_seconds"] for a in found)}

    def finish(self, ask):
        self.each(ask)
        return {}


if __name__ == "__main__":
    answers.serve(lambda: Processes() if sys.argv[1] == "processes" else Worker(sys.argv[1]))
