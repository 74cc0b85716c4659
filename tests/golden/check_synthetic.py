#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_synthetic.py DUMP [VARIANT...]: the synthetic weights of src/bind/synthetic.c equal those of synthetic.py, bit
for bit. DUMP is the program built from synthetic_dump.c. Needs numpy only."""

import hashlib
import json
import subprocess
import sys

import synthetic

# Every member but l2 (480 million numbers), two seeds, one with the top bit set, and odd class counts.
CASES = [(variant, 1, 1000) for variant in
         ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "lite0", "lite1", "lite2", "lite3", "lite4",
          "es", "v2-b0", "v2-s", "b0-compact", "b0-compact131", "b0-meco-wide", "b0-seend-all", "fbnetc-100"]]
CASES += [("b0", 0xFEDCBA9876543210, 7), ("lite0", 0, 1)]


def main():
    compared = 0
    cases = [case for case in CASES if case[0] in (sys.argv[2:] or [case[0]])]
    for variant, seed, classes in cases:
        done = subprocess.run([sys.argv[1], variant, str(seed), str(classes)], check=True,
                              capture_output=True, text=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        shapes = {name: tuple(json.loads(shape)) for name, shape, _ in rows}
        assert len(shapes) == len(rows) > 100, f"{variant}: {len(rows)} lines, {len(shapes)} names"
        expected = synthetic.tensors(shapes, seed)
        for name, _, found in rows:
            if hashlib.sha256(expected[name].tobytes()).hexdigest() != found:
                sys.exit(f"{variant}, seed {seed}: {name} differs")
            compared += 1
    if compared == 0:
        sys.exit("no such variant")
    print(f"{compared} tensors of {len(cases)} cases are equal bit for bit")


main()
