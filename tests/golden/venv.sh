#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# venv.sh [--long] [DIR]: makes (or brings up to date) a virtual environment with the PyTorch reference: torch,
# torchvision, numpy and Pillow from Debian, the rest from requirements.txt, with --long also what
# requirements-long.txt names. DIR is where reference.sh looks when it is not named. Prints its python.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
long=
if [ "${1:-}" = --long ]; then
  long=1
  shift
fi
dir=${1:-${EFFNET_REFERENCE:-$here/../../build-tests/reference}}
/usr/bin/python3 -c 'import numpy, PIL, torch, torchvision' || {
  echo "venv.sh: install python3-torch, python3-torchvision, python3-numpy and python3-pil first" >&2
  exit 1
}
if ! cmp -s "$here/requirements.txt" "$dir/requirements.txt"; then
  mkdir -p "$dir"
  /usr/bin/python3 -m venv --system-site-packages "$dir" >&2
  "$dir/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" >&2
  "$dir/bin/python" -c 'import timm, safetensors, sklearn' >&2
  cp "$here/requirements.txt" "$dir/requirements.txt"
fi
if [ -n "$long" ] && ! cmp -s "$here/requirements-long.txt" "$dir/requirements-long.txt"; then
  "$dir/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements-long.txt" >&2
  cp "$here/requirements-long.txt" "$dir/requirements-long.txt"
fi
echo "$dir/bin/python"
