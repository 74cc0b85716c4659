# SPDX-License-Identifier: LGPL-2.1-or-later
"""safetensors files, and checkpoints in several parts (shards), of safetensors or of PyTorch, that an index
file lists, as accelerate and Transformers write them."""

import io
import json

import numpy as np

from folder import Failure, parse_object, printable, read_header

from .source import DTYPES, Source, stored

INDEX_MAX = 16 << 20  # bytes
SHARDS_MAX = 1000


def tensors_of(file):
    """{name: Tensor}"""
    header, start = read_header(io.BytesIO(file.part(0, min(file.size, 5 << 20), "its header")), file.size, file.what)
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        where = f"{file.what}: tensor {printable(name)}"
        if entry["dtype"] in DTYPES:
            found[name] = stored(file.part(start + begin, end - begin, where), entry["shape"], entry["dtype"], where)
        elif entry["dtype"].startswith(("F8", "F4", "F6")):
            raise Failure(f"{where} is {entry['dtype'][:20]}; expected F64, F32, F16 or BF16")
    return found


def read(file):
    source = Source("a safetensors file", [file.path], tensors_of(file))
    return source


def read_index(file, open_one):
    """@file: the index. @open_one (path): the {name: Tensor} of a shard."""
    if file.size > INDEX_MAX:
        raise Failure(f"{file.what} has {file.size} bytes; expected the index of a checkpoint's parts")
    try:
        places = parse_object(bytes(file.data), 8).get("weight_map")
    except (ValueError, json.JSONDecodeError) as error:
        raise Failure(f"{file.what} is no index of a checkpoint's parts: {error}") from error
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise Failure(f"{file.what} is no index of a checkpoint's parts: it has no weight_map")
    names = sorted(set(places.values()))
    if len(names) > SHARDS_MAX or any("/" in name or name.startswith(".") or name.endswith(".index.json") for name in names):
        raise Failure(f"{file.what} names a part that is not beside it, or an index; expected files of its own folder")
    found, paths = {}, [file.path]
    for name in names:
        path = file.path.parent / name
        if not path.exists():
            raise Failure(f"{file.what} names the part {printable(name)}, which is not beside it")
        found.update(open_one(path))
        paths.append(path)
    missing = [name for name in places if name not in found]
    if missing:
        raise Failure(f"{file.what} promises tensor {printable(missing[0])}, which is in none of its parts")
    return Source(f"a checkpoint in {len(names)} parts", paths, found)


def file_bytes(tensors):
    """A safetensors file of {name: array of float32 or float16}: pieces that follow each other, names sorted,
    so that the bytes depend on nothing else. @tensors may give its arrays when asked."""
    kinds = {np.dtype("<f4"): "F32", np.dtype("<f2"): "F16"}
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        tensor = tensors[name]
        dtype = tensor.dtype if isinstance(tensor, np.ndarray) else np.dtype("<f2" if tensor.dtype == "F16" else "<f4")
        size = dtype.itemsize * int(np.prod(tensor.shape, dtype=np.int64))
        header[name] = {"dtype": kinds[dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in sorted(tensors):
        tensor = tensors[name]
        array = tensor if isinstance(tensor, np.ndarray) else tensor.array()
        yield np.ascontiguousarray(array).tobytes()
