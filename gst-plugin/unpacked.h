/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Layouts that the library has no row for, such as the tiles of hardware decoders, and those that a
 * newer GStreamer brings: GStreamer's own unpacking makes a copy of the frame, of 4 or 8 bytes a
 * pixel. The invariant: what is unpacked has the frame's matrix, range and size. */
#ifndef GST_EFFNET_UNPACKED_H
#define GST_EFFNET_UNPACKED_H

#include "video.h"

G_BEGIN_DECLS

/* What GStreamer unpacks @format to; UNKNOWN: nothing that is a frame by itself. */
GstVideoFormat gst_effnet_unpacked_format (GstVideoFormat format);
/* From the mapped frame->video, whose planes are inside their memory, to frame->image's plane.
 * FALSE with EFFNET_ERROR_FRAME; else frame->unpacked is to be freed. */
gboolean gst_effnet_unpacked_make (GstEffnetFrame *frame, GError **error);

G_END_DECLS

#endif
