# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet train, from pictures that are drawn here: folders and lists, what is written, what is refused, and
that nothing is lost. numpy computes the head's answers once more."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import numpy as np
from PIL import Image, ImageDraw
from tool import EXE, MEDIA, MODEL, Skip, effnet, failure, main, test

SMALL = ("--model", MODEL, "--input-size", "64")
SHAPES = {"circle": "ellipse", "square": "rectangle"}


def draw(path, shape, seed):
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 90, (96, 128, 3), dtype=np.uint8))
    x, y = rng.integers(5, 50), rng.integers(5, 30)
    getattr(ImageDraw.Draw(image), shape)([x, y, x + 60, y + 60], fill=tuple(map(int, rng.integers(150, 255, 3))))
    image.save(path, quality=90)


def pictures(folder, n=8, **classes):
    """@folder with a folder for each class, of shapes; returns it."""
    folder = pathlib.Path(folder)
    for k, (name, shape) in enumerate((classes or SHAPES).items()):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            draw(folder / name / f"{chr(97 + i)}.jpg", shape, 1000 * k + i)
    return folder


def train(*arguments, code=0, **options):
    """The summary, as JSON."""
    done = effnet("train", *arguments, "--json", code=code, **options)
    return json.loads(done.out), done.err


def tensors(path):
    data = pathlib.Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    return {name: np.frombuffer(data[8 + length:][slice(*entry["data_offsets"])],
                                {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


def classify(*arguments, code=0):
    return [json.loads(line) for line in effnet("classify", "--json", *arguments, code=code).out.splitlines()]


@test
def whole():
    """two folders of pictures become a model folder that classify opens, and whose head is what numpy computes"""
    done, err = train(pictures("a"), "--output", "gate", *SMALL)
    assert err == "" and done["classes"] == {"circle": 8, "square": 8} and done["unreadable"] == 0, (done, err)
    assert done["validated_by"] == "cross-validation" and done["validated"] == 16
    assert 0 <= done["accuracy_low"] <= done["accuracy"] <= done["accuracy_high"] <= 1
    assert {"config.json", "model.safetensors", "report.html", "report.json"} <= set(os.listdir("gate"))
    card = json.loads(pathlib.Path("gate/config.json").read_text())
    assert card["label_names"] == ["circle", "square"] and card["num_classes"] == 2
    assert card["pretrained_cfg"]["input_size"] == [3, 64, 64] and card["effnet"]["provenance"]["seed"] == 0
    assert card["effnet"]["provenance"]["backbone_sha256"] == hashlib.sha256(
        (MODEL / "model.safetensors").read_bytes()).hexdigest()
    head, old = tensors("gate/model.safetensors"), tensors(MODEL / "model.safetensors")
    assert (head["conv_stem.weight"] == old["_conv_stem.weight"]).all() and head["conv_head.weight"].dtype == "<f2"
    files = sorted(pathlib.Path("a").rglob("*.jpg"))
    effnet("embed", *files, "--model", MODEL, "--input-size", "64", "--precision", "fp32", "--output", "f.npy")
    logits = np.load("f.npy") @ head["classifier.weight"].T.astype(float) + head["classifier.bias"]
    scores = np.exp(logits / card["effnet"]["temperature"])
    scores /= scores.sum(1, keepdims=True)
    right = 0
    for path, line, expected in zip(files, classify("--model", "gate", "--precision", "fp32", *files), scores):
        for entry in line["top"]:
            assert abs(entry["score"] - expected[entry["id"]]) < 1e-4, (path, line, expected)
        right += line["top"][0]["label"] == path.parent.name
    assert right >= 12, right
    text = effnet("train", "a", "--output", "gate", *SMALL).out
    assert "circle 8, square 8" in text and "effnet classify --model gate a/circle/a.jpg" in text, text


@test
def head_alone():
    """a head alone is small, answers as the whole does, and says what it misses"""
    train(pictures("a2"), "--output", "whole", *SMALL)
    train("a2", "--output", "alone", "--head-only", *SMALL)
    assert sum(f.stat().st_size for f in pathlib.Path("alone").iterdir() if "report" not in f.name) < 100_000
    one, other = (classify("--model", name, "a2")[0]["top"] for name in ("whole", "alone"))
    assert one == other
    shutil.copytree(MODEL, "small")
    train("a2", "--output", "lone", "--head-only", "--model", "small", "--input-size", "64")
    shutil.rmtree("small")
    failure("classify", "--model", "lone", "a2", says=["lone", "backbone small", "EFFNET_MODEL_PATH"])


@test
def tuned():
    """--tune writes the backbone it trained, the same for any number of threads, or keeps what nothing beat"""
    pictures("t", 12)
    runs = [train("t", "--output", name, "--tune", "last-block", "--epochs", "3", "--augment", "1", "--threads", n,
                  *SMALL)[0] for name, n in (("once", "1"), ("again", "3"))]
    done = runs[0]["tune"]
    assert done == {**runs[1]["tune"], "seconds": done["seconds"]}, runs
    assert runs[0]["validated_by"] == "held-out" and runs[0]["accuracy"] == done["accuracy_after"], runs[0]
    assert done["depth"] == "last-block" and 1 <= done["epochs"] <= 3 and done["parameters"] > 900_000
    assert done["is_better"] == (done["best_epoch"] > 0) and done["accuracy_after"] >= done["accuracy_before"]
    one, other, old = (tensors(f"{name}/model.safetensors") for name in ("once", "again", MODEL))
    assert all((one[name] == other[name]).all() for name in one) and one.keys() == other.keys()
    assert (one["conv_stem.weight"] == old["_conv_stem.weight"]).all()
    assert (one["blocks.5.3.conv_pw.weight"] == old["_blocks.14._expand_conv.weight"]).all()
    assert (one["blocks.6.0.bn3.running_var"] == old["_blocks.15._bn2.running_var"]).all()
    for name, before in (("blocks.6.0.conv_dw.weight", "_blocks.15._depthwise_conv.weight"),
                         ("conv_head.weight", "_conv_head.weight"), ("bn2.bias", "_bn1.bias")):
        assert (one[name] == old[before]).all() != done["is_better"], name
    assert len(classify("--model", "once", "t")) == 24
    text = effnet("train", "t", "--output", "all", "--tune", "all", "--epochs", "1", *SMALL).out
    assert "tuned" in text and "for tuning" in text, text


@test
def not_tuned():
    """--tune needs pictures to hold out, and a backbone to write"""
    pictures("scant", 1)
    err = effnet("train", "scant", "--output", "x", "--tune", "all", *SMALL, code=1).err
    assert all(word in err for word in ("--tune", "held out", "--validate")), err
    failure("train", "scant", "--output", "x", "--tune", "most", says=["--tune most", "last-block", "all"], code=2)
    failure("train", "scant", "--output", "x", "--tune", "all", "--head-only", says=["--tune", "--head-only"], code=2)
    failure("train", "scant", "--output", "x", "--tune", "all", "--epochs", "-1", says=["--epochs -1"], code=2)
    assert not os.path.exists("x")


@test
def same_for_a_seed():
    """the same bytes for any number of threads; altered copies from the seed alone"""
    pictures("s", 5)
    for name, *more in (["one", "--threads", "1"], ["three", "--threads", "3"], ["seeded", "--seed", "5"]):
        done, _ = train("s", "--output", name, "--augment", "2", *SMALL, *more)
        assert done["pictures"] == 10 and done["validated"] == 10
        report = json.loads(pathlib.Path(name, "report.json").read_text())
        training = report["training"]
        assert training["rows"] == 30 and training["calibrated_by"] == 10 == report["cross_validated"]["pictures"]
        assert abs(training["ece_after"] - done["ece_after"]) < 1e-4 and training["ece_before"] == done["ece_before"]
    read = lambda name, file: pathlib.Path(name, file).read_bytes()  # noqa: E731
    for file in ("model.safetensors", "config.json"):
        assert read("one", file) == read("three", file), file
    assert read("one", "model.safetensors") != read("seeded", "model.safetensors")


@test
def held_out():
    """a share held out, train/ and val/, and other pictures to validate with"""
    done, _ = train(pictures("h", 10), "--output", "h1", "--validate", "0.3", *SMALL)
    assert done["validated_by"] == "held-out" and done["pictures"] + done["validated"] == 20
    assert 4 <= done["validated"] <= 8, done
    pictures("split/train"), pictures("split/val", 3)
    done, _ = train("split", "--output", "h2", *SMALL)
    assert done["pictures"] == 16 and done["validated"] == 6 and done["classes"] == {"circle": 8, "square": 8}
    done, _ = train("h", "--output", "h3", "--validate", "split/val", *SMALL)
    assert done["pictures"] == 20 and done["validated"] == 6
    pictures("few", 1)
    done, err = train("few", "--output", "h4", "--validate", "0.2", *SMALL)
    assert done["validated_by"] == "nothing" and "not known" in err and not os.path.exists("h4/report.html"), err
    failure("train", "h", "--output", "h5", "--validate", pictures("odd", 2, tri="ellipse"), *SMALL,
            says=["tri", "not among those trained"])


@test
def lists():
    """CSV: with a heading or not, quoted, with semicolons, relative, classes in any language"""
    pictures("list/p")
    rows = [(f"p/{name}/{chr(97 + i)}.jpg", "Größe, 門" if name == "circle" else name)
            for name in SHAPES for i in range(8)]
    forms = {"plain.csv": "".join(f'{f},"{c}"\n' for f, c in rows),
             "head.csv": "\ufefffilename;label\r\n" + "".join(f'"{f}";"{c}"\r\n' for f, c in rows),
             "mac.csv": "image_path,label\r" + "".join(f'{f},"{c}"\r' for f, c in rows),
             "tabs.csv": "\n" + "".join(f"{f}\t{c}\n" for f, c in rows),
             "windows.csv": "".join(f.replace("/", "\\") + f',"{c}"\r\n' for f, c in rows)}
    digests = set()
    for name, text in forms.items():
        pathlib.Path("list", name).write_text(text, newline="")
        done, err = train(f"list/{name}", "--output", "listed", *SMALL)
        assert done["classes"] == {"Größe, 門": 8, "square": 8} and err == "", (name, done, err)
        digests.add(hashlib.sha256(pathlib.Path("listed/model.safetensors").read_bytes()).hexdigest())
    assert len(digests) == 1
    for file, _ in rows:  # beside a file that is called as a class
        shutil.copy(pathlib.Path("list", file), file.replace("/", "-"))
    pathlib.Path("square").write_text("")
    pathlib.Path("flat.csv").write_text("".join(f.replace("/", "-") + f',"{c}"\n' for f, c in rows))
    done, err = train("flat.csv", "--output", "flat", *SMALL)
    assert done["classes"] == {"Größe, 門": 8, "square": 8} and err == "", (done, err)
    assert classify("--model", "listed", "list/p/circle/a.jpg")[0]["top"][0]["label"] in ("Größe, 門", "square")


@test
def bad_lists():
    """what is wrong in a CSV has its line"""
    pictures("bl", 2)
    for text, says in (("bl/circle/a.jpg,x\nbl/square/a.jpg\n", [":2:", "no class"]),
                       ("bl/circle/a.jpg,x\n,y\n", [":2:", "no file"]),
                       ("bl/circle/a.jpg,x\n\"bl/a,y\n", [":2:", "quote"]),
                       ("bl/circle/a.jpg,x,y\n", [":1:", "--multi-label"]),
                       ("bl/circle/a.jpg,a/b\n", [":1:", "slash"]),
                       ("bl/circle/a.jpg,x\nbl/circle/b.jpg,\x01\n", [":2:", "control"]),
                       ("", ["lists no picture"]), ("file,class\n", ["lists no picture"])):
        pathlib.Path("bad.csv").write_text(text)
        failure("train", "bad.csv", "--output", "no", says=["bad.csv", *says])
    pathlib.Path("bad.csv").write_bytes(b"a.jpg,x\nb.jpg,\xff\n")
    failure("train", "bad.csv", "--output", "no", says=["bad.csv:2:", "UTF-8"])
    pathlib.Path("bad.csv").write_bytes("bl/circle/a.jpg,x\n".encode("utf-16"))
    failure("train", "bad.csv", "--output", "no", says=["UTF-16", "iconv"])
    pathlib.Path("bad.csv").write_text("x,bl/circle/a.jpg\n")
    failure("train", "bad.csv", "--output", "no", says=["bad.csv:1:", "FILE,CLASS in this order"])
    for path in "bl/circle/a.jpg", MEDIA / "pan.webm":
        failure("train", path, "--output", "no", says=[path, "no text", "folder"])
    failure("train", "nowhere", "--output", "no", says=["nowhere"])
    assert not os.path.exists("no")


@test
def several_labels():
    """several classes a picture, from a list and from folders; and one logit"""
    pictures("m", 6)
    rows = [f"m/circle/{c}.jpg,round|big" for c in "abcdef"] + [f"m/square/{c}.jpg,big" for c in "abc"]
    rows += [f"m/square/{c}.jpg," for c in "def"]
    pathlib.Path("m.csv").write_text("\n".join(rows))
    done, _ = train("m.csv", "--output", "ml", "--multi-label", *SMALL)
    assert done["classes"] == {"big": 9, "round": 6} and done["pictures"] == 12
    card = json.loads(pathlib.Path("ml/config.json").read_text())
    assert card["effnet"]["activation"] == "sigmoid" and set(card["effnet"]["thresholds"]) == {"big", "round"}
    pictures("mf", 6)
    (pathlib.Path("mf/square") / "z.jpg").write_bytes(pathlib.Path("mf/circle/a.jpg").read_bytes())
    done, _ = train("mf", "--output", "mf-out", "--multi-label", *SMALL)
    assert done["classes"] == {"circle": 7, "square": 8}, done  # both files of the picture have both
    for positive in "square", "circle":
        done, _ = train(pictures("o" + positive), "--output", "one", "--one-logit", "--positive", positive, *SMALL)
        card = json.loads(pathlib.Path("one/config.json").read_text())
        assert card["label_names"] == [positive] and card["num_classes"] == 1
        assert list(done["classes"].values()) == [8, 8]
        lines = classify("--model", "one", "o" + positive)
        yes = [l["top"][0]["score"] > 0.5 for l in lines]
        right = sum(y == (f"/{positive}/" in l["source"]) for y, l in zip(yes, lines))
        assert right >= 12, right


@test
def refused():
    """too little to learn from is one sentence, and nothing is written"""
    pictures("only", 3, circle="ellipse")
    failure("train", "only", "--output", "no", *SMALL, says=["one class", "circle"])
    pictures("empty", 2)
    os.mkdir("empty/none")
    failure("train", "empty", "--output", "no", says=["empty/none", "no picture"])
    os.mkdir("nothing")
    failure("train", "nothing", "--output", "no", says=["nothing", "no folders"])
    pictures("twice", 2)
    shutil.copytree("twice/circle", "twice/again")
    done = effnet("train", "twice", "--output", "no", *SMALL, code=1)
    assert "every picture of the class" in done.err and "same picture in two classes" in done.err, done.err
    pictures("ctl", 1)
    os.rename("ctl/circle", "ctl/a\tb")
    failure("train", "ctl", "--output", "no", says=["control character", "a\\u0009b"])
    for word in (["--validate", "1.5"], ["--augment", "-1"], ["--l2", "-1"], ["--positive", "x"],
                 ["--one-logit", "--multi-label"], ["x"]):
        failure("train", "only", "--output", "no", *word, code=2)
    failure("train", "only", code=2, says=["--output"])
    assert not [f for f in os.listdir() if f.startswith("no")  and f != "nothing"]


@test
def mistakes():
    """what can be trained but looks like a mistake is told, and pictures are never moved away"""
    shutil.copytree(pictures("alike", 3) / "circle", "alike/Square ")
    shutil.rmtree("alike/circle")
    err = train("alike", "--output", "x1", *SMALL)[1]
    assert "'Square ' and 'square' are two classes" in err, err
    pictures("again", 6), pictures("extra", 3)
    shutil.copy("again/circle/a.jpg", "extra/circle/z.jpg")
    err = train("again", "--output", "x2", "--validate", "extra", *SMALL)[1]
    assert "7 of the pictures to validate with are trained on" in err and "extra/circle/a.jpg" in err, err
    err = train("again", "--output", "x3", "--unknown", "extra/circle", *SMALL)[1]
    assert "4 pictures of --unknown are trained on" in err, err
    before = sorted(str(p) for p in pathlib.Path("again").rglob("*"))
    for place in "again", ".", "again/../again/circle/..":
        failure("train", "again", "--output", place, "--force", *SMALL, says=["has the pictures again in it", "-model"])
    failure("train", "again", "--output", "extra", "--validate", "extra", "--force", *SMALL, says=["the pictures extra"])
    assert sorted(str(p) for p in pathlib.Path("again").rglob("*")) == before
    train("again", "--output", "again/model", *SMALL)  # in a folder of its own it is no class of the next run
    assert list(train("again", "--output", "again/model", *SMALL)[0]["classes"]) == ["circle", "square"]


@test
def forbidden():
    """a folder that may not be read is named, whole or within a class"""
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        raise Skip("root may read all")
    pictures("shut"), pictures("inner")
    shutil.move("inner/circle", "circle")
    (pathlib.Path("inner") / "circle").mkdir()
    shutil.move("circle", "inner/circle/deep")
    pictures("more", 4)
    shutil.copytree("more/circle", "inner/circle/open")
    for folder in "shut/circle", "inner/circle/deep":
        os.chmod(folder, 0)
    os.chmod(".", 0o777)
    user = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for name, says in (("shut", "shut/circle"), ("inner", "inner/circle/deep")):
        done = subprocess.run([*user, EXE, "train", name, "--output", f"{name}-out", *map(str, SMALL)], capture_output=True,
                              text=True)
        assert done.returncode == 1 and f"{says}: " in done.stderr and "Permission denied" in done.stderr, (name, done)
        assert os.path.exists(f"{name}-out") == (name == "inner"), done
    for folder in "shut/circle", "inner/circle/deep":
        os.chmod(folder, 0o755)


@test
def unreadable():
    """pictures that cannot be read are counted and named; none that can be is an error"""
    folder = pictures("broken")
    (folder / "circle/bad.jpg").write_bytes(b"\xff\xd8\xff no more")
    (folder / "square/bad.png").write_bytes(b"")
    done, err = train(folder, "--output", "b", *SMALL, code=1)
    assert done["unreadable"] == 2 and done["pictures"] == 16, done
    assert "circle/bad.jpg: " in err and "square/bad.png: " in err and err.count("not used") == 2, err
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"no picture")
    done = effnet("train", folder, "--output", "b2", code=1)
    assert "none of the 18 pictures could be read" in done.err and not os.path.exists("b2"), done.err


@test
def places():
    """a folder of somebody else's is not replaced, one of ours is; --force keeps the old one beside"""
    pictures("pl", 3)
    os.mkdir("mine")
    pathlib.Path("mine/letter").write_text("keep")
    failure("train", "pl", "--output", "mine", *SMALL, says=["mine", "did not make", "--force"])
    effnet("train", "pl", "--output", "mine", "--force", *SMALL)
    assert pathlib.Path("mine.old-1/letter").read_text() == "keep" and os.path.exists("mine/config.json")
    pathlib.Path("mine/letter").write_text("keep")
    done = effnet("train", "pl", "--output", "mine", *SMALL)
    assert "mine.old-2" in done.err and pathlib.Path("mine.old-2/letter").read_text() == "keep"
    effnet("train", "pl", "--output", "mine", *SMALL)
    assert not os.path.exists("mine.old-3")
    failure("train", "pl", "--output", "mine/config.json", *SMALL, says=["is a file"])
    failure("train", "pl", "--output", "not/there", *SMALL, says=["not/there"])
    os.rename("mine", "pl/made")  # a model folder among the class folders is no class
    done, _ = train("pl", "--output", "again", *SMALL)
    assert list(done["classes"]) == ["circle", "square"]


@test
def full_disk():
    """a disk that is full at the end leaves the old folder, and nothing of the new one"""
    import resource
    train(pictures("d", 3), "--output", "disk", *SMALL)
    before = pathlib.Path("disk/model.safetensors").read_bytes()
    done = subprocess.run([EXE, "train", "d", "--output", "disk", "--seed", "1", *map(str, SMALL)], capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    err = done.stderr.decode()
    assert done.returncode == 1 and "could not be written" in err and err.count("\n") == 1, (done.returncode, err)
    assert pathlib.Path("disk/model.safetensors").read_bytes() == before
    assert [f for f in os.listdir() if f.startswith("disk")] == ["disk"]


@test
def interrupted():
    """a signal leaves nothing, and what was computed is in the cache for the next run"""
    pictures("i", 4)
    for i in range(100):
        shutil.copy("i/circle/a.jpg", f"i/circle/x{i}.jpg")
        with open(f"i/circle/x{i}.jpg", "ab") as file:
            file.write(str(i).encode())
    process = subprocess.Popen([EXE, "train", "i", "--output", "int", "--cache", "kept", "--model", str(MODEL)],
                               stderr=subprocess.PIPE)
    for _ in range(1000):
        time.sleep(0.02)
        found = list(pathlib.Path("kept").glob("*")) if os.path.isdir("kept") else []
        if found and found[0].stat().st_size > 20_000:
            break
    process.send_signal(signal.SIGINT)
    err = process.communicate()[1].decode()
    assert process.returncode == 128 + signal.SIGINT and "the cache has the features so far" in err, err
    assert not [f for f in os.listdir() if f.startswith("int")]
    with open(found[0], "r+b") as file:  # cut in a record, and one damaged
        file.seek(100)
        file.write(b"damage")
        file.truncate(found[0].stat().st_size - 100)
    done, _ = train("i", "--output", "int", "--cache", "kept", "--model", MODEL)
    assert 1 <= done["from_cache"] < 108 and done["pictures"] == 108, done
    again, _ = train("i", "--output", "int2", "--cache", "kept", "--model", MODEL)
    assert again["from_cache"] == 108, again
    fresh, _ = train("i", "--output", "int3", "--model", MODEL)
    assert fresh["from_cache"] == 0
    assert len({pathlib.Path(n, "model.safetensors").read_bytes() for n in ("int", "int2", "int3")}) == 1


@test
def clips_and_frames():
    """frames of a clip and pictures numbered as such stay together"""
    pictures("c", 4)
    shutil.copy(MEDIA / "pan.webm", "c/circle/pan.webm")
    done, err = train("c", "--output", "clip", "--every", "20", *SMALL)
    assert 5 < done["classes"]["circle"] <= 54, done
    report = json.loads(pathlib.Path("clip/report.json").read_text())
    assert "pan.webm" in json.dumps(report) or report, report
    pictures("f", 9)
    for folder in pathlib.Path("f").iterdir():
        for i, path in enumerate(sorted(folder.iterdir())):
            path.rename(folder / f"take{i // 3}_{i:04}.jpg")
    done, err = train("f", "--output", "frames", *SMALL)
    assert done["duplicates"] == 12 and err == "", (done, err)  # three clips of three frames in each
    for folder in pathlib.Path("f").iterdir():
        for i, path in enumerate(sorted(folder.iterdir())):
            path.rename(folder / f"frame_{i:04}.jpg")
    done, err = train("f", "--output", "frames", *SMALL)
    assert "may flatter" in err and done["validated_by"] == "cross-validation", err


@test
def near_copies():
    """a photograph, what was cut or saved again, and its mirror image stand together; other photographs do not"""
    photos = pathlib.Path(os.environ.get("EFFNET_TEST_DATA", "nowhere"), "photos")
    if not photos.is_dir():
        raise Skip(f"no photographs in {photos}")
    for label, names in (("bird", "n0153*.JPEG"), ("bird", "n0158*.JPEG"), ("bird", "n0160*.JPEG"), ("bird", "n0179*.JPEG"),
                         ("dog", "n0208*.JPEG"), ("dog", "n0209*.JPEG")):
        os.makedirs(f"near/{label}", exist_ok=True)
        for path in sorted(photos.glob(names))[:3]:
            image = Image.open(path).convert("RGB")
            w, h = image.size
            image.save(f"near/{label}/{path.stem}.jpg")
            image.crop((w // 20, h // 20, w - w // 20, h - h // 20)).save(f"near/{label}/{path.stem}-cut.jpg", quality=60)
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(f"near/{label}/mirror-{path.stem}.jpg")
    done, err = train("near", "--output", "near-out", "--model", MODEL)
    n = done["pictures"]
    assert n >= 24 and done["duplicates"] == n * 2 // 3 and err == "", (done, err)


@test
def unknown():
    """pictures of none of the classes are told from them"""
    pictures("u"), pictures("other", 6, line="line")
    done, _ = train("u", "--output", "unk", "--unknown", "other", *SMALL)
    assert os.path.exists("unk/unknown.safetensors") and 0 <= done["unknown_flagged"] <= 1, done
    card = json.loads(pathlib.Path("unk/config.json").read_text())
    threshold = card["effnet"]["unknown"]["threshold"]  # a float32, printed with different numbers of digits
    assert np.float32(threshold) == np.float32(done["unknown_threshold"]), (threshold, done)
    failure("train", "u", "--output", "unk2", "--unknown", "nowhere", says=["nowhere"])
    lines = classify("--model", "unk", "u", "other", MEDIA / "coffee.jpg")
    for line in lines:
        assert line["unknown"] == (line["distance"] > done["unknown_threshold"]), line
        thresholds = card["effnet"]["thresholds"]
        assert all(t["recognised"] == (t["score"] >= thresholds[t["label"]] - 1e-7) for t in line["top"]), line
    assert lines[-1]["unknown"] and sum(line["unknown"] for line in lines[:16]) <= 3, lines
    text = effnet("classify", "--model", "unk", MEDIA / "coffee.jpg").out
    assert "unknown (nearest: " in text, text


main()
