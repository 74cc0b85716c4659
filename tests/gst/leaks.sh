#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# No GStreamer object outlives its pipeline, as the leaks tracer sees it. The tracer itself is first shown
# to bark: a run that is killed by a missing file must still be clean, and one that lists nothing at all
# because tracing is off would be no proof, so the tracer's start is looked for.
set -eu

log=$(mktemp)
trap 'rm -f "$log"' EXIT
gst-inspect-1.0 effnetclassify >/dev/null # fills the registry

run() {
  echo "# $*"
  GST_TRACERS=leaks GST_DEBUG='GST_TRACER:7,leaks:7' GST_DEBUG_NO_COLOR=1 \
    gst-launch-1.0 -q "$@" >"$log" 2>&1 </dev/null || [ "${expect_error:-no}" = yes ]
  grep -q 'leaks' "$log" || {
    echo "the leaks tracer did not run"
    exit 77
  }
  if grep -E 'object-alive|refings' "$log" | grep -v 'gst_tracer_record_new\|RECORD'; then
    echo "objects are still alive"
    exit 1
  fi
}

run videotestsrc num-buffers=10 ! effnetclassify inference-interval=3 ! fakesink
run videotestsrc num-buffers=5 ! jpegenc ! effnetclassify post-messages=all ! fakesink
run videotestsrc num-buffers=10 ! tee name=t ! queue ! effnetclassify ! videoconvert ! \
  video/x-raw,format=BGRx ! fakesink t. ! queue ! effnetclassify top-k=1 ! x264enc ! fakesink
expect_error=yes
run videotestsrc num-buffers=1 ! effnetclassify model-file=/nonexistent ! fakesink
echo "no leaks"
