#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a run prints: Markdown tables and a plot, from its JSON alone. `report.py FILE.json` prints the tables of
an earlier run."""

import json
import sys

import machine

TITLES = {("fp32", "latency"): "fp32 against fp32", ("fp32", "throughput"): "fp32 against fp32",
          ("own", "latency"): "our bf16 against each engine's own best reduced precision",
          ("own", "throughput"): "our bf16 against each engine's own best reduced precision"}


# What, discipline, the engine that is slower and the one that is faster, and by variant the ratio that is
# the floor and the one that is the aim; "": any variant.
FLOORS = [
    ("fp32 against ONNX Runtime", "fp32", "ONNX Runtime fp32", "effnet fp32", {"": (1.2, 1.3)}),
    ("bf16 against OpenVINO", "own", "OpenVINO bf16", "effnet bf16", {"": (1.0, 1.2)}),
    ("int8 against our bf16", "own", "effnet bf16", "effnet int8", {"lite0": (1.25, 1.4), "": (1.15, 1.25)}),
    ("int8 against our fp32, VNNI on 256 bits", "own", "effnet, AVX2 only fp32", "effnet, 256-bit VNNI int8",
     {"lite0": (1.7, 2.3), "": (1.4, 1.8)}),
    ("int8 against our fp32, AVX2", "own", "effnet, AVX2 only fp32", "effnet, AVX2 only int8", {"": (1.0, 1.2)}),
]


def failed(out):
    """Whether one of ours could not be measured. A CPU without bf16 is no failure; a peer never is."""
    rows = [row for group in out.get("network", {}).get("groups", []) for row in group["entrants"]]
    for part in ("front_end", "end_to_end", "streams"):
        rows += [row for group in out.get(part, {}).get("groups", []) for row in group["entrants"]]
    return any(row["not_run"] and row["peer"] == "effnet" and row["precision"] != "bf16" for row in rows)


def table(head, rows):
    return "\n".join(["| " + " | ".join(map(str, cells)) + " |" for cells in
                      [head, ["---"] * len(head), *rows]]) + "\n"


def spread(row):
    if "ratio" not in row:
        return "-"
    return f"{row['ratio']:.2f} ({row['ratio_p10']:.2f}-{row['ratio_p90']:.2f})"


def name(row):
    return f"{row['title']} {row['precision']}"


def versions(out):
    found = {}
    for part in ("network", "front_end", "end_to_end", "streams"):
        for group in out.get(part, {}).get("groups", []):
            for row in group["entrants"]:
                found.update(row.get("versions") or {})
    return ", ".join(f"{key} {value}" for key, value in sorted(found.items()))


def place(group):
    if group["streams"]:
        return f"{group['streams']} frames in flight on {len(group['cores'])} cores"
    return f"{group['threads']} thread" + ("s" if group["threads"] > 1 else "") + ", one frame at a time"


def sections(groups):
    """Groups that share a table: {(discipline, mode, threads): [group]}."""
    out = {}
    for group in groups:
        out.setdefault((group["discipline"], group["mode"], group["threads"]), []).append(group)
    return out


def overview(groups):
    """Ratios only: an engine a row, a variant a column."""
    rows = {}
    for group in groups:
        for row in group["entrants"]:
            rows.setdefault(name(row), {})[group["variant"]] = row
    variants = [group["variant"] for group in groups]
    return table(["times faster ours is, by medians", *variants],
                 [[title, *(f"{cells[v]['ratio']:.2f}" if "ratio" in cells.get(v, {}) else "NOT RUN"
                            for v in variants)] for title, cells in rows.items()])


def latency(groups):
    rows = [[g["variant"], name(r), f"{r['median_ms']:.2f}", f"{r['p95_ms']:.2f}", spread(r),
             f"{r['first_result_ms']:.0f}", f"{r['peak_bytes'] / 1e6:.0f}", f"{r['relative_l2']:.0e}",
             "yes" if r["top1_same"] else "NO"]
            for g in groups for r in g["entrants"] if "median_ms" in r]
    return table(["variant", "engine", "median ms", "p95 ms", "ratio (p10-p90)", "first result ms", "memory MB",
                  "logits", "top-1"], rows)


def throughput(groups):
    rows = [[g["variant"], name(r), f"{r['median_fps']:.1f}", spread(r), f"{r['cpu_ms']:.2f}",
             f"{r['peak_bytes'] / 1e6:.0f}", f"{r['relative_l2']:.0e}"] for g in groups for r in g["entrants"] if "median_fps" in r]
    return table(["variant", "engine", "frames/s", "ratio (p10-p90)", "CPU ms", "memory MB", "logits"], rows)


def not_run(groups):
    found = {}
    for group in groups:
        for row in group["entrants"]:
            if row["not_run"]:
                found.setdefault((name(row), row["not_run"]), []).append(group.get("variant") or group["format"])
    return "".join(f"- NOT RUN: {title}, {', '.join(dict.fromkeys(where))}: {why}\n"
                   for (title, why), where in found.items())


def settings(groups):
    found = dict.fromkeys(f"{r['title']}: {r['what']}" for g in groups for r in g["entrants"] if r.get("what"))
    return "".join(f"- {line}\n" for line in found)


def network(part):
    out = ["## The network\n", f"All engines: {part['flavour']}; one input; batch 1. Ratio: their median by ours, "
           "over 1 means ours is faster, with the 10th and 90th percentile over the rounds. One thread beside several "
           "gets the cores in turn and shows the mean of their medians. First result: from the "
           "open call to the first logits, imports not counted. Memory: the process's peak beyond what it had "
           "before the engine was imported. Logits: relative L2 distance from our fp32.\n"]
    for (discipline, mode, _), groups in sections(part["groups"]).items():
        out.append(f"### {TITLES[discipline, mode][0].upper()}{TITLES[discipline, mode][1:]}: {place(groups[0])}\n")
        out += [overview(groups), latency(groups) if mode == "latency" else throughput(groups)]
    out += ["### How each engine was set\n", settings(part["groups"]), not_run(part["groups"])]
    if part["cross_check"]:
        out += ["### Ours measured three ways (fp32, one core)\n",
                "In the rounds; by `effnet bench` on its own; and from outside, the time of the whole process "
                "`effnet run` over many frames minus that over one.\n", cross(part["cross_check"])]
    return "\n".join(out)


def cross(rows):
    cells = []
    for row in rows:
        bench, rounds = row["bench"], row["rounds_ms"]
        cells.append([row["variant"], f"{rounds:.2f}" if rounds else "-", f"{bench['median_ms']:.2f}",
                      f"{row['run_ms']:.2f}", f"{row['run_ms'] / bench['median_ms']:.2f}",
                      f"{bench['first_result_ms']:.0f}",
                      f"{(bench['peak_bytes'] - bench['base_bytes']) / 1e6:.0f}"])
    return table(["variant", "rounds ms", "bench ms", "outside ms", "outside / bench", "first result ms",
                  "memory MB"], cells)


def floors(part):
    """What is to be reached, beside what was."""
    times = {(g["discipline"], g["variant"], name(row)): row["median_ms"] for g in part["groups"]
             if g["mode"] == "latency" and g["threads"] == 1 for row in g["entrants"] if "median_ms" in row}
    rows = []
    for what, discipline, slower, faster, limits in FLOORS:
        for variant in dict.fromkeys(g["variant"] for g in part["groups"]):
            floor, aim = limits.get(variant, limits[""])
            pair = [times.get((discipline, variant, engine)) for engine in (slower, faster)]
            ratio = pair[0] / pair[1] if all(pair) else None
            said = "NOT RUN" if ratio is None else "aim" if ratio >= aim else "floor" if ratio >= floor else "below"
            rows.append([what, variant, floor, aim, f"{ratio:.2f}" if ratio else "-", said])
    return "## Floors\n\n" + table(["times faster", "variant", "floor", "aim", "measured", "reached"], rows)


def front_end(part):
    out = ["## The front end\n", f"{part['what']}\n"]
    rows = []
    for group in part["groups"]:
        for row in group["entrants"]:
            if "median_ms" in row:
                rows.append([group["format"], row["title"], f"{row['median_ms']:.2f}", f"{row['p95_ms']:.2f}",
                             spread(row), f"{row['difference']:.2f}" if row["difference"] is not None else "-",
                             row["what"]])
    out += [table(["frame", "engine", "median ms", "p95 ms", "ratio (p10-p90)", "mean difference /255", "how"], rows),
            not_run(part["groups"])]
    return "\n".join(out)


def end_to_end(part):
    rows = []
    for group in part["groups"]:
        for row in group["entrants"]:
            if "median_fps" in row:
                live = [f"{row['live_fps']:.1f}", f"{row['live_cpu']:.0%}"] if row["live_fps"] else ["-", "-"]
                rows.append([group["source"], group["variant"], name(row), f"{row['median_fps']:.1f}",
                             f"{min(row['rounds']):.1f}-{max(row['rounds']):.1f}", f"{row['cpu_ms']:.2f}",
                             spread(row), *live])
    return "\n".join(["## End to end\n", f"{part['what']} A JPEG has {part['jpeg_bytes'] // 1000} kB; core "
                      f"{part['core']}.\n",
                      table(["source", "variant", "pipeline", "frames/s", "rounds", "CPU ms", "ratio (p10-p90)",
                             "live frames/s", "live CPU"], rows), not_run(part["groups"])])


def streams(part):
    rows = []
    for group in part["groups"]:
        for row in group["entrants"]:
            if "median_fps" in row:
                rows.append([group["variant"], row["streams"], name(row), f"{row['per_core']:.1f}",
                             f"{row['median_fps']:.1f} ({row['p10_fps']:.1f}-{row['p90_fps']:.1f})",
                             f"{row['cpu_ms']:.2f}", f"{row['cpu_ratio']:.2f}" if "cpu_ratio" in row else "-",
                             f"{row['live_share']:.0%} ({row['live_least']:.0%})", f"{row['live_cpu_ms']:.2f}"])
    return "\n".join(["## Many streams\n", f"{part['what']} {len(part['cores'])} cores.\n",
                      table(["variant", "streams", "pipelines", "inferences/s a core", "inferences/s", "CPU ms", "ratio",
                             "live: frames with a result", "live CPU ms"], rows), not_run(part["groups"])])


def accuracy(part):
    if part.get("not_run"):
        return f"## Accuracy of bf16\n\nNOT RUN: {part['not_run']}\n"
    rows = []
    for name, m in part["models"].items():
        if m.get("not_run"):
            rows.append([name, f"NOT RUN: {m['not_run']}", "", "", "", "", ""])
        else:
            rows.append([name, f"{m['top1_agreement']:.1%}", f"{m['mean_difference']:.5f}",
                         f"{m['mean_difference_all']:.1e}", f"{m['max_difference']:.4f}",
                         f"{m['top1_fp32']:.1%}", f"{m['top1_bf16']:.1%}"])
    return (f"## Accuracy of bf16\n\nThe trained models on {part['pictures']} photographs, bf16 beside fp32 (the same "
            f"decoder and front end). Differences are of probabilities; best class: fp32's.\n\n" +
            table(["model", "top-1 the same", "mean, best class", "mean, all classes", "largest", "top-1 fp32", "top-1 bf16"], rows))


def markdown(out):
    text = ["# Benchmark\n", f"`{out['command']}`, revision {out['revision']}\n",
            machine.sentence(out["machine"]) + "\n", versions(out) + "\n"]
    if out["quick"]:
        text.append("**A --quick run: it proves that the harness works and says nothing about speed.**\n")
    if out.get("floors"):
        text.append(floors(out["network"]))
    for title, part in (("network", network), ("front_end", front_end), ("end_to_end", end_to_end),
                        ("streams", streams), ("accuracy", accuracy)):
        if title in out:
            text.append(part(out[title]))
    return "\n".join(text)


def plot(out, path):
    """Latency over multiply-adds on one thread: fp32 beside the reduced precisions."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {key[0]: groups for key, groups in sections(out["network"]["groups"]).items()
             if key[1] == "latency" and key[2] == min(g["threads"] for g in out["network"]["groups"]
                                                      if g["mode"] == "latency")}
    figure, axes = pyplot.subplots(1, max(1, len(found)), figsize=(6.4 * max(1, len(found)), 4.8), sharey=True,
                                   squeeze=False)
    for axis, (discipline, groups) in zip(axes[0], found.items()):
        lines = {}
        for group in groups:
            for row in group["entrants"]:
                if "median_ms" in row:
                    lines.setdefault(name(row), []).append((group["multiply_adds"] / 1e9, row["median_ms"],
                                                            group["variant"]))
        for title, points in lines.items():
            xs, ys, labels = zip(*sorted(points))
            ours = title.startswith("effnet")
            axis.plot(xs, ys, marker="o", label=title, linewidth=2.5 if ours else 1.2, zorder=3 if ours else 2)
            if title == next(iter(lines)):
                for x, y, label in zip(xs, ys, labels):
                    axis.annotate(label, (x, y), textcoords="offset points", xytext=(4, -12))
        axis.set(xscale="log", yscale="log", xlabel="multiply-adds (10^9)", title=f"{TITLES[discipline, 'latency']}, "
                 f"{groups[0]['threads']} thread")
        axis.title.set_fontsize(9)
        axis.grid(True, which="both", alpha=0.3)
        axis.legend(fontsize=8)
    axes[0][0].set_ylabel("median latency, ms")
    figure.text(0.01, 0.01, machine.sentence(out["machine"])[:160], fontsize=6)
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(markdown(json.load(file)))
