#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sizes of rooms, files and functions, SPDX lines, room cards, left-over words, line ends.

shape.py [TREE], prints TAP. A file holds at most 600 lines, a function's body under 60, a room what BUDGETS
says. A room that outgrows its budget is asked for a better structure first, and for a larger budget last."""
import pathlib
import re
import subprocess
import sys

from tap import check, end

FILE_LINES, FUNCTION_LINES = 600, 60
# Lines of C: .c, .h and .inc with their comments. The first pattern that matches a file's name counts it.
BUDGETS = [
    ("the kernels", r"src/kernels/", 8700),
    ("pipelines that the tool runs, and cameras that come back", r"src/cli/(?:player|reconnect|camera)\.", 790),
    ("pictures and clips that the tool opens", r"src/cli/(?:picture\w*|decoder|parts|orient|source|expand)\.", 2060),
    ("frames without a container, what PNG and GIF hide", r"src/cli/(?:jpegs|png|gif)\.", 440),
    ("what the tool writes whole or not at all", r"src/cli/(?:outfile|outfolder|train_output)\.", 500),
    ("the tool", r"src/cli/", 9200),
    ("training", r"src/train/", 8500),
    ("what rounding does, quant", r"src/quant/", 700),
    ("model cards", r"src/weights/card", 1100),
    ("label files", r"src/weights/label", 1050),
    ("the forward pass", r"src/engine/run", 800),
    ("the core beside kernels and tool", r"src/", 16940),
    ("the first element, classify", r"gst-plugin/classify/", 11100),
    ("teaching from the pipeline", r"gst-plugin/teach/", 2550),
    ("the element overlay", r"gst-plugin/overlay/", 1250),
    ("metrics of all elements", r"gst-plugin/metrics/", 1850),
    ("the element record", r"gst-plugin/record/", 1150),
    ("the element publish", r"gst-plugin/publish/", 4200),
    ("the element {}", r"gst-plugin/(\w+)/", 600),
    ("what the elements share", r"gst-plugin/", 6750),
]
CODE = {".c", ".h", ".inc", ".py", ".sh", ".build"}
WORDS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|place" r"holder)\b", re.I)

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
listed = subprocess.run(
    ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
    capture_output=True, text=True)
names = listed.stdout.split("\n") if listed.returncode == 0 and listed.stdout else [
    str(p.relative_to(root)) for p in root.rglob("*")
    if not re.match(r"build|\.git/", str(p.relative_to(root)))]
files = {}
for name in filter(None, names):
    path = root / name
    if path.is_file() and not path.is_symlink():
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            try:
                files[name] = data.decode()
            except UnicodeDecodeError:
                pass


def is_code(name):
    return pathlib.Path(name).suffix in CODE or files[name].startswith("#!")


def long_functions(name):
    start, head = None, ""
    for i, line in enumerate(files[name].splitlines()):
        if line == "{":
            start = i
        elif line.startswith("}") and start is not None:
            if i - start - 1 >= FUNCTION_LINES:
                yield f"{name}:{start}: {head} has {i - start - 1} lines"
            start = None
        elif start is None and re.match(r"\w", line):
            head = line.split("(")[0]


def room_sizes():
    """{(room, budget): lines}, rooms without a file too, in the order of BUDGETS."""
    sizes = {(room, budget): 0 for room, _, budget in BUDGETS if "{" not in room}
    for name in files:
        if name.endswith((".c", ".h", ".inc")):
            for room, pattern, budget in BUDGETS:
                match = re.match(pattern, name)
                if match:
                    key = (room.format(*match.groups()), budget)
                    sizes[key] = sizes.get(key, 0) + files[name].count("\n")
                    break
    return sizes


def formatted(text):
    """The text with tables that are laid out by hand taken out, line for line."""
    return re.sub(r"/\* clang-format off \*/.*?/\* clang-format on \*/",
                  lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


def has_card(name):
    """A sentence beside the SPDX line; the header's card also serves the .c of the same name."""
    if name.endswith(".c") and name[:-1] + "h" in files:
        return True
    comment = re.match(r"/\*(.*?)\*/", files[name], re.S)
    if not comment:
        return False
    words = re.sub(r"SPDX-License-Identifier: \S+", "", comment.group(1))
    return len(re.findall(r"[A-Za-z]{2,}", words)) >= 5


code = [name for name in files if is_code(name)]
rooms = [name for name in files
         if name.startswith(("src/", "gst-plugin/", "include/")) and name.endswith((".c", ".h"))]
check("the tree has code", [] if code else ["none found"])
check(f"files of code have at most {FILE_LINES} lines",
      [f"{n}: {files[n].count(chr(10))}" for n in code if files[n].count("\n") > FILE_LINES])
for (room, budget), lines in room_sizes().items():
    check(f"{room}: at most {budget} lines", [f"{lines} lines"] if lines > budget else [])
check(f"functions have under {FUNCTION_LINES} lines",
      [f for n in files if n.endswith(".c") for f in long_functions(n)])
check("files of code name their licence (SPDX) at their head",
      [n for n in code if "SPDX-License-Identifier: LGPL-2.1-or-later" not in files[n][:300]])
check("files of src, gst-plugin and include open with a room card", [n for n in rooms if not has_card(n)])
check("no left-over words", [f"{n}: {m.group()}" for n in code + [f for f in files if f.endswith(".md")]
                             for m in [WORDS.search(files[n])] if m])
check("no tabs, no spaces at line ends, a line end at the end",
      [n for n in files if is_code(n) or n.endswith(".md")
       if "\t" in files[n] and n != "debian/rules" or re.search(r"[ \r]$", files[n], re.M) or not files[n].endswith("\n")])
check("lines of C have at most 100 columns",
      [f"{n}:{i + 1}" for n in files if n.endswith((".c", ".h"))
       for i, line in enumerate(formatted(files[n]).splitlines()) if len(line) > 100])
end()
