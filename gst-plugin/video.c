/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One table of formats serves caps and mapping. No pixel is read here: scaling and colour are
 * libeffnet's. */
#include "video.h"

#include "unpacked.h"

#define CODED_CAPS                                                                                 \
  "video/x-h264,stream-format=(string){byte-stream,avc,avc3},alignment=(string)au;"                \
  "video/x-h265,stream-format=(string){byte-stream,hvc1,hev1},alignment=(string)au"
#define META_SIDE_MAX 65536 /* pixels that a GstVideoMeta may say, padding included */

/* Cheapest for a camera's pipeline first: where nobody prefers anything, negotiation takes the
 * first. */
static const struct {
  GstVideoFormat gst;
  EffnetPixelFormat effnet;
} formats[] = {
    {GST_VIDEO_FORMAT_I420, EFFNET_PIXEL_FORMAT_I420},
    {GST_VIDEO_FORMAT_NV12, EFFNET_PIXEL_FORMAT_NV12},
    {GST_VIDEO_FORMAT_YUY2, EFFNET_PIXEL_FORMAT_YUY2},
    {GST_VIDEO_FORMAT_UYVY, EFFNET_PIXEL_FORMAT_UYVY},
    {GST_VIDEO_FORMAT_YVYU, EFFNET_PIXEL_FORMAT_YVYU},
    {GST_VIDEO_FORMAT_VYUY, EFFNET_PIXEL_FORMAT_VYUY},
    {GST_VIDEO_FORMAT_NV21, EFFNET_PIXEL_FORMAT_NV21},
    {GST_VIDEO_FORMAT_NV16, EFFNET_PIXEL_FORMAT_NV16},
    {GST_VIDEO_FORMAT_YV12, EFFNET_PIXEL_FORMAT_YV12},
    {GST_VIDEO_FORMAT_Y42B, EFFNET_PIXEL_FORMAT_Y42B},
    {GST_VIDEO_FORMAT_Y444, EFFNET_PIXEL_FORMAT_Y444},
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
    {GST_VIDEO_FORMAT_P010_10LE, EFFNET_PIXEL_FORMAT_P010_10LE},
    {GST_VIDEO_FORMAT_I420_10LE, EFFNET_PIXEL_FORMAT_I420_10LE},
    {GST_VIDEO_FORMAT_NV61, EFFNET_PIXEL_FORMAT_NV61},
    {GST_VIDEO_FORMAT_NV24, EFFNET_PIXEL_FORMAT_NV24},
    {GST_VIDEO_FORMAT_Y41B, EFFNET_PIXEL_FORMAT_Y41B},
    {GST_VIDEO_FORMAT_YUV9, EFFNET_PIXEL_FORMAT_YUV9},
    {GST_VIDEO_FORMAT_YVU9, EFFNET_PIXEL_FORMAT_YVU9},
    {GST_VIDEO_FORMAT_A420, EFFNET_PIXEL_FORMAT_A420},
    {GST_VIDEO_FORMAT_AV12, EFFNET_PIXEL_FORMAT_AV12},
    {GST_VIDEO_FORMAT_AYUV, EFFNET_PIXEL_FORMAT_AYUV},
    {GST_VIDEO_FORMAT_VUYA, EFFNET_PIXEL_FORMAT_VUYA},
    {GST_VIDEO_FORMAT_v308, EFFNET_PIXEL_FORMAT_V308},
    {GST_VIDEO_FORMAT_IYU2, EFFNET_PIXEL_FORMAT_IYU2},
    {GST_VIDEO_FORMAT_GBR, EFFNET_PIXEL_FORMAT_GBR},
    {GST_VIDEO_FORMAT_GBRA, EFFNET_PIXEL_FORMAT_GBRA},
    {GST_VIDEO_FORMAT_RGBP, EFFNET_PIXEL_FORMAT_RGBP},
    {GST_VIDEO_FORMAT_BGRP, EFFNET_PIXEL_FORMAT_BGRP},
    {GST_VIDEO_FORMAT_I422_10LE, EFFNET_PIXEL_FORMAT_I422_10LE},
    {GST_VIDEO_FORMAT_Y444_10LE, EFFNET_PIXEL_FORMAT_Y444_10LE},
    {GST_VIDEO_FORMAT_GBR_10LE, EFFNET_PIXEL_FORMAT_GBR_10LE},
    {GST_VIDEO_FORMAT_GBRA_10LE, EFFNET_PIXEL_FORMAT_GBRA_10LE},
    {GST_VIDEO_FORMAT_I420_12LE, EFFNET_PIXEL_FORMAT_I420_12LE},
    {GST_VIDEO_FORMAT_I422_12LE, EFFNET_PIXEL_FORMAT_I422_12LE},
    {GST_VIDEO_FORMAT_Y444_12LE, EFFNET_PIXEL_FORMAT_Y444_12LE},
    {GST_VIDEO_FORMAT_GBR_12LE, EFFNET_PIXEL_FORMAT_GBR_12LE},
    {GST_VIDEO_FORMAT_GBRA_12LE, EFFNET_PIXEL_FORMAT_GBRA_12LE},
    {GST_VIDEO_FORMAT_A420_10LE, EFFNET_PIXEL_FORMAT_A420_10LE},
    {GST_VIDEO_FORMAT_A422_10LE, EFFNET_PIXEL_FORMAT_A422_10LE},
    {GST_VIDEO_FORMAT_A444_10LE, EFFNET_PIXEL_FORMAT_A444_10LE},
    {GST_VIDEO_FORMAT_Y444_16LE, EFFNET_PIXEL_FORMAT_Y444_16LE},
    {GST_VIDEO_FORMAT_P012_LE, EFFNET_PIXEL_FORMAT_P012_LE},
    {GST_VIDEO_FORMAT_P016_LE, EFFNET_PIXEL_FORMAT_P016_LE},
    {GST_VIDEO_FORMAT_Y212_LE, EFFNET_PIXEL_FORMAT_Y212_LE},
    {GST_VIDEO_FORMAT_Y412_LE, EFFNET_PIXEL_FORMAT_Y412_LE},
    {GST_VIDEO_FORMAT_ARGB64_LE, EFFNET_PIXEL_FORMAT_ARGB64_LE},
    {GST_VIDEO_FORMAT_RGBA64_LE, EFFNET_PIXEL_FORMAT_RGBA64_LE},
    {GST_VIDEO_FORMAT_BGRA64_LE, EFFNET_PIXEL_FORMAT_BGRA64_LE},
    {GST_VIDEO_FORMAT_ABGR64_LE, EFFNET_PIXEL_FORMAT_ABGR64_LE},
    {GST_VIDEO_FORMAT_GRAY16_BE, EFFNET_PIXEL_FORMAT_GRAY16_BE},
    {GST_VIDEO_FORMAT_I420_10BE, EFFNET_PIXEL_FORMAT_I420_10BE},
    {GST_VIDEO_FORMAT_I422_10BE, EFFNET_PIXEL_FORMAT_I422_10BE},
    {GST_VIDEO_FORMAT_Y444_10BE, EFFNET_PIXEL_FORMAT_Y444_10BE},
    {GST_VIDEO_FORMAT_GBR_10BE, EFFNET_PIXEL_FORMAT_GBR_10BE},
    {GST_VIDEO_FORMAT_GBRA_10BE, EFFNET_PIXEL_FORMAT_GBRA_10BE},
    {GST_VIDEO_FORMAT_I420_12BE, EFFNET_PIXEL_FORMAT_I420_12BE},
    {GST_VIDEO_FORMAT_I422_12BE, EFFNET_PIXEL_FORMAT_I422_12BE},
    {GST_VIDEO_FORMAT_Y444_12BE, EFFNET_PIXEL_FORMAT_Y444_12BE},
    {GST_VIDEO_FORMAT_GBR_12BE, EFFNET_PIXEL_FORMAT_GBR_12BE},
    {GST_VIDEO_FORMAT_GBRA_12BE, EFFNET_PIXEL_FORMAT_GBRA_12BE},
    {GST_VIDEO_FORMAT_A420_10BE, EFFNET_PIXEL_FORMAT_A420_10BE},
    {GST_VIDEO_FORMAT_A422_10BE, EFFNET_PIXEL_FORMAT_A422_10BE},
    {GST_VIDEO_FORMAT_A444_10BE, EFFNET_PIXEL_FORMAT_A444_10BE},
    {GST_VIDEO_FORMAT_Y444_16BE, EFFNET_PIXEL_FORMAT_Y444_16BE},
    {GST_VIDEO_FORMAT_P010_10BE, EFFNET_PIXEL_FORMAT_P010_10BE},
    {GST_VIDEO_FORMAT_P012_BE, EFFNET_PIXEL_FORMAT_P012_BE},
    {GST_VIDEO_FORMAT_P016_BE, EFFNET_PIXEL_FORMAT_P016_BE},
    {GST_VIDEO_FORMAT_Y212_BE, EFFNET_PIXEL_FORMAT_Y212_BE},
    {GST_VIDEO_FORMAT_Y412_BE, EFFNET_PIXEL_FORMAT_Y412_BE},
    {GST_VIDEO_FORMAT_ARGB64_BE, EFFNET_PIXEL_FORMAT_ARGB64_BE},
    {GST_VIDEO_FORMAT_RGBA64_BE, EFFNET_PIXEL_FORMAT_RGBA64_BE},
    {GST_VIDEO_FORMAT_BGRA64_BE, EFFNET_PIXEL_FORMAT_BGRA64_BE},
    {GST_VIDEO_FORMAT_ABGR64_BE, EFFNET_PIXEL_FORMAT_ABGR64_BE},
    {GST_VIDEO_FORMAT_Y210, EFFNET_PIXEL_FORMAT_Y210},
    {GST_VIDEO_FORMAT_v216, EFFNET_PIXEL_FORMAT_V216},
    {GST_VIDEO_FORMAT_ARGB64, EFFNET_PIXEL_FORMAT_ARGB64},
    {GST_VIDEO_FORMAT_AYUV64, EFFNET_PIXEL_FORMAT_AYUV64},
    {GST_VIDEO_FORMAT_RGB16, EFFNET_PIXEL_FORMAT_RGB16},
    {GST_VIDEO_FORMAT_BGR16, EFFNET_PIXEL_FORMAT_BGR16},
    {GST_VIDEO_FORMAT_RGB15, EFFNET_PIXEL_FORMAT_RGB15},
    {GST_VIDEO_FORMAT_BGR15, EFFNET_PIXEL_FORMAT_BGR15},
    {GST_VIDEO_FORMAT_r210, EFFNET_PIXEL_FORMAT_R210},
    {GST_VIDEO_FORMAT_RGB10A2_LE, EFFNET_PIXEL_FORMAT_RGB10A2_LE},
    {GST_VIDEO_FORMAT_BGR10A2_LE, EFFNET_PIXEL_FORMAT_BGR10A2_LE},
    {GST_VIDEO_FORMAT_Y410, EFFNET_PIXEL_FORMAT_Y410},
    {GST_VIDEO_FORMAT_v210, EFFNET_PIXEL_FORMAT_V210},
};

