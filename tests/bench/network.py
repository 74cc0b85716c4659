# SPDX-License-Identifier: LGPL-2.1-or-later
"""One network for every engine: a variant with synthetic weights, batch norm folded.

Lives here: the list of layers all exporters read. Invariant: the shape of the network comes from
`effnet info`, the weights from tests/golden/synthetic.py, padding is TensorFlow's SAME, epsilon 1e-3; a
mistake shows as logits that differ from ours, which every run compares. Elsewhere: files of each engine
(export.py, tflite_file.py).
"""

import json
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import synthetic  # noqa: E402  (the path above is where it is)

SEED = 1
EPSILON = 1e-3
CLASSES = 1000


@dataclass
class Layer:
    """kind: conv (also depthwise), gate (squeeze-excite), add, pool, fc. x, y: numbers of tensors."""
    kind: str
    x: int
    y: int
    x2: int = -1  # add: the shortcut
    weight: np.ndarray = None  # conv [out, in / groups, k, k], fc [out, in], gate: reduce [r, c]
    bias: np.ndarray = None
    weight2: np.ndarray = None  # gate: expand [c, r]
    bias2: np.ndarray = None
    stride: int = 1
    groups: int = 1
    pads: tuple = (0, 0, 0, 0)  # top, left, bottom, right
    activation: str = ""  # "", swish, relu, relu6
    side: int = 1  # of the output, pixels
    channels: int = 0  # of the output


@dataclass
class Network:
    variant: str
    size: int
    multiply_adds: int
    layers: list = field(default_factory=list)
    tensors: dict = field(default_factory=dict)  # timm's names, batch norm as it is
    padding: str = "same"

    def image(self):
        """[1][size][size][3], the same for every engine."""
        return synthetic.image(SEED, self.size, self.size)


def describe(effnet, variant):
    done = subprocess.run([effnet, "info", variant, "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def same_pads(side, kernel, stride):
    """TensorFlow's SAME: the odd pixel goes below and to the right."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total // 2, total - total // 2, total - total // 2


def parts(b):
    """What a block is made of, in order: ("gate", channels) or (timm's name, outputs, inputs, kernel, stride, depthwise,
    activated)."""
    cin, wide, cout, k, stride = b["in_channels"], b["expand_channels"], b["out_channels"], b["kernel"], b["stride"]
    kind, narrow = b["kind"], b["kind"] == "mbconv" and not b["expand"]
    if b["expand"]:
        yield "conv_pw", wide, cin, 1, 1, False, True
    if kind in ("mbconv", "meco"):
        yield "conv_dw", wide, 1, k, stride, True, True
    else:
        name = "conv_kxk" if b["expand"] else "conv_exp" if b["project"] else "conv"
        yield name, wide, wide if b["expand"] else cin, k, stride, False, True
    if kind == "meco":
        yield "conv_pw2", wide, wide, 1, 1, False, True
        yield "conv_dw2", wide, 1, k, 1, True, True
    if b["se"] == "after-depthwise":
        yield "gate", wide
    if b["project"]:
        yield "conv_pw" if narrow else "conv_pwl", cout, wide, 1, 1, False, False
    if b["se"] == "after-project":
        yield "gate", cout


def symmetric_pads(side, kernel, stride):
    return (kernel // 2,) * 4


PADS = {"same": same_pads, "symmetric": symmetric_pads}


def shapes(net, classes=CLASSES):
    """timm's names and shapes of a variant."""
    out = {}

    def conv(name, bn, o, i, k):
        out[f"{name}.weight"] = (o, i, k, k)
        for kind in ("weight", "bias", "running_mean", "running_var"):
            out[f"{bn}.{kind}"] = (o,)

    conv("conv_stem", "bn1", net["stem"]["out_channels"], 3, 3)
    for b in net["blocks"]:
        at, norms = f"blocks.{b['stage']}.{b['index']}", 0
        for name, o, *rest in parts(b):
            if name == "gate":
                for gate, rows, columns in (("reduce", b["se_channels"], o), ("expand", o, b["se_channels"])):
                    out[f"{at}.se.conv_{gate}.weight"] = (rows, columns, 1, 1)
                    out[f"{at}.se.conv_{gate}.bias"] = (rows,)
            else:
                norms += 1
                conv(f"{at}.{name}", f"{at}.bn{norms}", o, *rest[:2])
    conv("conv_head", "bn2", net["n_features"], net["blocks"][-1]["out_channels"], 1)
    out["classifier.weight"] = (classes, net["n_features"])
    out["classifier.bias"] = (classes,)
    return out


class Builder:
    def __init__(self, net, tensors, padding, epsilon):
        self.net, self.tensors, self.pads, self.epsilon = net, tensors, PADS[padding], epsilon
        self.act = net["activation"]
        self.layers, self.last, self.side = [], 0, net["resolution"]

    def append(self, kind, **values):
        self.layers.append(Layer(kind, self.last, self.last + 1, side=self.side, **values))
        self.last += 1

    def conv(self, name, bn, activation, stride=1, depthwise=False):
        weight = self.tensors[f"{name}.weight"].astype(np.float64)
        gamma, beta, mean, var = (self.tensors[f"{bn}.{kind}"].astype(np.float64)
                                  for kind in ("weight", "bias", "running_mean", "running_var"))
        scale = gamma / np.sqrt(var + self.epsilon)
        pads = self.pads(self.side, weight.shape[2], stride)
        self.side = -(-self.side // stride)
        self.append("conv", weight=(weight * scale[:, None, None, None]).astype(np.float32),
                    bias=(beta - mean * scale).astype(np.float32), stride=stride, pads=pads,
                    groups=len(weight) if depthwise else 1, activation=activation, channels=len(weight))

    def gate(self, at, channels):
        part = {n: self.tensors[f"{at}.se.conv_{n}"] for n in
                ("reduce.weight", "reduce.bias", "expand.weight", "expand.bias")}
        self.append("gate", weight=part["reduce.weight"][:, :, 0, 0], bias=part["reduce.bias"],
                    weight2=part["expand.weight"][:, :, 0, 0], bias2=part["expand.bias"], channels=channels,
                    activation=self.act)

    def block(self, b):
        at, entry, norms = f"blocks.{b['stage']}.{b['index']}", self.last, 0
        for name, channels, *rest in parts(b):
            if name == "gate":
                self.gate(at, channels)
                continue
            _, _, stride, depthwise, activated = rest
            norms += 1
            self.conv(f"{at}.{name}", f"{at}.bn{norms}", self.act if activated else "", stride, depthwise)
        if b["skip"]:
            self.append("add", x2=entry, channels=b["out_channels"])


def build(effnet, variant, tensors=None, padding="same", epsilon=EPSILON, classes=CLASSES):
    """tensors: those of a set of timm's names, instead of synthetic ones."""
    net = describe(effnet, variant)
    wanted = shapes(net, classes)
    b = Builder(net, tensors(set(wanted)) if tensors else synthetic.tensors(wanted, SEED), padding, epsilon)
    b.conv("conv_stem", "bn1", b.act, 2)
    for block in net["blocks"]:
        b.block(block)
    b.conv("conv_head", "bn2", b.act)
    features = b.layers[-1].channels
    b.side = 1
    b.append("pool", channels=features)
    b.append("fc", weight=b.tensors["classifier.weight"], bias=b.tensors["classifier.bias"],
             channels=classes)
    return Network(variant, net["resolution"], net["multiply_adds"], b.layers, b.tensors, padding)
