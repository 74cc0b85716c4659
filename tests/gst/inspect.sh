#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The element can be asked about without any model, and a missing model is an error a person can act on.
set -eu

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export EFFNET_MODEL_PATH="$out" XDG_DATA_HOME="$out" HOME="$out"

gst-inspect-1.0 effnetclassify >"$out/inspect" 2>&1
readme=$(dirname "$0")/../../README.md
# the table's first column, where some rows name two
sed -n '/^| property | default/,/^$/p' "$readme" | sed 1,2d | cut -d'|' -f2 | tr -d ' ' | tr ',' '\n' | grep . |
  sort >"$out/documented"
# those of the base classes beside ours
sed -nE '/^Element Properties/,/^[A-Z]/!d; s/^  ([a-z0-9-]+) *: .*/\1/p' "$out/inspect" | grep -vxE 'name|parent|qos' |
  sort >"$out/properties"
if [ ! -s "$out/properties" ] || ! diff "$out/documented" "$out/properties"; then
  echo "README's table (<) and gst-inspect-1.0 (>) list different properties"
  exit 1
fi
for word in image/jpeg video/x-h264 P010_10LE; do
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
