#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""learning.py [ROUNDS]: what several heads, a teach-file and save-examples add to a stream of 720p on one core.

Each pipeline in turn, so many rounds (5); printed are CPU seconds of the process and their ratio to the plain one of
the same round: medians. The heads are three times the model's own thousand classes, more than a head ever has; the
saver copies each frame and saves none. Needs a build in EFFNET_BUILD_ROOT (build).
Lives here: shares of the element's work. Elsewhere: the element beside others (run), training itself (train.py).
"""
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EFFNET_BUILD_ROOT") or ROOT / "build")
MODEL = ROOT / "models/lite0"
FRAMES = 200


def seconds(settings):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["gst-launch-1.0", "-q", "videotestsrc", f"num-buffers={FRAMES}", "pattern=ball", "!",
                    "video/x-raw,format=NV12,width=1280,height=720", "!", "effnetclassify", "threads=1",
                    f"model-file={MODEL}", *settings, "!", "fakesink"], check=True,
                   env={**os.environ, "GST_PLUGIN_PATH": str(BUILD / "gst-plugin")})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        rows = {"plain": [], "three heads": [f"heads=a={MODEL};b={MODEL};c={MODEL}"],
                "teach-file": [f"teach-file={folder}/taught"],
                "save-examples": [f"save-examples={folder}/saved", "save-reasons=unknown"]}
        seconds([])
        times = {name: [] for name in rows}
        for _ in range(rounds):
            for name, settings in rows.items():
                times[name].append(seconds(settings))
    for name, values in times.items():
        ratio = statistics.median(mine / plain for mine, plain in zip(values, times["plain"]))
        print(f"{name:14} {statistics.median(values):6.2f} s for {FRAMES} frames, {ratio:.3f} of plain")


if __name__ == "__main__":
    main()
