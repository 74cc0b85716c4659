#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The element can be asked about without any model, and a missing model is an error a person can act on.
set -eu

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export EFFNET_MODEL_PATH="$out" XDG_DATA_HOME="$out" HOME="$out"

readme=$(dirname "$0")/../../README.md
# compare ELEMENT HEAD BASE: README's table that begins with HEAD lists the element's properties, beside BASE's
compare() {
  gst-inspect-1.0 "$1" >"$out/inspect" 2>&1
  # the table's first column, where some rows name two
  sed -n "/^| $2/,/^\$/p" "$readme" | sed 1,2d | cut -d'|' -f2 | tr -d ' ' | tr ',' '\n' | grep . |
    sort >"$out/documented"
  sed -nE '/^Element Properties/,/^[A-Z]/!d; s/^  ([a-z0-9-]+) *: .*/\1/p' "$out/inspect" | grep -vxE "$3" |
    sort >"$out/properties"
  if [ ! -s "$out/properties" ] || ! diff "$out/documented" "$out/properties"; then
    echo "README's table of $1 (<) and gst-inspect-1.0 (>) list different properties"
    exit 1
  fi
}
if gst-inspect-1.0 --exists effnetoverlay; then
  compare effnetoverlay 'property of effnetoverlay' 'name|parent|async-handling|message-forward'
fi
if gst-inspect-1.0 --exists effnetpublish; then
  compare effnetpublish 'property of effnetpublish' "name|parent|a?sync|qos|ts-offset|(enable-)?last-sample|blocksize|max-.*|proc.*|render.*|throttle.*"
fi
compare effnetrecord 'property of effnetrecord' 'name|parent'
compare effnetclassify 'property | default' 'name|parent|qos'
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
