# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnetrecord in pipelines: records against their JSON Schema, files that have each record at once, full disks,
GStreamer's own textoverlay and its parser of WebVTT."""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import gi
import numpy as np

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from tool import MEDIA, MODEL, ROOT, Skip, effnet, main, test  # noqa: E402

SCHEMA = ROOT / "gst-plugin/result.schema.json"
LAUNCH = "gst-launch-1.0 -q".split()
Gst.init(None)


def launch(line, code=0):
    done = subprocess.run([*LAUNCH, *line.split()], capture_output=True, timeout=120, check=False)
    assert done.returncode == code, f"{line}: exit {done.returncode}\n{done.stderr.decode()}"
    return done


def records(line):
    return [json.loads(text) for text in launch(f"{line} ! fdsink").stdout.splitlines()]


def play(line, when_ready=lambda pipeline: None, when_begun=lambda pipeline: None):
    pipeline = Gst.parse_launch(line)
    when_ready(pipeline)
    pipeline.set_state(Gst.State.PAUSED)
    assert pipeline.get_state(60 * Gst.SECOND)[0] != Gst.StateChangeReturn.FAILURE, line
    when_begun(pipeline)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    assert message and message.type == Gst.MessageType.EOS, message and message.parse_error()


@test
def schema():
    """records of parts, heads, unknown, smoothed, with vectors and maps, are what the JSON Schema says"""
    try:
        import jsonschema
    except ImportError as missing:
        raise Skip("python3-jsonschema is not installed") from missing
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    jsonschema.Draft7Validator.check_schema(validator.schema)
    frames = "videotestsrc num-buffers=3 ! video/x-raw,width=320,height=240 ! effnetclassify"
    found = []
    for how in ("", "smoothing=vote switch-after=1 attach-embedding=true attach-activation-map=true",
                "unknown-threshold=1", "threshold=1", "inference-interval=2 ! effnetrecord records=all",
                f"heads=own=;again={MODEL} inference-region=regions regions=gate:0,0,0.5,1;door:0.5,0,0.5,1"):
        found.append(records(f"{frames} {how}" + ("" if "record" in how else " ! effnetrecord source=yard")))
        assert found[-1], how
        for record in found[-1]:
            errors = [error.message for error in validator.iter_errors(record)]
            assert not errors, (how, errors)
            for name in validator.schema["required"]:
                less = {key: value for key, value in record.items() if key != name}
                assert not validator.is_valid(less), name
            assert not set(record) - set(validator.schema["properties"]), record
    plain, smoothed, unknown, none, repeated, parts = found
    sha256 = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    assert {record["model_sha256"] for record in plain} == {sha256}
    assert [record["pts_ns"] for record in plain] == sorted({record["running_time_ns"] for record in plain})
    assert all(record["source"] == "yard" for record in plain)
    assert len(smoothed[0]["embedding"]) == 1280 and smoothed[0]["stable_label"] == smoothed[0]["label"]
    assert len(smoothed[0]["activation_map"]["values"]) == 49
    assert unknown[0]["unknown"] and unknown[0]["top"] == [] and none[0]["label_id"] == -1
    assert [record["fresh"] for record in repeated] == [True, False, True]
    assert [(r["region"], r["head"]) for r in parts[:4]] == [("gate", "own"), ("gate", "again"),
                                                             ("door", "own"), ("door", "again")]
    assert parts[2]["x"] == 160 and parts[2]["box"] == [0.5, 0, 0.5, 1]


@test
def as_the_tool():
    """the classes of a record are those that effnet classify --json prints of the same picture"""
    (tool,) = effnet("classify", "--json", MEDIA / "cat.jpg").out.splitlines()
    (record,) = records(f"filesrc location={MEDIA}/cat.jpg ! jpegparse ! effnetclassify ! effnetrecord")
    assert record["top"] == json.loads(tool)["top"] and record["label"] == record["top"][0]["label"]


@test
def live_and_coded():
    """each inference is one record where results come late, and where the stream is H.264"""
    for source in ("is-live=true num-buffers=20 ! effnetclassify inference-mode=async name=c",
                   "num-buffers=20 ! x264enc key-int-max=5 ! h264parse ! effnetclassify inference-mode=sync name=c"):
        found = records(f"videotestsrc {source} ! effnetrecord")
        times = [record["result_running_time_ns"] for record in found]
        assert len(times) >= 2 and times == sorted(set(times)), (source, times)


@test
def dlstreamer():
    """format=dlstreamer has the keys of gvametaconvert"""
    frame = records("videotestsrc num-buffers=1 ! effnetclassify ! effnetrecord format=dlstreamer")[0]
    assert set(frame) == {"objects", "resolution", "timestamp"}, frame
    (found,) = frame["objects"]
    assert set(found) == {"detection", "h", "roi_type", "w", "x", "y", "classification"}, found
    assert set(found["detection"]) == {"bounding_box", "label"}
    assert set(found["detection"]["bounding_box"]) == {"x_max", "x_min", "y_max", "y_min"}
    assert set(found["classification"]) == {"confidence", "label", "label_id", "model"}
    assert frame["resolution"] == {"height": 240, "width": 320}


