# SPDX-License-Identifier: LGPL-2.1-or-later
"""The documented commands, run as they stand: the ```sh blocks of the Markdown files. A block after the
comment `<!-- not run: REASON -->` is left out. They run in a folder that looks like the source tree with
a `build` in it. The launch lines of the element's documentation are run by tests/gst."""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from tool import ROOT, main, test, tests  # noqa: E402

BUILD = pathlib.Path(os.environ["EFFNET_BUILD_ROOT"])


def tree():
    """The current folder becomes the source tree, by links, and `build` the build folder."""
    for entry in ROOT.iterdir():
        link = pathlib.Path(entry.name)
        if not entry.name.startswith((".", "build")) and not link.exists():
            link.symlink_to(entry)
    if not pathlib.Path("build").exists():
        pathlib.Path("build").symlink_to(BUILD)


def run(command):
    tree()
    env = {**os.environ, "GST_PLUGIN_PATH": f"{BUILD}/gst-plugin", "EFFNET_DEMO_OUT": "demo",
           "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True,
                          timeout=300, check=False, env=env)
    assert done.returncode == 0, f"{command}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"


def add(name, command):
    def one():
        run(command)
    one.__doc__ = name
    test(one)


def blocks(text):
    """(line, block) of each ```sh block that is to be run."""
    for m in re.finditer(r"(<!-- not run: [^>]+ -->\n+)?^```sh\n(.*?)^```", text, re.M | re.S):
        if m.group(1) is None:
            yield text.count("\n", 0, m.start(2)) + 1, m.group(2)


# Builds are not looked into: a whole system may lie there, and change meanwhile.
folders = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(("build", "."))]
pages = sorted([*ROOT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])
for path in pages:
    for line, block in blocks(path.read_text()):
        add(f"{path.relative_to(ROOT)}:{line}: {block.split(chr(10))[0]}", block)


@test
def none_is_hidden():
    """no command stands in a block that is not run for being called something else than sh"""
    for path in pages:
        for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", path.read_text(), re.M | re.S):
            assert language == "sh" or not re.search(r"^ *(gst-launch-1\.0|effnet) ", block, re.M), (path, block)


@test
def found():
    """the README has blocks to run"""
    assert any((function.__doc__ or "").startswith("README.md") for function in tests)


main()
