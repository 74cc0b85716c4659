#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What learning writes, on a file system that is really full: a tmpfs in a name space of its own.

full_disk.py TOOL: prints TAP. Each scene leaves a few bytes free: what was there before stays whole and nothing is
left beside it, what went wrong is one sentence, and with room again it goes on. Skipped where no file system can be
made. Elsewhere: disks that fail by injection (test_faults.py)."""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(os.environ["EFFNET_SOURCE_ROOT"])
TOOL = os.path.abspath(sys.argv[1])
SMALL = "--model", str(ROOT / "models/lite0"), "--input-size", "64"
MEDIA = ROOT / "pipelines/media"
count = failed = 0


def check(name, bad, told=""):
    global count, failed
    count += 1
    failed += bool(bad)
    print(f"{'not ok' if bad else 'ok'} {count} - {name}")
    if bad:
        print("#", str(told)[:300].replace("\n", " | "))
    sys.stdout.flush()


class Full:
    """The disk with @left bytes free, until the end of the block."""
    def __init__(self, left):
        self.left = left

    def __enter__(self):
        free = os.statvfs(".").f_bavail * os.statvfs(".").f_frsize
        pathlib.Path("filler").write_bytes(bytes(max(free - self.left, 0)))

    def __exit__(self, *_):
        os.unlink("filler")


def tool(*arguments):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr, done.stdout


def tree(folder="."):
    return {str(p): p.read_bytes() for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file() and p.name != "filler"}


def fails(name, left, *arguments):
    """The command ends with a sentence; all files are as they were."""
    before = tree()
    with Full(left):
        code, err, _ = tool(*arguments)
    good = code == 1 and err.count("\n") == 1 and ("space" in err or "written" in err)
    check(f"{name}, {left} bytes free", not good or tree() != before, f"exit {code}: {err} {set(tree()) ^ set(before)}")


def pictures(folder):
    from PIL import Image
    for label, low in (("dark", 0), ("light", 150)):
        os.makedirs(f"{folder}/{label}")
        for i in range(6):
            noise = random.Random(1000 * low + i).randbytes(64 * 48 * 3)
            Image.frombytes("RGB", (64, 48), bytes(low + b // 3 for b in noise)).save(f"{folder}/{label}/{'abcdef'[i]}.png")


def training():
    outside = pathlib.Path(os.environ["EFFNET_OUTSIDE"])
    pictures(outside / "p")
    train = "train", outside / "p", "--output", "gate", "--head-only", *SMALL
    for left in (0, 8192, 60_000):  # no folder; not the head; not the report
        fails("train, nothing there yet", left, *train)
    code, err, _ = tool(*train)
    check("train, with room", code, err)
    for left in (0, 8192, 60_000):
        fails("train over an earlier one", left, *train, "--seed", "1")
    with Full(20_000):
        code, err, out = tool("train", outside / "p", "--output", outside / "gate", "--cache", "cache", "--json", *SMALL)
    good = code == 0 and err.count("\n") == 1 and "space" in err and json.loads(out)["pictures"] == 12
    check("train, no room in the cache: the model is there all the same", not good, f"exit {code}: {err}")
    code, err, out = tool("train", outside / "p", "--output", outside / "gate", "--cache", "cache", "--json", *SMALL)
    check("train, the cache goes on", code or not 0 < json.loads(out)["from_cache"] < 12, f"{err} {out}")
    code, err, out = tool("train", outside / "p", "--output", outside / "gate", "--cache", "cache", "--json", *SMALL)
    check("train, and is whole then", code or json.loads(out)["from_cache"] != 12, f"{err} {out}")


def embeddings():
    photos = MEDIA / "cat.jpg", MEDIA / "coffee.jpg"
    for output in ("x.npy", "x.csv"):
        code, err, _ = tool("embed", photos[0], "--output", output, *SMALL)
        check(f"embed to {output}, with room", code, err)
        for left in (0, 4096):
            fails(f"embed over {output}", left, "embed", *photos, "--output", output, *SMALL)
    index = "similar", MEDIA, photos[0], "--index", "index", *SMALL
    before = tree()
    with Full(4096):
        code, err, out = tool(*index)
    check("similar, no room for an index: a sentence, and the answer", err.count("\n") != 1 or "coffee.jpg" not in out or tree() != before,
          f"exit {code}: {err} {out}")
    code, err, _ = tool(*index)
    kept = pathlib.Path("index").read_bytes()
    with Full(4096):
        code, err, out = tool(*index, "--input-size", "96")
    check("similar, no room for another index: the old one stays", err.count("\n") != 1 or pathlib.Path("index").read_bytes() != kept, err)


class Camera:
    """Frames on demand, through the element."""
    def __init__(self, settings):
        self.pipeline = Gst.parse_launch(
            "videotestsrc name=source ! video/x-raw,format=I420,width=320,height=240 ! effnetclassify name=it "
            f"model-file={ROOT}/models/lite0 inference-mode=sync {settings} ! appsink name=sink max-buffers=1 sync=false")
        self.it, self.sink = self.pipeline.get_by_name("it"), self.pipeline.get_by_name("sink")
        self.pipeline.set_state(Gst.State.PLAYING)

    def show(self, pattern):
        self.pipeline.get_by_name("source").set_property("pattern", pattern)
        for _ in range(5):
            assert self.sink.emit("pull-sample") is not None

    def warnings(self):
        texts = []
        while message := self.pipeline.get_bus().pop_filtered(Gst.MessageType.WARNING | Gst.MessageType.ERROR):
            texts.append(message.parse_warning()[0].message if message.type == Gst.MessageType.WARNING else "ERROR")
        return texts

    def stat(self, name):
        return self.it.get_property("stats").get_value(name)

    def wait(self, done, seconds=20):
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            time.sleep(0.05)
        return done()

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)


def teaching():
    camera = Camera("teach-file=taught")
    for label, pattern in (("one", 0), ("two", 18), ("one", 1), ("two", 19)):
        camera.show(pattern)
        check(f"teach {label}", not camera.it.emit("teach", label))
    camera.wait(lambda: os.path.exists("taught"))
    camera.stop()
    kept, names = pathlib.Path("taught").read_bytes(), sorted(tree())
    camera = Camera("teach-file=taught")
    with Full(4096):
        for label, pattern in (("one", 11), ("two", 13)):
            camera.show(pattern)
            check(f"teach {label} without room", not camera.it.emit("teach", label))
        warned = []
        camera.wait(lambda: warned.extend(camera.warnings()) or warned)
        camera.it.emit("train")
        camera.wait(lambda: warned.extend(camera.warnings()) or len(warned) > 1, 5)
        check("teach without room: said, the stream goes on, the file stays",
              not warned or any("taught" not in text or "\n" in text or text == "ERROR" for text in warned)
              or pathlib.Path("taught").read_bytes() != kept or sorted(tree()) != names, f"{warned} {sorted(tree())}")
        camera.show(0)
    camera.show(24)
    camera.it.emit("teach", "one")
    check("teach with room again: all is kept", not camera.wait(lambda: len(pathlib.Path("taught").read_bytes()) > len(kept)))
    check("train with room again", not camera.it.emit("train") or not camera.wait(lambda: os.path.isdir("taught.heads/1")),
          camera.warnings())
    camera.stop()
    camera = Camera("teach-file=taught")
    camera.show(0)
    text = camera.it.get_property("stats").to_string()
    check("what was taught without room is there at the next start", not re.search(r"exemplars\W+uint\W+7\b", text), text)
    camera.stop()


def saving():
    camera = Camera("save-examples=saved save-reasons=low-margin save-margin=1 save-interval=0")
    camera.wait(lambda: camera.show(0) or camera.stat("examples-saved") == 1)
    before = tree("saved")
    with Full(0):
        camera.wait(lambda: camera.show(11) or camera.stat("examples-failed") == 1)
        warned = camera.warnings()
        good = len(warned) == 1 and "save-examples" in warned[0] and "\n" not in warned[0]
        check("save-examples without room: said once, nothing is half there", not good or tree("saved") != before, warned)
    camera.wait(lambda: camera.show(11) or camera.stat("examples-saved") == 2)
    lines = pathlib.Path("saved/examples.jsonl").read_text().splitlines()
    files = {str(pathlib.Path("saved", json.loads(line)["file"])) for line in lines}
    check("save-examples with room again: the same scene is saved", len(files) < 2 or not files <= set(tree("saved")),
          f"{files} {[camera.stat(f'examples-{n}') for n in ('saved', 'alike', 'failed', 'dropped')]} {camera.warnings()} {os.listdir('saved')}")
    camera.stop()


def main():
    disk, outside = pathlib.Path("disk").absolute(), pathlib.Path("outside").absolute()
    if not os.environ.get("EFFNET_OUTSIDE"):
        disk.mkdir(), outside.mkdir()
        space = ["unshare", "-rm"]
        if subprocess.run([*space, "mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, check=False).returncode:
            print("1..0 # SKIP no file system can be made here")
            return 0
        return subprocess.run(
            [*space, "sh", "-c", 'mount -t tmpfs -o size=4m tmpfs "$0" && cd "$0" && exec "$@"', disk, sys.executable,
             os.path.abspath(__file__), TOOL], env={**os.environ, "EFFNET_OUTSIDE": str(outside)}, check=False).returncode
    training()
    embeddings()
    if Gst is not None:
        teaching()
        saving()
    print(f"1..{count}")
    return 1 if failed or not count else 0


try:
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
    os.environ["GST_PLUGIN_PATH"] = str(pathlib.Path(os.environ["EFFNET_BUILD_ROOT"]) / "gst-plugin")
    Gst.init(None)
    if Gst.ElementFactory.find("effnetclassify") is None:
        Gst = None
except (ImportError, ValueError):
    Gst = None
if __name__ == "__main__":
    if os.environ.get("EFFNET_OUTSIDE"):
        sys.exit(main())
    import tempfile
    with tempfile.TemporaryDirectory(prefix="effnet-full-") as here:
        os.chdir(here)
        code = main()
        os.chdir("/")
    sys.exit(code)
