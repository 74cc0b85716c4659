#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness from outside: it runs ours and whatever peers are installed, and says so in its JSON. The
engines' agreement on the logits is the test; no time is."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from tool import EXE, ROOT, Skip, effnet, main, test  # noqa: E402

RUN = ROOT / "tests/bench/run"
ENGINES = {"effnet", "ort", "ov", "litert", "ncnn_", "pytorch"}


def bench(*arguments, code=0):
    build = pathlib.Path(EXE).parents[2]
    venv = os.environ.get("EFFNET_BENCH_VENV") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "effnet/bench-venv"
    env = {**os.environ, "EFFNET_BENCH_VENV": str(venv), "EFFNET_BENCH_CACHE": os.path.abspath("cache")}
    done = subprocess.run([sys.executable, RUN, "--no-install", "--build", build, "--quick", *arguments],
                          capture_output=True, text=True, timeout=600, env=env)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stderr}"
    return done


def network(*arguments):
    bench("--network", "--variants", "lite0", "--threads", "1", "--rounds", "2", "--seconds", "0.1",
          "--json", "out.json", "--markdown", "out.md", *arguments)
    return json.loads(pathlib.Path("out.json").read_text())


def has_bf16():
    cpu = json.loads(effnet("cpu", "--json").out)
    return bool({"avx512bf16", "amx"} & set(cpu["features"]))


def check_row(row, discipline):
    if row["not_run"]:
        assert row["peer"] != "effnet" or (row["precision"] == "bf16" and not has_bf16()), row
        return
    assert 0 < row["min_ms"] <= row["median_ms"] <= row["p95_ms"], row
    assert row["runs"] >= 2 and len(row["rounds"]) == 2 and row["first_result_ms"] > 0, row
    assert row["peak_bytes"] > 1e6 and row["versions"] and row["what"], row
    assert row["top1_same"] or row["precision"] == "int8", row
    if discipline == "fp32":
        assert row["relative_l2"] < 1e-4, row
    assert row["ratio_p10"] <= row["ratio_p90"] and row["ratio"] > 0, row


@test
def latency_in_fp32():
    """Ours and every peer in fp32 give the same logits; the JSON holds what the tables need"""
    out = network("--precisions", "fp32", "--modes", "latency")
    assert out["quick"] and out["machine"]["cpu"] and out["machine"]["cores"] >= 1
    [group] = out["network"]["groups"]
    assert (group["variant"], group["size"], group["threads"]) == ("lite0", 224, 1), group
    assert {row["peer"] for row in group["entrants"]} == ENGINES
    assert group["entrants"][0]["peer"] == "effnet" and group["entrants"][0]["ratio"] == 1
    for row in group["entrants"]:
        check_row(row, "fp32")
    [check] = out["network"]["cross_check"]
    assert check["run_ms"] > 0 and check["bench"]["median_ms"] > 0, check
    text = pathlib.Path("out.md").read_text()
    for row in group["entrants"]:
        assert f"{row['title']} fp32" in text
        assert not row["not_run"] or row["not_run"] in text


@test
def floors():
    """--floors prints what is to be reached beside what was; a ratio is of two medians of the same run"""
    out = network("--floors", "--peers", "effnet")
    times = {(group["discipline"], row["title"], row["precision"]): row.get("median_ms")
             for group in out["network"]["groups"] for row in group["entrants"]}
    text = pathlib.Path("out.md").read_text()
    assert "| fp32 against ONNX Runtime | lite0 | 1.2 | 1.3 | - | NOT RUN |" in text, text
    pair = [times["own", "effnet", word] for word in ("bf16", "int8")]
    assert not all(pair) or f"| int8 against our bf16 | lite0 | 1.25 | 1.4 | {pair[0] / pair[1]:.2f} |" in text, text


@test
def reduced_precisions():
    """Ours in bf16 and the peers in their own precisions stay near the fp32 logits"""
    out = network("--precisions", "own", "--modes", "latency")
    [group] = out["network"]["groups"]
    rows = {(row["peer"], row["precision"]): row for row in group["entrants"]}
    if not has_bf16():
        assert rows["effnet", "bf16"]["not_run"], rows
        raise Skip("this CPU has no bf16")
    for row in rows.values():
        check_row(row, "own")
    assert 1e-5 < rows["effnet", "bf16"]["relative_l2"] < 0.05, rows


@test
def throughput_and_choice():
    """Frames in flight, with one peer chosen; a peer that is not asked for does not appear"""
    out = network("--precisions", "fp32", "--modes", "throughput", "--streams", "2", "--peers", "ort")
    [group] = out["network"]["groups"]
    assert group["streams"] == 2 and {row["peer"] for row in group["entrants"]} == {"effnet", "ort"}
    ours = group["entrants"][0]
    assert ours["median_fps"] > 0 and ours["ratio"] == 1 and ours["cpu_ms"] > 0, ours


