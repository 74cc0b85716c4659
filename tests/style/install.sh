#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What `meson install` leaves is enough: a program finds the library by pkg-config, GStreamer finds
# the plugin, the library finds its model. install.sh BUILD_ROOT
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$1
# shellcheck source=tests/style/tap.sh
. "$here/tap.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check "meson install" "$(DESTDIR="$tmp/root" meson install -C "$build" --no-rebuild --quiet >"$tmp/log" 2>&1 ||
  cat "$tmp/log")"
pc=$(find "$tmp/root" -name effnet.pc)
check "effnet.pc is installed" "$([ -n "$pc" ] || echo "no effnet.pc below the root")"
prefix=$(sed -n 's/^prefix=//p' "$pc")
lib=$(dirname "$(find "$tmp/root" -name libeffnet.so)")
export PKG_CONFIG_PATH="${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}" LD_LIBRARY_PATH="$lib"
cat >"$tmp/consumer.c" <<'END'
#include <effnet/effnet.h>
#include <stdio.h>
int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = effnet_model_open (argc > 1 ? argv[1] : NULL, NULL, &error);
  if (model == NULL) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  printf ("%s %s\n", effnet_version (), effnet_model_get_label (model, 281));
  return 0;
}
END
check "effnet.pc names the library" "$(pkg-config --libs effnet | grep -q -- '-leffnet' || pkg-config --libs effnet)"
# where the files really lie, since they were staged
flags="-I$tmp/root$prefix/include -L$lib -leffnet $(pkg-config --cflags --libs gio-2.0)"
# shellcheck disable=SC2086 # flags are words
check "a program builds against it" "$(${CC:-cc} -Wall -Werror -o "$tmp/consumer" "$tmp/consumer.c" $flags 2>&1)"
models=$tmp/root$(pkg-config --variable=modelsdir effnet)
check "and finds the installed default model" "$(
  out=$(env -u EFFNET_SOURCE_ROOT EFFNET_MODEL_PATH="$models" "$tmp/consumer" 2>&1) || echo "$out"
  [ "${out#* }" = "tabby" ] || echo "class 281 is '$out', expected tabby"
)"
check "from the prefix the tool runs by itself, and fetch and convert with it" "$(
  exe=$tmp/root$prefix/bin/effnet
  for words in --version "fetch --help" "convert --help"; do
    # shellcheck disable=SC2086 # words
    out=$(env -u LD_LIBRARY_PATH "$exe" $words 2>&1) || echo "$words: $out"
  done
  for file in man/man1/effnet.1 bash-completion/completions/effnet.bash zsh/site-functions/_effnet; do
    [ -f "$build/src/cli/effnet.1" ] && [ ! -f "$tmp/root$prefix/share/$file" ] && echo "no share/$file"
  done
  [ -f "$tmp/root$prefix/libexec/effnet/fetch" ] || echo "no libexec/effnet/fetch"
)"
if [ -f "$build/gst-plugin/libgsteffnet.so" ]; then
  check "the JSON Schema of records is installed" "$(cmp "$tmp/root$prefix/share/effnet/result.schema.json" "$here/../../gst-plugin/result.schema.json" 2>&1)"
fi
share=$tmp/root$prefix/share
check "the examples are installed, and say what they lack" "$(
  for file in "$here"/../../pipelines/*.{sh,py} "$here"/../../pipelines/media/*.*; do
    cmp "$file" "$share/effnet/examples/${file##*/pipelines/}" 2>&1
  done
  out=$(python3 -S "$share/effnet/examples/read-metadata.py" 2>&1) && echo "without its packages read-metadata.py succeeds"
  case $out in *python3-gi*) ;; *) echo "without its packages read-metadata.py says: $out" ;; esac
)"
if [ -f "$build/gst-plugin/elements.html" ] && command -v gst-inspect-1.0 >/dev/null; then
  check "the page about the elements has every property of each" "$(
    for element in effnetclassify effnetoverlay effnetrecord effnetpublish; do
      env -u LD_LIBRARY_PATH GST_PLUGIN_PATH="$lib/gstreamer-1.0" GST_REGISTRY="$tmp/registry-page" \
        gst-inspect-1.0 "$element" >"$tmp/$element.txt" 2>/dev/null || [ "$element" != effnetclassify ] || echo "no effnetclassify"
      sed -n '/^Element Properties/,/^Element Signals/s/^  \([a-z][a-z0-9-]*\) *: .*/\1/p' "$tmp/$element.txt" >"$tmp/$element.names"
      [ ! -s "$tmp/$element.txt" ] || [ -s "$tmp/$element.names" ] || echo "$element has no properties"
      while read -r name; do
        sed -n "/id=\"$element\"/,/<h2 /p" "$share/doc/effnet/elements.html" | grep -q "<code>$name</code>" || echo "no $element:$name"
      done <"$tmp/$element.names"
    done
  )"
fi
if [ -f "$build/gst-plugin/libgsteffnet.so" ] && command -v gst-inspect-1.0 >/dev/null; then
  check "gst-inspect-1.0 knows the installed element, without any model" "$(
    env -u LD_LIBRARY_PATH GST_PLUGIN_PATH="$lib/gstreamer-1.0" GST_REGISTRY="$tmp/registry" EFFNET_MODEL_PATH=/nonexistent \
      gst-inspect-1.0 effnetclassify >"$tmp/inspect" 2>&1 || cat "$tmp/inspect"
  )"
else
  skip "gst-inspect-1.0 knows the installed element" "the plugin is not built"
fi
tap_end
