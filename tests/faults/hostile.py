#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hostile models, cards, labels and places, through the tool and through the element.

hostile.py TOOL [--long | WORD...]: prints TAP. Without --long a choice of the cases; with words, those
whose name holds one, every detail shown. Whatever the input: no signal, at most 10 s and 1 GB; the exit
code is 0 with sound results, or 1 with one sentence that names the input.
"""
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

import checkpoint
import damage_cards
import damage_labels
import damage_places
import damage_weights
import limits
from case import ACCEPTED, EITHER, REFUSED

ROOT = pathlib.Path(os.environ["EFFNET_SOURCE_ROOT"])
BUILD = pathlib.Path(os.environ["EFFNET_BUILD_ROOT"])
PICTURE = ROOT / "pipelines/media/cat.jpg"
TOOL = os.path.abspath(sys.argv[1])
CHOICE = 240  # cases of the default run
LAUNCH = shutil.which("gst-launch-1.0")


def write(case, folder, weights):
    """The case's files in @folder."""
    folder.mkdir()
    if callable(case.weights):
        case.weights(folder / "model.safetensors")
    else:
        (folder / "model.safetensors").write_bytes(weights if case.weights is None else case.weights)
    if case.card is not None:
        text = case.card if isinstance(case.card, bytes) else json.dumps(case.card).encode()
        (folder / "config.json").write_bytes(text)
    if case.labels is not None:
        (folder / "labels.txt").write_bytes(case.labels)
    if case.make is not None:
        case.make(folder)


def through_tool(case, folder):
    arguments = ["classify", "--json", "--top-k", "3", "--model", folder / case.model, PICTURE]
    if case.variant:
        arguments += ["--variant", case.variant]
    if case.labels is not None:
        arguments += ["--labels", folder / "labels.txt"]
    done = limits.run([TOOL, *arguments])
    bad = limits.faults(done)
    bad += limits.sentence_faults(done, folder.name, *case.names)
    if done.code == 0:
        bad += limits.json_faults(done.out.decode(errors="replace"))
        if done.out.count(b"\n") != 1:
            bad.append(f"{done.out.count(10)} results")
    if case.expect == REFUSED and done.code == 0:
        bad.append("was accepted")
    if case.expect == ACCEPTED and done.code == 1:
        bad.append("was refused")
    return done, bad


def through_element(case, folder):
    """One frame of gst-launch-1.0; what it prints of an error goes on for some lines."""
    element = ["effnetclassify", f"model-file={quote(folder / case.model)}", "threads=2"]
    if case.variant:
        element.append(f"variant={case.variant}")
    if case.labels is not None:
        element.append(f"labels-file={quote(folder / 'labels.txt')}")
    source = ["videotestsrc", "num-buffers=1", "!", "video/x-raw,format=RGB,width=64,height=64"]
    done = limits.run([LAUNCH, "-q", *source, "!", *element, "!", "fakesink", "silent=true"], env={
        "GST_PLUGIN_PATH": str(BUILD / "gst-plugin"), "GST_REGISTRY_FORK": "no", "G_DEBUG": "",
        "GST_REGISTRY": os.path.abspath("registry.bin")})
    done.code = 1 if done.code == 255 else done.code  # gst-launch-1.0's own way of failing
    bad = limits.faults(done)
    text = done.err.decode(errors="replace")
    if done.code == 1 and not any(name in text for name in (folder.name, *case.names)):
        bad.append(f"the error names none of {(folder.name, *case.names)}")
    return done, bad


def quote(path):
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def all_cases(sound):
    """Made one by one: some are large."""
    yield from damage_weights.all_cases(sound)
    for part in (damage_cards, damage_labels, damage_places):
        yield from part.all_cases()


def choose(names, words):
    """Names of the cases that are tried, and of those that the element sees."""
    if words == ["--long"]:
        return names, set(names)
    if words:
        found = [name for name in names if any(word in name for word in words)]
        return found, set(found)
    some = random.Random(2026).sample(names, CHOICE)
    return some, set(some[::9])


def main(words):
    net = json.loads(limits.run([TOOL, "info", checkpoint.VARIANT, "--json"]).out)
    sound = checkpoint.sound(net)
    names = [case.name for case in all_cases(sound)]
    assert len(set(names)) == len(names), "two cases of one name"
    weights = checkpoint.file_of(sound)
    chosen, in_element = choose(names, words)
    failed, codes = 0, {0: 0, 1: 0}
    wanted = set(chosen)
    for i, case in enumerate((case for case in all_cases(sound) if case.name in wanted), 1):
        folder = pathlib.Path("case").absolute()
        write(case, folder, weights)
        done, bad = through_tool(case, folder)
        codes[done.code] = codes.get(done.code, 0) + 1
        if LAUNCH and case.name in in_element and not limits.SANITIZED:
            seen, complaints = through_element(case, folder)
            bad += [f"in the element: {text}" for text in complaints]
            if complaints:
                print(f"# {seen.err[:400]!r}")
            if case.expect != EITHER and seen.code in (0, 1) and seen.code != done.code:
                bad.append(f"tool and element differ: exit {done.code} and {seen.code}")
        os.chmod(folder, 0o700)
        shutil.rmtree(folder)
        failed += bool(bad)
        name = case.name.encode("ascii", "backslashreplace").decode().replace("#", "\\#")
        print(f"{'not ok' if bad else 'ok'} {i} - {name}", flush=True)
        if bad or words not in ([], ["--long"]):
            print(f"# {'; '.join(bad)}\n# exit {done.code}, {done.seconds:.2f} s, {done.resident >> 20} MB: "
                  f"{done.err[:300]!r}", flush=True)
    print(f"1..{len(chosen)}\n# {len(names)} cases there are, {len(chosen)} were tried: {codes[0]} accepted, "
          f"{codes[1]} refused", flush=True)
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    arguments = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="effnet-faults-") as here:
        os.chdir(here)
        code = main(arguments)
        os.chdir("/")
    sys.exit(code)
