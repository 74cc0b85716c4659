# SPDX-License-Identifier: LGPL-2.1-or-later
"""effnet bench: its members and their sense. No timing is a condition."""
import json

from tool import MODEL, effnet, failure, main, test

MEMBERS = ("name", "variant", "weights", "precision", "isa", "threads", "streams", "runs", "median_ms",
           "p95_ms", "min_ms", "throughput_fps", "open_ms", "first_result_ms", "peak_bytes", "kernels")


def bench(*arguments):
    return json.loads(effnet("bench", "--json", "--runs", "3", *arguments).out)


@test
def members():
    """the JSON object has the documented members and they are in order"""
    found = bench("lite0", "--threads", "1", "--precision", "fp32")
    assert all(name in found for name in MEMBERS), found
    assert 0 < found["min_ms"] <= found["median_ms"] <= found["p95_ms"]
    assert found["precision"] == "fp32" and found["threads"] == 1 and found["runs"] == 3
    assert found["first_result_ms"] >= found["open_ms"] > 0 and found["throughput_fps"] > 0
    assert found["peak_bytes"] > found["base_bytes"] > 0
    assert found["kernels"] and all(k.startswith("effnet_") for k in found["kernels"])
    assert found["weights"].endswith("lite0/model.safetensors")


@test
def synthetic():
    """a variant without a model gets synthetic weights"""
    assert bench("b0")["weights"] == "synthetic"
    assert bench("lite0", "--synthetic", "2")["weights"] == "synthetic"
    assert bench(MODEL)["weights"].endswith("model.safetensors")


@test
def streams():
    """streams multiply the runs"""
    found = bench("lite0", "--streams", "3", "--threads", "1")
    assert found["streams"] == 3 and found["runs"] == 9


@test
def profile():
    """--profile lists every step with its kernel and its work"""
    found = bench("lite0", "--profile", "--peak", "100")
    steps = found["profile"]
    assert found["peak_gflops"] == 100 and len(steps) > 20
    assert steps[0]["name"] == "stem"
    flop = sum(step["flop"] for step in steps)
    assert 0.9 < flop / (2 * 385.2e6) < 1.3, flop
    text = effnet("bench", "lite0", "--runs", "3", "--profile").out
    assert "GFLOP/s" in text and steps[1]["name"] in text


@test
def caps():
    """EFFNET_ISA caps the kernels"""
    found = json.loads(effnet("bench", "--json", "--runs", "2", "lite0", "--precision", "fp32",
                              env={"EFFNET_ISA": "generic"}).out)
    assert not any("avx" in k or "neon" in k for k in found["kernels"]), found["kernels"]


@test
def unknown():
    """an unknown variant or file is one line, exit 1"""
    failure("bench", "b9", says=["b9"])
    failure("bench", "./none.safetensors", says=["none.safetensors"])


main()
