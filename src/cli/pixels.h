/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From GStreamer's description of a frame to the library's. */
#ifndef EFFNET_CLI_PIXELS_H
#define EFFNET_CLI_PIXELS_H

#include "effnet/effnet.h"

#include <gst/video/video.h>

/* Caps of every raw format the library takes. */
GstCaps *pixels_caps (void);
/* Describes a mapped frame. FALSE when its format is none of pixels_caps(). */
gboolean pixels_from_frame (const GstVideoFrame *frame, EffnetImage *image);

#endif
