#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# overlay.sh BUILD [FRAMES]: CPU milliseconds a frame of 1080p I420 with a text that does not change, by
# effnetoverlay, with an activation map as well, and by GStreamer's textoverlay, in turns; what the pipeline
# takes without them is taken off.
set -eu
build=${1:?usage: overlay.sh BUILD [FRAMES]}
frames=${2:-1200}
export GST_PLUGIN_PATH=$build/gst-plugin

# cpu ELEMENT...: seconds of CPU
cpu() {
  /usr/bin/env time -f '%U %S' gst-launch-1.0 -q videotestsrc pattern=black num-buffers=1 \
    ! video/x-raw,format=I420,width=1920,height=1080,framerate=30/1 ! imagefreeze num-buffers="$frames" \
    ! effnetclassify inference-interval=1000000 inference-mode=sync attach-activation-map=true ! "$@" ! fakesink sync=false 2>&1 |
    tail -1 | awk '{ print $1 + $2 }'
}

for _ in 1 2 3 4 5; do
  none=$(cpu identity)
  ours=$(cpu effnetoverlay)
  map=$(cpu effnetoverlay show-activation-map=true)
  theirs=$(cpu textoverlay text='Egyptian cat  93 %' font-desc='Sans Bold 25')
  awk -v n="$frames" -v a="$none" -v b="$ours" -v c="$theirs" -v d="$map" \
    'BEGIN { printf "effnetoverlay %.2f ms, with a map %.2f ms, textoverlay %.2f ms\n",
               (b - a) / n * 1000, (d - a) / n * 1000, (c - a) / n * 1000 }'
done