@test
def end_to_end():
    """The pipelines run on one core, as fast as they go and live, in fp32 and in what auto picks"""
    bench("--end-to-end", "--variants", "lite0", "--rounds", "2", "--seconds", "0.2", "--json", "out.json")
    groups = json.loads(pathlib.Path("out.json").read_text())["end_to_end"]["groups"]
    assert [group["source"] for group in groups] == ["MJPEG", "NV12"]
    for group in groups:
        rows = [row for row in group["entrants"] if not row["not_run"]]
        assert {"fp32", "auto"} == {row["precision"] for row in rows if row["peer"] == "effnet"}, group
        for row in rows:
            assert len(row["rounds"]) == 2 and row["median_fps"] > 0 and row["cpu_ms"] > 0, row
            assert 0 < row["live_fps"] < 31 and 0 < row["live_cpu"] < 1.2, row


@test
def many_streams():
    """One and three streams in a process, a process each, and OpenVINO's queue: all of them get results, live and not"""
    out = bench("--many-streams", "--variants", "lite0", "--rounds", "1", "--precisions", "fp32",
                "--stream-counts", "1,3", "--json", "out.json", "--markdown", "out.md")
    [group] = json.loads(pathlib.Path("out.json").read_text())["streams"]["groups"]
    assert [(row["peer"], row["streams"]) for row in group["entrants"]] == [
        ("effnet", 1), ("ov", 1), ("effnet", 3), ("processes", 3), ("ov", 3)], group
    for row in group["entrants"]:
        assert row["peer"] == "ov" or not row["not_run"], row
        if not row["not_run"]:
            assert row["median_fps"] > 0 and row["cpu_ms"] > 0 and row["live_cpu_ms"] > 0, row
            assert 0 < row["live_least"] <= row["live_share"] < 1.4, row
            assert row["title"] in out.stdout
    assert "--stream-counts" in bench("--stream-counts", "none", code=2).stderr


@test
def front_end():
    """The front end's engines show the same picture"""
    out = bench("--front-end", "--rounds", "2", "--seconds", "0.2", "--json", "out.json")
    assert "The front end" in out.stdout
    groups = json.loads(pathlib.Path("out.json").read_text())["front_end"]["groups"]
    assert [group["format"] for group in groups] == ["NV12", "YUY2", "BGRx", "JPEG"]
    for group in groups:
        for row in group["entrants"]:
            assert not (row["not_run"] and row["peer"] == "effnet"), row
            if not row["not_run"] and row["difference"] is not None:
                assert row["difference"] < (2 if row["peer"] == "effnet" else 12), row


@test
def wrong_use():
    """Options it does not know are refused with their name"""
    assert "--precisions" in bench("--precisions", "fp64", code=2).stderr
    assert "--threads" in bench("--threads", "none", code=2).stderr


@test
def wrong_logits():
    """A peer whose file holds another network is NOT RUN, with the distance"""
    import numpy

    folder = pathlib.Path("cache/bench-models")
    [made] = [path for path in folder.iterdir() if path.name.startswith("lite0-")]
    frame = made / "layers.npz"
    arrays = dict(numpy.load(frame))
    arrays["0.weight"] = arrays["0.weight"] * 1.01
    numpy.savez(frame, **arrays)
    out = network("--precisions", "fp32", "--modes", "latency", "--peers", "pytorch")
    [row] = [row for row in out["network"]["groups"][0]["entrants"] if row["peer"] == "pytorch"]
    if "torch" in row["not_run"]:
        raise Skip(f"no PyTorch: {row['not_run']}")
    assert "differ" in row["not_run"], row


@test
def cameras():
    """cameras.py: a camera's frames arrive, its keyframes have results, and the JSON says what they cost"""
    python = "/usr/bin/python3"  # the one that GObject introspection is for
    script = "import gi; gi.require_version('GstApp', '1.0'); from gi.repository import GstApp"
    if subprocess.run([python, "-c", script], capture_output=True, check=False).returncode != 0:
        raise Skip("python3-gi or gir1.2-gst-plugins-base-1.0 is not installed")
    if subprocess.run(["gst-inspect-1.0", "x264enc"], capture_output=True, check=False).returncode != 0:
        raise Skip("gstreamer1.0-plugins-ugly is not installed")
    done = subprocess.run([python, ROOT / "tests/bench/cameras.py", "--cameras", "1", "--seconds", "8",
                           "--kinds", "reception,keyframes", "--build", pathlib.Path(EXE).parents[2],
                           "--json", "cameras.json"], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    reception, keyframes = json.loads(pathlib.Path("cameras.json").read_text())
    assert reception["frames"][0] > 0 and reception["results_all"] == 0, reception
    assert keyframes["frames"][0] > 0 and keyframes["results_all"] > 0 and keyframes["age"], keyframes
    assert not keyframes["errors"], keyframes
    assert 0 < keyframes["server_cpu"] < 1, keyframes


main()
