#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""guest.py README PREFIX: an ordinary user's first minutes with effnet as it was installed below PREFIX: what
gst-inspect-1.0 and the tool say, the examples, and every command of README that needs no source tree. Run by package.sh
in a Debian of its own."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

README, PREFIX = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
SHARE = PREFIX / "share" / "effnet"
EXAMPLES = ("picture-to-label.sh", "clip-to-jsonl.sh", "demo.sh", "read-metadata.py", "classify-boxes.py")
failures = 0


def environment():
    """Of a prefix of its own GStreamer and the shell are told, as README says, and nothing else."""
    if PREFIX == pathlib.Path("/usr"):
        return os.environ
    plugin = next(PREFIX.glob("lib/**/gstreamer-1.0"))
    return {**os.environ, "GST_PLUGIN_PATH": str(plugin), "PATH": f"{PREFIX}/bin:{os.environ['PATH']}"}


def check(name, command, expected=""):
    global failures
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True, check=False,
                          timeout=300, env=environment(), stdin=subprocess.DEVNULL)
    good = done.returncode == 0 and re.search(expected, done.stdout)
    print(f"{'ok    ' if good else 'FAILED'} {name}", flush=True)
    if not good:
        failures += 1
        print(f"{command}\nexit {done.returncode}, expected /{expected}/\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def blocks(text):
    """The commands of README as they read for somebody without its source tree."""
    for skipped, block in re.findall(r"(<!-- not run: [^>]+ -->\n+)?^```sh\n(.*?)^```", text, re.M | re.S):
        if not skipped:
            yield re.sub(r"GST_PLUGIN_PATH=build/gst-plugin ", "", block).replace("build/src/cli/effnet", "effnet")


def main():
    os.chdir(tempfile.mkdtemp())
    os.symlink(SHARE / "examples", "pipelines")
    os.symlink(SHARE / "models", "models")
    origin = "Debian package" if PREFIX == pathlib.Path("/usr") else "built from source"
    check("gst-inspect-1.0 effnetclassify", "gst-inspect-1.0 effnetclassify", rf"Origin URL +{origin}|inference-mode")
    check("the plugin says where it is from", "gst-inspect-1.0 effnet", rf"Origin URL +{origin}")
    check("effnet --version", "effnet --version", r"\d+\.\d+")
    check("effnet fetch", "effnet fetch --list", "lite0")
    check("effnet convert", "effnet convert --help", "lite1|output")
    check("the manual page", f"ls {PREFIX}/share/man/man1/effnet.1*", "effnet")
    check("the page about the elements", f"cat {PREFIX}/share/doc/effnet*/elements.html", "discovery-prefix")
    for name in EXAMPLES:
        check(f"pipelines/{name}", f"pipelines/{name}", "cat|tabby")
    for block in blocks(README.read_text()):
        check(f"README: {block.splitlines()[0]}", block)
    print(f"{failures} failed")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
