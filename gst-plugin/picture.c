/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GStreamer's converter cuts, scales and makes RGB of any raw format; then it is turned upright. */
#include "picture.h"
#include "memory.h"

#include <string.h>

#define QUALITY 90 /* libjpeg's */

/* ---- copies ---------------------------------------------------------------------------------- */

GstEffnetPicture *
gst_effnet_picture_new (GstBuffer *buffer, const GstVideoInfo *info, guint orientation)
{
  GstEffnetPicture *picture = g_new0 (GstEffnetPicture, 1);

  g_atomic_ref_count_init (&picture->refs);
  picture->buffer = gst_buffer_copy_deep (buffer);
  if (info != NULL)
    picture->info = *info;
  picture->orientation = orientation;
  return picture;
}

GstEffnetPicture *
gst_effnet_picture_ref (GstEffnetPicture *picture)
{
  g_atomic_ref_count_inc (&picture->refs);
  return picture;
}

void
gst_effnet_picture_unref (GstEffnetPicture *picture)
{
  if (!g_atomic_ref_count_dec (&picture->refs))
    return;
  gst_buffer_unref (picture->buffer);
  g_free (picture);
}

gboolean
gst_effnet_picture_is_jpeg (const GstEffnetPicture *picture)
{
  return picture->info.finfo == NULL;
}

GBytes *
gst_effnet_picture_of_input (const float *nhwc, const EffnetModelInfo *info, guint step)
{
  guint width = info->input_width / step, height = info->input_height / step;
  gsize size = (gsize)width * height * 3;
  guint8 *rgb = g_try_malloc (size), *to = rgb;

  if (rgb == NULL)
    return NULL;
  for (guint y = 0; y < height; y++) {
    for (guint x = 0; x < width; x++) {
      const float *pixel = nhwc + ((gsize)y * step * info->input_width + (gsize)x * step) * 3;

      for (guint c = 0; c < 3; c++) {
        float value = (pixel[c] * info->input_std[c] + info->input_mean[c]) * 255.0f + 0.5f;

        *to++ = (guint8)CLAMP (value, 0.0f, 255.0f);
      }
    }
  }
  return g_bytes_new_take (rgb, size);
}

/* ---- upright --------------------------------------------------------------------------------- */

/* Exif's orientations: bit 0 mirrors the stored columns, bit 1 the rows, bit 2 swaps both. */
enum { COLUMNS = 1, ROWS = 2, SWAP = 4 };
static const guint8 turns[9] = {
    0, 0, COLUMNS, COLUMNS | ROWS, ROWS, SWAP, SWAP | ROWS, SWAP | COLUMNS | ROWS, SWAP | COLUMNS,
};

static guint
turn_of (const GstEffnetPicture *picture)
{
  return picture->orientation < G_N_ELEMENTS (turns) ? turns[picture->orientation] : 0;
}

/* From the upright frame to the stored one of @width x @height. */
static EffnetRegion
stored_region (const EffnetRegion *r, guint turn, guint width, guint height)
{
  EffnetRegion stored = turn & SWAP ? (EffnetRegion){r->y, r->x, r->height, r->width} : *r;

  if (turn & COLUMNS)
    stored.x = width - stored.x - stored.width;
  if (turn & ROWS)
    stored.y = height - stored.y - stored.height;
  return stored;
}

/* @rgb: (transfer full): [height][width][3], stored; they become those of the upright picture.
 * Returns: NULL without memory */
static guint8 *
turn_upright (guint8 *rgb, guint turn, guint *width, guint *height)
{
  guint w = turn & SWAP ? *height : *width, h = turn & SWAP ? *width : *height;
  guint8 *upright, *to;

  if (turn == 0)
    return rgb;
  upright = to = g_try_malloc ((gsize)w * h * 3);
  if (upright == NULL) {
    g_free (rgb);
    return NULL;
  }
  for (guint y = 0; y < h; y++) {
    for (guint x = 0; x < w; x++, to += 3) {
      const EffnetRegion pixel = {x, y, 1, 1};
      EffnetRegion from = stored_region (&pixel, turn, *width, *height);

      memcpy (to, rgb + ((gsize)from.y * *width + from.x) * 3, 3);
    }
  }
  g_free (rgb);
  *width = w;
  *height = h;
  return upright;
}

