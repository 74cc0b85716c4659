#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two cameras, one model: two-cameras.sh [DEVICE] [DEVICE]
# Both elements share the weights and the worker threads; each line begins with its element's name.
# One that is unplugged is waited for while the other goes on.
# EFFNET_SOURCE replaces both cameras.
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"
first=${EFFNET_SOURCE:-v4l2src device=${1:-/dev/video0}}
second=${EFFNET_SOURCE:-v4l2src device=${2:-/dev/video2}}

# shellcheck disable=SC2086 # sources are pieces of a pipeline
exec effnet watch --reconnect \
  $first ! queue leaky=downstream max-size-buffers=2 ! effnetclassify name=first ! fakesink \
  $second ! queue leaky=downstream max-size-buffers=2 ! effnetclassify name=second ! fakesink
