#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# effnet.h, scheduler.h and train.h alone compile as C11 and as C++17, without a warning; its annotations satisfy
# GObject-introspection. header.sh BUILD
set -u
build=${1:?usage: header.sh BUILD, where meson put effnet/version.h}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/style/tap.sh
. "$here/tap.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

glib=$(pkg-config --cflags gio-2.0)
printf '#include <effnet/scheduler.h>\n#include <effnet/train.h>\nEffnetImage image = EFFNET_IMAGE_INIT;\n' >"$tmp/alone.c"
cp "$tmp/alone.c" "$tmp/alone.cc"
for cc in gcc clang; do
  if command -v $cc >/dev/null; then
    # shellcheck disable=SC2086 # flags are words
    check "C11 with $cc" "$($cc -std=c11 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I"$root/include" \
      -I"$build/include" $glib "$tmp/alone.c" 2>&1)"
  else
    skip "C11 with $cc" "$cc is not installed"
  fi
done
for cxx in g++ clang++; do
  if command -v $cxx >/dev/null; then
    # shellcheck disable=SC2086
    check "C++17 with $cxx" "$($cxx -std=c++17 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I"$root/include" \
      -I"$build/include" $glib "$tmp/alone.cc" 2>&1)"
  else
    skip "C++17 with $cxx" "$cxx is not installed"
  fi
done
if command -v g-ir-scanner >/dev/null; then
  cd "$tmp" || exit 1
  # The library has no GObject types, so that its opaque structures stay bare ones.
  # shellcheck disable=SC2086
  check "GObject-introspection annotations" "$(g-ir-scanner --warn-all --header-only \
    --namespace=Effnet --nsversion=0 --identifier-prefix=Effnet --symbol-prefix=effnet \
    --include=GLib-2.0 --include=GObject-2.0 --include=Gio-2.0 --pkg=gio-2.0 -I"$root/include" -I"$build/include" $glib \
    --output="$tmp/Effnet-0.gir" "$root"/include/effnet/{effnet,image,session,describe,maps,picture,quantise,scheduler,train,evaluate,headfile,augment,tune,percentile}.h 2>&1 |
    grep -E 'Warning|Error|Fatal' | grep -v 'return of bare structure or union')"
else
  skip "GObject-introspection annotations" "g-ir-scanner is not installed"
fi
tap_end
