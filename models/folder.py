# SPDX-License-Identifier: LGPL-2.1-or-later
"""A model's folder, written by one process at a time and replaced as one; and the checks of foreign text
and files that models/fetch and models/convert share.

Invariant: whenever a process is stopped, the names in the folder lead to the old files or to the new
ones, never to some of each, and nothing else in the folder has changed. Elsewhere: models/fetch knows
the hub, models/convert the formats. Needs nothing but Python 3.
"""

import argparse
import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import signal
import stat
import sys
from pathlib import Path

STAGE = ".effnet-fetch"
WEIGHTS = "model.safetensors"
CARD = "config.json"
CARD_MAX = 1 << 20  # bytes
CARD_DEPTH = 32  # what effnet reads
HEADER_MAX = 4 << 20  # bytes; the largest variant needs some 200 kB
WEIGHTS_MAX = 4 << 30  # bytes; the largest variant has 2 GB
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MESSAGE_MAX = 700  # characters
# What file systems without hard or symbolic links answer.
NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


class Failure(Exception):
    """A sentence for the user."""


def data_folder():
    """Where a user's models are looked for."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "effnet" / "models"


# ---- text ------------------------------------------------------------------------------------------

def printable(text):
    """@text with what a terminal would obey escaped; of a very long one the beginning and the end."""
    if len(text) > MESSAGE_MAX:
        text = f"{text[:MESSAGE_MAX // 2]} [...] {text[-MESSAGE_MAX // 2:]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def report(program, text):
    print(f"{program}: {printable(str(text))}", file=sys.stderr)


@contextlib.contextmanager
def stopped_by_signals():
    """Within the block SIGTERM and SIGHUP end a run as Ctrl-C does, through its clean-up."""
    def stop(number, _frame):
        raise KeyboardInterrupt(number)
    numbers = [number for number in STOPPING if signal.getsignal(number) != signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def guarded(program, action, advice):
    """Runs @action; the exit status of the program. @advice: what to do after an interruption."""
    try:
        with stopped_by_signals():
            action()
            sys.stdout.flush()
    except Failure as error:
        report(program, error)
    except OSError as error:
        report(program, f"{error}{'; the disk is full' if error.errno == errno.ENOSPC else ''}")
        with contextlib.suppress(OSError):  # what is left for standard output is not tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except MemoryError:
        report(program, "there is not enough memory for it")
    except KeyboardInterrupt as error:
        report(program, f"stopped; {advice}")
        return 128 + (error.args[0] if error.args else signal.SIGINT)
    else:
        return 0
    return 1


class Parser(argparse.ArgumentParser):
    """A help that cannot be written is a failure, which argparse would not notice."""

    def print_help(self, file=None):
        if file is None and guarded(self.prog, lambda: print(self.format_help(), end=""), "nothing was changed"):
            sys.exit(1)
        if file is not None:
            super().print_help(file)


# ---- files that somebody else wrote ----------------------------------------------------------------

def open_regular(path):
    """@path for reading; never waits for a pipe or a device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Failure(f"{path} is not a regular file")
    return open(descriptor, "rb")


def read_regular(path, limit):
    """The bytes of a file of at most @limit bytes."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit:
            raise Failure(f"{path} has {size} bytes, expected at most {limit}")
        return stream.read(size)


def depth_of(text):
    """How deep the brackets of a JSON text nest."""
    depth = deepest = 0
    quoted = False
    for match in re.finditer(r'\\.|["\[\]{}]', text, re.S):
        mark = match.group()
        if mark == '"':
            quoted = not quoted
        elif not quoted and len(mark) == 1:
            depth += 1 if mark in "[{" else -1
            deepest = max(deepest, depth)
    return deepest


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def parse_object(data, max_depth):
    """The JSON object in @data. Raises ValueError."""
    text = data.decode()
    if depth_of(text) > max_depth:
        raise ValueError(f"it nests deeper than {max_depth} levels")
    value = json.loads(text, parse_constant=refuse_constant)
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def read_header(stream, size, what):
    """The header of a safetensors file of @size bytes, and where its data begin. @what: names it."""
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > min(HEADER_MAX, size - 8):
        raise Failure(f"{what} is not a safetensors file: its header would have {length} bytes, "
                      f"expected at most {max(0, min(HEADER_MAX, size - 8))}")
    try:
        header = parse_object(stream.read(length), 4)
    except ValueError as error:
        raise Failure(f"{what} is not a safetensors file: its header is broken ({error})") from error
    header.pop("__metadata__", None)
    if not header:
        raise Failure(f"{what} holds no tensors")
    for name, entry in header.items():
        if not is_entry(entry, size - 8 - length):
            raise Failure(f"{what}: tensor {name[:100]} has no type, no shape or no place in the file")
    return header, 8 + length


def is_entry(entry, size):
    """Whether the header's @entry describes a tensor within @size bytes of data."""
    def naturals(value):
        return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    return naturals(shape) and naturals(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1] <= size


def check_weights(path, what):
    with open_regular(path) as stream:
        read_header(stream, os.fstat(stream.fileno()).st_size, what)


