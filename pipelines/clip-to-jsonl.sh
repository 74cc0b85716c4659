#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A clip to JSON lines, every tenth frame: clip-to-jsonl.sh [CLIP] > results.jsonl
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"

effnet classify --json --every 10 --top-k 3 "${1:-$here/media/pan.webm}"