/* UNKNOWN: the library has no row for it. */
static EffnetPixelFormat
map_format (GstVideoFormat format)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (formats[i].gst == format)
      return formats[i].effnet;
  }
  return EFFNET_PIXEL_FORMAT_UNKNOWN;
}

GstCaps *
gst_effnet_video_get_raw_caps (void)
{
  guint n_all, n = G_N_ELEMENTS (formats);
  const GstVideoFormat *all = gst_video_formats_raw (&n_all);
  g_autofree GstVideoFormat *raw = g_new (GstVideoFormat, n + n_all);
  GstCaps *caps, *fields;

  for (guint i = 0; i < n; i++)
    raw[i] = formats[i].gst;
  for (guint i = 0; i < n_all; i++) {
    GstVideoFormat unpacked = gst_effnet_unpacked_format (all[i]);

    if (map_format (all[i]) == EFFNET_PIXEL_FORMAT_UNKNOWN &&
        map_format (unpacked) != EFFNET_PIXEL_FORMAT_UNKNOWN)
      raw[n++] = all[i];
  }
  caps = gst_video_make_raw_caps (raw, n);
  fields = gst_caps_copy (caps);
  gst_caps_set_simple (fields, "interlace-mode", G_TYPE_STRING, "alternate", NULL);
  gst_caps_set_features_simple (fields,
                                gst_caps_features_new (GST_CAPS_FEATURE_FORMAT_INTERLACED, NULL));
  gst_caps_append (caps, fields);
  return caps;
}

