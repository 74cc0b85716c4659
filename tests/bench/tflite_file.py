# SPDX-License-Identifier: LGPL-2.1-or-later
"""The network of network.py as a TensorFlow Lite file, built layer by layer from the schema that
ai-edge-litert brings: NHWC, SAME padding, ReLU6 fused, swish as LOGISTIC and MUL."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

OP = schema.BuiltinOperator
OPTIONS = schema.BuiltinOptions
NONE = schema.ActivationFunctionType.NONE
FUSED = {"relu": schema.ActivationFunctionType.RELU, "relu6": schema.ActivationFunctionType.RELU6}
SAME = schema.Padding.SAME


class File:
    def __init__(self):
        self.codes, self.operators, self.tensors = [], [], []
        self.buffers = [schema.BufferT()]

    def tensor(self, shape, name, kind=schema.TensorType.FLOAT32, buffer=0):
        self.tensors.append(schema.TensorT(shape=list(shape), type=kind, buffer=buffer, name=name))
        return len(self.tensors) - 1

    def buffer(self, data):
        self.buffers.append(schema.BufferT(data=np.frombuffer(data, np.uint8)))
        return len(self.buffers) - 1

    def constant(self, array, name):
        if array.dtype == np.int32:
            return self.tensor(array.shape, name, schema.TensorType.INT32, self.buffer(array.tobytes()))
        return self.tensor(array.shape, name, buffer=self.buffer(np.ascontiguousarray(array).tobytes()))

    def operator(self, code, inputs, output, kind=0, options=None):
        if code not in self.codes:
            self.codes.append(code)
        self.operators.append(schema.OperatorT(
            opcodeIndex=self.codes.index(code), inputs=list(inputs), outputs=[output],
            builtinOptionsType=kind, builtinOptions=options))
        return output

    def conv(self, x, weight, bias, shape, name, layer, activation=NONE):
        """weight is [out][in / groups][k][k]."""
        if layer.groups > 1:
            w = self.constant(weight.transpose(1, 2, 3, 0), f"{name}.w")  # [1][k][k][channels]
            kind, code = OPTIONS.DepthwiseConv2DOptions, OP.DEPTHWISE_CONV_2D
            options = schema.DepthwiseConv2DOptionsT(SAME, layer.stride, layer.stride, 1, activation)
        else:
            w = self.constant(weight.transpose(0, 2, 3, 1), f"{name}.w")  # [out][k][k][in]
            kind, code = OPTIONS.Conv2DOptions, OP.CONV_2D
            options = schema.Conv2DOptionsT(SAME, layer.stride, layer.stride, activation)
        return self.operator(code, [x, w, self.constant(bias, f"{name}.b")], self.tensor(shape, name),
                             kind, options)

    def sigmoid(self, x, shape, name):
        return self.operator(OP.LOGISTIC, [x], self.tensor(shape, name))

    def mul(self, a, b, shape, name):
        return self.operator(OP.MUL, [a, b], self.tensor(shape, name), OPTIONS.MulOptions,
                             schema.MulOptionsT())

    def mean(self, x, shape, name):
        axes = self.constant(np.array([1, 2], np.int32), f"{name}.axes")
        return self.operator(OP.MEAN, [x, axes], self.tensor(shape, name), OPTIONS.ReducerOptions,
                             schema.ReducerOptionsT(keepDims=True))

    def dense(self, x, weight, bias, shape, name):
        """A 1x1 convolution of a 1x1 picture."""
        w = self.constant(weight[:, None, None, :], f"{name}.w")
        return self.operator(OP.CONV_2D, [x, w, self.constant(bias, f"{name}.b")],
                             self.tensor(shape, name), OPTIONS.Conv2DOptions,
                             schema.Conv2DOptionsT(SAME, 1, 1, NONE))

    def gate(self, x, layer, shape, name):
        small, wide = (1, 1, 1, len(layer.weight)), (1, 1, 1, layer.channels)
        pooled = self.mean(x, wide, f"{name}.p")
        reduced = self.dense(pooled, layer.weight, layer.bias, small, f"{name}.r")
        active = self.mul(reduced, self.sigmoid(reduced, small, f"{name}.s"), small, f"{name}.a")
        expanded = self.dense(active, layer.weight2, layer.bias2, wide, f"{name}.e")
        return self.mul(x, self.sigmoid(expanded, wide, f"{name}.g"), shape, name)

    def layer(self, layer, made):
        x, name = made[layer.x], f"t{layer.y}"
        shape = (1, layer.side, layer.side, layer.channels)
        if layer.kind == "conv" and layer.activation == "swish":
            raw = self.conv(x, layer.weight, layer.bias, shape, f"{name}.raw", layer)
            return self.mul(raw, self.sigmoid(raw, shape, f"{name}.s"), shape, name)
        if layer.kind == "conv":
            return self.conv(x, layer.weight, layer.bias, shape, name, layer,
                             FUSED.get(layer.activation, NONE))
        if layer.kind == "gate":
            return self.gate(x, layer, shape, name)
        if layer.kind == "add":
            return self.operator(OP.ADD, [x, made[layer.x2]], self.tensor(shape, name),
                                 OPTIONS.AddOptions, schema.AddOptionsT(potScaleInt16=False))
        if layer.kind == "pool":
            return self.mean(x, shape, name)
        w, b = self.constant(layer.weight, f"{name}.w"), self.constant(layer.bias, f"{name}.b")
        return self.operator(OP.FULLY_CONNECTED, [x, w, b], self.tensor((1, layer.channels), name),
                             OPTIONS.FullyConnectedOptions, schema.FullyConnectedOptionsT())


def write(net, path, kind=File):
    file = kind()
    made = {0: file.tensor((1, net.size, net.size, 3), "input")}
    for layer in net.layers:
        made[layer.y] = file.layer(layer, made)
    model = schema.ModelT(
        version=3, description=net.variant, buffers=file.buffers,
        operatorCodes=[schema.OperatorCodeT(deprecatedBuiltinCode=min(c, 127), builtinCode=c)
                       for c in file.codes],
        signatureDefs=[schema.SignatureDefT(
            inputs=[schema.TensorMapT(name="input", tensorIndex=made[0])],
            outputs=[schema.TensorMapT(name="logits", tensorIndex=made[net.layers[-1].y])],
            signatureKey="serving_default")],
        subgraphs=[schema.SubGraphT(tensors=file.tensors, inputs=[made[0]],
                                    outputs=[made[net.layers[-1].y]], operators=file.operators)])
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
