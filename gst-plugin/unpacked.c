/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpacked.h"

GstVideoFormat
gst_effnet_unpacked_format (GstVideoFormat format)
{
  const GstVideoFormatInfo *info = gst_video_format_get_info (format);

  if (info == NULL || info->unpack_func == NULL || GST_VIDEO_FORMAT_INFO_HAS_PALETTE (info))
    return GST_VIDEO_FORMAT_UNKNOWN;
  return info->unpack_format;
}

/* Codes of limited range are shifted up; of full range their high bits are repeated below. */
static GstVideoPackFlags
flags_for (const GstVideoInfo *info)
{
  return GST_VIDEO_INFO_COLORIMETRY (info).range == GST_VIDEO_COLOR_RANGE_0_255
             ? GST_VIDEO_PACK_FLAG_NONE
             : GST_VIDEO_PACK_FLAG_TRUNCATE_RANGE;
}

gboolean
gst_effnet_unpacked_make (GstEffnetFrame *frame, GError **error)
{
  GstVideoInfo *info = &frame->video.info;
  const GstVideoFormatInfo *finfo = info->finfo;
  const GstVideoFormatInfo *made = gst_video_format_get_info (finfo->unpack_format);
  gsize line = (gsize)GST_VIDEO_INFO_WIDTH (info) * (guint)GST_VIDEO_FORMAT_INFO_PSTRIDE (made, 0);
  int lines = GST_VIDEO_INFO_FIELD_HEIGHT (info);

  frame->unpacked = g_try_malloc_n ((gsize)lines, line);
  if (frame->unpacked == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "%s frame: no memory to unpack %d lines of %" G_GSIZE_FORMAT
                 " bytes; use a smaller frame or another format",
                 GST_VIDEO_INFO_NAME (info), lines, line);
    return FALSE;
  }
  for (int y = 0; y < lines; y++)
    finfo->unpack_func (finfo, flags_for (info), (guint8 *)frame->unpacked + (gsize)y * line,
                        frame->video.data, info->stride, 0, y, GST_VIDEO_INFO_WIDTH (info));
  frame->image.data[0] = frame->unpacked;
  frame->image.stride[0] = (ptrdiff_t)line;
  return TRUE;
}
