# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet classify: what it prints, what it survives, how it counts."""
import json
import os
import pathlib
import pty
import shutil
import struct
import subprocess

import numpy as np
from tool import EXE, MEDIA, MODEL, effnet, failure, main, test

os.environ["GST_PLUGIN_PATH"] = str(pathlib.Path(os.environ["EFFNET_BUILD_ROOT"]) / "gst-plugin")


def lines(*arguments, code=0):
    return [json.loads(line) for line in effnet("classify", "--json", *arguments, code=code).out.splitlines()]


@test
def labels():
    """the cat is a cat and the coffee an espresso"""
    cat, coffee = lines(MEDIA / "cat.jpg", MEDIA / "coffee.jpg")
    assert cat["top"][0]["label"] in ("tabby", "tiger cat", "Egyptian cat"), cat
    assert coffee["top"][0]["label"] == "espresso" and coffee["top"][0]["score"] > 0.8, coffee


@test
def json_members():
    """a JSON line has exactly the documented members"""
    (one,) = lines("--top-k", "3", MEDIA / "cat.jpg")
    assert list(one) == ["source", "frame", "pts_ns", "model", "top"], list(one)
    assert one["source"] == str(MEDIA / "cat.jpg") and one["frame"] == 0 and one["pts_ns"] is None
    assert "lite0" in one["model"] and len(one["top"]) == 3
    assert [list(t) for t in one["top"]] == [["id", "label", "score"]] * 3
    scores = [t["score"] for t in one["top"]]
    assert scores == sorted(scores, reverse=True) and 0 < sum(scores) <= 1.0001


@test
def slight_damage():
    """a JPEG with a little damage at its end is classified, and its line says how much is in doubt"""
    from PIL import Image
    Image.open(MEDIA / "cat.jpg").save("whole.jpg", quality=95)
    pathlib.Path("slight.jpg").write_bytes(pathlib.Path("whole.jpg").read_bytes()[:-20])
    whole, slight = lines("--resize-mode", "stretch", "whole.jpg", "slight.jpg")
    assert "damage" not in whole and 0 < slight["damage"] <= 0.1, slight


@test
def agrees_with_run():
    """scores are the softmax of what preprocess and run give"""
    (one,) = lines("--precision", "fp32", "--model", MODEL, MEDIA / "cat.jpg")
    effnet("preprocess", MEDIA / "cat.jpg", "--model", MODEL, "--output", "x.npy")
    effnet("run", "--model", MODEL, "--input", "x.npy", "--output", "y.npy")
    y = np.load("y.npy")[0].astype(float)
    p = np.exp(y - y.max())
    p /= p.sum()
    for entry in one["top"]:
        assert abs(p[entry["id"]] - entry["score"]) < 1e-5, entry
    assert [e["id"] for e in one["top"]] == list(np.argsort(-p, kind="stable")[:5])


@test
def every():
    """a clip gives every Nth frame, with times"""
    full = lines(MEDIA / "pan.webm", "--top-k", "1")
    assert [f["frame"] for f in full] == list(range(80))
    assert full[0]["pts_ns"] == 0 and abs(full[79]["pts_ns"] - 79e9 / 15) < 2e6, full[79]["pts_ns"]
    third = lines(MEDIA / "pan.webm", "--every", "30", "--top-k", "1")
    assert [f["frame"] for f in third] == [0, 30, 60]
    assert third[1] == full[30]


@test
def clip_with_sound():
    """of an MP4 clip with H.264 and AAC the pictures are classified and the sound is left alone"""
    subprocess.run(["gst-launch-1.0", "-q", "filesrc", f"location={MEDIA / 'pan.webm'}", "!", "matroskademux", "!",
                    "vp8dec", "!", "videoconvert", "!", "x264enc", "speed-preset=ultrafast", "!", "h264parse", "!",
                    "mp4mux", "name=mux", "!", "filesink", "location=sound.mp4",
                    "audiotestsrc", "num-buffers=100", "!", "avenc_aac", "!", "aacparse", "!", "mux."],
                   check=True, capture_output=True, timeout=120)
    pictures = lines("sound.mp4", "--every", "40", "--top-k", "1")
    assert [f["frame"] for f in pictures] == [0, 40], pictures


