#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# No GStreamer object outlives its pipeline, as the leaks tracer sees it. The tracer announces its records
# when it starts: a log without that is no proof.
set -eu

tmp=$(mktemp -d)
log=$tmp/log
trap 'rm -rf "$tmp"' EXIT
gst-inspect-1.0 effnetclassify >/dev/null # fills the registry

run() {
  echo "# $*"
  GST_TRACERS=leaks GST_DEBUG='GST_TRACER:7,leaks:7' GST_DEBUG_NO_COLOR=1 \
    gst-launch-1.0 -q "$@" >"$log" 2>&1 </dev/null || [ "${expect_error:-no}" = yes ]
  grep -q 'build_format: object-alive' "$log" || {
    echo "the leaks tracer did not run"
    exit 1
  }
  if grep -E 'record_log.*object-alive' "$log"; then
    echo "objects are still alive"
    exit 1
  fi
}

run videotestsrc num-buffers=10 ! effnetclassify inference-interval=3 ! fakesink
run videotestsrc num-buffers=5 ! jpegenc ! effnetclassify post-messages=all ! fakesink
run videotestsrc num-buffers=10 ! tee name=t ! queue ! effnetclassify ! videoconvert ! \
  video/x-raw,format=BGRx ! fakesink t. ! queue ! effnetclassify top-k=1 ! x264enc ! fakesink
run videotestsrc num-buffers=6 ! jpegenc ! effnetclassify inference-interval=2 inference-region=regions \
  'regions=a:0,0,0.5,1;b:0.5,0.5,0.5,0.5' post-messages=all ! fakesink
run videotestsrc num-buffers=3 ! effnetclassify inference-region=roi-list metrics-port=0 ! fakesink
for mode in sync async delayed; do
  run videotestsrc is-live=true num-buffers=8 ! tee name=t ! queue ! effnetclassify inference-mode=$mode \
    smoothing=vote ! fakesink t. ! queue ! jpegenc ! effnetclassify inference-mode=$mode \
    model-instance-id=other post-messages=all attach-embedding=true attach-activation-map=true ! fakesink
done
run videotestsrc is-live=true num-buffers=8 ! effnetclassify shadow-model="$EFFNET_SOURCE_ROOT/models/lite0" \
  shadow-interval=1 batch-size=2 ! fakesink
run videotestsrc is-live=true num-buffers=8 ! x264enc key-int-max=2 tune=zerolatency ! h264parse ! \
  effnetclassify decode-frames=all ! fakesink
for mode in sync async delayed; do
  run videotestsrc is-live=true num-buffers=8 ! jpegenc ! effnetclassify inference-mode=$mode \
    heads="own=;again=$EFFNET_SOURCE_ROOT/models/lite0" teach-file="$tmp/taught" save-examples="$tmp/saved" \
    save-margin=1 save-interval=0 inference-region=regions regions="a:0,0,0.5,1" ! fakesink
done
run videotestsrc num-buffers=4 ! effnetclassify attach-activation-map=true ! effnetoverlay show-activation-map=true ! fakesink
for form in application/x-json text/x-raw application/x-subtitle-vtt; do
  run videotestsrc num-buffers=8 ! effnetclassify smoothing=vote attach-activation-map=true ! tee name=t ! queue ! \
    fakesink t. ! queue ! effnetrecord source=a ! $form ! queue ! filesink location="$tmp/records"
done
run videotestsrc num-buffers=8 ! effnetclassify ! effnetrecord format=dlstreamer records=change ! filesink location="$tmp/records"
if gst-inspect-1.0 --exists effnetpublish; then
  run videotestsrc num-buffers=8 ! effnetclassify ! tee name=t ! queue ! effnetpublish broker=mqtt://127.0.0.1:1 \
    discovery=true thumbnails=true spool="$tmp/spool" t. ! queue ! jpegenc ! effnetpublish broker=mqtt://no.such.invalid \
    thumbnails=true drain-timeout=0
fi
expect_error=yes
run videotestsrc num-buffers=3 ! effnetclassify ! effnetrecord ! filesink location=/dev/full
if gst-inspect-1.0 --exists effnetpublish; then
  run videotestsrc num-buffers=3 ! effnetpublish topic=+
fi
run videotestsrc num-buffers=3 ! effnetclassify inference-region=regions regions=wrong ! fakesink
run videotestsrc num-buffers=3 ! video/x-raw,format=GRAY8 ! capssetter \
  caps=image/jpeg join=false replace=true ! effnetclassify max-errors=2 ! fakesink
run videotestsrc num-buffers=1 ! effnetclassify model-file=/nonexistent ! fakesink
echo "no leaks"
