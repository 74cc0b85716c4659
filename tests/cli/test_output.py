# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the tool's output reaches its reader: line by line, clean at its end, without foreign control characters."""
import array
import fcntl
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import termios
import time

import numpy as np
from tool import EXE, MEDIA, MODEL, effnet, failure, main, test

CLIP = str(MEDIA / "pan.webm")
ESCAPE = "\x1b[31m"


def start(*arguments, **options):
    return subprocess.Popen([EXE, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def writer_of(path, tool):
    """A pipe's writing end, once the tool waits at the other."""
    for _ in range(1000):
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert tool.poll() is None, "the tool ended before the pipe was written"
            time.sleep(0.02)
    raise AssertionError("the tool does not read the pipe")


def waiting(pipe):
    """Bytes that wait in a pipe."""
    n = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, n)
    return n[0]


@test
def lines_when_known():
    """a line of JSON or of the table is written when it is known, not when the work is done"""
    os.mkfifo("later.jpg")
    for form in (["--json"], []):
        tool = start("classify", *form, "--top-k", "1", "--timeout", "100", CLIP, "later.jpg")
        assert tool.stdout.readline() != b""  # the second picture is not there yet
        pipe = writer_of("later.jpg", tool)
        os.set_blocking(pipe, True)
        with os.fdopen(pipe, "wb") as file:
            file.write((MEDIA / "cat.jpg").read_bytes())
        assert b"later.jpg" in tool.stdout.read() and tool.wait() == 0, tool.stderr.read()


@test
def signals():
    """SIGINT, SIGTERM and SIGHUP end the work between two lines, with 128 + their number"""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        tool = start("classify", "--json", *[CLIP] * 200,
                     preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))  # the tests may be under nohup
        tool.stdout.readline()
        tool.send_signal(number)
        out, err = tool.communicate(timeout=20)
        assert tool.returncode == 128 + number and err == b"", (tool.returncode, err)
        assert out == b"" or out.endswith(b"\n"), out[-80:]
        for line in out.splitlines():
            json.loads(line)


