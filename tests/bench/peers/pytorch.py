# SPDX-License-Identifier: LGPL-2.1-or-later
"""PyTorch as Debian has it. The traced and frozen module, channels last, against the eager one: the faster
of both is measured. bf16 is autocast."""

import json
import time

import numpy as np

from . import Engine


def prepare(job):
    global torch
    import torch

    return {"torch": torch.__version__}


def network(job):
    functional = torch.nn.functional
    rows = json.loads(__builtins__["open"](job.path("layers.json"), encoding="utf-8").read())
    arrays = np.load(job.path("layers.npz"))

    class Folded(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name in arrays.files:
                value = torch.from_numpy(arrays[name])
                if name.split(".")[1] in ("weight", "weight2") and rows[int(name.split(".")[0])]["kind"] == "gate":
                    value = value[:, :, None, None]
                self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(value, requires_grad=False))

        def forward(self, x):
            made = {0: x}
            for i, row in enumerate(rows):
                made[row["y"]] = self.layer(row, made, lambda name, i=i: getattr(self, f"{i}_{name}"))
            return made[rows[-1]["y"]]

        def layer(self, row, made, part):
            x, kind = made[row["x"]], row["kind"]
            if kind == "add":
                return x + made[row["x2"]]
            if kind == "pool":
                return functional.adaptive_avg_pool2d(x, 1).flatten(1)
            if kind == "fc":
                return functional.linear(x, part("weight"), part("bias"))
            if kind == "gate":
                pooled = functional.adaptive_avg_pool2d(x, 1)
                reduced = functional.silu(functional.conv2d(pooled, part("weight"), part("bias")))
                return x * torch.sigmoid(functional.conv2d(reduced, part("weight2"), part("bias2")))
            top, left, bottom, right = row["pads"]
            pads = (top, left)
            if (top, left) != (bottom, right):
                x, pads = functional.pad(x, (left, right, top, bottom)), (0, 0)
            x = functional.conv2d(x, part("weight"), part("bias"), row["stride"], pads, 1, row["groups"])
            if row["activation"] == "swish":
                return functional.silu(x)
            return {"relu": functional.relu, "relu6": functional.relu6}.get(row["activation"], lambda a: a)(x)

    return Folded().eval()


def candidates(job, eager, frame):
    """(title, module) pairs that run in this precision."""
    yield "eager", eager
    yield "eager, channels last", network(job).to(memory_format=torch.channels_last)
    traced = torch.jit.freeze(torch.jit.trace(network(job), frame))
    if job.precision == "fp32":
        traced = torch.jit.optimize_for_inference(traced)
    yield "traced and frozen", traced


def open(job, image):
    torch.set_num_threads(1 if job.streams else job.threads)
    torch.set_grad_enabled(False)
    frame = torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 1, 2)))
    reduced = job.precision == "bf16"
    found = [None] * max(job.streams, 1)
    eager = network(job)

    def autocast():
        return torch.autocast("cpu", torch.bfloat16, enabled=reduced, cache_enabled=False)

    def runner(i, module):
        def run():
            with torch.no_grad(), autocast():  # both settings belong to the thread
                found[i] = module(frame)
        return run

    def settle():
        timed = []
        with autocast():
            for title, module in candidates(job, eager, frame):
                run = runner(0, module)
                for _ in range(3):
                    run()
                timed.append((min(measure(run) for _ in range(3)), title, module))
        _, title, module = min(timed, key=lambda row: row[0])
        engine.runners = [runner(i, module) for i in range(len(found))]
        engine.what = f"{job.precision}{' autocast' if reduced else ''}, {title}"

    engine = Engine([runner(0, eager)], lambda: found[0][0].float().numpy(), "eager", settle)
    return engine


def measure(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
