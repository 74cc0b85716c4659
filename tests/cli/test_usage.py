# SPDX-License-Identifier: LGPL-2.1-or-later
"""Words the tool does not know, and what it tells of itself."""
import json
import pathlib
import shutil
import subprocess

from tool import EXE, MEDIA, MODEL, effnet, failure, main, test

COMMANDS = ("classify", "watch", "run", "preprocess", "info", "cpu", "bench", "embed",
            "explain", "similar", "calibrate", "train")
SCRIPTS = ("fetch", "convert")


@test
def version_and_help():
    """--version and --help print to stdout and succeed"""
    assert effnet("--version").out.startswith("effnet 0.")
    text = effnet("--help").out
    for command in COMMANDS:
        assert command in text
        help_text = effnet(command, "--help").out
        assert "Usage:" in help_text and f"effnet {command}" in help_text, help_text


@test
def variants_in_help():
    """the help has every family, info --list every variant; every precision is in the help"""
    text = effnet("classify", "--help").out
    for variant in ("b0 to l2", "lite0 to lite4", "tinynet-a to tinynet-e", "phi:X", "b0:phi:1.5", "--list"):
        assert variant in text, text
    listed = [json.loads(line) for line in effnet("info", "--list", "--json").out.splitlines()]
    rows = effnet("info", "--list").out.splitlines()[1:]
    assert [net["variant"] for net in listed] == [row.split()[0] for row in rows[-len(listed):]], rows
    assert {"b0", "b8", "l2", "lite0", "lite4", "b0-seend-all", "mobilenetv2-120d"} <= {n["variant"] for n in listed}
    assert "auto (default), fp32, bf16 or int8" in " ".join(text.split()), text


@test
def no_command():
    """without a command the usage goes to stderr, exit 2"""
    done = effnet(code=2)
    assert done.out == "" and "Usage:" in done.err


@test
def unknown_words():
    """an unknown command or option is one sentence, exit 2"""
    failure("classfy", says=["classfy"], code=2)
    failure("--frobnicate", says=["--frobnicate"], code=2)
    for command in COMMANDS:
        done = failure(command, "--frobnicate", says=["frobnicate", f"effnet {command} --help"], code=2)
        assert done.out == ""


@test
def wrong_values():
    """a value out of its range names the value and what is allowed, exit 2"""
    picture = MEDIA / "cat.jpg"
    for arguments, says in (
            (("classify",), ["INPUT"]),
            (("classify", "--top-k", "-1", picture), ["--top-k -1", "1..1000"]),
            (("classify", "--top-k", "x", picture), ["x"]),
            (("classify", "--every", "0", picture), ["--every 0"]),
            (("classify", "--threads", "-2", picture), ["--threads -2"]),
            (("classify", "--precision", "fp8", picture), ["fp8", "fp32", "bf16"]),
            (("classify", "--precision", "int4", picture), ["'int4' is not one of auto, fp32, bf16, int8"]),
            (("classify", "--threads", "1025", picture), ["--threads 1025", "0..1024"]),
            (("classify", "--input-size", "8193", picture), ["--input-size 8193", "0..8192"]),
            (("classify", "--padding", "odd", picture), ["odd", "same", "symmetric"]),
            (("classify", "--resize-mode", "zoom", picture), ["zoom", "center-crop"]),
            (("classify", "--bn-eps", "7", picture), ["--bn-eps 7"]),
            (("classify", "--model", MODEL, "--synthetic", "1", picture), ["--synthetic"]),
            (("run", "--model", MODEL), ["--input"]),
            (("run", "--input", "x.npy"), ["--output"]),
            (("run", "--input", "x", "--output", "y", "z"), ["'z'"]),
            (("preprocess", "--output", "x.npy"), ["no INPUT"]),
            (("preprocess", picture), ["--output"]),
            (("info",), ["expected one"]),
            (("info", "b0", "b1"), ["2 names"]),
            (("info", "--list", "b0"), ["--list"]),
            (("classify", "--timeout", "0", picture), ["--timeout 0", "1..86400"]),
            (("watch",), ["PIPELINE"]),
            (("watch", "fakesrc", "!", "fakesink"), ["no effnetclassify"]),
            (("cpu", "b0"), ["'b0'"]),
            (("bench",), ["expected one"]),
            (("bench", "--streams", "0", "b0"), ["--streams 0"]),
            (("bench", "--runs", "-1", "b0"), ["--runs -1"])):
        failure(*arguments, says=says, code=2)


