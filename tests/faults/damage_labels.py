# SPDX-License-Identifier: LGPL-2.1-or-later
"""Label files that are no list of the model's names, or hardly one."""
import random

from case import ACCEPTED, EITHER, REFUSED, Case
from checkpoint import SOUND_LABELS


def all_cases():
    lines = [name.encode() for name in SOUND_LABELS]
    good = b"\n".join(lines) + b"\n"
    for name, text, expect in (
            ("sound", good, ACCEPTED), ("no-end", good[:-1], ACCEPTED), ("crlf", good.replace(b"\n", b"\r\n"), ACCEPTED),
            ("bom", b"\xef\xbb\xbf" + good, ACCEPTED), ("empty-lines-behind", good + b"\n\n\n", EITHER),
            ("empty", b"", REFUSED), ("blank", b"\n" * 7, REFUSED), ("spaces", b" \n" * 7, EITHER),
            ("one-less", b"\n".join(lines[:-1]), REFUSED), ("one-more", good + b"hen\n", REFUSED),
            ("gap", good.replace(b"cow", b""), REFUSED), ("first-empty", b"\n" + good, REFUSED),
            ("one-line", b" ".join(lines), REFUSED), ("commas", b",".join(lines), EITHER), ("cr", b"\r".join(lines), EITHER),
            ("nul", good.replace(b"cow", b"c\0w"), REFUSED), ("nul-last", good + b"\0", REFUSED),
            ("latin-1", good.replace(b"cow", b"k\xfch"), REFUSED), ("utf-16", good.decode().encode("utf-16"), REFUSED),
            ("utf-32", good.decode().encode("utf-32"), REFUSED), ("overlong", good.replace(b"cow", b"\xc0\xaf"), REFUSED),
            ("cut-utf-8", good[:-1] + b"\xe2\x82", REFUSED), ("surrogate", good.replace(b"cow", b"\xed\xa0\x80"), REFUSED),
            ("escape", good.replace(b"cow", b"\x1b[2Jcow"), EITHER), ("c1", good.replace(b"cow", b"\xc2\x9bm"), EITHER),
            ("bell", good.replace(b"cow", b"\a"), EITHER), ("bidi", good.replace(b"cow", "\u202ewoc".encode()), EITHER),
            ("format", good.replace(b"cow", b"%n%s"), EITHER), ("long", good.replace(b"cow", b"c" * 1_000_000), EITHER),
            ("16-MB", b"x" * (16 << 20), REFUSED), ("17-MB", b"x" * (17 << 20), REFUSED),
            ("million", b"x\n" * 1_000_000, REFUSED), ("8-million", b"\n" * 8_000_000, REFUSED),
            ("index-from-0", b"".join(b"%d %s\n" % x for x in enumerate(lines)), EITHER),
            ("index-from-1", b"".join(b"%d %s\n" % (i + 1, x) for i, x in enumerate(lines)), EITHER),
            ("index-twice", b"".join(b"%d: %s\n" % (i // 2, x) for i, x in enumerate(lines)), EITHER),
            ("index-gap", b"".join(b"%d: %s\n" % (i * 2, x) for i, x in enumerate(lines)), EITHER),
            ("index-huge", b"".join(b"%d,%s\n" % (i + (1 << 64), x) for i, x in enumerate(lines)), EITHER),
            ("index-minus", b"".join(b"%d\t%s\n" % (-i, x) for i, x in enumerate(lines)), EITHER),
            ("index-only", b"".join(b"%d\n" % i for i in range(7)), EITHER),
            ("json-list", repr(SOUND_LABELS).replace("'", '"').encode(), EITHER),
            ("json-map", b'{"0":"ant","1":"bee","2":"cow","3":"dog","4":"elk","5":"fox","6":"gnu"}', EITHER),
            ("json-cut", b'["ant","bee","cow"', EITHER), ("json-deep", b"[" * 1_000_000, REFUSED),
            ("json-numbers", b"[0,1,2,3,4,5,6]", EITHER), ("json-twice", b'{"0":"a","0":"b"}', EITHER),
            ("csv", b"index,name\n" + b"".join(b"%d,%s\n" % x for x in enumerate(lines)), EITHER),
            ("csv-quotes", b"".join(b'%d,"%s\n' % x for x in enumerate(lines)), EITHER),
            ("html", b"<!DOCTYPE html>\n<html>\n<body>\n404\n</body>\n</html>\n\n", REFUSED),
            ("pickle", b"\x80\4\x95" + bytes(60), REFUSED), ("png", b"\x89PNG\r\n\x1a\n" + bytes(60), REFUSED),
            ("jpeg", b"\xff\xd8\xff\xe0" + bytes(60), REFUSED), ("pdf", b"%PDF-1.4\n" * 7, EITHER),
            ("zeros", bytes(4096), REFUSED), ("ones", b"\xff" * 4096, REFUSED)):
        yield Case(f"labels-{name}", labels=text, expect=expect)
    rng = random.Random(3)
    for i in range(20):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        yield Case(f"labels-flip-{i}", labels=bytes(bad), expect=EITHER)
