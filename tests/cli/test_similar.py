# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet similar: cosines as NumPy has them of `effnet embed`, duplicates that were made, an index that is never
believed too long."""
import json
import os
import pathlib
import shutil

import numpy as np
from PIL import Image
from tool import MODEL, Skip, effnet, failure, main, test

OPTIONS = ("--model", MODEL, "--precision", "fp32")


def folder():
    """Eight pictures; names in their order."""
    place = pathlib.Path("photos")
    if not place.exists():
        (place / "deep").mkdir(parents=True)
        random = np.random.default_rng(11)
        for i in range(8):
            squares = random.integers(0, 256, (2 + i, 3 + i % 4, 3), np.uint8)
            picture = Image.fromarray(squares).resize((320, 240), Image.Resampling.NEAREST)
            picture.save(place / ("deep" if i > 5 else ".") / f"{i}.png")
    return place


def similar(*arguments, **options):
    return [json.loads(line) for line in effnet("similar", *OPTIONS, "--json", *arguments, **options).out.splitlines()]


def cosines(place):
    effnet("embed", *OPTIONS, "--l2", place, "--output", "e.npy")
    names = [line.split(",")[0] for line in pathlib.Path("e.csv").read_text().splitlines()[1:]]
    rows = np.load("e.npy").astype(float)
    return names, rows @ rows.T


@test
def nearest():
    """the nearest first, with their cosines; not the picture itself; -k and --threshold"""
    place = folder()
    names, expected = cosines(place)
    query = names.index("photos/3.png")
    order = [i for i in np.argsort(-expected[query], kind="stable") if i != query]
    found = similar(place, "photos/3.png")
    assert [row["source"] for row in found] == [names[i] for i in order]
    assert np.abs([row["cosine"] for row in found] - expected[query][order]).max() < 1e-6
    assert found[0]["query"] == "photos/3.png"
    assert similar(place, "photos/3.png", "-k", 2) == found[:2]
    least = (found[2]["cosine"] + found[3]["cosine"]) / 2
    assert similar(place, "photos/3.png", "--threshold", least) == found[:3]
    shutil.copy("photos/3.png", "copy.png")
    assert similar(place, "copy.png", "-k", 1)[0] == {"query": "copy.png", "source": "photos/3.png", "cosine": 1.0}
    lines = effnet("similar", *OPTIONS, place, "copy.png", "-k", 1).out.splitlines()
    assert lines == ["COSINE  PICTURE", " 1.000  photos/3.png"], lines


@test
def index():
    """an index gives the same answers; it follows files that change, come and go, and other options"""
    place = folder()
    shutil.copytree(place, "changing")
    place, kept = pathlib.Path("changing"), ("--index", "x.index")
    first = similar(place, "photos/2.png", *kept)
    assert similar(place, "photos/2.png", *kept) == first == similar(place, "photos/2.png")
    stamp = os.stat("x.index").st_ino
    similar(place, "photos/5.png", *kept)
    assert os.stat("x.index").st_ino == stamp, "an index that is up to date is written again"
    then = os.stat(place / "4.png")
    shutil.copy(place / "2.png", place / "4.png")  # another picture under an old name
    os.utime(place / "4.png", ns=(then.st_atime_ns, then.st_mtime_ns + 1))
    shutil.copy(place / "0.png", place / "9.png")
    (place / "1.png").unlink()
    found = similar(place, "photos/2.png", *kept)
    assert found == similar(place, "photos/2.png") and found[1]["source"] == "changing/4.png"
    assert {row["source"] for row in found} >= {"changing/9.png"} and len(found) == 8
    other = ("--resize-mode", "stretch")
    assert similar(place, "photos/2.png", *kept, *other) == similar(place, "photos/2.png", *other) != found


@test
def damaged_index():
    """what is no index is left alone; a damaged one is refused or made anew, and never believed"""
    place = folder()
    pathlib.Path("notes.txt").write_text("to be kept")
    failure("similar", *OPTIONS, place, "photos/2.png", "--index", "notes.txt", says=["notes.txt", "no index"])
    assert pathlib.Path("notes.txt").read_text() == "to be kept"
    failure("similar", *OPTIONS, place, "photos/2.png", "--index", place, says=["photos", "a folder"])
    right = similar(place, "photos/2.png", "--index", "y.index")
    whole = pathlib.Path("y.index").read_bytes()
    for damaged in (whole[:-1], whole[:len(whole) // 2], whole[:40], whole + b"x", whole[:-9] + b"\xff" * 9):
        pathlib.Path("y.index").write_bytes(damaged)
        done = effnet("similar", *OPTIONS, "--json", place, "photos/2.png", "--index", "y.index", code=None)
        assert done.returncode in (0, 1) and done.err.count("\n") == done.returncode
        if done.returncode == 0:
            assert [json.loads(line) for line in done.out.splitlines()] == right
    failure("similar", *OPTIONS, place, "photos/2.png", "--index", "nowhere/z", says=["nowhere/z"])


@test
def unreadable():
    """a picture that cannot be read is named, the others are compared; without a query nothing is"""
    place = pathlib.Path("partly")
    shutil.copytree(folder(), place)
    (place / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    done = failure("similar", *OPTIONS, place, "photos/2.png", says=["broken.jpg"])
    assert len(done.out.splitlines()) == 9 and "broken" not in done.out
    assert failure("similar", *OPTIONS, place, "missing.png", says=["missing.png"]).out == ""
    pathlib.Path("empty").mkdir()
    failure("similar", *OPTIONS, "empty", "photos/2.png", says=["empty", "no picture"])


@test
def duplicates():
    """copies and pictures saved once more are found, each group once; others are not"""
    place = pathlib.Path("doubled")
    shutil.copytree(folder(), place)
    shutil.copy(place / "0.png", place / "deep/zero.png")
    Image.open(place / "5.png").save(place / "five.jpg", quality=90)
    done = effnet("similar", *OPTIONS, "--json", place, "--duplicates", code=None)
    if "does not train" in done.err:
        raise Skip("this build has no groups")
    groups = [json.loads(line) for line in done.out.splitlines()]
    names = [[(p["source"], p["same_bytes"]) for p in group["pictures"]] for group in groups]
    assert names == [[("doubled/0.png", True), ("doubled/deep/zero.png", True)],
                     [("doubled/5.png", False), ("doubled/five.jpg", False)]], names
    assert [group["group"] for group in groups] == [1, 2]
    listed, expected = cosines(place)
    pair = expected[listed.index("doubled/5.png"), listed.index("doubled/five.jpg")]
    assert 0.98 < pair < 0.99999 and abs(groups[1]["pictures"][0]["cosine"] - pair) < 1e-5
    assert len(similar(place, "--duplicates", "--threshold", (pair + 1) / 2)) == 1
    lines = effnet("similar", *OPTIONS, place, "-d").out.splitlines()
    assert len(lines) == 5 and lines[1].split() == ["1", "1.000", "bytes", "doubled/0.png"], lines


@test
def usage():
    """what goes together and what does not"""
    for arguments, says in (((), "0 names"), (("a",), "a folder and a picture"), (("a", "b", "--duplicates"), "2 names"),
                            (("a", "b", "-k", "0"), "-k 0"), (("a", "b", "--threshold", "1.5"), "--threshold 1.5")):
        failure("similar", *arguments, says=[says], code=2)


main()
