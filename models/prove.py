# SPDX-License-Identifier: LGPL-2.1-or-later
"""The proof of a conversion: source and converted model run on the same input, and how far their answers are
apart.

Lives here: how each kind of source is run, by the framework it is of, where that is installed. Invariant:
nothing is installed or downloaded, and no Python code of the checkpoint is run; TensorFlow's graphs, of a
SavedModel or frozen, which TensorFlow runs, may do whatever TensorFlow's operations do. Elsewhere: the tool runs what was
converted, family.py.
"""

import importlib
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from family import ask_tool
from folder import Failure, printable
from formats import frozen

BOUND = 1e-3           # relative L2 of the logits, of sources that compute in floats
BOUND_INTEGERS = 0.35  # of those that compute in int8
SEED = 14


class Absent(Exception):
    """Why the source could not be run, as a sentence for the user."""


def module(names, install):
    """The first of @names that is installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow talks
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise Absent(f"the source was not run beside it: that needs {' or '.join(names)}; install {install}")


def pixels(height, width):
    """A picture [1][height][width][3] of whole numbers in 0..255: waves and a little noise."""
    random = np.random.default_rng(SEED)
    y, x = np.mgrid[0:height, 0:width] / 32.0
    waves = sum(np.sin(random.normal(size=3) * x[..., None] + random.normal(size=3) * y[..., None] + phase)
                for phase in range(4))
    return np.round(np.clip(127 + 30 * waves + random.normal(size=(height, width, 3)) * 8, 0, 255))[None]


def run_converted(folder, tensor):
    """Logits, or features of a model without classes."""
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place) / "x.npy", Path(place) / "y.npy"
        np.save(source, np.ascontiguousarray(tensor, np.float32))
        classless = [] if has_classes(folder) else ["--features"]
        ask_tool("run", "--model", folder, "--input", source, "--output", target, *classless)
        return np.load(target)[0]


def has_classes(folder):
    return json.loads((Path(folder) / "config.json").read_text())["num_classes"] > 0


# ---- the sources -----------------------------------------------------------------------------------

def run_onnx(source, tensor):
    runtime = module(["onnxruntime"], "it with `pip install onnxruntime`")
    session = runtime.InferenceSession(str(source.paths[0]), providers=["CPUExecutionProvider"])
    wanted, *others = session.get_inputs()
    channels_last = wanted.shape[-1] == 3 and wanted.shape[1] != 3
    value = (tensor if channels_last else tensor.transpose(0, 3, 1, 2)).astype(np.float32)
    # Keras' export leaves constants among the inputs that no operation reads any more.
    unread = {one.name: np.zeros([n if isinstance(n, int) else 1 for n in one.shape], np.float32) for one in others}
    answers = session.run(None, {wanted.name: value, **unread})
    return f"ONNX Runtime {runtime.__version__}", answers[0].reshape(-1)


def run_tflite(source, tensor):
    lite = module(["ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite"],
                  "`pip install ai-edge-litert`")
    interpreter = lite.Interpreter(model_path=str(source.paths[0]))
    interpreter.allocate_tensors()
    wanted, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    kind = wanted["dtype"]
    value = np.round(tensor) if np.issubdtype(kind, np.integer) else tensor
    interpreter.set_tensor(wanted["index"], value.astype(kind))
    interpreter.invoke()
    answer = interpreter.get_tensor(given["index"])[0].astype(float)
    scale, zero = given["quantization"]
    return lite.__name__.split(".")[0], (answer - zero) * scale if scale else answer


def run_keras(source, tensor):
    if source.has_code:
        raise Absent("the source was not run beside it: its configuration has code, a Lambda layer or the like, which is not run")
    keras = module(["tensorflow.keras", "keras"], "`pip install tensorflow`")
    try:
        model = keras.models.load_model(str(source.paths[0]), compile=False)
    except Exception as error:  # whatever a framework says of a file of weights alone
        raise Absent(f"the source was not run beside it: Keras does not load it alone ({str(error)[:100]})") from error
    return f"Keras {getattr(keras, '__version__', '')}".strip(), np.asarray(model(tensor.astype(np.float32)))[0]


def run_saved(source, tensor):
    tensorflow = module(["tensorflow"], "`pip install tensorflow`")
    signature = next(iter(tensorflow.saved_model.load(str(source.paths[0])).signatures.values()), None)
    if signature is None:
        raise Absent("the source was not run beside it: it has no signature that could be called")
    wanted = list(signature.structured_input_signature[1])[0]
    answers = signature(**{wanted: tensorflow.constant(tensor.astype(np.float32))})
    return f"TensorFlow {tensorflow.__version__}", np.asarray(next(iter(answers.values())))[0]


def run_frozen(source, tensor):
    tensorflow = module(["tensorflow"], "`pip install tensorflow`")
    graph, definition = tensorflow.Graph(), tensorflow.compat.v1.GraphDef()
    definition.ParseFromString(bytes(source.graph))
    with graph.as_default():
        tensorflow.import_graph_def(definition, name="")
    with tensorflow.compat.v1.Session(graph=graph) as session:
        answers = session.run(f"{source.ends[1]}:0", {f"{source.ends[0]}:0": tensor.astype(np.float32)})
    return f"TensorFlow {tensorflow.__version__}", np.asarray(answers).reshape(-1)


def torch_model(match, padding):
    """The architecture, by the package whose names the checkpoint has."""
    name, classes = match.variant.name, match.classes
    if match.dialect == "torchvision":
        models = module(["torchvision.models"], "python3-torchvision")
        build = getattr(models, f"efficientnet_{name.replace('-', '_')}", None)
        if build is None:
            raise Absent(f"the source was not run beside it: torchvision has no {name}")
        return "torchvision", build(num_classes=classes)
    if match.dialect not in ("timm", "lukemelas"):
        raise Absent("the source was not run beside it: no package is known that runs such names")
    timm = module(["timm"], "`pip install timm`")
    own, tf = ("efficientnet_", "efficientnet", ""), ("tf_efficientnet_", "tf_efficientnet", "tf_")
    for prefix in (*tf, *own) if padding == "same" else (*own, *tf):
        full = f"{prefix}{name}".replace("-", "_")
        if timm.is_model(full):
            return f"timm {timm.__version__} ({full})", timm.create_model(full, num_classes=classes)
    raise Absent(f"the source was not run beside it: timm has no {name}")


def run_torch(source, match, facts, tensor):
    """The weights as they were read, in the package's own order of computation: the classifier's file is read
    by one reader, the network by another's code."""
    what, model = torch_model(match, facts.padding)
    torch = module(["torch"], "python3-torch")
    own, wanted = {}, model.state_dict()
    values = [match.tensors[name] for name in match.order()]
    names = [name for name in wanted if not name.endswith("num_batches_tracked")]
    if len(values) != len(names):
        raise Absent(f"the source was not run beside it: {what} has {len(names)} tensors, the checkpoint {len(values)}")
    for name, value in zip(sorted_like(names, match), values):
        own[name] = torch.from_numpy(value.array().astype("<f4")).reshape(wanted[name].shape)
    model.load_state_dict(own, strict=False)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eps = facts.epsilon
    with torch.no_grad():
        answer = model.eval()(torch.from_numpy(np.ascontiguousarray(tensor.transpose(0, 3, 1, 2), np.float32)))
    return what, answer[0].numpy()


