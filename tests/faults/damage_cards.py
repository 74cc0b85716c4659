# SPDX-License-Identifier: LGPL-2.1-or-later
"""Model cards that are wrong, odd or another model's, beside sound weights.

Lives here: the fields and the text of cards. Elsewhere: names of classes in files (damage_labels.py).
"""
import copy
import json
import random

from case import ACCEPTED, EITHER, REFUSED, Case
from checkpoint import CLASSES, SOUND_CARD, SOUND_LABELS

INPUT_FIELDS = {
    "input_size": ([], [3], [3, 55], [3, 55, 55, 1], [3, 0, 0], [3, -55, -55], [1, 55, 55], [4, 55, 55], [3, 55.5, 55.5],
                   [3, "55", "55"], [3, 1 << 31, 1 << 31], [3, 1 << 64, 1 << 64], [3, 8192, 8192], [3, 8193, 8193],
                   [3, 60000, 1], {"height": 55}, "3x55x55", True, [3, None, None], [[3], 55, 55]),
    "mean": ([0.5, 0.5], [0.5] * 4, 0.5, "0.5", [None] * 3, ["0.5"] * 3, [1e39] * 3, [[0.5], 0.5, 0.5], {}, [True] * 3),
    "std": ([0.2, 0.2], [0.0, 1, 1], [-1, 1, 1], [1e-45] * 3, [1e-39] * 3, [1e39] * 3, ["1"] * 3, [None, 1, 1], 0.2),
    "crop_pct": (0, -0.5, 1e-320, 1e-300, 1e300, "0.875", None, [0.875], True, {}),
    "interpolation": ("", "cubic", "BICUBIC", "nearest-exact", "lanczos3", 3, 7, None, ["bicubic"], "bicubic\n", "b\x1b[2J"),
    "crop_mode": ("", "centre", "border2", 0, None, ["center"], "random\x07", "c" * 100_000),
}
OUTER_FIELDS = {
    "num_classes": (0, -1, CLASSES - 1, CLASSES + 1, 7.5, "7", 1_000_001, 1 << 31, 1 << 32, (1 << 32) + 7, 1 << 63, 1 << 70,
                    None, True, [7], 1e300),
    "architecture": (5, None, [], {}, True, "", " ", "resnet50", "vit_base_patch16_224", "efficientnet_b9", "mobilenetv3",
                     "tf_efficientnet_\x1b[31mb0", "a\nb", "efficientnet_" + "b" * 300_000, "%n%s%n", "../../b0",
                     "\u202e0b", "phi:9", "b0:phi:9", "b0:1,1,64", "phi:1e400", "phi:nan", "efficientnet_b0", "tf_efficientnetv2_s",
                     "efficientnet_b0.ra_in1k\0x"),
    "label_names": (5, "ant", True, [], {}, [1, 2, 3, 4, 5, 6, 7], [None] * 7, [[]] * 7, SOUND_LABELS[:-1],
                    SOUND_LABELS + ["hen"], ["x"] * 200_000, {str(i + 1): n for i, n in enumerate(SOUND_LABELS)},
                    {f"{i}.0": n for i, n in enumerate(SOUND_LABELS)}, {"0": "a", "00": "b"},
                    {str(i): {"name": n} for i, n in enumerate(SOUND_LABELS)}, [""] * 7),
    "effnet": (5, "same", [], {"padding": 1}, {"padding": "reflect"}, {"padding": ["same"]}, {"padding": "SAME"},
               {"bn_epsilon": 0}, {"bn_epsilon": -1}, {"bn_epsilon": "0.001"}, {"bn_epsilon": 1e300}, {"bn_epsilon": None},
               {"bn_epsilon": [1]}, {"padding": "same\x1b[1m"}),
    "pretrained_cfg": (5, "x", [], True, None, {"input_size": {}}, {"mean": "x"}),
}
FOREIGN = {
    "vit": {"model_type": "vit", "architectures": ["ViTForImageClassification"], "image_size": 224, "patch_size": 16,
            "id2label": {"0": "a", "1": "b"}, "hidden_size": 768},
    "resnet": {"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {"input_size": [3, 224, 224]}},
    "bert": {"model_type": "bert", "vocab_size": 30522, "hidden_act": "gelu"},
    "lora": {"peft_type": "LORA", "r": 8, "target_modules": ["q", "v"]},
    "package": {"name": "x", "version": "1.0.0", "scripts": {"start": "node ."}},
    "preprocessor": {"do_resize": True, "size": {"height": 224, "width": 224}, "image_mean": [0.5] * 3, "resample": 3},
    "yolo": {"nc": 80, "names": {str(i): f"c{i}" for i in range(80)}, "backbone": [[-1, 1, "Conv", [64, 3, 2]]]},
    "keras": {"module": "keras", "class_name": "Functional", "config": {"name": "efficientnetb0", "layers": []}},
    "transformers": {"model_type": "efficientnet", "architectures": ["EfficientNetForImageClassification"],
                     "image_size": 224, "width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_act": "swish"},
    "empty": {},
}


def fields():
    for key, values in INPUT_FIELDS.items():
        for i, value in enumerate(values):
            card = copy.deepcopy(SOUND_CARD)
            card["pretrained_cfg"][key] = value
            expect = EITHER if value is None or key == "crop_pct" and value == 1e300 else REFUSED
            yield Case(f"card-{key}-{i}", card=card, expect=EITHER if value == "nearest-exact" else expect)
            card = copy.deepcopy(SOUND_CARD)
            del card["pretrained_cfg"][key]
            if i % 3 == 0:  # the same said outside
                yield Case(f"card-{key}-{i}-outside", card={**card, key: value}, expect=expect)
    for key, values in OUTER_FIELDS.items():
        for i, value in enumerate(values):
            yield Case(f"card-{key}-{i}", card={**SOUND_CARD, key: value}, expect=EITHER)
    for key, low, high in (("mean", -3e38, 3e38), ("std", 1.2e-38, 3e38), ("crop_pct", 0.011, 1.0)):
        for name, value in (("low", low), ("high", high)):
            card = copy.deepcopy(SOUND_CARD)
            card["pretrained_cfg"][key] = value if key == "crop_pct" else [value] * 3
            yield Case(f"card-{key}-{name}", card=card, expect=EITHER)
    for size in (1, 2, 3, 8, 31, 33, 54, 56, 110):
        card = copy.deepcopy(SOUND_CARD)
        card["pretrained_cfg"]["input_size"] = [3, size, size]
        yield Case(f"card-side-{size}", card=card, expect=ACCEPTED if 31 <= size <= 110 else EITHER)
    for pair in ([3, 55, 60], [3, 1, 8192], [3, 8192, 1]):
        card = copy.deepcopy(SOUND_CARD)
        card["pretrained_cfg"]["input_size"] = pair
        yield Case(f"card-size-{pair[1]}x{pair[2]}", card=card, expect=EITHER)


def label_texts():
    """Names that are strange and still names."""
    for name, text in {"escape": "\x1b[31mRED\x1b[0m", "title": "\x1b]0;t\x07", "newline": "two\nlines", "return": "a\rb",
                       "tab": "a\tb", "delete": "a\x7fb", "c1": "a\x9b31mb", "bidi": "\u202eevil", "isolate": "a\u2066b",
                       "format": "%s%n%d", "quotes": 'a"b\\c</script>', "astral": "\U0001f600" * 3, "long": "z" * 900_000,
                       "nonchar": "\ufffe\uffff", "combining": "a" + "\u0301" * 5000, "space": "  ", "separator": "a\u2028b",
                       "null-word": "null", "comma": "a, b; c=d", "backspace": "a\b\bb"}.items():
        yield Case(f"label-{name}", card={**SOUND_CARD, "label_names": [text] * CLASSES}, expect=EITHER)
        yield Case(f"id2label-{name}", expect=EITHER,
                   card={**{k: v for k, v in SOUND_CARD.items() if k != "label_names"},
                         "id2label": {str(i): f"{text}{i}" for i in range(CLASSES)}})


def texts():
    good = json.dumps(SOUND_CARD).encode()
    for name, text in {
            "empty": b"", "space": b" \n", "brace": b"{", "array": b"[" + good + b"]", "null": b"null", "string": b'"x"',
            "twice": good + good, "cut": good[:-1], "half": good[:len(good) // 2], "comma": good[:-1] + b",}",
            "comment": b"//x\n" + good, "single": good.replace(b'"', b"'"), "nul": good[:40] + b"\0" + good[40:],
            "utf-16": good.decode().encode("utf-16"), "latin-1": good.replace(b"ant", b"\xe4nt"),
            "nan": good.replace(b"0.485", b"NaN"), "infinity": good.replace(b"0.229", b"Infinity"),
            "huge": good.replace(b"0.875", b"1e999"), "tiny": good.replace(b"0.875", b"1e-999"),
            "points": good.replace(b"0.875", b"0.8.7"), "digits": good.replace(b"0.875", b"0." + b"8" * 100_000),
            "octal": good.replace(b"55", b"055"), "hex": good.replace(b"55", b"0x37"), "plus": good.replace(b"0.875", b"+1"),
            "deep": b'{"a":' * 100_000, "deep-arrays": b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
            "17-MB": good + b" " * (17 << 20), "key-twice": good[:-1] + b',"num_classes":8}', "yaml": b"num_classes: 7\n",
            "html": b"<!DOCTYPE html>", "lfs": b"version https://git-lfs.github.com/spec/v1\n", "zip": b"PK\3\4" + bytes(90),
            "surrogate": good.replace(b"ant", b"\\ud800"), "escape": good.replace(b"ant", b"\\x41"),
            "key-10-MB": b'{"' + b"k" * 10_000_000 + b'":1}'}.items():
        yield Case(f"card-text-{name}", card=text, expect=EITHER if name in ("digits", "key-10-MB") else REFUSED)
    yield Case("card-text-bom", card=b"\xef\xbb\xbf" + good, expect=EITHER)
    yield Case("card-text-padded", card=good + b"\n" * 1000, expect=ACCEPTED)
    yield Case("card-keys-a-million", expect=EITHER,
               card=good[:-1] + b"," + b",".join(b'"k%d":0' % i for i in range(1_000_000)) + b"}")
    rng = random.Random(5)
    for i in range(40):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256) if i % 2 else rng.randrange(32, 127)
        yield Case(f"card-flip-{i}", card=bytes(bad), expect=EITHER)


def foreign():
    for name, card in FOREIGN.items():
        yield Case(f"card-of-{name}", card=card, expect=EITHER)
        yield Case(f"card-of-{name}-no-variant", card=card, variant=None, expect=REFUSED)
    yield Case("no-card", card=None, expect=ACCEPTED)
    yield Case("no-card-no-variant", card=None, variant=None)


def all_cases():
    for part in (fields, label_texts, texts, foreign):
        yield from part()
