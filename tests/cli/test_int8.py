# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet convert --int8 and calibrate; int8 in the element beside int8 in the tool. What the files hold is read by
NumPy alone: digits times scales, and the biases that go with them."""
import json
import os
import pathlib
import resource
import shutil
import struct
import sys

import numpy as np

from tool import MEDIA, MODEL, effnet, failure, main, test

os.environ["GST_PLUGIN_PATH"] = str(pathlib.Path(os.environ["EFFNET_BUILD_ROOT"]) / "gst-plugin")
PICTURES = sorted(MEDIA.glob("*.jpg"))
PRECISIONS = ("fp32", "bf16", "int8")


def read(path):
    """{name: array as stored}, and the metadata."""
    data = pathlib.Path(path).read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    notes = header.pop("__metadata__", {})
    types = {"F16": "<f2", "F32": "<f4", "I8": "i1", "I64": "<i8"}
    return {name: np.frombuffer(data[8 + n + entry["data_offsets"][0]:8 + n + entry["data_offsets"][1]],
                                types[entry["dtype"]]).reshape(entry["shape"]) for name, entry in header.items()}, notes


def write(path, tensors, notes=None):
    types = {"<f2": "F16", "<f4": "F32", "|i1": "I8", "<i8": "I64"}
    header, data = {"__metadata__": notes} if notes else {}, b""
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": types[array.dtype.str], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def logits(model, precision="fp32", more=()):
    if not pathlib.Path("x.npy").exists():
        np.save("x.npy", np.stack([input_of(picture) for picture in PICTURES]))
    effnet("run", "--model", model, "--precision", precision, "--input", "x.npy", "--output", "y.npy", *more)
    return np.load("y.npy")


def input_of(picture):
    effnet("preprocess", picture, "--output", "one.npy")
    return np.load("one.npy").reshape(224, 224, 3)


def has_bf16():
    return bool({"avx512bf16", "amx"} & set(json.loads(effnet("cpu", "--json").out)["features"]))


def info(model):
    return json.loads(effnet("info", "--json", model).out)["model"]


def folded(tensors):
    """The same network with batch norm folded into the weights, as an identity: gamma 1, mean 0, variance 1 - eps."""
    out = dict(tensors)
    for name in tensors:
        if not name.endswith(".running_var"):
            continue
        norm = name[:-len(".running_var")]
        conv = {"_bn0": "_conv_stem", "_bn1": "_conv_head"}.get(norm) or ".".join(
            [*norm.split(".")[:-1], {"_bn0": "_expand_conv", "_bn1": "_depthwise_conv", "_bn2": "_project_conv"}[norm.split(".")[-1]]])
        scale = tensors[norm + ".weight"] / np.sqrt(tensors[name].astype(np.float64) + 1e-3)
        out[conv + ".weight"] = (tensors[conv + ".weight"] * scale[:, None, None, None]).astype("<f4")
        out[norm + ".bias"] = (tensors[norm + ".bias"] - tensors[norm + ".running_mean"] * scale).astype("<f4")
        out[norm + ".weight"], out[norm + ".running_mean"] = np.ones_like(scale, "<f4"), np.zeros_like(scale, "<f4")
        out[name] = np.full_like(scale, 1 - 1e-3, "<f4")
    return out


@test
def stored():
    """a row's largest weight is 127 steps, and no weight is off by more than half a step; all else is as it was"""
    effnet("convert", "--int8", MODEL, "--output", "small")
    (old, _), (new, notes) = read(MODEL / "model.safetensors"), read("small/model.safetensors")
    assert os.path.getsize("small/model.safetensors") < 0.56 * os.path.getsize(MODEL / "model.safetensors")
    assert (pathlib.Path("small") / "config.json").read_bytes() == (MODEL / "config.json").read_bytes()
    digits = [name for name, array in new.items() if array.dtype == np.int8]
    assert len(digits) > 25 and sum(new[name].size for name in digits) > 4e6, len(digits)
    for name in digits:
        weight, scale = old[name].astype(np.float64), new[name + "_scale"].astype(np.float64)
        q, scale = new[name].reshape(len(scale), -1), scale[:, None]
        assert set(np.abs(q).max(1)) <= {0, 127}, name
        assert np.allclose(np.abs(weight.reshape(q.shape)).max(1), 127 * scale[:, 0], rtol=1e-6), name
        assert (np.abs(q * scale - weight.reshape(q.shape)) <= 0.5001 * scale).all(), name
    biases = [name for name in new if name in old and not np.array_equal(new[name], old[name]) and name not in digits]
    assert len(biases) == len(digits) and all(name.endswith(".bias") for name in biases), biases
    assert notes["effnet.stored"] == "int8" and notes["effnet.bias_correction"] == "batch-norm", notes
    assert notes["effnet.source_sha256"] == info(MODEL)["sha256"]
    assert info("small")["stored"] == "int8" and "stored" not in info(MODEL)


