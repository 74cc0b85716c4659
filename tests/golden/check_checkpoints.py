#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_checkpoints.py EFFNET: checkpoints as training code leaves them, against timm on the same picture: names
with something before them, float64, a classifier of another name, none at all, grey and oblong inputs, a card of
Transformers, weights in a folder of its own. Needs the environment of venv.sh."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform

import dialects
import tool

SCORE = 3e-3  # Pillow rounds the resized picture to 8 bits; another reading differs by 0.05
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NAMES = list("abcde")


def lively(model):
    """Seeded weights that make the answers differ."""
    random = torch.Generator().manual_seed(7)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            n = module.num_features
            module.weight.data = 1 + .2 * torch.randn(n, generator=random)
            module.running_mean = .2 * torch.randn(n, generator=random)
            module.running_var = .5 + torch.rand(n, generator=random)
        elif isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            shape = module.weight.shape
            module.weight.data = torch.randn(shape, generator=random) * (2 / module.weight[0].numel()) ** .5
    return model.eval()


def build(name="efficientnet_b0", **options):
    return lively(timm.create_model(name, **{"num_classes": 5, **options}))


def card(size=(3, 224, 224), classes=5, **more):
    grey = size[0] == 1
    cfg = {"input_size": list(size), "mean": [0.5] if grey else list(MEAN), "std": [0.25] if grey else list(STD),
           "interpolation": "bicubic", "crop_pct": 0.875}
    names = {"label_names": NAMES[:classes]} if classes else {}
    return {"architecture": "efficientnet_b0", "num_classes": classes, "pretrained_cfg": cfg, **names, **more}


def write(folder, tensors, description, name="model.safetensors"):
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / name)
    if description is not None:
        (folder / "config.json").write_text(json.dumps(description))
    return folder


def expect(model, picture, description):
    cfg = description["pretrained_cfg"]
    size = cfg["input_size"]
    transform = create_transform(tuple(size), mean=cfg["mean"], std=cfg["std"], crop_pct=cfg["crop_pct"],
                                 interpolation=cfg["interpolation"])
    x = transform(Image.open(picture).convert("L" if size[0] == 1 else "RGB"))[None]
    with torch.no_grad():
        features = model.forward_head(model.forward_features(x), pre_logits=True)
        return features[0].numpy(), model(x).softmax(-1)[0].numpy()


def check(effnet, what, where, picture, expected, *says):
    done = subprocess.run([effnet.program, "classify", "--json", "--precision", "fp32", "--model", where, picture],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{what}: {done.stderr}")
    scores = {entry["id"]: entry["score"] for entry in json.loads(done.stdout)["top"]}
    error = max(abs(scores[i] - expected[i]) for i in range(len(expected)))
    missing = [word for word in says if word not in done.stderr]
    print(f"{what:28} scores differ by {error:.1e} {'; not said: ' + ', '.join(missing) if missing else ''}",
          flush=True)
    return error <= SCORE and not missing


def refused(effnet, what, where, picture, *says):
    done = subprocess.run([effnet.program, "classify", "--model", where, picture], capture_output=True, text=True)
    missing = [word for word in says if word not in done.stderr]
    print(f"{what:28} {done.stderr.strip()[:150]} {missing or ''}", flush=True)
    return done.returncode == 1 and done.stderr.count("\n") == 1 and not missing


def transformers_card(folder, tensors):
    """Their b0 as it is published: std is divided by twice, and pictures are not cut."""
    write(folder, dialects.renamed(tensors, "transformers"),
          {"architectures": ["EfficientNetForImageClassification"], "model_type": "efficientnet", "image_size": 224,
           "num_channels": 3, "batch_norm_eps": 0.001, "id2label": {str(i): name for i, name in enumerate(NAMES)}})
    (folder / "preprocessor_config.json").write_text(json.dumps(
        {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": MEAN,
         "image_std": [x ** .5 for x in STD], "include_top": True, "resample": 3, "rescale_factor": 1 / 255,
         "size": {"height": 224, "width": 224}}))
    return folder


def main():
    effnet = tool.Effnet(sys.argv[1])
    ok = []
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        picture = at / "cat.png"
        Image.open(tool.ROOT / "pipelines/media/cat.jpg").convert("RGB").save(picture)
        plain = build()
        tensors = dict(plain.state_dict())
        features, scores = expect(plain, picture, card())
        for prefix in ("module.", "_orig_mod.", "state_dict.model."):
            named = {prefix + key: value for key, value in tensors.items()}
            ok += [check(effnet, prefix, write(at / prefix, named, card()), picture, scores)]
        wide = {key: value.double() if value.is_floating_point() else value for key, value in tensors.items()}
        ok += [check(effnet, "float64", write(at / "f64", wide, card()), picture, scores)]
        head = {key.replace("classifier", "head.fc"): value for key, value in tensors.items()}
        backbone = {key if "fc" in key else "backbone." + key: value for key, value in head.items()}
        ok += [check(effnet, "a head of another name", write(at / "head", backbone, card()), picture, scores,
                     "head.fc.weight", "classifier.weight")]
        two = {**head, "aux.weight": torch.zeros(3, 1280), "aux.bias": torch.zeros(3)}
        ok += [refused(effnet, "two of other names", write(at / "two", two, card()), picture, "aux.weight",
                       "head.fc.weight [5, 1280]", "classifier.weight")]
        both = {**{"ema." + key: value for key, value in tensors.items()},
                **{"net." + key: value.clone() for key, value in tensors.items()}}
        ok += [refused(effnet, "two networks", write(at / "both", both, card()), picture, "ema.", "net.")]

        none = {key: value for key, value in tensors.items() if not key.startswith("classifier")}
        folder = write(at / "none", none, card(classes=0))
        ok += [refused(effnet, "no classifier", folder, picture, "num_classes 0", "effnet embed", "effnet train")]
        found = np.array(json.loads(effnet("embed", "--json", "--precision", "fp32", "--model", folder, picture))["features"])
        error = np.linalg.norm(found - features) / np.linalg.norm(features)
        print(f"{'its features':28} relative L2 {error:.1e}")
        ok += [error < 1e-2]

        oblong = card((3, 160, 256))
        ok += [check(effnet, "oblong", write(at / "oblong", tensors, oblong), picture, expect(plain, picture, oblong)[1])]
        grey, description = build(in_chans=1), card((1, 224, 224))
        ok += [check(effnet, "grey", write(at / "grey", grey.state_dict(), description), picture,
                     expect(grey, picture, description)[1], "luma")]
        four = build(in_chans=4).state_dict()
        ok += [refused(effnet, "four channels", write(at / "four", four, card()), picture, "4 channels", "3 (RGB)")]

        born = build("tf_efficientnet_b0")
        squash = card()
        squash["pretrained_cfg"]["crop_pct"] = 1.0
        ready = at / "square.png"
        Image.open(picture).resize((224, 224), Image.Resampling.BICUBIC).save(ready)
        ok += [check(effnet, "Transformers", transformers_card(at / "hf", born.state_dict()), picture,
                     expect(born, ready, squash)[1])]
        ok += [check(effnet, "another name, nested", write(at / "outer/run1", tensors, card(), "best.safetensors").parent,
                     picture, scores)]
        write(at / "outer/run2", tensors, card(), "last.safetensors")
        ok += [refused(effnet, "two nested", at / "outer", picture, "run1, run2")]
    if not all(ok):
        sys.exit(f"{ok.count(False)} of {len(ok)} cases are not as expected")


if __name__ == "__main__":
    main()