GstCaps *
gst_effnet_video_get_template_caps (void)
{
  GstCaps *caps = gst_effnet_video_get_raw_caps ();

  gst_caps_set_simple (caps, "width", GST_TYPE_INT_RANGE, 1, EFFNET_FRAME_SIDE_MAX, "height",
                       GST_TYPE_INT_RANGE, 1, EFFNET_FRAME_SIDE_MAX, NULL);
  gst_caps_append_structure (caps, gst_structure_new_empty ("image/jpeg"));
  gst_caps_append (caps, gst_caps_from_string (CODED_CAPS));
  return caps;
}

static EffnetColorMatrix
map_matrix (GstVideoColorMatrix matrix)
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
map_range (GstVideoColorRange range)
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

/* As GStreamer's own converter reads the flags: NONE and ALT_LINE do not count. Of the siting that
 * is cosited vertically alone, which the library does not have, the horizontal half is kept. */
static EffnetChromaSite
map_chroma_site (GstVideoChromaSite site)
{
  if (site == GST_VIDEO_CHROMA_SITE_UNKNOWN)
    return EFFNET_CHROMA_SITE_DEFAULT;
  if (!(site & GST_VIDEO_CHROMA_SITE_H_COSITED))
    return EFFNET_CHROMA_SITE_CENTER;
  return site & GST_VIDEO_CHROMA_SITE_V_COSITED ? EFFNET_CHROMA_SITE_TOP_LEFT
                                                : EFFNET_CHROMA_SITE_LEFT;
}

