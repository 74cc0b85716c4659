# SPDX-License-Identifier: LGPL-2.1-or-later
"""PyTorch's model of every row of the table: timm's where timm has it, else one written here from the row's words.

Lives here: what timm calls a row, and the changed B0s that it has not. Invariant: nothing is read from our side, so that
a row that says the wrong thing is found. Elsewhere: weights (synthetic.py), runs and results (make_parity.py).
"""

import timm
import torch
from timm.layers import create_conv2d
from torch import nn

# Tan and Le, 2019, table 1: kernel, stride, expansion, channels, repeats.
B0 = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
      (3, 1, 6, 320, 1))


class Branch(nn.Module):
    """Convolutions with their batch norms by timm's names, a gate, and a skip around them."""

    def __init__(self, flavour):
        super().__init__()
        self.flavour, self.order, self.skip, self.norms = flavour, [], False, 0

    def conv(self, name, cin, cout, k=1, stride=1, depthwise=False, act=True):
        pad, eps = self.flavour
        self.norms += 1
        setattr(self, name, create_conv2d(cin, cout, k, stride=stride, padding=pad, depthwise=depthwise))
        setattr(self, f"bn{self.norms}", nn.BatchNorm2d(cout, eps=eps))
        self.order.append((name, f"bn{self.norms}", act))
        return cout

    def gate(self, channels, squeezed):
        self.se = nn.Module()
        self.se.conv_reduce, self.se.conv_expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.order.append(("se", None, False))

    def forward(self, x):
        entry = x
        for name, norm, act in self.order:
            if name == "se":
                mean = x.mean((2, 3), keepdim=True)
                x = x * torch.sigmoid(self.se.conv_expand(nn.functional.silu(self.se.conv_reduce(mean))))
                continue
            x = getattr(self, norm)(getattr(self, name)(x))
            x = nn.functional.silu(x) if act else x
        return x + entry if self.skip else x


