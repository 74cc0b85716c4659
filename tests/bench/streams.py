# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several cameras on one machine: N streams in one process beside one stream, beside N processes, and beside the
standard elements with OpenVINO's asynchronous queue behind. Same frames, same weights, all in turns.

Elsewhere: the pipelines (stream_worker.py), the frames and the weights (endtoend.py), processes (driver.py).
"""

import os
import pathlib
import statistics
import sys

import driver
import endtoend
import stream_worker
import tournament

WHAT = ("N streams of 1920 x 1080 NV12 to classes, each frame stretched to 224 x 224, synthetic weights; each stream shows "
        "one picture from memory again and again, by imagefreeze, in all rows. As fast as it goes: inferences a second "
        "of all streams together and by core, the 10th and 90th percentile over the rounds, and user and system time "
        f"by inference. Live: {stream_worker.RATE} frames a second and stream by the clock; the share of the frames that "
        "got a result of their own, in all and of the stream with the fewest, and CPU time by inference. "
        "Ratio: our CPU time of an inference in one process with as many streams, and theirs, over 1 means ours takes "
        "less. Processes: one of one thread for each stream. OpenVINO: videoconvertscale ! RGB, 224 x 224 ! appsink, "
        "normalisation in the compiled model, AsyncInferQueue with the throughput hint, one for all streams.")
TITLES = {"effnet": "effnet", "processes": "effnet, a process a stream", "ov": "OpenVINO, async"}
LIVE_ROUNDS = 3


class Contestant(driver.Entrant):
    def __init__(self, peer, precision, streams):
        super().__init__(peer, TITLES[peer], precision, 0, streams)
        self.live, self.live_cpu = [], []

    def begin(self, python, values, models):
        if python is None:
            raise driver.NotRun("there is no Python for it: tests/bench/venv.sh")
        self.process = driver.Process(python, "stream_worker.py", self.peer, timeout=180)
        model = models["onnx" if self.peer == "ov" else "effnet"]
        self.facts = self.process.ask("open", precision=self.precision, model=model, streams=self.streams, first=0,
                                      **values)

    def drop(self, why):
        super().drop(why)
        print(f"  {self.title} {self.precision}, {self.streams}: NOT RUN, {self.reason}", file=sys.stderr, flush=True)

    def take(self, live, seconds):
        """One turn; keeps what it measured. In between its pipelines do not exist, so nothing has to be stopped."""
        if self.process is None:
            return
        try:
            self.facts.update(self.process.ask("start", live=live))
            answer = self.process.ask("measure", seconds=seconds)
            self.process.ask("finish")
        except driver.NotRun as why:
            self.drop(why)
            return
        done = sum(answer["inferences"])
        cpu = answer["cpu_seconds"] * 1e3 / max(1, done)
        if live:
            due = stream_worker.RATE * answer["seconds"]
            self.live.append((done / due / self.streams, min(answer["inferences"]) / due))
            self.live_cpu.append(cpu)
        else:
            self.rounds.append([done / answer["seconds"]])
            self.cpu.append(cpu)


def result(entrant, ours, cores):
    row = {"peer": entrant.peer, "title": entrant.title, "precision": entrant.precision, "streams": entrant.streams,
           "not_run": entrant.reason}
    if entrant.reason or not entrant.rounds:
        return row
    rates = sum(entrant.rounds, [])
    row.update(versions=entrant.facts["versions"], what=entrant.facts["what"], rounds=rates,
               median_fps=statistics.median(rates), per_core=statistics.median(rates) / cores,
               p10_fps=driver.quantile(rates, 0.1), p90_fps=driver.quantile(rates, 0.9),
               cpu_ms=statistics.median(entrant.cpu), live_cpu_ms=statistics.median(entrant.live_cpu),
               live_share=statistics.median(share for share, _ in entrant.live),
               live_least=statistics.median(least for _, least in entrant.live))
    if ours.cpu:
        row["cpu_ratio"] = row["cpu_ms"] / statistics.median(ours.cpu)
    return row


def meet(args, variant, precision, values, models, pythons):
    """All numbers of streams take turns together, so that one can be compared with another."""
    print(f"streams, {variant}, {precision}", file=sys.stderr, flush=True)
    entrants = [Contestant(peer, precision, streams)
                for streams in args.stream_counts for peer in TITLES
                if (peer != "processes" or streams > 1) and (peer != "ov" or not args.peers or peer in args.peers)]
    ours = {entrant.streams: entrant for entrant in entrants if entrant.peer == "effnet"}
    try:
        for entrant in entrants:
            try:
                entrant.begin(pythons["venv" if entrant.peer == "ov" else "own"], values, models)
            except driver.NotRun as why:
                entrant.drop(why)
        for _ in range(args.rounds):
            for entrant in entrants:
                entrant.take(False, 0.3 if args.quick else 1.0)
        for _ in range(min(args.rounds, LIVE_ROUNDS)):
            for entrant in entrants:
                entrant.take(True, 1.0 if args.quick else 3.0)
    finally:
        driver.close_all(entrants)
    return {"variant": variant, "entrants": [result(e, ours[e.streams], len(values["cores"])) for e in entrants]}


def run(args, tool, pythons, cache, root):
    frames = cache / "bench-pipeline"
    frames.mkdir(parents=True, exist_ok=True)
    endtoend.make_frames(frames, pathlib.Path(root))
    cores = sorted(os.sched_getaffinity(0))
    values = {"folder": str(frames), "source": "NV12", "cores": cores,
              "plugin": str(pathlib.Path(tool).parents[2] / "gst-plugin")}
    groups = []
    for variant in [name for name in args.variants if name in endtoend.VARIANTS]:
        exported = tournament.exported(variant, tool, pythons["own"], cache / "bench-models")
        models = {"onnx": str(exported / "model.onnx"), "effnet": endtoend.write_model(tool, variant, frames / variant)}
        for discipline in args.precisions:
            precision = {"fp32": "fp32", "own": "bf16"}[discipline]
            groups.append(meet(args, variant, precision, values, models, pythons))
    return {"what": WHAT, "cores": cores, "groups": groups}