@test
def folders():
    """a folder is searched to its depth in order of names; other files in it are left alone"""
    os.makedirs("tree/b/c")
    shutil.copy(MEDIA / "cat.jpg", "tree/z.JPG")
    shutil.copy(MEDIA / "coffee.jpg", "tree/b/c/a.jpeg")
    shutil.copy(MEDIA / "coffee.jpg", "tree/.hidden.jpg")
    pathlib.Path("tree/notes.txt").write_text("no picture")
    os.symlink("..", "tree/b/loop")
    assert [line["source"] for line in lines("tree")] == ["tree/b/c/a.jpeg", "tree/z.JPG"]
    os.makedirs("bare")
    failure("classify", "bare", says=["bare", "no picture or clip"])


@test
def names():
    """odd names are read as they are: spaces, percent signs, umlauts, a leading dash after --"""
    for name in ("a b.png", "50%41.png", "grün.png", "-k.png", "a:b.png", "x#y?z.png"):
        from PIL import Image
        Image.open(MEDIA / "coffee.jpg").save(name)
        (one,) = lines("--", name)
        assert one["source"] == name and one["top"][0]["label"] == "espresso", one


@test
def uris():
    """a URI goes to GStreamer as it is"""
    (one,) = lines((MEDIA / "coffee.jpg").as_uri())
    assert one["top"][0]["label"] == "espresso"
    failure("classify", "nosuch://thing", says=["nosuch://thing"])


@test
def some_fail():
    """failed inputs are one line each and exit 1; the others are done"""
    pathlib.Path("empty.jpg").write_bytes(b"")
    pathlib.Path("text.jpg").write_text("text")
    pathlib.Path("cut.jpg").write_bytes((MEDIA / "cat.jpg").read_bytes()[:300])
    done = effnet("classify", "--json", "none.jpg", "empty.jpg", MEDIA / "cat.jpg", "text.jpg", "cut.jpg",
                  MEDIA / "coffee.jpg", code=1)
    assert len(done.out.splitlines()) == 2, done.out
    bad = done.err.splitlines()
    assert len(bad) == 4, done.err
    for name, line in zip(("none.jpg", "empty.jpg", "text.jpg", "cut.jpg"), bad):
        assert line.startswith(f"effnet: {name}: "), line


