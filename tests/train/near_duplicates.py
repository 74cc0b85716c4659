#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""near_duplicates.py EFFNET [--model MODEL]: from which distance of embeddings on two pictures are two, not one
picture altered: what EFFNET_DUPLICATE_DISTANCE was chosen by. Same: each photograph of the tests' data and altered
copies of it, and frames of the tests' clips, 1 to 25 apart. Different: all pairs of two photographs of one coarse
class (birds, dogs, reptiles, other animals, things). Prints for a row of distances the shares of each that are
nearer, and the areas under the ROC curves. Needs numpy and Pillow."""
import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageEnhance

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / ".." / "shared" / "data"
COARSE = {"bird": [*range(7, 25), *range(80, 101), *range(127, 147)], "dog": [*range(151, 269)],
          "reptile": [*range(25, 69)], "thing": [*range(398, 1000)]}
ALTERED = {
    "saved at quality 50": (lambda i: i, 50),
    "half as large": (lambda i: i.resize((max(i.width // 2, 1), max(i.height // 2, 1))), 90),
    "a fifth brighter": (lambda i: ImageEnhance.Brightness(i).enhance(1.2), 90),
    "5 % cut off each side": (lambda i: i.crop((i.width // 20, i.height // 20, i.width - i.width // 20,
                                                i.height - i.height // 20)), 90),
    "mirrored": (lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 90),
}
GAPS = 1, 5, 25
DISTANCES = 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6


def embed(tool, model, output, *inputs):
    subprocess.run([tool, "embed", "--l2", "--model", model, "--output", output, *inputs], check=True)
    return np.load(output).astype(float)


def apart(a, b):
    return np.sqrt(np.maximum(2 - 2 * (a * b).sum(-1), 0))


def area(same, different):
    """Under the ROC curve: how often a pair of the same is nearer."""
    return np.searchsorted(np.sort(same), different).mean() / len(same)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("effnet", type=pathlib.Path)
    parser.add_argument("--model", default=ROOT / "models" / "lite0")
    options = parser.parse_args()
    rows = [line.split("\t") for line in (DATA / "photos" / "labels.tsv").read_text().splitlines()[1:]]
    files = [DATA / "photos" / row[2] for row in rows]
    classes = np.array([next((name for name, members in COARSE.items() if int(row[0]) in members), "animal")
                        for row in rows])
    same = {}
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        plain = embed(options.effnet, options.model, place / "plain.npy", *files)
        for name, (alter, quality) in ALTERED.items():
            folder = place / name
            folder.mkdir()
            for path in files:
                alter(Image.open(path).convert("RGB")).save(folder / f"{path.stem}.jpg", quality=quality)
            copies = embed(options.effnet, options.model, place / "copies.npy", *[folder / f"{p.stem}.jpg" for p in files])
            same[name] = apart(plain, copies)
        clips = [embed(options.effnet, options.model, place / "clip.npy", clip) for clip in sorted((DATA / "video").iterdir())
                 if clip.suffix in (".mp4", ".webm")]
    for gap in GAPS:
        same[f"frames {gap} apart"] = np.concatenate([apart(clip[gap:], clip[:-gap]) for clip in clips])
    i, j = np.triu_indices(len(plain), 1)
    alike = classes[i] == classes[j]
    different = apart(plain[i[alike]], plain[j[alike]])
    nearest = np.min(np.where(np.eye(len(plain)) > 0, 9, apart(plain[:, None], plain[None])), 1)
    print(f"{'share nearer than':30}" + "".join(f"{d:7}" for d in DISTANCES) + "   area")
    for name, values in same.items():
        print(f"{name:30}" + "".join(f"{(values < d).mean():7.3f}" for d in DISTANCES) + f"{area(values, different):7.4f}")
    print(f"{'two of one class':30}" + "".join(f"{(different < d).mean():7.5f}" for d in DISTANCES))
    print(f"{'some other photograph':30}" + "".join(f"{(nearest < d).mean():7.3f}" for d in DISTANCES))
    print(f"{len(different)} pairs of one class, {len(plain)} photographs, {sum(map(len, clips))} frames of {len(clips)} clips; "
          f"the nearest different pairs: {np.round(np.sort(different)[:5], 3)}")


main()
