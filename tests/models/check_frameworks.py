# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_frameworks.py EFFNET [--table]: checkpoints as PyTorch and its training scripts save them, ONNX models as PyTorch
exports them, and Keras' files with the same weights, converted; the logits are those of timm's model. Needs the
environment of tests/golden/venv.sh, and h5py where it is installed. --table: also what takes longer: TorchScript,
other exports, parts, models within models, and other members of the family."""

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
import warnings
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import timm
import torch

ROOT = Path(os.environ.get("EFFNET_SOURCE_ROOT", Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(ROOT / "tests" / "golden"), str(ROOT / "models")]
os.environ["EFFNET_TOOL"] = os.path.abspath(sys.argv[1])
import dialects
import synthetic
import tool

BOUND = 2e-5  # relative L2 of the logits
SEED = 9
SIDE = 96
FIVE = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
convert = tool.module(ROOT / "models" / "convert")
effnet = tool.Effnet(os.path.abspath(sys.argv[1]))
image = synthetic.image(SEED, SIDE, SIDE)
cases = []
warnings.simplefilter("ignore")  # what torch says of exporting


def case(function):
    cases.append(function)
    return function


def long_case(function):
    return case(function) if "--table" in sys.argv else function


def model(name, classes=5):
    made = timm.create_model(name, num_classes=classes)
    wanted = {key: tuple(value.shape) for key, value in made.state_dict().items()}
    tensors = {key: torch.from_numpy(value) for key, value in synthetic.tensors(wanted, SEED).items()}
    made.load_state_dict(tensors, strict=False)
    return made.eval()


def answer(network, inputs=image):
    with torch.no_grad():
        return network(torch.from_numpy(np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)))).numpy()


def converted(*words):
    """What was said, or the sentence that it failed with."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        convert.convert_checkpoint(convert.parse([str(word) for word in words]))
    return said.getvalue()


def check(expected, *words, proof=False, inputs=image):
    """The converted model gives @expected; what was said."""
    said = converted(*words, "--output", "out", *([] if proof else ["--no-proof"]))
    found = effnet.run(inputs, "--model", "out")
    apart = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert apart <= BOUND, f"{apart:.1e} apart\n{said}"
    return said


def fails(word, *words):
    try:
        said = converted(*words, "--output", "none", "--no-proof")
    except convert.Failure as error:
        assert word in str(error), error
        assert not Path("none").exists()
        return
    raise AssertionError(f"converted: {said}")


b0, lite0 = model("efficientnet_b0"), model("tf_efficientnet_lite0")
expected_b0, expected_lite0 = answer(b0), answer(lite0)
state = b0.state_dict()


# ---- PyTorch ---------------------------------------------------------------------------------------

@case
def five_classes_with_labels():
    torch.save(state, "own.pth")
    Path("names.txt").write_text("\n".join(FIVE) + "\n")
    said = check(expected_b0, "own.pth", "--labels", "names.txt", proof=True)
    assert "b0" in said and "a guess: nothing says who trained it" in said and "timm" in said.split("proof")[1], said
    assert json.loads(Path("out/config.json").read_text())["label_names"] == FIVE
    Path("names.txt").write_text("a\nb\n")
    fails("2 labels for 5 classes", "own.pth", "--labels", "names.txt")


@case
def legacy_format_and_tf_name():
    torch.save(lite0.state_dict(), "tf_efficientnet_lite0_legacy.pth", _use_new_zipfile_serialization=False)
    said = check(expected_lite0, "tf_efficientnet_lite0_legacy.pth")
    assert "before 1.6" in said and "same  (certain: it is called tf_efficientnet)" in said, said


@long_case
def data_parallel_half_precision():
    torch.save({f"module.{key}": value.half() if value.is_floating_point() else value for key, value in state.items()}, "dp.pt")
    halved = model("efficientnet_b0")
    halved.load_state_dict({key: value.half().float() for key, value in state.items()})
    check(answer(halved), "dp.pt")