@test
def full_stdout():
    """a full disk under stdout is a failure, not silence, whatever was to be printed"""
    for arguments in (["--version"], ["--help"], *([command, "--help"] for command in (*COMMANDS, *SCRIPTS))):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([EXE, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
        says = b"No space left" if arguments[0] in SCRIPTS else b"standard output"
        assert done.returncode == 1 and done.stderr.count(b"\n") == 1 and says in done.stderr, (arguments, done)


@test
def variant_that_is_a_path():
    """what is no name of a variant is told as that, not looked for in no place"""
    failure("classify", "--variant", "../x", "a.jpg", says=['"../x"', "is not the name"])


@test
def info_of_variants():
    """info prints every member of the family; parameters and multiply-adds as published"""
    known = {"b0": (5.29, 0.386), "b1": (7.79, 0.687), "b2": (9.11, 0.994), "b3": (12.23, 1.827),
             "b4": (19.34, 4.394), "b5": (30.39, 10.27), "b6": (43.04, 19.07), "b7": (66.35, 37.75)}
    for variant, (parameters, multiply_adds) in known.items():
        net = json.loads(effnet("info", variant, "--json").out)
        assert abs(net["parameters"] / 1e6 - parameters) < 0.006, net["parameters"]
        assert abs(net["multiply_adds"] / 1e9 / multiply_adds - 1) < 0.003, net["multiply_adds"]
        text = effnet("info", variant).out
        last = net["feature_maps"][-1]
        assert f"{last['height']} x {last['width']} x {net['n_features']}" in text.splitlines()[-1]
        assert [m["out_index"] for m in net["feature_maps"]] == [None, 0, 1, 2, None, 3, None, 4, None]
        assert text.count("\nstage ") == 7 and "head" in text and "classifier" in text, text
    for variant in ("b8", "l2", "lite0", "lite1", "lite2", "lite3", "lite4", "phi:0.5", "lite0:phi:0.5",
                    "b0:1.1,1.2,260"):
        assert json.loads(effnet("info", variant, "--json").out)["variant"] == variant


@test
def info_of_a_model():
    """info of a folder tells what is in the file"""
    info = json.loads(effnet("info", MODEL, "--json").out)
    model = info["model"]
    assert info["variant"] == model["variant"] == "lite0" and model["n_classes"] == 1000
    assert len(model["sha256"]) == 64 and model["padding"] == "same"
    assert model["sha256"] in effnet("info", MODEL).out


@test
def notice_of_a_card():
    """a card that need not be the file's is one line on stderr, and a member of info's model"""
    shutil.copy(MODEL / "model.safetensors", "a.safetensors")
    shutil.copy(MODEL / "config.json", "config.json")
    done = effnet("classify", "--json", "--model", "a.safetensors", MEDIA / "cat.jpg")
    assert done.err.count("\n") == 1 and "config.json" in done.err and "a.safetensors" in done.err, done.err
    assert "config.json" in json.loads(effnet("info", "a.safetensors", "--json").out)["model"]["notice"]
    pathlib.Path("config.json").rename("a.json")
    assert effnet("classify", "--json", "--model", "a.safetensors", MEDIA / "cat.jpg").err == ""


@test
def info_of_nothing():
    """info of an unknown name lists the known ones; of a missing file says so"""
    failure("info", "b9", says=["b9", "lite0", "phi:X"])
    failure("info", "./nowhere.safetensors", says=["nowhere.safetensors"])


@test
def cpu():
    """cpu tells which kernels serve, and obeys EFFNET_ISA"""
    found = json.loads(effnet("cpu", "--json").out)
    assert found["threads"] >= 1 and found["kernels"] and found["isa"]
    assert effnet("cpu").out
    capped = json.loads(effnet("cpu", "--json", env={"EFFNET_ISA": "generic"}).out)
    assert capped["isa"] == "generic", capped["isa"]
    assert not any("avx" in k["kernel"] or "neon" in k["kernel"] for k in capped["kernels"])


main()
