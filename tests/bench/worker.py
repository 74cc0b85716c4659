#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""worker.py PEER: one engine in a process of its own, told what to do by lines of JSON.

  {"do": "open", "folder": ..., "variant": ..., "precision": ..., "threads": N, "streams": N, "cores": [..]}
  {"do": "run", "runs": N}            -> {"ns": [...]}, one reading a run
  {"do": "flow", "seconds": S}        -> {"frames": N, "seconds": S, "cpu_seconds": S}, a thread for each stream
  {"do": "logits"}                    -> {"logits": [...]}
  {"do": "memory"}                    -> {"peak_bytes": N, "base_bytes": N}

Each answer is a line of JSON; {"error": ...} when it failed. An engine is a module of peers/ with
prepare() -> versions, imports included, and open(job) -> Engine.
"""

import importlib
import os
import sys
import threading
import time

import answers


def status_bytes(name):
    with open("/proc/self/status", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_seconds():
    """User and system time of all threads, and of children that have ended."""
    return sum(os.times()[:4])


class Job:
    """What to open. `variant` is a frame's format and `precision` a way to do it for the front end's engines
    (peers/front_*.py). streams == 0: one frame at a time over `threads`; else that many at once, a thread each."""

    def __init__(self, values):
        self.folder, self.variant = values["folder"], values["variant"]
        self.precision, self.threads = values["precision"], values["threads"]
        self.streams, self.effnet = values.get("streams", 0), values.get("libeffnet")
        self.isa, self.model = values.get("isa"), values.get("model")

    def path(self, name):
        return os.path.join(self.folder, name)


class Worker:
    def __init__(self, peer):
        self.peer, self.engine, self.base, self.peak = peer, None, 0, 0

    def open(self, ask):
        os.sched_setaffinity(0, ask["cores"])
        job = Job(ask)
        os.environ["OMP_NUM_THREADS"] = str(job.threads)
        if job.isa:
            os.environ["EFFNET_ISA"] = job.isa
        import numpy as np

        # A network's input, or a camera's frame under the name of its format.
        name = "input.npy" if os.path.exists(job.path("input.npy")) else f"{job.variant}.npy"
        image = np.load(job.path(name))
        self.base = status_bytes("VmRSS")
        start = time.monotonic_ns()
        module = importlib.import_module(f"peers.{self.peer}")
        versions = module.prepare(job)
        imported = time.monotonic_ns()
        self.engine = module.open(job, image)
        opened = time.monotonic_ns()
        self.engine.runners[0]()
        first = time.monotonic_ns()
        if self.engine.settle:
            self.peak = status_bytes("VmHWM")
            self.engine.settle()
        return {"versions": versions, "what": self.engine.what, "import_ms": (imported - start) / 1e6,
                "open_ms": (opened - imported) / 1e6, "first_ms": (first - imported) / 1e6}

    def run(self, ask):
        if "cores" in ask:
            os.sched_setaffinity(0, ask["cores"])  # of this thread
        if self.engine.batch:
            return {"ns": self.engine.batch(ask["runs"])}
        runner, ns = self.engine.runners[0], []
        for _ in range(ask["runs"]):
            start = time.perf_counter_ns()
            runner()
            ns.append(time.perf_counter_ns() - start)
        return {"ns": ns}

    def flow(self, ask):
        if self.engine.holds_lock and len(self.engine.runners) > 1:
            return self.flow_forked(ask)
        runners, counts = self.engine.runners, [0] * len(self.engine.runners)
        go, used = threading.Event(), cpu_seconds()

        # A stream ends by its own clock: at real-time priority the thread that would stop it may never get a core.
        def stream(i):
            go.wait()
            end = time.perf_counter() + ask["seconds"]
            while time.perf_counter() < end:
                runners[i]()
                counts[i] += 1

        threads = [threading.Thread(target=stream, args=(i,)) for i in range(len(runners))]
        for thread in threads:
            thread.start()
        start = time.perf_counter()
        go.set()
        for thread in threads:
            thread.join()
        return {"frames": sum(counts), "seconds": time.perf_counter() - start, "cpu_seconds": cpu_seconds() - used}

    def flow_forked(self, ask):
        """A process a stream, for a binding that keeps the interpreter's lock while it runs."""
        pipes, start, used = [], time.perf_counter(), cpu_seconds()
        for runner in self.engine.runners:
            out, into = os.pipe()
            if os.fork() == 0:
                count, end = 0, time.perf_counter() + ask["seconds"]
                while time.perf_counter() < end:
                    runner()
                    count += 1
                os.write(into, str(count).encode())
                os._exit(0)
            os.close(into)
            pipes.append(out)
        frames = sum(int(os.read(out, 32) or 0) for out in pipes)
        seconds = time.perf_counter() - start
        for out in pipes:
            os.close(out)
            os.wait()
        return {"frames": frames, "seconds": seconds, "cpu_seconds": cpu_seconds() - used}

    def logits(self, _):
        self.engine.runners[0]()
        return {"logits": [float(x) for x in self.engine.logits()]}

    def memory(self, _):
        return {"peak_bytes": self.peak or status_bytes("VmHWM"), "base_bytes": self.base}


if __name__ == "__main__":
    answers.serve(lambda: Worker(sys.argv[1]))
