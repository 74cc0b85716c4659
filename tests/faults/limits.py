# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a program under limits of time and memory, and says what no input may make of it.

Lives here: the process and the rules of good manners. Elsewhere: the inputs.
"""
import dataclasses
import json
import os
import re
import resource
import subprocess
import tempfile
import threading
import time

SECONDS = 10
RESIDENT = 1 << 30  # bytes
# What a run-away program may take before the kernel says no: the machine is others' as well.
ADDRESS_SPACE = 6 << 30

CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")
SANITIZED = bool(os.environ.get("EFFNET_SANITIZED"))  # slow, with shadow memory: neither limit means anything
PATIENCE = 10 if SANITIZED else 2  # times what a program may take, until it is killed


@dataclasses.dataclass
class Done:
    code: int  # negative: a signal
    seconds: float
    resident: int
    out: bytes
    err: bytes
    timed_out: bool


def limit_child():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def run(arguments, env=None, seconds=SECONDS, stdout=None):
    """The program's end, whatever it was; it is killed when it has taken PATIENCE times what it may."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        child = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                                 stdout=stdout or out, stderr=err, preexec_fn=limit_child,
                                 env={**os.environ, **(env or {})})
        late = threading.Event()

        def kill():
            late.set()
            child.kill()

        timer = threading.Timer(PATIENCE * seconds, kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        timer.cancel()
        taken = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        return Done(child.returncode, taken, usage.ru_maxrss * 1024, out.read(), err.read(), late.is_set())


def refuse_constant(word):
    raise ValueError(word)


def json_faults(text):
    """What is wrong with lines of results."""
    for line in text.rstrip("\n").split("\n"):
        try:
            scores = [entry["score"] for entry in json.loads(line, parse_constant=refuse_constant)["top"]]
        except (ValueError, KeyError, TypeError) as fault:
            yield f"no JSON of ours ({fault}): {line[:80]!r}"
            return
        if any(not 0 <= score <= 1 for score in scores):
            yield f"scores {scores}"


def faults(done, seconds=SECONDS):
    """What no input may do, whatever it is: a list of complaints."""
    bad = []
    if done.timed_out:
        bad.append(f"did not end in {PATIENCE * seconds} s")
    elif done.code < 0:
        bad.append(f"ended by signal {-done.code}")
    elif done.code not in (0, 1):
        bad.append(f"exit {done.code}")
    if not SANITIZED and done.seconds > seconds:
        bad.append(f"took {done.seconds:.1f} s")
    if not SANITIZED and done.resident > RESIDENT:
        bad.append(f"took {done.resident >> 20} MB")
    for stream, text in (("stdout", done.out), ("stderr", done.err)):
        if CONTROL.search(text):
            bad.append(f"control characters on {stream}: {CONTROL.search(text).group()!r}")
        if stream == "stderr" and len(text) > 6000:  # what stdout holds may be long: names of classes
            bad.append(f"{len(text)} bytes on stderr")
        try:
            text.decode()
        except UnicodeDecodeError:
            bad.append(f"{stream} is no UTF-8")
    if b"Sanitizer" in done.err or b"runtime error" in done.err:
        bad.append("a sanitizer's report")
    return bad


def sentence_faults(done, *names):
    """A failure is one line on stderr that names one of @names."""
    if done.code != 1:
        return []
    text = done.err.decode(errors="replace")
    if text.count("\n") != 1:
        return [f"{text.count(chr(10))} lines on stderr"]
    return [] if any(name in text for name in names) else [f"stderr names none of {names}"]
