# SPDX-License-Identifier: LGPL-2.1-or-later
"""LiteRT with XNNPACK, its default on CPU: the Interpreter in fp32. fp16 is XNNPACK's flag FORCE_FP16, which
only the CompiledModel takes: half precision in storage and arithmetic."""

import importlib.metadata

import numpy as np

from . import Engine

FORCE_FP16 = 0x4


def prepare(job):
    global CompiledModel, CpuOptions, Interpreter, Options
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.cpu_options import CpuOptions
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_litert.options import Options

    return {"ai-edge-litert": importlib.metadata.version("ai-edge-litert")}


def interpreter(job, threads, image):
    made = Interpreter(model_path=job.path("model.tflite"), num_threads=threads)
    made.allocate_tensors()
    made.set_tensor(made.get_input_details()[0]["index"], image)
    output = made.get_output_details()[0]["index"]
    return made.invoke, lambda: made.get_tensor(output)[0]


def compiled(job, threads, image):
    made = CompiledModel.from_file(job.path("model.tflite"), options=Options(
        cpu_options=CpuOptions(num_threads=threads, xnnpack_flags=FORCE_FP16)))
    inputs, outputs = made.create_input_buffers(0), made.create_output_buffers(0)
    inputs[0].write(np.ascontiguousarray(image).ravel())
    return (lambda: made.run_by_index(0, inputs, outputs)), lambda: outputs[0].read(1000, np.float32)


def open(job, image):
    make = compiled if job.precision == "fp16" else interpreter
    pairs = [make(job, 1 if job.streams else job.threads, image) for _ in range(max(job.streams, 1))]
    return Engine([run for run, _ in pairs], pairs[0][1],
                  "XNNPACK, FORCE_FP16" if job.precision == "fp16" else "XNNPACK, fp32",
                  holds_lock=job.precision == "fp16")