static gboolean
format_from_jpeg_structure (GstEffnetFormat *format, const GstStructure *s)
{
  int par_n = 1, par_d = 1;

  gst_structure_get_fraction (s, "pixel-aspect-ratio", &par_n, &par_d);
  format->image.format = EFFNET_PIXEL_FORMAT_JPEG;
  format->image.par_n = MAX (par_n, 0);
  format->image.par_d = MAX (par_d, 0);
  return TRUE;
}

gboolean
gst_effnet_format_is_field (const GstEffnetFormat *format)
{
  return format->image.format != EFFNET_PIXEL_FORMAT_JPEG &&
         GST_VIDEO_INFO_INTERLACE_MODE (&format->info) == GST_VIDEO_INTERLACE_MODE_ALTERNATE;
}

gboolean
gst_effnet_format_from_info (GstEffnetFormat *format, const GstVideoInfo *info)
{
  EffnetImage *image = &format->image;

  *format = (GstEffnetFormat){.image = EFFNET_IMAGE_INIT, .info = *info};
  image->format = map_format (GST_VIDEO_INFO_FORMAT (info));
  if (image->format == EFFNET_PIXEL_FORMAT_UNKNOWN) {
    image->format = map_format (gst_effnet_unpacked_format (GST_VIDEO_INFO_FORMAT (info)));
    format->is_unpacked = TRUE;
  }
  image->width = GST_VIDEO_INFO_WIDTH (info);
  image->height = GST_VIDEO_INFO_FIELD_HEIGHT (info); /* a buffer, which may be every second line */
  image->matrix = map_matrix (GST_VIDEO_INFO_COLORIMETRY (info).matrix);
  image->range = map_range (GST_VIDEO_INFO_COLORIMETRY (info).range);
  image->chroma_site = map_chroma_site (GST_VIDEO_INFO_CHROMA_SITE (info));
  image->par_n = MAX (GST_VIDEO_INFO_PAR_N (info), 0);
  image->par_d = MAX (GST_VIDEO_INFO_PAR_D (info), 0);
  if (gst_effnet_format_is_field (format))
    image->par_d *= 2;
  return image->format != EFFNET_PIXEL_FORMAT_UNKNOWN;
}

gboolean
gst_effnet_format_from_caps (GstEffnetFormat *format, const GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  GstVideoInfo info;

  *format = (GstEffnetFormat){.image = EFFNET_IMAGE_INIT};
  if (gst_structure_has_name (s, "image/jpeg"))
    return format_from_jpeg_structure (format, s);
  return gst_video_info_from_caps (&info, caps) && gst_effnet_format_from_info (format, &info);
}

