# SPDX-License-Identifier: LGPL-2.1-or-later
"""libeffnet through ctypes, as far as the bench needs it. The structs are those of effnet.h and
image.h, in order.
Calls release the interpreter's lock."""

import ctypes as C
import json
import pathlib
import re

PRECISIONS = {"auto": 0, "fp32": 1, "bf16": 2, "int8": 3}
HEADER = pathlib.Path(__file__).resolve().parents[2] / "include/effnet/image.h"
FORMATS = {name: value for value, name in enumerate(
    re.findall(r"^  EFFNET_PIXEL_FORMAT_(\w+),$", HEADER.read_text(), re.MULTILINE))}
STRETCH = 1
SAME = 1
FLOATS = C.POINTER(C.c_float)


class GError(C.Structure):
    _fields_ = [("domain", C.c_uint32), ("code", C.c_int), ("message", C.c_char_p)]


class ModelOptions(C.Structure):
    _fields_ = [("variant", C.c_char_p), ("labels_file", C.c_char_p), ("precision", C.c_int),
                ("padding", C.c_int), ("bn_epsilon", C.c_double), ("synthetic_seed", C.c_uint64),
                ("input_size", C.c_uint), ("reserved", C.c_void_p * 8)]


class ModelInfo(C.Structure):
    _fields_ = [(name, C.c_char_p) for name in ("name", "variant", "path", "notice", "precision", "isa", "padding", "activation")] + [
        (name, C.c_uint) for name in ("n_classes", "n_features", "input_width", "input_height")] + [
        ("parameters", C.c_uint64), ("multiply_adds", C.c_uint64), ("weight_bytes", C.c_size_t),
        ("arena_bytes", C.c_size_t), ("input_mean", C.c_float * 3), ("input_std", C.c_float * 3),
        ("bias_correction", C.c_char_p), ("stored", C.c_char_p), ("reserved", C.c_void_p * 3)]


class SessionOptions(C.Structure):
    _fields_ = [("threads", C.c_uint), ("resize_mode", C.c_int), ("jpeg_full_scale", C.c_int),
                ("profile", C.c_int), ("sparse_rows", C.c_int), ("activation", C.c_int),
                ("reserved", C.c_void_p * 8)]


class Image(C.Structure):
    _fields_ = [("format", C.c_int), ("width", C.c_uint), ("height", C.c_uint), ("data", C.c_void_p * 4),
                ("stride", C.c_ssize_t * 4), ("size", C.c_size_t), ("matrix", C.c_int), ("range", C.c_int),
                ("chroma_site", C.c_int), ("par_n", C.c_uint), ("par_d", C.c_uint), ("crop_x", C.c_uint),
                ("crop_y", C.c_uint), ("crop_width", C.c_uint), ("crop_height", C.c_uint),
                ("orientation", C.c_uint), ("bits", C.c_uint), ("reserved", C.c_void_p * 8)]


class Result(C.Structure):
    _fields_ = [("logits", FLOATS), ("probabilities", FLOATS), ("features", FLOATS),
                ("n_classes", C.c_uint), ("n_features", C.c_uint), ("margin", C.c_double), ("entropy", C.c_double),
                ("decode_ns", C.c_uint64), ("convert_ns", C.c_uint64), ("infer_ns", C.c_uint64),
                ("warnings", C.c_uint), ("damage", C.c_float), ("reserved", C.c_void_p * 3)]


class Library:
    def __init__(self, path):
        self.c = C.CDLL(path)
        self.c.effnet_version.restype = C.c_char_p
        self.c.effnet_model_open.restype = C.c_void_p
        self.c.effnet_session_new.restype = C.c_void_p
        self.c.effnet_describe_cpu.restype = C.c_void_p
        self.c.effnet_model_get_info.argtypes = [C.c_void_p, C.POINTER(ModelInfo)]
        self.c.effnet_session_run.argtypes = [C.c_void_p, C.c_void_p, C.POINTER(Result),
                                              C.POINTER(C.POINTER(GError))]
        for name in ("classify", "preprocess"):
            function = getattr(self.c, f"effnet_session_{name}")
            function.argtypes = [C.c_void_p, C.POINTER(Image), C.c_void_p, C.POINTER(C.POINTER(GError))]

    def _checked(self, result, error):
        if not result:
            raise RuntimeError(error.contents.message.decode())
        return result

    def version(self):
        return self.c.effnet_version().decode()

    def cpu(self):
        return json.loads(C.string_at(self.c.effnet_describe_cpu()))

    def open(self, path=None, variant=None, precision="fp32", padding=0, epsilon=0.0, seed=0):
        options = ModelOptions(variant=variant.encode() if variant else None,
                               precision=PRECISIONS[precision], padding=padding, bn_epsilon=epsilon,
                               synthetic_seed=seed)
        error = C.POINTER(GError)()
        model = self._checked(self.c.effnet_model_open(path.encode() if path else None, C.byref(options),
                                                       C.byref(error)), error)
        info = self.info(model)
        if precision not in ("auto", info.precision.decode()):  # what the CPU has in its place is measured under its own name
            raise RuntimeError(info.notice.decode())
        return model

    def info(self, model):
        info = ModelInfo()
        self.c.effnet_model_get_info(model, C.byref(info))
        return info

    def session(self, model, threads, resize_mode=0, sparse_rows=False):
        options = SessionOptions(threads=threads, resize_mode=resize_mode, sparse_rows=sparse_rows)
        error = C.POINTER(GError)()
        return self._checked(self.c.effnet_session_new(C.c_void_p(model), C.byref(options),
                                                       C.byref(error)), error)

    def run(self, session, address, result):
        error = C.POINTER(GError)()
        self._checked(self.c.effnet_session_run(session, address, C.byref(result), C.byref(error)), error)

    def classify(self, session, image, result):
        error = C.POINTER(GError)()
        self._checked(self.c.effnet_session_classify(session, C.byref(image), C.byref(result),
                                                     C.byref(error)), error)

    def preprocess(self, session, image, address):
        error = C.POINTER(GError)()
        self._checked(self.c.effnet_session_preprocess(session, C.byref(image), address, C.byref(error)),
                      error)


def jpeg(data):
    """An EffnetImage of a JPEG file; data (bytes) must outlive it."""
    image = Image(format=FORMATS["JPEG"], size=len(data))
    image.data[0] = C.cast(C.c_char_p(data), C.c_void_p)
    return image
