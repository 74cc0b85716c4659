#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds base, kernels and image for 64-bit Arm and runs their tests under qemu-user. Needs, on Debian:
#   dpkg --add-architecture arm64 && apt-get update
#   apt-get install gcc-aarch64-linux-gnu qemu-user libglib2.0-dev:arm64 libjson-glib-dev:arm64 \
#     libjpeg62-turbo-dev:arm64
# What is missing is named and the exit status is 77: NOT RUN.
# usage: tests/distro/aarch64.sh [build folder]
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$source/build-aarch64}

for tool in aarch64-linux-gnu-gcc aarch64-linux-gnu-pkg-config qemu-aarch64 meson ninja; do
  command -v $tool >/dev/null || { echo "NOT RUN: no $tool on this machine"; exit 77; }
done
for library in glib-2.0 json-glib-1.0 libjpeg; do
  aarch64-linux-gnu-pkg-config --exists $library \
    || { echo "NOT RUN: no arm64 package of $library on this machine"; exit 77; }
done

if [ ! -f "$build/build.ninja" ]; then
  meson setup "$build" "$source" --cross-file "$source/tests/distro/aarch64.txt" -Dgst=disabled -Dcli=disabled
fi
ninja -C "$build" tests/base/test-base tests/kernels/check_kernels tests/kernels/test-sabotage \
  tests/kernels/test-list tests/kernels/test-activation tests/kernels/test-blas \
  tests/image/test-formats tests/image/test-jpeg
rm -f "$build"/meson-logs/testlog*
# EFFNET_TEST_THIN: a tenth of the sweep over the floats, no large frames, fewer sizes of sparse rows.
EFFNET_TEST_THIN=1 meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 10 --suite base --suite kernels
# The image tests without threads: qemu-user 7.2 does not get through those of the pool.
EFFNET_TEST_THIN=1 meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 10 --logbase testlog-image effnet:formats effnet:jpeg
