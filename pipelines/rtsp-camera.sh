#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An RTSP camera: rtsp-camera.sh URL
# Frames that come while one is being classified are dropped, so that the labels stay current. Labels are
# printed when they change.
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || { echo "Usage: rtsp-camera.sh rtsp://USER:PASSWORD@HOST/PATH" >&2 && exit 2; }

gst-launch-1.0 -m rtspsrc location="$1" latency=200 ! decodebin ! queue leaky=downstream max-size-buffers=1 \
  ! effnetclassify ! fakesink sync=false |
  labels | awk -F '\t' '{ printf "%8.2f s  %5.1f %%  %s\n", $1, $2, $3; fflush() }'