@case
def training_script_with_average():
    other = {key: torch.zeros_like(value) for key, value in state.items()}
    optimizer = torch.optim.SGD(b0.parameters(), lr=0.1)
    torch.save({"epoch": 3, "arch": "efficientnet_b0", "state_dict": other, "state_dict_ema": state,
                "optimizer": optimizer.state_dict(), "args": Namespace(model="efficientnet_b0", path=Path("x")),
                "class_to_idx": {name: i for i, name in enumerate(FIVE)}}, "model_best.pth.tar")
    said = check(expected_b0, "model_best.pth.tar")
    assert "running average" in said and "5 names  (the checkpoint)" in said and "symmetric  (certain" in said, said
    converted("model_best.pth.tar", "--key", "state_dict", "--output", "zero", "--no-proof")
    assert not effnet.run(image, "--model", "zero").any()


@case
def lightning():
    torch.save({"pytorch-lightning_version": "2.0", "state_dict": {
        **{f"model.{key}": value for key, value in state.items()}, "loss.weight": torch.ones(5)},
        "hyper_parameters": {"model_name": "efficientnet_b0"}, "callbacks": {}}, "last.ckpt")
    check(expected_b0, "last.ckpt")


@case
def backbone_and_head():
    named = {("head." + key[11:] if key.startswith("classifier.") else "backbone." + key): value for key, value in state.items()}
    torch.save(named, "split.pth")
    assert "its classifier is head.weight" in check(expected_b0, "split.pth")


@long_case
def whole_module_and_torchscript():
    torch.save(b0, "whole.pt")
    check(expected_b0, "whole.pt")
    torch.jit.save(torch.jit.trace(b0, torch.zeros(1, 3, SIDE, SIDE)), "script.pt")
    check(expected_b0, "script.pt")


