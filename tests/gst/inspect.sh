#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The element can be asked about without any model, and a missing model is an error a person can act on.
set -eu

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export EFFNET_MODEL_PATH="$out" XDG_DATA_HOME="$out" HOME="$out"

gst-inspect-1.0 effnetclassify >"$out/inspect" 2>&1
for word in variant model-file labels-file precision threads top-k threshold resize-mode \
  sparse-rows orientation bits activation inference-interval attach-meta attach-embedding post-messages inference-region regions object-class max-errors \
  stats model-info qos image/jpeg P010_10LE; do
  grep -q -- "$word" "$out/inspect" || {
    echo "gst-inspect-1.0 does not show $word"
    exit 1
  }
done

if gst-launch-1.0 videotestsrc num-buffers=1 ! effnetclassify variant=b5 ! fakesink \
  >"$out/missing" 2>&1; then
  echo "a model that is not there was found"
  exit 1
fi
for word in b5 "$out" fetch; do
  grep -q -- "$word" "$out/missing" || {
    cat "$out/missing"
    echo "the error does not say $word"
    exit 1
  }
done
grep ERROR "$out/missing"
