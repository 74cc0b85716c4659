#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# venv.sh DIR: makes (or brings up to date) a virtual environment in DIR with the PyTorch reference: torch,
# torchvision, numpy and Pillow from Debian, the rest from requirements.txt. Prints its python.
set -eu
[ $# -eq 1 ] || { echo "usage: venv.sh DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
/usr/bin/python3 -c 'import numpy, PIL, torch, torchvision' || {
  echo "venv.sh: install python3-torch, python3-torchvision, python3-numpy and python3-pil first" >&2
  exit 1
}
if ! cmp -s "$here/requirements.txt" "$1/requirements.txt"; then
  /usr/bin/python3 -m venv --system-site-packages "$1" >&2
  "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" >&2
  "$1/bin/python" -c 'import timm, safetensors' >&2
  cp "$here/requirements.txt" "$1/requirements.txt"
fi
echo "$1/bin/python"
