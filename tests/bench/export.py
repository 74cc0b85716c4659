# SPDX-License-Identifier: LGPL-2.1-or-later
"""export.py EFFNET VARIANT FOLDER: the network of network.py in each engine's own file.

effnet/ (ours: model.safetensors under timm's names, and its card), model.onnx (ONNX Runtime, OpenVINO),
model-int8.onnx, model.ncnn.param/.bin, model.tflite (LiteRT), layers.npz and layers.json (PyTorch), input.npy. Paddings are attributes of the convolutions, never nodes
of their own, and activations are fused where the format can say so: the best case of each engine.
"""

import json
import pathlib
import struct
import sys

import numpy as np

import network


def onnx_nodes(net, helper, constant):
    """NCHW; swish is Sigmoid and Mul, the pair that engines look for."""
    nodes = []

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def activate(activation, x, y):
        if activation == "swish":
            node("Mul", [x, node("Sigmoid", [x], f"{y}.s")], y)
        elif activation == "relu6":
            node("Clip", [x, "zero", "six"], y)
        elif activation == "relu":
            node("Relu", [x], y)

    for layer in net.layers:
        x, y = f"t{layer.x}", f"t{layer.y}"
        if layer.kind == "conv":
            k = layer.weight.shape[2]
            raw = y if not layer.activation else f"{y}.raw"
            node("Conv", [x, constant(f"{y}.w", layer.weight), constant(f"{y}.b", layer.bias)], raw,
                 kernel_shape=[k, k], strides=[layer.stride] * 2, pads=list(layer.pads),
                 group=layer.groups)
            activate(layer.activation, raw, y)
        elif layer.kind == "gate":
            node("GlobalAveragePool", [x], f"{y}.p")
            node("Conv", [f"{y}.p", constant(f"{y}.w1", layer.weight[:, :, None, None]),
                          constant(f"{y}.b1", layer.bias)], f"{y}.r", kernel_shape=[1, 1])
            activate(layer.activation, f"{y}.r", f"{y}.a")
            node("Conv", [f"{y}.a", constant(f"{y}.w2", layer.weight2[:, :, None, None]),
                          constant(f"{y}.b2", layer.bias2)], f"{y}.e", kernel_shape=[1, 1])
            node("Mul", [x, node("Sigmoid", [f"{y}.e"], f"{y}.g")], y)
        elif layer.kind == "add":
            node("Add", [x, f"t{layer.x2}"], y)
        elif layer.kind == "pool":
            node("Flatten", [node("GlobalAveragePool", [x], f"{y}.p")], y)
        else:
            node("Gemm", [x, constant(f"{y}.w", layer.weight), constant(f"{y}.b", layer.bias)], y,
                 transB=1)
    return nodes


