# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For scripts that begin on a fresh Debian or Ubuntu; they source it. In the source tree it installs what is missing and
# builds in EFFNET_BUILD_ROOT (by default `build`); of installed examples it says which packages are missing. It finds
# the element and the tool as common.sh does. more_packages: what else the script needs. What scripts make goes to
# $build, which is the current folder where the examples are installed.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${EFFNET_BUILD_ROOT:-$root/build}
packages=(gcc meson ninja-build pkg-config libglib2.0-dev libjson-glib-dev libjpeg-dev libopenblas-dev
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libpango1.0-dev libsoup-3.0-dev libmosquitto-dev libsqlite3-dev
  gstreamer1.0-tools gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good gstreamer1.0-x gstreamer1.0-libav fonts-dejavu-core
  ${more_packages[@]+"${more_packages[@]}"})

install_packages() {
  local package missing=() sudo=
  command -v dpkg-query >/dev/null || { echo "No dpkg here: installing nothing." && return; }
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  echo "Installing with apt-get: ${missing[*]}"
  $sudo apt-get -q update
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 install \
    --no-install-recommends "${missing[@]}"
}

build_effnet() {
  [ -f "$build/build.ninja" ] || meson setup "$build" "$root" -Dtests=false >"$root/.demo-setup.log" 2>&1 || {
    cat "$root/.demo-setup.log"
    exit 1
  }
  rm -f "$root/.demo-setup.log"
  echo "Building in $build"
  ninja -C "$build" --quiet
}

if [ -f "$root/meson.build" ]; then
  install_packages
  build_effnet
else
  build=$PWD EFFNET_BUILD_ROOT=$PWD
  for package in "${more_packages[@]+"${more_packages[@]}"}"; do
    ! command -v dpkg-query >/dev/null || dpkg-query -W "$package" >/dev/null 2>&1 ||
      echo "$package is not installed, which this example needs: apt-get install ${more_packages[*]}" >&2
  done
fi
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
