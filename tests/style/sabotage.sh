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

# caught CHECKER EXPECTED FILE TEXT: the checker must go red and say EXPECTED.
caught() {
  local out
  rm -rf "${tmp:?}/tree"
  mkdir -p "$tmp/tree/$(dirname "$3")"
  printf '%s\n' "$4" >"$tmp/tree/$3"
  if out=$("$here/$1" "$tmp/tree" 2>&1); then
    check "$1 catches: $2" "it stayed green"
  else
    check "$1 catches: $2" "$(echo "$out" | grep -q "^not ok .*$2" || echo "$out")"
  fi
}

caught layers.sh 'src/arch includes' src/arch/net.c '#include "kernels/kernels.h"'
caught layers.sh 'src/kernels includes' src/kernels/gemm.c '#include "plan/plan.h"'
caught layers.sh 'src/cli includes' src/cli/x.c '#include "base/cpu.h"'
caught layers.sh 'gst-plugin includes' gst-plugin/x.c '#include "engine/engine.h"'
caught layers.sh 'of src only' src/plan/x.c '#include "effnet/effnet.h"'
caught layers.sh 'GStreamer stops' src/image/x.c '#include <gst/gst.h>'
caught layers.sh 'libjpeg stops' src/image/frontend.c '#include <jpeglib.h>'
caught layers.sh 'intrinsics stop' src/image/x.c '#include <immintrin.h>'
caught layers.sh 'threads are made' src/engine/x.c '  g_thread_new ("x", f, NULL);'
caught layers.sh 'mmap stops' src/plan/x.c '#include <sys/mman.h>'
caught layers.sh 'never print' src/engine/x.c '  printf ("x");'
caught layers.sh 'left alone' gst-plugin/x.c '  g_setenv ("A", "b", TRUE);'
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
