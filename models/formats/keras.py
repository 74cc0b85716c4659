# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keras models and weights: .h5 of Keras 2 and 3, .keras, .weights.h5. Needs h5py; not TensorFlow.

Lives here: where each kind of file has a layer's weights, how Keras names the layers of the family, and what
its rescaling and normalisation layers say of pixels. Elsewhere: which network it is, ../family.py. Names of
SavedModels are the same, savedmodel.py uses what is here.
"""

import contextlib
import io
import json
import os
import re
import resource
import signal
import zipfile
import zlib

import numpy as np

from folder import Failure, parse_object, printable

from .source import Layer, Source, Tensor, computed, parsed

CONFIG_MAX = 64 << 20  # bytes
CONFIG_DEPTH = 64
REHEARSAL_S = 300
DAMAGE = (ValueError, TypeError, AttributeError, LookupError, OSError, OverflowError, RuntimeError,
          zipfile.BadZipFile, zlib.error)
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
EPSILON = 1e-3  # of Keras' BatchNormalization
CODE = ("Lambda", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "function", "__lambda__")
ROOT = 0.1  # how near a stored variance must be to a known one, relative
# Keras stores ImageNet's std where the variance belongs, and divides by its root once more.
IMAGENET_STD = np.array([0.229, 0.224, 0.225])
# Of a class's weights in order, as a .keras file numbers them.
ORDER = {"Conv2D": ("kernel", "bias"), "DepthwiseConv2D": ("depthwise_kernel", "bias"), "Dense": ("kernel", "bias"),
         "BatchNormalization": NORM, "Normalization": ("mean", "variance", "count")}


def h5py_module():
    try:
        import h5py
    except ImportError as error:
        raise Failure("Keras files need h5py; install python3-h5py, or `pip install h5py`") from error
    return h5py


def tensor_of(dataset, where):
    kinds = {"f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32"}
    kind = kinds.get(np.dtype(dataset.dtype).str[1:])
    if kind is None:
        raise Failure(f"{where} holds {printable(str(dataset.dtype))}; expected floats")
    if dataset.external or dataset.is_virtual:
        raise Failure(f"{where} lies in another file; expected all in one")
    return Tensor(dataset.shape, kind, lambda: np.asarray(dataset), where)


# ---- {layer: {part: Tensor}} of each kind of file --------------------------------------------------

def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def parts_of(path):
    """("model/stem_conv/kernel:0") -> ("stem_conv", "kernel")"""
    words = text(path).split("/")
    return (words[-2] if len(words) > 1 else ""), re.sub(r":\d+$", "", words[-1])


def read_legacy(file, group, h5py):
    """A group for each layer, or for each model within, with datasets as weight_names says."""
    layers = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            layer, part = parts_of(name)
            layers.setdefault(layer, {})[part] = tensor_of(item, f"{file.what}: {printable(name)}")
    group.visititems(visit)
    names = [text(name) for name in group.attrs.get("layer_names", [])]
    return {**{name: {} for name in names if name not in layers and re.match("rescaling|normalization", name)}, **layers}


def snake(name):
    """As Keras makes a file's names of its classes: "DepthwiseConv2D" -> "depthwise_conv2d"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def number(name):
    match = re.search(r"_(\d+)$", name)
    return int(match.group(1)) if match else 0


def numbered_layers(file, group, config, h5py):
    """Keras 3's: a group for each layer under `layers`, called by its class and a counter or by its own name,
    with vars/0, vars/1, ..."""
    place = next((group[name] for name in ("layers", "_layer_checkpoint_dependencies", "_layers") if name in group), None)
    found = {}
    if place is None:
        return found
    entries = config.get("layers", []) if isinstance(config, dict) else []
    left = {}
    for name in place:  # {class: its groups with variables, in order}
        if isinstance(place[name], h5py.Group):
            left.setdefault(re.sub(r"_\d+$", "", name), []).append(name)
    for names in left.values():
        names.sort(key=number)
    for entry in entries:
        kind, inner = entry.get("class_name", ""), entry.get("config") or {}
        own, base = str(inner.get("name") or entry.get("name")), snake(kind)
        names = [own] if own in place else [name for name in left.get(base, []) if filled(place[name])][:1]
        if own not in place and names:
            left[base].remove(names[0])
        if not names:
            continue
        if kind in ("Functional", "Model", "Sequential"):
            found.update(numbered_layers(file, place[names[0]], inner, h5py))
        elif kind in ORDER and "vars" in place[names[0]]:
            found[own] = variables(file, place[names[0]]["vars"], ORDER[kind], inner)
    return found