@test
def opened():
    """in fp32 the file is the network with those weights, in bf16 near it; int8 finds the digits it makes itself"""
    effnet("convert", "--int8", MODEL, "--output", "small")
    tensors, _ = read("small/model.safetensors")
    plain = {name: array for name, array in tensors.items() if not name.endswith("_scale")}
    for name, array in plain.items():
        if array.dtype == np.int8:
            scale = tensors[name + "_scale"].reshape(-1, *[1] * (array.ndim - 1))
            plain[name] = (array.astype("<f4") * scale).astype("<f4")
    os.mkdir("plain")
    write("plain/model.safetensors", plain)
    shutil.copy(MODEL / "config.json", "plain")
    assert np.array_equal(logits("small"), logits("plain"))
    exact = logits(MODEL)
    for precision in PRECISIONS if has_bf16() else ("fp32", "int8"):
        got, spread = logits("small", precision), exact.std()
        assert np.array_equal(got.argmax(1), exact.argmax(1)), precision
        assert 0 < np.abs(got - exact).mean() < 0.05 * spread, (precision, np.abs(got - exact).mean(), spread)
    near = np.abs(logits("small", "int8") - logits(MODEL, "int8")).mean()
    assert near < 0.6 * np.abs(logits(MODEL, "int8") - exact).mean(), near


@test
def without_card():
    """the tensors alone say which variant it is: scales are no tensors of a network"""
    effnet("convert", "--int8", MODEL, "--output", "small")
    os.mkdir("bare")
    shutil.copy("small/model.safetensors", "bare")
    assert info("bare")["variant"] == info(MODEL)["variant"]


@test
def trained_on():
    """what is made of an int8 model keeps its scales"""
    effnet("convert", "--int8", MODEL, "--output", "small")
    for name in ("cat", "coffee"):
        os.makedirs(f"photos/{name}")
        for i in range(4):
            shutil.copy(MEDIA / f"{name}.jpg", f"photos/{name}/{i}.jpg")
    effnet("train", "photos", "--model", "small", "--output", "mine")
    tensors, _ = read("mine/model.safetensors")
    scales = [name for name in tensors if name.endswith("_scale")]
    assert len(scales) > 25 and all(tensors[name[:-6]].dtype == np.int8 for name in scales), scales
    top = json.loads(effnet("classify", "--json", "--model", "mine", MEDIA / "cat.jpg").out)["top"][0]
    assert top["label"] == "cat", top


@test
def damaged_scales():
    """scales of another shape, or that are no numbers, are named"""
    effnet("convert", "--int8", MODEL, "--output", "small")
    tensors, notes = read("small/model.safetensors")
    name = "_fc.weight_scale"
    for bad, words in ((tensors[name][:-1], [name, "one for each row"]), (tensors[name] * np.float32("nan"), [name, "nan"]),
                       (-tensors[name], [name, "from 0 on"]), (None, ["_fc.weight", "I8 with its scales"])):
        changed = {key: value for key, value in ({**tensors, name: bad}).items() if value is not None}
        write("small/model.safetensors", changed, notes)
        failure("classify", "--model", "small", PICTURES[0], says=words)


@test
def refused():
    """what cannot be made int8 is said, and nothing is written"""
    effnet("convert", "--int8", MODEL, "--output", "small")
    failure("convert", "--int8", "small", "--output", "twice", says=["int8 already"])
    failure("convert", "--int8", MODEL, says=["--output"], code=2)
    failure("convert", "--int8", "nowhere.safetensors", "--output", "twice", says=["nowhere.safetensors"])
    assert not os.path.exists("twice")


@test
def full_disk():
    """a disk that is full leaves the folder that was there, or none"""
    def no_growth():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    effnet("convert", "--int8", MODEL, "--output", "kept")
    os.rename("kept/LICENSE", "kept/config.json")  # other files of those names
    before = {path.name: path.read_bytes() for path in pathlib.Path("kept").iterdir()}
    for limit in (0, 1 << 20, len(before["model.safetensors"])):
        for output in ("kept", "none"):
            done = effnet("convert", "--int8", MODEL, "--output", output, code=None, preexec_fn=no_growth)
            if limit < len(before["model.safetensors"]):
                assert done.returncode == 1 and done.err.count("\n") == 1, done.err
                assert {path.name: path.read_bytes() for path in pathlib.Path("kept").iterdir()} == before
                assert not os.path.exists("none") and not [n for n in os.listdir(".") if n.startswith(("kept.", "none."))], os.listdir(".")
    assert pathlib.Path("none/config.json").read_bytes() == pathlib.Path("kept/config.json").read_bytes()


