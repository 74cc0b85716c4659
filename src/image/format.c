/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of pixel formats and the checks of a frame's description against it. A description that
 * passes is safe to read: every line of every plane lies inside stride * lines. */
#include "image/format.h"

#include "base/checked.h"

/* clang-format off */
#define PACKED_RGB(label, step, r, g, b) \
  {label, EFFNET_MODEL_RGB, 1, 3, 1, 8, 0, {{0, r, step, 1, 1}, {0, g, step, 1, 1}, {0, b, step, 1, 1}}}
#define PACKED_422(label, y, u, v) \
  {label, EFFNET_MODEL_YUV, 1, 3, 1, 8, 0, {{0, y, 2, 1, 1}, {0, u, 4, 2, 1}, {0, v, 4, 2, 1}}}
#define PLANAR(label, bytes, bits, shift, u, v, sx, sy) \
  {label, EFFNET_MODEL_YUV, 3, 3, bytes, bits, shift, {{0, 0, 1, 1, 1}, {u, 0, 1, sx, sy}, {v, 0, 1, sx, sy}}}
#define SEMI(label, bytes, bits, shift, u, v, sx, sy) \
  {label, EFFNET_MODEL_YUV, 2, 3, bytes, bits, shift, {{0, 0, 1, 1, 1}, {1, u, 2, sx, sy}, {1, v, 2, sx, sy}}}
#define GRAY(label, bytes, bits) \
  {label, EFFNET_MODEL_GRAY, 1, 1, bytes, bits, 0, {{0, 0, 1, 1, 1}}}

static const EffnetFormat formats[] = {
  [EFFNET_PIXEL_FORMAT_RGB] = PACKED_RGB ("RGB", 3, 0, 1, 2),
  [EFFNET_PIXEL_FORMAT_BGR] = PACKED_RGB ("BGR", 3, 2, 1, 0),
  [EFFNET_PIXEL_FORMAT_RGBX] = PACKED_RGB ("RGBx", 4, 0, 1, 2),
  [EFFNET_PIXEL_FORMAT_BGRX] = PACKED_RGB ("BGRx", 4, 2, 1, 0),
  [EFFNET_PIXEL_FORMAT_XRGB] = PACKED_RGB ("xRGB", 4, 1, 2, 3),
  [EFFNET_PIXEL_FORMAT_XBGR] = PACKED_RGB ("xBGR", 4, 3, 2, 1),
  [EFFNET_PIXEL_FORMAT_RGBA] = PACKED_RGB ("RGBA", 4, 0, 1, 2),
  [EFFNET_PIXEL_FORMAT_BGRA] = PACKED_RGB ("BGRA", 4, 2, 1, 0),
  [EFFNET_PIXEL_FORMAT_ARGB] = PACKED_RGB ("ARGB", 4, 1, 2, 3),
  [EFFNET_PIXEL_FORMAT_ABGR] = PACKED_RGB ("ABGR", 4, 3, 2, 1),
  [EFFNET_PIXEL_FORMAT_GRAY8] = GRAY ("GRAY8", 1, 8),
  [EFFNET_PIXEL_FORMAT_GRAY16_LE] = GRAY ("GRAY16_LE", 2, 16),
  [EFFNET_PIXEL_FORMAT_I420] = PLANAR ("I420", 1, 8, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_YV12] = PLANAR ("YV12", 1, 8, 0, 2, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_Y42B] = PLANAR ("Y42B", 1, 8, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_Y444] = PLANAR ("Y444", 1, 8, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_NV12] = SEMI ("NV12", 1, 8, 0, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_NV21] = SEMI ("NV21", 1, 8, 0, 1, 0, 2, 2),
  [EFFNET_PIXEL_FORMAT_NV16] = SEMI ("NV16", 1, 8, 0, 0, 1, 2, 1),
  [EFFNET_PIXEL_FORMAT_YUY2] = PACKED_422 ("YUY2", 0, 1, 3),
  [EFFNET_PIXEL_FORMAT_UYVY] = PACKED_422 ("UYVY", 1, 0, 2),
  [EFFNET_PIXEL_FORMAT_YVYU] = PACKED_422 ("YVYU", 0, 3, 1),
  [EFFNET_PIXEL_FORMAT_VYUY] = PACKED_422 ("VYUY", 1, 2, 0),
  [EFFNET_PIXEL_FORMAT_P010_10LE] = SEMI ("P010_10LE", 2, 10, 6, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_I420_10LE] = PLANAR ("I420_10LE", 2, 10, 0, 1, 2, 2, 2),
};
/* clang-format on */

const EffnetFormat *
effnet_format (EffnetPixelFormat format)
{
  if ((unsigned)format >= G_N_ELEMENTS (formats) || formats[format].name == NULL)
    return NULL;
  return &formats[format];
}

size_t
effnet_format_line_bytes (const EffnetFormat *format, unsigned plane, unsigned width)
{
  size_t elements = 0;
  for (unsigned c = 0; c < format->n_components; c++) {
    const EffnetComponent *k = &format->component[c];
    if (k->plane != plane)
      continue;
    /* Whole groups: the last sample of a packed line brings its group's unused elements along. */
    size_t n = (size_t)effnet_subsampled (width, k->sub_x) * k->step;
    elements = MAX (elements, n);
  }
  return elements * format->element;
}

unsigned
effnet_format_lines (const EffnetFormat *format, unsigned plane, unsigned height)
{
  for (unsigned c = 0; c < format->n_components; c++)
    if (format->component[c].plane == plane)
      return effnet_subsampled (height, format->component[c].sub_y);
  return 0;
}

gboolean
effnet_format_check (const EffnetFormat *format, const EffnetImage *image, GError **error)
{
  if (image->width < 1 || image->width > EFFNET_FRAME_SIDE_MAX || image->height < 1 ||
      image->height > EFFNET_FRAME_SIDE_MAX)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "%s frame of %ux%u pixels: width and height must be 1..%d", format->name,
                        image->width, image->height, EFFNET_FRAME_SIDE_MAX);
  for (unsigned p = 0; p < format->n_planes; p++) {
    size_t need = effnet_format_line_bytes (format, p, image->width);
    if (image->data[p] == NULL)
      return effnet_fail (
          error, EFFNET_ERROR_FRAME,
          "%s frame of %ux%u pixels: data of plane %u is NULL, %u planes are needed", format->name,
          image->width, image->height, p, format->n_planes);
    if (image->stride[p] < 0)
      return effnet_fail (error, EFFNET_ERROR_FRAME,
                          "%s frame: stride %td of plane %u is negative: bottom-up frames are not "
                          "supported, flip them first",
                          format->name, image->stride[p], p);
    if ((size_t)image->stride[p] < need)
      return effnet_fail (
          error, EFFNET_ERROR_FRAME,
          "%s frame of %ux%u pixels: stride %td of plane %u is too small, a line needs "
          "%" G_GSIZE_FORMAT " bytes",
          format->name, image->width, image->height, image->stride[p], p, need);
  }
  return TRUE;
}
