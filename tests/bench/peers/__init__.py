# SPDX-License-Identifier: LGPL-2.1-or-later
"""The engines: prepare(job) imports one and gives its versions, open(job, image) makes it ready.

Lives here: the table of who takes part with which precisions, and what open() returns. `own` are a peer's
own best reduced precisions; `python` is "venv" (tests/bench/venv.sh) or "system" (Debian's).
"""

PEERS = {
    "effnet": {"title": "effnet", "python": "venv", "own": ["bf16", "int8"]},
    "ort": {"title": "ONNX Runtime", "python": "venv", "own": ["int8"]},
    "ov": {"title": "OpenVINO", "python": "venv", "own": ["bf16", "fp16"]},
    "litert": {"title": "LiteRT XNNPACK", "python": "venv", "own": ["fp16"]},
    "ncnn_": {"title": "ncnn", "python": "venv", "own": ["bf16", "fp16"]},
    "pytorch": {"title": "PyTorch", "python": "system", "own": ["bf16"]},
}


class Engine:
    """What a worker measures.

    runners: one function a stream, each runs one frame
    logits(): of the last run of the first runner
    what: one line that says what was set
    settle(): picks the best way to run, after the first result
    keep: memory that the engine reads and does not own
    batch(n): the times of n frames, where a stopwatch around each would measure more than the engine
    holds_lock: whether a run keeps the interpreter's lock, so that threads would wait for each other
    """

    def __init__(self, runners, logits, what, settle=None, keep=None, batch=None, holds_lock=False):
        self.runners, self.logits, self.what, self.settle = runners, logits, what, settle
        self.keep, self.batch, self.holds_lock = keep, batch, holds_lock
