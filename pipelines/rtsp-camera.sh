#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An RTSP camera: rtsp-camera.sh [--json] URL
# Of H.264 and H.265 only the keyframes are decoded, by the element; JPEG it decodes, too, and what else a camera
# sends is decoded before it. Labels are printed when they change, with --json as JSON lines.
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"
json=
[ "${1:-}" != --json ] || { json=--json && shift; }
[ $# -eq 1 ] || { echo "Usage: rtsp-camera.sh [--json] rtsp://USER:PASSWORD@HOST/PATH" >&2 && exit 2; }
takes="video/x-h264,stream-format=(string){byte-stream,avc},alignment=au"
takes="$takes;video/x-h265,stream-format=(string){byte-stream,hvc1},alignment=au;image/jpeg;video/x-raw"

# shellcheck disable=SC2086 # json is an option or nothing
exec effnet watch $json rtspsrc location="$1" latency=200 ! application/x-rtp,media=video \
  ! decodebin caps="$takes" ! effnetclassify ! fakesink
