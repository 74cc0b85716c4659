#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""models/fetch against a hub on the loopback: the good way, and each way a server can fail."""

import fcntl
import hashlib
import json
import os
import pty
import random
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from hub import COMMIT, Hub

ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
FETCH = ROOT / "models" / "fetch"
REPOSITORY = "timm/efficientnet_b1.ft_in1k"
CARD = json.dumps({"architecture": "efficientnet_b1", "num_classes": 1000,
                   "pretrained_cfg": {"input_size": [3, 240, 240]}}).encode()
MODEL = random.Random(1).randbytes(3_000_000)


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

    def fetch(self, *arguments, **environment):
        env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        env.update(XDG_DATA_HOME=str(self.data), EFFNET_HUB=self.hub.url, **environment)
        return subprocess.run([sys.executable, FETCH, "--pause", "0.01", *arguments], env=env,
                              capture_output=True, text=True, timeout=60, check=False)

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
        self.folder.mkdir(parents=True)
        (self.folder / "model.safetensors.0123456789ab.part").write_bytes(b"old" * 1000)
        done = self.fetch("b1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.model.read_bytes(), MODEL)

    def test_corrupt_body(self):
        self.hub.faults["model.safetensors"] = ["corrupt"]
        self.assert_failed(self.fetch("b1"), "hash", "deleted")
        self.assertEqual([path for path in self.folder.iterdir() if path.suffix == ".part"], [])
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
        self.hub.claimed_size = 10**18
        self.assert_failed(self.fetch("b1"), "MB free", "model.safetensors")

    def test_folder_that_cannot_be_written(self):
        (self.data / "effnet").write_text("a file in the way")
        self.assert_failed(self.fetch("b1"), "effnet")

    def test_two_at_once(self):
        self.assert_fetched(self.fetch("b1"))
        self.model.unlink()
        partial = self.folder / f"model.safetensors.{hashlib.sha256(MODEL).hexdigest()[:12]}.part"
        with partial.open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assert_failed(self.fetch("b1"), "another models/fetch")

    def test_list_and_usage(self):
        self.assert_fetched(self.fetch("b1"))
        rows = [line.split() for line in self.fetch("--list").stdout.splitlines()]
        self.assertIn(["b1", REPOSITORY, "here"], rows)
        self.assertEqual({row[0] for row in rows}, {f"b{i}" for i in range(9)} | {f"lite{i}" for i in range(5)})
        self.assertEqual(self.fetch().returncode, 2)
        self.assertEqual(self.fetch("b99").returncode, 2)

    def test_bar_on_a_terminal(self):
        self.assertNotIn("#", self.fetch("b1").stderr)
        self.model.unlink()
        leader, follower = pty.openpty()
        env = {**os.environ, "XDG_DATA_HOME": str(self.data), "no_proxy": "*"}
        process = subprocess.Popen([sys.executable, FETCH, "--hub", self.hub.url, "b1"], env=env,
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


if __name__ == "__main__":
    unittest.main()