/* A frame of that size as GStreamer lays it out. */
static gboolean
lay_out (const GstVideoInfo *info, GstVideoInfo *tight)
{
  return gst_video_info_set_interlaced_format (
      tight, GST_VIDEO_INFO_FORMAT (info), GST_VIDEO_INFO_INTERLACE_MODE (info),
      (guint)GST_VIDEO_INFO_WIDTH (info), (guint)GST_VIDEO_INFO_HEIGHT (info));
}

/* Of a plane of tiles, which are read whole: the stride says how many. 0: fewer than the frame has.
 */
static gint64
tiles_extent (const GstVideoInfo *info, guint plane, gint64 stride)
{
  GstVideoInfo tight;
  gint64 across, down, tile;
  gsize end;

  if (!lay_out (info, &tight))
    return 0;
  end = plane + 1 < GST_VIDEO_INFO_N_PLANES (&tight)
            ? GST_VIDEO_INFO_PLANE_OFFSET (&tight, plane + 1)
            : GST_VIDEO_INFO_SIZE (&tight);
  across = GST_VIDEO_TILE_X_TILES (GST_VIDEO_INFO_PLANE_STRIDE (&tight, plane));
  down = GST_VIDEO_TILE_Y_TILES (GST_VIDEO_INFO_PLANE_STRIDE (&tight, plane));
  tile = (gint64)(end - GST_VIDEO_INFO_PLANE_OFFSET (&tight, plane)) / MAX (across * down, 1);
  if (GST_VIDEO_TILE_X_TILES (stride) < across || GST_VIDEO_TILE_Y_TILES (stride) < down)
    return 0;
  return GST_VIDEO_TILE_X_TILES (stride) * GST_VIDEO_TILE_Y_TILES (stride) * tile;
}

/* Bytes from the first to the last one used in a line of @plane, and its lines, of a frame whose
 * sides are META_SIDE_MAX at most; of tiles there is one line. */
static void
plane_extent (const GstVideoInfo *info, guint plane, gint64 stride, gint64 *row_bytes, gint64 *rows)
{
  const GstVideoFormatInfo *finfo = info->finfo;
  gboolean is_unpacked = map_format (GST_VIDEO_INFO_FORMAT (info)) == EFFNET_PIXEL_FORMAT_UNKNOWN;
  GstVideoInfo tight;

  *row_bytes = *rows = 0;
  if (GST_VIDEO_FORMAT_INFO_IS_TILED (finfo)) {
    *row_bytes = tiles_extent (info, plane, stride);
    *rows = 1;
    return;
  }
  for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS (finfo); c++) {
    gint64 bytes;

    if (GST_VIDEO_FORMAT_INFO_PLANE (finfo, c) != plane)
      continue;
    bytes = (gint64)GST_VIDEO_INFO_COMP_WIDTH (info, c) * GST_VIDEO_INFO_COMP_PSTRIDE (info, c);
    *row_bytes = MAX (*row_bytes, bytes);
    *rows = MAX (*rows, (gint64)GST_VIDEO_INFO_COMP_HEIGHT (info, c));
  }
  if (*row_bytes == 0 || is_unpacked) /* packed in groups of pixels */
    *row_bytes = lay_out (info, &tight) ? GST_VIDEO_INFO_PLANE_STRIDE (&tight, plane) : 0;
}

/* @offset: of the plane's first line in @size bytes, which a GstVideoMeta may say as it likes */
static gboolean
plane_is_inside (const GstVideoInfo *info, guint plane, guint64 offset, gint64 stride, gsize size,
                 GError **error)
{
  gint64 row_bytes, rows, first, last;

  plane_extent (info, plane, stride, &row_bytes, &rows);
  if (row_bytes > 0 && offset < size && size <= G_MAXINT64 / 2) { /* rows * stride is under 2^48 */
    first = (gint64)offset + MIN (stride, 0) * (rows - 1);
    last = (gint64)offset + MAX (stride, 0) * (rows - 1) + row_bytes;
    if (first >= 0 && last <= (gint64)size)
      return TRUE;
  }
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
               "Plane %u of the frame, %" G_GINT64_FORMAT " lines of %" G_GINT64_FORMAT
               " bytes from byte %" G_GUINT64_FORMAT " on, %" G_GINT64_FORMAT
               " bytes from line to line, is not inside a memory of %" G_GSIZE_FORMAT
               " bytes: the GstVideoMeta does not describe this buffer",
               plane, rows, row_bytes, offset, stride, size);
  return FALSE;
}

