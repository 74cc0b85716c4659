#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tool and the element on a system that fails: no memory, no threads, bad disks, full disks, signals.

test_faults.py TOOL INJECT [--long | SCENE...]: prints TAP. What holds of an allocation that fails: the
tool survives it or ends with a sentence, whoever asked for it and however small it is; but for GSlice's,
which GLib had before 2.76. So does the element, for its own of STRICT bytes or more and for all whose
failure it looks at. GLib ends the process for what is small (json-glib's nodes, objects, errors, texts,
lists of pointers, GStreamer's structures): how much of that a file or a property will ask for is asked
before, in one block, and with so many bytes and no more (`little_memory`) nothing of ours ends it.
No thread to be had: the same answer, from fewer. A file that cannot be opened or read is a sentence.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import checkpoint
import limits
from PIL import Image

ROOT = pathlib.Path(os.environ["EFFNET_SOURCE_ROOT"])
BUILD = pathlib.Path(os.environ["EFFNET_BUILD_ROOT"])
PICTURE = ROOT / "pipelines/media/cat.jpg"
CLIP = ROOT / "pipelines/media/pan.webm"
TOOL, INJECT = map(os.path.abspath, sys.argv[1:3])
WORDS = sys.argv[3:]
LONG = WORDS == ["--long"]
STRICT = 65536
SECONDS = 20  # twice what an input may wait for what never comes
LAUNCH = shutil.which("gst-launch-1.0")
ELEMENT = {"GST_PLUGIN_PATH": str(BUILD / "gst-plugin"), "GST_REGISTRY_FORK": "no", "G_DEBUG": ""}
MINI = ["--model", "mini", "--variant", checkpoint.VARIANT, "--threads", "2"]
BIG = ["--model", "big", *MINI[2:]]
CLASSIFY = [TOOL, "classify", "--json"]
SCENES = {
    "classify": [*CLASSIFY, *MINI, PICTURE],
    "lite0": [*CLASSIFY, "--model", ROOT / "models/lite0", "--threads", "2", PICTURE],
    "labels": [*CLASSIFY, *MINI, "--labels", "labels.txt", PICTURE],
    "big": [*CLASSIFY, *BIG, PICTURE],
    "big-labels": [*CLASSIFY, *BIG, "--labels", "big.txt", PICTURE],
    "preprocess": [TOOL, "preprocess", *MINI[:4], "--output", "made.npy", PICTURE],
    "run": [TOOL, "run", *MINI, "--input", "input.npy", "--output", "logits.npy"],
    "info": [TOOL, "info", ROOT / "models/lite0"],
    "synthetic": [*CLASSIFY, "--synthetic", "3", "--variant", checkpoint.VARIANT, PICTURE],
    "png": [*CLASSIFY, *MINI, "picture.png"],
}
if LAUNCH:
    SCENES["element"] = [
        LAUNCH, "-q", "videotestsrc", "num-buffers=3", "!", "video/x-raw,format=I420,width=320,height=240", "!",
        "effnetclassify", "model-file=mini", f"variant={checkpoint.VARIANT}", "threads=2", "!", "fakesink"]
    SCENES["element-jpeg"] = [
        LAUNCH, "-q", "filesrc", f"location={PICTURE}", "blocksize=9999999", "!", "image/jpeg,width=640,height=480", "!",
        "effnetclassify", "model-file=mini", f"variant={checkpoint.VARIANT}", "threads=2", "!", "fakesink"]
# No file of the command's may grow; what it says of that goes through a pipe.
NO_GROWTH = ('{ (trap "" XFSZ; ulimit -f 0; exec "$@") 2>&1 >&3 | cat >&2; code=${PIPESTATUS[0]}; } 3>&1; '
             'exit "$code"')
DEFAULT = ("classify", "big-labels", "run", "info", "png", "element-jpeg")  # without --long
count, failed = 0, 0


def check(name, bad, detail=b""):
    global count, failed
    count += 1
    failed += bool(bad)
    print(f"{'not ok' if bad else 'ok'} {count} - {name}")
    for line in [*bad, *([repr(detail[:400])] if bad else [])]:
        print("#", line)
    sys.stdout.flush()


def run(scene, stdout=None, wrapper=(), **settings):
    """The scene with INJECT preloaded and told @settings; what it noted as {word: numbers}."""
    log = pathlib.Path("log")
    log.unlink(missing_ok=True)
    env = {"EFFNET_" + key: str(value) for key, value in settings.items()}
    env |= {"LD_PRELOAD": INJECT, "EFFNET_FAIL_LOG": str(log.absolute()), "GST_REGISTRY": os.path.abspath("registry.bin")}
    done = limits.run([*wrapper, *SCENES[scene]], env={**ELEMENT, **env}, stdout=stdout, seconds=SECONDS)
    done.code = 1 if done.code == 255 and scene.startswith("element") else done.code
    notes = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        word, number = line.split()
        notes.setdefault(word, []).append(int(number))
    return done, notes


def is_glib_abort(done, scene):
    """GLib's own end of a process that has no memory for something small; of the tool only GSlice's."""
    words = b"failed to allocate" if scene.startswith("element") else b"GSlice: failed to allocate"
    return done.code in (-5, -6) and words in done.err


def sentence(done, scene):
    if done.code != 1 or scene.startswith("element"):
        return []
    return [] if done.err.count(b"\n") == 1 else ["not one line on stderr"]


def sample(n, most):
    """At most @most numbers spread over 1..@n, both ends with them."""
    if n <= most:
        return range(1, n + 1)
    return sorted({1 + round(i * (n - 1) / (most - 1)) for i in range(most)})


def allocations(scene, least, most, **which):
    """Whose they are, @which says."""
    which |= {"FAIL_BYTES": least}
    whole, notes = run(scene, FAIL_ALLOCATION=0, **which)
    n = max(notes.get("allocations", [0]))
    bad = [] if whole.code == 0 and n > 0 else [f"exit {whole.code} with {n} allocations of {least} bytes and more"]
    tried = survived = aborted = 0
    for i in sample(n, most):
        done, notes = run(scene, FAIL_ALLOCATION=i, **which)
        size = notes.get("failed", [0])[0]
        tried, survived = tried + 1, survived + (done.code == 0)
        if is_glib_abort(done, scene) and size < STRICT and "FAIL_CHECKED" not in which:
            aborted += 1
            continue
        complaints = limits.faults(done, SECONDS) + sentence(done, scene)
        bad += [f"allocation {i} of {n}, {size} bytes: {text}: {done.err[:200]!r}" for text in complaints]
    whose = "".join({"FAIL_ANY": " of anybody", "FAIL_CHECKED": " that are looked at"}.get(key, "") for key in which)
    check(f"{scene}: of {n} allocations{whose} of {least} bytes and more {tried} failed: {survived} survived, "
          f"{aborted} ended by GLib", bad, whole.err)


def little_memory(scene):
    """So many bytes and no more, for all that is ours: from what there is when a model is opened to what is enough."""
    whole, notes = run(scene, FAIL_ABOVE=1 << 40)
    most = max(notes.get("most", [0]))
    first = max(notes.get("first", [0])) + STRICT  # which the sentence takes
    bad = [] if whole.code == 0 and 0 < first < most else [f"exit {whole.code}, from {first} to {most} bytes"]
    tried = survived = 0
    steps = 200 if LONG else 4
    for i in range(steps):
        limit = first + (most - first) * i // (steps - 1)
        done, notes = run(scene, FAIL_ABOVE=limit)
        tried, survived = tried + 1, survived + (done.code == 0)
        bad += [f"{limit} bytes: {text}: {done.err[:200]!r}" for text in limits.faults(done, SECONDS) + sentence(done, scene)]
    check(f"{scene}: with {tried} sizes of memory from {first} to {most} bytes: {survived} survived", bad, whole.err)


def threads(scene):
    """The tool's own and GStreamer's; of gst-launch-1.0, which waits for ever for its own, only ours."""
    ours = {"FAIL_OURS": 1} if scene.startswith("element") else {}
    whole, notes = run(scene, **ours)
    n, bad = max(notes.get("threads", [0])), []
    for i in range(1, min(n, 6) + 1):
        done, _ = run(scene, FAIL_THREAD=i, **ours)
        complaints = limits.faults(done, SECONDS) + sentence(done, scene)
        if done.code == 0 and done.out != whole.out:
            complaints.append("another answer")
        bad += [f"from thread {i} of {n} on: {text}: {done.err[:200]!r}" for text in complaints]
    check(f"{scene}: without threads, from each of {n} on", bad)


def opens(scene):
    """No number for another file, from the n-th on."""
    _, notes = run(scene, FAIL_OPEN=0)
    n = max(notes.get("opens", [0]))
    bad = [] if n > 0 else ["nothing was opened"]
    for i in sample(n, 40 if LONG else 3):
        done, _ = run(scene, FAIL_OPEN=i)
        bad += [f"from file {i} of {n} on: {text}: {done.err[:200]!r}"
                for text in limits.faults(done, SECONDS) + sentence(done, scene)]
    check(f"{scene}: no more files, from each of {n} on", bad)


def reads(scene):
    whole, notes = run(scene, FAIL_READ=0)
    n = max(notes.get("reads", [0]))
    bad = [] if n > 0 else ["nothing was read"]
    for i in sample(n, 40 if LONG else 8):
        done, notes = run(scene, FAIL_READ=i)
        complaints = limits.faults(done, SECONDS) + sentence(done, scene)
        if "failed-read" in notes and done.code == 0 and done.out != whole.out:
            complaints.append("another answer")
        bad += [f"read {i} of {n}: {text}: {done.err[:200]!r}" for text in complaints]
    check(f"{scene}: reads that fail, of {n}", bad)


def same_answer(scene, what, **settings):
    whole, _ = run(scene)
    done, _ = run(scene, **settings)
    bad = limits.faults(done, SECONDS)
    if (done.code, done.out) != (whole.code, whole.out):
        bad.append(f"another answer, exit {done.code}: {done.err[:200]!r}")
    check(f"{scene}: {what}", bad)


def full_stdout(scene):
    with open("/dev/full", "wb") as full:
        done, _ = run(scene, stdout=full)
    bad = limits.faults(done, SECONDS) + sentence(done, scene)
    if done.code != 1:
        bad.append(f"exit {done.code}")
    check(f"{scene}: a full disk under stdout", bad, done.err)


def full_disk(scene, output, wrapper, how):
    """What was there before stays whole, and nothing is left beside it."""
    path = pathlib.Path(output)
    path.write_bytes(b"what was there")
    before = sorted(os.listdir(path.parent))
    done, _ = run(scene, wrapper=wrapper)
    bad = limits.faults(done, SECONDS) + sentence(done, scene)
    if done.code != 1:
        bad.append(f"exit {done.code}")
    if not path.exists():
        bad.append(f"{output} is gone")
    elif path.read_bytes() != b"what was there":
        bad.append(f"{output} is another: {path.stat().st_size} bytes")
    if sorted(set(os.listdir(path.parent)) - {"log"}) != sorted(set(before) - {"log"}):
        bad.append(f"left behind: {set(os.listdir(path.parent)) - set(before)}")
    check(f"{scene}: {how}", bad, done.err)


def stuck():
    """A clip whose reading never returns, before a picture: named, left behind, and the tool ends all the same."""
    shutil.copy(CLIP, "stuck.webm")
    SCENES["stuck"] = [*CLASSIFY, *MINI, "--timeout", "1", "stuck.webm", PICTURE]
    done, _ = run("stuck", STUCK_FILE="stuck.webm")
    del SCENES["stuck"]
    bad = [] if done.code == 1 else [f"exit {done.code}"]
    if b"stuck.webm: hangs and is left behind" not in done.err:
        bad.append("it does not say what is left behind")
    if [json.loads(line)["source"] for line in done.out.splitlines()] != [str(PICTURE)]:
        bad.append("the picture was not done")
    check("a clip that cannot be read and does not stop", bad + sentence(done, "stuck"), done.err)


def small_disk():
    """A file system of 96 kB, where one may be made, in a name space that is gone with the shell."""
    disk = pathlib.Path("disk").absolute()
    disk.mkdir()
    space = ["unshare", "-rm"]
    if not shutil.which("unshare") or subprocess.run(
            [*space, "mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, check=False).returncode:
        print("# no file system can be made here")
        return
    script = ('mount -t tmpfs -o size=96k tmpfs "$0" && cd "$0" && printf "what was there" > kept.npy && '
              '"$@"; code=$?; [ "$(cat kept.npy)" = "what was there" ] || code=90; '
              '[ "$(ls -A)" = kept.npy ] || code=91; exit $code')
    done = limits.run([*space, "sh", "-c", script, disk, TOOL, "preprocess", "--model", ROOT / "models/lite0",
                       "--output", "kept.npy", PICTURE])
    bad = []
    if done.code != 1:
        bad.append({0: "no failure", 90: "what was there is another", 91: "something is left behind"}.get(
            done.code, f"exit {done.code}"))
    check("preprocess: a full disk", bad + sentence(done, "preprocess"), done.err)


def big_model(net):
    """Many classes, their names in the card and in a file, and a long header."""
    n = 20000
    names = [f"class number {i} of {n}" for i in range(n)]
    big, folder = checkpoint.sound(net, n).as_dtype("F16", checkpoint.f16), pathlib.Path("big")
    big.header["__metadata__"] = {"history": "step " * 400_000}
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(checkpoint.file_of(big))
    (folder / "config.json").write_text(json.dumps({**checkpoint.SOUND_CARD, "num_classes": n, "label_names": names}))
    pathlib.Path("big.txt").write_text("\n".join(names) + "\n")


def prepare():
    net = json.loads(limits.run([TOOL, "info", checkpoint.VARIANT, "--json"]).out)
    mini = pathlib.Path("mini")
    mini.mkdir()
    (mini / "model.safetensors").write_bytes(checkpoint.file_of(checkpoint.sound(net)))
    (mini / "config.json").write_text(json.dumps(checkpoint.SOUND_CARD))
    pathlib.Path("labels.txt").write_text("\n".join(checkpoint.SOUND_LABELS) + "\n")
    big_model(net)
    limits.run(SCENES["preprocess"])
    shutil.copy("made.npy", "input.npy")
    Image.open(PICTURE).save("picture.png")


def main():
    prepare()
    for scene in SCENES:
        if not LONG and scene not in (WORDS or DEFAULT):
            continue
        allocations(scene, STRICT, 1000 if LONG else 12)
        if not scene.startswith("big"):  # who asked is looked up each time: too slow for a hundred thousand
            allocations(scene, 1, 300 if LONG else 4, FAIL_CHECKED=1)
        if scene.startswith("element"):
            allocations(scene, 1, 300 if LONG else 3)
        elif "labels" not in scene:
            allocations(scene, 1, 1000 if LONG else 5, FAIL_ANY=1)
        if LONG or WORDS or scene in ("classify", "info", "element-jpeg"):
            little_memory(scene)
        threads(scene)
        opens(scene)
        if scene not in ("synthetic", "element"):
            reads(scene)
            same_answer(scene, "short reads", SHORT_READS=1)
        same_answer(scene, "a storm of signals", SIGNALS=1)
        if "--json" in SCENES[scene] or scene == "info":
            full_stdout(scene)
    for scene, output in (("preprocess", "made.npy"), ("run", "logits.npy")):
        full_disk(scene, output, ["bash", "-c", NO_GROWTH, "bash"], "no file may grow")
    small_disk()
    stuck()
    print(f"1..{count}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="effnet-faults-") as here:
        os.chdir(here)
        code = main()
        os.chdir("/")
    sys.exit(code)
