# SPDX-License-Identifier: LGPL-2.1-or-later
"""A graph of operations as the chain of layers that hold its weights.

Lives here: which multiplications and additions belong to a layer and which to the normalisation of the
input, and where a convolution's padding says who trained it. Invariant: layers stand in the order of the
computation. Elsewhere: the formats that graphs come in, onnx.py and tflite.py; which network it is,
../family.py.
"""

import numpy as np

from folder import Failure

from .source import Layer, computed

WHITE = 255.0  # the largest pixel
# Root mean square of the stem's weights: about 1 where pixels are normalised, a hundredth of it where not.
STEM_OF_PIXELS = 0.05


class Chain:
    """@source: the names of the graph's input. Each method takes what an operation reads and writes."""

    def __init__(self, source):
        self.layers = []
        self.inputs = {source: (np.ones(3), np.zeros(3))}  # value -> factor and offset of the input
        self.given = None  # factor and offset of a pixel in 0..255 before the graph, where something says so
        self.open = {}  # value -> layer whose output it is, to which more may be added
        self.activations = set()
        self.scores = None

    def linear(self, source, target, weight, bias, where, stride=1, pads=None):
        """@pads: (before, after), of the height; "same", "symmetric" or None."""
        layer = Layer(where, computed(weight, where), None if bias is None else computed(bias, where))
        layer.stride, layer.pads = stride, pads
        if not self.layers and source not in self.inputs:
            raise Failure(f"the graph's first convolution ({where}) does not see its input, but something computed of it")
        if not self.layers:
            self.first = self.inputs[source]
        self.layers.append(layer)
        self.open[target] = layer

    def normalise(self, source, target, gamma, beta, mean, variance, epsilon):
        factor = np.asarray(gamma, float) / np.sqrt(np.asarray(variance, float) + epsilon)
        layer = self.open.get(source)
        if layer is None:
            self.scale(source, target, factor, np.asarray(beta, float) - mean * factor)
        elif layer.norm is not None:
            self.fold(layer, factor, np.asarray(beta, float) - mean * factor)
            self.open[target] = layer
        else:
            layer.norm = (*(computed(part, layer.where) for part in (gamma, beta, mean, variance)), float(epsilon))
            self.open[target] = layer

    def scale(self, source, target, factor, offset):
        """target = source * factor + offset, with numbers for each channel or one for all."""
        if source in self.inputs:
            old, add = self.inputs[source]
            self.inputs[target] = (old * factor, add * factor + offset)
        elif source in self.open:
            self.fold(self.open[source], factor, offset)
            self.open[target] = self.open[source]
        # else: part of an activation, which has no weights

    @staticmethod
    def fold(layer, factor, offset):
        weight, bias = layer.folded()
        factor = np.broadcast_to(np.asarray(factor, float).reshape(-1), (layer.out,))
        layer.weight = computed(weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), layer.where)
        layer.bias = computed(bias * factor + offset, layer.where)
        layer.norm = None

    def passes(self, source, target):
        """An operation that changes no value."""
        for table in (self.inputs, self.open):
            if source in table:
                table[target] = table[source]

    def give(self, source):
        """Puts what was found into a Source."""
        if not self.layers:
            raise Failure("the graph has no convolutions")
        source.layers = self.layers
        source.scores = self.scores
        for name in ("swish", "relu6"):
            if name in self.activations:
                source.activation = name
                break
        self.give_padding(source)
        self.give_range(source)

    def give_padding(self, source):
        """SAME puts one more row after than before where the stride is 2 and the input's side is even."""
        found = [layer.pads for layer in self.layers if layer.stride == 2 and layer.pads is not None]
        if not found:
            return
        if any(pads == "same" or (pads != "symmetric" and pads[0] != pads[1]) for pads in found):
            source.padding = "same"
        else:
            source.padding = "symmetric"

    def give_range(self, source):
        """Of pixels p in 0..1 the network gets (p - mean) / std. The graph says factor * x + offset of what it
        is given, which is pixels in 0..255, or in 0..1 where the factor would otherwise make them too large."""
        source.affine = tuple(np.broadcast_to(part, (3,)).astype(float) for part in self.first)
        factor, offset = source.affine
        if self.given is not None:
            factor, offset = factor * self.given[0], factor * self.given[1] + offset
        elif (factor == 1).all() and (offset == 0).all():
            if np.sqrt(np.mean(self.layers[0].folded()[0].astype(float) ** 2)) < STEM_OF_PIXELS:
                source.mean, source.std = [0.0] * 3, [1 / WHITE] * 3
                source.range_why = "likely: the stem's weights are so small that they are for pixels in 0..255"
            return
        if (factor <= 0).any():
            raise Failure("the graph's input is turned around (a factor below 0); expected pixels")
        white = WHITE if self.given or (factor * WHITE < 50).all() or (abs(offset) > 50).any() else 1.0
        source.std = list(1 / (factor * white))
        source.mean = list(-offset / (factor * white))


def channel_vector(array, channels=None):
    """A constant that is one number, or one for each channel, as a vector; None where it is neither."""
    flat = np.asarray(array, float).reshape(-1)
    if flat.size == 1 or (max(array.shape, default=1) == flat.size and (channels is None or flat.size == channels)):
        return flat
    return None
