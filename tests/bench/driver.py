# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs engines against each other: A B C A B C ...

Invariant: while one engine is measured every other is stopped (SIGSTOP), so no pool of threads that spins
after its last frame takes part in another's figure. Elsewhere: what the engines are (peers/), what is
printed (report.py).
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
# Relative L2 of logits against our fp32, above which an engine does not compute the same network.
# Reduced floats keep 8 or 11 bits of each number and add up in them or in more; 8-bit integers are shown,
# not judged.
AGREE = {"fp32": 1e-4, "bf16": 0.05, "fp16": 0.05}


class NotRun(Exception):
    """An engine that cannot take part; the text says why."""


class Process:
    """A worker.py, asked line by line."""

    def __init__(self, python, script, *arguments, timeout=900):
        self.timeout = timeout
        self.child = subprocess.Popen([python, os.path.join(HERE, script), *arguments], text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.noise = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.child.stderr:
            self.noise = self.noise[-20:] + [line.rstrip()]

    def ask(self, do, **values):
        timer = threading.Timer(self.timeout, self.child.kill)
        timer.start()
        try:
            self.child.stdin.write(json.dumps({"do": do, **values}) + "\n")
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            code = self.child.wait()
            raise NotRun(f"its process ended with {code}: {self.noise[-1] if self.noise else 'no message'}")
        answer = json.loads(line)
        if "error" in answer:
            raise NotRun(answer["error"])
        return answer

    def stop(self):
        self.child.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.child.send_signal(signal.SIGCONT)

    def close(self):
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            pipe.close()


class Entrant:
    """One engine in one configuration, and what was measured of it."""

    def __init__(self, peer, title, precision, threads, streams=0, isa=None):
        self.peer, self.title, self.precision = peer, title, precision
        self.threads, self.streams, self.isa = threads, streams, isa
        self.process, self.rounds, self.cpu, self.reason = None, [], [], None
        self.turns = 1  # cores it gets in turn, a round each
        self.facts, self.logits = {}, None

    def open(self, python, values):
        self.process = Process(python, "worker.py", self.peer)
        self.facts = self.process.ask("open", precision=self.precision, threads=self.threads,
                                      streams=self.streams, isa=self.isa, **values)
        self.logits = np.array(self.process.ask("logits")["logits"])
        self.facts.update(self.process.ask("memory"))

    def drop(self, why):
        self.reason = str(why)
        if self.process:
            self.process.close()
        self.process = None


def quantile(values, q):
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[int(q * (len(ordered) - 1) + 0.5)]


def agreement(entrant, logits):
    error = float(np.linalg.norm(entrant.logits - logits) / np.linalg.norm(logits))
    entrant.facts.update(relative_l2=error, top1_same=bool(entrant.logits.argmax() == logits.argmax()))
    limit = AGREE.get(entrant.precision)
    if limit is not None and not error <= limit:
        raise NotRun(f"its logits differ from ours by {error:.2g} (relative L2); at most {limit:g} is expected")


def open_all(entrants, pythons, values, reference):
    """Opens every entrant; those that cannot take part are dropped with the reason. `reference`: our fp32
    logits, or None: those of the first entrant."""
    for entrant in entrants:
        try:
            python = pythons.get(entrant.peer)
            if python is None:
                raise NotRun("there is no Python for it: tests/bench/venv.sh")
            entrant.open(python, values)
            if reference is None:
                reference = entrant.logits
            agreement(entrant, reference)
            entrant.process.stop()
        except NotRun as why:
            entrant.drop(why)
        print(f"  {entrant.title} {entrant.precision}: "
              + (f"NOT RUN, {entrant.reason}" if entrant.reason else
                 f"{entrant.facts['what']}; logits {entrant.facts['relative_l2']:.1e} from our fp32, top-1 "
                 + ("the same" if entrant.facts["top1_same"] else "DIFFERENT")), file=sys.stderr, flush=True)
    return reference


def turn(entrant, action):
    """What `action` asks of the one process that runs; None when it failed and was dropped."""
    if entrant.process is None:
        return None
    try:
        entrant.process.go_on()
        answer = action(entrant.process)
        entrant.process.stop()
        return answer
    except NotRun as why:
        entrant.drop(why)
        return None


def race(entrants, rounds, seconds, cores):
    """Latency: `rounds` turns of each, about `seconds` of each in all; every turn starts with a run that does
    not count, since the others have emptied the caches. Who has one thread gets each of `cores` in turn: several
    threads need all of them, the slower ones, too."""
    share = seconds / rounds
    runs = {}
    for entrant in entrants:  # warm-up
        entrant.turns = min(rounds, len(cores)) if entrant.threads == 1 else 1
        answer = turn(entrant, lambda process: process.ask("run", runs=3))
        if answer:
            runs[entrant] = max(1, min(1000, int(share * 1e9 / min(answer["ns"]))))
    for number in range(rounds):
        for entrant in entrants:
            use = [cores[number % entrant.turns]] if entrant.threads == 1 else cores
            answer = turn(entrant, lambda process, e=entrant, c=use: process.ask("run", runs=runs[e] + 1, cores=c))
            if answer:
                entrant.rounds.append([ns / 1e6 for ns in answer["ns"][1:]])
    for entrant in entrants:
        answer = turn(entrant, lambda process: process.ask("memory"))
        if answer:
            entrant.facts.update(answer)


def flow(entrants, rounds, seconds):
    """Throughput: frames a second of each turn, and a frame's CPU time, which other work disturbs less."""
    for entrant in entrants:
        turn(entrant, lambda process: process.ask("flow", seconds=min(0.5, seconds / rounds)))
    for _ in range(rounds):
        for entrant in entrants:
            answer = turn(entrant, lambda process: process.ask("flow", seconds=seconds / rounds))
            if answer:
                entrant.rounds.append([answer["frames"] / answer["seconds"]])
                entrant.cpu.append(answer["cpu_seconds"] * 1e3 / max(1, answer["frames"]))


def close_all(entrants):
    for entrant in entrants:
        if entrant.process:
            entrant.process.close()
            entrant.process = None


def median(entrant):
    """Of all runs; where it got the cores in turn, the mean of each core's: a core may be slower than another."""
    return statistics.mean(statistics.median(sum(entrant.rounds[i::entrant.turns], []))
                           for i in range(entrant.turns))


def ratios(entrant, ours):
    """How many times faster ours is: of the medians, and the 10th and 90th percentile over the rounds, or as many
    rounds together as there are cores in turn."""
    turns, rounds = max(entrant.turns, ours.turns), min(len(entrant.rounds), len(ours.rounds))
    if rounds < turns:
        return None
    whole, each = [median(e) for e in (entrant, ours)], []
    for i in range(0, rounds - turns + 1, turns):
        a, b = [sum(statistics.median(values) for values in e.rounds[i:i + turns]) for e in (entrant, ours)]
        each.append(a / b)
    if entrant.streams:  # frames a second: more is better
        whole, each = whole[::-1], [1 / value for value in each]
    return {"ratio": whole[0] / whole[1], "ratio_p10": quantile(each, 0.1), "ratio_p90": quantile(each, 0.9)}


def result(entrant, ours):
    """What the JSON holds of an entrant."""
    row = {"peer": entrant.peer, "title": entrant.title, "precision": entrant.precision,
           "threads": entrant.threads, "streams": entrant.streams, "isa": entrant.isa,
           "not_run": entrant.reason}
    if entrant.reason or not entrant.rounds:
        return row
    everything = sum(entrant.rounds, [])
    facts = entrant.facts
    row.update({name: facts[name] for name in ("what", "versions", "relative_l2", "top1_same", "import_ms",
                                               "open_ms")})
    row.update(first_result_ms=facts["first_ms"], peak_bytes=facts["peak_bytes"] - facts["base_bytes"])
    if entrant.streams:
        row.update(median_fps=statistics.median(everything), rounds=everything, cpu_ms=statistics.median(entrant.cpu))
    else:
        row.update(median_ms=median(entrant), p95_ms=quantile(everything, 0.95),
                   min_ms=min(everything), runs=len(everything),
                   rounds=[statistics.median(values) for values in entrant.rounds])
    row.update(ratios(entrant, ours) or {})
    return row
