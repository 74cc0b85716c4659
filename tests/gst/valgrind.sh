#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A short pipeline under valgrind: no invalid access, no definite leak.
set -eu

command -v valgrind >/dev/null || exit 77
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
log=$tmp/log
# The default model on an input of 65 x 65 pixels: valgrind has less to count, odd edges stay.
mkdir "$tmp/small"
ln -s "$EFFNET_SOURCE_ROOT/models/lite0/model.safetensors" "$tmp/small/"
sed 's/^   224\(,\{0,1\}\)$/   65\1/' "$EFFNET_SOURCE_ROOT/models/lite0/config.json" >"$tmp/small/config.json"
[ "$(grep -c '^   65' "$tmp/small/config.json")" -eq 2 ]
model=$tmp/small/model.safetensors
gst-inspect-1.0 effnetclassify >/dev/null # fills the registry

# raw video and JPEG, waiting or not, in one process, on one model: most of the time is valgrind's
G_SLICE=always-malloc G_DEBUG=gc-friendly valgrind -q --trace-children=no --error-exitcode=9 \
  --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
  --suppressions="$EFFNET_SOURCE_ROOT/tests/valgrind.supp" \
  gst-launch-1.0 -q \
  videotestsrc num-buffers=2 ! video/x-raw,format=NV12,width=321,height=241 ! \
  effnetclassify model-file="$model" threads=2 inference-interval=2 ! fakesink \
  videotestsrc num-buffers=1 ! video/x-raw,width=320,height=240 ! jpegenc ! \
  effnetclassify model-file="$model" threads=2 inference-region=regions regions=a:0.1,0,0.7,1 ! fakesink \
  videotestsrc is-live=true num-buffers=2 ! video/x-raw,width=64,height=48 ! \
  effnetclassify model-file="$model" threads=2 inference-mode=delayed smoothing=ema ! fakesink \
  videotestsrc is-live=true num-buffers=3 ! video/x-raw,width=64,height=48 ! jpegenc ! \
  effnetclassify model-file="$model" threads=2 inference-mode=async ! fakesink >"$log" 2>&1 </dev/null || {
  cat "$log"
  exit 1
}
echo "clean"
