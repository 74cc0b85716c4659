# SPDX-License-Identifier: LGPL-2.1-or-later
"""Inputs that hang, lie about their size or come by other ways than a path: bounded in time and memory, and one answer
for one picture."""
import io
import json
import os
import pathlib
import resource
import shutil
import socket
import struct
import subprocess
import threading
import time
import zlib

from PIL import Image
from tool import EXE, MEDIA, effnet, main, test

CAT = (MEDIA / "cat.jpg").read_bytes()
MEMORY = 1_200_000_000  # bytes of address space: pictures are refused long before


def classify(*inputs, code=0, seconds=20, memory=None, **options):
    """Objects of stdout, lines of stderr; bounded in time and, with `memory`, in memory."""
    def limit():
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    began = time.monotonic()
    done = subprocess.run([EXE, "classify", "--json", "--top-k", "1", "--threads", "1", *map(str, inputs)],
                          capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit, **options)
    assert done.returncode == code, done
    assert time.monotonic() - began < seconds, time.monotonic() - began
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.splitlines()


def serve(answer):
    """A TCP server on the loopback whose connections are handled by `answer`; returns its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def loop():
        while True:
            connection, _ = server.accept()
            threading.Thread(target=guarded, args=(connection,), daemon=True).start()

    def guarded(connection):
        try:
            answer(connection)
        except OSError:
            pass  # the tool has left

    threading.Thread(target=loop, daemon=True).start()
    return server.getsockname()[1]


def http(connection, kind, length=None):
    connection.recv(4096)
    size = f"Content-Length: {length}\r\n" if length is not None else ""
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{size}Connection: close\r\n\r\n".encode())


def chunk(tag, body):
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


@test
def one_answer():
    """one picture has one score, to the last digit: by path, URI, link, upper-case name, pipe, stdin and HTTP"""
    shutil.copy(MEDIA / "cat.jpg", "UPPER.JPG")
    os.symlink(MEDIA / "cat.jpg", "link.dat")
    os.mkfifo("pipe")
    os.mkdir("folder")
    os.symlink(MEDIA / "cat.jpg", "folder/a.jpeg")

    def answer(connection):
        http(connection, "image/jpeg", len(CAT))
        connection.sendall(CAT)
        connection.close()

    def feed():
        with open("pipe", "wb") as f:
            f.write(CAT)

    writer = threading.Thread(target=feed)
    writer.start()
    url = f"http://127.0.0.1:{serve(answer)}/cat.jpg"
    found, err = classify(MEDIA / "cat.jpg", (MEDIA / "cat.jpg").as_uri(), "UPPER.JPG", "link.dat", "pipe", "folder", "-",
                          url, input=CAT.decode("latin-1"), encoding="latin-1")
    writer.join()
    assert err == [] and len(found) == 8, (found, err)
    assert len({line["top"][0]["score"] for line in found}) == 1, found


@test
def other_pictures():
    """pictures that GStreamer takes for clips or for nothing, and turned ones: the same by path, in a folder, by stdin and HTTP"""
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB").resize((240, 200))
    exif = Image.Exif()
    exif[0x112] = 5
    for name in ("a.png", "a.webp"):
        image.save(name, exif=exif)
    for name, options in (("b.tif", {"tiffinfo": {0x112: 7}}), ("c.ico", {}), ("d.jp2", {}), ("e.pbm", {}), ("f.gif", {})):
        (image.convert("1") if name == "e.pbm" else image).save(name, **options)
    rows = b"".join(bytes(image.crop((0, y, 240, y + 1)).tobytes("raw", "BGR")) for y in range(200))
    pathlib.Path("g.bmp").write_bytes(struct.pack("<2sIII", b"BM", 54 + len(rows), 0, 54) + struct.pack(
        "<IiiHHIIIIII", 40, 240, -200, 1, 24, 0, len(rows), 0, 0, 0, 0) + rows)  # from the top
    if shutil.which("avifenc"):
        image.save("still.png")
        subprocess.run("avifenc --irot 3 still.png h.avif".split(), capture_output=True, check=True)
    for name in sorted(path for path in os.listdir() if path[1:] in (".png", ".webp", ".tif", ".ico", ".jp2", ".pbm", ".gif", ".bmp", ".avif")):
        data = pathlib.Path(name).read_bytes()

        def answer(connection, data=data):
            http(connection, "application/octet-stream", len(data))
            connection.sendall(data)
            connection.close()

        os.mkdir("of-" + name)
        os.symlink(f"../{name}", f"of-{name}/{name}")
        words = [EXE, "classify", "--json", "-k1", name, "-", f"http://127.0.0.1:{serve(answer)}/", "of-" + name]
        done = subprocess.run(words, input=data, capture_output=True, check=False, timeout=60)
        found = [json.loads(line)["top"] for line in done.stdout.splitlines()]
        if done.returncode and b"install" in done.stderr:
            continue  # no loader here: nor is there by path
        assert len(found) == 4 and found.count(found[0]) == 4, (name, found, done.stderr)


@test
def gif():
    """a GIF, good or damaged, is one frame or a failure, and what is named after it is done"""
    os.mkdir("gifs")
    Image.open(MEDIA / "coffee.jpg").convert("P").save("gifs/a.gif")
    data = pathlib.Path("gifs/a.gif").read_bytes()
    pathlib.Path("gifs/b.gif").write_bytes(data[:len(data) // 2])
    pathlib.Path("gifs/c.gif").write_bytes(data[:20])
    pathlib.Path("gifs/d.gif").write_bytes(data[:-1] + bytes(1000))
    shutil.copy(MEDIA / "cat.jpg", "gifs/z.jpg")
    found, _ = classify("gifs", code=1)
    assert found[0]["source"] == "gifs/a.gif" and found[0]["top"][0]["label"] == "espresso", found
    assert found[-1]["source"] == "gifs/z.jpg" and len([f for f in found if f["source"] == "gifs/a.gif"]) == 1


@test
def special_files():
    """a folder's pipes, sockets and circles are left alone; a pipe that is named is waited for as --timeout says"""
    os.makedirs("odd/sub")
    os.mkfifo("odd/a.jpg")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("odd/b.jpg")
    os.symlink("..", "odd/sub/up")
    os.symlink("/dev/zero", "odd/c.png")
    os.symlink("../sub", "odd/sub/again")
    shutil.copy(MEDIA / "cat.jpg", "odd/sub/d.jpg")
    found, err = classify("odd")
    assert [line["source"] for line in found] == ["odd/sub/d.jpg"] and err == [], (found, err)
    found, err = classify("--timeout", "1", "odd/a.jpg", "odd/b.jpg", "/dev/zero", "odd/sub/d.jpg", code=1, seconds=10)
    assert len(found) == 1 and len(err) == 3 and "no frame for 1 seconds" in err[0], err
    assert "ordinary file" in err[2], err


