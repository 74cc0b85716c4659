# SPDX-License-Identifier: LGPL-2.1-or-later
"""A mosquitto of the tests' own, what it tells a subscriber, and a network between it and a publisher that can be
cut, stopped and delayed."""
import getpass
import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time

PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
MOSQUITTO = shutil.which("mosquitto", path=PATH)
SUBSCRIBE = shutil.which("mosquitto_sub", path=PATH)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(condition, seconds=60, what="it"):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.01)


class Broker:
    """mosquitto on a port of its own, which keeps what it retains, also when it is killed."""

    def __init__(self, *lines, anonymous=True):
        memory = "/dev/shm"  # it writes its whole store after each change
        self.temporary = tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)
        self.port, self.folder = free_port(), pathlib.Path(self.temporary.name)
        self.config = self.folder / "mosquitto.conf"
        self.config.write_text("\n".join((
            f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(anonymous).lower()}", "persistence true",
            f"persistence_location {self.folder}/", "autosave_on_changes true", "autosave_interval 1",
            "max_queued_messages 0", "max_inflight_messages 0", "log_type all", f"user {getpass.getuser()}", *lines)) + "\n")
        self.start()

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([MOSQUITTO, "-c", self.config], stdout=self.log, stderr=self.log)
        until(self.answers, what="a start of mosquitto")

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.temporary.cleanup()


class Subscriber:
    """What arrives at topics, as (topic, whether it was retained, text)."""

    def __init__(self, port, *topics, options=()):
        arguments = [word for topic in topics for word in ("-t", topic)]
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", SUBSCRIBE, "-p", str(port), "-q", "1", "-d", "-F", "=%t %r %p", *arguments, *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.messages, self.ready = [], threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        assert self.ready.wait(20), "mosquitto_sub does not subscribe"

    def read(self):
        for line in self.process.stdout:
            if line.startswith(b"="):
                topic, retained, text = line[1:].rstrip(b"\n").split(b" ", 2)
                self.messages.append((topic.decode(), retained == b"1", text.decode()))
            elif line.startswith(b"Subscribed"):
                self.ready.set()

    def texts(self, topic):
        return [text for at, _, text in list(self.messages) if at == topic]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Connection:
    """Of a Network. What is under way in it can be released when it is closed for the publisher."""

    def __init__(self, network, near):
        self.network, self.near = network, near
        self.far = socket.create_connection(("127.0.0.1", network.target))
        self.up, self.down = bytearray(), bytearray()
        self.open = True
        threading.Thread(target=self.run, daemon=True).start()

    def pump(self, source, sink, kept, flows):
        if source in select.select([source], [], [], 0)[0]:
            data = source.recv(65536)
            if not data:
                raise ConnectionError
            kept += data
        if kept and flows:
            sink.sendall(kept)
            kept.clear()

    def run(self):
        try:
            while self.open:
                self.pump(self.near, self.far, self.up, self.network.up)
                self.pump(self.far, self.near, self.down, self.network.down)
                select.select([self.near, self.far], [], [], 0.002)
                if self.up or self.down:
                    time.sleep(0.002)
        except OSError:
            pass
        self.near.close()
        if not self.network.lingers:
            self.far.close()
        self.open = False

    def release(self):
        """What the publisher had sent before it was cut off reaches the broker now."""
        try:
            self.far.sendall(self.up)
        except OSError:
            pass
        self.far.close()


class Network:
    """A port that forwards to another one, as long as `up` (to the broker) and `down` (from it) are true."""

    def __init__(self, target):
        self.target, self.up, self.down, self.refuses, self.lingers = target, True, True, False, False
        self.connections, self.listener = [], socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                if self.refuses:
                    near.close()
                else:
                    self.connections.append(Connection(self, near))
            except OSError:
                if self.listener.fileno() < 0:
                    return

    def cut(self):
        for connection in self.connections:
            connection.open = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()
