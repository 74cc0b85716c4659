# SPDX-License-Identifier: LGPL-2.1-or-later
"""Seeded synthetic weights and inputs, the same as src/bind/synthetic.c bit for bit.

Lives here: the generator and the rule that gives every tensor its range. Invariant: a number depends on
the seed, the tensor's name, its place in the tensor and the tensor's role, on nothing else; only float32
operations that IEEE 754 rounds correctly are used. Elsewhere: what is computed from them (make_parity.py).
"""

import re

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_CHUNK = 1 << 20


def fnv1a64(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def units(name, seed, count):
    """count numbers in [-1, 1), multiples of 2^-23: splitmix64 of a counter that starts at the hash of
    the name."""
    out = np.empty(count, np.float32)
    start = np.uint64(fnv1a64(name) ^ seed)
    with np.errstate(over="ignore"):
        for begin in range(0, count, _CHUNK):
            end = min(begin + _CHUNK, count)
            z = start + np.arange(begin + 1, end + 1, dtype=np.uint64) * _GOLDEN
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
            out[begin:end] = ((z >> np.uint64(40)).astype(np.int32) - (1 << 23)).astype(
                np.float32) * np.float32(2.0**-23)
    return out


def values(name, seed, shape, offset, scale):
    u = units(name, seed, int(np.prod(shape, dtype=np.int64)))
    return (np.float32(offset) + np.float32(scale) * u).reshape(shape)


# Power gain of a layer before batch norm: 1 keeps the variance of its input. What follows an activation
# makes up for part of the power that takes, so a stage shrinks what it gets and its batch-norm biases
# bring it back to about 1: activations neither die nor explode at any depth.
GAIN_PLAIN = 1.0
GAIN_ACTIVATED = 2.0
GAIN_GATED = 4.0
GAIN_GATE = 1.0
GAIN_CLASSIFIER = 4.0


def filter_scale(gain, fan_in):
    """Half-width of the uniform distribution of variance gain / fan_in."""
    return np.sqrt(np.float32(gain) * np.float32(3.0) / np.float32(fan_in))


def role(name, names):
    """(offset, scale) of a vector or ("gain", gain) of a filter."""
    block = re.match(r"blocks\.\d+\.(\d+)\.", name)
    prefix = block.group(0) if block else ""
    layer, kind = name[len(prefix):].rsplit(".", 1)
    expands = prefix + "conv_pwl.weight" in names
    gated = prefix + "se.conv_reduce.weight" in names
    fused = prefix + "conv_exp.weight" in names
    alone = prefix + "conv.weight" in names  # a block of one convolution
    twice = prefix + "conv_dw2.weight" in names
    project_bn = "bn5" if twice else "bn1" if alone else "bn3" if expands and not fused else "bn2"
    if layer.startswith("bn"):
        if kind == "weight":
            # A branch that is added to its input adds a twentieth of the power.
            skip = block and layer == project_bn and int(block.group(1)) > 0
            return (0.2, 0.1) if skip else (1.0, 0.3)
        return {"bias": (0.0, 0.3), "running_mean": (0.0, 0.3), "running_var": (1.0, 0.6)}[kind]
    if kind == "bias":
        return (0.0, 0.5)
    if layer in ("conv_stem", "conv_head", "conv_exp") or (layer == "conv_pw" and expands):
        return ("gain", GAIN_PLAIN)
    if layer in ("conv_pw", "conv_pwl"):
        return ("gain", GAIN_GATED if gated else GAIN_ACTIVATED)
    if layer.startswith("se."):
        return ("gain", GAIN_GATE)
    if layer == "classifier":
        return ("gain", GAIN_CLASSIFIER)
    return ("gain", GAIN_ACTIVATED)  # conv_dw, conv


def tensors(shapes, seed):
    """{name: float32 array} for {name: shape} under timm's names; counters are left out."""
    out = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            continue
        offset, scale = role(name, shapes)
        if offset == "gain":
            offset, scale = 0.0, filter_scale(scale, int(np.prod(shape[1:], dtype=np.int64)))
        out[name] = values(name, seed, shape, offset, scale)
    return out


def image(seed, height, width, images=1):
    """A network input, [images][height][width][3] in [-2.5, 2.5): fine noise on squares of 32 pixels, so
    that the pooled features tell one image from another."""
    rows, columns = -(-height // 32), -(-width // 32)
    squares = values("input.squares", seed, (images, rows, columns, 3), 0.0, 1.5)
    squares = squares.repeat(32, axis=1).repeat(32, axis=2)[:, :height, :width]
    return squares + values("input.noise", seed, (images, height, width, 3), 0.0, 1.0)
