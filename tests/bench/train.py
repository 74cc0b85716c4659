#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""train.py EFFNET [--pictures N] [--photos FOLDER] [--threads N] [--augment N]: `effnet train` from cold against PyTorch's
linear probe and scikit-learn's logistic regression on the same pictures, in one run. Prints a table and, last,
JSON.

Classes are coarse ones of ImageNet's (birds, dogs, reptiles and amphibians, other animals, things); pictures
beyond those there are mirrored and cropped copies, so that accuracy here is no claim. Times: effnet's whole
command, cold; its features against `effnet classify` on the same files, in turns; PyTorch: timm's network and
transform on the same files, then L-BFGS on a linear layer; scikit-learn: LogisticRegression on effnet's features
with the strength that effnet chose. Needs timm, torch and scikit-learn (`pip install scikit-learn` into the
environment of tests/golden/venv.sh); without one its rows are left out."""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASSES = {"bird": [*range(7, 25), *range(80, 101), *range(127, 147)], "dog": [*range(151, 269)],
           "reptile": [*range(25, 69)], "thing": [*range(398, 1000)]}
MODEL = ROOT / "models" / "lite0"


def coarse(index):
    for name, members in CLASSES.items():
        if index in members:
            return name
    return "animal"


def lay_out(photos, folder, n):
    """Class folders of @n pictures, in turns of all photographs; which of them are originals does not matter."""
    rows = [line.split("\t") for line in (photos / "labels.tsv").read_text().splitlines()[1:]]
    for i in range(n):
        index, _, name, *_ = rows[i % len(rows)]
        target = folder / coarse(int(index))
        target.mkdir(parents=True, exist_ok=True)
        turn = i // len(rows)
        if turn == 0:
            (target / name).symlink_to((photos / name).resolve())
            continue
        image = Image.open(photos / name).convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = image.crop((turn, turn, image.width - turn, image.height - turn))
        image.save(target / f"copy{turn}-{name}", quality=90)


def run(command, **more):
    """Seconds, peak MB, stdout and seconds of CPU of @command."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, **more)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[:3]} ended with {process.returncode}")
    return time.monotonic() - start, usage.ru_maxrss / 1024, out.decode(), usage.ru_utime + usage.ru_stime


def probe(files, labels, threads):
    """PyTorch: features and a linear head; seconds of each."""
    import timm
    import torch
    torch.set_num_threads(threads)
    net = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    size = (256, 256)
    features = []
    start = time.monotonic()
    mean = torch.tensor([127 / 255] * 3).view(3, 1, 1)
    with torch.inference_mode():
        for path in files:
            image = Image.open(path).convert("RGB").resize(size, Image.Resampling.BICUBIC).crop((16, 16, 240, 240))
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
            features.append(net(((pixels - mean) * 255 / 128)[None])[0])
    middle = time.monotonic()
    x, y = torch.stack(features).clone(), torch.tensor(labels)
    linear = torch.nn.Linear(x.shape[1], max(labels) + 1)
    solver = torch.optim.LBFGS(linear.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        solver.zero_grad()
        loss = torch.nn.functional.cross_entropy(linear(x), y) + 1e-3 / 2 * (linear.weight ** 2).sum()
        loss.backward()
        return loss
    solver.step(closure)
    return middle - start, time.monotonic() - middle


def regression(x, y, l2):
    """scikit-learn with classes balanced as effnet does; seconds and loss as effnet states it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.utils.class_weight import compute_sample_weight
    weight = compute_sample_weight("balanced", y)
    start = time.monotonic()
    model = LogisticRegression(C=1 / (l2 * weight.sum()), tol=1e-10, max_iter=10000, solver="lbfgs")
    model.fit(x, y, sample_weight=weight)
    seconds = time.monotonic() - start
    z = x @ model.coef_.T + model.intercept_
    z -= z.max(1, keepdims=True)
    losses = np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]
    return seconds, (weight * losses).sum() / weight.sum() + l2 / 2 * (model.coef_ ** 2).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("effnet", type=pathlib.Path)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--photos", type=pathlib.Path, default=ROOT / ".." / "shared" / "data" / "photos")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--augment", type=int, default=0, help="altered copies that are trained on, too (default 0)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of train and classify (default 3)")
    arguments = parser.parse_args()
    tool, threads = str(arguments.effnet.resolve()), str(arguments.threads)
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        lay_out(arguments.photos, place / "pictures", arguments.pictures)
        names = sorted(p.name for p in (place / "pictures").iterdir())
        files = sorted((place / "pictures").rglob("*.*"))
        y = np.array([names.index(p.parent.name) for p in files])
        result = {"pictures": len(files), "threads": arguments.threads}
        command = [tool, "train", place / "pictures", "--output", place / "gate", "--json", "--model", MODEL,
                   "--threads", threads, "--augment", str(arguments.augment)]
        features, classified, cpu = [], [], []
        for i in range(arguments.rounds):
            seconds, peak, out, used = run([*command, "--seed", str(i)])
            if i == 0:
                result.update(seconds=round(seconds, 2), peak_mb=round(peak), summary=json.loads(out))
            features.append(json.loads(out)["feature_seconds"])
            other, _, _, others = run([tool, "classify", "--json", "--model", MODEL, "--threads", threads,
                                       place / "pictures"])
            classified.append(other)
            cpu.append(used / others)
        result["features_to_classify"] = round(min(features) / min(classified), 3)
        result["cpu_to_classify"] = round(min(cpu), 3)
        print(f"effnet train, cold        {result['seconds']:8.2f} s   peak {result['peak_mb']} MB")
        print(f"  features                {min(features):8.2f} s   {result['features_to_classify']} of effnet "
              f"classify on the same files ({min(classified):.2f} s); CPU of all of train "
              f"{result['cpu_to_classify']} of classify's")
        summary = result["summary"]
        print(f"  held out                {summary['accuracy']:8.1%}     calibration error {summary['ece_before']:.3f} "
              f"before, {summary['ece_after']:.3f} after")
        try:
            own, solve = probe(files, y.tolist(), arguments.threads)
            result["pytorch"] = {"feature_seconds": round(own, 2), "head_seconds": round(solve, 2),
                                 "times_effnet": round((own + solve) / result["seconds"], 2)}
            print(f"PyTorch, linear probe     {own + solve:8.2f} s   features {own:.2f} s, head {solve:.2f} s: "
                  f"{result['pytorch']['times_effnet']} times effnet train, which also cross-validates")
        except ImportError as error:
            print(f"PyTorch, linear probe     left out: {error}")
        try:
            run([tool, "embed", *files, "--model", MODEL, "--output", place / "x.npy", "--threads", threads])
            seconds, loss = regression(np.load(place / "x.npy").astype(float), y, summary["l2"])
            result["sklearn"] = {"seconds": round(seconds, 3), "loss": loss, "loss_difference": summary["loss"] - loss}
            result["effnet_head_seconds"] = round(summary["seconds"] - summary["feature_seconds"], 3)
            print(f"scikit-learn, one fit     {seconds:8.3f} s   effnet's loss less its: "
                  f"{result['sklearn']['loss_difference']:.1e}; all of effnet beside features, "
                  f"cross-validation and report too, {result['effnet_head_seconds']} s")
        except ImportError as error:
            print(f"scikit-learn              left out: {error}")
        print(json.dumps(result))


main()
