# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Hugging Face hub on the loopback, as far as models/fetch uses one.

Lives here: the layout (resolve, redirect to a content server, metadata headers, ranges) and, on demand,
the ways a server fails. Each path has a list of faults; an answer with a body takes the first of them.
"""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files):
        """@files: {"timm/NAME": {"config.json": bytes, "model.safetensors": bytes}}"""
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.log, self.claimed_size = files, {}, [], None
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


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
        if parts[0] == "cdn":
            self.content(parts[-1], self.server.files["/".join(parts[1:3])][parts[-1]])
        elif len(parts) == 5 and parts[2] == "resolve":
            self.resolve("/".join(parts[:2]), parts[3], parts[4])
        else:
            self.answer(404, {"Content-Length": "0"})

    def resolve(self, repository, revision, name):
        fault = self.server.faults.get("head " + name)
        data = self.server.files.get(repository, {}).get(name)
        if fault and self.command == "HEAD":
            self.answer(fault.pop(0), {"Content-Length": "0"})
            if not fault:
                del self.server.faults["head " + name]
        elif data is None or revision not in ("main", COMMIT):
            self.answer(404, {"Content-Length": "0"})
        elif name == "config.json":
            # Small files come from a cache beside the hub, reached by a relative redirect.
            self.answer(307, {"Location": f"/cdn/{repository}/{name}", "X-Repo-Commit": COMMIT,
                              "Content-Length": "0"})
        else:
            size = self.server.claimed_size or len(data)
            self.answer(302, {"Location": f"{self.server.url}/cdn/{repository}/{name}",
                              "X-Repo-Commit": COMMIT, "X-Linked-Size": str(size),
                              "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
                              "Content-Length": "0"})

    def content(self, name, data):
        fault = self.fault(name) if self.command == "GET" else None
        if isinstance(fault, int):
            self.answer(fault, {"Content-Length": "0"})
            return
        begin, status, headers = 0, 200, {"ETag": f'"{git_hash(data)}"'}
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
