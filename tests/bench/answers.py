# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the driver's other processes share: a line of JSON asks for a method, a line of JSON answers."""

import ctypes
import json
import os
import sys


def serve(make):
    """Reads from standard input until it ends. make(): the object whose methods are asked for."""
    # Engines print to standard output as they please; the answers go where they cannot.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: never outlives the driver, even when stopped
    worker = make()
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            answer = getattr(worker, ask["do"])(ask)
        except Exception as why:  # whatever the engine raises is the driver's to report
            answer = {"error": f"{type(why).__name__}: {why}".split("\n")[0]}
        answers.write(json.dumps(answer) + "\n")
