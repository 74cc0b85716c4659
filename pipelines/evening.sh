#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A hobbyist's evening: from a network camera to a state that Home Assistant shows by itself. Installs what is
# missing, builds (setup.sh), trains a classifier of your own, starts the one pipeline that is left running, and says
# what is at the broker, and how long each took.
#
#   evening.sh                      a clip plays the camera (clip-camera.py), its frames are the pictures
#   evening.sh rtsp://... FOLDER    your camera; your pictures, a folder for each class
#
# EFFNET_BROKER: your broker, as mqtt://USER@HOST (the password in EFFNET_MQTT_PASSWORD); else one is started here.
# EFFNET_EVENING_OUT: where pictures and the classifier go, by default evening in the build folder.
set -eu
started=$SECONDS
more_packages=(mosquitto mosquitto-clients python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly)
# shellcheck source=pipelines/setup.sh
. "$(dirname "$0")/setup.sh"
out=${EFFNET_EVENING_OUT:-$build/evening}
url=${1:-} pictures=${2:-$out/pictures} broker=${EFFNET_BROKER:-}
[ $# -eq 0 ] || [ $# -eq 2 ] || { sed -n '/^#   evening/s/^# *//p' "$0" >&2 && exit 2; }
children=()
trap 'kill "${children[@]}" 2>/dev/null; wait' EXIT
trap 'exit 130' INT TERM

# behind COMMAND...: until the script ends.
behind() {
  "$@" &
  children+=($!)
}

# first_line FILE: once it is there
first_line() {
  local n
  for n in $(seq 100); do
    [ -s "$1" ] && head -1 "$1" && return
    sleep 0.1
  done
  echo "evening.sh: nothing came to $1 in ten seconds (after $n looks)" >&2
  return 1
}

# The clip shows a cat, then a cup. Frames near the change are nobody's picture.
take_pictures() {
  local file number
  rm -rf "$pictures" "$out/frames"
  mkdir -p "$pictures/cat" "$pictures/cup" "$out/frames"
  gst-launch-1.0 -q rtspsrc location="$url" latency=200 ! rtph264depay ! h264parse ! avdec_h264 ! videorate \
    ! video/x-raw,framerate=15/2 ! videoconvert ! jpegenc quality=92 ! multifilesink location="$out/frames/%03d.jpg"
  for file in "$out"/frames/*.jpg; do
    number=$(basename "$file" .jpg) number=$((10#$number))
    if [ $number -lt 18 ]; then
      mv "$file" "$pictures/cat/"
    elif [ $number -gt 21 ]; then
      mv "$file" "$pictures/cup/"
    fi
  done
}

start_broker() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$out/mosquitto.conf"
  PATH=$PATH:/usr/sbin behind mosquitto -c "$out/mosquitto.conf" >"$out/mosquitto.log" 2>&1
  broker=mqtt://127.0.0.1:$port
  : >"$out/mqtt.txt"
  sleep 0.5
  behind mosquitto_sub -p "$port" -v -t '#' >"$out/mqtt.txt"
}

mkdir -p "$out"
[ -n "$broker" ] || start_broker
if [ -z "$url" ]; then
  behind python3 "$here/clip-camera.py" "$here/media/pan.webm" >"$out/camera.txt"
  url=$(first_line "$out/camera.txt")
  take_pictures
fi
ready=$SECONDS
effnet train "$pictures" --output "$out/model" --force >"$out/train.txt"
trained=$SECONDS
printf 'The camera is %s, the broker %s. Ready to train after %d s, trained after %d s.\nFrom now on:\n\n' \
  "$url" "$broker" $((ready - started)) $((trained - started))
line=(gst-launch-1.0 -q rtspsrc location="$url" latency=200 ! rtph264depay ! h264parse
  ! effnetclassify name=door model-file="$out/model" smoothing=vote metrics-port=0
  ! effnetpublish broker="$broker" discovery=true)
printf '  %s\n\n' "${line[*]}"
"${line[@]}"
if [ -s "$out/mqtt.txt" ]; then
  echo "At the broker:"
  sed -E 's/^([^ ]+) .*"state":"([^"]*)".*/\1 \2/; s/^/  /' "$out/mqtt.txt" | cut -c1-160
fi
printf 'All of it took %d s.\n' $((SECONDS - started))
