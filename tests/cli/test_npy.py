# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet run, and its distrust of .npy files."""
import os
import pathlib
import resource
import signal
import struct
import subprocess
import time

import numpy as np
from tool import EXE, MODEL, effnet, failure, main, tensor, test

SIZE = 64  # a small network input: the layout is the same, the arithmetic less


def batch(n, size=SIZE, seed=1):
    return np.random.default_rng(seed).standard_normal((n, size, size, 3)).astype("<f4")


def run(x, *arguments, synthetic=True):
    np.save("x.npy", x)
    which = ("--variant", "lite0", "--synthetic", "7") if synthetic else ("--model", MODEL)
    effnet("run", *which, "--input", "x.npy", "--output", "y.npy", *arguments)
    return np.load("y.npy")


@test
def shapes():
    """logits and features have the documented shapes; a row does not depend on its neighbours"""
    x = batch(3)
    y = run(x)
    assert y.shape == (3, 1000) and y.dtype == np.float32 and np.isfinite(y).all()
    features = run(x, "--features")
    assert features.shape == (3, 1280) and features.dtype == np.float32
    assert np.array_equal(run(x[1:2]), y[1:2])
    assert not np.array_equal(y[0], y[1])


@test
def stages():
    """feature maps come in files of their own, and change no logits; all files or none"""
    x = batch(2)
    y = run(x)
    assert np.array_equal(run(x, "--stages", "8,0,3"), y)
    shapes = {0: (2, 32, 32, 32), 3: (2, 8, 8, 40), 8: (2, 2, 2, 1280)}
    maps = {k: np.load(f"y-stage{k}.npy") for k in shapes}
    assert all(maps[k].shape == shapes[k] and maps[k].dtype == np.float32 for k in shapes)
    assert sorted(p.name for p in pathlib.Path().glob("y-stage*")) == [f"y-stage{k}.npy" for k in shapes]
    assert np.abs(maps[8].mean((1, 2)) - run(x, "--features")).max() < 1e-5
    pathlib.Path("locked-stage3.npy").mkdir()
    failure("run", "--variant", "lite0", "--synthetic", 7, "--input", "x.npy", "--output", "locked", "--stages",
            "3", says=["locked-stage3.npy"])
    assert not pathlib.Path("locked").exists()
    failure("run", "--variant", "lite0", "--synthetic", 7, "--input", "x.npy", "--output", "z.npy", "--stages",
            "3,9", says=["stage 9 asked for; lite0 has 0 to 8"])
    for wrong in ("", "3,", "x", "-1", "1;2", "31"):
        failure("run", "--input", "x.npy", "--output", "z.npy", "--stages", wrong, says=["--stages", "3,5,7"], code=2)


@test
def classifier():
    """the default model's logits are its classifier applied to its features"""
    x = batch(2, 224)
    y, features = run(x, synthetic=False), run(x, "--features", synthetic=False)
    expected = features.astype(float) @ tensor("_fc.weight").T + tensor("_fc.bias")
    assert np.abs(y - expected).max() < 1e-4, np.abs(y - expected).max()


@test
def threads():
    """results are the same, bit for bit, for 1, 2, 3 and 8 threads"""
    x = batch(2, 96)
    one = run(x, "--threads", "1")
    for n in (2, 3, 8):
        assert np.array_equal(run(x, "--threads", n), one), n


@test
def empty_batch():
    """no rows in, no rows out"""
    assert run(batch(0)).shape == (0, 1000)


@test
def versions():
    """header version 2 is read as version 1 is"""
    x = batch(1)
    expected = run(x)
    with open("x2.npy", "wb") as f:
        np.lib.format.write_array(f, x, version=(2, 0))
    effnet("run", "--variant", "lite0", "--synthetic", "7", "--input", "x2.npy", "--output", "y.npy")
    assert np.array_equal(np.load("y.npy"), expected)


def npy(header, payload=b"", version=1, length=None):
    text = header.encode() + b"\n"
    size = len(text) if length is None else length
    return (b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) +
            text + payload)


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 3), }"


@test
def bad_files():
    """every rule of the reader has a file that breaks it, and a sentence that says so"""
    zeros = bytes(12)
    cases = {
        "empty": (b"", "not a .npy"),
        "magic": (b"PK\x03\x04" + bytes(100), "not a .npy"),
        "version": (b"\x93NUMPY\x09\x00" + bytes(100), "version 9"),
        "cut header": (npy(GOOD)[:40], "ends inside its header"),
        "cut version 2": (npy(GOOD, version=2)[:11], "ends inside its header"),
        "huge header": (npy(GOOD, zeros, version=2, length=0x7fffffff), "header of 2147483647"),
        "zero in header": (npy(GOOD.replace("}", "\0")), "zero byte"),
        "no dictionary": (npy("[1, 2]", zeros), "not a dictionary"),
        "bad key": (npy("{'descr' '<f4'}", zeros), "plain keys"),
        "unknown key": (npy(GOOD.replace("'descr'", "'dtype'"), zeros), "unknown key 'dtype'"),
        "twice": (npy(GOOD.replace("}", "'shape': (1,)}"), zeros), "'shape' stands twice"),
        "missing": (npy("{'descr': '<f4', 'fortran_order': False}", zeros), "'shape' is missing"),
        "type": (npy(GOOD.replace("<f4", "<f8"), bytes(24)), "'<f8'; expected '<f4'"),
        "big-endian": (npy(GOOD.replace("<f4", ">f4"), zeros), "'>f4'; expected '<f4'"),
        "record type": (npy(GOOD.replace("'<f4'", "[('a', '<f4')]"), zeros), "not a simple type"),
        "fortran": (npy(GOOD.replace("False", "True"), zeros), "Fortran"),
        "fortran word": (npy(GOOD.replace("False", "Maybe"), zeros), "neither True nor False"),
        "shape word": (npy(GOOD.replace("(1, 1, 1, 3)", "'x'"), zeros), "not a tuple"),
        "negative": (npy(GOOD.replace("(1,", "(-1,"), zeros), "not a tuple"),
        "many dimensions": (npy(GOOD.replace("(1,", "(1, 1, 1, 1, 1, 1,"), zeros), "not a tuple"),
        "huge number": (npy(GOOD.replace("(1,", "(99999999999999999999,"), zeros), "not a tuple"),
        "overflow": (npy(GOOD.replace("(1, 1,", "(4294967296, 4294967296,"), zeros), "overflows"),
        "no comma": (npy(GOOD.replace("False,", "False"), zeros), "no comma"),
        "tail": (npy(GOOD + " x", zeros), "text after"),
        "short": (npy(GOOD, zeros[:11]), "11 bytes of numbers; its shape asks for 12"),
        "long": (npy(GOOD, zeros + b"x"), "13 bytes of numbers; its shape asks for 12"),
    }
    for name, (data, says) in cases.items():
        with open("bad.npy", "wb") as f:
            f.write(data)
        done = failure("run", "--variant", "lite0", "--synthetic", "7", "--input", "bad.npy",
                       "--output", "y-bad.npy", says=["bad.npy", says])
        assert done.out == "" and not os.path.exists("y-bad.npy"), name


