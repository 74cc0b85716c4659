#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/fetch against a hub on the loopback: the good way, and each way a server can fail."""

import fcntl
import gzip
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import pty
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

sys.dont_write_bytecode = True
from hub import COMMIT, Hub, drip, raw, redirect, silent

ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
FETCH = ROOT / "models" / "fetch"
REPOSITORY = "timm/efficientnet_b1.ft_in1k"
CARD = json.dumps({"architecture": "efficientnet_b1", "num_classes": 1000,
                   "pretrained_cfg": {"input_size": [3, 240, 240]}}).encode()


def weights(seed, size=3_000_000):
    """A safetensors file of one tensor."""
    count = (size - 100) // 4
    header = json.dumps({"w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}})
    header = header.encode().ljust(size - 8 - 4 * count)
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(4 * count)


MODEL = weights(1)
STAGE = ".effnet-fetch"


class FetchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name)
        self.folder = self.data / "effnet" / "models" / "b1"
        self.model, self.card = self.folder / "model.safetensors", self.folder / "config.json"
        self.hub = Hub({REPOSITORY: {"config.json": CARD, "model.safetensors": MODEL}})
        self.addCleanup(self.hub.server_close)
        self.addCleanup(self.hub.shutdown)

    def environment(self, **more):
        env = {name: value for name, value in os.environ.items()
               if "proxy" not in name.lower() and not name.startswith(("HF_", "HUGGING"))}
        return {**env, "XDG_DATA_HOME": str(self.data), "XDG_CACHE_HOME": str(self.data / "cache"),
                "EFFNET_HUB": self.hub.url, **more}

    def fetch(self, *arguments, preexec_fn=None, **environment):
        return subprocess.run([sys.executable, FETCH, "--pause", "0.01", *arguments],
                              env=self.environment(**environment), capture_output=True, text=True,
                              timeout=60, check=False, preexec_fn=preexec_fn)

    def assert_fetched(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.model.read_bytes(), MODEL)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["config.json", "model.safetensors"])

    def assert_failed(self, done, *words):
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertTrue(done.stderr.splitlines()[-1].startswith("models/fetch: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertFalse(self.model.exists())
        self.assertFalse(self.card.exists())

    def bodies(self):
        return [wanted for method, path, wanted in self.hub.log
                if method == "GET" and path.startswith("/cdn") and path.endswith("safetensors")]

    def test_whole(self):
        self.assert_fetched(self.fetch("b1"))
        card = json.loads(self.card.read_bytes())
        self.assertEqual(card["architecture"], "efficientnet_b1")
        self.assertEqual((len(card["label_names"]), card["label_names"][1]), (1000, "goldfish"))
        self.assertIn(("HEAD", f"/{REPOSITORY}/resolve/{COMMIT}/model.safetensors", None), self.hub.log)

    def test_again_downloads_nothing(self):
        self.assert_fetched(self.fetch("b1"))
        done = self.fetch("b1")
        self.assert_fetched(done)
        self.assertIn("there already", done.stdout)
        self.assertEqual(len(self.bodies()), 1)

    def test_a_damaged_file_is_replaced(self):
        self.folder.mkdir(parents=True)
        self.model.write_bytes(MODEL[:-1] + b"!")
        self.assert_fetched(self.fetch("b1"))

    def test_labels_of_the_card_stay(self):
        own = [f"class {i}" for i in range(1000)]
        self.hub.files[REPOSITORY]["config.json"] = json.dumps(
            {"num_classes": 1000, "label_names": own}).encode()
        self.assert_fetched(self.fetch("b1"))
        self.assertEqual(json.loads(self.card.read_bytes())["label_names"], own)

    def test_no_labels_for_other_classes(self):
        self.hub.files[REPOSITORY]["config.json"] = b'{"num_classes": 11821}'
        self.assert_fetched(self.fetch("b1"))
        self.assertNotIn("label_names", json.loads(self.card.read_bytes()))

    def test_cut_body_goes_on_where_it_stopped(self):
        self.hub.faults["model.safetensors"] = ["cut", "cut"]
        self.assert_fetched(self.fetch("b1"))
        self.assertEqual(self.bodies(), [None, "bytes=1500000-", "bytes=2250000-"])

    def test_second_run_goes_on_where_the_first_stopped(self):
        self.hub.faults["model.safetensors"] = ["cut", 503, 503, 503, 503]
        self.assert_failed(self.fetch("b1"), "503", "same command")
        self.hub.log.clear()
        self.assert_fetched(self.fetch("b1"))
        self.assertEqual(self.bodies(), ["bytes=1500000-"])

    def test_server_without_ranges(self):
        self.hub.faults["model.safetensors"] = ["cut", "no ranges"]
        self.assert_fetched(self.fetch("b1"))

    def test_old_beginning_of_a_changed_file_is_not_used(self):
        (self.folder / STAGE).mkdir(parents=True)
        (self.folder / STAGE / "model.safetensors.0123456789ab.part").write_bytes(b"old" * 1000)
        self.assert_fetched(self.fetch("b1"))

    def test_corrupt_body(self):
        self.hub.faults["model.safetensors"] = ["corrupt"]
        self.assert_failed(self.fetch("b1"), "hash", "deleted")
        self.assertFalse(self.folder.exists())
        self.assert_fetched(self.fetch("b1"))

    def test_corrupt_card(self):
        self.hub.faults["config.json"] = ["corrupt"]
        self.assert_failed(self.fetch("b1"), "hash", "config.json")

    def test_card_that_is_none(self):
        self.hub.files[REPOSITORY]["config.json"] = b"<html>"
        self.assert_failed(self.fetch("b1"), "not a model card")

    def test_not_there(self):
        del self.hub.files[REPOSITORY]["model.safetensors"]
        self.assert_failed(self.fetch("b1"), "404", "model.safetensors")
        self.assert_failed(self.fetch("b2"), "404", "timm/efficientnet_b2.ra_in1k")
        self.assert_failed(self.fetch("b1", "--revision", "none"), "404", "none")

    def test_one_bad_answer(self):
        self.hub.faults["head model.safetensors"] = [500]
        self.hub.faults["model.safetensors"] = [502]
        self.assert_fetched(self.fetch("b1"))

    def test_server_that_stays_broken(self):
        self.hub.faults["head config.json"] = [500] * 5
        self.assert_failed(self.fetch("b1"), "500", "5 attempts")

    def test_forbidden(self):
        self.hub.faults["head config.json"] = [401]
        self.assert_failed(self.fetch("b1"), "401")

    def test_no_server(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{unused.getsockname()[1]}"
            self.assert_failed(self.fetch("b1", "--hub", address), "127.0.0.1", "refused")

    def test_no_network(self):
        self.assert_failed(self.fetch("b1", "--hub", "http://hub.invalid"), "hub.invalid", "network")

    def test_full_disk(self):
        """A file that no disk holds, and one that ends while the file is written."""
        self.hub.claimed_size = 10**18
        self.assert_failed(self.fetch("b1"), "model.safetensors", "expected at most")
        self.hub.claimed_size = None
        old = self.publish_old()

        def small_files_only():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        done = self.fetch("b1", preexec_fn=small_files_only)
        self.assertEqual(done.returncode, 1)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(self.files(), old)

    def test_folder_that_cannot_be_written(self):
        (self.data / "effnet").write_text("a file in the way")
        self.assert_failed(self.fetch("b1"), "effnet")

    def test_two_at_once(self):
        self.assert_fetched(self.fetch("b1"))
        self.model.unlink()
        self.card.unlink()
        held = os.open(self.folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        self.assert_failed(self.fetch("b1"), "another models/fetch")
        os.close(held)
        self.assert_fetched(self.fetch("b1"))

    def test_list_and_usage(self):
        self.assert_fetched(self.fetch("b1"))
        rows = {line.split()[0]: line.split()[1:] for line in self.fetch("--list").stdout.splitlines()}
        self.assertEqual((rows["b1"][0], rows["b1"][-1]), (REPOSITORY, "here"))
        self.assertEqual(rows["b0"][2], "d5698997...,")
        self.assertLess({f"b{i}" for i in range(9)} | {f"lite{i}" for i in range(5)} | {"v2-s", "es", "b0-ns", "b0-ap", "b0-tv"},
                        set(rows))
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([sys.executable, FETCH, "--list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertEqual(self.fetch().returncode, 2)
        self.assertEqual(self.fetch("b99").returncode, 2)
        self.assertEqual(self.fetch("b1", "--sha256", "no").returncode, 2)

    # ---- what was published ------------------------------------------------------------------------

    def test_pins(self):
        """The published commit is what is asked for; another file than the published one is refused."""
        commit = "1b5383e5f79cc0f7fc067e372f8f26a5fa73f26a"
        self.hub.files["timm/efficientnet_b0.ra_in1k"] = self.hub.files[REPOSITORY]
        self.assert_failed(self.fetch("b0"), "404", commit)
        self.hub.revisions.add(commit)
        self.assert_failed(self.fetch("b0"), hashlib.sha256(MODEL).hexdigest(), "d569899762ea9b13", "--revision main")
        self.assertEqual(self.bodies(), [])
        self.assertEqual(self.fetch("b0", "--revision", "main").returncode, 0)
        self.assertEqual((self.folder.parent / "b0" / "model.safetensors").read_bytes(), MODEL)

    def test_own_hash(self):
        self.assert_failed(self.fetch("b1", "--sha256", "0" * 64), "0" * 64)
        self.assert_fetched(self.fetch("b1", "--sha256", hashlib.sha256(MODEL).hexdigest()[:16].upper()))

    def test_torchvision(self):
        """Its hash is in the name of the file; what does not have it is refused, also when it goes on."""
        name, data = "efficientnet_b0_rwightman-7f5810bc.pth", random.Random(3).randbytes(600_000)
        self.hub.files[name] = data
        hub = ("--hub", f"{self.hub.url}/models")
        self.assert_failed(self.fetch("b0-tv", *hub), "7f5810bc", "deleted")
        self.assert_failed(self.fetch("b0-tv", *hub, "--revision", "main"), "no revisions")
        right = (*hub, "--sha256", hashlib.sha256(data).hexdigest()[:8])
        self.hub.faults[name] = ["cut"]
        self.assert_failed(self.fetch("b0-tv", *right), "could not be converted")
        asked = [wanted for method, path, wanted in self.hub.log if method == "GET"]
        self.assertEqual(asked, [None, None, "bytes=300000-"])
        del self.hub.files[name]
        self.assert_failed(self.fetch("b0-tv", *right), "404", name)

    def test_torchvision_converted(self):
        """torchvision's own tensors arrive as safetensors with its card, and are known again; a damaged file is not."""
        try:
            import torch
            import torchvision
        except ImportError:
            self.skipTest("no torchvision here")
        if "EFFNET_TOOL" not in os.environ:
            self.skipTest("the tool was not built")
        state = torchvision.models.efficientnet_b0().state_dict()
        path = self.data / "b0.pth"
        torch.save(state, path)
        name = "efficientnet_b0_rwightman-7f5810bc.pth"
        self.hub.files[name] = path.read_bytes()
        words = ("b0-tv", "--hub", f"{self.hub.url}/models", "--sha256", hashlib.sha256(self.hub.files[name]).hexdigest())
        done = self.fetch(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        folder = self.folder.parent / "b0-tv"
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["config.json", "model.safetensors"])
        card = json.loads((folder / "config.json").read_bytes())
        self.assertEqual((card["pretrained_cfg"]["input_size"], card["label_names"][1]), ([3, 224, 224], "goldfish"))
        data = (folder / "model.safetensors").read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        header.pop("__metadata__", None)
        for key, tensor in state.items():
            if "num_batches" not in key:
                begin, end = header[key]["data_offsets"]
                self.assertEqual(data[8 + length + begin:8 + length + end], tensor.numpy().tobytes(), key)
        self.assertIn("there already", self.fetch(*words).stdout)
        (folder / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        self.assertIn("checked", self.fetch(*words).stdout)
        self.assertEqual((folder / "model.safetensors").read_bytes(), data)
        shown = subprocess.run([os.environ["EFFNET_TOOL"], "info", folder], capture_output=True, text=True, check=True)
        self.assertRegex(shown.stdout, r"symmetric")

    def test_table(self):
        """Names that are a variant are of that variant; hashes and commits look like some; each place stands once."""
        with mock.patch.object(sys, "path", [str(FETCH.parent), *sys.path]):
            from published import ROWS
        self.assertEqual(len({row.place for row in ROWS.values()}), len(ROWS))
        for row in ROWS.values():
            self.assertRegex(row.sha256, "^([0-9a-f]{64}|[0-9a-f]{8})?$")
            self.assertRegex(row.revision, "^([0-9a-f]{40})?$")
            self.assertIn(row.name.split("-")[0].removeprefix("v2"), row.place.replace("_", ""))
            if row.card:
                training = row.card["pretrained_cfg"]
                resized = int(training["input_size"][1] / training["crop_pct"])
                self.assertEqual(resized, {"b0-tv": 256, "b1-tv": 255, "b3-tv": 320, "b4-tv": 384}.get(
                    row.name, training["input_size"][1]))

    def test_bar_on_a_terminal(self):
        self.assertNotIn("#", self.fetch("b1").stderr)
        self.model.unlink()
        leader, follower = pty.openpty()
        process = subprocess.Popen([sys.executable, FETCH, "b1"], env=self.environment(),
                                   stdout=subprocess.DEVNULL, stderr=follower)
        os.close(follower)
        seen = b""
        while True:
            try:
                seen += os.read(leader, 4096)
            except OSError:
                break
        self.assertEqual(process.wait(), 0)
        self.assertIn(b"100 % of 3.0 MB", seen)
        os.close(leader)

    # ---- servers that do not end -------------------------------------------------------------------

    def head_of(self, size=len(MODEL), more=b""):
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (size, more)

    def assert_ends(self, words, *options, seconds=8):
        start = time.monotonic()
        self.assert_failed(self.fetch("b1", *options), *words)
        self.assertLess(time.monotonic() - start, seconds)

    def test_a_server_that_stalls(self):
        """Names the server and ends at once, not after five attempts, in whatever way the server stalls."""
        endless = (b"HTTP/1.1 100 Continue\r\n\r\n" for _ in iter(int, 1))
        for key, fault in (
                ("head config.json", silent()), ("head config.json", raw(endless)),
                ("head model.safetensors", drip(b"", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000, 0.2)),
                ("head model.safetensors", silent(b"HTTP/1.1 200 OK\r\n")),
                ("config.json", silent(self.head_of(len(CARD)) + CARD[:10])),
                ("model.safetensors", silent()), ("model.safetensors", silent(self.head_of())),
                ("model.safetensors", silent(self.head_of() + MODEL[:1_500_000])),
                ("model.safetensors", drip(self.head_of(), MODEL, 0.2)),
                ("model.safetensors", drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                           b"1\r\nx\r\n" * 10000, 0.1))):
            with self.subTest(fault=key):
                self.hub.faults = {key: [fault]}
                self.assert_ends(["127.0.0.1", "--stall"], "--stall", "1")
        self.hub.faults = {}
        # The chunks that the last one sent are not the file's.
        done = self.fetch("b1")
        self.assert_fetched(done)
        self.assertIn("once more from the start", done.stderr)

    def test_a_server_that_takes_too_long(self):
        """Fast enough to count as progress, too slow to end; what came is not fetched again."""
        self.hub.faults["model.safetensors"] = [drip(self.head_of(), MODEL, 0.02, 2000)]
        self.assert_ends(["127.0.0.1", "--limit"], "--stall", "1", "--limit", "1.5")
        self.hub.log.clear()
        self.assert_fetched(self.fetch("b1"))
        self.assertRegex(self.bodies()[0] or "", r"^bytes=\d{5,}-$")

    def test_a_slow_but_steady_server(self):
        card = self.head_of(len(CARD))
        self.hub.faults["config.json"] = [drip(card, CARD, 0.1, 20)]
        self.hub.faults["model.safetensors"] = [drip(self.head_of(), MODEL, 0.05, 100_000)]
        self.assert_fetched(self.fetch("b1", "--stall", "1"))

    def test_redirects(self):
        circle = f"/{REPOSITORY}/resolve/main/config.json".encode()
        for target, words in ((circle, ["too many redirects"]),
                              (b"", ["302"]), (b"file:///etc/passwd", ["refused"]),
                              (b"http://[", ["refused"]), (b"ftp://127.0.0.1/", ["refused"]),
                              (b"http://x/\x1b]0;title\x07", ["address", "\\x1b"]),
                              (b"http://a..b/", ["a..b"])):
            with self.subTest(target=target):
                self.hub.faults = {"head config.json": [redirect(target)] * 20}
                done = self.fetch("b1")
                self.assert_failed(done, *words)
                self.assertNotRegex(done.stderr, "[\x07\x1b]")

    def test_an_encrypted_way_is_not_left(self):
        loader = importlib.machinery.SourceFileLoader("fetch", str(FETCH))
        fetch = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch", loader))
        with mock.patch.object(sys, "path", [str(FETCH.parent), *sys.path]):
            loader.exec_module(fetch)
        for target, allowed in (("https://b/x", True), ("http://b/x", False), ("/x", True), ("//b", True)):
            answer = mock.Mock(status=302, headers={"Location": target})
            if allowed:
                self.assertTrue(fetch.location(answer, "https://a/").startswith("https://"))
            else:
                with self.assertRaisesRegex(fetch.Failure, "refused"):
                    fetch.location(answer, "https://a/")

    def test_nonsense(self):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        bomb = gzip.compress(bytes(50_000_000))
        for fault, word in ((raw(chunked, b"-5\r\n" + b"x" * 100), ""), (raw(chunked, b"zz\r\n"), ""),
                            (raw(self.head_of(10), MODEL), "10 of"),
                            (raw(self.head_of(10**12), MODEL[:100]), "ended after"),
                            (raw(self.head_of(len(bomb), b"Content-Encoding: gzip\r\n"), bomb), "gzip"),
                            (raw(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 200, b"\r\n"), "headers"),
                            (raw(b"\x00\x1b[31m" * 1000), "\\x1b"),
                            (raw(b"HTTP/1.1 204 \r\n\r\n"), "204"),
                            (raw(b"HTTP/1.1 404 \x1b[31mowned\x1b]0;t\x07\r\n\r\n"), "\\x1b[31mowned")):
            with self.subTest(word=word):
                self.hub.faults = {"model.safetensors": [fault] * 10}
                done = self.fetch("b1")
                self.assert_failed(done, word)
                self.assertNotRegex(done.stderr, "[\x07\x1b]")
                self.assertLess(max(map(len, done.stderr.splitlines())), 2000)

    def test_cards_that_are_none(self):
        for card, word in ((b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nests"), (b"[]", "object"),
                           (b"[" * 500_000, "nests"),
                           (b'{"num_classes":' + b"9" * 5000 + b"}", "digits"),
                           (b'{"pretrained_cfg": []}', "pretrained_cfg"), (b'{"crop_pct": NaN}', "NaN"),
                           (b"\xff\xfe{}", "utf-8"), (b"{}" + b" " * 2_000_000, "at most")):
            with self.subTest(card=card[:20]):
                self.hub.files[REPOSITORY]["config.json"] = card
                self.assert_failed(self.fetch("b1"), "config.json", word)

    def test_weights_that_are_none(self):
        for data in (b"EVIL" * 1000, b"", b"\x10" + bytes(7) + b"{" * 16, MODEL[:-4]):
            with self.subTest(data=data[:20]):
                self.hub.files[REPOSITORY]["model.safetensors"] = data
                self.assert_failed(self.fetch("b1"), "model.safetensors")
                self.assertFalse(self.folder.exists())

    def test_hashes_and_commits_that_are_none(self):
        for more, word in ((b'ETag: "../../evil"\r\n', "names no hash"),
                           (b'ETag: "%s"\r\nX-Repo-Commit: ../../x\r\n' % (b"a" * 40), "commit ../../x"),
                           (b'ETag: "%s"\r\nX-Linked-Size: -5\r\n' % (b"a" * 40), "how large")):
            self.hub.faults["head config.json"] = [raw(self.head_of(5, more))]
            self.assert_failed(self.fetch("b1"), word)

    # ---- what was there ----------------------------------------------------------------------------

    def files(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.name != STAGE}

    def publish_old(self):
        """An older version is fetched, the user's own file beside it; then the hub has the new one."""
        self.hub.files[REPOSITORY] = {"config.json": CARD.replace(b"240", b"128"),
                                      "model.safetensors": weights(2)}
        self.assertEqual(self.fetch("b1").returncode, 0)
        (self.folder / "notes.txt").write_text("mine")
        self.hub.files[REPOSITORY] = {"config.json": CARD, "model.safetensors": MODEL}
        return self.files()

    def assert_updated(self):
        done = self.fetch("b1")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = self.files()
        self.assertEqual(found.pop("notes.txt"), b"mine")
        self.assertEqual(found["model.safetensors"], MODEL)
        self.assertIn(b"240", found.pop("config.json"))
        self.assertFalse((self.folder / STAGE).exists())

    def test_failed_update(self):
        """Whatever fails after the card has come, card and weights are still the old ones."""
        for key, fault in (("model.safetensors", ["cut"] * 5), ("head model.safetensors", [404]),
                           ("model.safetensors", ["corrupt"]),
                           ("model.safetensors", [silent(self.head_of() + MODEL[:1_500_000])])):
            with self.subTest(fault=key):
                old = self.publish_old()
                self.hub.faults = {key: list(fault)}
                self.assertEqual(self.fetch("b1", "--stall", "1").returncode, 1)
                self.assertEqual(self.files(), old)
                self.hub.faults = {}
                self.assert_updated()

    def test_interrupted_update(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
            with self.subTest(signal=number):
                old = self.publish_old()
                self.hub.log.clear()
                self.hub.faults["model.safetensors"] = [silent(self.head_of() + MODEL[:1_500_000])]
                process = subprocess.Popen([sys.executable, FETCH, "b1"], env=self.environment(),
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                while not self.bodies():
                    time.sleep(0.01)
                time.sleep(0.2)
                process.send_signal(number)
                _, error = process.communicate(timeout=10)
                self.assertEqual(process.returncode, code, error)
                self.assertNotIn("Traceback", error)
                self.assertEqual(self.files(), old)
                self.hub.log.clear()
                self.assert_updated()
                self.assertRegex(self.bodies()[0] or "", r"^bytes=\d{6,}-$")

    def test_only_the_card_changed(self):
        self.publish_old()
        self.assert_updated()
        self.hub.files[REPOSITORY]["config.json"] = CARD.replace(b"240", b"300")
        self.assertEqual(self.fetch("b1").returncode, 0)
        self.assertIn(b"300", self.card.read_bytes())
        # What was begun of a version that is no longer wanted goes, too.
        (self.folder / STAGE).mkdir()
        (self.folder / STAGE / "model.safetensors.0123456789ab.part").write_bytes(b"begun")
        self.assertEqual(self.fetch("b1").returncode, 0)
        self.assertFalse((self.folder / STAGE).exists())
        self.assertEqual(len(self.bodies()), 2)

    def test_pipes_and_links_in_the_way(self):
        victim = self.data / "victim"
        victim.write_text("precious")
        self.folder.mkdir(parents=True)
        os.mkfifo(self.model)
        self.card.symlink_to(victim)
        self.assert_fetched(self.fetch("b1"))
        self.assertFalse(self.card.is_symlink())
        self.assertEqual(victim.read_text(), "precious")

    # ---- who asks ----------------------------------------------------------------------------------

    def shown(self, hub):
        return {authorization for _, authorization in hub.asked}

    def test_token(self):
        """Shown to the hub, never to the content server it redirects to."""
        content = Hub(self.hub.files)
        self.addCleanup(content.server_close)
        self.addCleanup(content.shutdown)
        self.hub.token, self.hub.content_url = "hf_secret", content.url
        keeper = self.data / "home" / "token"
        keeper.parent.mkdir()
        keeper.write_text("hf_secret\n")
        for environment in ({"HF_TOKEN": "hf_secret"}, {"HUGGING_FACE_HUB_TOKEN": "hf_secret"},
                            {"HF_HOME": str(keeper.parent)}, {"HF_TOKEN_PATH": str(keeper)},
                            {"HF_TOKEN": "hf_secret", "EFFNET_HUB": "", "HF_ENDPOINT": self.hub.url}):
            with self.subTest(environment=environment):
                self.assert_fetched(self.fetch("b1", **environment))
                self.model.unlink()
        self.assertEqual(self.shown(self.hub), {"Bearer hf_secret"})
        self.assertEqual(self.shown(content), {None})

    def test_refused_token(self):
        self.hub.token = "hf_other"
        self.assert_failed(self.fetch("b1"), "401", "HF_TOKEN")
        done = self.fetch("b1", HF_TOKEN="hf_secret")
        self.assert_failed(done, "401", "does not accept", "$HF_TOKEN")
        self.assertNotIn("hf_secret", done.stderr)
        self.hub.faults["head config.json"] = [403]
        self.assert_failed(self.fetch("b1", HF_TOKEN="hf_secret"), "403", "ask for access", "$HF_TOKEN")
        done = self.fetch("b1", HF_TOKEN="hf_\nsecret")
        self.assert_failed(done, "$HF_TOKEN", "characters")
        self.assertNotIn("secret", done.stderr)

    def test_addresses_that_are_none(self):
        for address in ("ftp://127.0.0.1", "127.0.0.1", "http://", "http://[", "http://u:p@127.0.0.1",
                        "http://127.0.0.1:99999999", "http://127.0.0.1:x", "file:///etc"):
            with self.subTest(address=address):
                self.assert_failed(self.fetch("b1", "--hub", address), "address")


if __name__ == "__main__":
    unittest.main()
