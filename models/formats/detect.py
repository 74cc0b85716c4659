# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which reader is for which file or folder. Elsewhere: the readers; what to do with a Source, ../convert."""

import re
from pathlib import Path

from folder import CARD, CARD_DEPTH, CARD_MAX, WEIGHTS, Failure, parse_object, printable, read_regular

from . import frozen, keras, onnx, pytorch, safetensors, savedmodel, tflite
from .protobuf import varint
from .source import File, Source

INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
USUAL = (WEIGHTS, *INDICES, "pytorch_model.bin")
ENDINGS = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".tar", ".h5", ".hdf5", ".keras", ".tflite", ".onnx", ".pb")
PROCESSOR = "preprocessor_config.json"


def is_onnx(head):
    """Protocol buffers: the version of the format, then who made it, or at once the graph."""
    return len(head) > 5 and head[0] == 8 and 1 <= head[1] < 32 and head[2] in (0x12, 0x3a, 0x1a)


def is_graph(head):
    """Protocol buffers: nodes, the first of which begins with its name and what it does."""
    if len(head) < 16 or head[0] != 0x0a:
        return False
    try:
        _, at = varint(head, 1)
        end = at + 2 + head[at + 1]
        return head[at] == 0x0a and head[end] == 0x12
    except LookupError:
        return False


def kind_of(file):
    """The reader's module; None for what is no checkpoint."""
    head = file.head()
    if head[:2] == b"PK":
        return keras if b"config.json" in head[:80] or b"metadata.json" in head[:80] or file.path.suffix == ".keras" \
            else pytorch
    if head[:1] == b"\x80" and len(head) > 2 and head[1] in (2, 3, 4, 5):
        return pytorch
    if head[:6] == b"\x89HDF\r\n":
        return keras
    if head[4:8] == b"TFL3":
        return tflite
    if head[8:9] == b"{" or (len(head) >= 8 and file.path.suffix == ".safetensors"):
        return safetensors
    return onnx if is_onnx(head) else frozen if is_graph(head) else None


def open_file(path, choose):
    file = File(path)
    if file.size == 0:
        raise Failure(f"{file.what} is empty")
    if path.name == "saved_model.pb":
        return open_folder(path.parent, choose)
    if path.suffix == ".index":
        return savedmodel.read(path)
    if path.name.endswith(".index.json"):
        return safetensors.read_index(file, lambda part: open_file(part, choose).tensors or {})
    kind = kind_of(file)
    if kind is None:
        raise Failure(f"{file.what} is no checkpoint that is known: expected PyTorch's (.pth, .pt, .bin, .ckpt), safetensors, "
                      "Keras' (.h5, .keras), .tflite, .onnx, a frozen graph (.pb), or the folder of a SavedModel or of "
                      "Transformers; `file` may say what it is")
    return kind.read(file, choose) if kind is pytorch else kind.read(file)


def in_folder(path):
    """The file in a folder that is the checkpoint."""
    if (path / "saved_model.pb").exists() or (path / "variables" / "variables.index").exists():
        index = path / "variables" / "variables.index"
        return index if index.exists() else path / "saved_model.pb"  # frozen
    for name in USUAL:
        if (path / name).exists():
            return path / name
    found = sorted(entry for entry in path.iterdir() if entry.suffix in (*ENDINGS, ".index") and entry.is_file()
                   and not re.match(r"(optimizer|scheduler|training_args|random_states|rng_state|scaler)", entry.name))
    if len(found) != 1:
        names = ", ".join(printable(entry.name) for entry in found[:5])
        raise Failure(f"{printable(str(path))} holds {f'{len(found)} checkpoints ({names})' if found else 'no checkpoint'}; "
                      "expected one, or name the file")
    return found[0]


def open_folder(path, choose):
    found = in_folder(path)
    source = frozen.read(File(found)) if found.name == "saved_model.pb" else open_file(found, choose)
    source.card = read_card(path)
    processor = path / PROCESSOR
    if source.card is not None and processor.exists():
        source.more_files[PROCESSOR] = read_regular(processor, CARD_MAX)
    if source.paths[0].parent == path:
        source.paths = [path, *source.paths]
    return source


def read_card(folder):
    path = folder / CARD
    if not path.exists():
        return None
    try:
        return parse_object(read_regular(path, CARD_MAX).removeprefix(b"\xef\xbb\xbf"), CARD_DEPTH)
    except ValueError as error:
        raise Failure(f"the card {printable(str(path))} is broken: {error}") from error


def open_source(paths, choose):
    """@paths: one file or folder, or the parts of one checkpoint."""
    paths = [Path(path) for path in paths]
    for path in paths:
        if not path.exists():
            raise Failure(f"{printable(str(path))} is not there")
    if len(paths) == 1:
        return open_folder(paths[0], choose) if paths[0].is_dir() else open_file(paths[0], choose)
    tensors, source = {}, None
    for path in paths:
        part = open_file(path, choose)
        source = source or Source(f"a checkpoint in {len(paths)} parts", paths)
        twice = next((name for name in part.tensors or {} if name in tensors), None)
        if part.tensors is None or twice is not None:
            raise Failure(f"{printable(str(path))} " + (f"has tensor {printable(twice)} again" if twice else
                          "is a model of its own") + "; expected the parts of one checkpoint")
        tensors.update(part.tensors)
    source.tensors = tensors
    return source
