# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine a run's figures belong to."""

import os
import platform
import subprocess

# What engines choose their kernels by.
FLAGS = ("avx2 fma f16c avx_vnni avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_bf16 "
         "amx_int8 amx_fp16 asimd asimdhp asimddp bf16 i8mm sve").split()


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def governor():
    return read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not shown by the kernel"


def describe():
    lines = [line.split(":", 1) for line in read("/proc/cpuinfo").split("\n") if ":" in line]
    info = {name.strip(): value.strip() for name, value in reversed(lines)}
    flags = set((info.get("flags") or info.get("Features") or "").split())
    numbers = [info[name] for name in ("cpu family", "model", "stepping") if name in info]
    return {"cpu": info.get("model name", platform.machine()) + (
                f" (family {numbers[0]}, model {numbers[1]}, stepping {numbers[2]})" if len(numbers) == 3 else ""),
            "flags": [flag for flag in FLAGS if flag in flags],
            "cores": len(os.sched_getaffinity(0)), "governor": governor(),
            "kernel": platform.release(), "distribution": distribution(), "load": os.getloadavg()[0]}


def distribution():
    for line in read("/etc/os-release").split("\n"):
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return "unknown"


def tool_version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    lines = done.stdout.strip().split("\n")
    return lines[0] if done.returncode == 0 else None


def revision(root):
    return tool_version("git", "-C", root, "describe", "--always", "--dirty") or "unknown"


def sentence(machine):
    return (f"{machine['cpu']}, {machine['cores']} cores, {' '.join(machine['flags'])}; Linux {machine['kernel']}, "
            f"{machine['distribution']}; governor {machine['governor']}; load at the start {machine['load']:.2f}")
