#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# venv.sh [DIR]: makes (or brings up to date) the virtual environment of the bench's peers from
# requirements.txt, about 800 MB. DIR defaults to $EFFNET_BENCH_VENV, else to effnet/bench-venv in the
# user's cache folder. A package that cannot be had is left out and named. Prints the environment's python.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${EFFNET_BENCH_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/effnet/bench-venv}}
if ! cmp -s "$here/requirements.txt" "$dir/requirements.txt"; then
  mkdir -p "$dir"
  /usr/bin/python3 -m venv "$dir" >&2
  if "$dir/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2; then
    cp "$here/requirements.txt" "$dir/requirements.txt"
  else
    # Not marked as complete: the next call tries the missing ones again.
    grep -v '^#' "$here/requirements.txt" | while read -r package; do
      "$dir/bin/pip" install --quiet --disable-pip-version-check "$package" >&2 ||
        echo "venv.sh: $package cannot be had here" >&2
    done
  fi
fi
echo "$dir/bin/python"
