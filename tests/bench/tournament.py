# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which engines meet in which discipline, for every variant; and ours once more from outside."""

import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import driver
from peers import PEERS

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = ("network.py", "export.py", "tflite_file.py", "../golden/synthetic.py")


def exported(variant, tool, python, cache):
    """The folder with a variant's files, made when its recipe is new."""
    recipe = hashlib.sha256()
    for name in SOURCES:
        recipe.update((HERE / name).read_bytes())
    recipe.update(subprocess.run([tool, "info", variant, "--json"], check=True, capture_output=True).stdout)
    recipe.update(subprocess.run([python, "-m", "pip", "list"], capture_output=True).stdout)
    folder = cache / f"{variant}-{recipe.hexdigest()[:12]}"
    if not folder.exists():
        print(f"{variant}: writing the engines' files to {folder}", file=sys.stderr, flush=True)
        part = cache / f"{folder.name}.{os.getpid()}.part"
        subprocess.run([python, HERE / "export.py", tool, variant, part], check=True, stdout=sys.stderr,
                       stderr=subprocess.PIPE)
        part.rename(folder)
    return folder


def capped(caps):
    """Ours as CPUs without AVX-512 run it, for the floors of int8."""
    made = [driver.Entrant("effnet", "effnet, AVX2 only", precision, 1, isa="avx2")
            for precision in ("fp32", "int8") if "avx2" in caps]
    return made + [driver.Entrant("effnet", "effnet, 256-bit VNNI", "int8", 1, isa=isa)
                   for isa in ("avxvnni", "vnni256") if isa in caps][:1]


def entrants(peers, discipline, threads, cores, streams, cap, caps):
    """Ours first: the one that the others are compared with is entrants[0]."""
    own = discipline == "own"
    made = []
    for peer in peers:
        entry = PEERS[peer]
        for precision in entry["own"] if own else ["fp32"]:
            made.append(driver.Entrant(peer, entry["title"], precision, threads, streams))
    made.sort(key=lambda e: e.peer != "effnet")
    if own:
        made.append(driver.Entrant("effnet", "effnet", "fp32", threads, streams))
        made += capped(caps) if threads == 1 and not streams else []
    if threads > 1 and not streams:
        made.append(driver.Entrant("effnet", "effnet, 1 thread", made[0].precision, 1))
    elif cap and not streams and not own:
        made.append(driver.Entrant("effnet", "effnet, AVX2 only", "fp32", threads, isa="avx2"))
    return made


