#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A webcam that sends MJPEG: webcam-mjpeg.sh [DEVICE]
# The element reads the JPEG frames themselves and passes them on untouched; the decoder serves the
# window only. Labels are printed when they change. A camera that is unplugged is waited for.
# EFFNET_SOURCE and EFFNET_SINK replace camera and window.
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"
source=${EFFNET_SOURCE:-v4l2src device=${1:-/dev/video0} ! image/jpeg}
sink=${EFFNET_SINK:-autovideosink}

# shellcheck disable=SC2086 # source and sink are pieces of a pipeline
exec effnet watch --reconnect $source ! queue leaky=downstream max-size-buffers=2 ! effnetclassify \
  ! jpegdec ! videoconvert ! $sink
