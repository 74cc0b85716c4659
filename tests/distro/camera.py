# SPDX-License-Identifier: LGPL-2.1-or-later
"""The element and the tool on cameras of the kernel's own, inside the machine that camera.sh boots: vivid as /dev/video0
(a webcam), 1 (planes apart) and 2 (a webcam and an HDMI input), and a webcam on USB that sends MJPEG.

camera.py EFFNET [--short] [TEST...]"""
import array
import atexit
import fcntl
import functools
import gc
import json
import math
import os
import pathlib
import queue
import re
import struct
import subprocess
import sys
import threading
import time
import warnings

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "cli"))
from tool import EXE, MEDIA, ROOT, effnet, main, test, tests  # noqa: E402

import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

Gst.init(None)
warnings.filterwarnings("ignore", message=".*ValueArray")  # PyGObject has no other way to the elements of a list
SHORT, NAMES = "--short" in sys.argv, [word for word in sys.argv[2:] if not word.startswith("--")]
SMALL = f"effnetclassify model-file={os.environ['EFFNET_MODEL_PATH'].split(':')[0]}/small"
open_model = Gst.parse_launch(f"{SMALL} name=first ! fakesink").get_by_name("first")
atexit.register(open_model.set_state, Gst.State.NULL)
open_model.set_state(Gst.State.READY)  # all others share its model, which takes an emulated CPU seconds to open
ALIKE = 0.95  # of the logits' correlation: what differs by rounding and chroma alone has 0.98, red for blue 0.3
VIVID = "/sys/bus/platform/drivers/vivid"
QUERYCTRL, S_CTRL, S_INPUT = 0xC0445624, 0xC008561C, 0xC0045627  # linux/videodev2.h
NEXT_CTRL = 0x80000000
QUERYBUF, QUEUED, DONE = 0xC0585609, 2, 4
PATIENCE = 400  # seconds; who waits that long waits in vain
started = []  # processes, which end with the test that began them


def full(function):
    """A test that the short form leaves out."""
    return function if SHORT else timed(function)


def brief(function):
    """A test of the short form alone."""
    return timed(function) if SHORT else function


def timed(function):
    """A test that says how long it took."""
    @functools.wraps(function)
    def run():
        begun = time.monotonic()
        try:
            function()
        finally:
            for process in started:
                process.kill()
            started.clear()
            print(f"# {function.__name__}: {time.monotonic() - begun:.0f} s", flush=True)
    return test(run)


def controls(device):
    """{name: id} of a driver's controls."""
    found, last = {}, 0
    while True:
        query = bytearray(struct.pack("<I64x", last | NEXT_CTRL))
        try:
            fcntl.ioctl(device, QUERYCTRL, query)
        except OSError:
            return found
        last = struct.unpack_from("<I", query)[0]
        found[query[8:40].split(b"\0")[0].decode()] = last


def set_control(path, name, value):
    with open(path, "rb", buffering=0) as device:
        fcntl.ioctl(device, S_CTRL, struct.pack("<Ii", controls(device)[name], value))


def set_input(path, number):
    with open(path, "rb", buffering=0) as device:
        fcntl.ioctl(device, S_INPUT, array.array("i", [number]))


class Result:
    """What a message of the element says."""

    def __init__(self, s):
        ids, values = (Gst.Structure.get_list(s, name)[1] for name in ("label-ids", "scores"))
        scores = {ids.get_nth(i): values.get_nth(i) for i in range(ids.n_values)}
        self.logits = [math.log(max(scores.get(k, 0), 1e-12)) for k in range(1000)]
        self.element, self.label, self.confidence = (s.get_value(name) for name in ("element", "label", "confidence"))
        self.size = s.get_value("frame-width"), s.get_value("frame-height")

    def like(self, other):
        """The correlation of the logits; both are of all classes."""
        pairs = list(zip(self.logits, other.logits))
        a, b = (sum(side) / len(pairs) for side in zip(*pairs))
        product, first, second = (sum(f(x - a, y - b) for x, y in pairs) for f in (
            lambda x, y: x * y, lambda x, y: x * x, lambda x, y: y * y))
        return product / math.sqrt(first * second)


