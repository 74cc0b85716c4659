#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""int8.py BUILD [--photographs N] [--calibrate N] [--rounds N] [--kinds]: int8 of ours and of the peers, speed and accuracy in one run,
on trained weights and the photographs of $EFFNET_TEST_DATA: Lite0, and a B0 with one logit.

Peers quantise as their own documentation says, calibrated with the first photographs: ONNX Runtime static QDQ (per channel,
min-max), OpenVINO by NNCF's quantize(), LiteRT by ai-edge-quantizer (static, w8a8). Each is compared with the fp32 of this
network in ONNX Runtime, which is ours to 1e-4 or the run fails. One thread, engines in turns: medians of the turns. Runs in
the environment of venv.sh; what is not there is NOT RUN, and says why. Exit status 77: no int8 of a peer ran, so nothing
was compared.

--kinds instead: ours alone, int8 beside our fp32 and bf16 on each kind of CPU that this one can stand in for (EFFNET_ISA;
vnni256 is AVX-VNNI's kernel in AVX-512's encoding)."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = pathlib.Path(os.environ.get("EFFNET_TEST_DATA") or ROOT.parent / "shared/data")
sys.path[:0] = [str(HERE), str(HERE.parent / "golden")]
import numpy as np  # noqa: E402

import libeffnet  # noqa: E402
import network  # noqa: E402

NOT_RUN = 77
# folder, variant, padding, epsilon of batch norm, names in the file from timm's
MODELS = {"lite0": (ROOT / "models/lite0", "lite0", "same", 1e-3, "lukemelas"),
          "b0, one logit": (DATA / "b0-one-logit", "b0", "symmetric", 1e-5, "torchvision")}


def tensors_of(folder, names, dialect):
    """timm's names -> float32."""
    from safetensors.numpy import load_file
    import dialects

    stored = load_file(folder / "model.safetensors")
    return {name: stored[dialects.RENAME[dialect](name, names)].astype(np.float32) for name in names}


def photographs(tool, folder, n):
    files = sorted((DATA / "photos").glob("*.JPEG"))[:n]
    out = []
    with tempfile.TemporaryDirectory() as temporary:
        for file in files:
            subprocess.run([tool, "preprocess", file, "--model", folder, "--output", f"{temporary}/x.npy"], check=True)
            out.append(np.load(f"{temporary}/x.npy").reshape(1, 224, 224, 3))
    return out


def ours(library, folder, precision):
    model = library.open(str(folder), precision=precision)
    session, result = library.session(model, 1), libeffnet.Result()
    bytes_ = library.info(model).weight_bytes

    def run(x):
        library.run(session, x.ctypes.data, result)
        return np.ctypeslib.as_array(result.logits, (result.n_classes,)).copy()

    return run, bytes_


def onnxruntime_session(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"t0": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0][0]


