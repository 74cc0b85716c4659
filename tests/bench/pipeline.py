#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pipeline.py ENGINE: one GStreamer pipeline in a process of its own, told what to do by lines of JSON.

  {"do": "open", "source": "MJPEG"|"NV12", "folder": ..., "model": ..., "precision": ..., "cores": [..], "plugin": ..}
  {"do": "run", "frames": N}      as fast as it goes -> {"seconds": S, "cpu_seconds": S}
  {"do": "live", "seconds": S}    30 frames a second by the clock
                                  -> {"frames": N, "classified": N, "seconds": S, "cpu_seconds": S}

ENGINE "effnet": appsrc ! effnetclassify ! fakesink. "ort", "ov": appsrc ! [jpegdec !] videoconvertscale ! appsink,
and that engine in the program that pulls. Invariant: every thread of the process is on the cores given, the frames
lie in memory before anything is timed. Elsewhere: who runs when (endtoend.py).
"""

import os
import resource
import sys
import threading
import time

import answers

RATE = 30
WARM_UP = 5
CAPS = {"MJPEG": "image/jpeg,width=1920,height=1080,framerate=30/1,parsed=true",
        "NV12": "video/x-raw,format=NV12,width=1920,height=1080,framerate=30/1,pixel-aspect-ratio=1/1,"
                "colorimetry=bt709,interlace-mode=progressive"}
SMALL = "video/x-raw,format=RGB,width=224,height=224,pixel-aspect-ratio=1/1"
# Debian's python3-gi serves the environment's Python, which is Debian's, too.
SYSTEM_MODULES = "/usr/lib/python3/dist-packages"


def import_gst(plugin):
    global Gst
    if plugin:
        os.environ["GST_PLUGIN_PATH"] = plugin
    sys.path.append(SYSTEM_MODULES)
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401  (GstApp gives appsrc and appsink their methods)

    Gst.init(None)
    return ".".join(map(str, Gst.version()[:3]))


class Ort:
    def __init__(self, ask):
        import numpy as np
        import onnxruntime

        self.np, self.version = np, {"onnxruntime": onnxruntime.__version__}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(ask["model"], options, providers=["CPUExecutionProvider"])
        self.input = np.empty((1, 3, 224, 224), np.float32)

    def infer(self):
        return self.session.run(None, {"t0": self.input})[0][0]


def compile_openvino(ask, model, performance, threads):
    import openvino

    hint = {"fp32": "f32", "bf16": "bf16"}[ask["precision"]]
    compiled = openvino.Core().compile_model(model, "CPU", {
        "INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": performance})
    used = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if used != hint:
        raise RuntimeError(f"asked for {hint}, the plugin took {used}")
    return compiled


class Ov:
    def __init__(self, ask):
        import numpy as np
        import openvino

        self.np, self.version = np, {"openvino": openvino.__version__}
        compiled = compile_openvino(ask, openvino.Core().read_model(ask["model"]), "LATENCY", 1)
        self.input = np.empty((1, 3, 224, 224), np.float32)
        self.request = compiled.create_infer_request()
        self.request.set_input_tensor(openvino.Tensor(self.input, shared_memory=True))

    def infer(self):
        self.request.infer()
        return self.request.get_output_tensor().data[0]


class Pipeline:
    """What both kinds share: the source."""

    def __init__(self, ask, tail, live):
        self.line = (f"appsrc name=source caps={CAPS[ask['source']]} format=time max-bytes=0 "
                     f"{'is-live=true do-timestamp=true ' if live else ''}! {tail}")
        self.pipeline = Gst.parse_launch(self.line)
        self.source = self.pipeline.get_by_name("source")
        self.count = 0
        self.pipeline.set_state(Gst.State.PLAYING)

    def push(self, frames, stamped):
        buffer = frames[self.count % len(frames)].copy()  # the description; the pixels are shared
        if stamped:
            buffer.pts, buffer.duration = self.count * Gst.SECOND // RATE, Gst.SECOND // RATE
        self.count += 1
        self.source.push_buffer(buffer)

    def failure(self):
        message = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        return RuntimeError(message.parse_error()[0].message if message else "no frame in 20 s")

    def close(self):
        self.pipeline.set_state(Gst.State.NULL)


class Ours(Pipeline):
    """Frames are counted where they leave the element, by its own statistics."""

    def __init__(self, ask, live, before="", threads=1):
        model = os.path.join(ask["model"], "model.safetensors")
        super().__init__(ask, f"{before}effnetclassify name=element model-file={model} resize-mode=stretch "
                         f"threads={threads} precision={ask['precision']} ! fakesink sync=false", live)
        self.element = self.pipeline.get_by_name("element")
        if self.pipeline.get_state(0)[0] == Gst.StateChangeReturn.FAILURE:
            raise self.failure()

    def stats(self):
        found = self.element.get_property("stats")
        return found.get_uint64("frames")[1], found.get_uint64("inferences")[1]

    def wait(self, total):
        end = time.monotonic() + 20
        while self.stats()[1] < total:
            if time.monotonic() > end:
                raise self.failure()
            time.sleep(0.002)

    def classified(self):
        return self.stats()[1]

    def finish(self, frames):
        self.wait(self.count)


class Theirs(Pipeline):
    def __init__(self, ask, live, engine, before=""):
        decode = "jpegdec ! " if ask["source"] == "MJPEG" else ""
        drop = "max-buffers=1 drop=true" if live else ""
        super().__init__(ask, f"{before}{decode}videoconvertscale add-borders=false n-threads=1 ! {SMALL} ! "
                         f"appsink name=sink sync=false {drop}", live)
        self.sink, self.engine, self.done = self.pipeline.get_by_name("sink"), engine, 0
        if live:
            threading.Thread(target=self.serve, daemon=True).start()

    def classify(self, sample):
        """(x / 255 - 0.5) / 0.5, as the card of ours says."""
        np, buffer = self.engine.np, sample.get_buffer()
        found, info = buffer.map(Gst.MapFlags.READ)
        if not found:
            raise RuntimeError("a frame cannot be mapped")
        pixels = np.frombuffer(info.data, np.uint8).reshape(224, 224, 3)
        np.multiply(pixels.transpose(2, 0, 1), np.float32(1 / 127.5), out=self.engine.input[0])
        self.engine.input -= np.float32(1)
        buffer.unmap(info)
        self.done += 1
        return int(self.engine.infer().argmax())

    def serve(self):
        while True:
            sample = self.sink.try_pull_sample(Gst.SECOND)
            if sample is not None:
                self.classify(sample)
            elif self.sink.get_property("eos"):
                return

    def classified(self):
        return self.done

    def finish(self, frames):
        for _ in range(frames):
            sample = self.sink.try_pull_sample(20 * Gst.SECOND)
            if sample is None:
                raise self.failure()
            self.classify(sample)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Worker:
    def __init__(self, kind):
        self.kind, self.engine, self.ask_open = kind, None, None

    def make(self, live):
        return Ours(self.ask_open, live) if self.kind == "effnet" else Theirs(self.ask_open, live, self.engine)

    def open(self, ask):
        os.sched_setaffinity(0, ask["cores"])
        os.environ["OMP_NUM_THREADS"] = "1"
        import numpy as np

        versions = {}
        if self.kind != "effnet":
            self.engine = {"ort": Ort, "ov": Ov}[self.kind](ask)
            versions.update(self.engine.version)
        versions["gstreamer"] = import_gst(ask["plugin"])
        data = np.load(os.path.join(ask["folder"], f"{ask['source']}.npz"))
        self.frames = [Gst.Buffer.new_wrapped(data[name].tobytes()) for name in sorted(data.files)]
        self.ask_open = ask
        self.pipeline = self.make(False)
        self.run({"frames": WARM_UP})
        return {"versions": versions, "what": self.pipeline.line.split(" ! ", 1)[1]}

    def run(self, ask):
        start, used = time.monotonic(), cpu_seconds()
        for _ in range(ask["frames"]):
            self.pipeline.push(self.frames, True)
        self.pipeline.finish(ask["frames"])
        return {"seconds": time.monotonic() - start, "cpu_seconds": cpu_seconds() - used}

    def live(self, ask):
        pipeline = self.make(True)
        pipeline.push(self.frames, False)
        time.sleep(0.5)
        before, start, used = pipeline.classified(), time.monotonic(), cpu_seconds()
        frames = int(ask["seconds"] * RATE)
        for i in range(frames):
            time.sleep(max(0, start + i / RATE - time.monotonic()))
            pipeline.push(self.frames, False)
        time.sleep(max(0, start + frames / RATE - time.monotonic()))
        answer = {"frames": frames, "classified": pipeline.classified() - before,
                  "seconds": time.monotonic() - start, "cpu_seconds": cpu_seconds() - used}
        pipeline.source.end_of_stream()
        pipeline.close()
        return answer


if __name__ == "__main__":
    answers.serve(lambda: Worker(sys.argv[1]))
