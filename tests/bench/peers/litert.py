# SPDX-License-Identifier: LGPL-2.1-or-later
"""LiteRT with XNNPACK, its default on CPU. fp16: half-precision weights and the note in the file that lets
XNNPACK compute in half precision."""

import importlib.metadata

from . import Engine


def prepare(job):
    global Interpreter
    from ai_edge_litert.interpreter import Interpreter

    return {"ai-edge-litert": importlib.metadata.version("ai-edge-litert")}


def open(job, image):
    path = job.path("model-fp16.tflite" if job.precision == "fp16" else "model.tflite")

    def interpreter():
        made = Interpreter(model_path=path, num_threads=1 if job.streams else job.threads)
        made.allocate_tensors()
        made.set_tensor(made.get_input_details()[0]["index"], image)
        return made

    made = [interpreter() for _ in range(max(job.streams, 1))]
    output = made[0].get_output_details()[0]["index"]
    return Engine([one.invoke for one in made], lambda: made[0].get_tensor(output)[0], job.precision)