def sorted_like(names, match):
    """timm's and torchvision's names are those that the tool has for the dialect."""
    dialect = "torchvision" if match.dialect == "torchvision" else "timm"
    ordered = match.order(dialect)
    if set(ordered) != set(names):
        raise Absent("the source was not run beside it: the installed package has other names")
    return ordered


# ---- the comparison --------------------------------------------------------------------------------

def compare(ours, theirs, source):
    """(how far apart, whether the best class is the same)"""
    if source.scores == "softmax":
        ours = np.exp(ours - ours.max())
        ours, theirs = ours / ours.sum(), theirs.astype(float)
    elif source.scores == "sigmoid":
        ours = 1 / (1 + np.exp(-ours))
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs), int(ours.argmax()) == int(theirs.argmax())


def prove(source, match, facts, folder):
    """Lines that say what was run. Raises Failure where the answers are apart."""
    height, width = facts.size
    picture = pixels(height, width)
    mean, std = (np.asarray(part if part is not None else [0.5] * 3, float) for part in (facts.mean, facts.std))
    tensor = (picture / 255 - mean) / std
    ours = run_converted(folder, tensor)
    if not np.isfinite(ours).all():
        raise Failure("the converted model's answer is not finite; nothing is written")
    factor, offset = source.affine
    given = (tensor - offset) / factor
    try:
        if source.what == "an ONNX model":
            what, theirs = run_onnx(source, given)
        elif source.what == "a TensorFlow Lite model":
            what, theirs = run_tflite(source, given)
        elif source.what == "a TensorFlow SavedModel":
            what, theirs = run_saved(source, given)
        elif source.what == frozen.WHAT:
            what, theirs = run_frozen(source, given)
        elif source.layers is not None:
            what, theirs = run_keras(source, given)
        else:
            what, theirs = run_torch(source, match, facts, tensor)
    except Absent as reason:
        return [str(reason)]
    except Failure:
        raise
    except Exception as error:  # whatever a framework says of a file
        said = str(error).strip().splitlines() or [""]
        return [f"the source could not be run beside it: {type(error).__name__}: {printable(said[0][:200])}"]
    if theirs.size != ours.size:
        return [f"{what} gives {theirs.size} numbers, the converted model {ours.size}: not compared"]
    apart, same = compare(ours, theirs, source)
    bound = BOUND if source.exact else BOUND_INTEGERS
    line = f"{what} and effnet on the same input: answers {apart:.1e} apart (relative L2), best class " \
           f"{'the same' if same else 'another'}"
    if apart > bound:
        raise Failure(f"{line}; at most {bound:g} was expected, so nothing is written (--no-proof writes it all the same)")
    return [line + ("" if source.exact else "; the source computes in int8, the converted model as --precision says")]
