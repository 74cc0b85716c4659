# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet embed: the features of `effnet run`, in NumPy's and CSV files, in order, whole or not at all."""
import csv
import io
import json
import os
import pathlib
import resource
import signal

import numpy as np
from PIL import Image
from tool import MEDIA, MODEL, effnet, failure, main, test

OPTIONS = ("--model", MODEL, "--precision", "fp32")
EXPECTED = {}


def pictures():
    """A folder with pictures of three kinds, one named as nobody should; and their features by `effnet run`."""
    folder = pathlib.Path("photos")
    if not folder.exists():
        folder.mkdir()
        random = np.random.default_rng(3)
        for i, name in enumerate(("b.png", "a, \"b\"\n.jpg", "c.jpg", "d.webp")):
            pixels = np.kron(random.integers(0, 256, (6 + i, 9, 3), np.uint8), np.ones((30, 30, 1), np.uint8))
            Image.fromarray(pixels).save(folder / name)
        for path in sorted(folder.iterdir(), key=lambda p: os.fsencode(p)):
            effnet("preprocess", "--model", MODEL, path, "--output", "x.npy")
            effnet("run", *OPTIONS, "--input", "x.npy", "--output", "y.npy", "--features")
            EXPECTED[str(path)] = np.load("y.npy")[0]
    return folder


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@test
def numpy_file():
    """a row for each picture, in the order of the names beside it, as `effnet run` has it; --l2 has length 1"""
    folder = pictures()
    assert effnet("embed", *OPTIONS, folder, "--output", "e.npy").out == ""
    found, names = np.load("e.npy"), rows(pathlib.Path("e.csv").read_bytes().decode())
    assert found.shape == (4, 1280) and found.dtype == np.float32
    assert [r["source"] for r in names] == list(EXPECTED) and {r["frame"] for r in names} == {"0"}
    assert np.array_equal(found, np.stack(list(EXPECTED.values())))
    effnet("embed", *OPTIONS, folder, "--output", "l.npy", "--names", "names", "--l2")
    unit = found / np.linalg.norm(found.astype(float), axis=1, keepdims=True)
    assert np.abs(np.load("l.npy") - unit).max() < 1e-7 and pathlib.Path("names").exists()
    assert not pathlib.Path("l.csv").exists()


@test
def text():
    """CSV and JSON lines give the same floats, in a file and on stdout"""
    folder = pictures()
    expected = np.stack(list(EXPECTED.values()))
    effnet("embed", *OPTIONS, folder, "--output", "t.csv")
    table = rows(pathlib.Path("t.csv").read_bytes().decode())
    assert [r["source"] for r in table] == list(EXPECTED)
    assert np.array_equal(np.array([[r[f"f{i}"] for i in range(1280)] for r in table], np.float32), expected)
    shown = rows(effnet("embed", *OPTIONS, folder, "--output", "-").out)
    assert [r["f7"] for r in shown] == [r["f7"] for r in table] and all(r["source"].isprintable() for r in shown)
    lines = [json.loads(line) for line in effnet("embed", *OPTIONS, folder, "--json").out.splitlines()]
    assert [line["source"] for line in lines] == list(EXPECTED) and lines[0]["pts_ns"] is None
    assert np.array_equal(np.array([line["features"] for line in lines], np.float32), expected)
    names = rows(effnet("embed", *OPTIONS, folder, "--output", "n.npy", "--names", "-").out)
    assert len(names) == 4 and list(names[0]) == ["source", "frame", "pts_ns"]


@test
def clip():
    """a clip has a row for every Nth frame, with its time"""
    effnet("embed", *OPTIONS, "--every", 20, MEDIA / "pan.webm", "--output", "c.npy")
    table = rows(pathlib.Path("c.csv").read_text())
    assert len(np.load("c.npy")) == len(table) > 1
    assert [int(r["frame"]) for r in table] == [20 * i for i in range(len(table))]
    assert int(table[1]["pts_ns"]) > int(table[0]["pts_ns"]) >= 0


@test
def unreadable():
    """what cannot be read is named and left out, the rest is written; with nothing left no file is"""
    folder = pictures()
    pathlib.Path("broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    failure("embed", *OPTIONS, "broken.jpg", folder / "c.jpg", "--output", "u.npy", says=["broken.jpg"])
    assert np.array_equal(np.load("u.npy"), EXPECTED["photos/c.jpg"][None])
    done = effnet("embed", *OPTIONS, "broken.jpg", "missing.jpg", "--output", "none.npy", code=1)
    assert done.err.splitlines()[-1].endswith("no input could be read; none.npy is not written"), done.err
    assert not list(pathlib.Path().glob("none*"))


@test
def full_disk():
    """a file that cannot be written whole is one sentence and leaves what was there"""
    folder = pictures()
    (folder / "b.png").unlink()  # some decoders hand over pixels in files of memory, which the limit counts
    pathlib.Path("f.npy").write_text("before")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    failure("embed", *OPTIONS, folder, "--output", "f.npy", says=["f.npy", "File too large"], preexec_fn=limit)
    assert pathlib.Path("f.npy").read_text() == "before" and not list(pathlib.Path().glob("f.*.??????"))
    failure("embed", *OPTIONS, folder, "--output", "nowhere/f.npy", says=["nowhere/f.npy", "No such file"])


@test
def usage():
    """what goes together and what does not"""
    for arguments, says in (((), "no INPUT"), (("a",), "--output is missing"), (("a", "-o", "x.txt"), ".npy nor in .csv"),
                            (("a", "-o", "x.csv", "--names", "y"), "--names"), (("a", "-o", "-", "--json"), "--json"),
                            (("a", "-o", "x.npy", "--every", "0"), "--every 0")):
        failure("embed", *arguments, says=[says], code=2)


main()
