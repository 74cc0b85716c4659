# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the networks of the family are made of, as the tool `effnet` tells it, and which of them the tensors
of a checkpoint or the layers of a graph are.

Invariant: no variant and no tensor is named here: a row that the tool learns is known here at once.
Elsewhere: readers of files, formats/; writing, convert.
"""

import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

from folder import Failure, printable
from formats.source import computed

HERE = Path(__file__).resolve().parent
ASK_S = 60
SHOWN = 3  # of what is missing, in a message
COUNTER = ".num_batches_tracked"  # of PyTorch's batch norm; no weight


def find_tool():
    """The program effnet: the one that runs this, an installed one, or one built from these sources."""
    named = os.environ.get("EFFNET_TOOL")
    if named:
        return named
    built = sorted(HERE.parent.glob("build*/src/cli/effnet"), key=lambda path: path.stat().st_mtime)
    found = str(built[-1]) if built else shutil.which("effnet")
    if not found:
        raise Failure("needs the program effnet, which knows the networks: build it (README.md) or run "
                      "`effnet convert`; EFFNET_TOOL=PROGRAM names another")
    return found


def ask_tool(*words):
    command = [find_tool(), *map(str, words)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"{command[0]} cannot be run: {error}") from error
    if done.returncode != 0:
        raise Failure(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{command[0]} failed")
    return done.stdout


class Variant:
    """A row: @layers, each with `shape` of its weight and `names` in each dialect."""

    def __init__(self, entry):
        self.name, self.resolution = entry["variant"], entry["resolution"]
        self.epsilon, self.layers = entry["epsilon"], entry["layers"]
        self.features = self.layers[-1]["shape"][1]

    def shapes(self, dialect, classes):
        """{tensor's name: shape} of a checkpoint; @classes 0: without a classifier."""
        found = {}
        for index, layer in enumerate(self.layers):
            shape = list(layer["shape"])
            if index == len(self.layers) - 1:
                if classes == 0:
                    break
                shape[0] = classes
            for role, name in layer["names"][dialect].items():
                found[name] = tuple(shape if role == "weight" else shape[:1])
        return found

    @functools.lru_cache
    def activation(self):
        return json.loads(ask_tool("info", "--json", self.name))["activation"]


@functools.lru_cache
def variants(only=None):
    """Those there are; of @only just that one, which may be one that is computed, such as phi:1.5."""
    lines = ask_tool("info", "--tensors", *([only] if only else [])).splitlines()
    return [Variant(json.loads(line)) for line in lines]


def flat(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def named_variant(names, rows):
    """The row that one of @names means: "tf_efficientnet_b0.ns_jft_in1k", "EfficientNet-B0"; None."""
    for name in names:
        word = name.lower().split("/")[-1]
        found = [row for row in rows if re.search(
            rf"efficientnet[-_]?{'[-_]?'.join(map(re.escape, re.split('[-_:]', row.name)))}(?![0-9a-z])", word)]
        if found:
            return max(found, key=lambda row: len(row.name))
    return None


def is_tf(names):
    return any(re.search(r"(^|[/_ ])tf_efficientnet", name.lower()) for name in names)


class Match:
    """@tensors: {name to write: Tensor or array}. @dialect: whose names these are. @certain: how
    certain the variant is. @folded: batch norm is multiplied into the weights."""

    def __init__(self, variant, dialect, classes, tensors):
        self.variant, self.dialect, self.classes, self.tensors = variant, dialect, classes, tensors
        self.epsilon = variant.epsilon.get(dialect)
        self.certain, self.folded = None, False

    def order(self, dialect=None):
        """Names in the order of the computation, in @dialect."""
        return list(self.variant.shapes(dialect or self.dialect, self.classes))


# ---- by name ---------------------------------------------------------------------------------------

def stems(rows):
    """{dialect: names its stem's weight has}"""
    found = {}
    for row in rows:
        for dialect, names in row.layers[0]["names"].items():
            found.setdefault(dialect, set()).add(names["weight"])
    return found


def networks(names, rows):
    """[(prefix, dialect)] of the networks whose stems are among @names."""
    found = []
    for name in names:
        for dialect, weights in stems(rows).items():
            for weight in weights:
                if name == weight or name.endswith("." + weight):
                    found.append((name[:len(name) - len(weight)], dialect))
    return found


def choose(found, key, what):
    """One of [(name, ...)], by the user's @key, or because the others are what it is an average of."""
    if key is not None:
        found = [item for item in found if item[0].strip(".") == key.strip(".")] or \
            [item for item in found if key.strip(".") in item[0].split(".")]
        if len(found) != 1:
            raise Failure(f"{what} has {'no' if not found else 'more than one'} network under the name {printable(key)}")
        return found[0], None
    if len(found) == 1:
        return found[0], None
    average = [item for item in found if "ema" in re.split(r"[._]", item[0].lower()) or "shadow" in item[0].lower()]
    if len(average) == 1:
        others = ", ".join(printable(item[0].strip(".") or "(top)") for item in found if item is not average[0])
        return average[0], f"of its networks the running average of the weights, {printable(average[0][0].strip('.'))}, is " \
                           f"taken; the other: {others} (--key)"
    shown = ", ".join(printable(item[0].strip(".") or "(top)") for item in found[:6])
    raise Failure(f"{what} holds {len(found)} networks: {shown}; --key NAME says which is meant")


def find_classifier(tensors, inner, row_features):
    """The matrices, with the bias beside them, that can be the classifier: [(weight's name, bias' name)]."""
    found = []
    for name, tensor in tensors.items():
        bias = tensors.get(name[:-len("weight")] + "bias") if name.endswith(".weight") else None
        if len(tensor.shape) == 2 and tensor.shape[1] in row_features and bias is not None \
                and bias.shape == tensor.shape[:1]:
            found.append((name, name[:-len("weight")] + "bias"))
    inside = [pair for pair in found if pair[0] in inner]
    return inside or found


def differences(row, dialect, classes, tensors):
    """(sentences, how much of the row is there)"""
    wanted, found = row.shapes(dialect, classes), []
    stem = row.layers[0]["names"][dialect]["weight"]
    for name, shape in wanted.items():
        tensor = tensors.get(name)
        if tensor is None:
            found.append(f"tensor {name} is missing")
        elif tensor.shape != shape and not (name == stem and tensor.shape == (shape[0], 1, *shape[2:])):
            found.append(f"tensor {name} is {list(tensor.shape)}, expected {list(shape)}")
    share = 1 - len(found) / len(wanted)
    found += [f"tensor {printable(name)} has no place" for name, tensor in tensors.items()
              if name not in wanted and tensor.is_float and not name.endswith(COUNTER)]
    return found, share


def pick(matches, what, names):
    """@matches: [(row, differences, share)]. Returns (row, how certain). Rows whose tensors are alike differ in what
    has no weights; the first is the one that was published with weights."""
    whole = [row for row, found, _ in matches if not found]
    if len(whole) == 1:
        return whole[0], "certain: names and shapes of all tensors"
    if whole:
        named = named_variant(names, whole)
        if named is not None:
            return named, "certain: shapes of all tensors, and its name"
        others = " and ".join(row.name for row in whole[1:])
        return whole[0], f"likely: its tensors fit {others} as well, which --variant would say"
    row, found, share = max(matches, key=lambda match: (match[2], -len(match[1])))
    if share < 0.5:
        raise Failure(f"{what} is not of the family: the nearest variant, {row.name}, has {share:.0%} of its tensors")
    raise Failure(f"{what} is not {row.name}, the nearest variant: {'; '.join(found[:SHOWN])}"
                  f"{f' and {len(found) - SHOWN} more' if len(found) > SHOWN else ''}")


def match_tensors(source, what, rows, key):
    """A Match for named tensors."""
    found = networks(source.tensors, rows)
    if not found:
        some = ", ".join(printable(name) for name in list(source.tensors)[:SHOWN])
        raise Failure(f"{what} holds no stem convolution of a network of the family under a name we know; it begins "
                      f"with {some}")
    (prefix, dialect), note = choose(found, key, what)
    if note:
        source.notes.append(note)
    inner = {name[len(prefix):]: tensor for name, tensor in source.tensors.items() if name.startswith(prefix)}
    rows = [row for row in rows if dialect in row.epsilon]
    features = {row.features for row in rows}
    head = rows[0].layers[-1]["names"][dialect]
    if head["weight"] not in inner:
        take_classifier(source, inner, prefix, head, features, what)
    classes = inner[head["weight"]].shape[0] if head["weight"] in inner else 0
    matches = [(row, *differences(row, dialect, classes, inner)) for row in rows]
    row, certain = pick(matches, what, source.names)
    wanted = row.shapes(dialect, classes)
    match = Match(row, dialect, classes, {name: tensor for name, tensor in inner.items() if name in wanted})
    match.certain = certain
    return match


def take_classifier(source, inner, prefix, head, features, what):
    """Puts the classifier under its name into @inner."""
    owned = {prefix + name for name in inner}
    pairs = find_classifier(source.tensors, owned, features)
    if len(pairs) > 1:
        raise Failure(f"{what} has {len(pairs)} matrices that can be the classifier: "
                      f"{', '.join(printable(weight) for weight, _ in pairs[:SHOWN])}; expected one")
    if not pairs:
        source.notes.append("it has no classifier, so it gives features only")
        return
    weight, bias = pairs[0]
    for name in (weight, bias):
        inner.pop(name[len(prefix):], None) if name.startswith(prefix) else None
    inner[head["weight"]], inner[head["bias"]] = source.tensors[weight], source.tensors[bias]
    source.notes.append(f"its classifier is {printable(weight)}")


# ---- by order and shape ----------------------------------------------------------------------------

def plain_shape(shape):
    """[out][in] of a 1x1 convolution or of a matrix."""
    return tuple(shape[:2]) if tuple(shape[2:]) == (1, 1) else tuple(shape)


def compare_layers(row, layers):
    """(sentences, share) as differences ()."""
    found, longest = [], max(len(row.layers), len(layers))
    has_head = len(layers) == len(row.layers)
    for index, (wanted, layer) in enumerate(zip(row.layers, layers)):
        shape, expected = plain_shape(layer.weight.shape), plain_shape(wanted["shape"])
        if index == len(row.layers) - 1:
            expected = (shape[0], *expected[1:])
        if shape != expected and not (index == 0 and shape == (expected[0], 1, *expected[2:])):
            found.append(f"its layer {index + 1} ({layer.where}) is {list(shape)}, expected {list(expected)}")
    if not has_head and len(layers) != len(row.layers) - 1:
        found.append(f"it has {len(layers)} layers, expected {len(row.layers)}")
    return found, max(0, min(len(row.layers), len(layers)) - len(found)) / longest


def match_layers(source, what, rows):
    """A Match for the layers of a graph."""
    layers = source.layers
    if not layers:
        raise Failure(f"{what} has no convolutions")
    matches = [(row, *compare_layers(row, layers)) for row in rows]
    whole = [match for match in matches if not match[1]]
    if len(whole) > 1 and source.activation:  # networks that differ in nothing but the activation
        matches = [match for match in whole if match[0].activation() == source.activation] or matches
    row, certain = pick(matches, what, source.names)
    classes = layers[-1].out if len(layers) == len(row.layers) else 0
    epsilons = {layer.norm[4] for layer, wanted in zip(layers, row.layers)
                if layer.norm is not None and "gamma" in wanted["names"]["timm"]}
    normed = all(("gamma" in wanted["names"]["timm"]) == (layer.norm is not None)
                 for layer, wanted in zip(layers, row.layers))
    folded = not normed or len(epsilons) > 1
    match = Match(row, "folded" if folded and "folded" in row.epsilon else "timm", classes, {})
    match.certain, match.folded = certain, folded
    match.epsilon = 1e-3 if folded else epsilons.pop()
    for layer, wanted in zip(layers, row.layers):
        write_layer(match, layer, wanted)
    return match


def write_layer(match, layer, wanted):
    names, shape = wanted["names"][match.dialect], list(wanted["shape"])
    shape[0] = layer.out
    shape[1] = layer.weight.shape[1]
    if not match.folded and layer.norm is not None:
        parts = dict(zip(("gamma", "beta", "mean", "variance"), layer.norm), weight=layer.weight)
        if layer.bias is not None:  # before the batch norm, which takes the mean away
            parts["mean"] = computed(parts["mean"].array() - layer.bias.array(), layer.where)
    else:
        weight, bias = layer.folded()
        parts = {"weight": computed(weight, layer.where), "bias": computed(bias, layer.where)}
        if "gamma" in names:  # a batch norm that changes nothing but adds the bias
            ones = np.ones(layer.out)
            parts.update(gamma=computed(ones, ""), beta=parts["bias"], mean=computed(0 * ones, ""),
                         variance=computed((1 - match.epsilon) * ones, ""))
    for role, name in names.items():
        tensor = parts[role]
        match.tensors[name] = reshaped(tensor, shape) if role == "weight" else tensor


def reshaped(tensor, shape):
    """The same elements; read when asked."""
    made = type(tensor)(shape, "F16" if tensor.dtype == "F16" else "F32",
                        lambda: tensor.array().reshape(shape), tensor.where)
    return made
