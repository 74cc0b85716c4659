# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnetpublish and a real broker: what arrives, in which order, how often; with the broker killed, the network cut,
the disk full and the publisher killed. test_publish.py PUBLISH-FEED [long]"""
import io
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from broker import MOSQUITTO, SUBSCRIBE, Broker, Network, Subscriber, free_port, until  # noqa: E402
from tool import EXE, ROOT, Skip, main, test  # noqa: E402

LONG = "long" in sys.argv[2:]
TOPIC = "effnet/test/door/full-frame"
PROPERTIES = ("topic=effnet/test/{element}/{region}", "availability-topic=effnet/test/availability", "heartbeat=0")
random.seed(20)


class Feed:
    """publish-feed, started."""

    def __init__(self, port, first, count, rate, wait, *properties, broker=None, env=None, **options):
        address = broker or f"mqtt://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [EXE, *map(str, (first, count, rate, wait)), f"broker={address}", *PROPERTIES, *properties],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, **options)

    def end(self, code=0):
        """Its counters; `said` is what was on the bus."""
        out, err = self.process.communicate(timeout=240)
        self.said = err.decode()
        assert self.process.returncode == code, (self.process.returncode, self.said)
        fields = (line.split(" ", 1) for line in out.decode().splitlines())
        self.stats = {name: value if value in ("true", "false") else int(value) for name, value in fields}
        return self.stats

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def feed(*arguments, **options):
    process = Feed(*arguments, **options)
    process.end()
    return process


def records(subscriber):
    return [json.loads(text) for text in subscriber.texts(TOPIC)]


def numbers(found):
    return [int(record["state"][1:]) for record in found]


def check_once(found, expected):
    """Each once, in order."""
    states = numbers(found)
    assert states == expected, f"missing {sorted(set(expected) - set(states))}, twice or out of order " \
        f"{[b for a, b in zip(states, states[1:]) if b <= a]}"
    sequence = [record["sequence"] for record in found]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence))), sequence
    assert len({record["publisher"] for record in found}) == 1


@test
def plain():
    """records of both protocols and each quality arrive in order, fit the JSON Schema, and are retained"""
    with Broker() as broker:
        for protocol in ("3.1.1", "5"):
            for quality in (0, 1, 2):
                with Subscriber(broker.port, "effnet/#") as subscriber:
                    run = feed(broker.port, 1, 50, 0, 10, f"protocol={protocol}", f"mqtt-qos={quality}")
                    until(lambda: subscriber.texts("effnet/test/availability")[-1:] == ["offline"])
                    found = [json.loads(text) for topic, kept, text in subscriber.messages
                             if topic == TOPIC and not kept]
                check_once(found, list(range(1, 51)))
                assert run.stats["published"] == 50 and run.stats["connections"] == 1 and run.stats["lost"] == 0
                assert not run.said and run.stats["stop-ms"] < 1500, run.said
        with Subscriber(broker.port, TOPIC) as subscriber:
            until(lambda: subscriber.messages)
            assert subscriber.messages[0][1] and numbers(records(subscriber)) == [50]
    try:
        import jsonschema
    except ImportError as missing:
        raise Skip("python3-jsonschema is not installed") from missing
    validator = jsonschema.Draft7Validator(json.loads((ROOT / "gst-plugin/result.schema.json").read_text()))
    more = {"state": str, "changed": bool, "heartbeat": bool, "publisher": str, "sequence": int}
    for record in found:
        errors = [error.message for error in validator.iter_errors(record)]
        assert not errors, errors
        assert set(record) - set(validator.schema["properties"]) <= set(more)
        assert all(isinstance(record[name], kind) for name, kind in more.items())


@test
def heartbeat():
    """a state that stays is told again, with the number of the newest record; the will says when the process is gone"""
    with Broker() as broker, Subscriber(broker.port, "effnet/#") as subscriber:
        run = feed(broker.port, 10, 1, 0, 10, "heartbeat=1", "drain-timeout=1000000000")
        assert run.stats["published"] == 1 and run.stats["heartbeats"] + run.stats["heartbeats-skipped"] == 1
        killed = Feed(broker.port, 1, 1000, 20, 0)
        until(lambda: len(records(subscriber)) > 3)
        killed.kill()
        until(lambda: subscriber.texts("effnet/test/availability")[-1] == "offline")


@test
def login():
    """password by property, file, address and environment; a wrong one is refused in a sentence without it"""
    subprocess.run(["mosquitto_passwd", "-c", "-b", "passwords", "camera", "se:cret"], check=True)
    pathlib.Path("password").write_text("se:cret\n")
    with Broker(f"password_file {pathlib.Path('passwords').resolve()}", anonymous=False) as broker:
        at = f"@127.0.0.1:{broker.port}"
        for address, properties, env in (
                (f"mqtt://camera{at}", ["password-file=password"], {}),
                (f"mqtt://camera:se%3Acret{at}", [], {}),
                (f"mqtt://{at[1:]}", ["user=camera", "password=se:cret", "protocol=5"], {}),
                (f"mqtt://camera{at}", [], {"EFFNET_MQTT_PASSWORD": "se:cret"})):
            assert feed(0, 1, 3, 0, 10, *properties, broker=address, env=env).stats["published"] == 3
        for protocol in ("3.1.1", "5"):
            run = feed(0, 1, 3, 0, 1, "password=wr:ong", f"protocol={protocol}", broker=f"mqtt://camera{at}")
            assert run.stats["lost-stopped"] == 3 == run.stats["lost"], run.stats
            assert "uthori" in run.said and f"mqtt://127.0.0.1:{broker.port}" in run.said, run.said
            assert "check user, password" in run.said and "wr:ong" not in run.said, run.said
        wrong = Feed(0, 1, 3, 0, 0, "password=x", broker=at[1:])
        wrong.end(1)
        assert "password without a user" in wrong.said
        wrong = Feed(0, 1, 3, 0, 0, "password-file=none", broker=f"mqtt://camera{at}")
        wrong.end(1)
        assert "password-file none cannot be read" in wrong.said


@test
def tls():
    """TLS with a certificate authority of one's own, with client certificates, and what is refused"""
    openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
               "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    for name in ("server", "client", "other"):
        subprocess.run([*openssl, "-keyout", f"{name}.key", "-out", f"{name}.crt"], check=True, capture_output=True)
    here = pathlib.Path.cwd()
    with Broker(f"certfile {here}/server.crt", f"keyfile {here}/server.key", f"cafile {here}/client.crt",
                "require_certificate true") as broker:
        client = ("cert-file=client.crt", "key-file=client.key")
        good = f"mqtts://localhost:{broker.port}"
        assert feed(0, 1, 200, 0, 10, "ca-file=server.crt", *client, broker=good).stats["published"] == 200
        numeric = f"mqtts://127.0.0.1:{broker.port}"
        assert feed(0, 1, 3, 0, 10, "ca-file=server.crt", "tls-insecure=true", *client,
                    broker=numeric).stats["published"] == 3
        for properties, address in ((("ca-file=server.crt", *client), numeric), (("ca-file=other.crt", *client), good),
                                    (client, good), (("ca-file=server.crt",), good)):
            run = feed(0, 1, 3, 0, 0.5, *properties, broker=address)
            assert run.stats["lost-stopped"] == 3 and "No connection to the broker mqtts://" in run.said, run.said
    for properties, word in ((("ca-file=none",), "ca-file none cannot be read"),
                             (("cert-file=client.crt",), "belong together")):
        wrong = Feed(0, 1, 3, 0, 0, *properties, broker="mqtts://localhost")
        wrong.end(1)
        assert word in wrong.said, wrong.said
    wrong = Feed(0, 1, 3, 0, 0, "ca-file=server.crt", broker="mqtt://localhost")
    wrong.end(1)
    assert "begins with mqtts://" in wrong.said, wrong.said


