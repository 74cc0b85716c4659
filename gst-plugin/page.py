#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""page.py GST_INSPECT PLUGIN VERSION PAGE: writes a page about each element of the plugin from what gst-inspect-1.0
says of it, so that a property is described where it is declared and nowhere else."""

import html
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SHOWN = ("Pad Templates", "Element Properties", "Element Signals", "Element Actions", "Presets")
STYLE = ("body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
         "td,th{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}pre{overflow:auto}")


def inspect(program, plugin, *words):
    """What gst-inspect-1.0 prints with this plugin alone and a registry of its own."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "GST_PLUGIN_PATH": str(plugin.parent), "GST_PLUGIN_SYSTEM_PATH": "", "LC_ALL": "C.UTF-8",
               "GST_REGISTRY": f"{folder}/registry", "GST_REGISTRY_FORK": "no", "GST_INSPECT_NO_COLORS": "1"}
        return subprocess.run([program, *words], env=env, capture_output=True, text=True, check=True).stdout


def sections(text):
    """{title: text} of the parts whose titles stand at the margin."""
    parts = re.split(r"(?m)^(\S[^\n:]*):[ \t]*$", text)
    return dict(zip(parts[1::2], parts[2::2]))


def rows(text):
    """(name, description, flags and values) of each property."""
    for name, about, rest in re.findall(r"(?m)^  ([a-z][\w-]*) *: (.*)\n((?:(?:   +.*)?\n)*)", text):
        yield name, about, "\n".join(line.strip() for line in rest.splitlines() if line.strip())


def table(text):
    out = ["<table><tr><th>property<th>meaning<th>kind, default, range"]
    out += [f"<tr><td><code>{html.escape(name)}</code><td>{html.escape(about)}<td>"
            + html.escape(rest).replace("\n", "<br>") for name, about, rest in rows(text)]
    return "\n".join(out + ["</table>"])


def element(name, text):
    found = sections(text)
    about = dict(re.findall(r"(?m)^  (Long-name|Klass|Description) +(.*)$", found.get("Factory Details", "")))
    out = [f'<h2 id="{name}">{name}</h2>', f"<p>{html.escape(about.get('Description', ''))}.</p>"]
    for title in SHOWN:
        if found.get(title, "").strip():
            body = table(found[title]) if title == "Element Properties" else f"<pre>{html.escape(found[title].strip())}</pre>"
            out += [f"<h3>{title.removeprefix('Element ')}</h3>", body]
    return out


def main():
    program, plugin, version, page = sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    names = re.findall(r"(?m)^effnet: +(\w+):", inspect(program, plugin))
    if not names:
        sys.exit(f"page.py: gst-inspect-1.0 finds no element in {plugin}; ask gst-inspect-1.0 -b why")
    out = ["<!DOCTYPE html>", '<html lang="en"><meta charset="utf-8">', "<title>The elements of effnet</title>",
           f"<style>{STYLE}</style>", f"<h1>The elements of effnet {html.escape(version)}</h1>",
           "<p>" + ", ".join(f'<a href="#{name}">{name}</a>' for name in names) + "</p>"]
    for name in names:
        out += element(name, inspect(program, plugin, name))
    page.write_text("\n".join(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