# ---- the folder ------------------------------------------------------------------------------------

@contextlib.contextmanager
def signals_held():
    """Signals wait until the block is done."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPPING, signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def sync(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Folder:
    """Context manager. Files are made in new/ of the stage, a folder within the folder, and appear
    together in publish (). Parts of a download stay in the stage for the next run."""

    def __init__(self, path):
        self.path = Path(path)
        self.stage = self.path / STAGE
        self.new, self.old, self.current = (self.stage / name for name in ("new", "old", "current"))

    def __enter__(self):
        self.created = not self.path.exists()
        if not self.created and not self.path.is_dir():
            raise Failure(f"{printable(str(self.path))} is a file; name a folder to be made")
        self.lock = self.take_lock()
        try:
            self.clean()
            self.new.mkdir(parents=True)
        except BaseException:
            os.close(self.lock)
            raise
        return self

    def __exit__(self, *_):
        with signals_held():
            try:
                self.clean()
                if self.created:
                    with contextlib.suppress(OSError):
                        self.path.rmdir()
            finally:
                os.close(self.lock)

    def take_lock(self):
        """The folder itself is what is locked, so that no file is left for it."""
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise Failure(f"another models/fetch or models/convert is writing {self.path}") from None
            except OSError:
                return descriptor  # a file system without locks
            # One that failed may have removed the empty folder meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                    return descriptor
            os.close(descriptor)

    def clean(self):
        """What publish () left when it was stopped: names that lead through the stage become files,
        then the stage goes, but for the parts of a download."""
        if self.stage.is_symlink() or (self.stage.exists() and not self.stage.is_dir()):
            self.stage.unlink()
        for path in list(self.path.iterdir()):
            if path.is_symlink() and os.readlink(path).startswith(STAGE + "/"):
                self.settle(path)
        if not self.stage.exists():
            return
        for path in list(self.stage.iterdir()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.suffix != ".part" or not is_own_file(path) or path.stat().st_size == 0:
                path.unlink()
        with contextlib.suppress(OSError):
            self.stage.rmdir()

    def settle(self, path):
        source = self.current / path.name
        if source.is_symlink():
            self.point(path, os.readlink(source))
        elif source.exists():
            self.place(source, path)
        else:
            path.unlink()

    def point(self, link, target):
        """The symbolic link @link leads to @target; what had its name is gone."""
        spare = self.stage / "link"
        spare.unlink(missing_ok=True)
        os.symlink(target, spare)
        os.replace(spare, link)

    def place(self, source, path):
        """@source gets the name @path, too."""
        spare = self.stage / "link"
        spare.unlink(missing_ok=True)
        os.link(source, spare)
        os.replace(spare, path)

    def write(self, name, data):
        """A new file, not yet published. @data: bytes, or pieces of them."""
        with (self.new / name).open("wb") as stream:
            for piece in [data] if isinstance(data, bytes) else data:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())

    def open_part(self, name, version):
        """What there is of a download of @name, for reading and writing; parts of other versions go."""
        path = self.stage / f"{name}.{version}.part"
        for other in list(self.stage.glob(f"{name}.*.part")):
            if other != path or not is_own_file(other):
                other.unlink()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        return path, open(descriptor, "r+b")

    def publish(self):
        """The new files take their names together; one alone is renamed, which is atomic anyhow."""
        names = sorted(os.listdir(self.new))
        for name in names:
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                raise Failure(f"{path} is a folder, so no file can have its name")
        sync(self.new)
        with signals_held():
            if len(names) == 1:
                os.replace(self.new / names[0], self.path / names[0])
            elif names:
                self.exchange(names)
            sync(self.path)
            for part in list(self.stage.glob("*.part")):
                part.unlink()

    def exchange(self, names):
        """Two files cannot be renamed at once, but one link that both their names lead through can: the
        names are led through current, which still shows the old files; current is switched over to the
        new ones; then the names become plain files again. Each step is one rename and changes either
        nothing that a reader sees or, the switch, everything."""
        try:
            self.keep_old(names)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            self.replace_in_turn(names)
            return
        for name in names:
            self.point(self.path / name, f"{STAGE}/current/{name}")
        sync(self.path)
        self.point(self.current, "new")
        sync(self.stage)
        for name in names:
            self.settle(self.path / name)

    def keep_old(self, names):
        self.old.mkdir()
        os.link(self.new / names[0], self.old / "probe")  # settle () needs links, though nothing be old
        for name in names:
            path = self.path / name
            if path.is_symlink():
                os.symlink(os.path.abspath(os.path.join(self.path, os.readlink(path))), self.old / name)
            elif path.exists():
                os.link(path, self.old / name)
        os.symlink("old", self.current)

    def replace_in_turn(self, names):
        """Where there are no links: the weights go first and come last, for a folder without weights is
        not opened."""
        (self.path / WEIGHTS).unlink(missing_ok=True)
        for name in sorted(names, key=lambda name: name == WEIGHTS):
            os.replace(self.new / name, self.path / name)


def is_own_file(path):
    """Whether writing @path writes nothing that has another name."""
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
