#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""family.py --build DIR [--write docs/MODELS.md]: the table of all members: what they cost, how near they are to PyTorch
and how long one takes on one core, in fp32, beside ONNX Runtime in turns.

Lives here: what was published of each member, and the table. Elsewhere: the network that both run (network.py, export.py),
PyTorch's logits (tests/golden/parity.safetensors). Runs in the environment of venv.sh, without ONNX Runtime without its
column. The accuracies are timm's, of results/results-imagenet.csv in its repository (August 2026), for the card named.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = pathlib.Path(os.environ.get("EFFNET_BENCH_VENV") or
                    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "effnet/bench-venv")
if __name__ == "__main__" and (VENV / "bin/python").exists() and os.environ.get("EFFNET_BENCH_PYTHON") is None:
    os.environ["EFFNET_BENCH_PYTHON"] = str(VENV / "bin/python")
    os.execv(VENV / "bin/python", [VENV / "bin/python", __file__, *sys.argv[1:]])

import numpy as np

import export
import network

BEGIN, END = "<!-- the table of tests/bench/family.py -->\n", "<!-- its end -->\n"
V1, V2 = "Tan and Le, 2019", "Tan and Le, 2021"
TPU, TINY = "TensorFlow's TPU models", "Han et al., 2020"
# Member: source, timm's card, its top-1 in per cent (at the member's own size).
PUBLISHED = {
    "b0": (V1, "tf_efficientnet_b0.in1k", 76.54), "b1": (V1, "tf_efficientnet_b1.in1k", 78.55),
    "b2": (V1, "tf_efficientnet_b2.in1k", 79.61), "b3": (V1, "tf_efficientnet_b3.in1k", 80.88),
    "b4": (V1, "tf_efficientnet_b4.in1k", 82.60), "b5": (V1, "tf_efficientnet_b5.in1k", 83.17),
    "b6": (V1, "tf_efficientnet_b6.aa_in1k", 84.12), "b7": (V1, "tf_efficientnet_b7.aa_in1k", 84.42),
    "b8": ("Xie et al., 2020 (AdvProp)", "tf_efficientnet_b8.ap_in1k", 85.36),
    "l2": ("Xie et al., 2020 (Noisy Student)", "tf_efficientnet_l2.ns_jft_in1k", 88.36),
    "lite0": (TPU, "tf_efficientnet_lite0.in1k", 74.85), "lite1": (TPU, "tf_efficientnet_lite1.in1k", 76.67),
    "lite2": (TPU, "tf_efficientnet_lite2.in1k", 77.47), "lite3": (TPU, "tf_efficientnet_lite3.in1k at 300", 79.81),
    "lite4": (TPU, "tf_efficientnet_lite4.in1k at 380", 81.54),
    "es": (TPU, "efficientnet_es.ra_in1k", 78.10), "em": (TPU, "efficientnet_em.ra2_in1k", 79.26),
    "el": (TPU, "efficientnet_el.ra_in1k", 81.31),
    "v2-b0": (V2, "tf_efficientnetv2_b0.in1k", 78.39), "v2-b1": (V2, "tf_efficientnetv2_b1.in1k", 79.52),
    "v2-b2": (V2, "tf_efficientnetv2_b2.in1k", 80.23), "v2-b3": (V2, "tf_efficientnetv2_b3.in1k", 81.96),
    "v2-s": (V2, "tf_efficientnetv2_s.in1k", 83.90), "v2-m": (V2, "tf_efficientnetv2_m.in1k", 85.21),
    "v2-l": (V2, "tf_efficientnetv2_l.in1k", 85.66), "v2-xl": (V2, "tf_efficientnetv2_xl.in21k_ft_in1k", 86.75),
    "v2-rw-t": ("timm", "efficientnetv2_rw_t.ra2_in1k", 82.35), "v2-rw-s": ("timm", "efficientnetv2_rw_s.ra2_in1k", 83.83),
    "v2-rw-m": ("timm", "efficientnetv2_rw_m.agc_in1k", 84.83),
    "tinynet-a": (TINY, "tinynet_a.in1k", 77.67), "tinynet-b": (TINY, "tinynet_b.in1k", 74.95),
    "tinynet-c": (TINY, "tinynet_c.in1k", 71.21), "tinynet-d": (TINY, "tinynet_d.in1k", 66.94),
    "tinynet-e": (TINY, "tinynet_e.in1k", 59.87),
    "mnasnet-100": ("Tan et al., 2019", "mnasnet_100.rmsp_in1k", 74.67),
    "mnasnet-small": ("Tan et al., 2019", "mnasnet_small.lamb_in1k", 66.20),
    "semnasnet-075": ("Tan et al., 2019", "semnasnet_075.rmsp_in1k", 73.00),
    "semnasnet-100": ("Tan et al., 2019", "semnasnet_100.rmsp_in1k", 75.45),
    "mobilenetv2-050": ("Sandler et al., 2018", "mobilenetv2_050.lamb_in1k", 65.93),
    "mobilenetv2-100": ("Sandler et al., 2018", "mobilenetv2_100.ra_in1k", 72.91),
    "mobilenetv2-140": ("Sandler et al., 2018", "mobilenetv2_140.ra_in1k", 76.53),
    "mobilenetv2-110d": ("timm", "mobilenetv2_110d.ra_in1k", 75.06),
    "mobilenetv2-120d": ("timm", "mobilenetv2_120d.ra_in1k", 77.30),
    "spnasnet-100": ("Stamoulis et al., 2019", "spnasnet_100.rmsp_in1k", 74.09),
    "fbnetc-100": ("Wu et al., 2019", "fbnetc_100.rmsp_in1k", 75.12),
}
# No checkpoint of these is published.
SOURCES = {"b0-meco": "a reconstruction", "b0-compact": "a reconstruction", "b0-nose": "ablations of B0",
           "b0-seend": "ablations of B0", "mnasnet": "Tan et al., 2019", "semnasnet": "Tan et al., 2019",
           "mobilenetv2": "Sandler et al., 2018"}


