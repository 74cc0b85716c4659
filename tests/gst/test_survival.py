# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far results travel: each row of the table in docs/METADATA.md, with the GStreamer that is here."""
import os
import pathlib
import re

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst  # noqa: E402

PAGE = pathlib.Path(os.environ["EFFNET_SOURCE_ROOT"]) / "docs/METADATA.md"
FRAMES = 12
SOURCE = (f"videotestsrc num-buffers={FRAMES} ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! "
          "effnetclassify inference-interval=5 inference-mode=sync post-messages=none ! ")
ANALYTICS = "GstAnalyticsRelationMetaAPI"
LEAST = 15  # rows that every machine can run


def rows():
    """(elements, [answers]) of the table."""
    for line in PAGE.read_text().splitlines():
        match = re.match(r"\| `(.*?)` \| (.*) \|$", line)
        if match:
            yield match[1], match[2].split(" | ")


def is_there(elements):
    names = [part.split()[0] for part in elements.split(" ! ") if "/" not in part.split()[0]]
    return all(Gst.ElementFactory.find(name) for name in names)


def results_behind(elements):
    """[(fields or None, has analytics, running time)] of the buffers that come out."""
    pipeline = Gst.parse_launch(f"{SOURCE}{elements} ! fakesink name=sink sync=false")
    seen = []

    def look(pad, info):
        if info.type & Gst.PadProbeType.BUFFER:
            buffers = [info.get_buffer()]
        else:
            several = info.get_buffer_list()
            buffers = [several.get(i) for i in range(several.length())]
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        for buffer in buffers:
            meta = buffer.get_custom_meta("EffnetClassificationMeta")
            seen.append((meta.get_structure().copy() if meta else None,
                         has_analytics() and buffer.get_meta(GObject.type_from_name(ANALYTICS)) is not None,
                         segment.to_running_time(segment.format, buffer.pts)))
        return Gst.PadProbeReturn.OK

    pad = pipeline.get_by_name("sink").get_static_pad("sink")
    pad.add_probe(Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST, look)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(120 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    assert message and message.type == Gst.MessageType.EOS, message and message.parse_error()
    return seen


def has_analytics():
    try:
        return bool(GObject.type_from_name(ANALYTICS))
    except RuntimeError:
        return False


def answer(seen, carried):
    """As the table says it; muxers add buffers without a frame, videorate leaves frames out."""
    if carried == 0:
        return "no"
    return "yes" if carried >= min(FRAMES, len(seen)) else f"{carried} of {len(seen)} buffers"


def check(elements, expected):
    seen = results_behind(elements)
    got = [answer(seen, sum(meta is not None for meta, _, _ in seen))]
    if has_analytics():
        got += [answer(seen, sum(there for _, there, _ in seen))]
    assert seen, "no buffers"
    assert got[0] == expected[0], f"custom: {got[0]}, not {expected[0]}"
    if has_analytics() and Gst.version() >= (1, 26):
        column = 2 if Gst.version() >= (1, 28) else 1
        assert got[1] == expected[column], f"analytics: {got[1]}, not {expected[column]}"


def check_times():
    """Running times still compare behind an encoder that shifts time stamps."""
    fresh = [(meta, time) for meta, _, time in results_behind("x264enc bframes=2 key-int-max=10 ! h264parse")
             if meta.get_value("fresh")]
    assert len(fresh) >= 2, fresh
    for meta, time in fresh:
        assert meta.get_value("result-running-time") == time, (meta.to_string(), time)


def main():
    Gst.init(None)
    # a type is there once its library is loaded, by our plugin
    Gst.ElementFactory.make("effnetclassify")
    number, ran, failed = 0, 0, 0
    for elements, expected in rows():
        number += 1
        if not is_there(elements):
            print(f"ok {number} - {elements} # SKIP an element of it is not here")
            continue
        ran += 1
        try:
            check(elements, expected)
            print(f"ok {number} - {elements}", flush=True)
        except Exception as error:  # a test's failure, whatever it is
            failed += 1
            print(f"not ok {number} - {elements}\n# {error}", flush=True)
    number += 1
    try:
        if is_there("x264enc ! h264parse"):
            check_times()
        print(f"ok {number} - {check_times.__doc__}")
    except Exception as error:
        failed += 1
        print(f"not ok {number} - {check_times.__doc__}\n# {error}")
    number += 1
    enough = ran >= LEAST
    print(f"{'ok' if enough else 'not ok'} {number} - at least {LEAST} rows ran: {ran}")
    print(f"1..{number}")
    raise SystemExit(failed > 0 or not enough)


main()
