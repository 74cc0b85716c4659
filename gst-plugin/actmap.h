/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A class activation map on its way through a GstStructure, the field `activation-map` of a result:
 * schema.h says what it holds, and reads and writes it with what is here; and what a map looks like
 * in colours, which the tool draws, too. */
#ifndef GST_EFFNET_ACTMAP_H
#define GST_EFFNET_ACTMAP_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct {
  GstBuffer *values; /* [height][width] floats; NULL: there is no map */
  guint height, width;
  double box[4]; /* left, top, width, height: fractions of the part classified */
} GstEffnetActivationMap;

/* Returns: (transfer full): the structure of a map there is */
GstStructure *gst_effnet_actmap_to_structure (const GstEffnetActivationMap *map);
/* @s: (nullable). FALSE for a structure that is no map. The buffer belongs to @s. */
gboolean gst_effnet_actmap_read (const GstStructure *s, GstEffnetActivationMap *map);

/* Evidence for the class at @x, @y of a map [height][width], in its columns and rows, 0 at the
 * centre of the first; between them bilinearly, beyond them as at the edge. Returns: the share of
 * @most, the map's largest number; 0 where there is none */
float gst_effnet_actmap_heat (const float *values, guint width, guint height, double x, double y,
                              float most);
/* @rgb: [3] (out): the colour of @heat, 0 to 1: from blue over green and yellow to red. Returns:
 * how opaque it is, 0 to 1: the more the hotter */
float gst_effnet_actmap_color (float heat, float *rgb);

G_END_DECLS

#endif