@test
def cut_clip():
    """of a clip cut in the middle the frames before the cut are given"""
    data = (MEDIA / "pan.webm").read_bytes()
    pathlib.Path("cut.webm").write_bytes(data[:len(data) // 2])
    done = subprocess.run([EXE, "classify", "--json", "--top-k", "1", "cut.webm"], capture_output=True,
                          timeout=120, check=False)
    assert done.returncode in (0, 1) and len(done.stdout.splitlines()) > 10, done


@test
def sound_only():
    """a file with sound and no picture is refused, not waited for"""
    import wave
    with wave.open("tone.wav", "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(8000)
        f.writeframes(bytes(16000))
    failure("classify", "tone.wav", says=["tone.wav"])


@test
def label_file():
    """--labels replaces the card's names; a file of the wrong length is refused"""
    pathlib.Path("names.txt").write_text("".join(f"name {i}\n" for i in range(1000)))
    (one,) = lines("--labels", "names.txt", MEDIA / "coffee.jpg")
    assert one["top"][0]["label"] == f"name {one['top'][0]['id']}" == "name 967"
    pathlib.Path("few.txt").write_text("a\nb\n")
    failure("classify", "--labels", "few.txt", MEDIA / "cat.jpg", says=["few.txt", "2", "1000"])
    failure("classify", "--labels", "none.txt", MEDIA / "cat.jpg", says=["none.txt"])
    os.mkdir("broken")
    os.symlink(MODEL / "model.safetensors", "broken/x.safetensors")
    card = json.loads((MODEL / "config.json").read_text())
    for name, text in (("x.json", json.dumps({**card, "label_names": {"0": 1}})), ("config.json", "{")):
        pathlib.Path("broken", name).write_text(text)  # of the names a label file is enough, the other card is not x's
        failure("classify", "--model", "broken/x.safetensors", MEDIA / "cat.jpg", says=["label_names", "label file"])
        assert lines("--model", "broken/x.safetensors", "--labels", "names.txt", MEDIA / "coffee.jpg")[0]["top"] == one["top"]
    watched = effnet("watch", "--json", "filesrc", f"location={MEDIA / 'coffee.jpg'}", "!", "jpegparse", "!", "effnetclassify",
                     "model-file=broken/x.safetensors", "labels-file=names.txt", "!", "fakesink")
    assert json.loads(watched.out)["top"][0] == one["top"][0]


@test
def models():
    """a model that is not there is one line that says where it was looked for"""
    failure("classify", "--model", "nowhere", MEDIA / "cat.jpg", says=["nowhere"])
    done = failure("classify", "--variant", "b1", MEDIA / "cat.jpg", says=["b1", "effnet fetch b1"])
    assert "effnet/models" in done.err, done.err


@test
def table():
    """the table has a head once and a row a class"""
    text = effnet("classify", MEDIA / "cat.jpg", MEDIA / "coffee.jpg", "--top-k", "2").out.splitlines()
    assert len(text) == 5 and text[0].split() == ["SOURCE", "FRAME", "TIME", "SCORE", "LABEL"], text
    assert text[3].startswith("coffee.jpg") and text[3].endswith("espresso"), text


@test
def rotated_clip():
    """a clip whose tags say it lies on its side is set upright"""
    subprocess.run("gst-launch-1.0 -q videotestsrc num-buffers=3 pattern=smpte ! "
                   "video/x-raw,width=320,height=240,framerate=5/1 ! jpegenc quality=98 ! "
                   "qtmux ! filesink location=plain.mov".split(), check=True)
    data = bytearray(pathlib.Path("plain.mov").read_bytes())
    at = data.index(b"tkhd") + 44  # the track's matrix: a b u c d v x y w
    data[at:at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    pathlib.Path("turned.mov").write_bytes(data)
    effnet("preprocess", "plain.mov", "--output", "a.npy", "--resize-mode", "stretch")
    effnet("preprocess", "turned.mov", "--output", "b.npy", "--resize-mode", "stretch")
    a, b = np.load("a.npy")[0], np.load("b.npy")[0]
    assert np.abs(a - b).mean() > 0.2, "it lies as it was"
    assert np.abs(np.rot90(a, -1) - b).mean() < 0.05, np.abs(np.rot90(a, -1) - b).mean()


@test
def progress():
    """a bar appears on a terminal's stderr when the work lasts, and never in a file"""
    inputs = [str(MEDIA / "pan.webm")] * 12
    main_fd, terminal = pty.openpty()
    done = subprocess.Popen([EXE, "classify", "--json", *inputs], stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    seen = b""
    while True:
        try:
            data = os.read(main_fd, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    assert done.wait() == 0
    assert b"%" in seen and seen.endswith(b"\x1b[K"), seen[-80:]
    assert effnet("classify", MEDIA / "pan.webm").err == ""


@test
def threads_and_synthetic():
    """--threads does not change a result; a synthetic model classifies"""
    one, two = (lines("--threads", n, MEDIA / "cat.jpg") for n in (1, 2))
    assert one == two
    (made,) = lines("--variant", "b0", "--synthetic", "3", MEDIA / "cat.jpg")
    assert made["model"] and made["top"][0]["label"].startswith("class ")


@test
def csv_lines():
    """--csv is what --json says, for a spreadsheet; -k 0 asks for nothing"""
    import csv
    import io
    import shutil
    shutil.copy(MEDIA / "cat.jpg", 'a,"b".jpg')
    rows = list(csv.DictReader(io.StringIO(effnet("classify", "--csv", "-k2", 'a,"b".jpg', MEDIA / "coffee.jpg").out)))
    lines = [json.loads(line) for line in
             effnet("classify", "--json", "-k2", 'a,"b".jpg', MEDIA / "coffee.jpg").out.splitlines()]
    expected = [(line["source"], str(line["frame"]), "", str(rank + 1), str(top["id"]), top["label"], top["score"])
                for line in lines for rank, top in enumerate(line["top"])]
    found = [(*list(row.values())[:6], float(row["score"])) for row in rows]
    assert found == expected, (found, expected)
    failure("classify", "-k", "0", MEDIA / "cat.jpg", code=2, says=["--top-k 0"])
    failure("classify", "--csv", "--json", MEDIA / "cat.jpg", code=2, says=["--csv", "--json"])


main()
