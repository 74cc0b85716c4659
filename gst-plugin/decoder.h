/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Decoders of H.264 and H.265: the system's elements, each alone and driven by whoever calls, with
 * no thread and no clock. Who has nothing but keyframes borrows one for each from all that the
 * process keeps, so that there are never more than calls at the same time, however many streams;
 * what nobody borrows for some seconds is freed. Who decodes every picture has one of their own.
 * The invariant: a decoder belongs to one caller at a time. */
#ifndef GST_EFFNET_DECODER_H
#define GST_EFFNET_DECODER_H

#include "nal.h"
#include "video.h"

G_BEGIN_DECLS

typedef struct _GstEffnetDecoder GstEffnetDecoder;

/* Returns: (transfer full): byte-stream caps for a decoder of a stream of @caps */
GstCaps *gst_effnet_decoder_caps_new (const GstCaps *caps);

/* Returns: (transfer full): one that is free, if possible one that decoded such @caps last; NULL
 * with EFFNET_ERROR_UNSUPPORTED. @caps: of gst_effnet_decoder_caps_new(). @factory: (nullable) */
GstEffnetDecoder *gst_effnet_decoder_borrow (const GstCaps *caps, const char *factory,
                                             GError **error);
/* Drops what it has not put out. */
void gst_effnet_decoder_give_back (GstEffnetDecoder *decoder);
/* Who may borrow joins; when the last leaves, what is free is freed. */
void gst_effnet_decoder_join (void);
void gst_effnet_decoder_leave (void);
/* Returns: how many of the process nobody has borrowed */
guint gst_effnet_decoder_count_idle (void);

/* @unit: the next access unit; a reference is taken. @error: EFFNET_ERROR_FRAME */
gboolean gst_effnet_decoder_push (GstEffnetDecoder *decoder, GstBuffer *unit, GError **error);
/* All that was pushed comes out; the next unit begins anew. */
gboolean gst_effnet_decoder_drain (GstEffnetDecoder *decoder, GError **error);
/* Returns: (transfer full) (nullable): the newest picture that came out since the last call; older
 * ones are dropped. @format: (out): its */
GstBuffer *gst_effnet_decoder_pull (GstEffnetDecoder *decoder, GstEffnetFormat *format);
/* Drains. Returns: (transfer full): the last picture; NULL with EFFNET_ERROR_FRAME when there is
 * none, or it is not whole. */
GstBuffer *gst_effnet_decoder_finish (GstEffnetDecoder *decoder, GstEffnetFormat *format,
                                      GError **error);
/* The name of the element that decodes. */
const char *gst_effnet_decoder_get_name (const GstEffnetDecoder *decoder);

G_END_DECLS

#endif
