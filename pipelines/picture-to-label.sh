#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A JPEG picture to a label: picture-to-label.sh [PICTURE]
# The element takes the JPEG as it is; no decoder stands before it.
set -eu
# shellcheck source=pipelines/common.sh
. "$(dirname "$0")/common.sh"
picture=${1:-$here/media/cat.jpg}
[ -r "$picture" ] || { echo "$picture: cannot be read" >&2 && exit 1; }

exec effnet watch multifilesrc location="${picture//%/%%}" caps=image/jpeg num-buffers=1 \
  ! effnetclassify post-messages=all ! fakesink
