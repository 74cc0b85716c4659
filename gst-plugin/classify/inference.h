/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A buffer becomes the input of an inference. The invariant: a buffer is mapped no longer than
 * that, or than the streaming thread waits for the inference, and not at all where nothing of it is
 * to be classified. */
#ifndef GST_EFFNET_INFERENCE_H
#define GST_EFFNET_INFERENCE_H

#include "classify/job.h"

G_BEGIN_DECLS

/* What the tags of one stream say. */
typedef struct {
  GstEffnetTagged tagged;
  gboolean has_exif; /* a JPEG did, and the tags may be an earlier picture's */
} GstEffnetInference;

/* A stream begins: no tags, no pictures yet. */
void gst_effnet_inference_forget (GstEffnetInference *inference);
/* Notes what a tag event says. TRUE when the pictures stand otherwise from now on. */
gboolean gst_effnet_inference_note_tags (GstEffnetInference *inference, GstEvent *event);
/* The input of @job, begun before: the parts of @buffer that its settings ask for; none of them
 * leaves it without input. Tracked regions that have a good result in @newest are kept. Of
 * compressed video, which @coded has looked at, the parts are not known yet. @own: @job keeps
 * nothing of @buffer; else the buffer stays mapped, so that it must outlive the job. FALSE with
 * EFFNET_ERROR_FRAME or CANCELLED. */
gboolean gst_effnet_inference_capture (GstEffnetInference *inference, const GstEffnetFormat *format,
                                       GstEffnetCoded *coded, GstBuffer *buffer, gboolean own,
                                       const GstEffnetResults *newest, GstEffnetJob *job,
                                       GError **error);

G_END_DECLS

#endif
