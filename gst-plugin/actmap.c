/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "actmap.h"

#include <math.h>

#define MAX_SIDE 4096 /* of a map: a thirty-second of the largest input's is far below */

GstStructure *
gst_effnet_actmap_to_structure (const GstEffnetActivationMap *map)
{
  GstStructure *s = gst_structure_new ("activation-map", "height", G_TYPE_UINT, map->height,
                                       "width", G_TYPE_UINT, map->width, NULL);
  GValue box = G_VALUE_INIT;

  g_value_init (&box, GST_TYPE_LIST);
  for (guint i = 0; i < G_N_ELEMENTS (map->box); i++) {
    GValue side = G_VALUE_INIT;

    g_value_init (&side, G_TYPE_DOUBLE);
    g_value_set_double (&side, map->box[i]);
    gst_value_list_append_and_take_value (&box, &side);
  }
  gst_structure_take_value (s, "box", &box);
  gst_structure_set (s, "values", GST_TYPE_BUFFER, map->values, NULL);
  return s;
}

gboolean
gst_effnet_actmap_read (const GstStructure *s, GstEffnetActivationMap *map)
{
  const GValue *box = s != NULL ? gst_structure_get_value (s, "box") : NULL;
  const GValue *values = s != NULL ? gst_structure_get_value (s, "values") : NULL;

  if (s == NULL || !gst_structure_get_uint (s, "height", &map->height) ||
      !gst_structure_get_uint (s, "width", &map->width) || map->height < 1 || map->width < 1 ||
      map->height > MAX_SIDE || map->width > MAX_SIDE || box == NULL ||
      !GST_VALUE_HOLDS_LIST (box) || gst_value_list_get_size (box) != G_N_ELEMENTS (map->box) ||
      values == NULL || !G_VALUE_HOLDS (values, GST_TYPE_BUFFER))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (map->box); i++) {
    const GValue *side = gst_value_list_get_value (box, i);

    if (!G_VALUE_HOLDS_DOUBLE (side))
      return FALSE;
    map->box[i] = g_value_get_double (side);
  }
  map->values = g_value_get_boxed (values);
  return map->values != NULL &&
         gst_buffer_get_size (map->values) == (gsize)map->height * map->width * sizeof (float);
}

float
gst_effnet_actmap_heat (const float *values, guint width, guint height, double x, double y,
                        float most)
{
  double cx = CLAMP (x, 0, width - 1), cy = CLAMP (y, 0, height - 1);
  guint x0 = (guint)cx, y0 = (guint)cy, x1 = MIN (x0 + 1, width - 1), y1 = MIN (y0 + 1, height - 1);
  float fx = (float)(cx - x0), fy = (float)(cy - y0);
  float above = values[y0 * width + x0] * (1 - fx) + values[y0 * width + x1] * fx;
  float below = values[y1 * width + x0] * (1 - fx) + values[y1 * width + x1] * fx;

  return most > 0 ? MAX (above * (1 - fy) + below * fy, 0) / most : 0;
}

float
gst_effnet_actmap_color (float heat, float *rgb)
{
  for (guint c = 0; c < 3; c++)
    rgb[c] = CLAMP (1.5f - fabsf (4 * heat - (3 - (float)c)), 0, 1);
  return MIN (1, 2 * heat);
}
