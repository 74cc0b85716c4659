# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtsp.py: an RTSP server that costs next to nothing, so that what is measured beside it is not the server.

The recording is cut into RTP packets once. Cameras share CHANNELS of it, each at another place of the recording; per
frame and channel the packets get their numbers once, and each client gets them in one write, over the RTSP connection
itself (RFC 2326, 10.12). A client receives what a camera sends: packets of at most 1,400 bytes, a frame at a time, in
real time, numbered on and on. No RTCP is sent.
Lives here: packets, connections, time. Elsewhere: the recording, and who watches it (cameras.py).
"""

import heapq
import selectors
import socket
import struct
import time

CHANNELS = 10
BACKLOG = 8 << 20  # bytes that a client may be behind


def packetise(Gst, path):
    """([payloads of an access unit's packets] of each access unit, SDP parameters) of an MP4 file of H.264."""
    pipeline = Gst.parse_launch(
        f"filesrc location={path} ! qtdemux ! h264parse config-interval=-1 ! rtph264pay mtu=1400 pt=96 ! "
        "appsink name=out sync=false")
    out = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    units, packets, caps = [], [], None
    while sample := out.emit("pull-sample"):
        data = sample.get_buffer().extract_dup(0, sample.get_buffer().get_size())
        caps = sample.get_caps().get_structure(0)
        packets.append(data[12:])
        if data[1] & 0x80:  # the marker: the access unit ends
            units.append(packets)
            packets = []
    pipeline.set_state(Gst.State.NULL)
    return units, ";".join(f"{name}={caps.get_string(name)}" for name in ("profile-level-id", "sprop-parameter-sets"))


class Channel:
    def __init__(self, units, first, rate, start):
        self.units, self.at, self.rate, self.due = units, first, rate, start
        self.number, self.time, self.period = 0, 0, 1 / rate
        self.clients = set()

    def next_frame(self):
        """One access unit as it goes over the connection."""
        packets = self.units[self.at]
        parts = []
        for i, payload in enumerate(packets):
            marker = 0x80 if i == len(packets) - 1 else 0
            parts += [struct.pack(">BBHBBHII", 0x24, 0, 12 + len(payload), 0x80, marker | 96, self.number, self.time, 0x65666E),
                      payload]
            self.number = self.number + 1 & 0xFFFF
        self.time = self.time + 90000 // self.rate & 0xFFFFFFFF
        self.at = (self.at + 1) % len(self.units)
        return b"".join(parts)


class Client:
    def __init__(self, connection, sdp, channel):
        self.connection, self.sdp, self.channel = connection, sdp, channel
        self.received, self.behind = b"", b""

    def send(self, data):
        """FALSE: it does not take what it gets."""
        if self.behind:
            self.behind += data
            return self.flush() and len(self.behind) < BACKLOG
        try:
            sent = self.connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        self.behind = data[sent:]
        return True

    def flush(self):
        try:
            self.behind = self.behind[self.connection.send(self.behind):]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def receive(self):
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.received += data
        while self.received:
            if self.received[:1] == b"$":  # RTCP, which nobody reads
                size = 4 + struct.unpack(">H", self.received[2:4])[0] if len(self.received) >= 4 else 4
                if len(self.received) < size:
                    break
                self.received = self.received[size:]
                continue
            head, found, rest = self.received.partition(b"\r\n\r\n")
            if not found:
                break
            self.received = rest
            self.answer(head.decode().split("\r\n"))
        return bool(data)

    def answer(self, lines):
        method, url = lines[0].split(" ")[:2]
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        more, body = "", ""
        if method == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = self.sdp
            more = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        elif method == "PLAY":
            more = "Session: 1\r\nRange: npt=now-\r\n"
            self.channel.clients.add(self)
        elif method == "TEARDOWN":
            self.channel.clients.discard(self)
        self.send(f"RTSP/1.0 200 OK\r\nCSeq: {fields.get('cseq', '0')}\r\n{more}\r\n{body}".encode())


def serve(Gst, path, rate):
    """Prints its port, then serves for good."""
    units, parameters = packetise(Gst, path)
    sdp = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
           f"c=IN IP4 0.0.0.0\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;{parameters}\r\n"
           f"a=framerate:{rate}\r\na=control:stream=0\r\n")
    now = time.monotonic()
    channels = [Channel(units, i * len(units) // CHANNELS, rate, now + i / rate / CHANNELS) for i in range(CHANNELS)]
    turns = [(channel.due, i) for i, channel in enumerate(channels)]
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    print(listener.getsockname()[1], flush=True)
    n = 0

    def drop(client):
        client.channel.clients.discard(client)
        selector.unregister(client.connection)
        client.connection.close()

    while True:
        for key, _ in selector.select(max(turns[0][0] - time.monotonic(), 0)):
            if key.fileobj is listener:
                connection = listener.accept()[0]
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ, Client(connection, sdp, channels[n % CHANNELS]))
                n += 1
            elif not key.data.receive():
                drop(key.data)
        while turns[0][0] <= time.monotonic():
            channel = channels[turns[0][1]]
            frame = channel.next_frame()
            for client in list(channel.clients):
                if not client.send(frame):
                    drop(client)
            channel.due += channel.period
            heapq.heapreplace(turns, (channel.due, turns[0][1]))