def filled(group):
    return len(group.get("vars", ())) > 0 or any(name in group for name in ("layers", "_layer_checkpoint_dependencies"))


def variables(file, group, order, config):
    if config.get("scale") is False:
        order = [part for part in order if part != "gamma"]
    if config.get("center") is False:
        order = [part for part in order if part != "beta"]
    return {part: tensor_of(group[str(i)], f"{file.what}: {printable(group.name)}/{i}")
            for i, part in enumerate(order) if str(i) in group}


def named_by_attribute(file, group, h5py):
    """The same without a configuration, where the groups say what layer they are of."""
    layers = {}

    def visit(name, item):
        if isinstance(item, h5py.Group) and name.endswith("vars") and len(item):
            own, base = text(item.attrs.get("name", "")), name.split("/")[-2]
            kind = next((kind for kind in ORDER if re.fullmatch(snake(kind) + r"(_\d+)?", base)), None)
            kind = kind or kind_of_name(own or base, len(item))
            if kind:
                layers[own or base] = variables(file, item, ORDER[kind], {})
    group.visititems(visit)
    return layers


def kind_of_name(name, parts):
    if re.search(r"(_bn2?|norm)$", name) or parts == 4:
        return "BatchNormalization"
    if name.startswith("normalization"):
        return "Normalization"
    return "DepthwiseConv2D" if "dwconv" in name else "Conv2D"


# ---- layers of the family --------------------------------------------------------------------------

ROLES = ("expand_conv", "dwconv", "se_reduce", "se_expand", "project_conv")


def rank(name):
    """Where a convolution of tf.keras.applications, or of the TPU code, stands: (block, letter, role); None
    for another layer. block2a_dwconv, blocks_3/depthwise_conv2d."""
    if name == "stem_conv" or name.endswith("stem/conv2d"):
        return (-1, 0, 0)
    match = re.match(r"block(\d+)(.)_(\w+?)\d?$", name)
    if match and match.group(3) in ROLES:
        return (int(match.group(1)), ord(match.group(2)), ROLES.index(match.group(3)))
    if name in ("top_conv", "head_conv") or name.endswith("head/conv2d"):
        return (1 << 20, 0, 0)
    return None


def norm_name(name, names):
    """The batch norm of a convolution: block2a_dwconv's is block2a_bn."""
    norm = re.sub(r"dwconv\d?$", "bn", name) if "dwconv" in name else re.sub(r"conv\d?$", "bn", name)
    return norm if norm in names and norm != name else None


def make_layer(where, parts):
    """[height][width][in][out] of Keras, [height][width][out][1] of its depthwise, [in][out] of its Dense. Keras 3
    calls all of them kernel."""
    kernel = parts.get("depthwise_kernel", parts.get("kernel"))
    depthwise = "depthwise_kernel" in parts or "dwconv" in where
    axes = {2: (1, 0), 4: (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)}.get(len(kernel.shape))
    if axes is None:
        raise Failure(f"{where} has {len(kernel.shape)} dimensions; expected a convolution or a matrix")
    shape = [kernel.shape[axis] for axis in axes]
    weight = Tensor(shape, "F32", lambda: kernel.array().transpose(axes), where)
    return Layer(where, weight, parts.get("bias"))


def norm_of(layer, parts, epsilon):
    ones = np.ones(layer.out)
    gamma, beta, mean, variance = (parts.get(part) for part in NORM)
    if mean is None or variance is None:
        raise Failure(f"{layer.where}: its batch norm has no moving mean and variance")
    return (gamma or computed(ones, ""), beta or computed(0 * ones, ""), mean, variance, epsilon)


