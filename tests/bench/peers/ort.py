# SPDX-License-Identifier: LGPL-2.1-or-later
"""ONNX Runtime, CPU provider, every graph optimisation. On x86 it has no convolution in bf16 or fp16 (it
casts back to fp32), so its reduced precision is its own dynamic int8: not a float precision, and said so."""

import numpy as np

from . import Engine


def prepare(job):
    global onnxruntime
    import onnxruntime

    return {"onnxruntime": onnxruntime.__version__}


def open(job, image):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1 if job.streams else job.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    name = "model-int8.onnx" if job.precision == "int8" else "model.onnx"
    session = onnxruntime.InferenceSession(job.path(name), options, providers=["CPUExecutionProvider"])
    frame = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    outputs = []

    def runner():
        binding = session.io_binding()
        output = onnxruntime.OrtValue.ortvalue_from_shape_and_type(session.get_outputs()[0].shape, np.float32)
        binding.bind_ortvalue_input("t0", onnxruntime.OrtValue.ortvalue_from_numpy(frame))
        binding.bind_ortvalue_output(session.get_outputs()[0].name, output)
        outputs.append(output)
        return lambda: session.run_with_iobinding(binding)

    return Engine([runner() for _ in range(max(job.streams, 1))], lambda: outputs[0].numpy()[0],
                  "dynamic int8, not a float precision" if job.precision == "int8" else "fp32, all optimisations")