/* Before anything is mapped, since GStreamer computes with these numbers. */
static gboolean
meta_is_sound (const GstVideoMeta *meta, const GstVideoInfo *info, gsize size, GError **error)
{
  guint width = (guint)GST_VIDEO_INFO_WIDTH (info), height = (guint)GST_VIDEO_INFO_HEIGHT (info);
  GstVideoInfo described = *info;

  if (meta->format != GST_VIDEO_INFO_FORMAT (info) ||
      meta->n_planes != GST_VIDEO_INFO_N_PLANES (info) || meta->width < width ||
      meta->height < height || meta->width > META_SIDE_MAX || meta->height > META_SIDE_MAX) {
    g_set_error (
        error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
        "The frame's GstVideoMeta says format %d, %ux%u, %u plane(s); its caps say %d (%s), "
        "%ux%u, %u plane(s), and a side is %u pixels at most",
        (int)meta->format, meta->width, meta->height, meta->n_planes,
        (int)GST_VIDEO_INFO_FORMAT (info), GST_VIDEO_INFO_NAME (info), width, height,
        GST_VIDEO_INFO_N_PLANES (info), META_SIDE_MAX);
    return FALSE;
  }
  described.width = (gint)meta->width;
  described.height = (gint)meta->height;
  for (guint p = 0; p < meta->n_planes; p++) {
    if (!plane_is_inside (&described, p, meta->offset[p], meta->stride[p], size, error))
      return FALSE;
  }
  return TRUE;
}

