#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""cameras.py: network cameras of 1080p H.264 on this machine, and what effnetclassify makes of them.

An RTSP server of its own (rtsp.py), in another process on the loopback and on the last core, replays a recording in
real time, at ten places of it, so that keyframes do not coincide. The cameras' pipelines are in one process: its CPU,
memory, results of each camera and their age; the server's CPU stands beside it. Four of them:

  reception   rtspsrc protocols=tcp ! rtph264depay ! fakesink: what the cameras cost before anything looks at them
  keyframes   rtspsrc ! rtph264depay ! effnetclassify ! fakesink
  full        rtspsrc ! rtph264depay ! h264parse ! avdec_h264 max-threads=1 ! effnetclassify, as many results
  openvino    as full, but videoconvertscale ! appsink, and OpenVINO in its asynchronous queue in the program

--table measures all rows of docs/CAMERAS.md, in four minutes.
Needs gstreamer1.0-libav and gstreamer1.0-plugins-ugly (x264enc makes the recording).
Lives here: everything but the server. Elsewhere: engines side by side (run), frames without a network (endtoend.py).
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import rtsp

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RATE, GOP, LENGTH = 30, 60, 10
TABLE = [("reception", 64, 1), ("keyframes", 64, 1), ("keyframes", 64, 2), ("keyframes", 100, 2), ("full", 8, 2), ("full", 12, 2)]
SMALL = "video/x-raw,format=RGB,width=224,height=224,pixel-aspect-ratio=1/1"


def import_gst():
    sys.path.append("/usr/lib/python3/dist-packages")
    import gi

    for name in ("Gst", "GstApp"):
        gi.require_version(name, "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401

    Gst.init(None)
    return Gst


# ---- the recording ----


def record(path, bitrate):
    """A clip with a keyframe every two seconds, again and again. Returns: its frames, Mbit/s"""
    Gst = import_gst()
    pipeline = Gst.parse_launch(
        f"filesrc location={ROOT / 'pipelines/media/pan.webm'} ! decodebin ! videoconvert ! videoscale ! videorate ! "
        f"video/x-raw,format=I420,width=1920,height=1080,framerate={RATE}/1 ! "
        f"x264enc speed-preset=veryfast tune=zerolatency key-int-max={GOP} bitrate={bitrate} option-string=scenecut=0 ! "
        "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au ! "
        "appsink name=out sync=false")
    out = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    units = []
    while sample := out.emit("pull-sample"):
        buffer = sample.get_buffer()
        units.append(buffer.extract_dup(0, buffer.get_size()))
    pipeline.set_state(Gst.State.NULL)
    if not units:
        sys.exit("cameras.py: no recording: is x264enc installed (gstreamer1.0-plugins-ugly)?")
    units = units[:len(units) // GOP * GOP]
    repeat(Gst, path, units)
    return len(units), sum(map(len, units)) * 8 * RATE / len(units) / 1e6


def repeat(Gst, path, units):
    """An MP4 file of LENGTH seconds: what a server can replay without a program in between."""
    pipeline = Gst.parse_launch("appsrc name=in format=time caps=video/x-h264,stream-format=byte-stream,alignment=au,"
                                f"framerate={RATE}/1 ! h264parse ! mp4mux ! filesink location={path}")
    source = pipeline.get_by_name("in")
    pipeline.set_state(Gst.State.PLAYING)
    for i in range(LENGTH * RATE):
        buffer = Gst.Buffer.new_wrapped(units[i % len(units)])
        buffer.pts = buffer.dts = i * Gst.SECOND // RATE
        buffer.duration = Gst.SECOND // RATE
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)


# ---- the cameras ----


def cpu_of(pid):
    """Seconds of CPU that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status(field):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


class Camera:
    """One pipeline, and what its sink and the element in it say."""

    def __init__(self, gst, kind, url, on_sample):
        source = f"rtspsrc location={url} protocols=tcp latency=200 ! rtph264depay ! "
        decode = "h264parse ! avdec_h264 max-threads=1 ! "
        line = {
            "reception": source + "fakesink name=sink",
            "keyframes": source + "effnetclassify name=classify post-messages=none ! fakesink name=sink",
            "full": source + decode + f"effnetclassify name=classify inference-interval={GOP} post-messages=none ! "
                                      "fakesink name=sink",
            "openvino": source + decode + f"videorate drop-only=true ! video/x-raw,framerate={RATE}/{GOP} ! "
                                          f"videoconvertscale ! {SMALL} ! appsink name=sink sync=false "
                                          "emit-signals=true drop=true max-buffers=1",
        }[kind]
        self.gst, self.pipeline = gst, gst.parse_launch(line)
        self.sink, self.classify = self.pipeline.get_by_name("sink"), self.pipeline.get_by_name("classify")
        if kind == "openvino":
            self.sink.connect("new-sample", on_sample)
        self.pipeline.set_state(gst.State.PLAYING)

    def count(self):
        frames = self.sink.get_property("stats").get_value("rendered")
        results = self.classify.get_property("stats").get_value("inferences") if self.classify else 0
        return frames, results

    def times(self):
        """ms of wait, decode, convert, infer: the median of this camera's inferences."""
        if self.classify is None:
            return None
        stats = self.classify.get_property("stats")
        return [stats.get_value(f"{name}-p50") / 1e6 for name in ("wait", "decode", "convert", "infer")]

    def age(self):
        """ns between the newest result's frame and the newest buffer, as the element says it."""
        sample = self.sink.get_property("last-sample")
        if sample is None or self.classify is None:
            return None
        meta = sample.get_buffer().get_custom_meta("EffnetClassificationMeta")
        return meta.get_structure().get_value("age") / 1e9 if meta else None

    def error(self):
        message = self.pipeline.get_bus().pop_filtered(self.gst.MessageType.ERROR)
        return message.parse_error()[0].message if message else None


def watch(kind, url, n, seconds, plugin, cores, model, server):
    """The cameras, one after the other within a keyframe's distance, then measured. Prints a line of JSON."""
    os.sched_setaffinity(0, cores)
    os.environ["GST_PLUGIN_PATH"] = plugin
    gst = import_gst()
    done = [0]
    on_sample = openvino_queue(gst, model, cores, done) if kind == "openvino" else None
    before = status("VmRSS")
    cameras = []
    for _ in range(n):
        cameras.append(Camera(gst, kind, url, on_sample))
        time.sleep(max(GOP / RATE / n, 0.02) * (1 if n > 4 else 0.5))
    time.sleep(6)
    first, done_first = [camera.count() for camera in cameras], done[0]
    served, cpu, wall = cpu_of(server), sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), time.monotonic()
    ages = []
    while time.monotonic() < wall + seconds:
        time.sleep(0.5)
        ages += [age for camera in cameras if (age := camera.age()) is not None]
    wall = time.monotonic() - wall
    cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - cpu
    served = cpu_of(server) - served
    deltas = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(first, (camera.count() for camera in cameras))]
    print(json.dumps({
        "kind": kind, "cameras": n, "cores": len(cores), "cpu": cpu / wall, "server_cpu": served / wall,
        "frames": sorted(d[0] / wall for d in deltas), "results": sorted(d[1] / wall for d in deltas),
        "results_all": (done[0] - done_first) / wall if on_sample else sum(d[1] for d in deltas) / wall,
        "times_ms": [statistics.median(column) for column in zip(*(camera.times() for camera in cameras))]
                    if cameras[0].classify else None,
        "age": [statistics.median(ages), max(ages)] if ages else None,
        "rss_mb": status("VmRSS") / 1024, "rss_before_mb": before / 1024, "threads": status("Threads"),
        "errors": [error for camera in cameras if (error := camera.error())][:3],
    }), flush=True)
    os._exit(0)  # taking down many pipelines is no part of it


