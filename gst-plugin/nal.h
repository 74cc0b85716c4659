/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The NAL units of H.264 (ITU-T H.264, 7.3) and H.265 (ITU-T H.265, 7.3): where they begin and end,
 * and the few fields that tell whether a picture can be decoded by itself. Bytes in, numbers out:
 * no GStreamer, no pixel. The invariant: nothing outside the bytes given is read, whatever they
 * say. */
#ifndef GST_EFFNET_NAL_H
#define GST_EFFNET_NAL_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum { GST_EFFNET_CODEC_H264, GST_EFFNET_CODEC_H265 } GstEffnetCodec;

/* What a NAL unit is good for. */
typedef enum {
  GST_EFFNET_NAL_SLICE,
  GST_EFFNET_NAL_SEI, /* before the slices */
  GST_EFFNET_NAL_VPS, /* H.265 only */
  GST_EFFNET_NAL_SPS,
  GST_EFFNET_NAL_PPS,
  GST_EFFNET_NAL_OTHER, /* delimiters, filler, other layers: no decoder misses them */
} GstEffnetNalKind;

/* Header included; emulation prevention bytes, too. */
typedef struct {
  const guint8 *data;
  gsize size;
} GstEffnetNal;

/* Set data, size, length_size and nothing else. */
typedef struct {
  const guint8 *data; /* an access unit */
  gsize size;
  guint length_size; /* bytes of the length before each NAL unit, 1..4; 0: start codes */
  gsize at;
} GstEffnetNalReader;

/* FALSE at the end, and where a length leads outside. With start codes @nal->size is that of all
 * that is left, until gst_effnet_nal_find_end() is called: who only wants the first bytes does not
 * pay for the search. */
gboolean gst_effnet_nal_next (GstEffnetNalReader *reader, GstEffnetNal *nal);
void gst_effnet_nal_find_end (GstEffnetNalReader *reader, GstEffnetNal *nal);

GstEffnetNalKind gst_effnet_nal_get_kind (GstEffnetCodec codec, const GstEffnetNal *nal);
/* The number by which others refer to a VPS, SPS or PPS; -1: damaged. */
int gst_effnet_nal_get_id (GstEffnetCodec codec, const GstEffnetNal *nal);
/* A slice of an IDR picture, or in H.265 of any IRAP picture: decoding may begin here. */
gboolean gst_effnet_nal_is_random_access (GstEffnetCodec codec, const GstEffnetNal *nal);
/* A slice that others may refer to. */
gboolean gst_effnet_nal_is_reference (GstEffnetCodec codec, const GstEffnetNal *nal);
/* A slice of H.264 that refers to nothing; FALSE for H.265, which keeps the type behind fields that
 * need the PPS. */
gboolean gst_effnet_nal_is_intra (GstEffnetCodec codec, const GstEffnetNal *nal);
/* Returns: of an SEI unit, after how many pictures who begins here has whole ones (frame numbers in
 * H.264, output order in H.265); -1: it does not say */
int gst_effnet_nal_get_recovery (GstEffnetCodec codec, const GstEffnetNal *nal);

G_END_DECLS

#endif
