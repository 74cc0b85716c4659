# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ours, through libeffnet."""

import numpy as np

import libeffnet

from . import Engine


def prepare(job):
    job.library = libeffnet.Library(job.effnet)
    return {"effnet": job.library.version()}


def open(job, image):
    library = job.library
    model = library.open(job.path("effnet"), precision=job.precision)
    info = library.info(model)
    results = [libeffnet.Result() for _ in range(max(job.streams, 1))]
    sessions = [library.session(model, 1 if job.streams else job.threads) for _ in results]
    frame = np.ascontiguousarray(image)

    def runner(session, result):
        return lambda: library.run(session, frame.ctypes.data, result)

    return Engine([runner(s, r) for s, r in zip(sessions, results)],
                  lambda: np.ctypeslib.as_array(results[0].logits, (results[0].n_classes,)),
                  f"{info.precision.decode()}, {info.isa.decode()}")
