/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finds what of an H.264 or H.265 stream can be decoded without the rest: pictures that begin
 * anew, and, in streams of gradual refresh that have none, the pictures from a recovery point on.
 * What is taken out is byte-stream with the parameter sets in front, copied: any decoder of the
 * codec takes it, whatever it decoded before. The invariant: an access unit is looked at no further
 * than its first slices, unless it is taken. */
#ifndef GST_EFFNET_KEYFRAME_H
#define GST_EFFNET_KEYFRAME_H

#include "nal.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/* What an access unit is to those who have not decoded the ones before. */
typedef enum {
  GST_EFFNET_UNIT_NONE,    /* has no slice of the base layer, or is damaged */
  GST_EFFNET_UNIT_DEPENDS, /* nothing yet */
  GST_EFFNET_UNIT_REFRESH, /* the first of some that lead to a whole picture */
  GST_EFFNET_UNIT_WHOLE,   /* the last of those */
  GST_EFFNET_UNIT_KEY,     /* a whole picture */
} GstEffnetUnit;

/* One stream's. */
typedef struct _GstEffnetKeyframes GstEffnetKeyframes;

/* TRUE for caps of compressed video that gst_effnet_keyframes_new() takes. */
gboolean gst_effnet_keyframes_can (const GstCaps *caps);
/* Returns: (transfer full): NULL with EFFNET_ERROR_FORMAT: codec_data is missing or damaged */
GstEffnetKeyframes *gst_effnet_keyframes_new (const GstCaps *caps, GError **error);
void gst_effnet_keyframes_free (GstEffnetKeyframes *keyframes);
GstEffnetCodec gst_effnet_keyframes_get_codec (const GstEffnetKeyframes *keyframes);
/* After a gap: pictures so far do not count; parameter sets do. */
void gst_effnet_keyframes_forget (GstEffnetKeyframes *keyframes);
/* @buffer: the stream's next access unit */
GstEffnetUnit gst_effnet_keyframes_look (GstEffnetKeyframes *keyframes, GstBuffer *buffer);
/* Returns: (transfer full) (nullable): what is to be decoded, in this order, for the picture of
 * @buffer, that was looked at last: itself, and for GST_EFFNET_UNIT_WHOLE those before it since the
 * refresh began. Times are those of the stream. NULL when it is damaged. */
GstBufferList *gst_effnet_keyframes_take (GstEffnetKeyframes *keyframes, GstBuffer *buffer);

/* Returns: (transfer full) (nullable): @buffer alone */
GstBuffer *gst_effnet_keyframes_copy (GstEffnetKeyframes *keyframes, GstBuffer *buffer);
/* TRUE from a GST_EFFNET_UNIT_REFRESH to the GST_EFFNET_UNIT_WHOLE of it. */
gboolean gst_effnet_keyframes_is_refreshing (const GstEffnetKeyframes *keyframes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstEffnetKeyframes, gst_effnet_keyframes_free)

G_END_DECLS

#endif
