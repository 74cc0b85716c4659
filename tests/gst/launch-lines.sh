#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs every launch line of the element's documentation exactly as it stands there.
set -eu

source=$EFFNET_SOURCE_ROOT/gst-plugin/gsteffnetclassify.c
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

sed -n '/^ \* |\[/,/^ \* \]|/p' "$source" | grep -v '^ \* []|[]*$' | sed 's/^ \* //' >"$out/lines"
n=0
while IFS= read -r line; do
  n=$((n + 1))
  echo "# $line"
  if ! timeout 120 sh -c "$line" >"$out/log" 2>&1 </dev/null; then
    cat "$out/log"
    echo "line $n failed"
    exit 1
  fi
  if grep -E 'CRITICAL|WARNING|ERROR' "$out/log"; then
    echo "line $n complains"
    exit 1
  fi
  case $line in
    *'gst-launch-1.0 -m'*)
      grep -q 'effnetclassify, timestamp=' "$out/log" || {
        echo "line $n posts no result"
        exit 1
      }
      ;;
  esac
done <"$out/lines"
[ "$n" -ge 3 ] || {
  echo "only $n launch lines in the documentation"
  exit 1
}
echo "$n lines ok"
