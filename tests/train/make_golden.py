#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes golden.inc: small sets and the minima that scikit-learn finds on them. Run it in the environment of
tests/golden/venv.sh; the result is part of the source."""
import pathlib
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
ROWS, FEATURES, CLASSES = 24, 5, 3
random = np.random.RandomState(7)
x = np.round(random.randn(ROWS, FEATURES) * [1, 3, 0.1, 1, 10] + [0, 2, 0, -1, 5], 3)
planes = random.randn(CLASSES, FEATURES) / [1, 3, 0.1, 1, 10]
y = (x @ planes.T + random.gumbel(size=(ROWS, CLASSES))).argmax(1)
weight = np.round(random.uniform(0.5, 2, ROWS), 2)


def fit(target, strength, **options):
    sums = options.pop("sums", weight.sum())
    model = LogisticRegression(C=1 / (strength * sums), tol=1e-12, max_iter=100000, solver="newton-cg", **options)
    model.fit(x, target, sample_weight=weight)
    return model


def floats(values):
    return ", ".join(f"{float(v)!r}" for v in np.ravel(values))


def line(name, values, kind="double"):
    text, row = [], "   "
    for value in values.split(", "):
        if len(row) + len(value) > 94:
            text.append(row)
            row = "   "
        row += f" {value},"
    return f"static const {kind} {name}[] = {{\n" + "\n".join(text + [row]) + "\n};\n"


cases = []
for strength in (0.5, 0.01):
    model = fit(y, strength)
    cases.append(("softmax", strength, model.coef_, model.intercept_))
    binary = fit(y == 1, strength)
    cases.append(("one", strength, binary.coef_, binary.intercept_))
    labels = [fit(y == k, strength) for k in range(CLASSES)]
    cases.append(("labels", strength, np.stack([m.coef_[0] for m in labels]),
                  np.concatenate([m.intercept_ for m in labels])))
out = ["/* SPDX-License-Identifier: LGPL-2.1-or-later\n *\n"
       " * Made by make_golden.py: a set, and scikit-learn's minima of the loss in effnet/train.h. */\n",
       f"#define GOLDEN_ROWS {ROWS}\n#define GOLDEN_FEATURES {FEATURES}\n#define GOLDEN_CLASSES {CLASSES}\n",
       line("golden_features", floats(x), "float"), line("golden_weights", floats(weight), "float"),
       line("golden_classes", ", ".join(map(str, y)), "unsigned")]
for name, strength, coefficients, bias in cases:
    tag = f"golden_{name}_{'strong' if strength == 0.5 else 'weak'}"
    out.append(line(tag, floats(np.column_stack([coefficients, bias]))))
pathlib.Path(__file__).with_name("golden.inc").write_text("\n".join(out))