@test
def nohup():
    """what is to go on without its terminal does"""
    tool = start("classify", "--json", *[CLIP] * 3, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    tool.stdout.readline()
    tool.send_signal(signal.SIGHUP)
    out, err = tool.communicate(timeout=60)
    assert tool.returncode == 0 and err == b"", (tool.returncode, err)


@test
def signal_in_an_inference():
    """a signal does not wait for the end of an inference that takes minutes"""
    os.mkfifo("slow.jpg")
    np.save("slow.npy", np.zeros((1, 600, 600, 3), "<f4"))
    slow = ("--variant", "b7", "--synthetic", "1", "--threads", "1")
    for command in (("classify", *slow, "slow.jpg"), ("run", *slow, "--input", "slow.npy", "--output", "out.npy")):
        tool = start(*command, env={**os.environ, "EFFNET_ISA": "ref"})
        if command[0] == "classify":
            with os.fdopen(writer_of("slow.jpg", tool), "wb") as file:
                file.write((MEDIA / "cat.jpg").read_bytes())
        else:
            while not list(pathlib.Path().glob("out.npy*")):
                assert tool.poll() is None
                time.sleep(0.02)
        time.sleep(1)  # into the inference; before it the signal ends the work as well
        tool.send_signal(signal.SIGINT)
        assert tool.communicate(timeout=20) == (b"", b"") and tool.returncode == 128 + signal.SIGINT, tool.returncode
    assert not list(pathlib.Path().glob("out.npy*"))


@test
def signal_in_a_picture():
    """what had come of a picture when a signal came is not classified"""
    read, write = os.pipe()
    tool = start("classify", "--json", "-", stdin=read)
    os.write(write, (MEDIA / "cat.jpg").read_bytes()[:-2000])
    while waiting(read) > 0:
        time.sleep(0.02)
    time.sleep(0.5)
    tool.send_signal(signal.SIGTERM)
    assert tool.communicate(timeout=20) == (b"", b"") and tool.returncode == 128 + signal.SIGTERM, tool.returncode


@test
def signal_in_a_line():
    """a signal while the reader is behind cuts no line; a reader who reads no more is not waited for"""
    for leaves in (False, True):
        tool = start("classify", "--json", "--top-k", "1000", *[CLIP] * 50)
        held = [0]
        while held[-1] < 30000 or held[-20:] != held[-1:] * 20:  # the pipe takes no more
            time.sleep(0.05)
            held.append(waiting(tool.stdout))
        tool.send_signal(signal.SIGTERM)
        if leaves:
            assert tool.wait(timeout=30) == 128 + signal.SIGTERM
            continue
        out, err = tool.communicate(timeout=20)
        assert tool.returncode == 128 + signal.SIGTERM and err == b"", (tool.returncode, err)
        for line in out.splitlines():
            json.loads(line)


@test
def killed():
    """a long line is one write: who is killed leaves whole lines, and a full disk is named as such"""
    for kept in range(8):
        tool = start("embed", "--json", *[CLIP] * 50)
        out = b"".join(tool.stdout.readline() for _ in range(kept + 1))
        tool.kill()
        out += tool.communicate(timeout=20)[0]
        assert len(out) > 6000 * kept and out.endswith(b"}\n"), (kept, out[-80:])
    with open("/dev/full", "wb") as full:
        done = subprocess.run([EXE, "embed", "--json", MEDIA / "cat.jpg"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and done.stderr == b"effnet: standard output: No space left on device\n", done


@test
def reader_leaves():
    """a reader that leaves ends the work at once: one sentence, exit 1"""
    tool = start("classify", "--json", *[CLIP] * 200)
    tool.stdout.readline()
    tool.stdout.close()
    assert tool.wait(timeout=20) == 1
    err = tool.stderr.read().decode()
    assert err == "effnet: standard output: Broken pipe\n", err


@test
def stdout_fails():
    """a full disk or a closed stdout ends the work at once: one sentence, exit 1; nothing goes elsewhere"""
    for redirect in (">/dev/full", ">&-"):
        began = time.monotonic()
        done = subprocess.run(["sh", "-c", f'exec "$@" {redirect}', "sh", EXE, "classify", *[CLIP] * 500],
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 1 and time.monotonic() - began < 10, done
        assert done.stderr.startswith(b"effnet: standard output: ") and done.stderr.count(b"\n") == 1, done
    pathlib.Path("y").mkdir()
    done = subprocess.run(["sh", "-c", 'exec "$@" >&- <&- 2>&-', "sh", EXE, "preprocess", MEDIA / "cat.jpg", "--output",
                           "y/x.npy"], timeout=60, check=False)
    assert np.load("y/x.npy").shape == (1, 224, 224, 3) and os.listdir("y") == ["x.npy"], done


@test
def digits():
    """scores have as many digits as a float needs, and give the float back"""
    for line in effnet("classify", "--json", "--top-k", "50", MEDIA / "cat.jpg").out.splitlines():
        for text in json.loads(line, parse_float=str)["top"]:
            score = np.float32(text["score"])
            assert float(text["score"]) == float(np.format_float_scientific(score)), text


@test
def control_characters():
    """control characters of file names and labels are escaped in the table and on stderr; JSON keeps them"""
    name = f"{ESCAPE}a\nb\u202e.jpg"
    shutil.copy(MEDIA / "coffee.jpg", name)
    label = f"x{ESCAPE}\x7f\u009b\u202ey \"\\"
    pathlib.Path("names.txt").write_text("".join(f"{label} {i}\n" for i in range(1000)))
    table = effnet("classify", "--labels", "names.txt", "--top-k", "1", name).out
    assert table.count("\n") == 2 and "\\u001b[31ma\\u000ab\\u202e.jpg" in table, table
    (line,) = effnet("classify", "--json", "--labels", "names.txt", "--top-k", "1", name).out.splitlines()
    assert line.isprintable(), ascii(line)
    found = json.loads(line)
    assert found["source"] == name and found["top"][0]["label"] == label + " 967", found
    missing = failure("classify", f"no{ESCAPE}\n.jpg", says=["no\\u001b[31m\\u000a.jpg"])
    assert missing.err.rstrip("\n").isprintable()
    for command in (["--labels", f"no{ESCAPE}.txt"], ["--model", f"no{ESCAPE}"], ["--precision", ESCAPE], [f"--x{ESCAPE}"]):
        done = subprocess.run([EXE, "classify", *command, name], capture_output=True, text=True, check=False)
        assert done.returncode in (1, 2) and done.stderr.rstrip("\n").isprintable(), ascii(done.stderr)
    assert effnet(ESCAPE, code=2).err.rstrip("\n").isprintable()
    assert effnet("info", f"./no{ESCAPE}", code=1).err.rstrip("\n").isprintable()


@test
def long_names():
    """a name of megabytes inside a model makes no message of megabytes"""
    header = json.dumps({"x" * 5_000_000: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    pathlib.Path("long.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    done = failure("classify", "--model", "long.safetensors", "--variant", "b0", MEDIA / "cat.jpg")
    assert len(done.err) < 2000, len(done.err)
    done = failure("classify", "n" * 100_000)
    assert len(done.err) < 2000, len(done.err)


@test
def short_options():
    """a short option's value may follow at once"""
    (one,) = effnet("classify", "--json", "-k1", "-t1", "-n5", f"-m{MODEL}", MEDIA / "cat.jpg").out.splitlines()
    assert len(json.loads(one)["top"]) == 1
    shutil.copy(MEDIA / "cat.jpg", "-k1")
    (one,) = effnet("classify", "-jk", "1", "--", "-k1").out.splitlines()
    assert json.loads(one)["source"] == "-k1"


@test
def plain_logits():
    """without an activation the table shows logits, not percent"""
    assert "%" not in effnet("classify", "--activation", "none", MEDIA / "cat.jpg").out


def scores(*options):
    """class -> score of the cat"""
    (line,) = effnet("classify", "--json", "-k1000", *options, MEDIA / "cat.jpg").out.splitlines()
    return {entry["id"]: entry["score"] for entry in json.loads(line)["top"]}


@test
def temperature():
    """logits are divided by --temperature, or by the card's: p^(1/T), normalised"""
    plain, hot = scores(f"-m{MODEL}"), scores(f"-m{MODEL}", "--temperature", "2")
    total = sum(p**0.5 for p in plain.values())
    assert all(abs(hot[i] - p**0.5 / total) < 1e-5 for i, p in plain.items())
    card = json.loads((MODEL / "config.json").read_text())
    card["effnet"]["temperature"] = 2
    folder = pathlib.Path("warm")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(card))
    (folder / "model.safetensors").symlink_to(MODEL / "model.safetensors")
    assert scores(f"-m{folder}") == hot
    assert scores(f"-m{folder}", "--temperature", "1") == plain
    failure("classify", "--temperature", "101", MEDIA / "cat.jpg", says=["temperature of 101"])


main()
