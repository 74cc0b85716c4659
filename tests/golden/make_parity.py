#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make_parity.py [--check] [CASE...]: the logits PyTorch gives for synthetic weights.

Lives here: the list of cases and the reference run; parity.safetensors beside it holds the results, which test_parity.c
compares the library with. A case is named "VARIANT PADDING EPSILON INPUT_SEED", at the variant's own size with all
logits, or "VARIANT PADDING EPSILON INPUT_SEED SIDE" with the first hundred, and that is the tensor's name in the file.
A name with " fp32" or " bf16" behind it holds one number, a witness: the relative L2 of PyTorch's own logits in single
precision, or with the weights and inputs of convolutions rounded to bf16. It is there for the few networks that amplify
noise, which test_parity.c's bounds take it that they do not: where PyTorch needs more than half of that of fp32, or all
of that of bf16.
Invariant: goldens are computed in double precision, so that what is measured is the library's error and not the sum of
two. Needs the environment of venv.sh. Which model a variant is, family.py says.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from safetensors.numpy import load_file, save_file

import check_stages
import dialects
import family
import synthetic

FILE = Path(__file__).with_name("parity.safetensors")
WEIGHT_SEED = 1
UNIT = 2.0**-24  # rounding of float32
UNIT_BF16 = 2.0**-9
WITNESSES = " fp32", " bf16"
SIGMOID = 5 * UNIT  # of PyTorch: an exponential of one ulp, a sum, a quotient, and swish's product
CLASSES, FIRST = 1000, 100
SMALL = 65  # pixels: odd at every stage but the last
WHOLE = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "lite0", "lite1", "lite2", "lite3", "lite4"]
FLAVOURS = (("symmetric", 1e-5), ("same", 1e-3))


def cases():
    """{name without the input's seed: (variant, side, padding, epsilon, function that builds the reference)}"""
    found = {}
    for variant, side in family.SIZES.items():
        for padding, epsilon in FLAVOURS:
            case = f"{variant} {padding} {epsilon:g}"
            build = lambda v=variant, p=padding, e=epsilon: family.build(v, p, e, CLASSES)  # noqa: E731
            found[f"{case} {SMALL}"] = variant, SMALL, epsilon, build
            found[case if variant in WHOLE else f"{case} {side}"] = variant, side, epsilon, build
        if variant in ("b5", "b6", "b7"):
            found[f"{variant} symmetric 0.001"] = variant, side, 1e-3, lambda v=variant: getattr(
                torchvision.models, f"efficientnet_{v}")()
    return found


def cases_in(goldens):
    return [name for name in goldens if not name.endswith(WITNESSES)]


def case_of(name):
    """The name of a golden, or of its witness, without the input's seed, and the seed."""
    words = [word for word in name.split(" ") if " " + word not in WITNESSES]
    return " ".join(words[:3] + words[4:]), int(words[3])


def load(model, variant, epsilon):
    """Synthetic weights into a reference model, by the names it has itself, none missing, none unused."""
    model.eval()
    named = model if "conv_stem.weight" in model.state_dict() else family.build(variant, "symmetric", 1e-5, CLASSES)
    shapes = {name: tuple(value.shape) for name, value in named.state_dict().items()}
    tensors = synthetic.tensors(shapes, WEIGHT_SEED)
    own = {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}
    if "features.0.0.weight" in own:
        tensors = dialects.renamed(tensors, "torchvision")
    if own != tensors.keys():
        sys.exit(f"{variant}: names differ: {sorted(own ^ tensors.keys())[:4]}")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()},
                          strict=False)
    found = {module.eps for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)}
    if found != {epsilon}:
        sys.exit(f"{variant}: the reference has epsilon {found}, the case says {epsilon}")
    return model


def run(model, size, seed, dtype):
    image = torch.from_numpy(synthetic.image(seed, size, size)).permute(0, 3, 1, 2)
    with torch.no_grad():
        return model.to(dtype)(image.to(dtype))[0].double().numpy()


def run_and_bound(model, size, seed, dtype):
    """The logits, and how far those of single precision may be off, in relative L2: the sum of squares of
    tests/engine/bound.h over the layers that ran. A dot of n terms gives n / 6, its batch norm four roundings, the rest
    one; a mean is a dot of its pixels."""
    power, pixels = 0.0, 0

    def add(layer, inputs, output):
        nonlocal power, pixels
        if pixels > 1 and inputs[0].shape[2:].numel() == 1:  # behind a mean over the layer before
            power += UNIT**2 * (pixels / 6 + 1)
        pixels = output.shape[2:].numel()
        power += UNIT**2 * (layer.weight[0].numel() / 6 + 4 / 3 + 1) + SIGMOID**2 / 3

    hooks = [module.register_forward_hook(add) for module in model.modules()
             if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))]
    logits = run(model, size, seed, dtype)
    for hook in hooks:
        hook.remove()
    return logits, power**0.5


