# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Hugging Face hub on the loopback, as far as models/fetch uses one, and torchvision's server.

Lives here: the layout (resolve, redirect to a content server, metadata headers, ranges) and, on demand,
the ways a server fails. Each path has a list of faults; an answer with a body takes the first of them,
"head NAME" lists those of the answers before it. A fault is a status, a word, or a function that
answers.
"""

import contextlib
import hashlib
import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files):
        """@files: {"timm/NAME": {"config.json": bytes, "model.safetensors": bytes}, "NAME.pth": bytes}"""
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.log, self.claimed_size = files, {}, [], None
        self.asked = []  # (path, Authorization)
        self.token = None  # what must be shown
        self.content_url = self.url  # of the content server
        self.revisions = {"main", COMMIT}
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


# ---- servers that never end, and nonsense ----------------------------------------------------------

def raw(*pieces, pause=0.0):
    """A fault: the bytes as they are, each after @pause seconds, as long as somebody reads."""
    def answer(handler):
        for piece in pieces[0] if pieces and not isinstance(pieces[0], bytes) else pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(pause)
        handler.close_connection = True
    return answer


def drip(head, rest, pause, size=1):
    """@head at once, then @size bytes of @rest after each @pause."""
    return lambda handler: raw(itertools.chain(
        (head,), (rest[i:i + size] for i in range(0, len(rest), size))), pause=pause)(handler)


def silent(head=b""):
    return raw(head, pause=60)


def redirect(target):
    return raw(b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n")


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def fault(self, name):
        faults = self.server.faults.get(name, [])
        return faults.pop(0) if faults else None

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        self.server.log.append((self.command, self.path, self.headers.get("Range")))
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.route(parts)

    def route(self, parts):
        if parts[0] == "cdn":
            self.content(parts[-1], self.server.files["/".join(parts[1:3])][parts[-1]])
        elif parts[0] == "models" and parts[-1] in self.server.files:
            # torchvision's server: no redirect, and an ETag that is no hash of the file's
            self.content(parts[-1], self.server.files[parts[-1]], etag="8f3b7d0a1c2e4f60718293a4b5c6d7e8-3")
        elif len(parts) == 5 and parts[2] == "resolve":
            self.resolve("/".join(parts[:2]), parts[3], parts[4])
        else:
            self.answer(404, {"Content-Length": "0"})

    def resolve(self, repository, revision, name):
        fault = self.server.faults.get("head " + name)
        data = self.server.files.get(repository, {}).get(name)
        if fault and self.command == "HEAD":
            first = fault.pop(0)
            if callable(first):
                first(self)
            else:
                self.answer(first, {"Content-Length": "0"})
        elif self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.answer(401, {"Content-Length": "0"})
        elif data is None or revision not in self.server.revisions:
            self.answer(404, {"Content-Length": "0"})
        elif name == "config.json":
            # Small files come from a cache beside the hub, reached by a relative redirect.
            self.answer(307, {"Location": f"/cdn/{repository}/{name}", "X-Repo-Commit": COMMIT,
                              "Content-Length": "0"})
        else:
            size = self.server.claimed_size or len(data)
            self.answer(302, {"Location": f"{self.server.content_url}/cdn/{repository}/{name}",
                              "X-Repo-Commit": COMMIT, "X-Linked-Size": str(size),
                              "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
                              "Content-Length": "0"})

    def content(self, name, data, etag=None):
        fault = self.fault(name) if self.command == "GET" else None
        if isinstance(fault, int):
            self.answer(fault, {"Content-Length": "0"})
            return
        if callable(fault):
            fault(self)
            return
        begin, status, headers = 0, 200, {"ETag": f'"{etag or git_hash(data)}"'}
        wanted = self.headers.get("Range")
        if wanted and fault != "no ranges":
            begin, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        body = data[begin:]
        headers["Content-Length"] = str(len(body))
        if fault == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if fault == "cut":
            body = body[:len(body) // 2]
        self.answer(status, headers, body)
        self.close_connection = True
