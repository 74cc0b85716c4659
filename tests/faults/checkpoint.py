# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small sound checkpoint and its card, to be damaged, and the writers of damaged ones.

Lives here: the network phi:-10 with seven classes under timm's names. Elsewhere: the damage.
"""
import copy
import dataclasses
import json
import struct

import numpy as np

VARIANT = "phi:-10"
CLASSES = 7
SIDE = 55
SOUND_LABELS = ["ant", "bee", "cow", "dog", "elk", "fox", "gnu"]
SOUND_CARD = {
    "num_classes": CLASSES,
    "label_names": SOUND_LABELS,
    "pretrained_cfg": {"input_size": [3, SIDE, SIDE], "interpolation": "bicubic", "crop_pct": 0.875,
                       "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "effnet": {"padding": "same", "bn_epsilon": 0.001},
}


def norm(prefix, channels):
    return {f"{prefix}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def block_shapes(block):
    """One block of `effnet info --json` -> {name: shape}."""
    name = f"blocks.{block['stage']}.{block['index']}"
    wide, squeezed, kernel = block["expand_channels"], block["se_channels"], block["kernel"]
    shapes, n = {}, 1
    if block["expand"]:
        shapes[f"{name}.conv_pw.weight"] = (wide, block["in_channels"], 1, 1)
        shapes.update(norm(f"{name}.bn1", wide))
        n = 2
    shapes[f"{name}.conv_dw.weight"] = (wide, 1, kernel, kernel)
    shapes.update(norm(f"{name}.bn{n}", wide))
    for gate, out, into in (("reduce", squeezed, wide), ("expand", wide, squeezed)):
        shapes[f"{name}.se.conv_{gate}.weight"] = (out, into, 1, 1)
        shapes[f"{name}.se.conv_{gate}.bias"] = (out,)
    last = "conv_pwl" if block["expand"] else "conv_pw"
    shapes[f"{name}.{last}.weight"] = (block["out_channels"], wide, 1, 1)
    shapes.update(norm(f"{name}.bn{n + 1}", block["out_channels"]))
    return shapes


def shapes_of(net, classes):
    """What `effnet info --json` says of a net -> {name: shape}."""
    stem, features = net["stem"]["out_channels"], net["n_features"]
    shapes = {"conv_stem.weight": (stem, 3, 3, 3), **norm("bn1", stem)}
    for block in net["blocks"]:
        shapes.update(block_shapes(block))
    shapes["conv_head.weight"] = (features, net["blocks"][-1]["out_channels"], 1, 1)
    shapes.update(norm("bn2", features))
    shapes["classifier.weight"] = (classes, features)
    shapes["classifier.bias"] = (classes,)
    return shapes


def values(name, shape, rng):
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if len(shape) == 1:
        middle = 1.0 if name.endswith("weight") else 0.0
        return (middle + rng.uniform(-0.3, 0.3, shape)).astype(np.float32)
    fan_in = int(np.prod(shape[1:]))
    return (rng.uniform(-1, 1, shape) * (6 / fan_in) ** 0.5).astype(np.float32)


@dataclasses.dataclass
class Checkpoint:
    """A header as Python knows it and the bytes behind it."""
    header: dict
    body: bytes

    def copy(self):
        return Checkpoint(copy.deepcopy(self.header), self.body)

    def text(self):
        return json.dumps(self.header, separators=(",", ":")).encode()

    def tensor(self, name):
        start, end = self.header[name]["data_offsets"]
        return np.frombuffer(self.body[start:end], np.float32).copy()

    def with_values(self, name, change):
        """Another checkpoint whose tensor @name went through @change."""
        array = self.tensor(name)
        change(array)
        start, end = self.header[name]["data_offsets"]
        assert array.nbytes == end - start
        return Checkpoint(self.header, self.body[:start] + array.tobytes() + self.body[end:])

    def as_dtype(self, dtype, encode):
        """All tensors in another dtype: @encode makes bytes of an array of float32."""
        header, parts, at = {}, [], 0
        for name, entry in self.header.items():
            data = encode(self.tensor(name))
            header[name] = {"dtype": dtype, "shape": entry["shape"], "data_offsets": [at, at + len(data)]}
            parts.append(data)
            at += len(data)
        return Checkpoint(header, b"".join(parts))


def sound(net, classes=CLASSES):
    """The checkpoint of a net, seeded."""
    rng = np.random.default_rng(12)
    header, parts, at = {}, [], 0
    for name, shape in shapes_of(net, classes).items():
        data = values(name, shape, rng).tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    return Checkpoint(header, b"".join(parts))


def pack(text, body, length=None):
    """A safetensors file of a header's text and a body, whatever they are."""
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def file_of(checkpoint):
    return pack(checkpoint.text(), checkpoint.body)


def bf16(array):
    return (array.view(np.uint32) >> 16).astype("<u2").tobytes()


def f16(array):
    return array.astype("<f2").tobytes()


def f64(array):
    return array.astype("<f8").tobytes()