def bf16_bound(model):
    """effnet_test_bound_bf16 ()"""
    modules = [(name, module) for name, module in model.named_modules() if isinstance(module, torch.nn.Conv2d)]
    gates = sum(name.endswith(".se.conv_expand") for name, _ in modules)
    return UNIT_BF16 * ((2 * sum(".se." not in name for name, _ in modules) + gates) / 3)**0.5


def witnesses(model, side, seed, golden):
    """{suffix: how far PyTorch is off}, where that is to be stored."""
    golden = golden.astype(np.float64)
    logits, bound = run_and_bound(model, side, seed, torch.float32)
    most = {" fp32": bound / 2, " bf16": bf16_bound(model)}
    check_stages.round_to_bf16(model)
    rounded = run(model, side, seed, torch.float32)
    found = {" fp32": relative(logits[:len(golden)], golden), " bf16": relative(rounded[:len(golden)], golden)}
    print("  PyTorch is off by", *(f"{found[name]:.2e} in{name} (stored above {most[name]:.2e})" for name in found), flush=True)
    return {name: np.array([found[name]], np.float32) for name in found if found[name] > most[name]}


def add_witnesses(goldens, name, variant, side, epsilon, build):
    """Beside the golden @name."""
    for suffix in WITNESSES:
        goldens.pop(name + suffix, None)
    found = witnesses(load(build(), variant, epsilon), side, case_of(name)[1], goldens[name])
    goldens.update({name + suffix: number for suffix, number in found.items()})


def distinct(logits, bound):
    """Whether the order of the best six survives ten times the error that is allowed."""
    best = np.sort(logits)[::-1][:6]
    return (best[:-1] - best[1:]).min() > 10 * bound * np.sqrt(np.mean(logits**2))


def relative(found, golden):
    return np.linalg.norm(found - golden) / np.linalg.norm(golden)


def make(wanted):
    goldens = load_file(FILE) if FILE.exists() else {}
    known = {case_of(name)[0] for name in cases_in(goldens)}
    for case, (variant, side, epsilon, build) in cases().items():
        if case not in wanted if wanted else case in known:
            continue
        begin = time.monotonic()
        model = load(build(), variant, epsilon)
        for seed in range(1, 100):
            logits, bound = run_and_bound(model, side, seed, torch.float64)
            if case.count(" ") == 3:
                logits = logits[:FIRST]
                break
            if distinct(logits, bound):
                break
        goldens = {name: array for name, array in goldens.items() if case_of(name)[0] != case}
        words = case.split(" ")
        name = " ".join([*words[:3], str(seed), *words[3:]])
        goldens[name] = logits.astype(np.float32)
        print(f"{case}: input seed {seed}, standard deviation {logits.std():.3f}, "
              f"{time.monotonic() - begin:.0f} s", flush=True)
        del model
        add_witnesses(goldens, name, variant, side, epsilon, build)
        save(goldens)


def save(goldens):
    save_file(dict(sorted(goldens.items())), FILE)
    FILE.chmod(0o644)


def make_witnesses(wanted):
    goldens, known = load_file(FILE), cases()
    for name in cases_in(goldens):
        if not wanted or case_of(name)[0] in wanted:
            print(name)
            add_witnesses(goldens, name, *known[case_of(name)[0]])
            save(goldens)


def check(wanted):
    goldens = load_file(FILE)
    known = cases()
    found = {case_of(name)[0] for name in cases_in(goldens)}
    if found != known.keys():
        sys.exit(f"parity.safetensors does not hold the cases of this script: {sorted(found ^ known.keys())[:4]}")
    worst = 0.0
    for name in cases_in(goldens):
        golden = goldens[name]
        case, seed = case_of(name)
        if wanted and case not in wanted:
            continue
        variant, side, epsilon, build = known[case]
        logits, bound = run_and_bound(load(build(), variant, epsilon), side, seed, torch.float32)
        logits = logits[:len(golden)]
        error = relative(logits, golden.astype(np.float64))
        worst = max(worst, error / bound)
        same = len(golden) == FIRST or (np.argsort(-logits)[:5] == np.argsort(-golden)[:5]).all()
        print(f"{case}: relative L2 {error:.2e}, bound {bound:.2e}, top-5 {'same' if same else 'DIFFERENT'}", flush=True)
        if not error <= bound or not same:
            sys.exit(f"{case}: PyTorch no longer gives the stored logits")
    print(f"PyTorch in single precision is off by at most {worst:.2f} of its bound")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true",
                        help="compute again in single precision and compare with the stored file")
    parser.add_argument("--witness", action="store_true", help="only the witnesses of stored goldens")
    parser.add_argument("--threads", type=int, default=0, help="of PyTorch; 0 = its own choice")
    parser.add_argument("cases", nargs="*", metavar="CASE",
                        help='"b5 symmetric 0.001" or "es same 0.001 65"; none = all, or all that are not made yet')
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    (check if options.check else make_witnesses if options.witness else make)(options.cases)


if __name__ == "__main__":
    main()
