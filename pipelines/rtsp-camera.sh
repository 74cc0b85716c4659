#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An RTSP camera: rtsp-camera.sh URL
# The newest frame is classified, older ones are dropped, so that the labels stay current. --json before the URL
# prints JSON lines.
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"
[ $# -ge 1 ] || { echo "Usage: rtsp-camera.sh [--json] rtsp://USER:PASSWORD@HOST/PATH" >&2 && exit 2; }

exec effnet classify "$@"
