# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the tool share: running it, and the Test Anything Protocol."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import traceback

ROOT = pathlib.Path(os.environ["EFFNET_SOURCE_ROOT"])
EXE = os.path.abspath(sys.argv[1])
MODEL = ROOT / "models/lite0"
MEDIA = ROOT / "pipelines/media"
# Looking for leaks makes a run of a sanitized tool five times as long: the first run of each test looks.
LOOK = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
os.environ["ASAN_OPTIONS"] = LOOK["ASAN_OPTIONS"] + ":detect_leaks=0:fast_unwind_on_malloc=1"
look = LOOK
tests = []


class Skip(Exception):
    """The test cannot run here; the text says why."""


def test(function):
    tests.append(function)
    return function


def effnet(*arguments, code=0, env=None, **options):
    """Runs the tool and checks its exit code, None: any."""
    global look
    looking, look = look, {}
    done = subprocess.run([EXE, *map(str, arguments)], capture_output=True, timeout=240,
                          env={**os.environ, **looking, **(env or {})}, **options)
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    assert code in (done.returncode, None), f"{arguments}: exit {done.returncode}, not {code}\n{done.err}"
    return done


def failure(*arguments, says=(), code=1, **options):
    """The tool fails with exactly one line on stderr, which names each of `says`."""
    done = effnet(*arguments, code=code, **options)
    assert done.err.count("\n") == 1, f"{arguments}: not one line:\n{done.err}"
    for word in says:
        assert str(word) in done.err, f"{arguments}: '{word}' is not in: {done.err}"
    return done


def tensor(name):
    """One of the default model's, in double precision."""
    import numpy as np
    data = (MODEL / "model.safetensors").read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    entry = json.loads(data[8:8 + n])[name]
    a, b = entry["data_offsets"]
    dtype = {"F16": "<f2", "F32": "<f4"}[entry["dtype"]]
    return np.frombuffer(data[8 + n + a:8 + n + b], dtype).reshape(entry["shape"]).astype(float)


def main():
    global look
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for i, function in enumerate(tests, 1):
            look = LOOK
            name = (function.__doc__ or function.__name__).split("\n")[0]
            try:
                function()
                print(f"ok {i} - {name}", flush=True)
            except Skip as reason:
                print(f"ok {i} - {name} # SKIP {reason}", flush=True)
            except Exception:  # a test's failure, whatever it is
                failed += 1
                print(f"not ok {i} - {name}")
                sys.stdout.flush()
                traceback.print_exc()  # to stderr: that is what a failed run's log shows
        os.chdir("/")
    print(f"1..{len(tests)}")
    sys.exit(1 if failed or not tests else 0)
