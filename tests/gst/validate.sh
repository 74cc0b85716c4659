#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# GStreamer's own scenarios of seeks, rates and states (gst-validate-1.0) with effnetclassify in a pipeline: it ends
# as it does with identity in its place, and no issue is found that identity does not have. gst-validate-1.0 is
# part of gst-devtools, which Debian does not have: without it this is NOT RUN, exit code 77.
# usage: tests/gst/validate.sh [BUILD [FOLDER FOR LOGS]]
set -u
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$source/build}" && pwd)
out=${2:-$build/validate}
clip=$out/clip.webm
export GST_PLUGIN_PATH=$build/gst-plugin GST_REGISTRY=$out/registry.bin EFFNET_MODEL_PATH=$source/models

of_file=(play_5s simple_seeks seek_forward seek_backward seek_forward_backward seek_with_stop scrub_forward_seeking
  scrub_backward_seeking pause_resume fast_forward fast_backward reverse_playback)
of_camera=(play_5s pause_resume change_state_intensive)
elements=(effnetclassify 'effnetclassify inference-mode=async' 'effnetclassify inference-mode=delayed')
equal=0 different=0 unusable=0

# outcome LOG SCENARIO PIPELINE: the exit code, then the kinds of issues
outcome() {
  local log=$1 code=0
  # shellcheck disable=SC2086 # words of a pipeline
  timeout 180 gst-validate-1.0 --set-scenario="$2" $3 >"$log" 2>&1 || code=$?
  echo "exit code $code"
  sed -nE 's/^ *(issue|warning|critical) : (.*)$/\1: \2/p' "$log" | sort -u
}

# Of what is held back while playing backwards gst-validate says that it is late for a later event: it compares time
# stamps, which fall.
without_false_alarms() {
  case $1:$2 in
    *delayed:*_backward | *delayed:reverse*) grep -v '^warning: a serialized event received should be pushed' ;;
    *) cat ;;
  esac
}

# No other exit code, and no kind of issue that identity does not have.
is_no_worse() {
  ! grep -qvxF -f <(echo "$expected") <<<"$got"
}

# run_with ELEMENT SCENARIO PIPELINE
run_with() {
  outcome "$log-${1##*[ =]}.log" "$2" "${3//ELEMENT/$1}" | without_false_alarms "$1" "$2"
}

# compare NAME SCENARIO PIPELINE: the element stands as ELEMENT in it
compare() {
  local expected got element log=$out/$1-$2
  expected=$(outcome "$log-identity.log" "$2" "${3//ELEMENT/identity}")
  case $expected in
    'exit code 0'*) ;;
    *)
      unusable=$((unusable + 1))
      echo "$1 $2: identity does not get through either ($log-identity.log)"
      return
      ;;
  esac
  for element in "${elements[@]}"; do
    got=$(run_with "$element" "$2" "$3")
    # what a busy machine is late for may come right the second time
    is_no_worse || got=$(run_with "$element" "$2" "$3")
    if is_no_worse; then
      equal=$((equal + 1))
    else
      different=$((different + 1))
      printf 'FAILED: %s %s with %s (%s):\n' "$1" "$2" "$element" "$log-${element##*[ =]}.log"
      diff <(echo "$expected") <(echo "$got")
    fi
  done
}

command -v gst-validate-1.0 >/dev/null || { echo "NOT RUN: gst-validate-1.0 is not installed" && exit 77; }
mkdir -p "$out"
gst-launch-1.0 -q videotestsrc num-buffers=900 pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 ! \
  vp8enc deadline=1 keyframe-max-dist=30 ! webmmux ! filesink location="$clip" || exit 1
for scenario in "${of_file[@]}"; do
  compare file "$scenario" "filesrc location=$clip ! decodebin ! ELEMENT ! fakesink sync=true"
done
for scenario in "${of_camera[@]}"; do
  compare camera "$scenario" \
    'videotestsrc is-live=true ! video/x-raw,width=640,height=480,framerate=30/1 ! ELEMENT ! queue ! fakesink sync=true'
done
echo "$equal runs as with identity, $different others, $unusable scenarios that identity does not get through"
[ $different -eq 0 ] && [ $equal -gt 0 ]
