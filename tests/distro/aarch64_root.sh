#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# GStreamer for 64-bit Arm, in a folder: the packages of a Debian of that CPU, unpacked, since their -dev packages
# take the place of this machine's own; and FOLDER/cross.txt, with which Meson builds against them and runs what it
# has built under qemu-user. Needs debootstrap and root. What cannot be had is NOT RUN, exit status 77.
# usage: tests/distro/aarch64_root.sh FOLDER
set -eu

mkdir -p "$1"
folder=$(cd "$1" && pwd)
root=$folder/root
packages=libc6-dev,libgcc-12-dev,libglib2.0-dev,libjson-glib-dev,libjpeg62-turbo-dev
packages=$packages,libgstreamer1.0-dev,libgstreamer-plugins-base1.0-dev,gstreamer1.0-tools
packages=$packages,gstreamer1.0-plugins-base,gstreamer1.0-plugins-good

[ "$(id -u)" -eq 0 ] || { echo "NOT RUN: debootstrap needs root" && exit 77; }
command -v debootstrap >/dev/null || { echo "NOT RUN: debootstrap is not installed" && exit 77; }
if [ ! -f "$folder/cross.txt" ] || [ ! -x "$root/usr/bin/gst-launch-1.0" ]; then # or one of before
  # shellcheck disable=SC2016 # apt's own variable
  mirror=${EFFNET_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -1)}
  rm -rf "$root"
  # shellcheck disable=SC2086 # no mirror: none
  debootstrap --foreign --arch=arm64 --variant=minbase --include="$packages" bookworm "$root" $mirror \
    >"$folder/debootstrap.log" 2>&1 || {
    tail -5 "$folder/debootstrap.log"
    echo "NOT RUN: debootstrap could not fetch a Debian for arm64; its log is $folder/debootstrap.log"
    exit 77
  }
  # No program of that CPU runs before it is emulated, so that nothing is installed in the usual way.
  for package in "$root"/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$root"; done
  cat >"$folder/cross.txt" <<CROSS
[constants]
root = '$root'
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', root]
[built-in options]
c_args = ['--sysroot=' + root]
c_link_args = ['--sysroot=' + root]
[properties]
sys_root = root
pkg_config_libdir = [root / 'usr/lib/aarch64-linux-gnu/pkgconfig', root / 'usr/share/pkgconfig']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'armv8-a'
endian = 'little'
CROSS
fi