@test
def pipe_stays_open():
    """half a picture from a pipe that stays open is a failure after --timeout"""
    read, write = os.pipe()
    os.write(write, CAT[:len(CAT) // 2])
    _, err = classify("--timeout", "1", "-", code=1, seconds=10, stdin=read)
    assert len(err) == 1 and "no frame for 1 seconds" in err[0], err


@test
def slow_servers():
    """a server that says nothing, or a byte now and then, is a failure after --timeout"""
    def silent(connection):
        time.sleep(60)

    def drip(connection):
        http(connection, "image/jpeg", len(CAT))
        for i in range(len(CAT)):
            connection.sendall(CAT[i:i + 1])
            time.sleep(0.3)

    mute, slow = serve(silent), serve(drip)
    found, err = classify("--timeout", "2", f"http://127.0.0.1:{mute}/a.jpg", f"rtsp://127.0.0.1:{mute}/a",
                          f"http://127.0.0.1:{slow}/a.jpg", f"http://127.0.0.1:{slow}/a.webm", MEDIA / "cat.jpg", code=1,
                          seconds=40)
    assert len(found) == 1 and len(err) == 4, (found, err)
    for line in err:
        assert "no frame for 2 seconds" in line, err


@test
def bombs():
    """a header that claims more than is read is refused from the header: one line, little time and memory"""
    side = 30000
    rows = zlib.compress(bytes(40_000_000), 9)
    exif = b"II*\0" + struct.pack("<IH", 8, 2) + struct.pack("<HHII", 256, 4, 1, side) + struct.pack("<HHII", 257, 4, 1, side)
    files = {
        "a.png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
                 chunk(b"IDAT", rows) + chunk(b"IEND", b""),
        "b.png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 1)),
        "c.png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16000, 16000, 8, 0, 0, 0, 0)),
        "d.png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
                 chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(1 << 20), 9)) * 5000 + chunk(b"IEND", b""),
        "a.bmp": b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, side, -side, 1, 24, 0, 0, 0, 0, 0, 0),
        "a.tif": exif + bytes(100),
        "a.gif": b"GIF89a" + struct.pack("<HHBBB", side, side, 0, 0, 0) + bytes(100),
        "a.webp": b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) +
                  (16382).to_bytes(3, "little") * 2 + bytes(8),
        "a.ppm": b"P6\n# large\n30000 30000\n255\n" + bytes(100),
    }
    for name, data in files.items():
        pathlib.Path(name).write_bytes(data)
        for words in ([name], ["--all-frames", name]):
            _, err = classify(*words, code=1, seconds=8, memory=MEMORY)
            assert len(err) == 1 and err[0].startswith(f"effnet: {name}: claims ") and "64 million" in err[0], err
    subprocess.run("gst-launch-1.0 -q videotestsrc num-buffers=1 ! jpegenc ! qtmux ! filesink location=a.mov".split(),
                   check=True, capture_output=True, timeout=60)
    data = bytearray(pathlib.Path("a.mov").read_bytes())
    at = data.index(b"jpeg", data.index(b"stsd")) + 28
    data[at:at + 4] = struct.pack(">HH", side, side)
    pathlib.Path("b.mov").write_bytes(data)
    _, err = classify("b.mov", code=1, seconds=15, memory=2 * MEMORY)
    assert len(err) == 1 and "claims frames of 30000 x 30000" in err[0], err