@test
def bad_shapes():
    """a tensor that is not [N, S, S, 3] is refused with its shape"""
    for shape in ((1, 64, 64), (1, 64, 64, 4), (1, 0, 32, 3), (64, 64, 3), (3,), (), (1, 8193, 8193, 3)):
        with open("x.npy", "wb") as f:
            header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}"
            f.write(npy(header))
            f.truncate(f.tell() + 4 * int(np.prod(shape)))
        failure("run", "--variant", "lite0", "--synthetic", "7", "--input", "x.npy", "--output", "y.npy",
                says=[str(shape).rstrip(",)"), "(N, S, S, 3)"])


@test
def bad_places():
    """a missing input, an output that cannot be written, a size that contradicts --input-size"""
    np.save("x.npy", batch(1))
    which = ("run", "--variant", "lite0", "--synthetic", "7")
    failure(*which, "--input", "none.npy", "--output", "y.npy", says=["none.npy", "No such file"])
    failure(*which, "--input", "x.npy", "--output", "no/folder/y.npy", says=["no/folder/y.npy"])
    failure(*which, "--input", "x.npy", "--output", "y.npy", "--input-size", "96", says=["64", "96"])
    failure("run", "--model", "nowhere", "--input", "x.npy", "--output", "y.npy", says=["nowhere"])
    failure(*which, "--input", "x.npy", "--output", "/dev/full", says=["/dev/full"])


def files(folder):
    return sorted(p.name for p in pathlib.Path(folder).iterdir())


@test
def whole_or_not_at_all():
    """a full disk or a signal leaves what was there as it was, and no begun file"""
    os.mkdir("out")
    run(batch(1))
    good = pathlib.Path("y.npy").read_bytes()
    pathlib.Path("out/y.npy").write_bytes(good)
    os.symlink("y.npy", "out/link.npy")
    np.save("many.npy", batch(2000, 32))
    command = [EXE, "run", "--variant", "lite0", "--synthetic", "7", "--input", "many.npy", "--output"]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))

    for name in ("y.npy", "link.npy", "new.npy"):
        done = subprocess.run([*command, f"out/{name}"], capture_output=True, text=True, check=False, preexec_fn=limit,
                              restore_signals=False, timeout=60)  # SIGXFSZ stays ignored, as Python has it
        assert done.returncode == 1 and f"out/{name}: cannot write" in done.stderr, done
        assert pathlib.Path("out/y.npy").read_bytes() == good and files("out") == ["link.npy", "y.npy"], files("out")
    tool = subprocess.Popen([*command, "out/y.npy"])
    deadline = time.monotonic() + 20
    while len(files("out")) == 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    tool.send_signal(signal.SIGTERM)
    assert tool.wait(timeout=20) == 128 + signal.SIGTERM
    assert pathlib.Path("out/y.npy").read_bytes() == good and files("out") == ["link.npy", "y.npy"], files("out")
    effnet(*command[1:], "out/link.npy")
    assert np.load("out/y.npy").shape == (2000, 1000) and os.path.islink("out/link.npy")
    assert os.stat("out/y.npy").st_mode & 0o777 == 0o666 & ~umask(), oct(os.stat("out/y.npy").st_mode)


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@test
def no_ordinary_file():
    """a pipe or a folder as input is refused at once; a pipe that nobody reads as output, too"""
    os.mkfifo("pipe.npy")
    which = ("run", "--variant", "lite0", "--synthetic", "7")
    failure(*which, "--input", "pipe.npy", "--output", "y.npy", says=["pipe.npy", "a pipe"])
    failure(*which, "--input", ".", "--output", "y.npy", says=["a folder"])
    failure(*which, "--input", "/dev/zero", "--output", "y.npy", says=["device"])
    np.save("x.npy", batch(1))
    failure(*which, "--input", "x.npy", "--output", "pipe.npy", says=["pipe.npy"])
    assert os.path.exists("pipe.npy")


@test
def large_sides():
    """pictures of more than 1024 pixels a side need --input-size, which says that it is meant"""
    with open("large.npy", "wb") as f:
        f.write(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 8192, 8192, 3), }"))
        f.truncate(f.tell() + 4 * 3 * 8192**2)
    failure("run", "--variant", "lite0", "--synthetic", "7", "--input", "large.npy", "--output", "y.npy",
            says=["8192", "--input-size"])


main()
