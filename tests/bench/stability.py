#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""stability.py [--hold SECONDS] [--unknown SCORE] [--changes] CLIP...: how often a clip's label changes, raw and stable.

Each clip runs through effnetclassify, every frame, once for each way of smoothing; results are read from its messages.
A row counts the changes of the best class from frame to frame, and those of the stable label (the first label of all
is none). --changes lists each change of the stable label with what led to it: how many of the frames before it, and
how many of those up to the next one, have the old and the new class as best, and the means of their scores.

Invariant: the stable labels are also worked out here, from the raw results alone, by other code than the element's:
exit code 1 when the two differ. The plugin is found by GST_PLUGIN_PATH."""

import argparse
import collections
import pathlib
import sys
import warnings

sys.path.append("/usr/lib/python3/dist-packages")
import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

warnings.simplefilter("ignore", DeprecationWarning)  # of GstValueArray's bindings

WAYS = [("vote", 5, 3), ("vote", 15, 5), ("ema", 5, 3), ("ema", 15, 5)]  # smoothing, window, switch-after
SPAN = 30  # frames about a change that are looked at
NONE, UNKNOWN = -1, -2

Result = collections.namedtuple("Result", "time label id scores stable changed")


def run(clip, smoothing, window, switch_after, args):
    """The results of all frames, in order; scores: class -> score, of all classes."""
    pipeline = Gst.parse_launch(
        f"filesrc name=file ! decodebin ! effnetclassify name=c inference-mode=sync top-k=1000 post-messages=all "
        f"smoothing={smoothing} smoothing-window={window} switch-after={switch_after} hold-time={int(args.hold * 1e9)} unknown-threshold={args.unknown} "
        f"qos=false ! fakesink sync=false")
    pipeline.get_by_name("file").set_property("location", str(clip))
    found = []

    def classified(_, s):
        ids, scores = Gst.Structure.get_list(s, "label-ids")[1], Gst.Structure.get_list(s, "scores")[1]
        unknown, stable = s.get_boolean("unknown")[1], s.get_int("stable-label-id")[1]
        found.append(Result(s.get_uint64("running-time")[1], s.get_string("label"),
                            UNKNOWN if unknown else s.get_int("label-id")[1],
                            {ids.get_nth(i): scores.get_nth(i) for i in range(ids.n_values)},
                            UNKNOWN if s.get_string("stable-label") == "unknown" else stable,
                            s.get_boolean("state-changed")[1]))

    pipeline.get_by_name("c").connect("classified", classified)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        sys.exit(f"{clip}: {message.parse_error()[0].message}")
    return found


def expected(results, smoothing, window, switch_after, args):
    """The stable class of each frame, worked out anew for each from all frames before it."""
    alpha, answers = 2 / (window + 1), []
    stable, since, start, out = NONE, None, 0, []
    mean = None
    for n, result in enumerate(results):
        if smoothing == "ema":
            mean = dict(result.scores) if mean is None else {
                i: mean[i] + alpha * (result.scores[i] - mean[i]) for i in mean}
            answers.append(max(sorted(mean), key=mean.get))
        else:
            votes = collections.Counter(r.id for r in results[max(0, n + 1 - window):n + 1])
            best = max(votes.values())
            answers.append(stable if votes[stable] == best else
                           next(r.id for r in reversed(results[:n + 1]) if votes[r.id] == best))
        last = answers[max(start, n + 1 - switch_after):]
        if (len(last) == switch_after and set(last) == {answers[n]} and answers[n] != stable
                and (since is None or result.time - since >= args.hold * 1e9)):
            stable, since, start = answers[n], result.time, n + 1
        out.append(stable)
    return out


def changes(values):
    """Places where a value differs from the one before; the first is none."""
    return [i for i in range(1, len(values)) if values[i] != values[i - 1]]


def share(results, which):
    return f"best of {sum(r.id == which for r in results)}, mean {sum(r.scores.get(which, 0) for r in results) / max(1, len(results)):.2f}"


def explain(results, at, names):
    """One line about the change of the stable label at a frame."""
    before, after = results[max(0, at - SPAN):at], results[at:at + SPAN]
    old, new = results[at - 1].stable, results[at].stable
    text = f"  {results[at].time / 1e9:7.3f} s  {names.get(old, '(none)')} -> {names[new]}\n"
    for title, span in (("before", before), ("after", after)):
        text += f"      {len(span)} frames {title}: "
        if old != NONE:
            text += f"{names[old]} {share(span, old)}; "
        text += f"{names[new]} {share(span, new)}\n"
    return text


def measure(clip, args):
    failed = False
    for smoothing, window, switch_after in WAYS:
        if args.unknown > 0 and smoothing != "vote":
            continue  # a result of an unknown frame does not list the scores that the average is of
        results = run(clip, smoothing, window, switch_after, args)
        stable = [r.stable for r in results]
        names = {r.id: r.label for r in results}
        told = [i for i, r in enumerate(results) if r.changed]
        places = [0] * (stable[:1] != [NONE]) + changes(stable)
        later = places[1:]  # without the first label of all
        print(f"{clip.name:<24} {len(results):>6} {len(set(r.id for r in results)):>7} "
              f"{len(changes([r.id for r in results])):>5}  {smoothing:<5} {window:>6} {switch_after:>6} {len(later):>7}",
              flush=True)
        if stable != expected(results, smoothing, window, switch_after, args) or told != places:
            print(f"{clip}: the element's stable labels are not those of its results", file=sys.stderr)
            failed = True
        if args.changes:
            for at in later:
                print(explain(results, at, names), end="")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", metavar="CLIP", type=pathlib.Path)
    parser.add_argument("--hold", type=float, default=0.0, metavar="SECONDS", help="hold-time")
    parser.add_argument("--unknown", type=float, default=0.0, metavar="SCORE", help="unknown-threshold; vote only")
    parser.add_argument("--changes", action="store_true", help="list and explain the changes of the stable label")
    args = parser.parse_args()
    Gst.init(None)
    print("clip                     frames classes   raw  smoothing window switch  stable")
    failed = [measure(clip, args) for clip in args.clips]
    sys.exit(any(failed))


main()
