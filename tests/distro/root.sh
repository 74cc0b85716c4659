# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# A Debian in a folder, for the scripts here. Source it; root_make SUITE FOLDER, then root_run COMMAND... Another one:
# root_leave, root_copy, root_enter.
# What cannot be had, no mirror included, is NOT RUN: exit code 77. EFFNET_MIRROR names another mirror than this machine's;
# without either, debootstrap takes its own.

root_make() {
  local suite=$1 mirror
  root=$2
  # shellcheck disable=SC2016 # apt's own variable
  mirror=${EFFNET_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security |
    head -1)}
  [ "$(id -u)" -eq 0 ] || { echo "NOT RUN: a chroot needs root" && exit 77; }
  command -v debootstrap >/dev/null || { echo "NOT RUN: debootstrap is not installed" && exit 77; }
  # debootstrap removes its own folder when it is done
  if [ ! -x "$root/usr/bin/apt-get" ] || [ -d "$root/debootstrap" ]; then
    mkdir -p "$root"
    debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || {
      tail -5 "$root.log"
      echo "NOT RUN: debootstrap could not make a Debian $suite; its log is $root.log"
      exit 77
    }
    # the way to the mirror is the host's
    cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
  fi
  root_enter "$root"
}

# root_copy FROM TO: TO becomes another Debian like FROM, without what is mounted there.
root_copy() {
  rm -rf --one-file-system "$2"
  cp -a --one-file-system "$1" "$2"
}

# root_enter FOLDER: what root_run runs in from now on
root_enter() {
  root=$1
  cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" 2>/dev/null || true
  mkdir -p "$root/dev/pts"
  mountpoint -q "$root/dev/pts" || mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" 2>/dev/null || true
  [ -e "$root/dev/pts/ptmx" ] && ln -sf pts/ptmx "$root/dev/ptmx"
  trap root_leave EXIT
}

root_leave() {
  umount "$root/proc" "$root/dev/pts" 2>/dev/null || true
}

root_run() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 EFFNET_NO_TORCH=1 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# The lists of packages; $root.log keeps what apt says.
root_update() {
  root_run apt-get -q update >"$root.log" 2>&1 || {
    tail -5 "$root.log"
    echo "NOT RUN: the mirror's lists of packages cannot be had"
    exit 77
  }
}
