#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# From a fresh Debian or Ubuntu to labels: installs what is missing, builds (setup.sh), classifies two
# photographs and a clip, or what you name, through the GStreamer element with the model in models/, and
# leaves pictures with the label drawn on them. demo.sh [PICTURE|CLIP...]
set -eu
# shellcheck source=pipelines/setup.sh
. "$(dirname "$0")/setup.sh"
out=${EFFNET_DEMO_OUT:-$build/demo}

# head_of FILE: the pipeline's head; a JPEG goes to the element as it is.
head_of() {
  case ${1,,} in
    *.jpg | *.jpeg) printf 'multifilesrc\nlocation=%s\ncaps=image/jpeg\nnum-buffers=1\n' "${1//%/%%}" ;;
    *) printf 'filesrc\nlocation=%s\n!\ndecodebin\n' "$1" ;;
  esac
}

# classify FILE: lines of seconds, percent, label, one whenever the label changes.
classify() {
  local head
  mapfile -t head < <(head_of "$1")
  effnet watch "${head[@]}" ! effnetclassify ! fakesink sync=false 2>"$out/errors" |
    sed -nE 's/^[^ ]+ +([0-9.]+) s +([0-9.]+) %  (.*)$/\1\t\2\t\3/p'
}

# annotate FILE PICTURE: the first frame with its label on it.
annotate() {
  gst-launch-1.0 -q filesrc location="$1" ! decodebin ! effnetclassify ! effnetoverlay \
    ! videoconvert ! pngenc snapshot=true ! filesink location="$2" >"$out/errors" 2>&1
}

mkdir -p "$out"
[ $# -gt 0 ] || set -- "$here/media/cat.jpg" "$here/media/coffee.jpg" "$here/media/pan.webm"

failed=0 rows_shown=12
made=()
printf '\n%-24s  %8s  %7s  %s\n' file time score label
for file in "$@"; do
  name=$(basename "$file")
  if [ ! -f "$file" ] || [ ! -r "$file" ]; then
    echo "$file: no such file, or it cannot be read" >&2
    failed=1
    continue
  fi
  rows=$(classify "$file") || true
  if [ -z "$rows" ]; then
    echo "$name: $(sed -nE 's/^effnet: [^ ]*: //p' "$out/errors" | head -1)" >&2
    failed=1
    continue
  fi
  while IFS=$'\t' read -r seconds percent label; do
    printf '%-24s  %6.2f s  %5.1f %%  %s\n' "$name" "$seconds" "$percent" "$label"
    name=
  done < <(head -n $rows_shown <<<"$rows")
  more=$(($(wc -l <<<"$rows") - rows_shown))
  [ $more -le 0 ] || printf '%-24s  and %d more changes\n' '' $more
  name=$(basename "$file")
  annotate "$file" "$out/${name%.*}.png" && made+=("$out/${name%.*}.png")
done
if [ ${#made[@]} -gt 0 ]; then
  printf '\nWith the label drawn on the first frame:\n'
  printf '  %s\n' "${made[@]}"
fi
exit $failed
