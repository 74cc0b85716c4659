/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pictures to keep: a copy of a frame, taken while the stream has it, becomes a JPEG later, in a
 * thread that may take its time. The invariant: a camera's buffer is never kept. */
#ifndef GST_EFFNET_PICTURE_H
#define GST_EFFNET_PICTURE_H

#include <effnet/effnet.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

#define GST_EFFNET_KEPT_SIDE 1280 /* pixels of the longer side of what is compressed, at most */

typedef struct {
  gatomicrefcount refs;
  GstBuffer *buffer;
  GstVideoInfo info; /* of raw video; else the buffer is a JPEG */
  guint orientation; /* EffnetImage.orientation of raw video */
} GstEffnetPicture;

/* A copy of @buffer. @info: (nullable): NULL: it is a JPEG */
GstEffnetPicture *gst_effnet_picture_new (GstBuffer *buffer, const GstVideoInfo *info,
                                          guint orientation);
GstEffnetPicture *gst_effnet_picture_ref (GstEffnetPicture *picture);
void gst_effnet_picture_unref (GstEffnetPicture *picture);
gboolean gst_effnet_picture_is_jpeg (const GstEffnetPicture *picture);
/* Returns: (nullable): a JPEG, upright and with square pixels; of a JPEG its bytes as they came.
 * @part: (nullable): of the upright frame, in pixels; @longest: pixels of the longer side, at most;
 * both of raw video only */
GBytes *gst_effnet_picture_encode (GstEffnetPicture *picture, const EffnetRegion *part,
                                   guint longest, GError **error);
/* Returns: what a network sees, [height][width][3], as [height][width][3] bytes, R G B: every
 * @step-th pixel */
GBytes *gst_effnet_picture_of_input (const float *nhwc, const EffnetModelInfo *info, guint step);

G_END_DECLS

#endif
