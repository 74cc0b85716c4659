# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Test Anything Protocol for checks in Python, as tap.sh is for shell: check once per thing checked,
end once; checks that checked nothing have failed."""
import sys

MOST = 40  # lines of diagnostics
results = []


def check(name, offenders):
    """Passes when there are no @offenders, else prints them."""
    results.append(not offenders)
    print(f"{'not ok' if offenders else 'ok'} {len(results)} - {name}")
    for line in offenders[:MOST]:
        print("#", line)


def end():
    print(f"1..{len(results)}")
    sys.exit(not results or not all(results))
