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
  echo "effnetclassify is not there; build it first: meson setup build && meson compile -C build" >&2
  exit 1
fi

# From the messages that `gst-launch-1.0 -m` prints to lines of: seconds, percent, label, separated by tabs.
labels() {
  sed -unE 's/.* effnetclassify, .* stream-time=\(guint64\)([0-9]+),.* label=\(string\)("([^"]*)"|([^,]*)),.* confidence=\(double\)([^,;]*).*/\1\t\5\t\3\4/p' |
    sed -u 's/\\//g' |
    awk -F '\t' '{ printf "%.2f\t%.1f\t%s\n", ($1 > 1e18 ? 0 : $1 / 1e9), $2 * 100, $3; fflush() }'
}
