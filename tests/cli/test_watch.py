# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet watch: a line for each result of a pipeline, and the ways a pipeline ends."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import tty

from tool import EXE, MEDIA, Skip, effnet, failure, main, test

os.environ["GST_PLUGIN_PATH"] = str(pathlib.Path(os.environ["EFFNET_BUILD_ROOT"]) / "gst-plugin")
FRAMES = "videotestsrc num-buffers=3 ! effnetclassify name=door post-messages=all ! fakesink"


def lines(*words):
    return [json.loads(line) for line in effnet("watch", "--json", *words).out.splitlines()]


@test
def each_result():
    """a line for each result, with the members that --help names"""
    found = lines(*FRAMES.split())
    assert len(found) == 3, found
    for line in found:
        assert set(line) == {"element", "region", "stream_time_ns", "model", "top"}, line
        assert line["element"] == "door" and line["top"][0].keys() == {"id", "label", "score"}, line
    times = [line["stream_time_ns"] for line in found]
    assert times == sorted(set(times)), times
    rows = effnet("watch", *FRAMES.split()).out.splitlines()
    assert len(rows) == 3 and all(row.startswith("door ") and "%" in row for row in rows), rows


@test
def stable_labels():
    """with smoothing a line has the stable label, and one a change; unknown is said where it is"""
    frames = "videotestsrc num-buffers=4 pattern=checkers-8 ! effnetclassify smoothing=vote switch-after=3 post-messages=all ! fakesink"
    found = lines(*frames.split())
    assert len(found) == 4, found
    assert [line.get("state_changed") for line in found] == [None, None, True, False], found
    assert found[2]["stable_label"] == found[2]["top"][0]["label"], found
    (changed,) = lines(*frames.replace("=all", "=change").split())
    assert changed == found[2]
    assert all(line["unknown"] and line["top"] == [] for line in
               lines(*FRAMES.replace("name=door", "unknown-threshold=1").split()))


@test
def no_pipeline():
    """a bin is put into a pipeline"""
    assert len(lines("bin.(", *FRAMES.split(), ")")) == 3


@test
def metrics():
    """--metrics: where they are stands in a line on stderr; a port that is none is a wrong use"""
    done = effnet("watch", "--metrics", "0", *FRAMES.split())
    if "without libsoup" in done.err:
        raise Skip("built without libsoup")
    assert re.fullmatch(r"effnet: door: http://127.0.0.1:\d+/metrics\n", done.err), done.err
    assert len(done.out.splitlines()) == 3, done.out
    assert "65536" in effnet("watch", "--metrics", "65536", *FRAMES.split(), code=2).err


@test
def failures():
    """what cannot be parsed, opened or played is one line"""
    failure("watch", *"videotestsrc ! nosuchelement ! effnetclassify ! fakesink".split(), says=["nosuchelement"])
    failure("watch", *"filesrc location=none.mp4 ! decodebin ! effnetclassify ! fakesink".split(), says=["none.mp4"])
    failure("watch", *"videotestsrc ! effnetclassify model-file=nowhere ! fakesink".split(), says=["nowhere"])


class Terminal:
    """What `camera` names: its reader gets frames of 32 x 32 RGB, and an error when it is closed."""

    def __init__(self):
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        link = pathlib.Path("camera")
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self.theirs))

    def send(self, frames):
        for _ in range(frames):
            os.write(self.ours, bytes(3072))

    def close(self, reader):
        """Once the reader waits for more: at another moment it would get an end of the file."""
        end = time.monotonic() + 5
        while not any(self.is_reading(task) for task in pathlib.Path(f"/proc/{reader.pid}/task").iterdir()):
            if time.monotonic() > end:
                break
            time.sleep(0.02)
        os.close(self.theirs)
        os.close(self.ours)

    @staticmethod
    def is_reading(task):
        try:
            return (task / "comm").read_text().startswith("filesrc") and (task / "syscall").read_text().startswith("0 ")
        except OSError:
            return False


