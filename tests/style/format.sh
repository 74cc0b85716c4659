#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# C files are as clang-format 14 leaves them; shell scripts satisfy shellcheck.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 1
# shellcheck source=tests/style/tap.sh
. "$here/tap.sh"

version=$(clang-format --version 2>/dev/null | sed -E 's/.*version ([0-9]+).*/\1/')
if [ "$version" = 14 ]; then
  check "clang-format" "$(tree_files | grep -E '\.[ch]$' | xargs clang-format --dry-run -Werror 2>&1 |
    grep -E 'error:')"
else
  skip "clang-format" "version 14 decides; here is ${version:-none}"
fi
if command -v shellcheck >/dev/null; then
  scripts=$(tree_files | while read -r f; do
    case $f in *.sh) echo "$f" ;; *) head -c 40 "$f" | grep -aqE '^#!.*(bash|/sh)' && echo "$f" ;; esac
  done)
  # shellcheck disable=SC2086 # names without spaces
  check "shellcheck" "$(shellcheck -x $scripts 2>&1)"
else
  skip "shellcheck" "shellcheck is not installed"
fi
tap_end
