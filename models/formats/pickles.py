# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pickle read as a description: what it builds is written down, nothing that it names is called.

Lives here: the stack machine of Python's pickles, for data and tensors. Invariant: no object but lists,
dicts, tuples, sets, text, numbers and the classes of this file comes to be; no module is imported.
Elsewhere: where a tensor's numbers stand in the file, pytorch.py.
"""

import pickletools

from folder import Failure, printable

BYTES_MAX = 64 << 20  # of pickles in a file; the numbers of tensors stand outside
OPERATIONS_MAX = 4_000_000
# A list of tensors has no use for these. (The pickle of a model that trains names many harmless classes.)
HOSTILE = {"os", "posix", "nt", "subprocess", "sys", "socket", "shutil", "runpy", "importlib", "pty", "ctypes",
           "commands", "popen2", "webbrowser", "code", "codeop", "pickle", "_pickle", "marshal", "threading",
           "multiprocessing", "asyncio", "signal", "urllib", "http", "requests", "tempfile", "pathlib2"}
BUILTINS = {"builtins", "__builtin__"}
PLAIN = {"set", "frozenset", "dict", "list", "tuple", "int", "float", "bool", "str", "bytes", "bytearray", "complex",
         "slice", "range", "object", "getattr", "long", "unicode"}


class Name:
    """A class or function that the pickle names."""

    def __init__(self, module, name):
        self.module, self.name = module, name
        top = module.split(".")[0]
        if top in HOSTILE or (top in BUILTINS and name.split(".")[0] not in PLAIN):
            raise Failure(f"the checkpoint asks for {printable(module)}.{printable(name)}, which a list of tensors "
                          "does not need and which can run programs; refused, and nothing of it was run")

    def __str__(self):
        return f"{self.module}.{self.name}"


class Opaque:
    """An object of a class that is not known here: what it was made of, and its state."""

    def __init__(self, name, args):
        self.name, self.args, self.state = name, args, None


class Reference:
    """What the pickle says stands elsewhere in the file."""

    def __init__(self, words):
        self.words = words


class Limited:
    """@stream, of which one pickle after the other is read, BYTES_MAX bytes at most."""

    def __init__(self, stream):
        self.stream, self.left = stream, BYTES_MAX

    def _take(self, data):
        self.left -= len(data)
        return data

    def read(self, n):
        if n > self.left:
            raise ValueError("its pickle is larger than that of any checkpoint")
        return self._take(self.stream.read(n))

    def readline(self):
        return self._take(self.stream.readline(min(self.left, 1 << 16)))


MARK = object()
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
          "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
          "BINBYTES8", "BYTEARRAY8"}
KEYS = (str, int, float, bool, bytes, type(None))


class Machine:
    """@build (name, args): what a call of @name makes, None where it does not know."""

    def __init__(self, build):
        self.build, self.stack, self.memo = build, [], {}

    def mark(self):
        at = len(self.stack) - 1
        while self.stack[at] is not MARK:
            at -= 1
            if at < 0:
                raise ValueError("there is no mark on the stack")
        items = self.stack[at + 1:]
        del self.stack[at:]
        return items

    def call(self, name, args):
        if not isinstance(name, Name) or not isinstance(args, tuple):
            return Opaque(name, args)
        made = self.build(name, args)
        return Opaque(name, args) if made is None else made

    def put(self, pairs):
        """Items of a dict, or of an object that is like one. Keys that are neither text nor numbers are left
        out: none is of use, and comparing them could take long."""
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update((key, value) for key, value in zip(pairs[::2], pairs[1::2]) if isinstance(key, KEYS))
        elif not isinstance(target, Opaque):
            raise ValueError("items for what is no dict")

    def add(self, items):
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Opaque):
            raise ValueError("items for what is no list")

    def set_state(self, state):
        target = self.stack[-1]
        if isinstance(target, Opaque):
            target.state = state

    def step(self, code, arg):
        pop, push = self.stack.pop, self.stack.append
        if code in VALUES:
            push(arg)
        elif code in CONSTANTS:
            push(CONSTANTS[code])
        elif code == "MARK":
            push(MARK)
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[arg] = self.stack[-1]
        elif code == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            push(self.memo[arg])
        elif code in ("EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "EMPTY_SET"):
            push({"LIST": list, "DICT": dict, "TUPLE": tuple, "SET": list}[code[6:]]())
        elif code in ("LIST", "FROZENSET"):
            push(self.mark())
        elif code == "TUPLE":
            push(tuple(self.mark()))
        elif code in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(code[-1])
            items = tuple(self.stack[len(self.stack) - n:])
            del self.stack[len(self.stack) - n:]
            push(items)
        elif code == "DICT":
            items = self.mark()
            push({})
            self.put(items)
        elif code in ("APPEND", "APPENDS", "ADDITEMS"):
            self.add([pop()] if code == "APPEND" else self.mark())
        elif code == "SETITEM":
            value, key = pop(), pop()
            self.put([key, value])
        elif code == "SETITEMS":
            self.put(self.mark())
        elif code == "POP":
            pop()
        elif code == "POP_MARK":
            self.mark()
        elif code == "DUP":
            push(self.stack[-1])
        else:
            self.make(code, arg)

    def make(self, code, arg):
        """The operations by which a pickle that is loaded would call something."""
        pop, push = self.stack.pop, self.stack.append
        if code == "GLOBAL":
            push(Name(*arg.split(" ", 1)))
        elif code == "STACK_GLOBAL":
            name, module = pop(), pop()
            if not isinstance(name, str) or not isinstance(module, str):
                raise ValueError("a name that is no text")
            push(Name(module, name))
        elif code in ("REDUCE", "NEWOBJ"):
            args, name = pop(), pop()
            push(self.call(name, args))
        elif code == "NEWOBJ_EX":
            pop()  # arguments by name
            args, name = pop(), pop()
            push(self.call(name, args))
        elif code == "OBJ":
            name, *args = self.mark()
            push(self.call(name, tuple(args)))
        elif code == "INST":
            args = tuple(self.mark())
            push(self.call(Name(*arg.split(" ", 1)), args))
        elif code == "BUILD":
            self.set_state(pop())
        elif code in ("PERSID", "BINPERSID"):
            push(Reference(arg if code == "PERSID" else pop()))
        elif code not in ("PROTO", "FRAME"):
            raise ValueError(f"operation {code} in a list of tensors")


def load(stream, build):
    """The object that the pickle at @stream, a Limited, describes. Raises Failure, ValueError and the other
    errors of bytes that are no pickle."""
    machine = Machine(build)
    for count, (operation, arg, _) in enumerate(pickletools.genops(stream)):
        if operation.name == "STOP":
            return machine.stack.pop()
        if count > OPERATIONS_MAX:
            raise ValueError("its pickle has more parts than that of any checkpoint")
        machine.step(operation.name, arg)
    raise ValueError("its pickle has no end")
