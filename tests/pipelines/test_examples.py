# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every file of pipelines/ is run; where it wants a camera it gets a test source."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from tool import EXE, MEDIA, ROOT, Skip, main, test  # noqa: E402

PIPELINES = ROOT / "pipelines"
PHOTO = f'multifilesrc location={MEDIA / "coffee.jpg"} caps=image/jpeg,framerate=15/1 num-buffers=20 loop=true'
covered = {"common.sh", "setup.sh", "setup_path.py",  # sourced and imported by the others
           "evening.sh", "clip-camera.py"}  # run by test_evening.py


def run(name, *arguments, code=0, timeout=120, **env):
    covered.add(name)
    command = [PIPELINES / name] if name.endswith(".sh") else [sys.executable, PIPELINES / name]
    done = subprocess.run([*map(str, command), *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False, env={**os.environ, **env,
                                                             "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@test
def picture_to_label():
    """picture-to-label.sh: cat and coffee; a name with a percent sign and a space; a missing file"""
    assert "cat" in run("picture-to-label.sh").stdout
    odd = pathlib.Path("50%41 x.jpg")
    odd.write_bytes((MEDIA / "coffee.jpg").read_bytes())
    assert "espresso" in run("picture-to-label.sh", odd.resolve()).stdout
    assert "none.jpg" in run("picture-to-label.sh", "none.jpg", code=1).stderr


@test
def clip_to_jsonl():
    """clip-to-jsonl.sh: eight of eighty frames, the cat before the coffee"""
    lines = [json.loads(line) for line in run("clip-to-jsonl.sh").stdout.splitlines()]
    assert [line["frame"] for line in lines] == list(range(0, 80, 10))
    assert "cat" in lines[0]["top"][0]["label"] and lines[-1]["top"][0]["label"] == "espresso"


@test
def webcam_preview():
    """webcam-preview.py: the label is drawn; a missing camera is a sentence"""
    from PIL import Image, ImageChops
    run("webcam-preview.py", EFFNET_SOURCE=f"{PHOTO} ! jpegdec",
        EFFNET_SINK="pngenc snapshot=true ! filesink location=a.png")
    plain = Image.open(MEDIA / "coffee.jpg").convert("RGB")
    changed = ImageChops.difference(Image.open("a.png").convert("RGB"), plain).convert("L")
    box = changed.point(lambda v: 255 * (v > 60)).getbbox()
    assert box is not None and box[1] > plain.height // 2 and box[2] < plain.width // 2, box
    assert "webcam-preview" in run("webcam-preview.py", "/dev/none", code=1, EFFNET_SINK="fakesink").stderr


@test
def webcam_mjpeg():
    """webcam-mjpeg.sh: JPEG frames go through untouched, the label is printed once"""
    out = run("webcam-mjpeg.sh", EFFNET_SOURCE=PHOTO, EFFNET_SINK="fakesink").stdout
    assert out.count("\n") == 1 and "espresso" in out, out


@test
def two_cameras():
    """two-cameras.sh: each camera's label with its name"""
    out = run("two-cameras.sh", EFFNET_SOURCE=PHOTO).stdout
    rows = sorted(line.split() for line in out.splitlines())
    assert [(row[0], row[-1]) for row in rows] == [("first", "espresso"), ("second", "espresso")], out


@test
def read_metadata():
    """read-metadata.py: metadata survives queue, conversion and scaling; every fifth result is fresh"""
    out = run("read-metadata.py").stdout.splitlines()
    assert out[-1] == "80 frames" and len(out) == 17, out
    assert "cat" in out[0] and "espresso" in out[-2]
    assert "not found" in run("read-metadata.py", "none.webm", code=1).stderr


@test
def classify_boxes():
    """classify-boxes.py: one line a box, cut to the picture; no boxes and no pictures are sentences"""
    out = run("classify-boxes.py").stdout.splitlines()
    assert len(out) == 2 and "cat" in out[0] and out[1].startswith("0,0,90,90 "), out
    out = run("classify-boxes.py", MEDIA / "coffee.jpg", "50,50,300,300", "0,0,9999,9999").stdout.splitlines()
    assert len(out) == 2 and all("espresso" in line for line in out) and "9999" not in out[1], out
    assert "0,0" in run("classify-boxes.py", MEDIA / "coffee.jpg", "0,0", code=1).stderr
    assert "none.jpg" in run("classify-boxes.py", "none.jpg", code=1).stderr
    assert "JPEG" in run("classify-boxes.py", ROOT / "README.md", "0,0,1,1", code=1).stderr


@test
def teach():
    """teach.py: two photographs get labels, in one run after the other, and keep them"""
    lines = {"cat": ["teach my cat"] * 3, "coffee": ["teach a cup"] * 3 + ["train"]}

    def taught(photo, commands, wait):
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
               "EFFNET_SOURCE": f"filesrc location={MEDIA / photo}.jpg ! jpegdec ! imagefreeze is-live=true ! "
                                "video/x-raw,framerate=10/1"}
        covered.add("teach.py")
        script = subprocess.Popen([sys.executable, PIPELINES / "teach.py", "taught"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, env=env)
        script.stdin.write("".join(line + "\n" for line in commands))
        script.stdin.flush()
        out = []
        while not out or not out[-1].startswith(wait):
            line = script.stdout.readline()
            assert line, out
            out.append(line.strip())
        script.stdin.close()
        script.wait(60)
        assert script.returncode == 0
        return out

    assert taught("cat", lines["cat"], "teach: my cat")[0] in ("tabby", "tiger cat", "Egyptian cat")
    assert "espresso" in taught("coffee", lines["coffee"], "trained: version 1, 100 %")
    assert taught("cat", [], "my cat") == ["my cat"]
    assert taught("coffee", ["rollback"], "rolled back")[0] == "a cup"
    assert "teach: " in run("teach.py", "none/taught", code=1, EFFNET_SOURCE=PHOTO).stderr


@test
def collected():
    """what save-examples saves effnet train reads, and its head answers in the element"""
    env = {**os.environ, "GST_PLUGIN_PATH": str(pathlib.Path(os.environ["EFFNET_BUILD_ROOT"]) / "gst-plugin")}
    clip = ["filesrc", f"location={MEDIA / 'pan.webm'}", "!", "decodebin", "!", "effnetclassify"]

    def launch(*settings):
        done = subprocess.run(["gst-launch-1.0", "-m", *clip, *settings, "!", "fakesink"], capture_output=True,
                              text=True, timeout=120, check=False, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # paced: what comes while pictures are being written is not saved
    launch("save-examples=saved", "save-margin=1", "save-interval=0", "!", "identity", "sleep-time=20000")
    lines = [json.loads(line) for line in open("saved/examples.jsonl", encoding="utf-8")]
    assert len(lines) > 8 and all(pathlib.Path("saved", line["file"]).is_file() for line in lines)
    done = subprocess.run([EXE, "train", "saved", "--output", "head", "--head-only"], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    heard = launch("heads=pan=head", "post-messages=all")
    assert heard.count("head=(string)pan") >= 80 and "label=(string)espresso" in heard, heard[-2000:]


@test
def rtsp_camera():
    """rtsp-camera.sh: labels from a real RTSP server on the loopback"""
    server_code = """
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(address="127.0.0.1", service="0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(sys.argv[1])
server.get_mount_points().add_factory("/camera", factory)
assert server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""
    raw = "jpegdec ! videoconvert"
    for payload in (f"{raw} ! vp8enc deadline=1 ! rtpvp8pay", f"{raw} ! jpegenc ! rtpjpegpay",
                    f"{raw} ! x264enc tune=zerolatency key-int-max=15 ! rtph264pay",
                    f"{raw} ! x265enc tune=zerolatency key-int-max=15 ! rtph265pay"):
        launch = (f"( multifilesrc location={MEDIA / 'coffee.jpg'} caps=image/jpeg,framerate=15/1 loop=true "
                  f"num-buffers=60 ! {payload} name=pay0 )")
        server = subprocess.Popen([sys.executable, "-c", server_code, launch], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        try:
            port = server.stdout.readline().strip()
            if not port:
                covered.add("rtsp-camera.sh")
                raise Skip("gir1.2-gst-rtsp-server-1.0 is not installed")
            out = run("rtsp-camera.sh", f"rtsp://127.0.0.1:{port}/camera").stdout
            assert "espresso" in out, out
        finally:
            server.kill()
            server.wait()
    run("rtsp-camera.sh", code=2)


@test
def at_once():
    """each camera script prints its first line into a pipe while the camera goes on, whatever awk there is"""
    live = f'{PHOTO.replace(" num-buffers=20", "")} ! identity sync=true'
    for name in ("webcam-mjpeg.sh", "two-cameras.sh"):
        script = subprocess.Popen([PIPELINES / name], stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, "EFFNET_SOURCE": live, "EFFNET_SINK": "fakesink"})
        patience = threading.Timer(60, script.kill)
        patience.start()
        assert "espresso" in script.stdout.readline(), name  # the only one: the label does not change
        patience.cancel()
        script.terminate()
        assert script.wait(timeout=20) == 128 + signal.SIGTERM, name


@test
def own_classes():
    """own-classes.sh: two classes of the clip are told apart live; pictures from a camera, one folder a label"""
    out = pathlib.Path("own").resolve()
    done = run("own-classes.sh", EFFNET_OWN_OUT=str(out), timeout=300)
    labels = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("effnetclassify0")]
    assert [name for name in labels if name != "unknown"][:2] == ["cat", "cup"], done.stdout
    assert "trained after" in done.stdout and (out / "model" / "report.html").is_file()
    assert "LABEL LABEL" in run("own-classes.sh", "--camera", "/dev/none", "one", code=2).stderr
    script = [PIPELINES / "own-classes.sh", "--camera", "/dev/none", "a", "b"]
    done = subprocess.run([*map(str, script)], input="\n" * 8, capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "EFFNET_OWN_OUT": str(out), "EFFNET_SOURCE": PHOTO, "EFFNET_SECONDS": "3"})
    taken = sorted(path.name for path in (out / "pictures" / "a").iterdir())
    assert len(taken) >= 8 and taken[0].startswith("take1_"), (taken, done.stderr)
    assert {name.split("_")[0] for name in taken} == {f"take{i}" for i in range(1, 5)}, taken
    mine = out / "pictures" / "a" / "take1_mine.jpg"
    mine.write_bytes((MEDIA / "cat.jpg").read_bytes())
    run("own-classes.sh", EFFNET_OWN_OUT=str(out), timeout=300)
    assert mine.is_file(), "a later run lost pictures that were taken"


@test
def demo():
    """demo.sh: a table, and pictures with the label on them; a bad file does not stop the others"""
    from PIL import Image
    out = pathlib.Path("demo").resolve()
    done = run("demo.sh", EFFNET_DEMO_OUT=str(out), timeout=500)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any(row[:1] == ["cat.jpg"] and row[-1] in ("cat", "tabby") for row in rows), done.stdout
    assert any(row[:1] == ["coffee.jpg"] and row[-1] == "espresso" for row in rows), done.stdout
    assert done.stdout.count("espresso") == 2, done.stdout  # the picture's and the clip's
    for name in ("cat", "coffee", "pan"):
        assert f"{out}/{name}.png" in done.stdout
    plain = Image.open(MEDIA / "cat.jpg").convert("L")
    drawn = Image.open(out / "cat.png").convert("L")
    assert drawn.size == plain.size
    box = (0, plain.height - 40, plain.width // 2, plain.height)
    bright = sum(v > 220 for v in drawn.crop(box).getdata())
    assert bright > 150 > sum(v > 220 for v in plain.crop(box).getdata()), bright
    pathlib.Path("text.jpg").write_text("no picture")
    done = run("demo.sh", "text.jpg", "none.jpg", MEDIA / "cat.jpg", code=1, timeout=500,
               EFFNET_DEMO_OUT=str(out))
    assert "text.jpg: " in done.stderr and "none.jpg: " in done.stderr and "cat.jpg" in done.stdout, done


@test
def all_are_run():
    """no example is left out of this test"""
    files = {p.name for p in PIPELINES.iterdir() if p.suffix in (".sh", ".py")}
    assert files == covered, files ^ covered


main()