def build(source, layers, epsilons, what):
    """@layers: {layer: {part: Tensor}} into source.layers. @epsilons: {layer: epsilon} where known."""
    convolutions = sorted((rank(name), name) for name, parts in layers.items()
                          if rank(name) is not None and ("kernel" in parts or "depthwise_kernel" in parts))
    if not convolutions:
        some = ", ".join(printable(name) for name in list(layers)[:4])
        raise Failure(f"{what} has no layers under the names that Keras gives those of EfficientNet (stem_conv, "
                      f"block1a_dwconv, ...); it begins with {some or 'nothing'}")
    source.layers = []
    for _, name in convolutions:
        layer = make_layer(f"{name}", layers[name])
        norm = norm_name(name, layers)
        if norm is not None:
            layer.norm = norm_of(layer, layers[norm], epsilons.get(norm, EPSILON))
        source.layers.append(layer)
    known = {name for _, name in convolutions}
    heads = [name for name, parts in layers.items() if name not in known and "kernel" in parts
             and len(parts["kernel"].shape) == 2]
    if len(heads) > 1:
        raise Failure(f"{what} has {len(heads)} matrices after the network ({', '.join(map(printable, heads[:3]))}); "
                      "expected one, its classifier")
    if heads:
        source.layers.append(make_layer(heads[0], layers[heads[0]]))
        source.notes.append(f"its classifier is {printable(heads[0])}")
    else:
        source.notes.append("it has no classifier, so it gives features only")
    source.padding = "same"


# ---- what the configuration says -------------------------------------------------------------------

def flat_layers(config, depth=0):
    """The entries of a model's configuration, those of models within in their place."""
    found = []
    for entry in config.get("layers", []) if isinstance(config, dict) else []:
        inner = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(inner, dict):
            continue
        if "layers" in inner and depth < 8:
            found.append(entry)
            found += flat_layers(inner, depth + 1)
        else:
            found.append(entry)
    return found


def activation_name(value):
    if isinstance(value, dict):
        value = value.get("config") if isinstance(value.get("config"), str) else value.get("class_name")
    return str(value or "").lower()


def read_config(source, entries, layers):
    """Rescaling and normalisation before the stem, activations, input size; {batch norm: epsilon}."""
    factor, offset, epsilons, before = np.ones(3), np.zeros(3), {}, True
    for entry in entries:
        kind, config = entry.get("class_name", ""), entry["config"]
        name = str(config.get("name") or entry.get("name"))
        if kind == "InputLayer" and source.size is None:
            shape = config.get("batch_input_shape") or config.get("batch_shape") or config.get("shape") or []
            sides = shape[-3:-1] if len(shape) >= 3 else []
            source.size = tuple(sides) if sides and all(type(n) is int and n > 0 for n in sides) else None
        before = before and rank(name) is None
        if kind in ("Functional", "Model") and "efficientnet" in name.lower():
            source.names.append(name)
        if kind == "Rescaling" and before:
            scale, add = (np.resize(np.asarray(config.get(key, 0), float), 3) for key in ("scale", "offset"))
            factor, offset = factor * scale, offset * scale + add
        if kind == "Normalization" and before:
            mean, variance = pixel_statistics(config, layers.get(name, {}))
            if mean is not None:
                std = np.maximum(np.sqrt(variance), 1e-7)
                factor, offset = factor / std, (offset - mean) / std
        if kind == "Lambda" and before:
            source.notes.append(f"what its layer {printable(name)} does with pixels is code, which is not read: --mean and "
                                "--std say what the network expects")
        if kind == "BatchNormalization":
            epsilons[name] = float(config.get("epsilon", EPSILON))
        if rank(name) is None and kind in ("Dense", "Activation"):
            scores = activation_name(config.get("activation"))
            source.scores = scores if scores in ("softmax", "sigmoid") else source.scores
        if activation_name(config.get("activation")) in ("swish", "silu"):
            source.activation = "swish"
    set_range(source, factor, offset)
    return epsilons


def pixel_statistics(config, parts):
    if config.get("mean") is not None and config.get("variance") is not None:
        return tuple(np.resize(np.asarray(config[key], float), 3) for key in ("mean", "variance"))
    if "mean" in parts and "variance" in parts:
        return tuple(np.resize(parts[key].array().astype(float), 3) for key in ("mean", "variance"))
    return None, None


