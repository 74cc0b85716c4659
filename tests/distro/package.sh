#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The packages of debian/: built by dpkg-buildpackage in a fresh Debian, looked at by lintian, installed in another that
# never saw a compiler, and run there by an ordinary user; then the same from a prefix. Needs root and debootstrap.
# usage: tests/distro/package.sh [SUITE [FOLDER]]; EFFNET_MIRROR names another mirror than this machine's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/distro/root.sh
. "$here/root.sh"
suite=${1:-bookworm}
source=$(cd "$here/../.." && pwd)
base=${2:-${EFFNET_TEST_BUILD_DIR:-$source/build-tests}/package-$suite}
prefix=/opt/effnet
runtime=(gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-libav fonts-dejavu-core python3-gi gir1.2-gstreamer-1.0
  gir1.2-gst-plugins-base-1.0 python3-numpy)

say() {
  printf '\n== %s: %s (%d s)\n' "$suite" "$1" $SECONDS
}

install() {
  root_run apt-get -q -y -o Dpkg::Options::=--force-confold install --no-install-recommends "$@" >>"$base/apt.log" 2>&1 || {
    tail -20 "$base/apt.log"
    echo "FAILED: apt-get install $*"
    exit 1
  }
}

# as_guest COMMAND...: as a user who owns nothing but a home.
as_guest() {
  chroot --userspec=guest:guest "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/home/guest LANG=C.UTF-8 \
    sh -c 'cd && exec "$@"' sh "$@"
}

mkdir -p "$base"
: >"$base/apt.log"
root_make "$suite" "$base/fresh"
root_leave
for name in build clean; do
  [ ! -d "$base/$name" ] || umount "$base/$name/proc" "$base/$name/dev/pts" 2>/dev/null || true
  root_copy "$base/fresh" "$base/$name"
done

root_enter "$base/build"
root_update
say "what the build needs"
install build-essential debhelper lintian
mkdir -p "$root/src/effnet"
(cd "$source" && git ls-files -z | tar -c --null -T -) | tar -x -C "$root/src/effnet"
root_run sh -c 'cd /src/effnet && exec apt-get -q -y -o Dpkg::Options::=--force-confold build-dep --no-install-recommends ./' >>"$base/apt.log" 2>&1 || {
  tail -20 "$base/apt.log"
  echo "FAILED: apt-get build-dep"
  exit 1
}
say "dpkg-buildpackage"
root_run sh -c 'cd /src/effnet && exec dpkg-buildpackage -us -uc' >"$base/dpkg.log" 2>&1 || {
  tail -40 "$base/dpkg.log"
  echo "FAILED: dpkg-buildpackage; its log is $base/dpkg.log"
  exit 1
}
(cd "$root/src" && ls -l ./*.deb)
say "lintian"
root_run sh -c 'cd /src && exec lintian --allow-root --fail-on error --tag-display-limit 0 ./*.changes' | tee "$base/lintian.log"
[ "${PIPESTATUS[0]}" -eq 0 ] || { echo "FAILED: lintian" && exit 1; }
say "a program against libeffnet-dev"
root_run sh -c 'cd /src && dpkg -i libeffnet0_*.deb libeffnet-dev_*.deb' >>"$base/apt.log" 2>&1
printf '#include <effnet/effnet.h>\n#include <stdio.h>\nint main (void) { return puts (effnet_version ()) < 0; }\n' \
  >"$root/src/consumer.c"
# shellcheck disable=SC2016 # for the inner shell
root_run sh -c 'cd /src && gcc -Wall -Werror -o consumer consumer.c $(pkg-config --cflags --libs effnet) && ./consumer'
# What depends on the prefix is compiled anew, the rest is that of the packages.
say "a build for $prefix"
root_run sh -c "cd /src/effnet/obj-* && meson configure --prefix=$prefix '-Dpackage_origin=built from source' &&
  ninja && meson install --no-rebuild" >"$base/prefix.log" 2>&1 || {
  tail -40 "$base/prefix.log"
  echo "FAILED: the build for $prefix; its log is $base/prefix.log"
  exit 1
}
root_leave

root_enter "$base/clean"
root_update
say "installed in a clean Debian"
mkdir -p "$root/debs"
cp "$base"/build/src/*.deb "$root/debs/"
rm "$root"/debs/*-dbgsym_*.deb "$root"/debs/libeffnet-dev_*.deb
mapfile -t debs < <(cd "$root" && ls ./debs/*.deb)
install "${runtime[@]}" "${debs[@]}"
[ ! -e "$root/usr/bin/cc" ] || { echo "FAILED: it has a compiler, so it is not clean" && exit 1; }
root_run useradd --create-home --shell /bin/bash guest
cp "$here/guest.py" "$source/README.md" "$root/home/guest/"
say "run by an ordinary user"
as_guest python3 guest.py README.md /usr
say "removed again"
# shellcheck disable=SC2016 # for the inner shell
root_run sh -c 'exec dpkg --purge $(dpkg-query -W -f "\${Package} " "*effnet*")' >>"$base/apt.log" 2>&1
left=$(find "$root/usr" "$root/etc" "$root/var/lib" -path "$root/var/lib/dpkg" -prune -o -name '*effnet*' -print)
[ -z "$left" ] || { echo "FAILED: the packages leave $left" && exit 1; }
say "run from $prefix by an ordinary user"
mkdir -p "$root/opt"
cp -a "$base/build$prefix" "$root/opt/"
as_guest python3 guest.py README.md "$prefix"
say "done"
