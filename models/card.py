# SPDX-License-Identifier: LGPL-2.1-or-later
"""The card of a converted model: what is known of it, where from, and how sure.

Invariant: what a card that came with the checkpoint says stays as it is; what is added stands under keys it
has not. Elsewhere: the weights, family.py; reading files, formats/.
"""

import ast
import json
import re

from folder import Failure, printable, read_regular
from formats.pytorch import names_of

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# What TensorFlow's own training code did with pixels, by the variant.
TENSORFLOW = ((r"lite\d", ((127 / 255,) * 3, (128 / 255,) * 3)), (r"v2-(s|m|l|xl)|e[sml]", ((0.5,) * 3, (0.5,) * 3)))
LABELS_MAX = 16 << 20  # bytes


# "0 cat", "0: cat", "[0] cat", "0 -> cat"; "cat,0", "cat 0". Of a gap that is more than a space a number is certain.
HEAD = re.compile(r"[\"\[(#]?(?P<number>\d{1,20})(?P<gap>[\"\])]?\s*(?:->|=>|[:,;|=)])\s*|[\])\"]\s*|[.-]\s+|\s+)(?P<name>\S.*)")
TAIL = re.compile(r"(?P<name>.*\S)(?P<gap>\s*[:,;|=]\s*|\s+)\"?(?P<number>\d{1,20})\"?")


def read_labels(path):
    """A list of names from lines of text, or from JSON or Python's notation: a list, {"0": "cat"} or {"cat": 0}."""
    data = read_regular(path, LABELS_MAX)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Failure(f"the label file {path} is not UTF-8 text") from None
    if re.match(r"\s*(\{|\[(?!\d+\]\s))", text):
        found = names_of(notation(path, text))
        if found is None:
            raise Failure(f"the label file {path} has no list of names: expected [\"cat\", ...], {{\"0\": \"cat\"}} or "
                          "{\"cat\": 0} with each number from 0 on once")
        return found
    names = [line.strip() for line in text.splitlines()]
    while names and not names[-1]:
        names.pop()
    if "" in names or not names:
        raise Failure(f"the label file {path} has no name in line {names.index('') + 1 if names else 1}")
    if any(re.match(r"names:(\s|$)", line) for line in names):
        raise Failure(f"the label file {path} is YAML, which is not read here; expected one name a line, or JSON")
    if all(line.startswith("- ") for line in names):
        return [unquoted([line[2:].strip()])[0] for line in names]
    found = numbered(path, names)
    return without_synsets(path, found, False) if found else unquoted(without_synsets(path, names, True))


