/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Start codes and lengths, headers, and a reader of bits. */
#include "nal.h"

#include <string.h>

#define RECOVERY_POINT 6 /* payloadType of the SEI message, in both standards */

/* ---- bits ------------------------------------------------------------------------------------ */

/* Reads what stands between the emulation prevention bytes; behind the end there are zeros. */
typedef struct {
  const guint8 *at, *end;
  guint zeros; /* bytes of 0 just read */
  guint8 byte;
  guint left; /* bits of it */
  gboolean over;
} Bits;

static guint8
next_byte (Bits *bits)
{
  guint8 byte;

  if (bits->zeros >= 2 && bits->at < bits->end && *bits->at == 3) {
    bits->at++;
    bits->zeros = 0;
  }
  if (bits->at == bits->end) {
    bits->over = TRUE;
    return 0;
  }
  byte = *bits->at++;
  bits->zeros = byte == 0 ? bits->zeros + 1 : 0;
  return byte;
}

/* @n: 32 at most */
static guint32
take (Bits *bits, guint n)
{
  guint32 value = 0;

  for (; n > 0; n--) {
    if (bits->left == 0) {
      bits->byte = next_byte (bits);
      bits->left = 8;
    }
    bits->left--;
    value = value << 1 | (bits->byte >> bits->left & 1);
  }
  return value;
}

/* ue(v) */
static guint32
take_golomb (Bits *bits)
{
  guint zeros = 0;

  while (!bits->over && zeros < 32 && take (bits, 1) == 0)
    zeros++;
  if (zeros >= 32) {
    bits->over = TRUE;
    return 0;
  }
  return (1u << zeros) - 1 + take (bits, zeros);
}

/* se(v) */
static gint32
take_signed_golomb (Bits *bits)
{
  guint32 k = take_golomb (bits);

  return k & 1 ? (gint32)(k / 2) + 1 : -(gint32)(k / 2);
}

static guint
header_size (GstEffnetCodec codec)
{
  return codec == GST_EFFNET_CODEC_H264 ? 1 : 2;
}

/* Behind the header. */
static Bits
bits_of (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  return (Bits){.at = nal->data + MIN (header_size (codec), nal->size),
                .end = nal->data + nal->size};
}

/* ---- units ----------------------------------------------------------------------------------- */

/* Returns: where the first of three bytes 0 0 1 is, or the end */
static gsize
find_start_code (const guint8 *data, gsize size, gsize from)
{
  gsize at = from + 2;

  while (at < size) {
    const guint8 *one = memchr (data + at, 1, size - at);

    if (one == NULL)
      break;
    at = (gsize)(one - data);
    if (data[at - 1] == 0 && data[at - 2] == 0)
      return at - 2;
    at++;
  }
  return size;
}

static gboolean
next_by_length (GstEffnetNalReader *reader, GstEffnetNal *nal)
{
  gsize length = 0, left = reader->size - reader->at;

  if (left <= reader->length_size)
    return FALSE;
  for (guint i = 0; i < reader->length_size; i++)
    length = length << 8 | reader->data[reader->at + i];
  if (length == 0 || length > left - reader->length_size)
    return FALSE;
  nal->data = reader->data + reader->at + reader->length_size;
  nal->size = length;
  reader->at += reader->length_size + length;
  return TRUE;
}

gboolean
gst_effnet_nal_next (GstEffnetNalReader *reader, GstEffnetNal *nal)
{
  gsize code;

  if (reader->length_size > 0)
    return next_by_length (reader, nal);
  if (reader->at >= reader->size)
    return FALSE;
  code = find_start_code (reader->data, reader->size, reader->at);
  if (code + 3 >= reader->size)
    return FALSE;
  reader->at = code + 3;
  nal->data = reader->data + reader->at;
  nal->size = reader->size - reader->at;
  return TRUE;
}

void
gst_effnet_nal_find_end (GstEffnetNalReader *reader, GstEffnetNal *nal)
{
  gsize end;

  if (reader->length_size > 0)
    return;
  end = find_start_code (reader->data, reader->size, reader->at);
  reader->at = end;
  nal->size = end - (gsize)(nal->data - reader->data);
  while (nal->size > 1 && nal->data[nal->size - 1] == 0) /* not the unit's, by the standards */
    nal->size--;
}

/* ---- headers --------------------------------------------------------------------------------- */

static guint
type_of (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  return codec == GST_EFFNET_CODEC_H264 ? nal->data[0] & 0x1f : nal->data[0] >> 1 & 0x3f;
}

static GstEffnetNalKind
kind_of_h264 (guint type)
{
  switch (type) {
  case 1:
  case 5:
    return GST_EFFNET_NAL_SLICE;
  case 6:
    return GST_EFFNET_NAL_SEI;
  case 7:
    return GST_EFFNET_NAL_SPS;
  case 8:
    return GST_EFFNET_NAL_PPS;
  default:
    return GST_EFFNET_NAL_OTHER;
  }
}

