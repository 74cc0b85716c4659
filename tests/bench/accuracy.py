# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our bf16 beside our fp32 on the photographs of $EFFNET_TEST_DATA, with the trained Lite0."""

import csv
import os
import pathlib

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


def run(path, root):
    data = pathlib.Path(os.environ.get("EFFNET_TEST_DATA") or root.parent / "shared/data")
    folder = data / "photos"
    if not (folder / "labels.tsv").exists():
        return {"not_run": "no photographs: $EFFNET_TEST_DATA/photos/labels.tsv is not there"}
    library, model = libeffnet.Library(path), str(root / "models/lite0")
    photos = pictures(folder)
    try:
        fp32, bf16 = [probabilities(library, library.open(model, precision=word), photos)
                      for word in ("fp32", "bf16")]
    except RuntimeError as why:
        return {"not_run": str(why)}
    truth = np.array([index for index, _ in photos])
    best, rows = fp32.argmax(1), np.arange(len(photos))
    difference = np.abs(fp32 - bf16)
    return {"model": "lite0", "pictures": len(photos),
            "top1_agreement": float((best == bf16.argmax(1)).mean()),
            "mean_difference": float(difference[rows, best].mean()),
            "max_difference": float(difference.max()),
            "top1_fp32": float((best == truth).mean()), "top1_bf16": float((bf16.argmax(1) == truth).mean())}