class Played:
    """What a pipeline did until its end: results, frames at its sink, warnings, and what its error said. `act` is called in
    between until it returns True."""

    def __init__(self, line, act=None, seconds=PATIENCE):
        self.results, self.frames, self.sizes, self.warnings, self.error = [], [], [], [], None
        self.act, self.end = act, time.monotonic() + seconds
        pipeline = Gst.parse_launch(f"{line} ! fakesink name=sink sync=false signal-handoffs=true enable-last-sample=false")
        pipeline.get_by_name("sink").connect("handoff", self.on_frame)
        pipeline.set_state(Gst.State.PLAYING)
        try:
            while self.note(self.next_message(pipeline.get_bus())):
                pass
        finally:
            pipeline.set_state(Gst.State.NULL)
            del pipeline
            gc.collect()

    def next_message(self, bus):
        kinds = Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.WARNING | Gst.MessageType.ELEMENT
        while time.monotonic() < self.end:
            if self.act is not None and self.act(self):
                self.act = None
            message = bus.timed_pop_filtered(Gst.SECOND // 20, kinds)
            if message is not None:
                return message
        raise AssertionError(f"no end; {len(self.frames)} frames, {len(self.results)} results")

    def note(self, message):
        """False at the end."""
        if message.type == Gst.MessageType.ERROR:
            error, debug = message.parse_error()
            self.error = f"{message.src.get_name()}: {error.message} ({debug})"
        elif message.type == Gst.MessageType.WARNING:
            self.warnings.append(message.parse_warning()[0].message)
        elif message.type == Gst.MessageType.ELEMENT and message.get_structure().get_name() == "effnetclassify":
            self.results.append(Result(message.get_structure()))
        return message.type not in (Gst.MessageType.EOS, Gst.MessageType.ERROR)

    def on_frame(self, _sink, buffer, pad):
        caps = pad.get_current_caps().get_structure(0)
        size = caps.get_value("width"), caps.get_value("height")
        self.frames.append(buffer.offset)
        if self.sizes[-1:] != [size]:
            self.sizes.append(size)

    def missing(self):
        """Frames that the driver counted between the first and the last, and that did not come."""
        return self.frames[-1] - self.frames[0] + 1 - len(self.frames)


def raw_formats(device):
    """What the driver offers and v4l2src knows, in its order."""
    source = Gst.ElementFactory.make("v4l2src")
    source.set_property("device", device)
    source.set_state(Gst.State.READY)
    caps, names = source.get_static_pad("src").query_caps(None), []
    for i in range(caps.get_size()):
        s = caps.get_structure(i)
        if s.get_name() == "video/x-raw" and s.get_string("format") and s.get_string("format") not in names:
            names.append(s.get_string("format"))
    source.set_state(Gst.State.NULL)
    return names


def same_as_rgb(device, caps):
    """A frame as it is and as videoconvert makes it RGB: the same result. A line for the log."""
    played = Played(f"v4l2src device={device} num-buffers=1 ! {caps} ! {SMALL} name=own top-k=1000 "
                    "inference-mode=sync post-messages=all ! videoconvert ! video/x-raw,format=RGB "
                    f"! {SMALL} name=rgb top-k=1000 inference-mode=sync post-messages=all")
    assert played.error is None, played.error
    own, rgb = ([r for r in played.results if r.element == name] for name in ("own", "rgb"))
    assert len(own) == len(rgb) == len(played.frames) == 1, (len(own), len(rgb), played.frames)
    least = own[0].like(rgb[0])
    assert least > ALIKE, f"{caps}: {least:.3f} like RGB"
    print(f"# {device} {caps.replace('video/x-raw,format=', '')}: {own[0].label} {100 * own[0].confidence:.1f} %, "
          f"{least:.3f} like RGB", flush=True)


def same_as_yuy2(device, name):
    """A frame of that format and one of YUY2: the same result, but for the time that vivid writes into its picture."""
    results = []
    for each in ("YUY2", name):
        played = Played(f"v4l2src device={device} num-buffers=1 ! video/x-raw,format={each},width=320,height=180 "
                        f"! {SMALL} top-k=1000 inference-mode=sync post-messages=all")
        assert played.error is None, played.error
        results += played.results
    least = results[0].like(results[1])
    assert len(results) == 2 and least > 0.8, f"{name}: {least:.3f} like YUY2"
    print(f"# {device} {name}: {least:.3f} like YUY2", flush=True)


@timed
def all_formats():
    """every raw format that vivid offers and v4l2src knows is negotiated, and classified as its RGB is"""
    for device in ("/dev/video0", "/dev/video1")[:1 if SHORT else 2]:
        names = raw_formats(device)
        assert len(names) > 20, names
        for name in ("YUY2", "NV12", "NV61", "GRAY16_LE") if SHORT else names:
            assert name in names, names
            if device == "/dev/video1" and name in ("NV16", "NV61"):  # of which videoconvert 1.22 passes no frame on
                same_as_yuy2(device, name)
            else:
                same_as_rgb(device, f"video/x-raw,format={name},width=320,height=180")


@full
def sizes():
    """the sizes that vivid's webcam has, and one it has not"""
    for size in ((320, 180), (640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)):
        played = Played(f"v4l2src num-buffers=2 ! video/x-raw,format=YUY2,width={size[0]},height={size[1]} "
                        f"! {SMALL} inference-mode=sync post-messages=all")
        assert played.error is None and played.sizes == [size] and len(played.results) == 2, (size, played.sizes)
    error = Played("v4l2src num-buffers=2 ! video/x-raw,width=333,height=77 ! effnetclassify").error
    assert "v4l2src" in error and "negotiat" in error, error
    print(f"# 333x77: {error[:160]}", flush=True)


@full
def io_modes():
    """mmap, userptr, dmabuf and read (): the same frames, the same results"""
    caps = "video/x-raw,format=NV12,width=640,height=360"
    first = {}
    for mode in ("mmap", "userptr", "dmabuf"):
        for device in ("/dev/video0", "/dev/video1"):
            if device == "/dev/video1" and mode == "userptr":
                continue  # userptr asks for all planes in one memory
            more = "! videoconvert ! video/x-raw,format=RGB" if mode == "userptr" else ""  # whose memory it takes
            played = Played(f"v4l2src device={device} io-mode={mode} num-buffers=2 ! {caps} "
                            f"! {SMALL} inference-mode=sync post-messages=all top-k=1000 {more}")
            assert played.error is None, f"{mode}: {played.error}"
            assert len(played.results) == len(played.frames) == 2, (mode, played.results)
            first[mode, device] = played.results[0]
    like = {key: result.like(first["mmap", "/dev/video0"]) for key, result in first.items()}
    assert min(like.values()) > 0.8, like  # vivid writes the time into its picture
    # a process of its own: after io-mode=rw the device is busy for as long as it lives
    done = effnet("watch", "--json", *f"v4l2src io-mode=rw num-buffers=3 ! {caps} ! {SMALL} inference-mode=sync ! fakesink".split())
    assert done.out.startswith('{"'), done.err
    print(f"# {', '.join(f'{mode} ({device}) {value:.2f}' for (mode, device), value in like.items())}; rw", flush=True)


@full
def changing_source():
    """an HDMI input whose resolution changes in mid-stream: the frames have the new size, each of its results too"""
    device = "/dev/video2"
    set_input(device, 1)
    set_control(device, "DV Timings Signal Mode", 4)  # the one chosen
    changes = [4, 10]

    def change(played):
        if len(played.results) < 5 * (3 - len(changes)):
            return False
        set_control(device, "DV Timings", changes.pop(0))
        return not changes

    try:
        set_control(device, "DV Timings", 0)
        played = Played(f"v4l2src device={device} num-buffers=20 ! {SMALL} inference-mode=sync post-messages=all", change)
    finally:
        set_input(device, 0)
    assert played.error is None, played.error
    assert len(played.sizes) >= 3, played.sizes
    seen = []
    for result in played.results:
        if seen[-1:] != [result.size]:
            seen.append(result.size)
    assert seen == played.sizes, (seen, played.sizes)
    print("# " + ", then ".join(f"{w}x{h}" for w, h in seen) + f": {len(played.results)} results", flush=True)


class Buffers:
    """How many of the driver's buffers the stream has, and how many of them are with the program, looked at now and then."""

    def __init__(self, path):
        self.device, self.held, self.count = open(path, "rb", buffering=0), [], 0

    def look(self, _played):
        states = []
        while True:
            buffer = bytearray(struct.pack("<2I80x", len(states), 1))
            try:
                fcntl.ioctl(self.device, QUERYBUF, buffer)
            except OSError:
                break
            states.append(struct.unpack_from("<I", buffer, 12)[0] & (QUEUED | DONE))
        if states:  # the stream has begun, and has not ended
            self.count = len(states)
            self.held.append(states.count(0))


@full
def four_buffers():
    """beside a network that takes longer than a frame the driver's buffers are its own: in async mode no more of them are
    away, and no more frames lost, than with identity; in sync mode frames are lost"""
    lost, away, slow = {}, {}, "effnetclassify variant=b1 threads=1 post-messages=all"
    for name, frames, element in (("identity", 25, "identity"), ("async", 25, slow), ("sync", 4, f"{slow} inference-mode=sync")):
        buffers = Buffers("/dev/video0")
        played = Played(f"v4l2src num-buffers={frames} ! video/x-raw,format=YUY2,width=640,height=360,framerate=15/1 "
                        f"! {element}", buffers.look)
        assert played.error is None, played.error
        assert len(played.results) < frames or name == "sync", "the network is too quick to show anything"
        lost[name], away[name] = played.missing(), buffers.held
        print(f"# {name}: {frames} frames at 15 a second, {len(played.results)} results, {lost[name]} frames lost; of "
              f"{buffers.count} buffers all at the driver in {buffers.held.count(0)} of {len(buffers.held)} looks, at most "
              f"{max(buffers.held)} away", flush=True)
    assert lost["async"] <= lost["identity"] + 1 and lost["sync"] > 0, lost
    assert max(away["async"]) <= max(away["identity"]) + 1, away  # the one whose pixels are being read
    assert away["async"].count(0) > len(away["async"]) / 2, away


@full
def driver_errors():
    """frames that the driver drops or marks as broken: the others are classified; one that ends the stream is an error
    that names the camera"""
    for name, value in (("Percentage of Dropped Buffers", 60), ("Inject V4L2_BUF_FLAG_ERROR", 0)):
        def act(played, name=name):
            if played.frames:
                set_control("/dev/video0", name, 0 if "Inject" in name else value)
            return "Inject" not in name and bool(played.frames)
        try:
            played = Played("v4l2src num-buffers=12 ! video/x-raw,format=YUY2,width=640,height=360 "
                            f"! {SMALL} inference-mode=sync post-messages=all", act)
        finally:
            set_control("/dev/video0", "Percentage of Dropped Buffers", 0)
        assert played.error is None, played.error
        print(f"# {name}: {len(played.frames)} frames, {played.missing()} missing, {len(played.results)} results", flush=True)
        assert len(played.results) == len(played.frames), (name, len(played.results), len(played.frames))

    def fatal(played):
        return len(played.results) > 2 and (set_control("/dev/video0", "Inject Fatal Streaming Error", 0) or True)

    played = Played(f"v4l2src ! video/x-raw,format=YUY2,width=640,height=360 ! {SMALL} post-messages=all", fatal)
    assert "v4l2src" in played.error, played.error


class Watched:
    """A program whose lines are waited for, with patience."""

    def __init__(self, *command, **env):
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env={**os.environ, **env})
        started.append(self.process)
        self.lines, self.seen = queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def until(self, pattern, seconds=PATIENCE):
        """The next line that has the pattern."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {pattern!r} in {seconds} s:\n{''.join(self.seen[-20:])}") from None
            self.seen.append(line)
            if re.search(pattern, line):
                return line
            assert line, f"ended without {pattern!r}:\n{''.join(self.seen[-20:])}"

    def quiet(self, seconds=0.5):
        """What comes in the next moments."""
        time.sleep(seconds)
        found = []
        while not self.lines.empty():
            found.append(self.lines.get())
        self.seen += found
        return [line for line in found if line]

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)


def let_go(node, *programs):
    """Until neither these have the device open nor this one: a number that is held is not given again."""
    end = time.monotonic() + PATIENCE
    for pid in ("self", *(watched.process.pid for watched in programs)):
        fds = pathlib.Path(f"/proc/{pid}/fd")
        while held := [fd.name for fd in fds.iterdir() if target(fd).startswith(node)]:
            assert time.monotonic() < end, f"{node} is still open in {pid}: {held}"
            time.sleep(0.1)


def target(link):
    try:
        return os.readlink(link)
    except OSError:
        return ""  # closed meanwhile


class Webcam:
    """The webcam on USB; its node, once it is there."""

    def __init__(self, photo="coffee"):
        before = set(nodes())
        self.process = subprocess.Popen([sys.executable, str(here / "uvc_camera.py"), str(MEDIA / f"{photo}.jpg")])
        started.append(self.process)
        end = time.monotonic() + 60
        while not (new := set(nodes()) - before):
            assert time.monotonic() < end and self.process.poll() is None, "the kernel finds no webcam"
            time.sleep(0.05)
        self.node = min(new, key=lambda name: int(name[10:]))

    def unplug(self):
        self.process.kill()
        self.process.wait()
        end = time.monotonic() + 30
        while os.path.exists(self.node) and time.monotonic() < end:
            time.sleep(0.05)


def nodes():
    return [f"/dev/{entry}" for entry in os.listdir("/sys/class/video4linux")]


def unplugged(watched, webcam, camera, name):
    """Pulls the plug of a program that prints labels, waits for the sentence, and plugs in another picture. Somebody has the
    device open meanwhile, as v4l2src may when it has failed: the camera comes back under another number."""
    watched.until("espresso")
    with open(webcam.node, "rb"):
        webcam.unplug()
        said = watched.until("opened anew")
        assert webcam.node in said and camera in said, said
        watched.quiet(2)  # of a frame that came before
        after = watched.quiet()
        assert name == "two-cameras.sh" or not after, after
        moved = Webcam("cat")
        assert moved.node != webcam.node
        watched.until(f"{moved.node} is back")
        label = watched.until("cat|tabby")
    moved.unplug()
    watched.until("opened anew")
    assert watched.stop() == 143, watched.seen
    print(f"# {name}: {said.strip()} / {moved.node}: {label.strip()}", flush=True)


def bound(verb):
    pathlib.Path(VIVID, verb).write_text("vivid.0", encoding="ascii")


@brief
def mjpeg():
    """MJPEG of a webcam on USB, unplugged in mid-stream: the right labels, and an error that names the camera"""
    webcam = Webcam()
    played = Played(f"v4l2src device={webcam.node} ! image/jpeg ! effnetclassify inference-mode=sync post-messages=all",
                    lambda played: len(played.results) > 1 and (webcam.unplug() or True))
    assert {result.label for result in played.results} == {"espresso"} and "v4l2src" in played.error, played.error
    print(f"# {played.results[0].label}; {played.error}", flush=True)


@full
def webcam_on_usb():
    """MJPEG of a webcam on USB; unplugged in mid-stream its error names it, and with --reconnect and another picture it goes on"""
    webcam = Webcam()
    line = f"v4l2src device={webcam.node} ! image/jpeg ! effnetclassify post-messages=all name=door ! fakesink".split()
    watched = Watched(EXE, "watch", *line)
    watched.until("espresso")
    webcam.unplug()
    said = watched.until("^effnet: ")
    assert webcam.node in said and "v4l2src" in said and watched.process.wait(20) == 1, said
    assert not watched.quiet(0), "results after the error"
    print(f"# unplugged: {said.strip()}", flush=True)
    node, webcam = webcam.node, Webcam()
    assert webcam.node == node  # the program has ended
    unplugged(Watched(EXE, "watch", "--reconnect", *line), webcam, "v4l2src", "effnet watch")


def follow(link):
    """Makes link lead to vivid's first camera, whatever its number, as udev's in /dev/v4l/by-id do."""
    end = time.monotonic() + PATIENCE
    while not (found := [node for node in nodes() if os.path.exists(node) and "vivid-000" in camera_name(node)]):
        assert time.monotonic() < end, nodes()
        time.sleep(0.1)
    pathlib.Path(link).unlink(missing_ok=True)
    os.symlink(found[0], link)


def camera_name(node):
    return pathlib.Path("/sys/class/video4linux", node[5:], "name").read_text(encoding="utf-8")


def rebound(watched, link=None):
    """Takes vivid from its device, waits for the sentence, and gives it back: no result in between."""
    node = link or "/dev/video0"
    bound("unbind")
    said = watched.until("opened anew")
    assert node in said, said
    if link is None:
        let_go(node, watched)
    watched.quiet(2)  # of a frame that came before
    assert not watched.quiet(), watched.seen[-3:]
    bound("bind")
    if link is not None:
        follow(link)
    watched.until(f"{node} is back")
    return said.strip()


@timed
def the_line():
    """v4l2src ! effnetclassify variant=b1: results from the frames of /dev/video0, as the camera prefers to send them, and
    again after its driver was gone for a while"""
    watched = Watched(EXE, "watch", "--json", "--reconnect",
                      *"v4l2src ! effnetclassify variant=b1 post-messages=all ! fakesink".split())
    line = json.loads(watched.until('^{"'))
    said = rebound(watched)
    again = json.loads(watched.until('^{"'))
    assert watched.stop() == 143 and len(line["top"]) == len(again["top"]) == 5, watched.seen
    print(f"# {line['top'][0]} at {line['stream_time_ns'] / 1e9:.1f} s / {said} / {again['top'][0]}", flush=True)


@full
def webcam_scripts():
    """the scripts for webcams wait for one that is unplugged"""
    for script in ("two-cameras.sh", "webcam-mjpeg.sh"):
        webcam = Webcam()
        other = ["/dev/video0"] if script == "two-cameras.sh" else []
        unplugged(Watched(ROOT / "pipelines" / script, webcam.node, *other, EFFNET_SINK="fakesink"), webcam, "", script)


@full
def preview():
    """webcam-preview.py waits for a camera whose driver is gone, and goes on with frames and labels; a link names the camera"""
    link = "/run/camera"
    follow(link)
    watched = Watched(sys.executable, ROOT / "pipelines/webcam-preview.py", link,
                      EFFNET_SOURCE=f"v4l2src device={link} ! video/x-raw,width=320,height=180",
                      EFFNET_SINK="effnetrecord ! fdsink")  # what is drawn, as text
    drawn = json.loads(watched.until('^{"'))
    said = rebound(watched, link)
    again = json.loads(watched.until('^{"'))
    watched.stop()
    print(f"# webcam-preview.py: {drawn['top'][0]} / {said} / {again['top'][0]}", flush=True)


@full
def driver_is_gone():
    """vivid's driver unbound in mid-stream and bound again, with a network quicker than the frames"""
    line = f"v4l2src ! video/x-raw,format=YUY2,width=640,height=360 ! {SMALL} post-messages=all ! fakesink".split()
    watched = Watched(EXE, "watch", "--reconnect", *line)
    watched.until("%")
    said = rebound(watched)
    watched.until("%")
    watched.stop()
    print(f"# {said}", flush=True)


# After a stream v4l2src 1.22 keeps the device open in this process, so that its number is not given again: what takes the
# driver away comes first.
tests.sort(key=lambda function: function.__name__ not in ("the_line", "driver_is_gone"))
if NAMES:
    tests[:] = [function for function in tests if function.__name__ in NAMES]
main()