@test
def at_once():
    """a file has each record while the camera runs, with other elements in between, and when the process is killed"""
    line = "videotestsrc is-live=true ! effnetclassify ! tee name=t ! queue ! fakesink t. ! queue ! effnetrecord " \
           "! application/x-json ! queue ! filesink location=live.jsonl"
    process = subprocess.Popen([*LAUNCH, *line.split()], stderr=subprocess.PIPE)
    for _ in range(600):
        if pathlib.Path("live.jsonl").exists() and len(pathlib.Path("live.jsonl").read_bytes().splitlines()) >= 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    lines = pathlib.Path("live.jsonl").read_text().splitlines()
    assert 3 <= len(lines) < 100 and all(json.loads(text)["schema_version"] == 4 for text in lines), lines
    assert len({json.loads(text)["time"] for text in lines}) == len(lines)


@test
def full_disk():
    """a full disk is an error, and the file is named"""
    done = launch("videotestsrc num-buffers=3 ! effnetclassify ! effnetrecord ! filesink location=/dev/full", code=1)
    assert b'"/dev/full"' in done.stderr, done.stderr


@test
def no_results():
    """a stream without results, or with none of these forms, says what is missing"""
    done = subprocess.run([*LAUNCH[:1], *"videotestsrc num-buffers=3 ! effnetrecord ! fakesink".split()],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "expected effnetclassify before effnetrecord" in done.stdout + done.stderr, done
    pipeline = Gst.parse_launch("videotestsrc num-buffers=3 ! effnetrecord ! capsfilter name=filter ! fakesink")
    pipeline.get_by_name("filter").set_property("caps", Gst.Caps.from_string("text/html"))
    pipeline.set_state(Gst.State.PLAYING)
    error = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    assert "none of the forms that effnetrecord gives: application/x-json" in error.parse_error()[1]


@test
def seeks():
    """behind a flushing seek records go on, and each line is whole"""
    def seek(pipeline):
        assert pipeline.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.KEY_UNIT, 0)
    for form in ("application/x-json", "application/x-subtitle-vtt"):
        play(f"filesrc location={MEDIA}/pan.webm ! decodebin ! effnetclassify inference-interval=10 inference-mode=sync "
             f"! effnetrecord ! {form} ! filesink location=seek.txt", when_begun=seek)
        text = pathlib.Path("seek.txt").read_text()
        if form.endswith("json"):
            times = [json.loads(line)["pts_ns"] for line in text.splitlines()]
            assert times.count(0) >= 1 and len(times) >= 5, times
        else:
            assert text.count("WEBVTT") == 1 and text.count("-->") >= 1, text


@test
def webvtt():
    """GStreamer's parser reads the cues back, each until the next, the last until the end"""
    frames = "videotestsrc num-buffers=30 ! video/x-raw,framerate=10/1 ! effnetclassify inference-mode=sync"
    launch(f"{frames} ! effnetrecord ! application/x-subtitle-vtt ! filesink location=cues.vtt")
    labels = records(f"{frames} ! effnetrecord records=change")
    cues = []

    def look(pad, info):
        buffer = info.get_buffer()
        cues.append((buffer.pts, buffer.pts + buffer.duration, buffer.extract_dup(0, buffer.get_size()).decode()))
        return Gst.PadProbeReturn.OK

    play("filesrc location=cues.vtt ! subparse ! text/x-raw ! fakesink name=sink", when_ready=lambda pipeline:
         pipeline.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, look))
    assert [text for _, _, text in cues] == [record["label"] for record in labels], (cues, labels)
    assert [start for start, _, _ in cues] == [record["running_time_ns"] for record in labels], cues
    assert [end for _, end, _ in cues] == [start for start, _, _ in cues[1:]] + [3 * Gst.SECOND], cues


@test
def textoverlay():
    """textoverlay writes each frame's label, whether records come at once or late"""
    for late in ("", "! identity sleep-time=20000"):
        launch("videotestsrc num-buffers=8 pattern=black ! video/x-raw,format=GRAY8,width=320,height=240 ! effnetclassify "
               f"! tee name=t ! queue ! textoverlay name=o ! filesink location=frames.raw t. ! queue {late} "
               "! effnetrecord ! o.text_sink")
        frames = np.fromfile("frames.raw", np.uint8).reshape(-1, 240, 320)
        assert len(frames) == 8 and all(frame.max() > 200 for frame in frames), [frame.max() for frame in frames]


os.environ.setdefault("GST_DEBUG_NO_COLOR", "1")
main()
