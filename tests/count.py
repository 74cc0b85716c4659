#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts what a `meson test` run did: count.py TESTLOG.json prints "PASSED FAILED SKIPPED" and, on
stderr, each failure with the end of what the test wrote. A TAP program counts as its test points; one that ended badly without a failed
point (a crash, a timeout) counts as one failure more."""
import json
import re
import sys

STDERR_LINES = 25
POINT = re.compile(r"^(not )?ok\b[ \d]*-? *(.*?)(?: # *(SKIP|TO\x44O)\b.*)?$", re.I)


def points(text):
    passed, failed, skipped = 0, [], 0
    for line in text.splitlines():
        m = POINT.match(line)
        if not m:
            continue
        if m.group(3) and m.group(3).upper() == "SKIP":
            skipped += 1
        elif m.group(1):
            failed.append(m.group(2))
        else:
            passed += 1
    return passed, failed, skipped


def main():
    total = [0, 0, 0]
    for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
        test = json.loads(line)
        result, stdout = test["result"], test.get("stdout") or ""
        passed, failed, skipped = points(stdout)
        good = result in ("OK", "EXPECTEDFAIL", "SKIP")
        if passed + len(failed) + skipped == 0:
            passed, skipped = int(good and result != "SKIP"), int(result == "SKIP")
        for name in failed:
            print(f"FAILED {test['name']}: {name}", file=sys.stderr)
        if not good and not failed:
            failed = [result]
            print(f"FAILED {test['name']}: {result.lower()}", file=sys.stderr)
        if failed:
            print(*(test.get("stderr") or "").splitlines()[-STDERR_LINES:], sep="\n", file=sys.stderr)
        total = [total[0] + passed, total[1] + len(failed), total[2] + skipped]
    print(*total)


main()