@test
def unreachable():
    """without a broker the stream goes on, stops soon, and says what to do"""
    port = free_port()
    for address, word in ((f"mqtt://127.0.0.1:{port}", "Connection refused"), ("mqtt://no.such.host.invalid", "no.such")):
        run = feed(0, 1, 100, 0, 0.5, broker=address)
        assert run.stats["lost-stopped"] == 100 and run.stats["connected"] == "false"
        assert run.said.count("\n") == 1 and word in run.said and "mosquitto -v" in run.said, run.said
        assert run.stats["stop-ms"] < 5000


@test
def kept():
    """what waits when the process ends arrives by the next one; the spool holds as many as it may"""
    with Broker() as broker, Subscriber(broker.port, "effnet/#") as subscriber:
        feed(free_port(), 1, 30, 0, 0, "spool=kept", "drain-timeout=0")
        run = feed(broker.port, 31, 5, 0, 10, "spool=kept")
        assert run.stats["published"] == 35, run.stats
        until(lambda: len(records(subscriber)) == 35)
        check_once(records(subscriber), list(range(1, 36)))
        run = feed(free_port(), 36, 30, 0, 0, "spool=kept", "spool-max-records=10", "drain-timeout=0")
        assert run.stats["lost-spool"] == 20 == run.stats["lost"] and run.stats["spooled"] == 10
        feed(broker.port, 66, 1, 0, 10, "spool=kept")
        until(lambda: len(records(subscriber)) == 46)
        assert numbers(records(subscriber))[35:] == [*range(56, 66), 66]


