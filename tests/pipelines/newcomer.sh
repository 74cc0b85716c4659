#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A new user with a watch: from a clone of this tree to the first label, and from a .pth of five classes of one's own to
# a labelled clip, with the commands of README and nothing else. Prints how long each took; packages are there already.
# usage: newcomer.sh [--limit SECONDS]; with a limit (README's is 120, on a machine with nothing else to do) longer is a
# failure. EFFNET_REFERENCE: an environment of tests/golden/venv.sh, whose timm makes the .pth.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
limit=
[ "${1:-}" != --limit ] || limit=$2
python=${EFFNET_REFERENCE:-$root/build-tests/reference}/bin/python
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export PATH="/usr/bin:$PATH" # the python3 that sees the packages of the distribution
unset EFFNET_BUILD_ROOT EFFNET_DEMO_OUT EFFNET_MODEL_PATH GST_PLUGIN_PATH

# took WHAT SECONDS
took() {
  printf '%-60s %4d s\n' "$1" "$2"
  [ -z "$limit" ] || [ "$2" -le "$limit" ] || { echo "FAILED: more than $limit s" && exit 1; }
}

started=$SECONDS
git clone -q "$root" "$tmp/effnet"
cd "$tmp/effnet"
pipelines/demo.sh >"$tmp/demo.txt" 2>&1 || { cat "$tmp/demo.txt" && exit 1; }
grep -E 'cat.jpg .*(cat|tabby)' "$tmp/demo.txt"
took "clone to first label" $((SECONDS - started))

if [ ! -x "$python" ]; then
  echo "NOT RUN: the second part: no PyTorch reference in ${python%/bin/python}; tests/golden/venv.sh makes it"
  exit 0
fi
"$python" - "$tmp/mine.pth" <<'END'
import sys
import timm
import torch
torch.manual_seed(1)
torch.save(timm.create_model("efficientnet_b0", num_classes=5).state_dict(), sys.argv[1])
END
printf '%s\n' apple bread cup door egg >"$tmp/classes.txt"
started=$SECONDS
export GST_PLUGIN_PATH=$PWD/build/gst-plugin PATH=$PWD/build/src/cli:$PATH
effnet convert "$tmp/mine.pth" --labels "$tmp/classes.txt" --output "$tmp/mine"
gst-launch-1.0 -q filesrc location=pipelines/media/pan.webm ! decodebin ! effnetclassify model-file="$tmp/mine" \
  ! effnetoverlay ! videoconvert ! vp8enc deadline=1 ! webmmux ! filesink location="$tmp/labelled.webm"
took "five classes in a .pth to a labelled clip" $((SECONDS - started))
effnet watch filesrc location=pipelines/media/pan.webm ! decodebin ! effnetclassify model-file="$tmp/mine" ! fakesink \
  >"$tmp/watch.txt"
grep -E '%  (apple|bread|cup|door|egg)$' "$tmp/watch.txt" | head -1
[ "$(stat -c %s "$tmp/labelled.webm")" -gt 20000 ] || { echo "FAILED: the clip is empty" && exit 1; }
