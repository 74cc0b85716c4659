# SPDX-License-Identifier: LGPL-2.1-or-later
"""pipelines/evening.sh: an RTSP camera, a classifier of its own frames, and its state at a real broker, where what
announces it to Home Assistant fits what Home Assistant takes, as tests/gst/homeassistant.schema.json has it."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from tool import ROOT, Skip, main, test  # noqa: E402

SCRIPT = ROOT / "pipelines/evening.sh"
PATH = os.environ["PATH"] + ":/usr/sbin"


def run(*arguments, code=0, **env):
    done = subprocess.run([str(SCRIPT), *arguments], capture_output=True, text=True, timeout=500, check=False,
                          env={**os.environ, **env, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@test
def evening():
    """from the camera to a state that Home Assistant takes, by one launch line"""
    try:
        import gi
        import jsonschema
        gi.require_version("GstRtspServer", "1.0")
    except (ImportError, ValueError) as missing:
        raise Skip(str(missing))
    if not shutil.which("mosquitto", path=PATH) or not shutil.which("mosquitto_sub"):
        raise Skip("mosquitto is not installed")
    out = pathlib.Path("evening").resolve()
    done = run(EFFNET_EVENING_OUT=str(out))
    (line,) = re.findall(r"^  gst-launch-1.0 .*$", done.stdout, re.M)
    assert "rtspsrc" in line and "model-file=" in line and "effnetpublish" in line, line
    assert re.search(r"trained after \d+ s", done.stdout) and re.search(r"All of it took \d+ s", done.stdout)
    messages = [line.split(" ", 1) for line in (out / "mqtt.txt").read_text().splitlines()]
    schema = json.loads((ROOT / "tests/gst/homeassistant.schema.json").read_text())
    (sensor,) = [json.loads(text) for topic, text in messages if re.fullmatch(r"homeassistant/sensor/.*/config", topic)]
    jsonschema.validate(sensor, {**schema["definitions"]["sensor"], "definitions": schema["definitions"]})
    states = [json.loads(text)["state"] for topic, text in messages if topic == sensor["state_topic"]]
    assert [state for state in states if state != "unknown"] == ["cat", "cup"], states
    alive = [text for topic, text in messages if topic == sensor["availability_topic"]]
    assert alive == ["online", "offline"], alive


@test
def wrong_use():
    """a camera without pictures is a wrong use"""
    assert "rtsp://" in run("rtsp://127.0.0.1/none", code=2).stderr


main()