def mbconv(flavour, cin, cout, k, stride, ratio, place):
    """@place: where the squeeze-excite stands: "depthwise" (before the last 1x1), "end" or ""."""
    block, wide = Branch(flavour), cin * ratio
    if ratio > 1:
        block.conv("conv_pw", cin, wide)
    block.conv("conv_dw", wide, wide, k, stride, depthwise=True)
    if place == "depthwise":
        block.gate(wide, cin // 4)
    block.conv("conv_pwl" if ratio > 1 else "conv_pw", wide, cout, act=False)
    if place == "end":
        block.gate(cout, cin // 4)
    return block


def meco(flavour, cin, cout, k, stride, ratio):
    """1x1, depthwise, 1x1, depthwise, squeeze-excite, 1x1, of one width; @ratio times that of what it gives out."""
    block, wide = Branch(flavour), cout * ratio
    block.conv("conv_pw", cin, wide)
    block.conv("conv_dw", wide, wide, k, stride, depthwise=True)
    block.conv("conv_pw2", wide, wide)
    block.conv("conv_dw2", wide, wide, k, depthwise=True)
    block.gate(wide, cin // 4)
    block.conv("conv_pwl", wide, cout, act=False)
    return block


def conv31(flavour, cin, cout, k, stride):
    block = Branch(flavour)
    block.conv("conv_exp", cin, cout, k, stride)
    block.conv("conv_pwl", cout, cout, act=False)
    return block


def conv131(flavour, cin, cout, k, stride):
    block = Branch(flavour)
    block.conv("conv_pw", cin, cout)
    block.conv("conv_kxk", cout, cout, k, stride)
    block.conv("conv_pwl", cout, cout, act=False)
    return block


class Net(nn.Module):
    """@make: (flavour, stage, index, cin, cout, kernel, stride, ratio) -> a block."""

    def __init__(self, stages, make, flavour, classes):
        super().__init__()
        pad, eps = flavour
        self.conv_stem = create_conv2d(3, 32, 3, stride=2, padding=pad)
        self.bn1 = nn.BatchNorm2d(32, eps=eps)
        self.blocks, cin = nn.Sequential(), 32
        for s, (k, first, ratio, cout, repeats) in enumerate(stages):
            self.blocks.append(nn.Sequential())
            for i in range(repeats):
                stride = first if i == 0 else 1
                block = make(flavour, s, i, cin, cout, k, stride, ratio)
                block.skip = stride == 1 and cin == cout
                self.blocks[s].append(block)
                cin = cout
        self.conv_head = create_conv2d(cin, 1280, 1)
        self.bn2 = nn.BatchNorm2d(1280, eps=eps)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x):
        x = nn.functional.silu(self.bn1(self.conv_stem(x)))
        x = nn.functional.silu(self.bn2(self.conv_head(self.blocks(x))))
        return self.classifier(x.mean((2, 3)))


def moved(place, where):
    """The squeeze-excites of blocks without a skip, with one, or of all at @place."""
    def make(flavour, s, i, cin, cout, k, stride, ratio):
        skip = stride == 1 and cin == cout
        changed = where == "all" or (where == "hasskip") == skip
        return mbconv(flavour, cin, cout, k, stride, ratio, place if changed else "depthwise")
    return lambda flavour, classes: Net(B0, make, flavour, classes)


def equal_channels(channels, expansion):
    """The stages of B0 with MECO blocks; the expansion is for blocks that change channels or size."""
    stages = [(k, stride, expansion, c, n) for (k, stride, _, _, n), c in zip(B0, channels)]

    def make(flavour, s, i, cin, cout, k, stride, ratio):
        return meco(flavour, cin, cout, k, stride, ratio if stride > 1 or cin != cout else 1)
    return lambda flavour, classes: Net(stages, make, flavour, classes)


def compact(plain):
    """B0 without its first stage, and with blocks of plain convolutions for its second."""
    def make(flavour, s, i, cin, cout, k, stride, ratio):
        return plain(flavour, cin, cout, k, stride) if s == 0 else mbconv(flavour, cin, cout, k, stride, ratio, "depthwise")
    return lambda flavour, classes: Net(B0[1:], make, flavour, classes)


OWN = {f"b0-{what}-{where}": moved(place, where) for what, place in (("nose", ""), ("seend", "end"))
       for where in ("noskip", "hasskip", "all")}
OWN["b0-meco"] = equal_channels((32, 40, 72, 144, 200, 336, 568), 1)
OWN["b0-meco-wide"] = equal_channels((24, 32, 56, 112, 152, 264, 432), 2)
OWN["b0-compact"], OWN["b0-compact131"] = compact(conv31), compact(conv131)

# Every row, and its own input's side in pixels.
SIZES = {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600, "b8": 672, "l2": 800,
         "lite0": 224, "lite1": 240, "lite2": 260, "lite3": 280, "lite4": 300, **dict.fromkeys(OWN, 224),
         "es": 224, "em": 240, "el": 300, "v2-b0": 224, "v2-b1": 240, "v2-b2": 260, "v2-b3": 300, "v2-s": 384,
         "v2-m": 480, "v2-l": 480, "v2-xl": 512, "v2-rw-t": 288, "v2-rw-s": 384, "v2-rw-m": 416,
         "tinynet-a": 192, "tinynet-b": 188, "tinynet-c": 184, "tinynet-d": 152, "tinynet-e": 106,
         **dict.fromkeys([f"{name}-{width}" for name in ("mnasnet", "semnasnet") for width in ("050", "075", "100", "140")]
                         + ["mnasnet-small", "spnasnet-100", "fbnetc-100"]
                         + [f"mobilenetv2-{width}" for width in ("035", "050", "075", "100", "140", "110d", "120d")], 224)}


def timm_name(row):
    """timm's model, whatever its padding and epsilon are by default; None where timm has none."""
    if row in OWN:
        return None
    for prefix, own in (("v2-rw-", "efficientnetv2_rw_"), ("v2-b", "tf_efficientnetv2_b"), ("v2-", "efficientnetv2_")):
        if row.startswith(prefix):
            return own + row.removeprefix(prefix)
    name = row.replace("-", "_")
    return name if "net" in name else f"efficientnet_{name}"


def build(row, padding, epsilon, classes):
    """The model of @row in evaluation mode. @padding: "same" or "symmetric"."""
    flavour = "same" if padding == "same" else "", epsilon
    if row in OWN:
        return OWN[row](flavour, classes).eval()
    return timm.create_model(timm_name(row), pad_type=flavour[0], bn_eps=epsilon, num_classes=classes).eval()