def call(tool, *arguments):
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def parity(tool, member, goldens, folder):
    """The largest relative L2 of fp32 logits against PyTorch's, over the member's goldens."""
    worst = 0.0
    for name, golden in goldens.items():
        row, padding, epsilon, seed, *side = name.split(" ")
        if row != member or name.endswith((" fp32", " bf16")):  # the latter are no logits
            continue
        size = int(side[0]) if side else json.loads(call(tool, "info", member, "--json"))["resolution"]
        np.save(folder / "x.npy", network.synthetic.image(int(seed), size, size))
        call(tool, "run", "--variant", member, "--synthetic", 1, "--padding", padding, "--bn-eps", epsilon, "--input-size", size,
             "--precision", "fp32", "--input", folder / "x.npy", "--output", folder / "y.npy")
        found = np.load(folder / "y.npy")[0][:len(golden)].astype(np.float64)
        worst = max(worst, np.linalg.norm(found - golden) / np.linalg.norm(golden))
    return worst


class Peer:
    """ONNX Runtime on one thread; its logits must be ours."""

    def __init__(self, tool, member, folder):
        import onnxruntime as ort

        net = network.build(tool, member)
        export.write_onnx(net, folder)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self.x = {"t0": np.ascontiguousarray(net.image().transpose(0, 3, 1, 2), np.float32)}
        np.save(folder / "x.npy", net.image())
        call(tool, "run", "--variant", member, "--synthetic", network.SEED, "--padding", "same", "--bn-eps", network.EPSILON,
             "--precision", "fp32", "--input", folder / "x.npy", "--output", folder / "y.npy")
        ours, theirs = np.load(folder / "y.npy")[0], self.session.run(None, self.x)[0][0]
        if not np.linalg.norm(ours - theirs) < 1e-4 * np.linalg.norm(ours):
            sys.exit(f"{member}: ONNX Runtime's logits are not ours")

    def ms(self, runs):
        taken = []
        for _ in range(runs):
            begin = time.perf_counter()
            self.session.run(None, self.x)
            taken.append(1e3 * (time.perf_counter() - begin))
        return float(np.median(taken))


def times(tool, member, folder, rounds, seconds):
    """Median ms of each, in turns: ours, ONNX Runtime's or None."""
    def ours(runs):
        return json.loads(call(tool, "bench", member, "--synthetic", 1, "--padding", "same", "--precision", "fp32", "--threads", 1,
                               "--runs", runs, "--json"))["median_ms"]

    try:
        peer = Peer(tool, member, folder)
    except ImportError:
        peer = None
    runs = max(int(1e3 * seconds / ours(2)), 2)
    turns = [(ours(runs), peer.ms(runs) if peer else None) for _ in range(rounds)]
    return [float(np.median(column)) if None not in column else None for column in zip(*turns)]


def source(member):
    if member in PUBLISHED:
        where, card, accuracy = PUBLISHED[member]
        return where, f"{accuracy:.1f} % ({card})"
    return next(text for start, text in SOURCES.items() if member.startswith(start)), ""


def human(n):
    return f"{n / 1e9:.3g} G" if n >= 1e9 else f"{n / 1e6:.3g} M"


def milliseconds(one):
    return "" if one is None else f"{one:.0f}" if one >= 100 else f"{one:.3g}"


def table(tool, args):
    from safetensors.numpy import load_file

    goldens = load_file(ROOT / "tests/golden/parity.safetensors")
    yield "| member | source | input | parameters | multiply-adds | top-1 (timm's card) | parity | ms | ONNX Runtime |"
    yield "|" + " --- |" * 9
    for net in map(json.loads, call(tool, "info", "--list", "--json").splitlines()):
        member = net["variant"]
        if args.variants and member not in args.variants:
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            ms = ["", ""]
            if net["multiply_adds"] <= args.most * 1e9:
                ms = [milliseconds(one) for one in times(tool, member, folder, args.rounds, args.seconds)]
            cells = [f"`{member}`", source(member)[0], net["resolution"], human(net["parameters"]), human(net["multiply_adds"]),
                     source(member)[1], f"{parity(tool, member, goldens, folder):.0e}", *ms]
        yield "| " + " | ".join(map(str, cells)) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, metavar="DIR", help="a finished build folder")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="puts the table into this file, too")
    parser.add_argument("--variants", type=lambda text: text.split(","), help="default all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each in a round, about")
    parser.add_argument("--most", type=float, default=60, metavar="G", help="multiply-adds of a member that is timed")
    parser.add_argument("--core", type=int, help="where both run; default the last")
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1] if args.core is None else args.core})
    lines = []
    for line in table(str(pathlib.Path(args.build).resolve() / "src/cli/effnet"), args):
        print(line, flush=True)
        lines.append(line + "\n")
    if args.write:
        text = args.write.read_text()
        before, rest = text.split(BEGIN)
        args.write.write_text(before + BEGIN + "".join(lines) + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