@long_case
def shards_and_folder():
    Path("shards").mkdir()
    places = {}
    for number in (1, 2):
        name = f"pytorch_model-0000{number}-of-00002.bin"
        part = {key: value for i, (key, value) in enumerate(state.items()) if i % 2 == number - 1}
        torch.save(part, f"shards/{name}")
        places.update(dict.fromkeys(part, name))
    Path("shards/pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    check(expected_b0, "shards")
    check(expected_b0, *sorted(Path("shards").glob("*.bin")))
    fails("missing", sorted(Path("shards").glob("*.bin"))[0])


@case
def transformers_folder():
    lite = timm.create_model("tf_efficientnet_b0", num_classes=5)
    lite.load_state_dict(state)
    named = dialects.renamed({key: value for key, value in state.items() if "num_batches" not in key}, "transformers")
    Path("hf").mkdir()
    torch.save(named, "hf/pytorch_model.bin")
    Path("hf/config.json").write_text(json.dumps({
        "model_type": "efficientnet", "image_size": 224, "batch_norm_eps": 0.001,
        "id2label": {str(i): name for i, name in enumerate(FIVE)}}))
    Path("hf/preprocessor_config.json").write_text(json.dumps({"size": 224, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    check(answer(lite.eval()), "hf")
    assert Path("out/preprocessor_config.json").exists()
    assert "daisy" in effnet("info", "out")


@long_case
def two_networks():
    torch.save({"teacher": state, "student": dict(state)}, "two.pth")
    fails("2 networks: teacher, student", "two.pth")
    check(expected_b0, "two.pth", "--key", "student")
    torch.save({f"{name}.{key}": value for name in ("first", "second") for key, value in state.items()}, "flat.pth")
    fails("--key NAME", "flat.pth")
    check(expected_b0, "flat.pth", "--key", "second")


@case
def not_of_the_family():
    torch.save(timm.create_model("resnet18").state_dict(), "resnet.pth")
    fails("no stem convolution", "resnet.pth")
    some = dict(list(state.items())[7:] + list(state.items())[:5])
    torch.save(some, "cut.pth")
    fails("missing", "cut.pth")
    torch.save({**state, "extra.weight": torch.ones(3)}, "more.pth")
    fails("extra.weight has no place", "more.pth")


# ---- ONNX ------------------------------------------------------------------------------------------

def export(network, name, **options):
    torch.onnx.export(network, torch.zeros(1, 3, SIDE, SIDE), name, **options)


@case
def onnx_folded_by_its_exporter():
    export(b0, "folded.onnx")
    said = check(expected_b0, "folded.onnx")
    assert "symmetric  (certain: the graph)" in said and "multiplied into the weights" in said, said


@long_case
def onnx_as_trained_with_softmax():
    export(torch.nn.Sequential(lite0, torch.nn.Softmax(1)), "train.onnx", do_constant_folding=False,
           training=torch.onnx.TrainingMode.PRESERVE)
    said = check(expected_lite0, "train.onnx", "--mean", "127/255", "--std", "128/255")
    assert "same  (certain: the graph)" in said and "0.001  (certain: the graph)" in said and f"{SIDE} x {SIDE}" in said, said


@long_case
def other_members():
    """Each under its names as a state dict, run beside timm, and by order and shape as a graph."""
    for name, row in (("tf_efficientnetv2_b0", "v2-b0"), ("efficientnetv2_rw_t", "v2-rw-t"), ("efficientnet_es", "es"),
                      ("tf_efficientnet_b1", "b1")):
        network = model(name)
        expected = answer(network)
        torch.save(network.state_dict(), f"{name}.pth")
        said = check(expected, f"{name}.pth", proof=True)
        assert f"variant   {row}  (certain" in said and f"timm {timm.__version__} ({name})" in said, said
        export(network, f"{name}.onnx")
        said = check(expected, f"{name}.onnx")
        assert f"variant   {row}  (certain" in said and f"padding   {'same' if name[:3] == 'tf_' else 'symmetric'}" in said, said


# ---- Keras -----------------------------------------------------------------------------------------

def keras_layers(network):
    """{layer: {part: array}} as tf.keras names and lays them out, in the order of the model."""
    found = {}
    order = []

    def put(name, **parts):
        found[name] = parts
        order.append(name)

    def conv(name, layer):
        depthwise = layer.groups > 1
        weight = layer.weight.detach().numpy().transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        put(name, **{"depthwise_kernel" if depthwise else "kernel": weight},
            **({} if layer.bias is None else {"bias": layer.bias.detach().numpy()}))

    def norm(name, layer):
        put(name, gamma=layer.weight.detach().numpy(), beta=layer.bias.detach().numpy(),
            moving_mean=layer.running_mean.numpy(), moving_variance=layer.running_var.numpy())
    conv("stem_conv", network.conv_stem)
    norm("stem_bn", network.bn1)
    for number, stage in enumerate(network.blocks, 1):
        for letter, block in zip("abcdefgh", stage):
            start = f"block{number}{letter}_"
            expands = hasattr(block, "conv_pwl")
            if expands:
                conv(start + "expand_conv", block.conv_pw)
                norm(start + "expand_bn", block.bn1)
            conv(start + "dwconv", block.conv_dw)
            norm(start + "bn", block.bn2 if expands else block.bn1)
            conv(start + "se_reduce", block.se.conv_reduce)
            conv(start + "se_expand", block.se.conv_expand)
            conv(start + "project_conv", block.conv_pwl if expands else block.conv_pw)
            norm(start + "project_bn", block.bn3 if expands else block.bn2)
    conv("top_conv", network.conv_head)
    norm("top_bn", network.bn2)
    head = network.classifier
    put("predictions", kernel=head.weight.detach().numpy().T, bias=head.bias.detach().numpy())
    return {name: found[name] for name in order}


KINDS = {"bn": "BatchNormalization", "predictions": "Dense", "dwconv": "DepthwiseConv2D", "normalization": "Normalization"}


def kind(name):
    return next((value for end, value in KINDS.items() if name.endswith(end)), "Conv2D")


def keras_config(names):
    """As model.get_config () has it, of what a reader needs."""
    entries = [{"class_name": "InputLayer", "config": {"name": "input_1", "batch_input_shape": [None, 224, 224, 3]}},
               {"class_name": "Rescaling", "config": {"name": "rescaling", "scale": 1 / 255, "offset": 0.0}},
               {"class_name": "Normalization", "config": {"name": "normalization", "axis": [3]}},
               {"class_name": "Rescaling", "config": {"name": "rescaling_1", "scale": [v ** -0.5 for v in STD], "offset": 0}}]
    for name in names:
        config = {"name": name}
        if kind(name) == "BatchNormalization":
            config["epsilon"] = 0.001
        if name == "predictions":
            config["activation"] = "softmax"
        entries.append({"class_name": kind(name), "config": config})
    return {"class_name": "Functional", "config": {"name": "efficientnetb0", "layers": entries}}


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def keras_reference():
    network = timm.create_model("tf_efficientnet_b0", num_classes=5)
    network.load_state_dict(state)
    layers = keras_layers(network.eval())
    return answer(network), {"normalization": {"mean": np.array(MEAN, "<f4"), "variance": np.array(STD, "<f4"),
                                               "count": np.int64(0)}, **layers}


def check_keras(expected, path, *more):
    said = check(expected, path, *more)
    card = json.loads(Path("out/config.json").read_text())["pretrained_cfg"]
    np.testing.assert_allclose((card["mean"], card["std"]), (MEAN, STD), rtol=1e-5)
    assert "padding   same" in said, said


@case
def keras_h5_whole_and_weights():
    import h5py
    expected, layers = keras_reference()
    for name, config in (("whole.h5", True), ("weights.h5", False)):
        with h5py.File(name, "w") as file:
            group = file.create_group("model_weights") if config else file
            if config:
                file.attrs["model_config"] = json.dumps(keras_config(list(layers)[1:]))
            group.attrs["layer_names"] = [key.encode() for key in ["input_1", "rescaling", *layers, "rescaling_1"]]
            for layer, parts in layers.items():
                own = group.create_group(layer)
                own.attrs["weight_names"] = [f"{layer}/{part}:0".encode() for part in parts]
                for part, value in parts.items():  # Keras 3 calls it kernel, without a number
                    own[f"{layer}/{part}:0" if config else f"{layer}/{part.replace('depthwise_', '')}"] = value
        check_keras(expected, name)
    Path("cut.h5").write_bytes(Path("whole.h5").read_bytes()[:100_000])
    fails("damaged", "cut.h5")


@long_case
def keras_transfer_learning():
    """The network as a model within a model, its classifier outside, frozen parts first."""
    import h5py
    expected, layers = keras_reference()
    config = keras_config(list(layers)[1:-1])
    outer = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [
        config, {"class_name": "Dense", "config": {"name": "dense_3", "activation": "softmax"}}]}}
    with h5py.File("transfer.h5", "w") as file:
        group = file.create_group("model_weights")
        file.attrs["model_config"] = json.dumps(outer)
        group.attrs["layer_names"] = [b"efficientnetb0", b"dense_3"]
        for layer, parts in list(layers.items())[::-1]:
            place = "dense_3/dense_3" if layer == "predictions" else f"efficientnetb0/{layer}"
            for part, value in parts.items():
                group[f"{place}/{part}:0"] = value
    check_keras(expected, "transfer.h5")


@case
def keras_zip():
    import h5py
    expected, layers = keras_reference()
    config = keras_config(list(layers)[1:])
    order = {"Conv2D": ("kernel", "bias"), "DepthwiseConv2D": ("depthwise_kernel",), "Dense": ("kernel", "bias"),
             "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
             "Normalization": ("mean", "variance", "count")}
    stored, counts = io.BytesIO(), {}
    with h5py.File(stored, "w") as file:
        for layer, parts in layers.items():
            base = {"Conv2D": "conv2d", "DepthwiseConv2D": "depthwise_conv2d", "Dense": "dense", "Normalization":
                    "normalization", "BatchNormalization": "batch_normalization"}[kind(layer)]
            n = counts[base] = counts.get(base, -1) + 1
            own = file.create_group(f"layers/{base}{f'_{n}' if n else ''}/vars")
            own.attrs["name"] = layer
            for i, part in enumerate(p for p in order[kind(layer)] if p in parts):
                own[str(i)] = parts[part]
    with zipfile.ZipFile("model.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", stored.getvalue())
    check_keras(expected, "model.keras")
    Path("own.weights.h5").write_bytes(stored.getvalue())
    check_keras(expected, "own.weights.h5")


def main():
    failed = 0
    for function in cases:
        if function.__name__.startswith("keras"):
            try:
                importlib.import_module("h5py")
            except ImportError:
                print(f"{function.__name__}: SKIPPED: no h5py (python3-h5py)")
                continue
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            try:
                before = sum(os.times()[:4])
                function()
                print(f"{function.__name__}: right ({sum(os.times()[:4]) - before:.1f} s of CPU)", flush=True)
            except (Exception, SystemExit) as error:  # a case's failure, whatever it is
                failed += 1
                print(f"{function.__name__}: WRONG: {type(error).__name__}: {error}", flush=True)
    if failed:
        sys.exit(f"{failed} of {len(cases)} cases are wrong")


main()
