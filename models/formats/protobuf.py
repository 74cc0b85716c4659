# SPDX-License-Identifier: LGPL-2.1-or-later
"""Protocol buffers' wire format: fields by number, without a schema and without a copy of the bytes."""

import struct

FIELDS_MAX = 4_000_000


def varint(view, at):
    """(value, where the next begins)"""
    value = shift = 0
    while True:
        byte = view[at]
        at += 1
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def signed(value):
    return value - (1 << 64) if value >> 63 else value


class Message:
    """@view: its bytes. Fields in the order of the file, repeated ones several times."""

    def __init__(self, view):
        self.fields = {}
        at = count = 0
        while at < len(view):
            key, at = varint(view, at)
            number, kind = key >> 3, key & 7
            if kind == 0:
                value, at = varint(view, at)
            elif kind == 1:
                value, at = bytes(view[at:at + 8]), at + 8
            elif kind == 5:
                value, at = bytes(view[at:at + 4]), at + 4
            elif kind == 2:
                length, at = varint(view, at)
                value, at = view[at:at + length], at + length
            else:
                raise ValueError(f"a field of the unknown wire type {kind}")
            count += 1
            if at > len(view) or number == 0:
                raise ValueError("a field reaches past the end")
            if count > FIELDS_MAX:
                raise ValueError("too many fields")
            self.fields.setdefault(number, []).append(value)

    def all(self, number):
        return self.fields.get(number, [])

    def one(self, number, otherwise=None):
        return self.fields.get(number, [otherwise])[-1]

    def messages(self, number):
        return [Message(view) for view in self.all(number)]

    def text(self, number):
        value = self.one(number, b"")
        return bytes(value).decode("utf-8", "replace") if not isinstance(value, int) else ""

    def texts(self, number):
        return [str(view, "utf-8", "replace") for view in self.all(number)]

    def integer(self, number, otherwise=0):
        value = self.one(number, otherwise)
        return signed(value) if isinstance(value, int) else otherwise

    def integers(self, number):
        """Repeated int64, packed or not."""
        found = []
        for value in self.all(number):
            if isinstance(value, int):
                found.append(signed(value))
                continue
            at = 0
            while at < len(value):
                one, at = varint(value, at)
                found.append(signed(one))
        return found

    def floats(self, number):
        """Repeated float, packed or not."""
        data = b"".join(self.all(number))
        if len(data) % 4:
            raise ValueError("a float that is cut")
        return list(struct.unpack(f"<{len(data) // 4}f", data))
