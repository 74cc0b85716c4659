/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlay/heat.h"

#include <math.h>

#define NUMBERS_MAX 4096 /* of a map: 64 x 64, of an input of 2048 pixels */

static guint32
pixel_of (float heat, double opacity)
{
  float rgb[3];
  double alpha = opacity * gst_effnet_actmap_color (heat, rgb);
  guint32 pixel = (guint32)lrint (255 * alpha);

  for (guint c = 0; c < 3; c++)
    pixel = pixel << 8 | (guint32)lrint (255 * alpha * rgb[c]);
  return pixel;
}

guint32 *
gst_effnet_heat_pixels (const GstEffnetActivationMap *map, double opacity)
{
  guint n = map->width * map->height, w = map->width * GST_EFFNET_HEAT_STEPS;
  guint h = map->height * GST_EFFNET_HEAT_STEPS;
  g_autofree float *values = NULL;
  guint32 *pixels;
  float most = 0;

  if (n > NUMBERS_MAX)
    return NULL;
  values = g_new (float, n);
  gst_buffer_extract (map->values, 0, values, n * sizeof *values);
  for (guint i = 0; i < n; i++) {
    if (!isfinite (values[i]))
      return NULL;
    most = MAX (most, values[i]);
  }
  if (!(most > 0))
    return NULL;
  pixels = g_new (guint32, (gsize)w * h);
  for (guint y = 0; y < h; y++) {
    for (guint x = 0; x < w; x++) {
      double mx = (x + 0.5) / GST_EFFNET_HEAT_STEPS, my = (y + 0.5) / GST_EFFNET_HEAT_STEPS;
      float heat =
          gst_effnet_actmap_heat (values, map->width, map->height, mx - 0.5, my - 0.5, most);

      pixels[(gsize)y * w + x] = pixel_of (heat, opacity);
    }
  }
  return pixels;
}
