/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How the tags of a stream say that its frames lie. A tag holds for the buffers that come after it,
 * so that each buffer is given what was said before it. */
#ifndef EFFNET_CLI_ORIENT_H
#define EFFNET_CLI_ORIENT_H

#include "gst-plugin/video.h"

/* Before the stream begins. @now: what holds for the buffers that come; lives as long as @sink. */
void orient_watch (GstElement *sink, GstEffnetTagged *now);
/* 1..8 as Exif has it; 0: nothing was said. */
unsigned orient_of (GstBuffer *buffer);

#endif
