# SPDX-License-Identifier: LGPL-2.1-or-later
"""ncnn. Its options for half precision are storage formats; arithmetic where the CPU has it."""

import importlib.metadata

import numpy as np

from . import Engine

HALF = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic")
BRAIN = ("use_bf16_packed", "use_bf16_storage")


def prepare(job):
    global ncnn
    import ncnn

    return {"ncnn": importlib.metadata.version("ncnn")}


def open(job, image):
    net = ncnn.Net()
    net.opt.num_threads = 1 if job.streams else job.threads
    for name in HALF + BRAIN:
        if hasattr(net.opt, name):
            setattr(net.opt, name, name in {"fp16": HALF, "bf16": BRAIN}.get(job.precision, ()))
    if net.load_param(job.path("model.ncnn.param")) or net.load_model(job.path("model.ncnn.bin")):
        raise RuntimeError("ncnn cannot read its files")
    pixels = np.ascontiguousarray(image[0].transpose(2, 0, 1))
    frame = ncnn.Mat(pixels).clone()
    with __builtins__["open"](job.path("model.ncnn.param"), encoding="ascii") as lines:
        blob = lines.read().split("\n")[-2].split()[5]
    found = [None] * max(job.streams, 1)

    def runner(i):
        def run():
            extractor = net.create_extractor()
            extractor.input("t0", frame)
            status, found[i] = extractor.extract(blob)
            if status:
                raise RuntimeError(f"ncnn's extract gave {status}")
        return run

    return Engine([runner(i) for i in range(len(found))], lambda: np.array(found[0]), job.precision)
