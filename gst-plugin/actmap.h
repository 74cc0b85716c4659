/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A class activation map on its way through a GstStructure, the field `activation-map` of a result:
 * schema.h says what it holds, and reads and writes it with what is here. */
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
/* FALSE for a structure that is none. The buffer belongs to @s. */
gboolean gst_effnet_actmap_read (const GstStructure *s, GstEffnetActivationMap *map);

G_END_DECLS

#endif