def ort_static(place, images):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        left = [{"t0": np.ascontiguousarray(x.transpose(0, 3, 1, 2))} for x in images]

        def get_next(self):
            return self.left.pop(0) if self.left else None

    quant_pre_process(place / "model.onnx", place / "pre.onnx")
    quantize_static(place / "pre.onnx", place / "static.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    return onnxruntime_session(place / "static.onnx")


def openvino_nncf(place, images):
    import nncf
    import openvino

    core = openvino.Core()
    data = nncf.Dataset([np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x in images])
    model = nncf.quantize(core.read_model(place / "model.onnx"), data, subset_size=len(images))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    return lambda x: request.infer([np.ascontiguousarray(x.transpose(0, 3, 1, 2))])[0][0].copy()


def litert(place, images):
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    plain = Interpreter(model_path=str(place / "model.tflite"))
    name = next(iter(plain.get_signature_list().values()))["inputs"][0]
    made = quantizer.Quantizer(str(place / "model.tflite"), recipe.static_wi8_ai8())
    ranges = made.calibrate({None: [{name: x} for x in images]})
    made.quantize(ranges).export_model(str(place / "int8.tflite"), overwrite=True)
    run = Interpreter(model_path=str(place / "int8.tflite"), num_threads=1)
    run.allocate_tensors()
    source, target = run.get_input_details()[0], run.get_output_details()[0]
    (step, zero), (out_step, out_zero) = source["quantization"], target["quantization"]

    def infer(x):
        run.set_tensor(source["index"], np.clip(np.rint(x / step) + zero, -128, 127).astype(np.int8))
        run.invoke()
        return (run.get_tensor(target["index"])[0].astype(np.float32) - out_zero) * out_step

    return infer


FP32 = "ONNX Runtime, fp32"
PEERS = {"ONNX Runtime, static QDQ int8": ort_static, "OpenVINO, NNCF int8": openvino_nncf, "LiteRT, int8": litert}


def engines(net, place, images, library, folder):
    """{title: function of one image}; of those that cannot be had the reason."""
    import export

    made = {FP32: onnxruntime_session(place / "model.onnx")}
    sizes = {}
    for precision in ("fp32", "bf16", "int8"):
        try:
            made[f"effnet, {precision}"], sizes[f"effnet, {precision}"] = ours(library, folder, precision)
        except RuntimeError as why:
            made[f"effnet, {precision}"] = str(why)
    for title, make in PEERS.items():
        try:
            if make is litert:
                if net.padding != "same":
                    raise ValueError("its file is written with TensorFlow's padding only")
                export.write_tflite(net, place)
            made[title] = make(place, images)
        except Exception as why:  # a package that is not there, or cannot do this network
            made[title] = f"{type(why).__name__}: {why}"
    return made, sizes


def measure(run, images, runs):
    ns = []
    for i in range(runs + 1):
        start = time.perf_counter_ns()
        run(images[i % len(images)])
        ns.append(time.perf_counter_ns() - start)
    return statistics.median(ns[1:]) / 1e6


def classes(logits):
    return logits.argmax(1) if logits.shape[1] > 1 else logits[:, 0] > 0


def table(name, made, images, rounds, runs):
    able = {title: run for title, run in made.items() if callable(run)}
    logits = {title: np.stack([run(x) for x in images]) for title, run in able.items()}
    exact = logits[FP32]
    off = np.linalg.norm(logits["effnet, fp32"] - exact) / np.linalg.norm(exact)
    times = {title: [] for title in able}
    for _ in range(rounds):
        for title, run in able.items():
            times[title].append(measure(run, images, runs))
    best = statistics.median(times["effnet, int8"])
    print(f"\n{name}, {len(images)} photographs; ours in fp32 is {off:.1e} from ONNX Runtime's\n\n| | ms | times ours in int8 | "
          "the same class | logit, mean difference | worst |\n|" + " --- |" * 6)
    for title, run in made.items():
        if not callable(run):
            print(f"| {title} | NOT RUN: {str(run).splitlines()[0][:120]} | | | | |")
            continue
        moved = np.abs(logits[title] - exact).max(1)
        ms = statistics.median(times[title])
        print(f"| {title} | {ms:.2f} | {ms / best:.2f} | {100 * (classes(logits[title]) == classes(exact)).mean():.1f} % | "
              f"{moved.mean():.3f} | {moved.max():.2f} |", flush=True)
    return off <= 1e-4


KINDS = ("avx512bf16", "avx512vnni", "vnni256", "avxvnni", "avx2", "neondot", "neon")


def median_ms(tool, variant, precision, kind, runs):
    done = subprocess.run([tool, "bench", variant, "--json", "--synthetic", "1", "--precision", precision, "--threads", "1",
                           "--runs", str(runs)], env={**os.environ, "EFFNET_ISA": kind}, capture_output=True, text=True)
    found = json.loads(done.stdout) if done.returncode == 0 else {}
    return found["median_ms"] if found.get("isa") == kind else None


def kinds(tool, rounds, runs):
    print("times as fast in int8, one thread\n\n| CPU with | as fp32: lite0 | b0 | as bf16: lite0 | b0 |\n|" + " --- |" * 5)
    for kind in KINDS:
        cells = []
        for precision in ("fp32", "bf16"):
            for variant in ("lite0", "b0"):
                pairs = [[median_ms(tool, variant, p, kind, runs) for p in (precision, "int8")] for _ in range(rounds)]
                cells.append("" if None in sum(pairs, []) else f"{statistics.median(a / b for a, b in pairs):.2f}")
        if any(cells):
            print(f"| {kind} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--photographs", type=int, default=250)
    parser.add_argument("--calibrate", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=30, help="of a turn")
    parser.add_argument("--kinds", action="store_true")
    asked = parser.parse_args()
    if asked.kinds:
        kinds(asked.build / "src/cli/effnet", asked.rounds, asked.runs)
        return
    tool, library = asked.build / "src/cli/effnet", libeffnet.Library(str(asked.build / "src/engine/libeffnet.so"))
    try:
        import export
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as missing:
        print(f"NOT RUN: {missing}; tests/bench/venv.sh makes an environment that has it")
        sys.exit(NOT_RUN)

    good, compared = True, 0
    for name, (folder, variant, padding, epsilon, dialect) in MODELS.items():
        if not (folder / "model.safetensors").exists() or not (DATA / "photos").exists():
            print(f"{name}: NOT RUN, no data")
            continue
        net = network.build(str(tool), variant, lambda names: tensors_of(folder, names, dialect), padding, epsilon,
                            1 if "one" in name else 1000)
        images = photographs(tool, folder, asked.photographs)
        with tempfile.TemporaryDirectory() as place:
            place = pathlib.Path(place)
            export.write_onnx(net, place)
            made, sizes = engines(net, place, images[:asked.calibrate], library, folder)
            good = table(name, made, images, asked.rounds, asked.runs) and good
            compared += sum(callable(made[title]) for title in PEERS)
            print("packed weights, bytes: " + json.dumps(sizes))
    if not good:
        sys.exit("ours in fp32 is not the network that the peers got")
    if not compared:
        sys.exit(NOT_RUN)


if __name__ == "__main__":
    main()
