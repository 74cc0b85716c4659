#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the library for 64-bit Arm and runs tests of it, threads included, under qemu-user. Needs, on Debian:
#   dpkg --add-architecture arm64 && apt-get update
#   apt-get install gcc-aarch64-linux-gnu qemu-user libglib2.0-dev:arm64 libjson-glib-dev:arm64 \
#     libjpeg62-turbo-dev:arm64
# What is missing is named and the exit status is 77: NOT RUN.
# usage: tests/distro/aarch64.sh [build folder [all]]
#   all: every test that is a program, but for those marked slow, and of the element's those named below, with the
#   GStreamer of aarch64_root.sh, and the tool and a launch line (aarch64_smoke.sh); else the kernels, and of each room
#   what takes seconds.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$source/build-aarch64}
some="base check-kernels check-sabotage list activation blas formats jpeg net official tensors card labels writer pool \
  bind plan choice arm-parity arm-batch arm-scheduler arm-train"
element="gst-schema gst-state gst-convert"
cross=$source/tests/distro/aarch64.txt gst=disabled

for tool in aarch64-linux-gnu-gcc aarch64-linux-gnu-pkg-config qemu-aarch64 meson ninja; do
  command -v $tool >/dev/null || { echo "NOT RUN: no $tool on this machine"; exit 77; }
done
for library in glib-2.0 json-glib-1.0 libjpeg; do
  aarch64-linux-gnu-pkg-config --exists $library \
    || { echo "NOT RUN: no arm64 package of $library on this machine"; exit 77; }
done

mkdir -p "$build"
build=$(cd "$build" && pwd)

# The tests that are programs of the build, a line each: NAME PROGRAM, and whether it is a part of a whole one; no
# script starts those of another CPU. Without process, since under qemu 7.2 the child of a process with threads cannot have
# threads of its own, and without allocations, hundreds of frames that an emulated CPU takes an hour for.
programs() {
  meson introspect --tests "$build" | "${PYTHON:-python3}" -c '
import json, os, sys
build, element = sys.argv[1], sys.argv[2].split()
for test in json.load(sys.stdin):
    name, program, suites = test["name"], test["cmd"][0], {suite.split(":")[-1] for suite in test["suite"]}
    if program.startswith(build) and not suites & {"long", "slow"} and name not in ("process", "allocations") and (
            name in element or not suites & {"gst", "live"}):
        print(name, os.path.relpath(program, build), "arm" in suites)' "$build" "$element"
}

if [ "${2:-}" = all ] && "$source/tests/distro/aarch64_root.sh" "$build.debian"; then
  cross=$build.debian/cross.txt gst=enabled
  export GST_REGISTRY_FORK=no GST_PLUGIN_SYSTEM_PATH_1_0="$build.debian/root/usr/lib/aarch64-linux-gnu/gstreamer-1.0"
fi
if [ "$(cat "$build/made-with" 2>/dev/null)" != "gst=$gst" ]; then # one made without GStreamer is of another cross file
  rm -rf "${build:?}"/*
  meson setup "$build" "$source" --cross-file "$cross" -Dgst=$gst -Dcli=$gst
  echo "gst=$gst" >"$build/made-with"
fi
[ "${2:-}" != all ] || some=$(programs | sed -n 's/ .* False$//p' | tr '\n' ' ')
# shellcheck disable=SC2046 # names without spaces
ninja -C "$build" $(programs | awk -v some=" $some " 'index(some, " " $1 " ") { print $2 }' | sort -u) \
  $([ $gst = disabled ] || echo gst-plugin/libgsteffnet.so src/cli/effnet)
[ $gst = disabled ] || some="$some arm-smoke"
rm -f "$build"/meson-logs/testlog*
# EFFNET_TEST_SHORT: a tenth of the sweep over the floats, no large frames, fewer sizes of sparse rows.
# shellcheck disable=SC2086
EFFNET_TEST_SHORT=1 EFFNET_TEST_EMULATED=1 meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 40 $some