class Variant:
    def __init__(self, name, args, tool, library, pythons, cache):
        self.name, self.args, self.tool = name, args, tool
        self.folder = exported(name, tool, pythons["own"], cache)
        self.facts = json.loads((self.folder / "network.json").read_text())
        self.pythons = {peer: pythons["own" if peer == "effnet" else entry["python"]]
                        for peer, entry in PEERS.items()}
        self.values = {"folder": str(self.folder), "variant": name, "libeffnet": library}
        self.cores = sorted(os.sched_getaffinity(0))
        self.reference = None
        cpu = json.loads(subprocess.run([tool, "cpu", "--json"], check=True, capture_output=True).stdout)
        self.cap = "avx2" in cpu["features"] and cpu["isa"] != "avx2"
        self.caps = cpu["features"] if args.floors else []

    def meet(self, discipline, threads, streams=0):
        # One thread: the last core, the driver and the desktop like the first.
        cores = self.cores[-1:] if threads == 1 and not streams else self.cores
        print(f"{self.name}, {discipline}, threads {threads}" + (f", {streams} streams" if streams else ""),
              file=sys.stderr, flush=True)
        peers = [p for p in PEERS if p == "effnet" or not self.args.peers or p.rstrip("_") in self.args.peers]
        entrants_ = entrants(peers, discipline, threads, cores, streams, self.cap, self.caps)
        ours = entrants_[0]
        if self.reference is None:
            self.reference = self.own_logits(cores)
        try:
            driver.open_all(entrants_, self.pythons, {**self.values, "cores": cores}, self.reference)
            if streams:
                driver.flow(entrants_, self.args.rounds, self.args.seconds)
            else:
                driver.race(entrants_, self.args.rounds, self.args.seconds, cores)
        finally:
            driver.close_all(entrants_)
        return {"variant": self.name, "size": self.facts["size"], "multiply_adds": self.facts["multiply_adds"],
                "mode": "throughput" if streams else "latency", "discipline": discipline, "threads": threads,
                "streams": streams, "cores": cores, "entrants": [driver.result(e, ours) for e in entrants_]}

    def own_logits(self, cores):
        """Our fp32: what every engine's logits are compared with."""
        entrant = driver.Entrant("effnet", "effnet", "fp32", 1)
        entrant.open(self.pythons["effnet"], {**self.values, "cores": cores})
        entrant.process.close()
        return entrant.logits

    def all(self):
        groups = []
        for discipline in self.args.precisions:
            if "latency" in self.args.modes:
                for word in self.args.threads:
                    threads = len(self.cores) if word == "all" else int(word)
                    groups.append(self.meet(discipline, threads))
            if "throughput" in self.args.modes:
                groups.append(self.meet(discipline, len(self.cores), self.args.streams or len(self.cores)))
        return groups

    def cross_check(self, groups):
        """One inference in fp32 on one core, measured three ways: by the worker in the rounds, by `effnet bench`,
        and around the whole process `effnet run`, many frames minus one."""
        core = self.cores[-1:]
        rounds = [e["median_ms"] for g in groups for e in g["entrants"][:1]
                  if g["discipline"] == "fp32" and g["threads"] == 1 and g["mode"] == "latency" and "median_ms" in e]
        bench = json.loads(subprocess.run(
            [self.tool, "bench", self.folder / "effnet", "--precision", "fp32", "--threads", "1", "--json",
             "--runs", str(max(3, int(self.args.seconds * 1e3 / rounds[0])) if rounds else 0)],
            check=True, capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, core)).stdout)
        frames = 1 + max(2, min(64, int(1e3 * self.args.seconds / 2 / bench["median_ms"])))
        outside = self.outside(core, frames)
        names = ("median_ms", "p95_ms", "open_ms", "first_result_ms", "peak_bytes", "base_bytes", "weight_bytes",
                 "arena_bytes", "isa", "version")
        return {"variant": self.name, "rounds_ms": rounds[0] if rounds else None,
                "bench": {name: bench[name] for name in names}, "run_ms": outside, "run_frames": frames}

    def outside(self, core, frames):
        image = np.load(self.folder / "input.npy")
        paths = [self.folder / "one.npy", self.folder / "many.npy", self.folder / "out.npy"]
        np.save(paths[0], image)
        np.save(paths[1], np.repeat(image, frames, axis=0))
        spent = [[], []]
        for _ in range(3 if self.args.quick else 7):
            for i in range(2):
                start = time.perf_counter()
                subprocess.run([self.tool, "run", "--model", self.folder / "effnet", "-p", "fp32", "-t", "1",
                                "-i", paths[i], "-o", paths[2]], check=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, core))
                spent[i].append(time.perf_counter() - start)
        for path in paths:
            path.unlink()
        return (statistics.median(spent[1]) - statistics.median(spent[0])) * 1e3 / (frames - 1)


def run(args, tool, library, pythons, cache):
    cache.mkdir(parents=True, exist_ok=True)
    out = {"groups": [], "cross_check": [], "flavour": "synthetic weights (seed 1), SAME padding, epsilon 1e-3"}
    for name in args.variants:
        variant = Variant(name, args, tool, library, pythons, cache)
        groups = variant.all()
        out["groups"] += groups
        if "latency" in args.modes and "1" in args.threads and "fp32" in args.precisions:
            out["cross_check"].append(variant.cross_check(groups))
    return out
