# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a reader hands over: tensors that are read when they are asked for, or the layers of a graph, and
whatever else the file says of the model.

Invariant: nothing of a tensor's data is in memory before array () is called, so that a file of any size
is looked through in little memory. Elsewhere: the formats, beside this; what a network of the family has,
../family.py.
"""

import math
import mmap
import os
from pathlib import Path

import numpy as np

from folder import Failure, open_regular, printable

ELEMENTS_MAX = 1 << 28  # of one tensor; the largest of the largest variant has 8 million
# NumPy knows no bfloat16: it is read as its 16 bits.
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
DTYPES = {**FLOATS, "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}


class File:
    """A regular file that is mapped. @what: what it is called in messages."""

    def __init__(self, path):
        self.path, self.what = Path(path), printable(str(path))
        with open_regular(path) as stream:
            self.size = os.fstat(stream.fileno()).st_size
            self.data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if self.size else b""

    def head(self, n=512):
        return bytes(self.data[:n])

    def part(self, begin, size, of):
        """The bytes of @of, as a view."""
        if begin < 0 or size < 0 or begin + size > self.size:
            raise Failure(f"{self.what} is cut: {of} would end at byte {begin + size}, the file has {self.size}")
        return memoryview(self.data)[begin:begin + size]


def parsed(file, parse, damage):
    """parse (file); errors of the types @damage are what bytes of another kind make of a parser."""
    try:
        return parse(file)
    except damage as error:
        raise Failure(f"{file.what} is damaged: {type(error).__name__}: {error}") from error


class Tensor:
    """@read: gives an array of @dtype (a key of DTYPES) and @shape."""

    __slots__ = ("shape", "dtype", "read", "where")

    def __init__(self, shape, dtype, read, where):
        self.shape, self.dtype, self.read, self.where = tuple(int(n) for n in shape), dtype, read, where

    @property
    def is_float(self):
        return self.dtype in FLOATS

    def array(self):
        """Half precision as such, all else as float32."""
        if math.prod(self.shape) > ELEMENTS_MAX:
            raise Failure(f"{self.where} has the shape {list(self.shape)}, larger than any tensor of the family")
        array = self.read()
        if self.dtype == "BF16":
            array = (array.astype("<u4") << 16).view("<f4")
        if self.dtype != "F16":
            with np.errstate(over="ignore"):
                array = array.astype("<f4")
        array = np.ascontiguousarray(array).reshape(self.shape)
        if not np.isfinite(array).all():
            raise Failure(f"{self.where} holds a number that is not finite")
        return array


def stored(view, shape, dtype, where):
    """The tensor whose bytes are @view."""
    if len(view) != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise Failure(f"{where} has {len(view)} bytes, which is not its shape {list(shape)} of {dtype}")
    return Tensor(shape, dtype, lambda: np.frombuffer(view, DTYPES[dtype]).reshape(shape), where)


def computed(array, where):
    """A tensor made of others."""
    return Tensor(array.shape, "F32", lambda: np.asarray(array, "<f4"), where)


class Layer:
    """A convolution, or a matrix: weight [out][in][height][width] or [out][in], depthwise with in = 1.
    Then either a bias (which may be missing: zeros) or @norm (gamma, beta, mean, variance, epsilon)."""

    def __init__(self, where, weight, bias=None):
        self.where, self.weight, self.bias, self.norm = where, weight, bias, None
        self.stride, self.pads, self.side = 1, None, None  # of a graph's convolutions

    @property
    def out(self):
        return self.weight.shape[0]

    def folded(self):
        """Weight and bias with the batch norm multiplied in, in double precision."""
        weight = self.weight.array().astype(float)
        bias = np.zeros(self.out) if self.bias is None else self.bias.array().astype(float)
        if self.norm is not None:
            gamma, beta, mean, variance = (part.array().astype(float) for part in self.norm[:4])
            scale = gamma / np.sqrt(variance + self.norm[4])
            weight *= scale.reshape(-1, *[1] * (weight.ndim - 1))
            bias = (bias - mean) * scale + beta
        return weight.astype("<f4"), bias.astype("<f4")


class Source:
    """@tensors: {name: Tensor} as the file names them; or @layers: [Layer] in the order of the computation,
    of which the last is the classifier. The rest is None where the file does not say."""

    def __init__(self, what, paths, tensors=None, layers=None):
        self.what, self.paths, self.tensors, self.layers = what, paths, tensors, layers
        self.names = []       # what the model calls itself: "tf_efficientnet_b0"
        self.labels = None    # names of classes, in order
        self.padding = None   # "same" or "symmetric"
        self.size = None      # (height, width) of the input
        self.mean = self.std = None  # of pixels in 0..1, three each
        self.range_why = "certain: the model's own layers"
        self.affine = (1.0, 0.0)     # what the source itself does with its input before the network
        self.activation = None       # of the network: "swish", "relu6"
        self.scores = None           # of the classifier: "softmax", "sigmoid"
        self.exact = True     # False: the source computes in integers
        self.has_code = False  # TRUE: to run it would run a program that it holds
        self.card = None      # a config.json that came with it
        self.more_files = {}  # what else belongs into the folder
        self.graph = self.ends = None  # of a frozen graph: its bytes, the names of its input and its output
        self.notes = []       # sentences for the user
