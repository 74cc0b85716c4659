# SPDX-License-Identifier: LGPL-2.1-or-later
"""A camera's stream to classes, everything of a pipeline on one core: the element beside the standard elements with
ONNX Runtime or OpenVINO behind an appsink. Same frames, same weights, in turns.

Elsewhere: the pipelines (pipeline.py), processes and ratios (driver.py).
"""

import io
import json
import os
import pathlib
import struct
import sys

import numpy as np

import driver
import frontend
import network
import tournament

SOURCES = ("MJPEG", "NV12")
FRAMES = 48  # of the loop
VARIANTS = ("lite0", "b0")  # whose input is 224 pixels
# (engine, title, precision as the table says it, reduced)
ENTRANTS = [("effnet", "effnet", "fp32", False), ("ort", "ONNX Runtime", "fp32", False),
            ("ov", "OpenVINO", "fp32", False), ("effnet", "effnet", "auto", True), ("ov", "OpenVINO", "bf16", True)]
WHAT = ("1920 x 1080 at 30 frames a second to classes, the whole frame stretched to 224 x 224, synthetic weights; every "
        "thread of a pipeline on one core; a camera move over a photograph, the frames in memory beforehand, MJPEG 4:2:2 "
        "at quality 90. Frames/s: as fast as it goes. CPU ms: user and system time of the process by frame. Live: 30 "
        "frames a second by the clock; classified frames a second, and the share of the core. Ratio: our frames/s by "
        "theirs, over 1 means ours is faster; 10th and 90th percentile over the rounds. Theirs: appsrc ! [jpegdec !] "
        "videoconvertscale ! RGB, 224 x 224 ! appsink, then numpy to floats and the engine with one thread.")


def nv12(picture):
    """BT.709, limited range; the chroma of two lines and two columns averaged."""
    rgb = np.asarray(picture, np.float32)
    luma = rgb @ np.float32([0.2126, 0.7152, 0.0722])
    y = np.rint(16 + luma * (219 / 255)).clip(16, 235).astype(np.uint8)
    planes = []
    for channel, scale in ((2, 1.8556), (0, 1.5748)):
        plane = 128 + (rgb[:, :, channel] - luma) * (224 / 255 / scale)
        plane = (plane[0::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 0::2] + plane[1::2, 1::2]) / 4
        planes.append(np.rint(plane).clip(16, 240).astype(np.uint8))
    return np.concatenate([y.ravel(), np.dstack(planes).ravel()])