def write_onnx(net, folder):
    from onnx import TensorProto, helper, numpy_helper, save

    constants = []

    def constant(name, array):
        constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    if any(layer.activation == "relu6" for layer in net.layers):
        constant("zero", np.array(0, np.float32))
        constant("six", np.array(6, np.float32))
    nodes = onnx_nodes(net, helper, constant)
    graph = helper.make_graph(
        nodes, net.variant,
        [helper.make_tensor_value_info("t0", TensorProto.FLOAT, [1, 3, net.size, net.size])],
        [helper.make_tensor_value_info(f"t{net.layers[-1].y}", TensorProto.FLOAT, [1, net.layers[-1].channels])],
        constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    save(model, folder / "model.onnx")


def write_int8(net, folder):
    """ONNX Runtime's dynamic quantisation. Its ConvInteger takes unsigned weights only."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(folder / "model.onnx", folder / "model-int8.onnx", weight_type=QuantType.QUInt8)


class Ncnn:
    """A .param text and its .bin; a tensor read twice goes through a Split of its own."""

    def __init__(self, net):
        self.lines, self.blobs, self.data = [], set(), []
        self.readers = {}
        for layer in net.layers:
            for x in [layer.x, layer.x2][:1 + (layer.x2 >= 0)]:
                self.readers[x] = self.readers.get(x, 0) + 1
        self.taken = {}

    def layer(self, kind, bottoms, tops, parameters=""):
        self.blobs.update(tops)
        self.lines.append(" ".join([kind, f"l{len(self.lines)}", str(len(bottoms)), str(len(tops)),
                                    *bottoms, *tops, parameters]).rstrip())

    def weights(self, weight, bias):
        self.data += [struct.pack("<I", 0), np.ascontiguousarray(weight, "<f4").tobytes(),
                      np.ascontiguousarray(bias, "<f4").tobytes()]

    def made(self, number):
        """Tensor `number` exists: split it when several layers read it."""
        n = self.readers.get(number, 0)
        if n > 1:
            self.layer("Split", [f"t{number}"], [f"t{number}_{i}" for i in range(n)])

    def read(self, number):
        if self.readers[number] == 1:
            return f"t{number}"
        i = self.taken[number] = self.taken.get(number, -1) + 1
        return f"t{number}_{i}"

    def conv(self, layer, x, y):
        depthwise = layer.groups > 1
        top, left, bottom, right = layer.pads
        raw = f"{y}_raw" if layer.activation == "swish" else y
        self.layer("ConvolutionDepthWise" if depthwise else "Convolution", [x], [raw],
                   f"0={layer.channels} 1={layer.weight.shape[2]} 3={layer.stride} 4={left} 14={top} "
                   f"15={right} 16={bottom} 5=1 6={layer.weight.size}"
                   + (f" 7={layer.groups}" if depthwise else "")
                   + {"relu": " 9=1", "relu6": " 9=3 -23310=2,0.0,6.0"}.get(layer.activation, ""))
        self.weights(layer.weight, layer.bias)
        if raw != y:
            self.layer("Swish", [raw], [y])

    def gate(self, layer, x, y):
        self.layer("Split", [x], [f"{y}_x0", f"{y}_x1"])
        self.layer("Pooling", [f"{y}_x0"], [f"{y}_p"], "0=1 4=1")
        self.layer("InnerProduct", [f"{y}_p"], [f"{y}_r"], f"0={len(layer.weight)} 1=1 2={layer.weight.size}")
        self.weights(layer.weight, layer.bias)
        self.layer("Swish", [f"{y}_r"], [f"{y}_a"])
        self.layer("InnerProduct", [f"{y}_a"], [f"{y}_g"],
                   f"0={layer.channels} 1=1 2={layer.weight2.size} 9=4")
        self.weights(layer.weight2, layer.bias2)
        self.layer("BinaryOp", [f"{y}_x1", f"{y}_g"], [y], "0=2")

    def write(self, net, folder):
        self.layer("Input", [], ["t0"], f"0={net.size} 1={net.size} 2=3")
        self.made(0)
        for layer in net.layers:
            x, y = self.read(layer.x), f"t{layer.y}"
            if layer.kind == "conv":
                self.conv(layer, x, y)
            elif layer.kind == "gate":
                self.gate(layer, x, y)
            elif layer.kind == "add":
                self.layer("BinaryOp", [x, self.read(layer.x2)], [y], "0=0")
            elif layer.kind == "pool":
                self.layer("Pooling", [x], [y], "0=1 4=1")
            else:
                self.layer("InnerProduct", [x], [y], f"0={layer.channels} 1=1 2={layer.weight.size}")
                self.weights(layer.weight, layer.bias)
            self.made(layer.y)
        head = ["7767517", f"{len(self.lines)} {len(self.blobs)}"]
        (folder / "model.ncnn.param").write_text("\n".join(head + self.lines) + "\n")
        (folder / "model.ncnn.bin").write_bytes(b"".join(self.data))


def write_effnet(net, folder):
    from safetensors.numpy import save_file

    (folder / "effnet").mkdir()
    save_file(net.tensors, folder / "effnet" / "model.safetensors")
    (folder / "effnet" / "config.json").write_text(json.dumps(
        {"architecture": f"tf_efficientnet_{net.variant}", "num_classes": network.CLASSES,
         "pretrained_cfg": {"input_size": [3, net.size, net.size]},
         "effnet": {"padding": "same", "bn_epsilon": network.EPSILON}}))


def write_layers(net, folder):
    arrays, rows = {}, []
    for i, layer in enumerate(net.layers):
        row = {}
        for name, value in vars(layer).items():
            if isinstance(value, np.ndarray):
                arrays[f"{i}.{name}"] = value
            elif value is not None:
                row[name] = value
        rows.append(row)
    np.savez(folder / "layers.npz", **arrays)
    (folder / "layers.json").write_text(json.dumps(rows))


def main():
    effnet, variant, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    net = network.build(effnet, variant)
    np.save(folder / "input.npy", net.image())
    write_effnet(net, folder)
    write_layers(net, folder)
    Ncnn(net).write(net, folder)
    problems = {}
    for name, write in (("onnx", write_onnx), ("int8", write_int8), ("tflite", write_tflite)):
        try:
            write(net, folder)
        except ImportError as why:
            problems[name] = str(why)
    (folder / "network.json").write_text(json.dumps(
        {"variant": variant, "size": net.size, "multiply_adds": net.multiply_adds, "padding": "same",
         "seed": network.SEED, "epsilon": network.EPSILON, "problems": problems}))


def write_tflite(net, folder):
    import tflite_file

    tflite_file.write(net, folder / "model.tflite")


if __name__ == "__main__":
    main()