@test
def reconnects():
    """--reconnect: a source that fails after it gave frames is opened until it gives some again, and the others go on; without
    it, or where none came, its error is the end"""
    camera = "filesrc location=camera blocksize=3072 ! rawvideoparse format=rgb width=32 height=32 ! effnetclassify name=door post-messages=all ! fakesink"
    other = "videotestsrc is-live=true ! video/x-raw,framerate=10/1 ! effnetclassify name=other post-messages=all ! fakesink"

    def start(*words):
        tool = subprocess.Popen([EXE, "watch", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        patience = threading.Timer(120, tool.kill)
        patience.daemon = True
        patience.start()
        return tool

    def until(file, word):
        line = file.readline()
        while line and word not in line:
            line = file.readline()
        assert line, word
        return line

    terminal = Terminal()
    tool = start("--reconnect", *f"{camera} {other}".split())
    terminal.send(3)
    until(tool.stdout, "door")
    terminal.close(tool)
    assert "filesrc0" in until(tool.stderr, "opened anew")
    for _ in range(15):  # longer than the pause between two tries
        until(tool.stdout, "other")
    terminal = Terminal()
    terminal.send(3)
    until(tool.stdout, "door")
    assert tool.stderr.readline() == "effnet: filesrc0: it is back\n"
    tool.terminate()
    assert tool.wait(20) == 128 + signal.SIGTERM

    terminal = Terminal()
    tool = start(*camera.split())
    terminal.send(3)
    until(tool.stdout, "door")
    terminal.close(tool)
    assert tool.wait(20) == 1 and "filesrc0" in tool.stderr.read()
    pathlib.Path("camera").unlink()
    failure("watch", "--reconnect", *camera.split(), says=["camera"])


class Network:
    """A camera of RTSP that is switched off without a word, and on again."""

    def __init__(self):
        self.port = "0"
        self.on()

    def on(self):
        self.server = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("rtsp_camera.py"), self.port],
                                       stdout=subprocess.PIPE, text=True)
        words = self.server.stdout.readline().split()
        if not words:
            assert self.server.wait(20) == 77
            raise Skip("no server of GStreamer's for RTSP")
        self.port = words[1]

    def freeze(self):
        """The connection stands, and nothing comes over it."""
        self.server.send_signal(signal.SIGSTOP)

    def off(self):
        self.server.kill()
        self.server.communicate(timeout=20)


@test
def reconnects_over_rtsp():
    """--reconnect: a live stream that ends or is silent is a camera that was switched off; one that was told to end ends"""
    camera = Network()
    try:
        for source, off in (("rtspsrc location=URI latency=0 protocols=tcp ! rtpjpegdepay", camera.off),
                            ("uridecodebin uri=URI", camera.off),
                            ("rtspsrc location=URI latency=0 protocols=tcp ! rtpjpegdepay", camera.freeze)):
            goes_and_comes(camera, source.replace("URI", f"rtsp://127.0.0.1:{camera.port}/camera"), off)
    finally:
        camera.off()
    for frames in (FRAMES.replace("num-buffers", "is-live=true num-buffers"), FRAMES.replace("! effnet", "! identity sync=true ! effnet"),
                   f"filesrc location={MEDIA / 'cat.jpg'} ! jpegparse ! identity sync=true ! effnetclassify ! fakesink"):
        assert len(effnet("watch", "--reconnect", *frames.split()).out.splitlines()) > 0, frames


def goes_and_comes(camera, source, off):
    def on():
        camera.off()
        camera.on()

    tool = subprocess.Popen([EXE, "watch", "--reconnect", "--timeout", "3", *f"{source} ! effnetclassify post-messages=all ! fakesink".split()],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    patience = threading.Timer(60, tool.kill)
    patience.start()
    assert tool.stdout.readline(), tool.stderr.read()
    off()
    said = []
    for switch, words in ((on, "opened anew every second"), (tool.terminate, "is back")):
        while not said or said[-1] and words not in said[-1]:
            said.append(tool.stderr.readline())
        assert said[-1], said
        switch()
    assert tool.communicate(timeout=20) and tool.returncode == 128 + signal.SIGTERM
    patience.cancel()


@test
def hangs():
    """a pipeline that does not stop is left behind, and the tool says so"""
    words = "videotestsrc ! identity sleep-time=1000000000 name=sleeper ! effnetclassify ! fakesink".split()
    tool = subprocess.Popen([EXE, "watch", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tasks = pathlib.Path(f"/proc/{tool.pid}/task")
    while not any("sleeper" in (task / "comm").read_text() or "videotest" in (task / "comm").read_text()
                  for task in tasks.iterdir()):
        assert tool.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)
    tool.send_signal(signal.SIGINT)
    out, err = tool.communicate(timeout=60)
    assert tool.returncode == 128 + signal.SIGINT and out == "", (tool.returncode, out, err)
    assert err.count("\n") == 1 and "left behind" in err, err


main()
