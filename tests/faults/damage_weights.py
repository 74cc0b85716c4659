# SPDX-License-Identifier: LGPL-2.1-or-later
"""Weights files that are wrong in one way each.

Lives here: lengths, JSON, types, shapes, offsets, names, numbers. Elsewhere: the sound file
(checkpoint.py), cards and labels (damage_cards.py, damage_labels.py), places (damage_places.py).
"""
import json
import random

import numpy as np

import checkpoint
from case import ACCEPTED, EITHER, REFUSED, Case, sparse
from checkpoint import Checkpoint, pack

WEIGHT, BIAS = "classifier.weight", "classifier.bias"


def lengths(sound):
    data, n = checkpoint.file_of(sound), len(sound.text())
    for value in (0, 1, 2, 7, 8, n - 8, n - 1, n + 1, n + 2, n + 8, len(data) - 9, len(data) - 8, len(data) - 7,
                  len(data), 1 << 16, 1 << 24, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 53, (1 << 63) - 1, 1 << 63,
                  (1 << 64) - 8, (1 << 64) - 1, 100_000_000, 100_000_001):
        yield Case(f"length-{value}", pack(sound.text(), sound.body, value))
    ends = sorted(entry["data_offsets"][1] for entry in sound.header.values())
    cuts = [*range(0, 10), 8 + n // 2, 8 + n - 1, 8 + n, *(8 + n + end for end in ends[:-1:9]), len(data) - 1]
    for size in cuts:
        yield Case(f"cut-at-{size}", data[:size])
    for name, more in (("byte", b"\0"), ("word", bytes(8)), ("page", bytes(4096)), ("again", data)):
        yield Case(f"behind-it-a-{name}", data + more)
    for size in (99_999_992, 100_000_008, 1 << 32, 1 << 40):
        yield Case(f"zeros-of-{size}", sparse(b"", size))
        yield Case(f"says-all-of-{size}", sparse((size - 8).to_bytes(8, "little"), size))
        yield Case(f"sound-then-zeros-to-{size}", sparse(data, size))
    for elements in (1 << 28, 1 << 34, 1 << 38):
        copy = sound.copy()
        at = len(sound.body)
        copy.header["more"] = {"dtype": "F32", "shape": [elements], "data_offsets": [at, at + 4 * elements]}
        text = copy.text()
        yield Case(f"a-tensor-of-{elements}-that-is-there",
                   sparse(pack(text, copy.body), 8 + len(text) + at + 4 * elements))
        copy = sound.copy()
        size = 4 * elements
        copy.header = {WEIGHT: {"dtype": "F32", "shape": [elements // 496, 496],
                                "data_offsets": [0, elements // 496 * 496 * 4]}}
        text = copy.text()
        yield Case(f"a-classifier-of-{elements}", sparse(pack(text, b""), 8 + len(text) + size))


def texts(sound):
    good = sound.text()

    def case(name, text, body=sound.body, expect=REFUSED):
        return Case(f"text-{name}", pack(text, body), expect=expect)

    inside = good[1:-1]
    for name, text in {
            "object-empty": b"{}", "array": b"[" + good + b"]", "string": json.dumps(good.decode()).encode(),
            "null": b"null", "number": b"7", "true": b"true", "two": good + good, "comma-last": b"{" + inside + b",}",
            "comma-first": b"{," + inside + b"}", "comma-double": good.replace(b"},", b"},,", 1),
            "colon-none": good.replace(b":", b" ", 1), "brace-none": good[:-1], "brace-more": good + b"}",
            "single-quotes": good.replace(b'"', b"'"), "comment": b"{/* x */" + inside + b"}",
            "line-comment": b"{//x\n" + inside + b"}", "bom": b"\xef\xbb\xbf" + good,
            "utf-16": good.decode().encode("utf-16"), "utf-32": good.decode().encode("utf-32"),
            "latin-1": good.replace(b"classifier", b"cl\xe4ssifier"), "overlong": good.replace(b"bn1", b"bn\xc0\xb1", 1),
            "surrogate": good.replace(b"bn1", b"bn\xed\xa0\x80", 1), "nul": good.replace(b"bn1", b"bn\0", 1),
            "nul-escape": good.replace(b"bn1", b"bn\\u0000", 1), "lone-half": good.replace(b"bn1", b"\\ud800", 1),
            "raw-newline": good.replace(b"bn1", b"bn\n1", 1), "raw-escape": good.replace(b"bn1", b"\x1b[2Jbn1", 1),
            "bad-escape": good.replace(b"bn1", b"\\x41", 1), "nan": good.replace(b"[0,", b"[NaN,", 1),
            "infinity": good.replace(b"[0,", b"[Infinity,", 1), "minus": good.replace(b"[0,", b"[-0,", 1),
            "plus": good.replace(b"[0,", b"[+0,", 1), "octal": good.replace(b"[0,", b"[00,", 1),
            "hex": good.replace(b"[0,", b"[0x0,", 1), "float": good.replace(b"[0,", b"[0.0,", 1),
            "exponent": good.replace(b"[0,", b"[0e0,", 1), "digits": good.replace(b"[0,", b"[" + b"1" * 5000 + b",", 1),
            "deep-objects": b'{"a":' * 500_000, "deep-arrays": b'{"a":' + b"[" * 5_000_000,
            "deep-closed": b'{"a":' * 300_000 + b"1" + b"}" * 300_000,
            "string-of-20-MB": b'{"' + b"n" * 20_000_000, "escapes-of-20-MB": b'{"' + b"\\u0041" * 3_300_000,
            "number-of-5-MB": b'{"a":' + b"9" * 5_000_000,
            "tensors-300000": b"{" + b",".join(b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i
                                               for i in range(300_000)) + b"}",
            "shape-of-a-million": b'{"a":{"dtype":"U8","shape":[' + b"1," * 1_000_000 + b'1],"data_offsets":[0,1]}}',
            "zip": b"PK\3\4" + bytes(200), "pickle": b"\x80\2}q\0." + bytes(50), "html": b"<!DOCTYPE html><html>",
            "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "gguf": b"GGUF\3\0\0\0" + bytes(64), "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(64), "ones": b"\xff" * 300}.items():
        yield case(name, text)
    for name in ("zip", "html", "lfs"):  # without a length before them: as people have them
        raw = {"zip": b"PK\3\4" + bytes(3000), "html": b"<!DOCTYPE html><html>" * 9, "lfs": b"version https://git-lfs\n"}
        yield Case(f"bare-{name}", raw[name])
    twice = good[:-1] + b"," + json.dumps(BIAS).encode() + b":" + json.dumps(sound.header[BIAS]).encode() + b"}"
    yield case("name-twice", twice)
    yield case("name-twice-escaped", twice[:twice.rfind(b"classifier")] + b"\\u0063" + twice[twice.rfind(b"lassifier"):])
    yield case("dtype-twice", good.replace(b'"dtype":"F32"', b'"dtype":"F32","dtype":"F32"', 1))
    yield case("spaces", good.replace(b":", b" :\t", 9), expect=ACCEPTED)
    yield case("padded", good + b" " * 4096, expect=ACCEPTED)
    yield case("padded-to-90-MB", good + b" " * 90_000_000, expect=EITHER)
    for name, value in (("text", {"format": "pt"}), ("empty", {})):
        yield case(f"metadata-{name}", json.dumps({"__metadata__": value, **sound.header}).encode(), expect=ACCEPTED)
    for name, value in (("number", 1), ("list", []), ("nested", {"a": {"b": "c"}}), ("inner-number", {"a": 1}),
                        ("null", None)):
        yield case(f"metadata-{name}", json.dumps({"__metadata__": value, **sound.header}).encode())
    yield case("metadata-90-MB", json.dumps({"__metadata__": {"k": "v" * 90_000_000}, **sound.header}).encode(),
               expect=EITHER)


def entry_case(sound, name, change, expect=REFUSED, of=WEIGHT):
    copy = sound.copy()
    change(copy.header[of])
    return Case(name, checkpoint.file_of(copy), expect=expect)


def types_and_shapes(sound):
    for dtype in ("F64", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F4", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8",
                  "BOOL", "C64", "f32", "F32 ", "float32", "", "\x1b[31mF32", "F32" * 5000, None, 32, True, ["F32"], {}):
        yield entry_case(sound, f"dtype-{str(dtype)[:9]!r}".replace("/", "."), lambda e, d=dtype: e.update(dtype=d))
    out, into = sound.header[WEIGHT]["shape"]
    for i, shape in enumerate((
            [into, out], [out * into], [out, into, 1], [1, out, into], [out, into, 1, 1], [], [0], [out, 0], [0, into],
            [out - 1, into], [out + 1, into], [out, into + 1], [1] * 9, [1 << 32, 1 << 32], [1 << 63, 2], [1 << 62, 4],
            [(1 << 64) + out, into], [10 ** 30, into], [-out, -into], [out, None], [float(out), into], [str(out), into],
            [True, into], [[out], into], {"0": out}, "7,496", None, out * into, [out, into, (1 << 61)],
            [1 << 31, 1 << 31, 1 << 31])):
        yield entry_case(sound, f"shape-{i}", lambda e, s=shape: e.update(shape=s))
    for key in ("dtype", "shape", "data_offsets"):
        yield entry_case(sound, f"no-{key}", lambda e, k=key: e.pop(k))
    yield entry_case(sound, "more-keys", lambda e: e.update(extra=1))
    for name, encode in (("F16", checkpoint.f16), ("BF16", checkpoint.bf16)):
        yield Case(f"all-{name}", checkpoint.file_of(sound.as_dtype(name, encode)), expect=ACCEPTED)
    yield Case("all-F64", checkpoint.file_of(sound.as_dtype("F64", checkpoint.f64)), expect=EITHER)
    yield Case("all-I8", checkpoint.file_of(sound.as_dtype("I8", lambda a: a.astype("i1").tobytes())))
    for name, entry in list(sound.header.items())[:40:4]:
        shape = entry["shape"]
        if len(shape) == 4 and shape[0] != shape[1]:
            yield entry_case(sound, f"transposed-{name}",
                             lambda e: e.update(shape=[e["shape"][1], e["shape"][0], *e["shape"][2:]]), of=name)
        yield entry_case(sound, f"flat-{name}", lambda e: e.update(shape=[int(np.prod(e["shape"]))]),
                         REFUSED if len(shape) > 1 else ACCEPTED, of=name)


def offsets(sound):
    start, end = sound.header[WEIGHT]["data_offsets"]
    total = len(sound.body)
    for i, pair in enumerate((
            [start - 4, end], [start, end + 4], [start + 4, end + 4], [start - 4, end - 4], [end, start], [0, 0],
            [0, end - start], [start, start], [total, total], [total, total + end - start], [-4, end], [start, -1],
            [(1 << 64) - 4, 4], [1 << 63, (1 << 63) + end - start], [10 ** 17, 10 ** 17 + end - start], [start + 0.5, end],
            [str(start), str(end)], [start], [start, end, end], None, {}, [None, None], [True, end], [[start], [end]],
            [start + 1, end + 1], [start, 10 ** 40], [0, total])):
        yield entry_case(sound, f"offsets-{i}", lambda e, p=pair: e.update(data_offsets=p))
    same = sound.copy()
    pairs = [name for name in same.header if name.endswith("bn1.weight")]
    same.header[pairs[0].replace("weight", "bias")]["data_offsets"] = same.header[pairs[0]]["data_offsets"]
    yield Case("two-at-one-place", checkpoint.file_of(same))
    every = sound.copy()
    for entry in every.header.values():
        entry["data_offsets"] = [0, entry["data_offsets"][1] - entry["data_offsets"][0]]
    yield Case("all-at-the-start", checkpoint.file_of(every))
    gap = Checkpoint({n: {**e, "data_offsets": [o + 8 for o in e["data_offsets"]]} for n, e in sound.header.items()},
                     bytes(8) + sound.body)
    yield Case("a-gap-before", checkpoint.file_of(gap))
    backwards = Checkpoint(dict(reversed(sound.header.items())), sound.body)
    yield Case("header-backwards", checkpoint.file_of(backwards), expect=ACCEPTED)


def names(sound):
    def renamed(case, old, new, expect=REFUSED):
        header = {new if name == old else name: entry for name, entry in sound.header.items()}
        return Case(f"name-{case}", checkpoint.file_of(Checkpoint(header, sound.body)), expect=expect)

    for case, new in {"escape": "\x1b]0;owned\7\x1b[2J", "newline": "a\nb: fine", "long": "w" * 70_000, "empty": "",
                      "format": "%s%n%s%d", "bidi": "\u202egpj.\u2066x", "path": "../../../etc/passwd",
                      "html": "<script>alert(1)</script>", "upper": WEIGHT.upper(), "space": WEIGHT + " ",
                      "nbsp": WEIGHT + "\u00a0", "kelvin": "\u212a", "astral": "\U0001f600" * 50, "c1": "a\x9bb\x85c",
                      "prefix": "module." + WEIGHT, "dots": "...", "underscore": "_fc.weight", "nonchar": "\uffff",
                      "zero-width": "class\u200bifier.weight", "decomposed": "classifi\u0065\u0301r.weight"}.items():
        yield renamed(case, WEIGHT, new)
    for case, change in {"all-prefixed": lambda n: "model." + n, "all-upper": str.upper, "all-reversed": lambda n: n[::-1],
                         "stages-from-1": lambda n: n.replace("blocks.0.", "blocks.7.")}.items():
        header = {change(name): entry for name, entry in sound.header.items()}
        expect = EITHER if case == "all-prefixed" else REFUSED
        yield Case(f"names-{case}", checkpoint.file_of(Checkpoint(header, sound.body)), expect=expect)
    for case, extra in {"escape": "\x1b[31m", "long": "n" * 3_000_000, "plain": "ema_decay", "head": "head.weight",
                        "bidi": "\u202e", "second": "features.0.0.weight", "lines": "a\r\n\r\nHTTP"}.items():
        header = {**sound.header, extra: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}
        yield Case(f"unused-{case}", checkpoint.file_of(Checkpoint(header, sound.body)))
    for name in (BIAS, "conv_stem.weight", "bn1.running_var", "blocks.3.0.se.conv_reduce.bias"):
        header = {n: e for n, e in sound.header.items() if n != name}
        yield Case(f"without-{name}", checkpoint.file_of(Checkpoint(header, sound.body)))
    yield Case("only-one", pack(b'{"classifier.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)))


ROLES = ("conv_stem.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
         "blocks.2.0.conv_dw.weight", "blocks.4.0.se.conv_expand.bias", "blocks.6.0.bn3.running_var", WEIGHT, BIAS)


def at(index, value):
    def change(array):
        array[index] = value
    return change


def numbers(sound):
    for name in ROLES:
        for word, value in (("nan", np.nan), ("inf", np.inf), ("ninf", -np.inf)):
            yield Case(f"{word}-in-{name}", checkpoint.file_of(sound.with_values(name, at(0, value))))
        yield Case(f"nan-last-in-{name}", checkpoint.file_of(sound.with_values(name, at(-1, np.nan))))
    for dtype, encode in (("F16", checkpoint.f16), ("BF16", checkpoint.bf16)):
        for word, value in (("nan", np.nan), ("inf", np.inf)):
            bad = sound.with_values("conv_head.weight", at(9, value)).as_dtype(dtype, encode)
            yield Case(f"{word}-as-{dtype}", checkpoint.file_of(bad))
    for case, name, value, expect in (
            ("var-negative", "bn1.running_var", -1.0, REFUSED), ("var-zero", "bn1.running_var", 0.0, EITHER),
            ("var-huge", "bn1.running_var", 3e38, EITHER), ("var-tiny", "bn1.running_var", 1e-42, EITHER),
            ("gamma-huge", "bn1.weight", 3e38, EITHER), ("gamma-huge-late", "bn2.weight", 3e38, EITHER),
            ("gamma-zero", "bn2.weight", 0.0, ACCEPTED), ("mean-huge", "bn1.running_mean", 3e38, EITHER),
            ("beta-huge", "bn2.bias", 3e38, EITHER), ("filter-huge", "conv_head.weight", 3e38, EITHER),
            ("filter-tiny", "conv_stem.weight", 1e-45, ACCEPTED), ("classifier-huge", WEIGHT, 3e38, EITHER),
            ("bias-huge", BIAS, 3e38, EITHER), ("bias-huge-minus", BIAS, -3e38, EITHER), ("bias-80", BIAS, 80.0, ACCEPTED),
            ("gate-huge", "blocks.4.0.se.conv_expand.bias", 3e38, EITHER),
            ("gate-minus", "blocks.4.0.se.conv_expand.bias", -3e38, EITHER)):
        yield Case(f"all-{case}", checkpoint.file_of(sound.with_values(name, at(slice(None), value))), expect=expect)
    both = sound.with_values("bn2.weight", at(slice(None), 1e38))
    both = both.with_values("bn2.running_var", at(slice(None), 1e-42))
    yield Case("folds-to-infinity", checkpoint.file_of(both), card={**checkpoint.SOUND_CARD, "effnet": {
        "padding": "same", "bn_epsilon": 1e-12}})
    wide = sound.with_values("bn2.weight", at(0, 3.4e38)).with_values("bn2.running_mean", at(0, 3.4e38))
    yield Case("bias-folds-to-infinity", checkpoint.file_of(wide))
    yield Case("all-zero", checkpoint.file_of(Checkpoint(sound.header, bytes(len(sound.body)))), expect=EITHER)
    apart = sound.with_values(BIAS, lambda a: a.__setitem__(slice(None), [3e38, -3e38, 0, 1, 2, 3, 4]))
    yield Case("logits-far-apart", checkpoint.file_of(apart), expect=EITHER)


def flips(sound, n=60):
    """Bytes of the header changed at random, the same each time."""
    data, rng = checkpoint.file_of(sound), random.Random(11)
    for i in range(n):
        bad = bytearray(data)
        for _ in range(rng.randint(1, 6)):
            bad[rng.randrange(8 + len(sound.text()))] = rng.randrange(256)
        yield Case(f"flip-{i}", bytes(bad), expect=EITHER)


def variants(sound):
    for variant in ("b0", "b7", "l2", "lite0", "lite4", "phi:-9.5", "phi:-9", "phi:0", "phi:15"):
        yield Case(f"as-{variant}", checkpoint.file_of(sound), variant=variant)


def all_cases(sound):
    for part in (lengths, texts, types_and_shapes, offsets, names, numbers, flips, variants):
        yield from part(sound)
