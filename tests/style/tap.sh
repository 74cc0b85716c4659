# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The Test Anything Protocol for shell checks. Source it, call check once per thing checked, and
# end with tap_end: a script that checked nothing has failed.
tap_count=0
tap_failed=0

# check NAME OFFENDERS: passes when OFFENDERS is empty, else prints it as diagnostics.
check() {
  tap_count=$((tap_count + 1))
  if [ -z "$2" ]; then
    echo "ok $tap_count - $1"
  else
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $1"
    printf '%s\n' "$2" | head -40 | sed 's/^/# /'
  fi
}

# skip NAME REASON
skip() {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

tap_end() {
  echo "1..$tap_count"
  [ "$tap_count" -gt 0 ] && [ "$tap_failed" -eq 0 ]
}

# The files of the tree: what git knows or would, else what lies there.
tree_files() {
  { git ls-files --cached --others --exclude-standard 2>/dev/null ||
    find . -type f -not -path './build*' | sed 's|^\./||'; } | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
}
