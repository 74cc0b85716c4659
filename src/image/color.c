/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The YUV matrices from their luma coefficients, and the code ranges. */
#include "image/color.h"

#include <string.h>

/* Luma is kr R + (1 - kr - kb) G + kb B. */
static const struct {
  double kr, kb;
} luma[] = {
    [EFFNET_COLOR_MATRIX_BT601] = {0.299, 0.114},
    [EFFNET_COLOR_MATRIX_BT709] = {0.2126, 0.0722},
    [EFFNET_COLOR_MATRIX_BT2020] = {0.2627, 0.0593},
    [EFFNET_COLOR_MATRIX_SMPTE240M] = {0.212, 0.087},
    [EFFNET_COLOR_MATRIX_FCC] = {0.30, 0.11},
};

/* Black level and black-to-white span of luma and RGB, zero and half range of chroma, in memory
 * elements. */
typedef struct {
  double black, span, middle, half;
} Codes;

static Codes
codes (const EffnetFormat *format, gboolean limited)
{
  double unit = 1 << format->shift;
  double top = (1 << format->bits) - 1, eight = 1 << (format->bits - 8);
  Codes c = {0, top * unit, (1 << (format->bits - 1)) * unit, top / 2 * unit};
  if (limited) {
    c.black = 16 * eight * unit;
    c.span = 219 * eight * unit;
    c.half = 112 * eight * unit;
  }
  return c;
}

static void
yuv_map (EffnetColorMap *map, const Codes *c, double kr, double kb)
{
  double kg = 1 - kr - kb, y = 255 / c->span, ch = 255 / c->half;
  double cr = ch * (1 - kr), cb = ch * (1 - kb);
  const double m[3][3] = {
      {y, 0, cr},
      {y, -cb * kb / kg, -cr * kr / kg},
      {y, cb, 0},
  };
  for (unsigned k = 0; k < 3; k++) {
    for (unsigned i = 0; i < 3; i++)
      map->matrix[k][i] = (float)m[k][i];
    map->offset[k] = (float)-(m[k][0] * c->black + (m[k][1] + m[k][2]) * c->middle);
  }
}

gboolean
effnet_color_map (EffnetColorMap *map, const EffnetFormat *format, EffnetColorMatrix matrix,
                  EffnetColorRange range, unsigned height, GError **error)
{
  gboolean yuv = format->model == EFFNET_MODEL_YUV;

  memset (map, 0, sizeof *map);
  if ((unsigned)matrix > EFFNET_COLOR_MATRIX_FCC || (unsigned)range > EFFNET_COLOR_RANGE_LIMITED)
    return effnet_fail (error, EFFNET_ERROR_FRAME,
                        "%s frame: color matrix %d or range %d is not one of the known ones",
                        format->name, (int)matrix, (int)range);
  if (matrix == EFFNET_COLOR_MATRIX_DEFAULT)
    matrix = height > 576 ? EFFNET_COLOR_MATRIX_BT709 : EFFNET_COLOR_MATRIX_BT601;
  Codes c = codes (format,
                   range == EFFNET_COLOR_RANGE_DEFAULT ? yuv : range == EFFNET_COLOR_RANGE_LIMITED);
  if (yuv) {
    yuv_map (map, &c, luma[matrix].kr, luma[matrix].kb);
    return TRUE;
  }
  for (unsigned k = 0; k < 3; k++) {
    map->matrix[k][format->model == EFFNET_MODEL_GRAY ? 0 : k] = (float)(255 / c.span);
    map->offset[k] = (float)(-255 * c.black / c.span);
  }
  return TRUE;
}

void
effnet_color_cmyk_to_rgb (const uint8_t *cmyk, unsigned n, uint8_t *rgb)
{
  for (unsigned x = 0; x < n; x++, cmyk += 4, rgb += 3) {
    for (unsigned k = 0; k < 3; k++) {
      unsigned ink = (255u - cmyk[k]) * cmyk[3] + 128;
      rgb[k] = (uint8_t)(cmyk[3] - ((ink >> 8) + ink) / 256);
    }
  }
}
