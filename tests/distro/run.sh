#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A fresh Debian (trixie, the default, is 13 and has GStreamer 1.26; sid is unstable and has 1.28) in a folder: the
# README's two commands in it, as a newcomer would run them. Needs root and debootstrap.
# usage: tests/distro/run.sh [SUITE [FOLDER]]; EFFNET_MIRROR names another mirror than this machine's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/distro/root.sh
. "$here/root.sh"
suite=${1:-trixie}
source=$(cd "$here/../.." && pwd)

root_make "$suite" "${2:-${EFFNET_TEST_BUILD_DIR:-$source/build-tests}/$suite}"
mkdir -p "$root/effnet"
# of an earlier run only the builds stay
find "$root/effnet" -mindepth 1 -maxdepth 1 ! -name 'build*' -exec rm -rf {} +
(cd "$source" && git ls-files -z | tar -c --null -T -) | tar -x -C "$root/effnet"
root_update
root_run /effnet/pipelines/demo.sh
root_run /effnet/tests/run.sh --quick