@test
def home_assistant():
    """Home Assistant learns of each region, again when it starts; pictures come with the changes of state"""
    run = {}
    with Broker() as broker:
        with Subscriber(broker.port, "#", options=("-T", f"{TOPIC}/picture")) as subscriber:
            process = Feed(broker.port, 1, 30, 20, 10, "discovery=true", "thumbnails=true", "heartbeat=20000000000")
            until(lambda: len(records(subscriber)) > 5)
            subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-t", "homeassistant/status", "-m", "online"],
                           check=True)
            run = process.end()
            until(lambda: subscriber.texts("effnet/test/availability")[-1:] == ["offline"])
            configs = [(topic, text) for topic, _, text in subscriber.messages if topic.endswith("/config")]
        assert len(configs) == 4 and configs[:2] == configs[2:], configs
        assert [topic.split("/")[1] for topic, _ in configs[:2]] == ["sensor", "image"]
        jpeg = subprocess.run(["mosquitto_sub", "-p", str(broker.port), "-t", f"{TOPIC}/picture", "-C", "1", "-N"],
                              check=True, capture_output=True, timeout=60).stdout
        assert numbers(records(subscriber)) == list(range(1, 31))
    picture = Image.open(io.BytesIO(jpeg))
    assert picture.size == (320, 240) and picture.convert("L").getpixel((160, 120)) in range(120, 136)
    assert run["thumbnails"] > 0 and run["thumbnails"] + run["thumbnails-skipped"] <= 30, run
    sensor, image = (json.loads(text) for _, text in configs[:2])
    assert sensor["state_topic"] == TOPIC and image["image_topic"] == f"{TOPIC}/picture"
    assert sensor["availability_topic"] == "effnet/test/availability" and sensor["expire_after"] == 60
    assert sensor["unique_id"] != image["unique_id"] and sensor["device"] == image["device"]
    for topic, text in configs[:2]:
        assert topic.split("/") == ["homeassistant", topic.split("/")[1], json.loads(text)["unique_id"], "config"]
    schema(configs[:2])
    pathlib.Path("configs.json").write_text(json.dumps(configs[:2]))


def schema(configs):
    """The keys of the documentation of Home Assistant's MQTT integration, by component: home-assistant.io."""
    try:
        import jsonschema
    except ImportError as missing:
        raise Skip("python3-jsonschema is not installed") from missing
    published = json.loads((ROOT / "tests/gst/homeassistant.schema.json").read_text())
    for topic, text in configs:
        validator = jsonschema.Draft7Validator({"$ref": f"#/definitions/{topic.split('/')[1]}", **published})
        errors = [error.message for error in validator.iter_errors(json.loads(text))]
        assert not errors, (topic, errors)
        assert not validator.is_valid({**json.loads(text), "state_topics": "x"})