/* ---- compression ----------------------------------------------------------------------------- */

/* The size of @part with square pixels, no longer than allowed. */
static void
target_size (const GstVideoInfo *info, const EffnetRegion *part, guint longest, guint *width,
             guint *height)
{
  guint w = part->width, h = part->height, longer;

  if (info->par_n > 0 && info->par_d > 0)
    w = (guint)gst_util_uint64_scale_int (w, info->par_n, info->par_d);
  longer = MAX (w, h);
  if (longer > longest) {
    w = (guint)((guint64)w * longest / longer);
    h = (guint)((guint64)h * longest / longer);
  }
  *width = MAX (w, 1);
  *height = MAX (h, 1);
}

static void
convert_frame (GstVideoFrame *from, GstVideoFrame *to, const EffnetRegion *part)
{
  GstStructure *config =
      gst_structure_new ("config", GST_VIDEO_CONVERTER_OPT_SRC_X, G_TYPE_INT, (int)part->x,
                         GST_VIDEO_CONVERTER_OPT_SRC_Y, G_TYPE_INT, (int)part->y,
                         GST_VIDEO_CONVERTER_OPT_SRC_WIDTH, G_TYPE_INT, (int)part->width,
                         GST_VIDEO_CONVERTER_OPT_SRC_HEIGHT, G_TYPE_INT, (int)part->height, NULL);
  GstVideoConverter *converter = gst_video_converter_new (&from->info, &to->info, config);

  if (converter == NULL)
    return;
  gst_video_converter_frame (converter, from, to);
  gst_video_converter_free (converter);
}

/* Returns: (nullable): [height][width][3] bytes, R G B */
static guint8 *
to_rgb (GstEffnetPicture *picture, const EffnetRegion *part, guint longest, guint *width,
        guint *height)
{
  GstVideoFrame from, to;
  GstVideoInfo info;
  GstBuffer *buffer;
  guint8 *rgb = NULL;

  target_size (&picture->info, part, longest, width, height);
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, *width, *height);
  info.fps_n = picture->info.fps_n; /* which the converter compares */
  info.fps_d = picture->info.fps_d;
  info.interlace_mode = picture->info.interlace_mode;
  if (!gst_video_frame_map (&from, &picture->info, picture->buffer, GST_MAP_READ))
    return NULL;
  buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  rgb = buffer != NULL ? g_try_malloc ((gsize)*width * *height * 3) : NULL;
  if (rgb != NULL && gst_video_frame_map (&to, &info, buffer, GST_MAP_READWRITE)) {
    convert_frame (&from, &to, part);
    for (guint y = 0; y < *height; y++)
      memcpy (rgb + (gsize)y * *width * 3,
              (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&to, 0) +
                  (gsize)y * (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (&to, 0),
              (gsize)*width * 3);
    gst_video_frame_unmap (&to);
  } else {
    g_clear_pointer (&rgb, g_free);
  }
  gst_video_frame_unmap (&from);
  gst_clear_buffer (&buffer);
  return rgb;
}

GBytes *
gst_effnet_picture_encode (GstEffnetPicture *picture, const EffnetRegion *part, guint longest,
                           GError **error)
{
  guint turn = turn_of (picture), width, height;
  EffnetRegion stored = {0, 0, (guint)picture->info.width, (guint)picture->info.height};
  gpointer data = NULL;
  gsize size = 0;
  guint8 *rgb;
  GBytes *jpeg;

  if (!gst_effnet_check_memory ("A picture", gst_buffer_get_size (picture->buffer), error))
    return NULL;
  if (gst_effnet_picture_is_jpeg (picture)) {
    gst_buffer_extract_dup (picture->buffer, 0, (gsize)-1, &data, &size);
    return g_bytes_new_take (data, size);
  }
  if (part != NULL)
    stored = stored_region (part, turn, stored.width, stored.height);
  rgb = to_rgb (picture, &stored, longest, &width, &height);
  if (rgb != NULL)
    rgb = turn_upright (rgb, turn, &width, &height);
  if (rgb == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "A frame of %dx%d pixels cannot be read again to be saved", picture->info.width,
                 picture->info.height);
    return NULL;
  }
  jpeg = effnet_encode_jpeg (rgb, width, height, QUALITY, error);
  g_free (rgb);
  return jpeg;
}