def make_frames(folder, root):
    """MJPEG.npz and NV12.npz: a window that moves over coffee.jpg and back. Returns a JPEG's mean bytes."""
    from PIL import Image

    picture = Image.open(root / "pipelines/media/coffee.jpg").convert("RGB")
    picture = picture.resize((2160, 1440), Image.Resampling.BICUBIC)
    made = {source: {} for source in SOURCES}
    for i in range(FRAMES):
        at = abs(FRAMES // 2 - i) * 2 / FRAMES
        left, top = round(at * (2160 - frontend.WIDTH)), round(at * (1440 - frontend.HEIGHT))
        window = picture.crop((left, top, left + frontend.WIDTH, top + frontend.HEIGHT))
        file = io.BytesIO()
        window.save(file, "JPEG", quality=90, subsampling=1)
        made["MJPEG"][f"{i:03}"] = np.frombuffer(file.getvalue(), np.uint8)
        made["NV12"][f"{i:03}"] = nv12(window)
    for source, frames in made.items():
        np.savez(folder / f"{source}.npz", **frames)
    return int(np.mean([frame.size for frame in made["MJPEG"].values()]))


def write_model(tool, variant, folder):
    """The weights of network.py as a checkpoint of ours: safetensors and a card."""
    net = network.describe(tool, variant)
    header, parts, at = {}, [], 0
    for name, array in network.synthetic.tensors(network.shapes(net), network.SEED).items():
        parts.append(np.ascontiguousarray(array, "<f4").tobytes())
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    card = {"architecture": f"tf_efficientnet_{variant}", "num_classes": network.CLASSES,
            "num_features": net["n_features"],
            "pretrained_cfg": {"input_size": [3, 224, 224], "interpolation": "bilinear", "crop_pct": 1.0,
                               "mean": [0.5] * 3, "std": [0.5] * 3, "num_classes": network.CLASSES},
            "effnet": {"padding": "same", "bn_epsilon": network.EPSILON}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(card))
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    return str(folder)


class Contestant(driver.Entrant):
    def __init__(self, peer, title, precision, reduced):
        super().__init__(peer, title, precision, 1, streams=1)  # streams: more frames a second is better
        self.reduced, self.live = reduced, []

    def begin(self, python, values, models):
        if python is None:
            raise driver.NotRun("there is no Python for it: tests/bench/venv.sh")
        self.process = driver.Process(python, "pipeline.py", self.peer, timeout=120)
        model = models["effnet" if self.peer == "effnet" else "onnx"]
        self.facts = self.process.ask("open", precision=self.precision, model=model, **values)
        self.process.stop()

    def drop(self, why):
        super().drop(why)
        print(f"  {self.title} {self.precision}: NOT RUN, {self.reason}", file=sys.stderr, flush=True)


def race(entrants, rounds, seconds, live_seconds):
    """As fast as it goes in `rounds` turns, then by the clock in three."""
    frames = {}
    for entrant in entrants:
        answer = driver.turn(entrant, lambda process: process.ask("run", frames=10))
        if answer:
            frames[entrant] = max(5, int(seconds / rounds * 10 / answer["seconds"]))
    for _ in range(rounds):
        for entrant in entrants:
            answer = driver.turn(entrant, lambda process, e=entrant: process.ask("run", frames=frames[e]))
            if answer:
                entrant.rounds.append([frames[entrant] / answer["seconds"]])
                entrant.cpu.append(answer["cpu_seconds"] * 1e3 / frames[entrant])
    for _ in range(3):
        for entrant in entrants:
            answer = driver.turn(entrant, lambda process: process.ask("live", seconds=live_seconds))
            if answer:
                entrant.live.append((answer["classified"] / answer["seconds"],
                                     answer["cpu_seconds"] / answer["seconds"]))


def result(entrant, ours):
    row = {"peer": entrant.peer, "title": entrant.title, "precision": entrant.precision, "reduced": entrant.reduced,
           "not_run": entrant.reason}
    if entrant.reason or not entrant.rounds:
        return row
    fps = sum(entrant.rounds, [])
    row.update(versions=entrant.facts["versions"], what=entrant.facts["what"], rounds=fps,
               median_fps=float(np.median(fps)), cpu_ms=float(np.median(entrant.cpu)),
               live_fps=float(np.median([fps for fps, _ in entrant.live])) if entrant.live else None,
               live_cpu=float(np.median([cpu for _, cpu in entrant.live])) if entrant.live else None)
    row.update(driver.ratios(entrant, ours) or {})
    return row


def meet(args, variant, source, values, models, pythons):
    print(f"end to end, {variant}, {source}", file=sys.stderr, flush=True)
    entrants = [Contestant(*row) for row in ENTRANTS
                if not args.peers or row[0] == "effnet" or row[0] in args.peers]
    ours = {entrant.reduced: entrant for entrant in entrants if entrant.peer == "effnet"}
    try:
        for entrant in entrants:
            try:
                entrant.begin(pythons["own" if entrant.peer == "effnet" else "venv"], {**values, "source": source},
                              models)
            except driver.NotRun as why:
                entrant.drop(why)
        race(entrants, args.rounds, args.seconds, 1 if args.quick else 4)
    finally:
        driver.close_all(entrants)
    return {"variant": variant, "source": source, "entrants": [result(e, ours[e.reduced]) for e in entrants]}


def run(args, tool, pythons, cache, root):
    frames = cache / "bench-pipeline"
    frames.mkdir(parents=True, exist_ok=True)
    size = make_frames(frames, pathlib.Path(root))
    cores = sorted(os.sched_getaffinity(0))[-1:]
    plugin = pathlib.Path(tool).parents[2] / "gst-plugin"
    groups = []
    for variant in [name for name in args.variants if name in VARIANTS]:
        exported = tournament.exported(variant, tool, pythons["own"], cache / "bench-models")
        models = {"onnx": str(exported / "model.onnx"), "effnet": write_model(tool, variant, frames / variant)}
        for source in SOURCES:
            groups.append(meet(args, variant, source, {"folder": str(frames), "cores": cores, "plugin": str(plugin)},
                               models, pythons))
    return {"what": WHAT, "jpeg_bytes": size, "core": cores[0], "groups": groups}
