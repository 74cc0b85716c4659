#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The checks of this folder can fail: each is given a small tree with one thing wrong.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/style/tap.sh
. "$here/tap.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
card='/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A card that says in a sentence what lives here. */'

# caught CHECKER EXPECTED [FILE TEXT]...: the checker must go red and say EXPECTED.
caught() {
  local checker=$1 expected=$2 out
  shift 2
  rm -rf "${tmp:?}/tree"
  while [ $# -gt 0 ]; do
    mkdir -p "$tmp/tree/$(dirname "$1")"
    printf '%s\n' "$2" >"$tmp/tree/$1"
    shift 2
  done
  if out=$("$here/$checker" "$tmp/tree" 2>&1); then
    check "$checker catches: $expected" "it stayed green"
  else
    check "$checker catches: $expected" "$(echo "$out" | grep -q "^not ok .*$expected" || echo "$out")"
  fi
}

# counted NAME EXPECTED [RESULT STDOUT]...: what count.py makes of tests that ended so.
counted() {
  local name=$1 expected=$2 found
  shift 2
  while [ $# -gt 0 ]; do
    printf '{"name": "x", "result": "%s", "stdout": "%s"}\n' "$1" "$2"
    shift 2
  done >"$tmp/log.json"
  found=$("$here/../count.py" "$tmp/log.json" 2>/dev/null)
  check "count.py: $name" "$([ "$found" = "$expected" ] || echo "$found, expected $expected")"
}
counted 'nothing ran' '0 0 0'
counted 'passed, failed and skipped points' '1 1 1' FAIL 'ok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no camera'
counted 'skipped points are not passed' '0 0 2' OK 'ok 1 - a # SKIP no camera\nok 2 - b # skip no display'
counted 'a skipped script is not passed' '0 0 1' SKIP 'SKIPPED: no PyTorch'
counted 'a script that went wrong' '0 1 0' FAIL ''
counted 'a crash after points that passed' '1 1 0' ERROR 'ok 1 - a'
counted 'a timeout' '0 1 0' TIMEOUT ''

# run.sh in a tree of its own, with a meson that finds no tests.
mkdir -p "$tmp/bin" "$tmp/run/tests"
for program in meson ninja; do
  printf '#!/bin/sh\nexit 0\n' >"$tmp/bin/$program"
  chmod +x "$tmp/bin/$program"
done
sed "s|^export PATH=.*|export PATH='$tmp/bin':\$PATH|" "$here/../run.sh" >"$tmp/run/tests/run.sh"
if EFFNET_TEST_BUILD_DIR="$tmp/run/build" bash "$tmp/run/tests/run.sh" --quick --no-install >"$tmp/run.txt" 2>&1; then
  check "run.sh: no tests, no success" "it stayed green"
else
  check "run.sh: no tests, no success" "$(grep -q 'gcc left no log' "$tmp/run.txt" || cat "$tmp/run.txt")"
fi

caught layers.sh 'src/arch includes' src/arch/net.c '#include "kernels/kernels.h"'
caught layers.sh 'src/kernels includes' src/kernels/gemm.c '#include "plan/plan.h"'
caught layers.sh 'src/cli includes' src/cli/x.c '#include "base/cpu.h"'
caught layers.sh 'gst-plugin includes' gst-plugin/x.c '#include "engine/engine.h"'
caught layers.sh 'an element its own' gst-plugin/overlay/x.c '#include "classify/regions.h"'
caught layers.sh 'an element its own' gst-plugin/video.c '#include "classify/regions.h"'
caught layers.sh 'an element its own' gst-plugin/plugin.c '#include "classify/regions.h"'
caught layers.sh 'of gst-plugin the tool' src/cli/x.c '#include "gst-plugin/stats.h"'
caught layers.sh 'a room known here' src/attic/x.c '#include "base/cpu.h"'
caught layers.sh 'src/plan includes' src/plan/x.c '#include "weights/tensors.h"'
caught layers.sh 'of src only' src/plan/x.c '#include "effnet/effnet.h"'
caught layers.sh 'GStreamer stops' src/image/x.c '#include <gst/gst.h>'
caught layers.sh 'libjpeg stops' src/image/frontend.c '#include <jpeglib.h>'
caught layers.sh 'intrinsics stop' src/image/x.c '#include <immintrin.h>'
caught layers.sh 'threads are made' src/engine/x.c '  g_thread_new ("x", f, NULL);'
caught layers.sh 'memory is mapped' src/plan/x.c '#include <sys/mman.h>'
caught layers.sh 'Pango and Cairo stop' gst-plugin/x.c '#include <pango/pangocairo.h>'
caught layers.sh 'never print' src/engine/x.c '  printf ("x");'
caught layers.sh 'not kept for ever' gst-plugin/x.c '  g_intern_string (name);'
caught layers.sh 'left alone' gst-plugin/x.c '  g_setenv ("A", "b", TRUE);'
caught circles.py 'there is code' a.txt 'no code'
caught circles.py 'headers of src/image include' src/image/a.h '#include "image/b.h"' \
  src/image/b.h '#include "image/a.h"'
caught circles.py 'sources of src/plan call' src/plan/a.c 'void
effnet_a (void)
{
  effnet_b ();
}' src/plan/b.c 'void
effnet_b (void)
{
  effnet_a ();
}'
# through a function that is only named, and between folders of one room
caught circles.py 'sources of gst-plugin call' gst-plugin/classify/a.c 'int
gst_effnet_a (void)
{
  return gst_effnet_b ();
}' gst-plugin/b.c 'int
gst_effnet_b (void)
{
  return f (gst_effnet_a);
}'
# outgrown ROOM FILE [NAME IN shape.py]: a room of one line more than it may have.
outgrown() {
  local most
  most=$(sed -nE "s/^ *\\(\"${3:-$1}\", .*, ([0-9]+)\\),\$/\\1/p" "$here/shape.py")
  caught shape.py "$1: at most $most lines" "$2" "$card
$(yes '/**/' | head -n $((${most:-0} - 2)))"
}
outgrown 'the kernels' src/kernels/isa/a.inc
outgrown 'the tool' src/cli/a.c
outgrown 'the core beside kernels and tool' src/bind/a.c
outgrown 'the first element, classify' gst-plugin/classify/a.c
outgrown 'the element new' gst-plugin/new/a.c 'the element [{}]*'
outgrown 'what the elements share' gst-plugin/a.h
caught shape.py 'files of code have at most' src/a.c "$card
$(yes '/**/' | head -600)"
caught shape.py 'functions have under' src/a.c "$card
int
f (void)
{
$(yes '  g ();' | head -60)
}"
caught shape.py 'name their licence' src/a.c '/* a card without a licence, in a few words */'
caught shape.py 'room card' src/a.c '/* SPDX-License-Identifier: LGPL-2.1-or-later */'
caught shape.py 'left-over' src/a.c "$card
$(printf '/* %s%s */' TO DO)"
caught shape.py 'no tabs' src/a.c "$card$(printf '\n\tint x;')"
caught shape.py '100 columns' src/a.c "$card
int $(printf 'x%.0s' {1..100});"
caught shape.py 'the tree has code' a.txt 'no code'
caught docs.py 'there are Markdown' a.txt 'no page'
caught docs.py 'links lead' README.md 'See [the plan](src/plan/plan.h).'
caught docs.py 'links lead' README.md '[A heading](#that-is-not-there)'
caught docs.py 'source files' docs/a.md "The plan is in \`plan/plan.h\`."
caught docs.py 'draws every room' src/attic/a.md 'Not in the drawing.'
caught docs.py 'under 150 lines' docs/PERFORMANCE.md "$(yes line | head -150)"
tap_end
