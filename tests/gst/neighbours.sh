#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Plugins that are loaded after ours still load: what libeffnet links must not get in the way of what
# others link (two builds of one BLAS in a process would).
set -eu

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# a fresh registry: one process opens every plugin, ours first
GST_REGISTRY="$out/with" gst-inspect-1.0 --print-all >"$out/with.txt" 2>&1
GST_PLUGIN_PATH='' GST_REGISTRY="$out/without" gst-inspect-1.0 --print-all >"$out/without.txt" 2>&1
blacklisted=$(GST_REGISTRY="$out/with" gst-inspect-1.0 -b 2>&1 || true)
case $blacklisted in
  *'Total count: 0 blacklisted'*) echo "nothing refused to load" ;;
  *)
    before=$(GST_PLUGIN_PATH='' GST_REGISTRY="$out/without" gst-inspect-1.0 -b 2>&1 || true)
    [ "$blacklisted" = "$before" ] || {
      echo "with our plugin these do not load:"
      echo "$blacklisted"
      exit 1
    }
    ;;
esac
