#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two cameras, one model: two-cameras.sh [DEVICE] [DEVICE]
# Both elements share the weights and the worker threads; each label is printed with its camera's name.
# EFFNET_SOURCE replaces both cameras.
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"
first=${EFFNET_SOURCE:-v4l2src device=${1:-/dev/video0}}
second=${EFFNET_SOURCE:-v4l2src device=${2:-/dev/video2}}

# shellcheck disable=SC2086 # sources are pieces of a pipeline
gst-launch-1.0 -m \
  $first ! queue leaky=downstream max-size-buffers=2 ! effnetclassify name=first ! fakesink \
  $second ! queue leaky=downstream max-size-buffers=2 ! effnetclassify name=second ! fakesink |
  sed -unE 's/.*from element "(first|second)".* label=\(string\)("([^"]*)"|([^,]*)),.*/\1: \3\4/p' | sed -u 's/\\//g'
