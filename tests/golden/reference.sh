#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# reference.sh SCRIPT [ARGUMENT...]: runs a script of this folder in the environment venv.sh made: in
# $EFFNET_REFERENCE, else in build-tests/reference. Without one it says so and exits with 77, which Meson
# counts as skipped.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${EFFNET_REFERENCE:-$here/../../build-tests/reference}
if [ ! -x "$dir/bin/python" ]; then
  echo "SKIPPED: no PyTorch reference in $dir; tests/golden/venv.sh makes it"
  exit 77
fi
script=$1
shift
PYTHONDONTWRITEBYTECODE=1 exec "$dir/bin/python" "$here/$script" "$@"