def openvino_queue(gst, model, cores, done):
    import numpy as np
    import openvino as ov

    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": len(cores), "PERFORMANCE_HINT": "THROUGHPUT"})
    queue = ov.AsyncInferQueue(compiled)

    lock = threading.Lock()  # of the cameras' threads

    def count(_request, _data):
        done[0] += 1

    queue.set_callback(count)

    def on_sample(sink):
        sample = sink.emit("pull-sample")
        buffer = sample.get_buffer()
        rgb = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).reshape(224, 224, 3)
        with lock:
            queue.start_async({0: ((rgb.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]})
        return gst.FlowReturn.OK

    return on_sample


# ---- the table ----


def report(row):
    frames = row["frames"]
    age = f"{row['age'][0]:.2f} / {row['age'][1]:.2f}" if row["age"] else "-"
    print(f"{row['kind']:<10} {row['cameras']:>7} {row['cores']:>5} {row['cpu']:>5.2f} {row['server_cpu']:>6.2f} {frames[0]:>6.1f} "
          f"{statistics.median(frames):>6.1f} {row['results_all']:>8.1f} {age:>13} {row['rss_mb']:>7.0f} "
          f"{(row['rss_mb'] - row['rss_before_mb']) / row['cameras']:>6.1f} {row['threads']:>7}  "
          f"{' '.join(f'{t:.1f}' for t in row['times_ms'] or [])} "
          f"{'; '.join(row['errors'])}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="the rows of docs/CAMERAS.md")
    parser.add_argument("--cameras", default="64", help="numbers of cameras, default 64")
    parser.add_argument("--kinds", default="reception,keyframes,full", help="default reception,keyframes,full")
    parser.add_argument("--cores", type=int, default=0, help="of the cameras' process; default all")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--bitrate", type=int, default=4000, help="kbit/s of a camera, default 4000")
    parser.add_argument("--build", default=os.environ.get("EFFNET_BUILD_ROOT", str(ROOT / "build")))
    parser.add_argument("--model", help="for openvino: a model in OpenVINO's or ONNX' form, [1, 3, 224, 224]")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--serve", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return rtsp.serve(import_gst(), args.serve, RATE)
    if args.watch:
        return watch(**json.loads(args.watch))
    all_cores = sorted(os.sched_getaffinity(0))
    asked = TABLE if args.table else [(kind, int(n), args.cores or len(all_cores))
                                      for kind in args.kinds.split(",") for n in args.cameras.split(",")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/recording.mp4"
        n, mbits = record(path, args.bitrate)
        print(f"recording: {n} frames, {mbits:.1f} Mbit/s, a keyframe every {GOP / RATE:.0f} s; CPU is in cores, the server's beside it")
        print("kind       cameras cores   CPU server  min/s  med/s results   age med/max  RSS MB  MB/camera threads  "
              "ms of wait, decode, convert, infer")
        server = subprocess.Popen([sys.executable, __file__, "--serve", path], stdout=subprocess.PIPE, text=True)
        try:
            url = f"rtsp://127.0.0.1:{server.stdout.readline().strip()}/camera"
            os.sched_setaffinity(server.pid, all_cores[-1:])
            for kind, n, cores in asked:
                ask = {"kind": kind, "url": url, "n": n, "seconds": args.seconds, "plugin": f"{args.build}/gst-plugin",
                       "cores": all_cores[:cores], "model": args.model, "server": server.pid}
                out = subprocess.run([sys.executable, __file__, "--watch", json.dumps(ask)], stdout=subprocess.PIPE,
                                     text=True, timeout=args.seconds + 300).stdout
                rows.append(json.loads(out.splitlines()[-1]))
                report(rows[-1])
        finally:
            server.kill()
            server.wait()
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
