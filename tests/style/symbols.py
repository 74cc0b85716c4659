#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shared library exports exactly what its headers declare; every global of the rooms begins with
effnet_. symbols.py SOURCE_ROOT BUILD_ROOT, prints TAP."""
import pathlib
import re
import subprocess
import sys

from tap import check, end

source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def defined(path, *options):
    out = subprocess.run(["nm", "--defined-only", *options, path], check=True, capture_output=True,
                         text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[-1] for row in rows if len(row) >= 3 and row[-2] in "TDBRVWGSCi"}


header = "".join(path.read_text() for path in sorted((source / "include/effnet").glob("*.h")))
header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
header = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", "", header, flags=re.M)
declared = set(re.findall(r"EFFNET_API\b[^;]*?\b(\w+)\s*\(", header.replace("__attribute__ ((", "")))
declared = {name for name in declared if not name.startswith("visibility")}
exported = defined(build / "src/engine/libeffnet.so", "-D")
check("the headers declare functions at all", [] if declared else ["found none"])
check("declared functions are exported", sorted(declared - exported))
check("exported symbols are declared", sorted(exported - declared))
for archive in sorted(build.glob("src/*/lib*.a")):
    if archive.parent.name == "cli":
        continue
    names = defined(archive, "-g")
    check(f"globals of {archive.name} begin with effnet_",
          sorted(name for name in names if not name.startswith("effnet_")))
for plugin in build.glob("gst-plugin/libgsteffnet.so"):
    names = defined(plugin, "-D")
    check("the plugin exports its entrance only",
          sorted(name for name in names if not name.startswith("gst_plugin_effnet_")))
end()
