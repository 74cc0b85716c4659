# SPDX-License-Identifier: LGPL-2.1-or-later
"""Places where a model, its card or its labels should be and something else is."""
import os
import socket

from case import ACCEPTED, EITHER, Case, sparse

FILES = ("model.safetensors", "config.json", "labels.txt")


def pipe(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


def loop(path):
    path.symlink_to(path.name)


def dangling(path):
    path.symlink_to("nowhere")


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def link_to(target):
    def make(path):
        path.symlink_to(target)
    return make


THINGS = {
    "pipe": pipe, "folder": folder, "loop": loop, "dangling": dangling, "socket": unix_socket,
    "zero": link_to("/dev/zero"), "null": link_to("/dev/null"), "full": link_to("/dev/full"), "random": link_to("/dev/urandom"),
    "memory": link_to("/proc/self/mem"), "maps": link_to("/proc/self/maps"), "stdin": link_to("/dev/stdin"),
    "tty": link_to("/dev/tty"), "root": link_to("/"), "sysfs": link_to("/sys/kernel/mm/transparent_hugepage/enabled"),
    "kmsg": link_to("/proc/kmsg"), "sparse-TB": sparse(b"", 1 << 40), "sparse-GB": sparse(b"{", 1 << 30),
    "empty": sparse(b"", 0),
}


def in_place(name, make):
    def build(where):
        path = where / name
        if path.exists() or path.is_symlink():
            path.unlink()
        make(path)
    return build


def many_links(where):
    """A chain of 30 links: sound, and within what the kernel follows."""
    (where / "model.safetensors").rename(where / "link-0")
    for i in range(30):
        (where / f"link-{i + 1}").symlink_to(f"link-{i}")
    (where / "model.safetensors").symlink_to("link-30")


def many_files(where):
    for i in range(2000):
        (where / f"model-{i:05}-of-02000.safetensors").touch()


def all_cases():
    for name in FILES:
        for thing, make in THINGS.items():
            yield Case(f"{name}-is-{thing}", make=in_place(name, make), labels=b"" if name == "labels.txt" else None,
                       names=(name,))
    for thing in ("pipe", "loop", "dangling", "socket", "zero", "tty", "memory", "sparse-TB"):
        yield Case(f"opened-is-{thing}", make=in_place("odd", THINGS[thing]), model="odd", names=("odd",))
    yield Case("links-30", make=many_links, expect=ACCEPTED)
    yield Case("files-2000", make=many_files, expect=ACCEPTED)
    yield Case("opened-by-file", model="model.safetensors", expect=ACCEPTED)
    yield Case("opened-card", model="config.json", names=("config.json",))
    yield Case("opened-nothing", model="nowhere", names=("nowhere",))
    yield Case("opened-below-a-file", model="model.safetensors/x", names=("model.safetensors",))
    yield Case("opened-long", model="d" * 300, names=("ddd",))
    yield Case("opened-longer", model="/".join(["d" * 200] * 30), names=("ddd",))
    for name in ("\x1b[31mred", "two\nlines", "ret\rurn", "\u202egpj", "%s%n", "-dash", " ", "la\xe4", "\U0001f600"):
        yield Case(f"folder-called-{name!r}", make=lambda where, n=name: (where / n).mkdir(), model=name, names=("safetensors",))
    yield Case("no-permission", make=lambda where: os.chmod(where / "model.safetensors", 0),
               expect=EITHER)
