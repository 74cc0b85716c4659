#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/folder.py: a run that is killed before any of its steps leaves the old files or the new ones,
and the next run leaves no trace of it; the checks of foreign text and files."""

import contextlib
import errno
import fcntl
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(ROOT / "models"))
import folder as module
from folder import CARD, STAGE, WEIGHTS, Failure, Folder

OLD = {CARD: b"old card", WEIGHTS: b"old weights"}
NEW = {CARD: b"new card", WEIGHTS: b"new weights"}
STEPS = ("mkdir", "rmdir", "unlink", "symlink", "link", "replace", "fsync", "open")


def publish(path, files=None):
    with Folder(path) as folder:
        for name, data in (files or NEW).items():
            folder.write(name, data)
        folder.publish()


def killed_before(step, action):
    """Runs @action in a process that ends before its @step-th change of a folder; its exit status."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            count = iter(range(step))

            def ending(function):
                def call(*args, **named):
                    if next(count, None) is None:
                        os._exit(9)
                    return function(*args, **named)
                return call
            for name in STEPS:
                setattr(os, name, ending(getattr(os, name)))
            action()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class FolderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = Path(folder.name)
        self.path = self.base / "model"

    def begin(self, files):
        self.path = Path(tempfile.mkdtemp(dir=self.base))
        for name, data in {**files, "notes.txt": b"mine"}.items():
            (self.path / name).write_bytes(data)
        (self.path / "mine").mkdir()
        (self.path / "mine" / "too").write_bytes(b"mine, too")

    def found(self):
        self.assertEqual((self.path / "notes.txt").read_bytes(), b"mine")
        self.assertEqual((self.path / "mine" / "too").read_bytes(), b"mine, too")
        return {name: (self.path / name).read_bytes() for name in OLD if (self.path / name).exists()}

    def assert_clean(self):
        present = {path.name for path in self.path.iterdir()} - {"notes.txt", "mine", CARD, WEIGHTS}
        self.assertEqual(present, set())
        for name in OLD:
            path = self.path / name
            self.assertFalse(path.is_symlink())
            self.assertTrue(not path.exists() or path.stat().st_nlink == 1)

    def survive(self, old):
        """Killed before each step; then the next run is killed before each of its steps as well, and a
        third one only cleans."""
        reached = set()
        for step in range(200):
            self.begin(old)
            code = killed_before(step, lambda: publish(self.path))
            self.assertIn(code, (0, 9), step)
            self.assertIn(self.found(), (old, NEW), step)
            if code == 0:
                self.assert_clean()
                break
            second = killed_before(step % 7, lambda: Folder(self.path).__enter__())
            self.assertIn(second, (0, 9), step)
            state = self.found()
            self.assertIn(state, (old, NEW), step)
            with Folder(self.path):
                pass
            self.assertEqual(self.found(), state, step)
            self.assert_clean()
            reached.add(state == NEW)
        else:
            self.fail("the steps do not end")
        self.assertGreater(step, 15)
        self.assertEqual(reached, {False, True})
        self.assertEqual(self.found(), NEW)

    def test_killed_at_each_step_of_an_update(self):
        self.survive(OLD)

    def test_killed_at_each_step_of_a_first_fetch(self):
        self.survive({})

    def test_killed_at_each_step_beside_a_card_alone(self):
        self.survive({CARD: OLD[CARD]})

    def test_any_failing_step(self):
        """What fails, a full disk for one, leaves old or new, and nothing of its own where it can."""
        for name in ("symlink", "replace", "link"):
            for nth in range(6):
                self.begin(OLD)
                real, count = getattr(os, name), iter(range(nth))

                def failing(*args, real=real, count=count):
                    if next(count, None) is None:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    return real(*args)
                with mock.patch.object(os, name, failing), contextlib.suppress(OSError):
                    publish(self.path)
                self.assertIn(self.found(), (OLD, NEW), (name, nth))
                with Folder(self.path):
                    pass
                self.assertIn(self.found(), (OLD, NEW), (name, nth))
                self.assert_clean()

    def test_file_system_without_links(self):
        def refused(*_):
            raise OSError(errno.EPERM, "Operation not permitted")
        for names in (("link", "symlink"), ("link",)):
            for old in (OLD, {}):
                self.begin(old)
                with contextlib.ExitStack() as patches:
                    for name in names:
                        patches.enter_context(mock.patch.object(os, name, refused))
                    publish(self.path)
                self.assertEqual(self.found(), NEW, (names, old))
                self.assert_clean()

    def test_links_of_the_user(self):
        """A link is replaced, what it leads to is not; a link to the folder itself is followed."""
        self.begin({})
        victim = self.base / "victim"
        victim.write_bytes(b"precious")
        (self.path / CARD).symlink_to("../victim")
        (self.path / STAGE).symlink_to(self.base)
        (self.base / "way").symlink_to(self.path)
        publish(self.base / "way")
        self.assertEqual(self.found(), NEW)
        self.assertEqual(victim.read_bytes(), b"precious")
        self.assert_clean()
        self.assertTrue((self.base / "way").is_symlink())

    def test_part_that_is_a_link(self):
        victim = self.base / "victim"
        for make in (os.mkfifo, lambda part: part.symlink_to(victim), lambda part: os.link(victim, part)):
            self.begin(OLD)
            victim.write_bytes(b"precious")
            (self.path / STAGE).mkdir()
            make(self.path / STAGE / f"{WEIGHTS}.0123.part")
            with Folder(self.path) as folder:
                _, part = folder.open_part(WEIGHTS, "0123")
                with part:
                    part.write(b"new")
            self.assertEqual(victim.read_bytes(), b"precious")

    def test_folder_in_the_way(self):
        self.begin({})
        (self.path / WEIGHTS).mkdir()
        with self.assertRaisesRegex(Failure, "is a folder"):
            publish(self.path)
        self.assertFalse((self.path / CARD).exists())

    def test_lock(self):
        self.begin(OLD)
        with Folder(self.path), self.assertRaisesRegex(Failure, "another models/fetch"):
            publish(self.path)
        descriptor = os.open(self.path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with self.assertRaisesRegex(Failure, "another models/fetch"):
            publish(self.path)
        os.close(descriptor)
        publish(self.path)
        self.assertEqual(self.found(), NEW)

    def test_an_empty_folder_goes_again(self):
        with self.assertRaises(Failure), Folder(self.path):
            raise Failure
        self.assertFalse(self.path.exists())


class ProgramsTest(unittest.TestCase):
    def test_interrupted_while_modules_load(self):
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "hashlib.py").write_text(
                "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)")
            for program in ("fetch", "convert"):
                done = subprocess.run([sys.executable, ROOT / "models" / program, "lite0"], check=False,
                                      env={**os.environ, "PYTHONPATH": name}, capture_output=True)
                self.assertEqual((done.returncode, done.stderr), (-signal.SIGINT, b""))