@test
def killed():
    """the process is killed at random moments: what the next ones publish follows without a gap or a repetition"""
    runs = 50 if LONG else 5
    with Broker() as broker, Subscriber(broker.port, "effnet/#") as subscriber:
        for run in range(runs):
            process = Feed(broker.port, 1000 * run, 1000, random.choice((50, 200, 2000)), 0, "spool=killed",
                           f"protocol={random.choice(('3.1.1', '5'))}")
            if run % 2 == 0:  # while it sends
                count = len(records(subscriber)) + random.randrange(1, 40)
                until(lambda: len(records(subscriber)) >= count or process.process.poll() is not None)
            time.sleep(random.random() * 0.3)
            process.kill()
        last = feed(broker.port, 1000 * runs, 1, 0, 20, "spool=killed")
        until(lambda: numbers(records(subscriber))[-1] == 1000 * runs)
        found = records(subscriber)
    sequence = [record["sequence"] for record in found]
    assert sequence == list(range(1, len(sequence) + 1)), [s for s, i in zip(sequence, range(1, 10**6)) if s != i][:9]
    states = numbers(found)
    for run in range(runs):  # what a run had told of is the beginning of what it was given
        mine = [state for state in states if state // 1000 == run]
        assert mine == list(range(1000 * run, 1000 * run + len(mine))), mine
    assert states == sorted(states) and last.stats["lost"] == 0
    print(f"# {runs} kills, {len(found)} records, {last.stats['recalled']} found at the broker by the last one")


@test
def broker_killed():
    """the broker is killed under 20 records a second, and comes back later"""
    away = 60 if LONG else 6
    with Broker() as broker, Network(broker.port) as network:
        before = Subscriber(broker.port, "effnet/#")
        total = int(20 * (away + 4))
        process = Feed(network.port, 1, total, 20, 60, "spool=away")
        until(lambda: len(records(before)) > 10)
        network.refuses = True
        broker.kill()
        before.close()
        time.sleep(away)
        broker.start()
        with Subscriber(broker.port, "effnet/#") as after:
            network.refuses = False
            process.end()
            until(lambda: numbers(records(after))[-1] == total)
            found = records(before) + [json.loads(text) for topic, was_kept, text in after.messages
                                       if topic == TOPIC and not was_kept]
    check_once(found, list(range(1, total + 1)))
    assert process.stats["lost"] == 0 and process.stats["published"] == total and process.stats["connections"] >= 2
    assert process.said.count("No connection to the broker") == 1, process.said


@test
def network_cut():
    """the network stops in either direction and is cut: what the broker has is found there, the rest is sent again"""
    total = 4000 if LONG else 400
    with Broker() as broker, Network(broker.port) as network, Subscriber(broker.port, "effnet/#") as subscriber:
        process = Feed(network.port, 1, total, 100, 60, "protocol=5")
        for i in range(total // 100):
            count = len(records(subscriber)) + 10
            until(lambda: len(records(subscriber)) > count)
            network.up, network.down = ((True, False), (False, True), (False, False))[i % 3]
            time.sleep(0.2)
            network.lingers = i % 2 == 0  # what is under way comes later than the next connection
            network.cut()
            time.sleep(0.05)
            network.up = network.down = True
            if network.lingers:
                until(lambda: network.connections[-1].open)
                network.connections[-2].release()
        process.end()
        until(lambda: numbers(records(subscriber))[-1] == total)
        check_once(records(subscriber), list(range(1, total + 1)))
    assert process.stats["lost"] == 0 and process.stats["recalled"] > 0, process.stats
    print(f"# {process.stats['connections']} connections, {process.stats['recalled']} records found at the broker")


@test
def silent_network():
    """a network that swallows everything without a word is noticed after the keepalive"""
    if not LONG:
        raise Skip("only with --long")
    with Broker() as broker, Network(broker.port) as network, Subscriber(broker.port, "effnet/#") as subscriber:
        process = Feed(network.port, 1, 400, 20, 60, "keepalive=5")
        until(lambda: len(records(subscriber)) > 10)
        network.up = network.down = False
        time.sleep(1)
        first = network.connections[0]
        until(lambda: not first.open or len(network.connections) > 1, 30, "a new connection")
        network.up = network.down = True
        process.end()
        check_once(records(subscriber), list(range(1, 401)))


@test
def full_disk():
    """files may not grow any more: records wait in memory, then the oldest are counted as lost"""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    with Broker() as broker, Network(broker.port) as network, Subscriber(broker.port, "effnet/#") as subscriber:
        network.refuses = True
        process = Feed(network.port, 1, 900, 0, 60, "spool=full", preexec_fn=limit)
        time.sleep(1)
        network.refuses = False
        process.end()
        until(lambda: len(records(subscriber)) == 900)
        check_once(records(subscriber), list(range(1, 901)))
        assert process.stats["lost"] == 0 and "spool full cannot be written" in process.said, process.said
        network.refuses = True
        process = Feed(network.port, 901, 3000, 1500, 60, "spool=full", preexec_fn=limit)
        time.sleep(3.5)
        network.refuses = False
        process.end()
        until(lambda: numbers(records(subscriber))[-1] == 3900)
        found, lost = records(subscriber)[900:], process.stats["lost-disk"]
        assert lost > 0 and process.stats["lost"] == lost and len(found) == 3000 - lost, (lost, len(found))
        assert numbers(found) == sorted(set(numbers(found)))
        for record in found:
            assert record["state"] == f"s{record['sequence']}"
    print(f"# {lost} of 3000 lost, as counted")


if not (MOSQUITTO and SUBSCRIBE):
    print("1..0 # SKIP mosquitto and mosquitto_sub are not installed")
    sys.exit(0)
main()
