/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of pixel formats and the checks of a frame's description against it. A description that
 * passes is safe to read: every line of every plane lies inside stride * lines. */
#include "image/format.h"

#include "base/checked.h"

/* clang-format off */
#define LE16 2, 0 /* bytes of an element, and whether the high one comes first */
#define BE16 2, 1
#define LE32 4, 0
#define BE32 4, 1
#define BYTE 1, 0
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#  define NATIVE16 LE16
#else
#  define NATIVE16 BE16
#endif
#define PACKED_RGB(label, step, r, g, b) \
  {label, EFFNET_MODEL_RGB, 1, 3, BYTE, 8, 0, {{0, r, step, 1, 1, 0}, {0, g, step, 1, 1, 0}, {0, b, step, 1, 1, 0}}, EFFNET_SAMPLES_APART}
#define PACKED_RGB64(label, element, r, g, b) \
  {label, EFFNET_MODEL_RGB, 1, 3, element, 16, 0, {{0, r, 4, 1, 1, 0}, {0, g, 4, 1, 1, 0}, {0, b, 4, 1, 1, 0}}, EFFNET_SAMPLES_WIDE}
#define PACKED_YUV(label, layout, element, bits, shift, step, y, u, v) \
  {label, EFFNET_MODEL_YUV, 1, 3, element, bits, shift, {{0, y, step, 1, 1, 0}, {0, u, step, 1, 1, 0}, {0, v, step, 1, 1, 0}}, EFFNET_SAMPLES_##layout}
#define PACKED_422(label, layout, element, bits, shift, y, u, v) \
  {label, EFFNET_MODEL_YUV, 1, 3, element, bits, shift, {{0, y, 2, 1, 1, 0}, {0, u, 4, 2, 1, 0}, {0, v, 4, 2, 1, 0}}, EFFNET_SAMPLES_##layout}
#define FIELDS(label, model, element, bits, a, an, b, bn, c, cn) \
  {label, model, 1, 3, element, bits, 0, {{0, a, 1, 1, 1, an}, {0, b, 1, 1, 1, bn}, {0, c, 1, 1, 1, cn}}, EFFNET_SAMPLES_FIELDS}
#define PLANAR(label, element, bits, shift, u, v, sx, sy) \
  {label, EFFNET_MODEL_YUV, 3, 3, element, bits, shift, {{0, 0, 1, 1, 1, 0}, {u, 0, 1, sx, sy, 0}, {v, 0, 1, sx, sy, 0}}, EFFNET_SAMPLES_APART}
#define PLANAR_RGB(label, element, bits, shift, r, g, b) \
  {label, EFFNET_MODEL_RGB, 3, 3, element, bits, shift, {{r, 0, 1, 1, 1, 0}, {g, 0, 1, 1, 1, 0}, {b, 0, 1, 1, 1, 0}}, EFFNET_SAMPLES_APART}
#define SEMI(label, element, bits, shift, u, v, sx, sy) \
  {label, EFFNET_MODEL_YUV, 2, 3, element, bits, shift, {{0, 0, 1, 1, 1, 0}, {1, u, 2, sx, sy, 0}, {1, v, 2, sx, sy, 0}}, EFFNET_SAMPLES_APART}
#define GRAY(label, element, bits) \
  {label, EFFNET_MODEL_GRAY, 1, 1, element, bits, 0, {{0, 0, 1, 1, 1, 0}}, EFFNET_SAMPLES_APART}

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
  [EFFNET_PIXEL_FORMAT_GRAY8] = GRAY ("GRAY8", BYTE, 8),
  [EFFNET_PIXEL_FORMAT_GRAY16_LE] = GRAY ("GRAY16_LE", LE16, 16),
  [EFFNET_PIXEL_FORMAT_I420] = PLANAR ("I420", BYTE, 8, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_YV12] = PLANAR ("YV12", BYTE, 8, 0, 2, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_Y42B] = PLANAR ("Y42B", BYTE, 8, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_Y444] = PLANAR ("Y444", BYTE, 8, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_NV12] = SEMI ("NV12", BYTE, 8, 0, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_NV21] = SEMI ("NV21", BYTE, 8, 0, 1, 0, 2, 2),
  [EFFNET_PIXEL_FORMAT_NV16] = SEMI ("NV16", BYTE, 8, 0, 0, 1, 2, 1),
  [EFFNET_PIXEL_FORMAT_YUY2] = PACKED_422 ("YUY2", APART, BYTE, 8, 0, 0, 1, 3),
  [EFFNET_PIXEL_FORMAT_UYVY] = PACKED_422 ("UYVY", APART, BYTE, 8, 0, 1, 0, 2),
  [EFFNET_PIXEL_FORMAT_YVYU] = PACKED_422 ("YVYU", APART, BYTE, 8, 0, 0, 3, 1),
  [EFFNET_PIXEL_FORMAT_VYUY] = PACKED_422 ("VYUY", APART, BYTE, 8, 0, 1, 2, 0),
  [EFFNET_PIXEL_FORMAT_P010_10LE] = SEMI ("P010_10LE", LE16, 10, 6, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_I420_10LE] = PLANAR ("I420_10LE", LE16, 10, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_NV61] = SEMI ("NV61", BYTE, 8, 0, 1, 0, 2, 1),
  [EFFNET_PIXEL_FORMAT_NV24] = SEMI ("NV24", BYTE, 8, 0, 0, 1, 1, 1),
  [EFFNET_PIXEL_FORMAT_Y41B] = PLANAR ("Y41B", BYTE, 8, 0, 1, 2, 4, 1),
  [EFFNET_PIXEL_FORMAT_YUV9] = PLANAR ("YUV9", BYTE, 8, 0, 1, 2, 4, 4),
  [EFFNET_PIXEL_FORMAT_YVU9] = PLANAR ("YVU9", BYTE, 8, 0, 2, 1, 4, 4),
  [EFFNET_PIXEL_FORMAT_A420] = PLANAR ("A420", BYTE, 8, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_AV12] = SEMI ("AV12", BYTE, 8, 0, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_AYUV] = PACKED_YUV ("AYUV", APART, BYTE, 8, 0, 4, 1, 2, 3),
  [EFFNET_PIXEL_FORMAT_VUYA] = PACKED_YUV ("VUYA", APART, BYTE, 8, 0, 4, 2, 1, 0),
  [EFFNET_PIXEL_FORMAT_V308] = PACKED_YUV ("v308", APART, BYTE, 8, 0, 3, 0, 1, 2),
  [EFFNET_PIXEL_FORMAT_IYU2] = PACKED_YUV ("IYU2", APART, BYTE, 8, 0, 3, 1, 0, 2),
  [EFFNET_PIXEL_FORMAT_GBR] = PLANAR_RGB ("GBR", BYTE, 8, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_GBRA] = PLANAR_RGB ("GBRA", BYTE, 8, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_RGBP] = PLANAR_RGB ("RGBP", BYTE, 8, 0, 0, 1, 2),
  [EFFNET_PIXEL_FORMAT_BGRP] = PLANAR_RGB ("BGRP", BYTE, 8, 0, 2, 1, 0),
  [EFFNET_PIXEL_FORMAT_I422_10LE] = PLANAR ("I422_10LE", LE16, 10, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_Y444_10LE] = PLANAR ("Y444_10LE", LE16, 10, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_GBR_10LE] = PLANAR_RGB ("GBR_10LE", LE16, 10, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_GBRA_10LE] = PLANAR_RGB ("GBRA_10LE", LE16, 10, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_I420_12LE] = PLANAR ("I420_12LE", LE16, 12, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_I422_12LE] = PLANAR ("I422_12LE", LE16, 12, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_Y444_12LE] = PLANAR ("Y444_12LE", LE16, 12, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_GBR_12LE] = PLANAR_RGB ("GBR_12LE", LE16, 12, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_GBRA_12LE] = PLANAR_RGB ("GBRA_12LE", LE16, 12, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_A420_10LE] = PLANAR ("A420_10LE", LE16, 10, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_A422_10LE] = PLANAR ("A422_10LE", LE16, 10, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_A444_10LE] = PLANAR ("A444_10LE", LE16, 10, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_Y444_16LE] = PLANAR ("Y444_16LE", LE16, 16, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_P012_LE] = SEMI ("P012_LE", LE16, 12, 4, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_P016_LE] = SEMI ("P016_LE", LE16, 16, 0, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_Y212_LE] = PACKED_422 ("Y212_LE", WIDE, LE16, 12, 4, 0, 1, 3),
  [EFFNET_PIXEL_FORMAT_Y412_LE] = PACKED_YUV ("Y412_LE", WIDE, LE16, 12, 4, 4, 1, 0, 2),
  [EFFNET_PIXEL_FORMAT_ARGB64_LE] = PACKED_RGB64 ("ARGB64_LE", LE16, 1, 2, 3),
  [EFFNET_PIXEL_FORMAT_RGBA64_LE] = PACKED_RGB64 ("RGBA64_LE", LE16, 0, 1, 2),
  [EFFNET_PIXEL_FORMAT_BGRA64_LE] = PACKED_RGB64 ("BGRA64_LE", LE16, 2, 1, 0),
  [EFFNET_PIXEL_FORMAT_ABGR64_LE] = PACKED_RGB64 ("ABGR64_LE", LE16, 3, 2, 1),
  [EFFNET_PIXEL_FORMAT_GRAY16_BE] = GRAY ("GRAY16_BE", BE16, 16),
  [EFFNET_PIXEL_FORMAT_I420_10BE] = PLANAR ("I420_10BE", BE16, 10, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_I422_10BE] = PLANAR ("I422_10BE", BE16, 10, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_Y444_10BE] = PLANAR ("Y444_10BE", BE16, 10, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_GBR_10BE] = PLANAR_RGB ("GBR_10BE", BE16, 10, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_GBRA_10BE] = PLANAR_RGB ("GBRA_10BE", BE16, 10, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_I420_12BE] = PLANAR ("I420_12BE", BE16, 12, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_I422_12BE] = PLANAR ("I422_12BE", BE16, 12, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_Y444_12BE] = PLANAR ("Y444_12BE", BE16, 12, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_GBR_12BE] = PLANAR_RGB ("GBR_12BE", BE16, 12, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_GBRA_12BE] = PLANAR_RGB ("GBRA_12BE", BE16, 12, 0, 2, 0, 1),
  [EFFNET_PIXEL_FORMAT_A420_10BE] = PLANAR ("A420_10BE", BE16, 10, 0, 1, 2, 2, 2),
  [EFFNET_PIXEL_FORMAT_A422_10BE] = PLANAR ("A422_10BE", BE16, 10, 0, 1, 2, 2, 1),
  [EFFNET_PIXEL_FORMAT_A444_10BE] = PLANAR ("A444_10BE", BE16, 10, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_Y444_16BE] = PLANAR ("Y444_16BE", BE16, 16, 0, 1, 2, 1, 1),
  [EFFNET_PIXEL_FORMAT_P010_10BE] = SEMI ("P010_10BE", BE16, 10, 6, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_P012_BE] = SEMI ("P012_BE", BE16, 12, 4, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_P016_BE] = SEMI ("P016_BE", BE16, 16, 0, 0, 1, 2, 2),
  [EFFNET_PIXEL_FORMAT_Y212_BE] = PACKED_422 ("Y212_BE", WIDE, BE16, 12, 4, 0, 1, 3),
  [EFFNET_PIXEL_FORMAT_Y412_BE] = PACKED_YUV ("Y412_BE", WIDE, BE16, 12, 4, 4, 1, 0, 2),
  [EFFNET_PIXEL_FORMAT_ARGB64_BE] = PACKED_RGB64 ("ARGB64_BE", BE16, 1, 2, 3),
  [EFFNET_PIXEL_FORMAT_RGBA64_BE] = PACKED_RGB64 ("RGBA64_BE", BE16, 0, 1, 2),
  [EFFNET_PIXEL_FORMAT_BGRA64_BE] = PACKED_RGB64 ("BGRA64_BE", BE16, 2, 1, 0),
  [EFFNET_PIXEL_FORMAT_ABGR64_BE] = PACKED_RGB64 ("ABGR64_BE", BE16, 3, 2, 1),
  [EFFNET_PIXEL_FORMAT_Y210] = PACKED_422 ("Y210", WIDE, LE16, 10, 6, 0, 1, 3),
  [EFFNET_PIXEL_FORMAT_V216] = PACKED_422 ("v216", WIDE, LE16, 16, 0, 1, 0, 2),
  [EFFNET_PIXEL_FORMAT_ARGB64] = PACKED_RGB64 ("ARGB64", NATIVE16, 1, 2, 3),
  [EFFNET_PIXEL_FORMAT_AYUV64] = PACKED_YUV ("AYUV64", WIDE, NATIVE16, 16, 0, 4, 1, 2, 3),
  [EFFNET_PIXEL_FORMAT_RGB16] = FIELDS ("RGB16", EFFNET_MODEL_RGB, NATIVE16, 8, 11, 5, 5, 6, 0, 5),
  [EFFNET_PIXEL_FORMAT_BGR16] = FIELDS ("BGR16", EFFNET_MODEL_RGB, NATIVE16, 8, 0, 5, 5, 6, 11, 5),
  [EFFNET_PIXEL_FORMAT_RGB15] = FIELDS ("RGB15", EFFNET_MODEL_RGB, NATIVE16, 8, 10, 5, 5, 5, 0, 5),
  [EFFNET_PIXEL_FORMAT_BGR15] = FIELDS ("BGR15", EFFNET_MODEL_RGB, NATIVE16, 8, 0, 5, 5, 5, 10, 5),
  [EFFNET_PIXEL_FORMAT_R210] = FIELDS ("r210", EFFNET_MODEL_RGB, BE32, 10, 20, 10, 10, 10, 0, 10),
  [EFFNET_PIXEL_FORMAT_RGB10A2_LE] = FIELDS ("RGB10A2_LE", EFFNET_MODEL_RGB, LE32, 10, 0, 10, 10, 10, 20, 10),
  [EFFNET_PIXEL_FORMAT_BGR10A2_LE] = FIELDS ("BGR10A2_LE", EFFNET_MODEL_RGB, LE32, 10, 20, 10, 10, 10, 0, 10),
  [EFFNET_PIXEL_FORMAT_Y410] = FIELDS ("Y410", EFFNET_MODEL_YUV, LE32, 10, 10, 10, 0, 10, 20, 10),
  [EFFNET_PIXEL_FORMAT_V210] = {"v210", EFFNET_MODEL_YUV, 1, 3, LE32, 10, 0, {{0, 0, 1, 1, 1, 10}, {0, 0, 1, 2, 1, 10}, {0, 0, 1, 2, 1, 10}}, EFFNET_SAMPLES_V210},
};
/* clang-format on */

const unsigned effnet_format_end = G_N_ELEMENTS (formats);

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

  if (format->layout == EFFNET_SAMPLES_V210)
    return ((size_t)width + 5) / 6 * 16;
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