class ChecksTest(unittest.TestCase):
    def test_printable(self):
        self.assertEqual(module.printable("caf\u00e9 \x1b[31m\x9b\u202e\udc80\n"),
                         "caf\u00e9 \\x1b[31m\\x9b\\u202e\\udc80\\n")
        self.assertLess(len(module.printable("x" * 10**7)), 1000)

    def test_json(self):
        self.assertEqual(module.parse_object(b'{"a": "[[[[\\"[[{"}', 1), {"a": '[[[["[[{'})
        for bad in (b"[" * 10**6, b'{"a":' * 10**5, b"[]", b'{"a": NaN}', b'{"a": ' + b"9" * 5000 + b"}",
                    b"\xff\xfe{\0}\0", b'{"a": [[]]}', b'"' * 10**6, b'"' + b'\\"' * 10**6, b""):
            start = time.monotonic()
            with self.assertRaises(ValueError, msg=bad[:20]):
                module.parse_object(bad, 2)
            self.assertLess(time.monotonic() - start, 2)

    def test_safetensors(self):
        def check(header, body=b"", length=None):
            data = (len(header) if length is None else length).to_bytes(8, "little") + header + body
            return module.read_header(io.BytesIO(data), len(data), "it")
        good = b'{"__metadata__": {}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
        self.assertEqual(list(check(good, b"1234")[0]), ["w"])
        for header, body, length in ((good, b"123", None), (good, b"1234", 10**9), (good, b"", 2**63),
                                     (b"{}", b"", None), (b"[]", b"", None), (b"{" * 10**5, b"", None),
                                     (b'{"w": 1}', b"", None),
                                     (good.replace(b"[0", b"[-1"), b"1234", None),
                                     (good.replace(b"[0", b"[9"), b"1234", None),
                                     (good.replace(b'"F32"', b"1"), b"1234", None)):
            with self.assertRaisesRegex(Failure, "^it"):
                check(header, body, length)
        with self.assertRaisesRegex(Failure, "^it"):
            module.read_header(io.BytesIO(b"123"), 3, "it")

    def test_only_regular_files(self):
        with tempfile.TemporaryDirectory() as name:
            os.mkfifo(f"{name}/pipe")
            for path in (f"{name}/pipe", "/dev/zero", name):
                with self.assertRaisesRegex(Failure, "not a regular file"):
                    module.read_regular(path, 100)
            (Path(name) / "large").write_bytes(b"x" * 101)
            with self.assertRaisesRegex(Failure, "has 101 bytes"):
                module.read_regular(f"{name}/large", 100)


if __name__ == "__main__":
    unittest.main()
