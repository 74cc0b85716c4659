#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A webcam that sends MJPEG, for the kernel's own uvcvideo: a USB Video Class 1.0 device with one bulk endpoint, plugged
into the virtual host controller of USB/IP (vhci_hcd), whose other end is this process. It is there as long as the process
is: to end it is to pull the plug.

uvc_camera.py PHOTOGRAPH [FRAMES_PER_SECOND]: every frame is the photograph, a JPEG file.

The gadgets' own loop-back controller (dummy_hcd) has no isochronous transfers, which the UVC gadget needs.
Sources: USB Video Class 1.0, chapters 3 and 4; Linux, Documentation/usb/usbip_protocol.rst."""
import select
import socket
import struct
import sys
import time

from PIL import Image

ATTACH = "/sys/devices/platform/vhci_hcd.0/attach"
HIGH_SPEED, CHUNK, STALL, UNLINKED = 3, 16384, -32, -104  # CHUNK: bytes of one payload with its header
CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4

photo = open(sys.argv[1], "rb").read()
width, height = Image.open(sys.argv[1]).size
interval = round(1e7 / float(sys.argv[2] if len(sys.argv) > 2 else 15))  # 100 ns
probe = struct.pack("<HBBIHHHHHII", 1, 1, 1, interval, 0, 0, 0, 0, 0, len(photo), CHUNK)
device = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xEF, 2, 1, 64, 0x1D6B, 0x0102, 0x0100, 1, 2, 0, 1)
strings = [b"\x09\x04", "effnet tests".encode("utf-16-le"), "MJPEG webcam".encode("utf-16-le")]


def block(kind, subtype, layout, *values):
    """A descriptor whose first bytes are its length, its kind and its subtype."""
    body = struct.pack("<" + layout, *values)
    return struct.pack("BBB", 3 + len(body), kind, subtype) + body


def with_total(head, *rest):
    """head (TOTAL) makes the first of descriptors that go together; it says how long they are."""
    return head(len(head(0)) + sum(map(len, rest))) + b"".join(rest)


control = with_total(lambda total: block(0x24, 1, "HHIBB", 0x0100, total, 48_000_000, 1, 1),
                     block(0x24, 2, "BHBBHHHBBBB", 1, 0x0201, 0, 0, 0, 0, 0, 3, 0, 0, 0),
                     block(0x24, 3, "BHBBB", 2, 0x0101, 0, 1, 0))
rate = min(len(photo) * 8 * 10**7 // interval, 2**32 - 1)
streaming = with_total(lambda total: block(0x24, 1, "BHBBBBBBBB", 1, total, 0x81, 0, 2, 0, 0, 0, 1, 0),
                       block(0x24, 6, "BBBBBBBB", 1, 1, 1, 1, 0, 0, 0, 0),
                       block(0x24, 7, "BBHHIIIIBI", 1, 0, width, height, rate, rate, len(photo), interval, 1, interval))
configuration = with_total(
    lambda total: struct.pack("<BBHBBBBB", 9, 2, total, 2, 1, 0, 0x80, 50),
    struct.pack("BBBBBBBB", 8, 11, 0, 2, 0x0E, 3, 0, 0),
    struct.pack("BBBBBBBBB", 9, 4, 0, 0, 0, 0x0E, 1, 0, 0), control,
    struct.pack("BBBBBBBBB", 9, 4, 1, 0, 1, 0x0E, 2, 0, 0), streaming,
    struct.pack("<BBBBHB", 7, 5, 0x81, 2, 512, 0))


def answer(setup):
    """What a control transfer reads, or None: there is no such thing."""
    kind, request, value, _, length = struct.unpack("<BBHHH", setup)
    if kind == 0x80 and request == 6:  # GET_DESCRIPTOR
        index = value & 255
        if value >> 8 == 3 and index < len(strings):
            return (bytes([len(strings[index]) + 2, 3]) + strings[index])[:length]
        found = {1: device, 2: configuration}.get(value >> 8)
        return found and found[:length]
    if kind & 0x60 == 0x20 and kind & 0x80 and value >> 8 in (1, 2):  # of the class: probe and commit
        return {0x85: struct.pack("<H", len(probe)), 0x86: b"\x03"}.get(request, probe)[:length]
    if kind & 0x80:
        return bytes(2)[:length] if request == 0 else None  # GET_STATUS
    return b""


def payloads():
    """The frames, cut up: a header of two bytes (whose frame, its end), then data. None between frames."""
    number = 0
    while True:
        parts = [photo[at:at + CHUNK - 2] for at in range(0, len(photo), CHUNK - 2)]
        for i, part in enumerate(parts):
            yield bytes([2, 0x80 | (0x02 if i == len(parts) - 1 else 0) | number & 1]) + part
        number += 1
        yield None


def receive(end, n):
    data = b""
    while len(data) < n:
        more = end.recv(n - len(data))
        if not more:
            sys.exit(0)  # the host has let go
        data += more
    return data


def serve(end):
    waiting, frames, due = [], payloads(), 0.0  # reads of the bulk endpoint, oldest first
    while True:
        now = time.monotonic()
        if waiting and now >= due:
            part = next(frames)
            if part is None:
                due = max(due, now - 1) + interval / 1e7
            else:
                end.sendall(struct.pack(">5I5i8x", RET_SUBMIT, waiting.pop(0), 0, 0, 0, 0, len(part), 0, 0, 0) + part)
            continue
        if not select.select([end], [], [], due - now if waiting else None)[0]:
            continue
        head = receive(end, 48)
        command, number, _, is_in, endpoint = struct.unpack(">5I", head[:20])
        if command == CMD_UNLINK:
            (target,) = struct.unpack(">I", head[20:24])
            status = UNLINKED if target in waiting else 0
            waiting = [other for other in waiting if other != target]
            end.sendall(struct.pack(">5Ii24x", RET_UNLINK, number, 0, 0, 0, status))
        elif endpoint != 0:
            waiting.append(number)
        else:
            (length,) = struct.unpack(">i", head[24:28])
            if not is_in:
                receive(end, length)
            data = answer(head[40:48])
            status, n = (STALL, 0) if data is None else (0, len(data) if is_in else length)
            end.sendall(struct.pack(">5I5i8x", RET_SUBMIT, number, 0, 0, 0, status, n, 0, 0, 0) +
                        (data if is_in and data else b""))


ours, theirs = socket.socketpair()
end = time.monotonic() + 30
while True:
    try:
        with open(ATTACH, "w", encoding="ascii") as attach:
            attach.write(f"0 {theirs.fileno()} 1 {HIGH_SPEED}")
        break
    except OSError:  # the port still has the camera that was unplugged
        if time.monotonic() > end:
            raise
        time.sleep(0.1)
theirs.close()
serve(ours)