/* gst_video_meta_map() maps the memory that has a plane's first byte, and no other. */
static gboolean
planes_are_mapped (const GstVideoFrame *video, GError **error)
{
  for (guint p = 0; p < GST_VIDEO_FRAME_N_PLANES (video); p++) {
    const GstMapInfo *map = &video->map[video->meta != NULL ? p : 0];
    guint64 offset = (guint64)((const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (video, p) - map->data);

    if (!plane_is_inside (&video->info, p, offset, GST_VIDEO_FRAME_PLANE_STRIDE (video, p),
                          map->size, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
map_jpeg (GstEffnetFrame *frame, GError **error)
{
  if (!gst_buffer_map (frame->buffer, &frame->map, GST_MAP_READ)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "The JPEG buffer cannot be mapped");
    return FALSE;
  }
  if (frame->map.size == 0) {
    gst_buffer_unmap (frame->buffer, &frame->map);
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "The JPEG buffer is empty, a whole JPEG file was expected");
    return FALSE;
  }
  frame->image.data[0] = frame->map.data;
  frame->image.size = frame->map.size;
  return TRUE;
}

static void
set_planes (GstEffnetFrame *frame)
{
  const GstVideoFrame *video = &frame->video;
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (frame->buffer);
  EffnetImage *image = &frame->image;

  for (guint p = 0; p < GST_VIDEO_FRAME_N_PLANES (video) && frame->unpacked == NULL; p++) {
    image->data[p] = GST_VIDEO_FRAME_PLANE_DATA (video, p);
    image->stride[p] = GST_VIDEO_FRAME_PLANE_STRIDE (video, p);
  }
  if (crop != NULL) { /* counts in the meta's frame, which may be larger than the caps' */
    image->width = GST_VIDEO_FRAME_WIDTH (video);
    image->height = GST_VIDEO_INFO_FIELD_HEIGHT (&video->info);
    image->crop_x = crop->x;
    image->crop_y = crop->y;
    image->crop_width = crop->width;
    image->crop_height = crop->height;
    if (GST_VIDEO_INFO_INTERLACE_MODE (&video->info) == GST_VIDEO_INTERLACE_MODE_ALTERNATE) {
      image->crop_y /= 2;
      image->crop_height = crop->height / 2 + crop->height % 2;
    }
  }
}

static gboolean
map_raw (GstEffnetFrame *frame, const GstEffnetFormat *format, GError **error)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (frame->buffer);
  gsize size = gst_buffer_get_size (frame->buffer);

  if (meta == NULL && size < GST_VIDEO_INFO_SIZE (&format->info)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "The frame has %" G_GSIZE_FORMAT
                 " bytes, its caps (%s, %dx%d) need %" G_GSIZE_FORMAT,
                 size, GST_VIDEO_INFO_NAME (&format->info), GST_VIDEO_INFO_WIDTH (&format->info),
                 GST_VIDEO_INFO_HEIGHT (&format->info), (gsize)GST_VIDEO_INFO_SIZE (&format->info));
    return FALSE;
  }
  if (meta != NULL && !meta_is_sound (meta, &format->info, size, error))
    return FALSE;
  if (!gst_video_frame_map (&frame->video, &format->info, frame->buffer,
                            GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "The frame's buffer cannot be mapped");
    return FALSE;
  }
  if (!planes_are_mapped (&frame->video, error) ||
      (format->is_unpacked && !gst_effnet_unpacked_make (frame, error))) {
    gst_video_frame_unmap (&frame->video);
    return FALSE;
  }
  set_planes (frame);
  return TRUE;
}

gboolean
gst_effnet_frame_map (GstEffnetFrame *frame, const GstEffnetFormat *format, GstBuffer *buffer,
                      GError **error)
{
  frame->image = format->image;
  frame->buffer = buffer;
  frame->unpacked = NULL;
  if (format->image.format == EFFNET_PIXEL_FORMAT_JPEG)
    return map_jpeg (frame, error);
  return map_raw (frame, format, error);
}

void
gst_effnet_frame_unmap (GstEffnetFrame *frame)
{
  if (frame->image.format == EFFNET_PIXEL_FORMAT_JPEG)
    gst_buffer_unmap (frame->buffer, &frame->map);
  else
    gst_video_frame_unmap (&frame->video);
  g_clear_pointer (&frame->unpacked, g_free);
}

/* ---- orientation ----------------------------------------------------------------------------- */

unsigned
gst_effnet_orientation_from_tags (const GstTagList *tags)
{
  static const char *const values[] = {"rotate-0",        "flip-rotate-0",   "rotate-180",
                                       "flip-rotate-180", "flip-rotate-270", "rotate-90",
                                       "flip-rotate-90",  "rotate-270"};
  g_autofree char *value = NULL;

  if (!gst_tag_list_get_string (tags, GST_TAG_IMAGE_ORIENTATION, &value))
    return 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++) {
    if (g_str_equal (value, values[i]))
      return i + 1;
  }
  return 0;
}

void
gst_effnet_tagged_note (GstEffnetTagged *tagged, GstEvent *event)
{
  GstTagList *tags;
  unsigned orientation;

  if (GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START)
    *tagged = (GstEffnetTagged){0};
  if (GST_EVENT_TYPE (event) != GST_EVENT_TAG)
    return;
  gst_event_parse_tag (event, &tags);
  orientation = gst_effnet_orientation_from_tags (tags);
  if (orientation != 0 && gst_tag_list_get_scope (tags) == GST_TAG_SCOPE_GLOBAL)
    tagged->global = orientation;
  else if (orientation != 0)
    tagged->stream = orientation;
}

unsigned
gst_effnet_tagged_orientation (const GstEffnetTagged *tagged)
{
  return tagged->stream != 0 ? tagged->stream : tagged->global;
}

gboolean
gst_effnet_jpeg_has_exif (const void *jpeg, gsize size)
{
  const guint8 *data = jpeg;
  gsize at = 2; /* past SOI */

  while (at + 4 <= size && data[at] == 0xff) {
    guint8 marker = data[at + 1];

    if (marker == 0xe1)
      return TRUE;
    if (marker == 0xda || marker == 0xd9)
      return FALSE;
    at += marker == 0xff ? 1 : 2 + ((gsize)data[at + 2] << 8 | data[at + 3]);
  }
  return FALSE;
}
