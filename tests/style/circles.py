#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No circles inside a room: no headers that include each other in a loop, no sources that call each
other's functions in one. circles.py [TREE], prints TAP.

A unit is X.c with its X.h; it calls the units of its room whose functions X.c names. Rooms are the folders
of src, and gst-plugin."""
import pathlib
import re
import sys

from tap import check, end

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])

NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
FUNCTION = re.compile(r"^(?P<head>\w[^\n;{}#]*\n)(?P<name>\w+) \(", re.M)


def circles(arrows):
    """The sets of nodes that reach each other, each sorted."""
    reached = {}
    for start in arrows:
        seen, ahead = set(), list(arrows[start])
        while ahead:
            node = ahead.pop()
            if node not in seen:
                seen.add(node)
                ahead += arrows.get(node, ())
        reached[start] = seen
    return sorted({tuple(sorted(b for b in arrows if b in reached[a] and a in reached[b]))
                   for a in arrows if a in reached[a]})


class Room:
    def __init__(self, folder):
        self.paths = sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h"))
        self.texts = {p: p.read_text() for p in self.paths}
        self.code = {p: NOT_CODE.sub(" ", text) for p, text in self.texts.items()}

    def included(self, path):
        """Headers of this room that @path includes."""
        for name in INCLUDE.findall(self.texts[path]):
            for folder in (root / "src", path.parent, root / "gst-plugin"):
                if folder / name in self.texts:
                    yield folder / name
                    break

    @staticmethod
    def unit(path):
        return str(path.with_suffix("").relative_to(root))

    def functions(self):
        """name: unit that defines it for others."""
        return {m["name"]: self.unit(p) for p in self.paths for m in FUNCTION.finditer(self.code[p])
                if p.suffix == ".h" or not re.search(r"\bstatic\b", m["head"])}

    def header_arrows(self):
        return {self.unit(p) + ".h": [self.unit(q) + ".h" for q in self.included(p)]
                for p in self.paths if p.suffix == ".h"}

    def unit_arrows(self):
        owner = self.functions()
        arrows = {self.unit(p): set() for p in self.paths}
        for path in (p for p in self.paths if p.suffix == ".c"):
            own = {m["name"] for m in FUNCTION.finditer(self.code[path])}
            named = set(re.findall(r"\w+", self.code[path])) - own
            arrows[self.unit(path)] |= {owner[name] for name in named & owner.keys()} - {self.unit(path)}
        return arrows


def because(arrows, circle):
    """The circle's arrows, in words."""
    return [f"{a} -> {b}" for a in circle for b in sorted(arrows[a]) if b in circle]


folders = [p for p in sorted((root / "src").glob("*")) + [root / "gst-plugin"] if p.is_dir()]
rooms = {str(p.relative_to(root)): Room(p) for p in folders}
check("there is code", [] if any(room.paths for room in rooms.values()) else ["none found"])
for name, room in rooms.items():
    for what, arrows in (("headers", room.header_arrows()), ("sources", room.unit_arrows())):
        verb = "include" if what == "headers" else "call"
        check(f"no {what} of {name} {verb} each other in a circle",
              [line for circle in circles(arrows) for line in because(arrows, circle)])
end()
