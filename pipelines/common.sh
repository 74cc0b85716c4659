# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What the examples share; they source it. Finds the element and the tool: in the build folder
# (EFFNET_BUILD_ROOT, by default `build` in the source tree) where there is one, else as installed.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${EFFNET_BUILD_ROOT:-$here/../build}
if [ -f "$build/gst-plugin/libgsteffnet.so" ]; then
  export GST_PLUGIN_PATH="$build/gst-plugin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
  export PATH="$build/src/cli:$PATH"
fi
if ! gst-inspect-1.0 effnetclassify >/dev/null 2>&1; then
  if [ -f "$here/../meson.build" ]; then
    echo "effnetclassify is not there; build it first: meson setup build && meson compile -C build" >&2
  else
    echo "effnetclassify is not there; install gstreamer1.0-effnet, or set GST_PLUGIN_PATH to where it is" >&2
  fi
  exit 1
fi
