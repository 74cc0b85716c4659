#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_bf16.py EFFNET [--table] [VARIANT...]: how far bf16 is from fp32 on synthetic weights: logits and pooled
features of b0 to b7, Lite0 to Lite4, EdgeTPU and V2. Without --table a choice of variants. Needs numpy only.

The limit, in relative L2. bf16 keeps 8 bits: a number rounded to it is off by at most u = 2^-9 of itself, u / sqrt (3)
in root mean square. A layer rounds twice, its weights and what it stores; the gate of a squeeze-excite rounds
what it scales once more. Synthetic weights pass on no more of that noise than of the signal, and the layers' errors
are independent: for L layers of convolution, G of them gated, u sqrt ((2 L + G) / 3). Those of V2-L and V2-XL at their own
size do pass on more: twice what PyTorch's own bf16 is off there, as make_parity.py stored it, is their limit.
"""

import json
import sys
from pathlib import Path

import numpy as np

import synthetic
import tool

UNIT = 2.0**-9
IMAGES = 4
WHOLE = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "lite0", "lite1", "lite2", "lite3", "lite4", "es", "em", "el",
         "v2-b0", "v2-b1", "v2-b2", "v2-b3", "v2-s", "v2-m", "v2-l", "v2-xl", "b0-compact"]
CHOICE = ["b0", "b1", "b4", "lite0", "lite4", "v2-b0"]


def witness(variant):
    """How far PyTorch's own bf16 is off, where parity.safetensors has it; 0 of all others."""
    data = Path(__file__).with_name("parity.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    found = [entry["data_offsets"][0] for name, entry in json.loads(data[8:8 + size]).items()
             if name.startswith(f"{variant} same ") and name.endswith(" bf16")]
    return max((np.frombuffer(data, "<f4", 1, 8 + size + at)[0] for at in found), default=0.0)


def limit(info):
    layers = sum(1 + block["expand"] + block["project"] for block in info["blocks"]) + 2
    gated = sum(block["se_channels"] > 0 for block in info["blocks"])
    return max(UNIT * np.sqrt((2 * layers + gated) / 3), 2 * witness(info["variant"]))


def relative(found, expected):
    """Of each image."""
    return np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)


def measure(effnet, variant):
    info = json.loads(effnet("info", variant, "--json"))
    size = info["resolution"]
    images = synthetic.image(1, size, size, IMAGES)
    flavour = ("--variant", variant, "--synthetic", 1, "--padding", "same", "--bn-eps", 0.001)
    both = [[effnet.run(images, *flavour, "--precision", precision, *more) for more in ((), ("--features",))]
            for precision in ("fp32", "bf16")]
    (logits, features), (half, half_features) = both
    if (half == logits).all():
        sys.exit(f"{variant}: bf16 gives the bits of fp32; it did not run")
    error, most = relative(half, logits), limit(info)
    deviation = np.abs(half - logits).max() / logits.std()
    same = int((half.argmax(1) == logits.argmax(1)).sum())
    print(f"| {variant} | {size} | {error.mean():.1e} | {error.max():.1e} | {most:.1e} | "
          f"{relative(half_features, features).mean():.1e} | {deviation:.1e} | {same} of {IMAGES} |", flush=True)
    return bool(np.isfinite(half).all() and error.max() <= most)


def main():
    effnet = tool.Effnet(sys.argv[1])
    cpu = json.loads(effnet("cpu", "--json"))
    if not {"avx512bf16", "amx"} & set(cpu["features"]):
        tool.skip("this CPU, or EFFNET_ISA, has no bf16")
    named = [word for word in sys.argv[2:] if word != "--table"]
    print(f"bf16 against fp32, {cpu['isa']}, {IMAGES} images each\n")
    print("| variant | input | logits, relative L2 | worst image | limit | features, relative L2 | "
          "worst logit by their deviation | the same class |\n|" + " --- |" * 8)
    results = [measure(effnet, variant) for variant in named or (WHOLE if "--table" in sys.argv else CHOICE)]
    if not all(results):
        sys.exit("further from fp32 than it may be")


if __name__ == "__main__":
    main()