def notation(path, text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise Failure(f"the label file {path} is broken JSON: {error}") from error


def without_synsets(path, names, count):
    """ImageNet's synsets before all names are left out. Where nothing else numbers the classes they @count them, in the order
    of the alphabet."""
    found = [re.fullmatch(r"(n\d{8})[\s,:;]+(\S.*)", name) for name in names]
    if not all(found):
        return names
    names = [match[2] for match in found]
    inner = numbered(path, names) if count else None
    if count and not inner and [match[1] for match in found] != sorted({match[1] for match in found}):
        raise Failure(f"the synsets in the label file {path} are not in their order; put each class's number before its line")
    return inner or names


def unquoted(names):
    """The names without the quotes that all of them are in."""
    for quote in "\"'":
        if all(len(name) > 2 and name[0] == name[-1] == quote for name in names):
            return [name[1:-1].replace(quote * 2, quote) for name in names]
    return names


def numbered(path, lines):
    """Names in order where each line has its number, before it or behind it; None where lines have none. Numbers that do not
    count the classes, or that some lines have and others not, are a failure: they are no part of the names, or stand for
    others."""
    for form in (HEAD, TAIL):
        found = [match for match in map(form.fullmatch, lines) if match]
        certain = sum(bool(match["gap"].strip(" ")) and not match["name"][0].isdigit() for match in found)
        names = {int(match["number"]): match["name"] for match in found}
        counts = sorted(names) == list(range(len(lines))) and (form is HEAD or len(set(names.values())) == len(lines) > 1)
        if len(found) == len(lines) and (counts or form is HEAD or 2 * certain > len(lines)):
            if not counts:
                raise Failure(f"the numbers in the label file {path} do not count its {len(lines)} names from 0 on; if they are "
                              "part of the names, put each class's number before its line")
            return unquoted([names[i] for i in range(len(lines))])
        if certain if form is HEAD else 2 * certain > len(lines):
            raise Failure(f"the label file {path} has numbers in some lines and none in others")
    return None


def triple(text, what):
    try:
        numbers = [eval_number(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3) or (what == "std" and min(numbers) <= 0):
        raise Failure(f"--{what} is {printable(text)}; expected one number or three, such as 0.485,0.456,0.406 or 127/255")
    return (numbers * 3)[:3]


def eval_number(text):
    """"0.5" or "127/255" """
    if not re.fullmatch(r"\s*[0-9.eE+-]+\s*(/\s*[0-9.eE+-]+\s*)?", text):
        raise ValueError(text)
    above, _, below = text.partition("/")
    divisor = float(below) if below else 1.0
    if divisor == 0:
        raise ValueError(text)
    return float(above) / divisor


def card_numbers(value, what):
    """@value of a card, None or a list of one number or three."""
    if value is not None and not (isinstance(value, list) and len(value) in (1, 3)
                                  and all(type(x) in (int, float) for x in value)):
        raise Failure(f"the card's {what} is {printable(str(value))}; expected numbers such as [0.485, 0.456, 0.406]")
    return value


class Facts:
    """What the card is to say. Each line of @said tells the user one of them and where it is from."""

    def __init__(self, source, match, options, tf_named):
        self.source, self.match, self.options, self.said = source, match, options, []
        self.card = source.card or {}
        self.own = self.card.get("effnet") if isinstance(self.card.get("effnet"), dict) else {}
        self.choose_padding(tf_named)
        self.choose_range()
        self.choose_size()
        self.choose_labels()

    def say(self, what, value, why):
        self.said.append(f"{what:9} {value}  ({why})")

    def choose_padding(self, tf_named):
        dialect, source = self.match.dialect, self.source
        if self.options.padding:
            self.padding, why = self.options.padding, "--padding"
        elif self.own.get("padding") in ("same", "symmetric"):
            self.padding, why = self.own["padding"], "the card"
        elif source.padding:
            self.padding, why = source.padding, "certain: the graph" if source.tensors is None else "certain"
        elif tf_named:
            self.padding, why = "same", "certain: it is called tf_efficientnet"
        elif dialect in ("lukemelas", "transformers", "folded"):
            self.padding, why = "same", f"certain: names of {dialect}, trained with TensorFlow"
        elif dialect == "torchvision" or any("efficientnet" in name.lower() for name in source.names):
            self.padding, why = "symmetric", f"certain: {'names' if dialect == 'torchvision' else 'the name'} of {dialect}"
        else:
            self.padding, why = "symmetric", "a guess: nothing says who trained it; --padding same for timm's tf_ models"
        self.say("padding", self.padding, why)
        self.epsilon = self.match.epsilon if source.layers is not None else None
        if self.epsilon is None:
            stored = self.own.get("bn_epsilon") or self.card.get("batch_norm_eps")
            if stored is not None and type(stored) not in (int, float):
                raise Failure(f"the card's epsilon is {printable(str(stored))}; expected a number such as 0.001")
            self.epsilon = stored or (1e-3 if self.padding == "same" else self.match.epsilon)
            why = "the card" if stored else "of that padding"
        else:
            why = "batch norm is multiplied into the weights" if self.match.folded else "certain: the graph"
        self.say("epsilon", f"{self.epsilon:g}", why)

    def choose_range(self):
        cards = self.card.get("pretrained_cfg") if isinstance(self.card.get("pretrained_cfg"), dict) else self.card
        self.mean, self.std = (card_numbers(cards.get(part), part) for part in ("mean", "std"))
        why = "the card"
        if self.source.mean is not None:
            self.mean, self.std, why = self.source.mean, self.source.std, self.source.range_why
        elif self.mean is None and not self.source.more_files:
            self.mean, self.std = next((pair for name, pair in TENSORFLOW if self.padding == "same"
                                        and re.fullmatch(name, self.match.variant.name)), IMAGENET)
            why = "a guess: nothing says it; --mean and --std change it"
        if self.options.mean:
            self.mean = triple(self.options.mean, "mean")
            self.std, why = triple(self.options.std, "std"), "--mean, --std"
        if self.mean is not None:
            shown = [",".join(f"{x + 0.0:.4g}" for x in part) if part else "ImageNet's" for part in (self.mean, self.std)]
            self.say("pixels", f"mean {shown[0]} std {shown[1]}", why)

    def choose_size(self):
        self.size = self.source.size or (self.match.variant.resolution,) * 2
        self.say("input", f"{self.size[1]} x {self.size[0]}", "the graph" if self.source.size else "the variant's own")

    def choose_labels(self):
        self.labels, classes = None, self.match.classes
        if self.options.labels:
            self.labels = read_labels(self.options.labels)
            if len(self.labels) != classes:
                raise Failure(f"{len(self.labels)} labels for {classes} classes: {printable(str(self.options.labels))}")
            self.say("labels", f"{classes} names", "--labels")
        elif self.source.labels and len(self.source.labels) == classes:
            self.labels = [str(name) for name in self.source.labels]
            self.say("labels", f"{classes} names", "the checkpoint")
        elif not any(key in self.card for key in ("label_names", "id2label", "label2id")):
            self.say("labels", "none", "--labels FILE names the classes")

    def data(self):
        """The bytes of the card."""
        card = dict(self.card)
        if "model_type" not in card:
            card.setdefault("architecture", self.match.variant.name)
        card["num_classes"] = self.match.classes
        if self.mean is not None and (not self.card or self.source.mean is not None or self.options.mean):
            self.add_input(card)
        card["effnet"] = {**self.own, "padding": self.padding, "bn_epsilon": self.epsilon}
        if self.source.scores == "sigmoid" and "activation" not in self.own:
            card["effnet"]["activation"] = "sigmoid"
        if self.labels is not None:
            for key in ("id2label", "label2id"):
                card.pop(key, None)
            card["label_names"] = self.labels
        return (json.dumps(card, indent=1) + "\n").encode()

    def add_input(self, card):
        inner = dict(card.get("pretrained_cfg") or {})
        inner.setdefault("input_size", [3, *map(int, self.size)])
        inner.setdefault("interpolation", "bicubic")
        inner.setdefault("crop_pct", 1.0 if self.source.mean is not None else round(self.size[0] / (self.size[0] + 32), 3))
        inner.setdefault("crop_mode", "center")
        inner.update(mean=list(self.mean), std=list(self.std), num_classes=self.match.classes)
        card["pretrained_cfg"] = inner