@test
def damaged_pictures():
    """cut and damaged pictures of every kind: a result or one line, never a signal"""
    import random
    random.seed(3)
    os.mkdir("cut")
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB").resize((90, 60))
    n = 0
    for kind in ("png", "gif", "bmp", "tif", "webp", "ppm"):
        image.save(f"whole.{kind}")
        data = pathlib.Path(f"whole.{kind}").read_bytes()
        for i in range(8):
            bad = bytearray(data[:len(data) * (i + 1) // 9] if i % 2 else data)
            for _ in range(i):
                bad[random.randrange(min(len(bad), 200))] = random.randrange(256)
            pathlib.Path(f"cut/{kind}{i}.{kind}").write_bytes(bad)
            n += 1
    done = subprocess.run([EXE, "classify", "--json", "--timeout", "5", "cut"], capture_output=True, text=True,
                          check=False, timeout=120, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY,) * 2))
    assert done.returncode == 1, done.stderr[-2000:]
    assert len({json.loads(line)["source"] for line in done.stdout.splitlines()}) + done.stderr.count("\n") == n, done.stderr
    assert all(line.startswith("effnet: cut/") for line in done.stderr.splitlines()), done.stderr


@test
def cut_pictures():
    """a picture whose file was cut is a failure that says so, not a result of the part that is there"""
    image = Image.open(MEDIA / "coffee.jpg").convert("RGB").resize((300, 200))
    for name, mode, options in (("u.png", "RGB", {}), ("u.gif", "P", {}), ("u.bmp", "RGB", {}), ("u.tif", "RGB", {}),
                                ("u.tif", "RGB", {"compression": "tiff_lzw"}), ("u.ppm", "RGB", {}), ("u.pgm", "L", {}),
                                ("u.pbm", "1", {}), ("u.webp", "RGB", {})):
        image.convert(mode).save(name, **options)
        data = pathlib.Path(name).read_bytes()
        classify(name)
        for percent in (10, 50, 98):
            pathlib.Path(name).write_bytes(data[:len(data) * percent // 100])
            found, err = classify(name, code=1)
            assert found == [] and len(err) == 1, (name, percent, found, err)


@test
def not_pictures():
    """what is no picture is named: HTML, text, HEIC"""
    pathlib.Path("page.jpg").write_text("<!DOCTYPE html>\n<html><body>404</body></html>\n")
    pathlib.Path("a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    for name, data, words in (("a.bz2", b"BZh9" + bytes(60), "a bzip2 archive"), ("a.xz", b"\xfd7zXZ\0" + bytes(60), "an xz archive"),
                              ("a.zst", b"\x28\xb5\x2f\xfd" + bytes(60), "a Zstandard archive"),
                              ("a.tar", b"a.jpg" + bytes(252) + b"ustar\0" + bytes(300), "a tar archive")):
        pathlib.Path(name).write_bytes(data)
        _, err = classify(name, code=1)
        assert len(err) == 1 and words in err[0], err
    _, err = classify("page.jpg", "a.heic", code=1)
    assert "text/html" in err[0] and "image/heif" in err[1] and "heif-convert" in err[1], err
    for data, words in ((bytes(range(1, 100)) * 50, "is no picture"), (bytes(5000), "is no picture"),
                        (b"8BPS" + bytes(4000), "photoshop, which is not read")):
        pathlib.Path("data.jpg").write_bytes(data)
        _, err = classify("data.jpg", code=1)
        assert "data.jpg: is " in err[0] and words in err[0], err


@test
def sound_alone():
    """of a file of sound alone, and of a server that does not answer, it is said what is wrong"""
    for name, chain in (("a.wav", "wavenc"), ("a.ogg", "vorbisenc ! oggmux")):
        subprocess.run(f"gst-launch-1.0 -q audiotestsrc num-buffers=10 ! {chain} ! filesink location={name}".split(), check=True,
                       capture_output=True, timeout=60)
        _, err = classify(name, code=1)
        assert len(err) == 1 and "holds sound, but no picture" in err[0], err
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    _, err = classify(f"http://127.0.0.1:{port}/a.jpg", code=1)
    assert len(err) == 1 and "damaged" not in err[0], err


@test
def few_descriptors():
    """with hardly a file descriptor a clip ends all the same: what of GStreamer hangs then is left behind"""
    for i in range(8):
        done = subprocess.run([EXE, "classify", "--json", "-k1", "--threads", "1", "--timeout", "3", MEDIA / "pan.webm"],
                              capture_output=True, text=True, timeout=60, check=False,
                              preexec_fn=lambda n=8 + i % 4: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
        assert done.returncode in (0, 1) and (done.returncode == 0 or done.stderr.count("\n") == 1), done


@test
def frames_in_a_pipe():
    """JPEG after JPEG without a container, by stdin and by a FIFO: each frame when it is there; a picture with others behind it"""
    coffee, small = io.BytesIO(), io.BytesIO()
    Image.open(MEDIA / "coffee.jpg").resize(Image.open(MEDIA / "cat.jpg").size).save(coffee, "JPEG", restart_marker_rows=1)
    Image.new("RGB", (96, 64)).save(small, "JPEG")
    frames = [CAT, coffee.getvalue(), CAT + b"\0\r\n", CAT[:2] + b"\xff\xe1\0\x08\xff\xd8\xff\xd9ab" + CAT[2:]]
    os.mkfifo("frames")
    for name in ("-", "frames"):
        tool = subprocess.Popen([EXE, "classify", "--json", "-k1", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pipe = tool.stdin if name == "-" else open("frames", "wb", buffering=0)
        pipe.write(b"".join(frames) + CAT[:5000])
        pipe.flush()
        lines = [json.loads(tool.stdout.readline()) for _ in frames]  # the pipe stays open
        pipe.write(CAT[5000:] + CAT[:9000])  # the last one is cut off
        pipe.close()
        lines += map(json.loads, tool.stdout.read().splitlines())
        assert [line["frame"] for line in lines] == [0, 1, 2, 3, 4], lines
        assert ["espresso" == line["top"][0]["label"] for line in lines] == [False, True, False, False, False], lines
        assert tool.wait(60) == 0
    pathlib.Path("two").write_bytes(CAT + CAT)
    with subprocess.Popen(["cat", "two", "/dev/zero"], stdout=subprocess.PIPE) as endless:
        found, err = classify("--timeout", "1", "-", code=1, stdin=endless.stdout)
        endless.kill()
    assert len(found) == 2 and len(err) == 1 and "no frame for 1 seconds" in err[0], (found, err)
    index = CAT[:2] + b"\xff\xe2\0\x06MPF\0" + CAT[2:]
    for data in (CAT, CAT + small.getvalue(), index + CAT, CAT + b"x" + CAT, small.getvalue() + CAT):
        pathlib.Path("one.jpg").write_bytes(data)
        file, pipe = ([json.loads(line) for line in subprocess.run(
            [EXE, "classify", "--json", name], input=data, stdout=subprocess.PIPE, check=True).stdout.splitlines()]
            for name in ("one.jpg", "-"))
        assert len(file) == len(pipe) == 1 and file[0]["top"] == pipe[0]["top"], (file, pipe)


@test
def live_at_once():
    """frames of a live HTTP camera: the first line comes before the camera goes on, later ones are of the newest frame"""
    seen = threading.Event()

    def frame(data):
        return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data)

    def camera(connection):
        http(connection, "multipart/x-mixed-replace; boundary=frame")
        for _ in range(50):
            connection.sendall(frame(CAT))
            if seen.wait(0.02):
                break
        seen.wait(60)
        for _ in range(2000):  # far faster than they are classified
            connection.sendall(frame(CAT))
        connection.sendall(frame((MEDIA / "coffee.jpg").read_bytes()))
        connection.close()

    port = serve(camera)
    tool = subprocess.Popen([EXE, "classify", "--json", "-k1", "--timeout", "30", f"http://127.0.0.1:{port}/"],
                            stdout=subprocess.PIPE, text=True)
    first = tool.stdout.readline()
    seen.set()
    later = tool.communicate(timeout=120)[0].splitlines()
    labels = [json.loads(line)["top"][0]["label"] for line in (first, *later)]
    assert "cat" in labels[0] and labels[-1] == "espresso" and len(labels) < 1000, (len(labels), labels[-1])


@test
def exit_codes_are_documented():
    """the usage names each exit code"""
    text = effnet("--help").out
    for word in ("0 done", "1 some input failed", "2 wrong use", "128 + N"):
        assert word in text, text


main()