@test
def calibrated():
    """means of frames take the place of statistics that were folded away, and go with the weights they were measured on"""
    os.mkdir("folded")
    tensors, _ = read(MODEL / "model.safetensors")
    write("folded/model.safetensors", folded({name: array.astype("<f4") for name, array in tensors.items()}))
    shutil.copy(MODEL / "config.json", "folded")
    exact, without = logits("folded"), logits("folded", "int8")
    assert np.abs(exact - logits(MODEL)).max() < 1e-3
    done = json.loads(effnet("calibrate", "--json", "folded", *PICTURES).out)
    assert done == {"means": "folded/model.means", "frames": len(PICTURES)}, done
    _, notes = read("folded/model.means")
    assert notes["effnet.weights_sha256"] == info("folded")["sha256"] and notes["effnet.frames"] == str(len(PICTURES))
    errors = [np.abs(got - exact).mean() for got in (logits("folded", "int8"), without, logits(MODEL, "int8"))]
    assert errors[0] < 0.8 * errors[1] and errors[0] < 1.3 * errors[2], errors
    means, _ = read("folded/model.means")
    features = "classifier.weight"
    np.save("x.npy", np.stack([input_of(picture) for picture in PICTURES]))
    measured = logits("folded", more=["--features"]).astype(np.float64).mean(0)
    assert np.abs(means[features] - measured).max() < 1e-5
    effnet("convert", "--int8", "folded", "--output", "small")
    assert read("small/model.safetensors")[1]["effnet.bias_correction"] == "frames"
    # of other weights, or damaged: said, and gone without
    other = dict(means)
    other[features] = means[features] * np.float32("nan")
    for tensors, said in ((means, {"effnet.weights_sha256": "0" * 64}), (other, notes), ({features: means[features][1:]}, notes)):
        write("folded/model.means", tensors, said)
        run = effnet("run", "--model", "folded", "--precision", "int8", "--input", "x.npy", "--output", "y.npy")
        assert "biases are not corrected" in run.err and "effnet calibrate" in run.err, run.err
        assert np.array_equal(np.load("y.npy"), without)
    failure("convert", "--int8", "folded", "--output", "other", says=["model.means"])


@test
def statistics():
    """with outputs of gamma zero, and pixels of nothing but zeros, it is near fp32; a statistic that is no number is named"""
    tensors = {name: array.astype("<f4") if array.dtype == np.float16 else array
               for name, array in read(MODEL / "model.safetensors")[0].items()}
    os.mkdir("odd")
    shutil.copy(MODEL / "config.json", "odd")
    flat, norm = dict(tensors), "_blocks.5._bn1"
    flat["_blocks.3._bn2.weight"] = np.zeros_like(flat["_blocks.3._bn2.weight"])
    flat[norm + ".weight"], flat[norm + ".bias"] = (np.zeros_like(flat[norm + part]) for part in (".weight", ".bias"))
    write("odd/model.safetensors", flat)
    exact = logits("odd")
    for precision in PRECISIONS[1:] if has_bf16() else ("int8",):
        assert np.abs(logits("odd", precision) - exact).mean() < 0.1 * exact.std(), precision
    for part, value, words in (("running_mean", "nan", "nan"), ("running_var", "inf", "inf"), ("weight", "-inf", "-inf"),
                               ("running_var", -1, "a variance is at least 0")):
        name = f"{norm}.{part}"
        bad = tensors[name].copy()
        bad[7] = float(value)
        write("odd/model.safetensors", {**tensors, name: bad})
        failure("classify", "--model", "odd", "--precision", "int8", PICTURES[0], says=[name, words, "element 7"])


@test
def calibrate_refuses():
    """a model with statistics needs no frames; nothing is written of frames that cannot be read"""
    failure("calibrate", MODEL, *PICTURES, says=["statistics", "nothing to measure"])
    failure("calibrate", MODEL, says=["no INPUT"], code=2)
    failure("calibrate", says=["no MODEL"], code=2)
    failure("calibrate", MODEL, "--frames", "0", *PICTURES, says=["--frames 0"], code=2)
    assert not (MODEL / "model.means").exists()


@test
def in_the_element():
    """effnetclassify precision=int8 gives the tool's scores, which are not those of fp32"""
    for picture in PICTURES:
        line = f"filesrc location={picture} ! jpegparse ! effnetclassify precision=int8 top-k=5 ! fakesink"
        mine = json.loads(effnet("watch", "--json", *line.split()).out)["top"]
        tool, plain = (json.loads(effnet("classify", "--json", "--precision", precision, picture).out)["top"]
                       for precision in ("int8", "fp32"))
        assert mine == tool and mine != plain, (mine, tool, plain)


main()
