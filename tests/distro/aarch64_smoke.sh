#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a user of 64-bit Arm types first, under qemu-user: the tool, and the element in a launch line. Reports as TAP.
# usage: tests/distro/aarch64_smoke.sh BUILD ROOT; ROOT is made by aarch64_root.sh
set -u
build=$1 root=$2
source=$(cd "$(dirname "$0")/../.." && pwd)
number=0
export GST_REGISTRY_FORK=no GST_REGISTRY="$build/smoke-registry.bin" GST_PLUGIN_PATH="$build/gst-plugin"
export GST_PLUGIN_SYSTEM_PATH_1_0="$root/usr/lib/aarch64-linux-gnu/gstreamer-1.0" EFFNET_MODEL_PATH="$source/models"

# on NAME CPU REGEX COMMAND [ARGUMENT...]: it exits with 0 and prints what REGEX stands for
on() {
  number=$((number + 1)) name="$1 on $2" regex=$3
  export QEMU_CPU="$2"
  shift 3
  if said=$(qemu-aarch64 -L "$root" "$@" 2>&1) && printf '%s\n' "$said" | grep -qE "$regex"; then
    echo "ok $number - $name"
  else
    echo "not ok $number - $name"
    printf '%s\n' "$said" | tail -5 | sed 's/^/# /'
  fi
}

effnet=$build/src/cli/effnet photo=$source/pipelines/media/coffee.jpg
seen='"top":\[\{"id":967,"label":"espresso","score":0\.9[45]'
echo "1..9"
# Raspberry Pi 4, whose int8 is portable code; Raspberry Pi 5; whatever this qemu knows
on "effnet cpu" cortex-a72 '^isa +neon$' "$effnet" cpu
on "effnet cpu" cortex-a76 '^isa +neondot$' "$effnet" cpu
on "effnet cpu" max '^isa +neonbf16$' "$effnet" cpu
on "effnet classify" cortex-a72 "$seen" "$effnet" classify --json "$photo"
on "effnet classify in bf16" max "$seen" "$effnet" classify --json --precision bf16 "$photo"
on "effnet classify in int8" cortex-a72 'int8 runs in portable code' "$effnet" classify --precision int8 "$photo"
on "effnet classify in int8" cortex-a76 "$seen" "$effnet" classify --json --precision int8 "$photo"
on "effnet watch" cortex-a76 "$seen" \
  "$effnet" watch --json filesrc location="$photo" ! jpegdec ! effnetclassify precision=int8 ! fakesink
on "gst-launch-1.0" cortex-a76 'label=\(string\)espresso, ' \
  "$root/usr/bin/gst-launch-1.0" -m filesrc location="$photo" ! jpegdec ! effnetclassify ! fakesink
