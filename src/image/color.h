/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * color: from sample codes to RGB in 0..255, as one affine map. The rest of the room applies it
 * without knowing the colour space. */
#ifndef EFFNET_IMAGE_COLOR_H
#define EFFNET_IMAGE_COLOR_H

#include "image/format.h"

/* rgb[k] = sum_c matrix[k][c] * element[c] + offset[k], elements as they lie in memory */
typedef struct {
  float matrix[3][3];
  float offset[3];
} EffnetColorMap;

/* @height: of the frame, for the default matrix. FALSE with FRAME for numbers outside the
 * enumerations. */
gboolean effnet_color_map (EffnetColorMap *map, const EffnetFormat *format,
                           EffnetColorMatrix matrix, EffnetColorRange range, unsigned height,
                           GError **error);
/* [n][4] to [n][3], to the bit as Pillow does it: what a JPEG stores is taken for inverted, as
 * Adobe's programs write it. */
void effnet_color_cmyk_to_rgb (const uint8_t *cmyk, unsigned n, uint8_t *rgb);

#endif
