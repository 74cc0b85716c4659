#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Markdown files as a reader follows them: their links lead somewhere, the source files they name exist,
the drawing has every room, and the page about speed stays short.

docs.py [TREE], prints TAP. A link may go to the web, to a file of the tree, or to a heading (of that file). A file is
named in a code span, from the root, src or include; pages below models and pipelines name those of other projects."""
import pathlib
import re
import sys

from tap import check, end

PERFORMANCE_LINES = 150
LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
NAMED = re.compile(r"`([\w./-]+/[\w.-]+\.(?:c|h|inc|py|sh|md|svg))`")
BLOCK = re.compile(r"^```.*?^```", re.M | re.S)

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
# Builds are not looked into: a whole system may lie there, and change meanwhile.
folders = [folder for folder in root.iterdir() if folder.is_dir() and not re.match(r"build|\.", folder.name)]
pages = {path: BLOCK.sub("", path.read_text())
         for path in sorted([*root.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])}


def headings(path):
    """The names under which a heading can be linked to: lower case, punctuation dropped, spaces as hyphens."""
    text = pages.get(path) or path.read_text()
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-")
            for head in re.findall(r"^#+ +(.*)$", text, re.M)}


def broken(page, link):
    """What is wrong with the link, or None."""
    if re.match(r"[a-z]+:", link):
        return None
    name, _, heading = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(root) or not target.exists():
        return "no such file"
    if heading and (target.suffix != ".md" or heading not in headings(target)):
        return "no such heading"
    return None


def links(text):
    return [first or second for first, second in LINK.findall(text)]


check("there are Markdown files", [] if pages else ["none found"])
check("links lead to files and headings that exist",
      [f"{page.relative_to(root)}: {link}: {broken(page, link)}"
       for page, text in pages.items() for link in links(text) if broken(page, link)])
check("source files that are named exist",
      [f"{page.relative_to(root)}: {name}" for page, text in pages.items() for name in NAMED.findall(text)
       if page.relative_to(root).parts[0] not in ("models", "pipelines") and "NAME" not in name
       and not any((root / folder / name).exists() for folder in ("", "src", "include"))])
drawing = root / "docs/house.svg"
names = re.findall(r'class="name"[^>]*>([^<]*)<', drawing.read_text()) if drawing.exists() else []
check("docs/house.svg draws every room of src",
      [folder.name for folder in root.glob("src/*/") if folder.is_dir() and folder.name not in names])
check(f"docs/PERFORMANCE.md has under {PERFORMANCE_LINES} lines",
      [f"{len(lines)} lines" for page in pages if page == root / "docs/PERFORMANCE.md"
       for lines in [page.read_text().splitlines()] if len(lines) >= PERFORMANCE_LINES])
end()
