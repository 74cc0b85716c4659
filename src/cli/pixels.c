/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One table of formats and three small translations of colorimetry; no pixel is touched here. */
#include "cli/pixels.h"

static const struct {
  GstVideoFormat gst;
  EffnetPixelFormat effnet;
} formats[] = {
    {GST_VIDEO_FORMAT_RGB, EFFNET_PIXEL_FORMAT_RGB},
    {GST_VIDEO_FORMAT_BGR, EFFNET_PIXEL_FORMAT_BGR},
    {GST_VIDEO_FORMAT_RGBx, EFFNET_PIXEL_FORMAT_RGBX},
    {GST_VIDEO_FORMAT_BGRx, EFFNET_PIXEL_FORMAT_BGRX},
    {GST_VIDEO_FORMAT_xRGB, EFFNET_PIXEL_FORMAT_XRGB},
    {GST_VIDEO_FORMAT_xBGR, EFFNET_PIXEL_FORMAT_XBGR},
    {GST_VIDEO_FORMAT_RGBA, EFFNET_PIXEL_FORMAT_RGBA},
    {GST_VIDEO_FORMAT_BGRA, EFFNET_PIXEL_FORMAT_BGRA},
    {GST_VIDEO_FORMAT_ARGB, EFFNET_PIXEL_FORMAT_ARGB},
    {GST_VIDEO_FORMAT_ABGR, EFFNET_PIXEL_FORMAT_ABGR},
    {GST_VIDEO_FORMAT_GRAY8, EFFNET_PIXEL_FORMAT_GRAY8},
    {GST_VIDEO_FORMAT_GRAY16_LE, EFFNET_PIXEL_FORMAT_GRAY16_LE},
    {GST_VIDEO_FORMAT_I420, EFFNET_PIXEL_FORMAT_I420},
    {GST_VIDEO_FORMAT_YV12, EFFNET_PIXEL_FORMAT_YV12},
    {GST_VIDEO_FORMAT_Y42B, EFFNET_PIXEL_FORMAT_Y42B},
    {GST_VIDEO_FORMAT_Y444, EFFNET_PIXEL_FORMAT_Y444},
    {GST_VIDEO_FORMAT_NV12, EFFNET_PIXEL_FORMAT_NV12},
    {GST_VIDEO_FORMAT_NV21, EFFNET_PIXEL_FORMAT_NV21},
    {GST_VIDEO_FORMAT_NV16, EFFNET_PIXEL_FORMAT_NV16},
    {GST_VIDEO_FORMAT_YUY2, EFFNET_PIXEL_FORMAT_YUY2},
    {GST_VIDEO_FORMAT_UYVY, EFFNET_PIXEL_FORMAT_UYVY},
    {GST_VIDEO_FORMAT_YVYU, EFFNET_PIXEL_FORMAT_YVYU},
    {GST_VIDEO_FORMAT_VYUY, EFFNET_PIXEL_FORMAT_VYUY},
    {GST_VIDEO_FORMAT_P010_10LE, EFFNET_PIXEL_FORMAT_P010_10LE},
    {GST_VIDEO_FORMAT_I420_10LE, EFFNET_PIXEL_FORMAT_I420_10LE},
};

GstCaps *
pixels_caps (void)
{
  GstVideoFormat list[G_N_ELEMENTS (formats)];

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    list[i] = formats[i].gst;
  return gst_video_make_raw_caps (list, G_N_ELEMENTS (list));
}

static EffnetColorMatrix
matrix_of (GstVideoColorMatrix matrix)
{
  switch (matrix) {
  case GST_VIDEO_COLOR_MATRIX_BT601:
    return EFFNET_COLOR_MATRIX_BT601;
  case GST_VIDEO_COLOR_MATRIX_BT709:
    return EFFNET_COLOR_MATRIX_BT709;
  case GST_VIDEO_COLOR_MATRIX_BT2020:
    return EFFNET_COLOR_MATRIX_BT2020;
  case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
    return EFFNET_COLOR_MATRIX_SMPTE240M;
  case GST_VIDEO_COLOR_MATRIX_FCC:
    return EFFNET_COLOR_MATRIX_FCC;
  default:
    return EFFNET_COLOR_MATRIX_DEFAULT;
  }
}

static EffnetColorRange
range_of (GstVideoColorRange range)
{
  switch (range) {
  case GST_VIDEO_COLOR_RANGE_0_255:
    return EFFNET_COLOR_RANGE_FULL;
  case GST_VIDEO_COLOR_RANGE_16_235:
    return EFFNET_COLOR_RANGE_LIMITED;
  default:
    return EFFNET_COLOR_RANGE_DEFAULT;
  }
}

/* GST_VIDEO_CHROMA_SITE_NONE means centred both ways, as JPEG has it. */
static EffnetChromaSite
site_of (GstVideoChromaSite site)
{
  if (site == GST_VIDEO_CHROMA_SITE_UNKNOWN)
    return EFFNET_CHROMA_SITE_DEFAULT;
  if (site & GST_VIDEO_CHROMA_SITE_NONE)
    return EFFNET_CHROMA_SITE_CENTER;
  if (site & GST_VIDEO_CHROMA_SITE_V_COSITED)
    return EFFNET_CHROMA_SITE_TOP_LEFT;
  return EFFNET_CHROMA_SITE_LEFT;
}

gboolean
pixels_from_frame (const GstVideoFrame *frame, EffnetImage *image)
{
  const GstVideoInfo *info = &frame->info;
  gsize i = 0;

  while (i < G_N_ELEMENTS (formats) && formats[i].gst != GST_VIDEO_FRAME_FORMAT (frame))
    i++;
  if (i == G_N_ELEMENTS (formats))
    return FALSE;
  *image = (EffnetImage)EFFNET_IMAGE_INIT;
  image->format = formats[i].effnet;
  image->width = (unsigned)GST_VIDEO_FRAME_WIDTH (frame);
  image->height = (unsigned)GST_VIDEO_FRAME_HEIGHT (frame);
  for (unsigned plane = 0; plane < GST_VIDEO_FRAME_N_PLANES (frame); plane++) {
    image->data[plane] = GST_VIDEO_FRAME_PLANE_DATA (frame, plane);
    image->stride[plane] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane);
  }
  image->matrix = matrix_of (info->colorimetry.matrix);
  image->range = range_of (info->colorimetry.range);
  image->chroma_site = site_of (info->chroma_site);
  image->par_n = (unsigned)MAX (info->par_n, 0);
  image->par_d = (unsigned)MAX (info->par_d, 0);
  return TRUE;
}
