#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Line coverage of rooms, from a build with -Db_coverage=true whose tests have run.

coverage.py BUILD PERCENT ROOM...: prints a table and the lines that nothing ran; fails when a room has less
than PERCENT of its lines run.
"""
import json
import pathlib
import subprocess
import sys


def counts(build, room, root):
    """{file: {line: times}} of the room's sources; a header's lines count for the room it lies in."""
    files = {}
    for data in sorted((build / "src" / room).rglob("*.gcda")):
        made = subprocess.run(["gcov", "--json-format", "--stdout", data.name], cwd=data.parent, capture_output=True,
                              check=True)
        for line in made.stdout.splitlines():
            report = json.loads(line)
            for file in report["files"]:
                path = (pathlib.Path(report["current_working_directory"]) / file["file"]).resolve()
                if not path.is_relative_to(root / "src" / room):
                    path = (build / file["file"]).resolve()
                if not path.is_relative_to(root / "src" / room):
                    continue
                lines = files.setdefault(path.relative_to(root).as_posix(), {})
                for entry in file["lines"]:
                    number = entry["line_number"]
                    lines[number] = max(lines.get(number, 0), entry["count"])
    return files


def ranges(numbers):
    """3, 4, 5, 9 -> 3-5 9"""
    out = []
    for number in numbers:
        if out and number == out[-1][1] + 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return " ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in out)


def main(build, least, rooms):
    root = pathlib.Path(__file__).resolve().parents[1]
    low = 0
    print(f"{'':<32} {'lines':>6} {'run':>6} {'%':>6}  not run")
    for room in rooms:
        files = counts(build, room, root)
        total = sum(len(lines) for lines in files.values())
        ran = sum(sum(n > 0 for n in lines.values()) for lines in files.values())
        share = 100 * ran / total if total else 0
        low += share < least
        print(f"{room:<32} {total:>6} {ran:>6} {share:>6.1f}{'' if share >= least else f'  under {least:g}'}")
        for name, lines in sorted(files.items()):
            missed = sorted(number for number, n in lines.items() if n == 0)
            percent = 100 * (len(lines) - len(missed)) / len(lines)
            print(f"  {name:<30} {len(lines):>6} {len(lines) - len(missed):>6} {percent:>6.1f}  {ranges(missed)}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), float(sys.argv[2]), sys.argv[3:]))
