#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs every launch line of the plugin's documentation exactly as it stands there.
set -eu

out=$(mktemp -d)
broker=
trap 'rm -rf "$out"; [ -z "$broker" ] || kill "$broker"' EXIT
# effnetpublish's lines go to the port of MQTT: where nobody listens there, this one does
PATH=$PATH:/usr/sbin
if command -v mosquitto >/dev/null; then
  mosquitto -p 1883 >"$out/broker" 2>&1 &
  broker=$!
fi

find "$EFFNET_SOURCE_ROOT/gst-plugin" -name '*.c' -exec cat {} + | grep '^ \*' >"$out/comments"
sed -n '/^ \* |\[/,/^ \* \]|/p' "$out/comments" | sed 's/^ \* //' >"$out/blocks"
n=0
: >"$out/line"
while IFS= read -r text; do
  case $text in
    '|[')
      : >"$out/line"
      continue
      ;;
    ']|') ;;
    *)
      printf '%s\n' "$text" >>"$out/line"
      continue
      ;;
  esac
  n=$((n + 1))
  cat "$out/line"
  if ! timeout 120 sh "$out/line" >"$out/log" 2>&1 </dev/null; then
    cat "$out/log"
    echo "line $n failed"
    exit 1
  fi
  if grep -E 'CRITICAL|WARNING|ERROR' "$out/log"; then
    echo "line $n complains"
    exit 1
  fi
  if grep -q 'gst-launch-1.0 -m' "$out/line" && ! grep -q 'effnetclassify, timestamp=' "$out/log"; then
    echo "line $n posts no result"
    exit 1
  fi
done <"$out/blocks"
[ "$n" -ge 3 ] || {
  echo "only $n launch lines in the documentation"
  exit 1
}
[ "$(grep -c 'gst-launch-1.0 ' "$out/comments")" -eq "$n" ] || {
  echo "a launch line stands outside a |[ block"
  exit 1
}
echo "$n lines ok"
