#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hashes of what a build of the tool computes, to show that a change of the code changed no result.

logits_hash.py TOOL                a line a case: SHA-256 of the bytes of the logits, or of the network's input
logits_hash.py [--quick] TOOL OTHER   compares two builds; exit code 1 where a bit differs, or where one does
                                   between numbers of threads

A case is a variant with synthetic weights, at its own input size (l2 at 224), in a precision and a padding,
on a number of threads and an instruction set; and the network's input made of each sample picture. Which
sets there are depends on the CPU: compare only what one machine printed. --quick: small variants only. The
whole takes five minutes on two cores."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "pipelines/media"
QUICK = ["b0", "b1", "lite0", "lite2", "phi:-2", "v2-b0", "b0-compact"]
REST = ["b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2", "lite1", "lite3", "lite4", "phi:1.5", "phi:-6.3", "es", "v2-s"]


def run(tool, isa, *words):
    env = os.environ | ({"EFFNET_ISA": isa} if isa else {})
    done = subprocess.run([tool, *words], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def isas(tool):
    """None is the CPU's own; each rung below it that the CPU has."""
    text = run(tool, None, "cpu")
    have = next(line.split()[1:] for line in text.splitlines() if line.startswith("features"))
    return [None] + [isa for isa in ("avx512", "avx2", "generic", "neon") if isa in have]


def cases(tool, quick):
    sizes = {}
    for variant in QUICK + ([] if quick else REST):
        side = json.loads(run(tool, None, "info", "--json", variant))["resolution"]
        sizes[variant] = 224 if variant == "l2" else side
    for variant, side in sizes.items():
        small = variant in QUICK
        for isa in isas(tool) if small else [None]:
            for precision in ["fp32", "bf16", "int8"] if isa is None else ["fp32", "int8"]:
                for padding in ("same", "symmetric") if small or variant == "b4" else ("same",):
                    for threads in (1, 2, 3) if isa is None else (2,):
                        yield variant, side, isa, precision, padding, threads


def digest(*paths):
    value = hashlib.sha256()
    for path in paths:
        value.update(numpy.load(path).tobytes())
    return value.hexdigest()


def results(tool, quick):
    with tempfile.TemporaryDirectory() as folder:
        x, y = f"{folder}/x.npy", f"{folder}/y.npy"
        for variant, side, isa, precision, padding, threads in cases(tool, quick):
            numpy.save(x, numpy.random.default_rng(7).standard_normal((1, side, side, 3), numpy.float32))
            name = f"{variant} {side} {isa or 'best'} {precision} {padding} {threads}"
            try:
                run(tool, isa, "run", "--synthetic", "1", "--variant", variant, "--input", x, "--output", y,
                    "--precision", precision, "--padding", padding, "--threads", str(threads))
                yield name, digest(y)
            except RuntimeError as error:
                yield name, str(error)
        for picture in sorted(MEDIA.glob("*.jpg")):
            for more in ([], ["--full-scale"]):
                run(tool, None, "preprocess", str(picture), "--output", y, *more)
                yield f"preprocess {picture.name} {' '.join(more)}".strip(), digest(y)


def main():
    words = sys.argv[1:]
    quick = "--quick" in words
    tools = [word for word in words if word != "--quick"]
    if not 1 <= len(tools) <= 2:
        sys.exit(__doc__)
    if len(tools) == 1:
        for name, value in results(tools[0], quick):
            print(f"{value}  {name}", flush=True)
        return
    before = dict(results(tools[0], quick))
    after = dict(results(tools[1], quick))
    other = [name for name in before if before[name] != after.get(name)]
    for name in other:
        print(f"{name}: {before[name]} before, {after.get(name)} after")
    first = {}
    uneven = [name for name, value in after.items() if not name.startswith("preprocess")
              and first.setdefault(name.rpartition(" ")[0], value) != value]
    for name in uneven:
        print(f"{name}: not what fewer threads give")
    print(f"{len(before)} cases, {len(other)} differ")
    sys.exit(bool(other or uneven))


main()