static GstEffnetNalKind
kind_of_h265 (guint type)
{
  if (type <= 9 || (type >= 16 && type <= 21))
    return GST_EFFNET_NAL_SLICE;
  switch (type) {
  case 32:
    return GST_EFFNET_NAL_VPS;
  case 33:
    return GST_EFFNET_NAL_SPS;
  case 34:
    return GST_EFFNET_NAL_PPS;
  case 39:
    return GST_EFFNET_NAL_SEI;
  default:
    return GST_EFFNET_NAL_OTHER;
  }
}

GstEffnetNalKind
gst_effnet_nal_get_kind (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  if (nal->size <= header_size (codec) || nal->data[0] & 0x80) /* forbidden_zero_bit */
    return GST_EFFNET_NAL_OTHER;
  if (codec == GST_EFFNET_CODEC_H264)
    return kind_of_h264 (type_of (codec, nal));
  if ((nal->data[0] & 1) != 0 || nal->data[1] >> 3 != 0) /* nuh_layer_id: not the base layer */
    return GST_EFFNET_NAL_OTHER;
  return kind_of_h265 (type_of (codec, nal));
}

gboolean
gst_effnet_nal_is_random_access (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  guint type = type_of (codec, nal);

  return codec == GST_EFFNET_CODEC_H264 ? type == 5 : type >= 16 && type <= 21;
}

gboolean
gst_effnet_nal_is_reference (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  guint type = type_of (codec, nal);

  return codec == GST_EFFNET_CODEC_H264 ? (nal->data[0] & 0x60) != 0 : type >= 16 || type % 2 == 1;
}

gboolean
gst_effnet_nal_is_intra (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  Bits bits = bits_of (codec, nal);
  guint32 slice_type;

  if (codec != GST_EFFNET_CODEC_H264)
    return FALSE;
  take_golomb (&bits); /* first_mb_in_slice */
  slice_type = take_golomb (&bits);
  return !bits.over && (slice_type % 5 == 2 || slice_type % 5 == 4); /* I, SI */
}

/* ---- parameter sets -------------------------------------------------------------------------- */

/* profile_tier_level (1, @sub_layers) of H.265 */
static void
skip_profile (Bits *bits, guint sub_layers)
{
  gboolean has_profile[8] = {FALSE}, has_level[8] = {FALSE};

  for (guint i = 0; i < 96 / 32; i++)
    take (bits, 32);
  for (guint i = 0; i < sub_layers; i++) {
    has_profile[i] = take (bits, 1) != 0;
    has_level[i] = take (bits, 1) != 0;
  }
  if (sub_layers > 0)
    take (bits, 2 * (8 - sub_layers));
  for (guint i = 0; i < sub_layers; i++) {
    for (guint n = 0; has_profile[i] && n < 88 / 8; n++)
      take (bits, 8);
    if (has_level[i])
      take (bits, 8);
  }
}

int
gst_effnet_nal_get_id (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  Bits bits = bits_of (codec, nal);
  guint32 id, most;

  switch (gst_effnet_nal_get_kind (codec, nal)) {
  case GST_EFFNET_NAL_VPS:
    id = take (&bits, 4);
    most = 15;
    break;
  case GST_EFFNET_NAL_SPS:
    if (codec == GST_EFFNET_CODEC_H264) {
      take (&bits, 24); /* profile, constraints, level */
    } else {
      guint sub_layers = take (&bits, 7) & 7; /* sps_max_sub_layers_minus1, behind the VPS's id */

      take (&bits, 1);
      skip_profile (&bits, sub_layers);
    }
    id = take_golomb (&bits);
    most = codec == GST_EFFNET_CODEC_H264 ? 31 : 15;
    break;
  default:
    id = take_golomb (&bits);
    most = codec == GST_EFFNET_CODEC_H264 ? 255 : 63;
    break;
  }
  return bits.over || id > most ? -1 : (int)id;
}

/* ---- SEI ------------------------------------------------------------------------------------- */

/* A number as SEI messages have it: bytes of 255 add up. */
static guint32
take_sum (Bits *bits)
{
  guint32 sum = 0, byte;

  do {
    byte = take (bits, 8);
    sum += byte;
  } while (byte == 255 && !bits->over);
  return sum;
}

int
gst_effnet_nal_get_recovery (GstEffnetCodec codec, const GstEffnetNal *nal)
{
  Bits bits = bits_of (codec, nal);

  while (!bits.over) {
    guint32 type = take_sum (&bits), size = take_sum (&bits);

    if (type == RECOVERY_POINT && !bits.over) {
      gint64 n = codec == GST_EFFNET_CODEC_H264 ? (gint64)take_golomb (&bits)
                                                : (gint64)take_signed_golomb (&bits);

      return bits.over || n > G_MAXINT ? -1 : (int)MAX (n, 0);
    }
    for (; size > 0 && !bits.over; size--)
      take (&bits, 8);
  }
  return -1;
}
