# SPDX-License-Identifier: LGPL-2.1-or-later
"""One network under four sets of names, and the safetensors files and cards that use them.

Lives here: timm's names -> torchvision's, lukemelas' and Transformers', and writing a model folder. Elsewhere: what the
C side makes of such names (src/bind/dialect.c), which this must not look at.
"""

import json
import re

BLOCK = re.compile(r"blocks\.(\d+)\.(\d+)\.(.+)\.(\w+)$")


def roles(name, names):
    """A block's tensor -> (stage, index, role, kind, expands); role is one of expand, dw, se1, se2, project,
    or the same with _bn. dw is also the k x k convolution of a Fused-MBConv."""
    stage, index, layer, kind = BLOCK.match(name).groups()
    expands = f"blocks.{stage}.{index}.conv_pwl.weight" in names
    wide = {"conv_pw": "expand", "bn1": "expand_bn", "conv_dw": "dw", "bn2": "dw_bn",
            "conv_pwl": "project", "bn3": "project_bn"}
    fused = {"conv_exp": "dw", "conv": "dw", "bn1": "dw_bn", "conv_pwl": "project", "bn2": "project_bn"}
    if f"blocks.{stage}.{index}.conv_dw.weight" not in names:
        return int(stage), int(index), fused[layer], kind, False
    separable = {"conv_dw": "dw", "bn1": "dw_bn", "conv_pw": "project", "bn2": "project_bn"}
    gate = {"se.conv_reduce": "se1", "se.conv_expand": "se2"}
    role = gate.get(layer) or (wide if expands else separable)[layer]
    return int(stage), int(index), role, kind, expands


def to_torchvision(name, names):
    head = 2 + max(int(match.group(1)) for match in map(BLOCK.match, names) if match)
    fixed = {"conv_stem": "features.0.0", "bn1": "features.0.1", "conv_head": f"features.{head}.0",
             "bn2": f"features.{head}.1", "classifier": "classifier.1"}
    if not name.startswith("blocks."):
        layer, kind = name.rsplit(".", 1)
        return f"{fixed[layer]}.{kind}"
    stage, index, role, kind, expands = roles(name, names)
    depthwise = f"blocks.{stage}.{index}.conv_dw.weight" in names
    order = ["expand", "dw", "se", "project"][0 if expands else 1:] if depthwise else ["dw", "project"]
    if role.startswith("se"):
        place = f"{order.index('se')}.fc{role[-1]}"
    else:
        place = f"{order.index(role.removesuffix('_bn'))}.{int(role.endswith('_bn'))}"
    return f"features.{stage + 1}.{index}.block.{place}.{kind}"


def to_lukemelas(name, names):
    fixed = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1",
             "classifier": "_fc"}
    if not name.startswith("blocks."):
        layer, kind = name.rsplit(".", 1)
        return f"{fixed[layer]}.{kind}"
    stage, index, role, kind, _ = roles(name, names)
    stages = sorted({match.group(1, 2) for match in map(BLOCK.match, names) if match},
                    key=lambda place: (int(place[0]), int(place[1])))
    layers = {"expand": "_expand_conv", "expand_bn": "_bn0", "dw": "_depthwise_conv", "dw_bn": "_bn1",
              "se1": "_se_reduce", "se2": "_se_expand", "project": "_project_conv",
              "project_bn": "_bn2"}
    return f"_blocks.{stages.index((str(stage), str(index)))}.{layers[role]}.{kind}"


def to_transformers(name, names):
    """As transformers' own script for checkpoints of Keras maps the layers of EfficientNet."""
    fixed = {"conv_stem": "efficientnet.embeddings.convolution", "bn1": "efficientnet.embeddings.batchnorm",
             "conv_head": "efficientnet.encoder.top_conv", "bn2": "efficientnet.encoder.top_bn",
             "classifier": "classifier"}
    if not name.startswith("blocks."):
        layer, kind = name.rsplit(".", 1)
        return f"{fixed[layer]}.{kind}"
    _, _, role, kind, _ = roles(name, names)
    layers = {"expand": "expansion.expand_conv", "expand_bn": "expansion.expand_bn",
              "dw": "depthwise_conv.depthwise_conv", "dw_bn": "depthwise_conv.depthwise_norm",
              "se1": "squeeze_excite.reduce", "se2": "squeeze_excite.expand",
              "project": "projection.project_conv", "project_bn": "projection.project_bn"}
    block = to_lukemelas(name, names).split(".")[1]
    return f"efficientnet.encoder.blocks.{block}.{layers[role]}.{kind}"


RENAME = {"timm": lambda name, names: name, "torchvision": to_torchvision, "lukemelas": to_lukemelas,
          "transformers": to_transformers}


def renamed(tensors, dialect):
    return {RENAME[dialect](name, tensors.keys()): array for name, array in tensors.items()}


def write_folder(folder, tensors, architecture, size, classes, extra=None):
    """model.safetensors and a card as timm writes it, with batch norm's counters as PyTorch keeps them."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    counters = {name.replace("running_mean", "num_batches_tracked"): torch.tensor(1000)
                for name in tensors if name.endswith("running_mean")}
    save_file({**tensors, **counters}, folder / "model.safetensors", metadata={"format": "pt"})
    card = {"architecture": architecture, "num_classes": classes,
            "pretrained_cfg": {"input_size": [3, size, size], "mean": [0.485, 0.456, 0.406],
                               "std": [0.229, 0.224, 0.225], "interpolation": "bicubic",
                               "crop_pct": 0.875}, **(extra or {})}
    (folder / "config.json").write_text(json.dumps(card, indent=2) + "\n")
