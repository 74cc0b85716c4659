# SPDX-License-Identifier: LGPL-2.1-or-later
"""What /metrics and /health say: well-formed to both parsers of Prometheus' client, named as promtool wants it, and the
same numbers as the element's property `stats`. How the endpoint bears rudeness is test_metrics.c's."""
import ctypes
import http.client
import os
import pathlib
import re
import subprocess
import sys
import time

sys.argv[1:1] = ["none"]  # no test here runs the tool
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from tool import ROOT, Skip, main, test  # noqa: E402

import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

OPEN = "application/openmetrics-text"
LABELS = {"pipeline", "element"}
CACHED = 0.1  # s


def parsers():
    try:
        from prometheus_client import openmetrics, parser
        from prometheus_client.openmetrics import parser as open_parser
    except ImportError:
        raise Skip("python3-prometheus-client is not installed")
    assert openmetrics
    return parser.text_string_to_metric_families, open_parser.text_string_to_metric_families


class Running:
    """A pipeline through which that many frames have gone, and that plays on."""

    def __init__(self, line, frames=10, name="hall", rename=None, settings=()):
        self.pipeline = Gst.parse_launch(line)
        if rename:
            self.rename(self.pipeline.get_by_name("gate"), rename)
        self.pipeline.set_name(name)
        for setting, value in dict(settings).items():
            self.pipeline.get_by_name("gate").set_property(setting, value)
        self.elements = [e for e in self.pipeline.children if e.get_factory().get_name() == "effnetclassify"]
        self.elements.reverse()
        assert self.pipeline.set_state(Gst.State.PLAYING) != Gst.StateChangeReturn.FAILURE
        end = time.monotonic() + 60
        while self.stat("frames") < frames and time.monotonic() < end:
            time.sleep(0.02)
        assert self.stat("frames") >= frames
        self.url = self.elements[0].get_property("metrics-url")
        if not self.url:
            warning = self.pipeline.get_bus().pop_filtered(Gst.MessageType.WARNING)
            raise Skip(warning.parse_warning().gerror.message)
        self.port = int(self.url.split(":")[2].split("/")[0])
        time.sleep(1.2 * CACHED)

    def rename(self, element, name):
        """Only what is in no pipeline can be renamed."""
        source, sink = (element.get_static_pad(pad).get_peer() for pad in ("sink", "src"))
        self.pipeline.remove(element)
        element.set_name(name)
        self.pipeline.add(element)
        source.link(element.get_static_pad("sink"))
        element.get_static_pad("src").link(sink)

    def stats(self, i=0):
        return self.elements[i].get_property("stats")

    def stat(self, name, i=0):
        return self.stats(i).get_value(name)

    def get(self, path="/metrics", accept=None, method="GET"):
        """(status, headers, text)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def samples(self):
        """{(name, frozenset of labels): value}"""
        status, _, text = self.get()
        assert status == 200
        return {(s.name, frozenset(s.labels.items())): s.value for f in parsers()[0](text) for s in f.samples}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pipeline.set_state(Gst.State.NULL)


# Twelve frames, and then the source is silent but playing.
SOURCE = ("videotestsrc num-buffers=12 pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 ! concat name=c c. ! "
          "{} appsrc is-live=false ! c.")
ONE = SOURCE.format("effnetclassify name=gate inference-mode=sync metrics-port=0 inference-interval=3 ! fakesink sync=false")


def labels_of(running, i=0, **more):
    return frozenset({"pipeline": running.pipeline.name, "element": running.elements[i].name, **more}.items())


@test
def parses():
    """both parsers take both forms, and find the same in them"""
    text_parser, open_parser = parsers()
    with Running(ONE) as r:
        own, opened = r.get()[2], r.get(accept=OPEN)[2]
    assert opened.endswith("# EOF\n") and "# EOF" not in own
    found = [{(s.name, frozenset(s.labels.items())) for f in families for s in f.samples}
             for families in (text_parser(own), open_parser(opened))]
    assert found[0] == found[1] and len(found[0]) > 100, found[0] ^ found[1]
    types = {f.name: f.type for f in open_parser(opened)}
    assert types["effnet_frames"] == "counter" and types["effnet_model"] == "info", types
    assert types["effnet_stage_duration_seconds"] == "histogram", types


@test
def named_well():
    """names, units and helps follow the rules that promtool checks"""
    with Running(ONE) as r:
        text = r.get(accept=OPEN)[2]
    seen = set()
    for family in parsers()[1](text):
        name = family.name
        assert re.fullmatch(r"effnet(_[a-z0-9]+)+", name) and name not in seen, name
        seen.add(name)
        assert family.documentation.endswith("."), name
        assert name.endswith("_" + family.unit) if family.unit else True, name
        unit = re.search(r"(seconds|bytes|pixels)$", name)
        assert (unit[1] if unit else "") == family.unit, name
        assert not re.search(r"_(ms|us|ns|milliseconds|percent|total|count|sum|bucket|gauge|counter|histogram)(_|$)",
                             name), name
        for sample in family.samples:
            assert ("le" in sample.labels) == sample.name.endswith("_bucket"), sample
            assert not {"job", "instance"} & sample.labels.keys(), sample
            if "scheduler" not in name and name != "effnet_build":
                assert LABELS <= sample.labels.keys(), sample


@test
def says_what_stats_says():
    """the numbers are those of the property, and histograms add up"""
    with Running(ONE, frames=12) as r:
        found, stats, info = r.samples(), r.stats(), r.elements[0].get_property("model-info")
    for name, field in (("frames", "frames"), ("inferences", "inferences"), ("frame_errors", "errors")):
        assert found[f"effnet_{name}_total", labels_of(r)] == stats.get_value(field), name
    assert found["effnet_frames_skipped_total", labels_of(r, reason="interval")] == stats.get_value("skipped-interval") == 8
    n = stats.get_value("inferences")
    for stage in ("wait", "decode", "convert", "infer"):
        labels = {"stage": stage}
        counts = [value for (name, texts), value in found.items()
                  if name == "effnet_stage_duration_seconds_bucket" and ("stage", stage) in texts]
        assert counts == sorted(counts) and len(counts) == 17 and counts[-1] == n, (stage, counts)
        assert found["effnet_stage_duration_seconds_count", labels_of(r, **labels)] == n
    total = found["effnet_stage_duration_seconds_sum", labels_of(r, stage="infer")]
    assert 0 < total <= n * stats.get_value("infer-p99") / 1e9, total
    assert found["effnet_latency_seconds_count", labels_of(r)] == n
    model = {s: info.get_value(s) for s in ("variant", "sha256", "precision", "isa")}
    assert found["effnet_model_info", labels_of(r, model=info.get_value("name"), **model)] == 1
    threads = str(stats.get_value("scheduler").get_value("executors"))
    assert found["effnet_scheduler_executors", frozenset({"scheduler": "", "threads": threads}.items())] == int(threads)
    assert abs(found["effnet_last_frame_timestamp_seconds", labels_of(r)] - time.time()) < 30


@test
def foreign_names():
    """any name of an element or a pipeline comes through both parsers as it is"""
    odd = 'a "b\\n" \\ {c="d"} # EOF\nü'
    with Running(ONE, name=odd, rename=odd) as r:
        found, opened = r.samples(), list(parsers()[1](r.get(accept=OPEN)[2]))
        assert ("effnet_frames_total", labels_of(r)) in found
    labels = {(s.labels["pipeline"], s.labels["element"]) for f in opened for s in f.samples if "element" in s.labels}
    assert labels == {(odd, odd)}, labels


@test
def regions():
    """each part has its label, its score and its counts, whatever its name; parts beyond the limit count together"""
    odd = 'a"b\\c'
    parts = [f"{odd if i == 0 else i}:{i / 100:.2f},0,0.01,1" for i in range(70)]
    with Running(ONE, frames=12, settings={"regions": ";".join(parts), "inference-region": 2}) as r:
        found = r.samples()
    counts = {dict(labels)["region"]: value for (name, labels), value in found.items()
              if name == "effnet_region_results_total"}
    assert len(counts) == 64 and counts[odd] == 4 and counts["1"] == 4 and counts[""] == 4 * 7, counts
    (label,) = [dict(labels)["label"] for name, labels in found
                if name == "effnet_region_label" and ("region", odd) in labels]
    assert label, found
    assert 0 < found["effnet_region_score", labels_of(r, region=odd, head="")] <= 1


@test
def same_names():
    """two elements of one name are told apart, in pipelines of one name as well"""
    with Running(ONE) as first, Running(ONE) as second:
        assert first.url == second.url
        names = {dict(labels)["element"] for name, labels in second.samples() if name == "effnet_frames_total"}
        assert names == {"gate", "gate#2"}, names
        time.sleep(1.2 * CACHED)
        first.pipeline.set_state(Gst.State.NULL)
        time.sleep(1.2 * CACHED)
        names = {dict(labels)["element"] for name, labels in second.samples() if name == "effnet_frames_total"}
        assert names == {"gate#2"}, names


@test
def other_elements():
    """effnetrecord's and effnetpublish's stats are shown, too, as those say them, and gone when they are"""
    if not Gst.ElementFactory.find("effnetpublish"):
        raise Skip("effnetpublish is not built")
    line = ONE.replace("! fakesink sync=false", "! tee name=t ! queue ! effnetrecord name=rec ! fakesink sync=false async=false "
                       "t. ! queue ! effnetpublish name=pub broker=mqtt://127.0.0.1:1")
    with Running(line, frames=12) as r:
        time.sleep(0.3)
        found = r.samples()
        for name in ("rec", "pub"):
            stats = r.pipeline.get_by_name(name).get_property("stats")
            labels = frozenset({"pipeline": "hall", "element": name}.items())
            shown = {sample[len("effnet_"):]: value for (sample, of), value in found.items() if labels <= of}
            if name == "rec":
                assert shown == {f"record_{field}_total": stats.get_value(field) for field in
                                 ("buffers", "results", "records", "gaps", "refused")}, shown
            else:
                assert shown["publish_connected"] == 0 and "publish_lost_total" in shown, shown
    with Running(ONE) as r:
        assert not any("record" in name or "publish" in name for name, _ in r.samples())


@test
def schedulers():
    """elements that share a scheduler show it once, those with one of their own beside it"""
    line = SOURCE.format("effnetclassify name=a metrics-port=0 ! effnetclassify name=b ! "
                         "effnetclassify name=c2 model-instance-id=x ! fakesink sync=false")
    with Running(line) as r:
        found = [dict(labels)["scheduler"] for name, labels in r.samples() if name == "effnet_scheduler_streams"]
    assert sorted(found) == ["", "x"], found


@test
def negotiation():
    """the form follows Accept and its weights; HEAD has no body; a wrong method says which are right"""
    cases = {None: "text/plain", "*/*": "text/plain", "text/html, */*;q=0.1": "text/plain", OPEN: OPEN,
             f"{OPEN};version=1.0.0,{OPEN};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": OPEN,
             f"text/plain;q=0.9,{OPEN};q=0.5": "text/plain", f"text/plain;q=0.1,{OPEN};q=0.5": OPEN,
             f"{OPEN};q=0": "text/plain", ";;q=,,=": "text/plain", "image/png": "text/plain"}
    with Running(ONE) as r:
        for accept, kind in cases.items():
            status, headers, _ = r.get(accept=accept)
            assert status == 200 and headers["Content-Type"].split(";")[0] == kind, (accept, headers["Content-Type"])
            assert headers["Vary"] == "Accept"
        status, headers, text = r.get(method="HEAD")
        assert status == 200 and text == "" and int(headers["Content-Length"]) > 1000
        status, headers, _ = r.get(method="PATCH")
        assert status == 405 and headers["Allow"] == "GET, HEAD"


@test
def health():
    """/health: 200; with max-age 503 once the stream stands still for longer"""
    with Running(ONE, frames=12) as r:
        assert r.get("/health")[::2] == (200, "ok\n")
        assert r.get("/health?max-age=60")[0] == 200
        time.sleep(0.3)
        status, _, text = r.get("/health?max-age=0.2")
        assert status == 503 and re.fullmatch(r"gate has had no frame for \d+\.\d s\n", text), (status, text)
        r.pipeline.set_state(Gst.State.PAUSED)  # nobody expects frames of it
        r.pipeline.get_state(Gst.SECOND)
        assert r.get("/health?max-age=0.2")[0] == 200


@test
def documented():
    """docs/METRICS.md names every metric and every bucket"""
    page = (ROOT / "docs/METRICS.md").read_text()
    with Running(ONE) as r:
        found = r.samples()
    for name, labels in found:
        family = re.sub(r"_(bucket|sum|count)$", "", name) if "seconds_" in name and "_total" not in name else name
        assert f"`{family}`" in page, family
        for label in dict(labels).keys() - {"le"}:
            assert f"`{label}`" in page, label
    bounds = re.search(r"in seconds: ([^A-Z]*)\.\s", page)[1].replace("\n", " ").split(", ")
    assert [float(b) for b in bounds] == sorted({float(dict(labels)["le"]) for _, labels in found if "le" in dict(labels)}
                                                - {float("inf")}), bounds


@test
def other_soup():
    """a process with libsoup 2 in it is warned, and not ended"""
    try:
        ctypes.CDLL("libsoup-2.4.so.1")
    except OSError:
        raise Skip("libsoup 2 is not installed")
    program = ("import ctypes, gi; ctypes.CDLL('libsoup-2.4.so.1'); gi.require_version('Gst', '1.0');"
               "from gi.repository import Gst; Gst.init(None);"
               "p = Gst.parse_launch('videotestsrc num-buffers=1 ! effnetclassify metrics-port=0 ! fakesink');"
               "p.set_state(Gst.State.PLAYING); b = p.get_bus();"
               "print(b.timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.WARNING).parse_warning()[0].message);"
               "print(b.timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR).type);"
               "p.set_state(Gst.State.NULL)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "libsoup 2" in done.stdout and "eos" in done.stdout.lower(), (done.stdout, done.stderr)


Gst.init(None)
assert os.environ["GST_PLUGIN_PATH"]
main()
