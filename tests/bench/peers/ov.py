# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenVINO's CPU plugin, reading the ONNX file; precision by its hint, several frames by its own streams."""

import numpy as np

from . import Engine

HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


def prepare(job):
    global openvino
    import openvino

    return {"openvino": openvino.__version__}


def open(job, image):
    config = {"INFERENCE_PRECISION_HINT": HINTS[job.precision], "INFERENCE_NUM_THREADS": job.threads,
              "PERFORMANCE_HINT": "THROUGHPUT" if job.streams else "LATENCY"}
    if job.streams:
        config["NUM_STREAMS"] = job.streams
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(job.path("model.onnx")), "CPU", config)
    used = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if used != HINTS[job.precision]:
        raise RuntimeError(f"asked for {HINTS[job.precision]}, the plugin took {used}")
    frame = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    requests = []
    for _ in range(max(job.streams, 1)):
        request = compiled.create_infer_request()
        request.set_input_tensor(openvino.Tensor(frame, shared_memory=True))
        requests.append(request)

    def runner(request):
        def run():
            request.start_async()
            request.wait()
        return run

    return Engine([runner(request) for request in requests],
                  lambda: requests[0].get_output_tensor().data[0], f"precision hint {used}", keep=frame)
