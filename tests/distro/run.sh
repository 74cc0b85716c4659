#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A fresh Debian (by default 13, with GStreamer 1.26) in a folder: the README's two commands in it, as a
# newcomer would run them. Needs root and debootstrap.
# usage: tests/distro/run.sh [SUITE [FOLDER]]; EFFNET_MIRROR names another mirror than this machine's.
set -eu
suite=${1:-trixie}
source=$(cd "$(dirname "$0")/../.." && pwd)
root=${2:-${EFFNET_TEST_BUILD_DIR:-$source/build-tests}/$suite}
# shellcheck disable=SC2016 # apt's own variable
mirror=${EFFNET_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security |
  head -1)}

[ "$(id -u)" -eq 0 ] || { echo "NOT RUN: a chroot needs root" && exit 77; }
command -v debootstrap >/dev/null || { echo "NOT RUN: debootstrap is not installed" && exit 77; }
if [ ! -x "$root/usr/bin/apt-get" ]; then
  mkdir -p "$root"
  debootstrap --variant=minbase "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1 || {
    tail -5 "$root.log"
    exit 1
  }
  # the way to the mirror is the host's
  cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
fi
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" 2>/dev/null || true
mkdir -p "$root/dev/pts"
mountpoint -q "$root/dev/pts" || mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" 2>/dev/null || true
[ -e "$root/dev/pts/ptmx" ] && ln -sf pts/ptmx "$root/dev/ptmx"
trap 'umount "$root/proc" "$root/dev/pts" 2>/dev/null || true' EXIT
mkdir -p "$root/effnet"
(cd "$source" && git ls-files -z | tar -c --null -T -) | tar -x -C "$root/effnet"
inside() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 EFFNET_NO_TORCH=1 \
    DEBIAN_FRONTEND=noninteractive "$@"
}
inside apt-get -q update >"$root.log" 2>&1 || { tail -5 "$root.log" && exit 1; }
inside /effnet/pipelines/demo.sh
inside /effnet/tests/run.sh --quick
