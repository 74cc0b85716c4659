#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Classes of your own, from pictures to a labelled camera: installs what is missing, builds (setup.sh), trains,
# runs a live pipeline that says when the label changes, and how long each took.
#
#   own-classes.sh                               shows it on the clip in pipelines/media: no camera is needed
#   own-classes.sh FOLDER                        your pictures, a folder for each class; then the camera
#   own-classes.sh --camera DEVICE LABEL LABEL...   takes the pictures of each label from a camera first
#
# EFFNET_OWN_OUT: where pictures and model go, by default own-classes in the build folder. EFFNET_SOURCE replaces
# the camera, EFFNET_SECONDS ends the live pipeline.
set -eu
started=$SECONDS
# shellcheck source=pipelines/setup.sh
. "$(dirname "$0")/setup.sh"
out=${EFFNET_OWN_OUT:-$build/own-classes}
device=/dev/video0 takes=4 of_take=5

# frames FOLDER NUMBER SOURCE...: pictures of a source, four a second.
frames() {
  local folder=$1 number=$2
  mkdir -p "$folder"
  gst-launch-1.0 -q "${@:3}" ! decodebin ! videorate ! video/x-raw,framerate=4/1 ! videoconvert \
    ! identity eos-after=$((number + 1)) ! jpegenc quality=92 ! multifilesink location="$folder/%03d.jpg"
}

# take LABEL: pictures of it in a few takes, beside those of earlier runs. Those of one take stay together when
# accuracy is measured.
take() {
  local label=$1 number file name=1
  mkdir -p "$pictures/$label"
  for number in $(seq $takes); do
    read -r -p "Show '$label' to the camera (take $number of $takes; change light or place a little), then Enter: "
    rm -rf "$out/take"
    frames "$out/take" $of_take "${source[@]}"
    while compgen -G "$pictures/$label/take${name}_*" >/dev/null; do name=$((name + 1)); done
    for file in "$out"/take/*.jpg; do
      mv "$file" "$pictures/$label/take${name}_$(basename "$file")"
    done
  done
}

# The clip shows a cat, then a cup: 40 frames of it are the pictures of two classes.
demonstrate() {
  local file number
  rm -rf "$pictures"
  gst-launch-1.0 -q filesrc location="$here/media/pan.webm" ! decodebin ! videorate ! video/x-raw,framerate=15/2 \
    ! videoconvert ! jpegenc quality=92 ! multifilesink location="$out/%03d.jpg"
  mkdir -p "$pictures/cat" "$pictures/cup"
  for file in "$out"/0??.jpg; do
    number=$(basename "$file" .jpg) number=$((10#$number))
    if [ $number -lt 20 ]; then mv "$file" "$pictures/cat/"; else mv "$file" "$pictures/cup/"; fi
  done
}

live() {
  local watch=(effnet watch --reconnect)
  [ -z "${EFFNET_SECONDS:-}" ] || watch=(timeout --signal=INT "$EFFNET_SECONDS" "${watch[@]}")
  "${watch[@]}" "$@" ! effnetclassify "model-file=$out/model" smoothing=vote ! fakesink || [ $? -eq 124 ]
}

mkdir -p "$out"
pictures=$out/pictures
[ "${1:-}" != --camera ] || device=${2:-$device}
source=(v4l2src "device=$device")
if [ -n "${EFFNET_SOURCE:-}" ]; then read -r -a source <<<"$EFFNET_SOURCE"; fi
case ${1:-} in
  '')
    pictures=$out/example
    demonstrate
    source=(filesrc "location=$here/media/pan.webm" ! decodebin ! identity sync=true)
    ;;
  --camera)
    [ $# -ge 4 ] || { sed -n '/^#   own/s/^# *//p' "$0" >&2 && exit 2; }
    for label in "${@:3}"; do take "$label"; done
    echo "The pictures are in $pictures: look through them; the next run adds to them."
    ;;
  *) pictures=$1 ;;
esac
ready=$SECONDS
effnet train "$pictures" --output "$out/model" --force
printf '\nReady to train after %d s, trained after %d s. Now live; Ctrl+C ends it.\n' \
  $((ready - started)) $((SECONDS - started))
live "${source[@]}"
printf 'The report on the training, to look at: %s\n' "$out/model/report.html"