def set_range(source, factor, offset):
    if (factor == 1).all() and (offset == 0).all():
        return
    if (factor <= 0).any() or not np.isfinite(factor).all() or not np.isfinite(offset).all():
        raise Failure("the model's rescaling turns pixels around; expected factors above 0")
    source.affine = (factor, offset)
    source.std, source.mean = list(1 / (255 * factor)), list(0.0 - offset / (255 * factor))


def guess_range(source, layers):
    """Of weights without a configuration: tf.keras.applications' own layers."""
    normalization = next((parts for name, parts in layers.items() if name.startswith("normalization") and parts), None)
    mean, variance = pixel_statistics({}, normalization or {})
    if mean is None:
        return
    if np.allclose(variance, IMAGENET_STD, rtol=0.01):
        source.notes.append("its normalisation is Keras' own of ImageNet, whose variance is a std")
        variance = IMAGENET_STD ** 2
    elif (mean == 0).all() and (variance == 1).all():
        source.notes.append("its normalisation was never adapted: pixels are only divided by 255")
    set_range(source, 1 / (255 * np.sqrt(variance)), -mean / np.sqrt(variance))


# ---- files -----------------------------------------------------------------------------------------

def has_code(value):
    """Whether loading what @value describes, or running it, would run a program that it names or holds."""
    if isinstance(value, dict):
        module = value.get("module")
        return (value.get("class_name") in CODE or (module is not None and str(module).split(".")[0] != "keras")
                or any(map(has_code, value.values())))
    return isinstance(value, list) and any(map(has_code, value))


def parse_config(data, what):
    """(a model's configuration, whether it has code)"""
    try:
        found = parse_object(data if isinstance(data, bytes) else str(data).encode(), CONFIG_DEPTH)
        return found.get("config") or {}, has_code(found)
    except (ValueError, json.JSONDecodeError) as error:
        raise Failure(f"{what}: its configuration is broken: {error}") from error


def finish(file, source, layers, config):
    entries = flat_layers(config)
    if isinstance(config, dict) and isinstance(config.get("name"), str):
        source.names.append(config["name"])
    epsilons = read_config(source, entries, layers) if entries else {}
    if not entries:
        guess_range(source, layers)
    build(source, layers, epsilons, file.what)
    return source


def parse_h5(file, stream, config, what):
    h5py = h5py_module()
    group = h5py.File(stream, "r")
    source = Source(what, [file.path])
    if config is None and "model_config" in group.attrs:
        config, source.has_code = parse_config(text(group.attrs["model_config"]), file.what)
    weights = group["model_weights"] if "model_weights" in group else group
    if "layer_names" in weights.attrs:
        layers = read_legacy(file, weights, h5py)
    else:
        layers = numbered_layers(file, weights, config, h5py) if config else named_by_attribute(file, weights, h5py)
    return finish(file, source, layers, config)


def read_zip(file):
    with zipfile.ZipFile(file.path) as archive:
        names = {info.filename: info for info in archive.infolist()}
        if "config.json" not in names or "model.weights.h5" not in names:
            raise Failure(f"{file.what} is a zip archive without config.json and model.weights.h5: no Keras model")
        if names["config.json"].file_size > CONFIG_MAX or names["model.weights.h5"].file_size > file.size * 4:
            raise Failure(f"{file.what} holds more than a Keras model of the family")
        config, code = parse_config(archive.read("config.json"), file.what)
        with archive.open("model.weights.h5") as stream:
            source = parse_h5(file, io.BytesIO(stream.read()), config, "a Keras model (.keras)")
        source.has_code = code
        return source


def read_one(file):
    if file.head(2) == b"PK":
        return read_zip(file)
    return parse_h5(file, str(file.path), None, "a Keras model in HDF5")


def rehearse(file):
    """HDF5's library crashes on some damaged files. So another process reads all of it first: where that ends by a
    signal, or not within REHEARSAL_S seconds, there is a sentence."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(REHEARSAL_S)
        with contextlib.suppress(BaseException):
            for layer in read_one(file).layers:
                for part in (layer.weight, layer.bias, *(layer.norm or ())[:4]):
                    if part is not None:
                        part.array()
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise Failure(f"{file.what} is damaged: the HDF5 library cannot read it")


def read(file):
    h5py_module()
    rehearse(file)
    return parsed(file, read_one, DAMAGE)
