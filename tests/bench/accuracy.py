# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our bf16 beside our fp32 on the photographs of $EFFNET_TEST_DATA, with the trained Lite0, Lite1 and Lite2."""

import csv
import os
import pathlib
import subprocess

import numpy as np

import libeffnet


def pictures(folder):
    with open(folder / "labels.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(int(row["index"]), (folder / row["file"]).read_bytes()) for row in rows]


def probabilities(library, model, photos):
    session, result, found = library.session(model, 0), libeffnet.Result(), []
    for _, data in photos:
        library.classify(session, libeffnet.jpeg(data), result)
        found.append(np.ctypeslib.as_array(result.probabilities, (result.n_classes,)).copy())
    return np.array(found, np.float64)


def folder_of(name, root, out):
    """The model's folder: as shipped, or converted from its PyPI package once."""
    shipped, converted = root / "models" / name, out / name
    if shipped.exists() or (converted / "model.safetensors").exists():
        return shipped if shipped.exists() else converted
    subprocess.run([root / "models/convert", name, "--output", converted], check=True, capture_output=True)
    return converted


def compare(library, model, photos):
    fp32, bf16 = [probabilities(library, library.open(str(model), precision=word), photos)
                  for word in ("fp32", "bf16")]
    truth = np.array([index for index, _ in photos])
    best, rows = fp32.argmax(1), np.arange(len(photos))
    difference = np.abs(fp32 - bf16)
    return {"top1_agreement": float((best == bf16.argmax(1)).mean()),
            "mean_difference": float(difference[rows, best].mean()),
            "mean_difference_all": float(difference.mean()),
            "max_difference": float(difference.max()),
            "top1_fp32": float((best == truth).mean()), "top1_bf16": float((bf16.argmax(1) == truth).mean())}


def run(path, root):
    data = pathlib.Path(os.environ.get("EFFNET_TEST_DATA") or root.parent / "shared/data")
    folder = data / "photos"
    if not (folder / "labels.tsv").exists():
        return {"not_run": "no photographs: $EFFNET_TEST_DATA/photos/labels.tsv is not there"}
    library, photos, models = libeffnet.Library(path), pictures(folder), {}
    for name in ("lite0", "lite1", "lite2"):
        try:
            models[name] = compare(library, folder_of(name, root, root / "build-tests/models"), photos)
        except (RuntimeError, subprocess.CalledProcessError) as why:
            models[name] = {"not_run": str(why)}
    return {"pictures": len(photos), "models": models}
